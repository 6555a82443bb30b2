%% @doc The messages that wait for a process: the first of them, and which kinds there are. The same source runs loaded and
%% interpreted; see `beamscope_processes' for what that asks of it.
%%
%% The length of a queue is read before anything that walks or copies the queue, and decides whether that is done at all.
-module(beamscope_message_queue).

-export([messages/1]).

-export_type([messages_spec/0, messages/0, shape/0]).

%% Messages between two looks at the clock.
-define(MESSAGES, 200).
%% Messages that are looked at: for their shape, and to filter and sort them.
-define(LOOKED, 10000).
%% Bytes in external format of a message that it is known again by.
-define(MARK, 300).
%% Messages that the last of them is known again by.
-define(MARKED, 10).
%% How often a process shows no messages and has some, each time, before it is taken for one that hides them; and
%% milliseconds in between. One that takes its messages out as they come did so up to five times (in 36,000, at most one
%% look in four did).
-define(LOOKS, 20).
-define(BETWEEN_LOOKS, 1).
%% Elements of a tuple whose shape is told.
-define(WIDTH, 12).
%% Bytes in external format of all shapes that are told.
-define(SHAPES, 200000).

-type messages_spec() :: #{
    pid := pid(),
    %% `arrival', the default: those that wait longest first; or `size', the largest first, in external format.
    sort => arrival | size,
    %% Those of these shapes alone, as an answer has told them.
    shaped => [shape()],
    %% Messages to return; behind so many of the order, 0 by default.
    limit := non_neg_integer(),
    skip => non_neg_integer(),
    %% How many of those that are skipped the mark is of, 1 by default.
    marked => pos_integer(),
    %% A process with more messages, or more bytes of memory that they may lie in, is left alone: there is no way to read
    %% a part of a queue, the process itself makes a copy of all of it.
    max_messages := non_neg_integer(),
    max_bytes := non_neg_integer(),
    %% Bytes of external format that one returned message may have; it is cut to fit.
    message_bytes := pos_integer(),
    %% Kinds of messages to return.
    shapes := non_neg_integer(),
    deadline_ms := non_neg_integer()
}.

-type shape() :: atom() | [shape()] | {atom()} | {tuple, arity()} | {struct, atom()}.
%% What a message looks like: an atom is itself, a list is a tuple of such, and a tuple says of which type the rest is.

