%% To walk over all processes of the node, with all that it takes to ask, filter and rank them. To be included behind the
%% types and in front of the first function.
%%
%% Rows are held for one portion and for the best so far, never for all processes.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_survey.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_process_facts.hrl").
-include("beamscope_process_filter.hrl").

-compile({nowarn_unused_function, [{population, 1}, {best, 3}, {in_all, 3}]}).

%% From here on the iterator of OTP 28 is worth its time: a list of so many pids is large.
-define(MANY_PROCESSES, 100000).
%% Helpers at a time where something is copied out of processes.
-define(COPY_HELPERS, 20).
%% Long message queues that are named in an answer.
-define(LONGEST, 10).

-type limits() :: #{
    %% Rows, 1 to 1000.
    limit := 1..1000,
    %% Milliseconds of work after which a scan ends with what it has.
    deadline_ms := non_neg_integer(),
    %% Milliseconds to rest after every thousand processes, 0 by default; helpers, where processes wait for the schedulers,
    %% do not rest, and may grow as large as we may, each of them.
    pause_ms => non_neg_integer(),
    atom() => term()
}.
%% These and `filters()'.

-type unmeasured() :: {non_neg_integer(), [{pos_integer(), pid()}]}.
%% Processes that pass the other filters, but have a long queue while their memory, total heap size or label decides: how
%% many, and `{Messages, Pid}' of the longest. They are in no row.

-type undecided() :: {non_neg_integer(), [{pid(), atom()}]}.
%% Processes that pass the other filters, but whose callback could not be read (before OTP 26.2, where the queue is long
%% or the heap or the dictionary huge): how many, and some of them with their names, `undefined' where they have none.
%% Where a callback is filtered by they are in no row; where it orders they come last; groups have them as `unread'.

-type missing() :: deadline | rows | long_queue | large_heap | late | initial_call | label.
%% Why something may be missing: time ran out, or did while rows were read, `unmeasured()' is not empty, processes whose label is large, or may be, were left out
%% (`large', how many) where labels filter, time
%% ran out while labels or callbacks were read of processes that were looked at, `undecided()' is not empty, or labels that filter or sort cannot be seen on this release.

%% Pids, or an iterator over them, which takes less memory, and a step of our own for each process: too dear for
%% code that is interpreted.
population(#{name := _} = Spec) ->
    chosen(Spec, []);
population(#{pids := _} = Spec) ->
    chosen(Spec, []);
population(_) ->
    Many = erlang:system_info(process_count) > ?MANY_PROCESSES,
    Iterates = erlang:function_exported(erlang, processes_iterator, 0),
    case Many andalso Iterates andalso expression() =:= loaded of
        true -> erlang:processes_iterator();
        false -> processes()
    end.

%% The processes with the part that is looked for in their registered name, or those that are named one by one; where
%% neither is, those given.
chosen(#{name := Part}, _) ->
    [
        Pid
     || Name <- registered(),
        contains(atom_to_binary(Name, utf8), Part),
        Pid <- [whereis(Name)],
        is_pid(Pid)
    ];
chosen(#{pids := Pids}, _) ->
    Pids;
chosen(_, Pids) ->
    Pids.

%% The next processes of a population, without the one that asks: for `survey'.
others(_, []) ->
    none;
others(Count, Population) ->
    {Pids, Rest} = portion(Count, Population),
    {lists:delete(self(), Pids), Rest}.

portion(Count, Pids) when is_list(Pids) -> some(Count, Pids);
portion(Count, Iterator) -> take(Count, Iterator, []).

take(0, Iterator, Pids) ->
    {Pids, Iterator};
take(Count, Iterator, Pids) ->
    case erlang:processes_next(Iterator) of
        {Pid, Next} -> take(Count - 1, Next, [Pid | Pids]);
        none -> {Pids, []}
    end.

%% What bounds a survey that may take so long.
bounds(Millis, Spec) ->
    Labels = is_map_key(label, Spec) orelse lists:member(label, [maps:get(Key, Spec, none) || Key <- [sort, by]]),
    Helpers = hd([?COPY_HELPERS || Labels] ++ [?HELPERS]),
    maps:merge(maps:with([pause_ms], Spec), #{until => now_ms() + Millis, helpers => Helpers}).

%% How many processes there are but the asking one: where all were looked at, those that were found then. To count them
%% anew is to count at another moment, and more may match than there are.
in_all(Spec, [], Found) when not is_map_key(name, Spec), not is_map_key(pids, Spec) -> Found;
in_all(_, _, Found) -> max(Found, erlang:system_info(process_count) - 1).

%% The greatest so far, in ascending order.
best(Rows, Limit, Top) ->
    All = lists:merge(Top, lists:sort(Rows)),
    lists:nthtail(max(0, length(All) - Limit), All).

%% Adds what was not read: how many long queues and which are the longest, how many large heaps and how many came
%% too late, and how many callbacks and of whom some are.
unread([], Before) ->
    Before;
unread(Unread, {Count, Longest, {Heaps, Late}, {Calls, First}}) ->
    Longer = [Long || {Messages, _} = Long <- Unread, is_integer(Messages)],
    Undecided = [Pid || {callback, Pid} <- Unread],
    {
        Count + length(Longer),
        lists:sublist(lists:reverse(lists:sort(Longer ++ Longest)), ?LONGEST),
        {Heaps + length([large || large <- Unread]), Late + length([late || late <- Unread])},
        {Calls + length(Undecided), lists:sublist(First ++ Undecided, ?LONGEST)}
    }.

%% What an answer says of them.
unread_of({Count, Longest, {Heaps, _}, {Calls, First}}) ->
    #{unmeasured => {Count, Longest}, large => Heaps, undecided => {Calls, lists:map(fun with_name/1, First)}}.

with_name(Pid) ->
    case erlang:process_info(Pid, registered_name) of
        {_, Name} -> {Pid, Name};
        _ -> {Pid, undefined}
    end.

unseen({Count, _, {Heaps, Late}, {Calls, _}}, #{reads_keys := ReadsKeys} = Plan) ->
    [long_queue || Count > 0] ++
        [large_heap || Heaps > 0] ++
        [late || Late > 0] ++
        [initial_call || Calls > 0] ++
        [label || not ReadsKeys, wants_labels(Plan)].