-type messages() :: #{
    name := atom() | [],
    status := atom(),
    count := non_neg_integer(),
    %% Why nothing was read, with the limit; `bytes' is what the messages may take at most.
    refused => messages | bytes,
    bytes => non_neg_integer(),
    %% Whether it shows no messages though it has some, as a sensitive process does (process_flag/2); the count is theirs.
    hidden => boolean(),
    %% `{Message, Bytes, IsCut}': bytes in external format, as which it is returned, maybe with `...' in place of parts.
    rows => [{term(), non_neg_integer(), boolean()}],
    %% The place of each of these in the queue, from 1 on.
    places => [pos_integer()],
    %% By what each of these can be known again, with up to nine of these in front of it; and by what the last of those
    %% that were skipped, not where none is there.
    marks => [non_neg_integer()],
    mark => non_neg_integer(),
    %% Messages that can be returned, one page after the other: all, or those of `seen' that are filtered or sorted.
    matched => non_neg_integer(),
    %% Messages that were looked at: the first ten thousand, or fewer where time ran out.
    seen => non_neg_integer(),
    %% `{Count, FirstAt, Shape}', the most frequent first; and how many there are.
    shapes => [{pos_integer(), pos_integer(), shape()}],
    shape_count => non_neg_integer()
}.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% @doc The first messages of a process, and which kinds of messages there are: packed `messages()', or `gone'.
-spec messages(messages_spec()) -> binary().
messages(#{pid := Pid, max_messages := MaxMessages, max_bytes := MaxBytes} = Spec) ->
    case erlang:process_info(Pid, [registered_name, status, message_queue_len]) of
        undefined ->
            packed(#{gone => true});
        [{_, Name}, {_, Status}, {_, Count}] ->
            Told = #{name => Name, status => Status, count => Count},
            Bytes = hd([message_bytes(Pid) || Count =< MaxMessages] ++ [0]),
            if
                Count > MaxMessages -> packed(Told#{refused => messages});
                Bytes > MaxBytes -> packed(Told#{refused => bytes, bytes => Bytes});
                true -> packed(read_messages(Told, Spec))
            end
    end.

%% What its messages take at most. Those off the heap are not part of the heap; those on it can be any part of it.
message_bytes(Pid) ->
    case erlang:process_info(Pid, [memory, total_heap_size, message_queue_data]) of
        undefined -> 0;
        [{_, Memory}, {_, Words}, {_, off_heap}] -> max(0, Memory - Words * erlang:system_info(wordsize));
        [{_, Memory}, _, _] -> Memory
    end.

read_messages(Told, #{pid := Pid, shapes := Shapes, deadline_ms := Deadline} = Spec) ->
    Until = now_ms() + Deadline,
    case messages_of(Pid, ?LOOKS, Spec) of
        gone ->
            #{gone => true};
        {refused, Count} ->
            Told#{count => Count, refused => messages};
        {Messages, Hidden} ->
            Meant = maps:from_list([{Shape, true} || Shape <- maps:get(shaped, Spec, [])]),
            {Seen, Counts, Passing} = look(lists:sublist(Messages, ?LOOKED), Meant, Until),
            Ranked = lists:sort([{-Times, First, Shape} || {Shape, {Times, First}} <- maps:to_list(Counts)]),
            {Places, Chosen} = chosen(Messages, Seen, Passing, Spec),
            (maps:merge(Told, shown(Places, Chosen, Spec)))#{
                count => max(length(Messages), Hidden),
                hidden => Hidden > 0,
                matched => length(Chosen),
                seen => Seen,
                shapes => most(lists:sublist(Ranked, Shapes), ?SHAPES),
                shape_count => length(Ranked)
            }
    end.

%% The messages that a process shows, and how many it hides; `{refused, Count}' where too many came meanwhile. One that has
%% taken all of them out shows none, and new ones may have come behind that: who hides some does so each time. Asked for at
%% once, the messages and their number are both none of one that hides them (OTP 25 to 29).
messages_of(Pid, Looks, #{max_messages := Most} = Spec) ->
    case erlang:process_info(Pid, messages) of
        undefined ->
            gone;
        {_, []} ->
            case erlang:process_info(Pid, message_queue_len) of
                {_, Count} when Count > 0, Looks =:= 1 ->
                    {[], Count};
                {_, Count} when Count > Most ->
                    {refused, Count};
                {_, Count} when Count > 0 ->
                    rest(?BETWEEN_LOOKS),
                    messages_of(Pid, Looks - 1, Spec);
                _ ->
                    {[], 0}
            end;
        {_, Messages} ->
            {Messages, 0}
    end.

%% The messages of all pages, in their order, with their places in the queue. What is filtered or sorted is what was
%% looked at.
chosen(_, _, Passing, #{shaped := _} = Spec) ->
    ordered(lists:unzip(lists:reverse(Passing)), Spec);
chosen(Messages, Seen, _, #{sort := size} = Spec) ->
    ordered({lists:seq(1, Seen), lists:sublist(Messages, Seen)}, Spec);
chosen(Messages, _, _, _) ->
    {lists:seq(1, length(Messages)), Messages}.

%% Those of one size keep their order.
ordered({Places, Messages}, #{sort := size}) ->
    Sizes = lists:map(fun erlang:external_size/1, Messages),
    Ascending = lists:keysort(1, lists:reverse(lists:zip3(Sizes, Places, Messages))),
    {_, Sorted, Largest} = lists:unzip3(lists:reverse(Ascending)),
    {Sorted, Largest};
ordered(Chosen, _) ->
    Chosen.

%% The messages of a page.
shown(Places, Messages, #{limit := Limit, message_bytes := Room} = Spec) ->
    Skip = maps:get(skip, Spec, 0),
    Marked = maps:get(marked, Spec, 1),
    Shown = lists:sublist(Messages, Skip + 1, Limit),
    Known = lists:map(fun known_by/1, Shown),
    Marks = [
        erlang:phash2(lists:sublist(Known, max(1, At - ?MARKED + 1), min(At, ?MARKED)))
     || At <- lists:seq(1, length(Known))
    ],
    Skipped = [lists:sublist(Messages, Skip - Marked + 1, Marked) || Marked =< Skip, Skip =< length(Messages)],
    maps:from_list(
        [{rows, [fitted(Message, Room) || Message <- Shown]}, {marks, Marks}] ++
            [{places, lists:sublist(Places, Skip + 1, Limit)}] ++
            [{mark, erlang:phash2(lists:map(fun known_by/1, Last))} || [_ | _] = Last <- Skipped]
    ).

%% By what a message is known again.
known_by(Message) -> {erlang:external_size(Message), cut(Message, ?MARK)}.

%% The first of these kinds of messages, as many as there is room for.
most([{Times, First, Shape} | More], Room) ->
    case Room - erlang:external_size(Shape) of
        Left when Left >= 0 -> [{-Times, First, Shape} | most(More, Left)];
        _ -> []
    end;
most([], _) ->
    [].

%% How many messages were looked at; `#{Shape => {Times, Place}}', with the place of the first message; and the
%% `{Place, Message}' of those whose shape is meant, the last first.
look(Messages, Meant, Until) ->
    Add = fun(Message, {At, Known, Passing}) ->
        Shape = shape(Message, 2),
        {Times, First} = maps:get(Shape, Known, {0, At}),
        {At + 1, Known#{Shape => {Times + 1, First}}, [{At, Message} || is_map_key(Shape, Meant)] ++ Passing}
    end,
    Step = fun(Some, State) -> lists:foldl(Add, State, Some) end,
    {{Next, Counts, Passing}, _} = scan(
        fun(Left) -> some(?MESSAGES, Left) end, Messages, #{until => Until}, Step, {1, #{}, []}
    ),
    {Next - 1, Counts, Passing}.

shape(Atom, _) when is_atom(Atom) -> Atom;
shape(Tuple, Depth) when is_tuple(Tuple), Depth > 0, tuple_size(Tuple) =< ?WIDTH ->
    [shape(Element, Depth - 1) || Element <- tuple_to_list(Tuple)];
shape(Tuple, _) when is_tuple(Tuple) -> {tuple, tuple_size(Tuple)};
shape(#{'__struct__' := Name}, _) when is_atom(Name) -> {struct, Name};
shape(Map, _) when is_map(Map) -> {map};
shape([], _) -> {empty_list};
shape(List, _) when is_list(List) -> {list};
shape(Binary, _) when is_binary(Binary) -> {binary};
shape(Integer, _) when is_integer(Integer) -> {integer};
shape(Float, _) when is_float(Float) -> {float};
shape(Pid, _) when is_pid(Pid) -> {pid};
shape(Reference, _) when is_reference(Reference) -> {reference};
shape(Port, _) when is_port(Port) -> {port};
shape(Fun, _) when is_function(Fun) -> {function};
shape(_, _) -> {other}.

%% A term as it is, or what there is room for.
fitted(Term, Room) ->
    case erlang:external_size(Term) of
        Size when Size =< Room -> {Term, Size, false};
        Size -> {cut(Term, Room), Size, true}
    end.
