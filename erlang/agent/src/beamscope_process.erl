%% @doc Questions about one process, and about what stands around it: its messages, its children, its links, and which
%% processes stand where it stands. Like all of the agent this source runs compiled and interpreted; see
%% `beamscope_processes' for what that asks of its style.
%%
%% What it spares the node. The length of a queue is read before anything that walks or copies the queue, and decides
%% whether that is done at all. What is read of all processes is read by list BIFs, and counted in private ETS tables,
%% which go with the process that asks. No process is sent a message: who is a supervisor, and whose child somebody is,
%% is read from `process_info'.
-module(beamscope_process).

-export([messages/1, keys/1, stacks/1, children/1, links/1]).

-export_type([messages_spec/0, messages/0, shape/0, stacks_spec/0, children_spec/0, children/0, links_spec/0]).

%% Messages between two looks at the clock.
-define(MESSAGES, 200).
%% Messages whose shape is looked at.
-define(SHAPED, 10000).
%% Bytes in external format of a message that it is known again by.
-define(MARK, 300).
%% Messages that the last of them is known again by.
-define(MARKED, 10).
%% Elements of a tuple whose shape is told.
-define(WIDTH, 12).
%% Characters of the name of a port.
-define(PORT_NAME, 300).
%% Bytes in external format of a key of a dictionary that is told whole.
-define(DICTIONARY_KEY, 300).
%% Frames of a stack that a match specification takes the places off. The node keeps 8, unless told otherwise.
-define(FRAMES, 8).
%% Processes that are named of each stack.
-define(SAMPLES, 3).
%% Words of heap up to which a whole dictionary is read: of few processes, so larger than among many. Plain sharing makes
%% some 540 MB of it at worst.
-define(DICTIONARY_WORDS, 16384).
%% Processes of a tree that are looked at.
-define(TREE, 5000).
%% Linked processes that are asked for their dictionaries, where the release cannot tell parents otherwise.
-define(CANDIDATES, 1000).
%% Neighbours whose own links are looked at, and links from which on no further neighbour is.
-define(NEIGHBOURS, 200).
-define(LINKS, 20000).

-type messages_spec() :: #{
    pid := pid(),
    %% Messages to return, those that wait longest; behind so many, 0 by default.
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
    %% `{Message, Bytes, IsCut}': bytes in external format, as which it is returned, maybe with `...' in place of parts.
    rows => [{term(), non_neg_integer(), boolean()}],
    %% By what each of these can be known again, with up to nine of these in front of it; and by what the last of those
    %% that were skipped, not where none is there.
    marks => [non_neg_integer()],
    mark => non_neg_integer(),
    %% Messages whose shape was looked at: the first ten thousand, or fewer where time ran out.
    seen => non_neg_integer(),
    %% `{Count, FirstAt, Shape}', the most frequent first; and how many there are.
    shapes => [{pos_integer(), pos_integer(), shape()}],
    shape_count => non_neg_integer()
}.

-type stacks_spec() :: #{
    %% Parts of frames that follow each other, the innermost first, each as `Module.function/Arity', in any case.
    filter => [binary()],
    %% Stacks with these parts in frames that follow each other are left out.
    exclude => [binary()],
    %% Milliseconds of work after which a scan ends with what it has.
    deadline_ms := non_neg_integer(),
    %% Milliseconds to rest after every thousand processes.
    pause_ms := non_neg_integer(),
    %% Stacks that are told from one another; who stands elsewhere is counted together.
    stacks := pos_integer(),
    %% `depth': how many frames; `function': the innermost.
    sort := count | depth | function,
    limit := pos_integer(),
    order := ascending | descending,
    'after' => binary(),
    atom() => term()
}.

-type children_spec() :: #{
    pid := pid(),
    %% `spawned': whom it spawned, wherever the release tells who spawned whom, else whom it spawned and is linked to.
    %% `supervised': of the process itself and of supervisors only, whom they spawned and are linked to.
    tree := spawned | supervised,
    depth := pos_integer(),
    %% Part of the registered name, in any case.
    name => binary(),
    %% Of the current function, the initial call or the callback.
    module => binary(),
    %% `tree': each process in front of its children; `depth': level by level; `name': those without one last;
    %% `children': by how many.
    sort := tree | depth | name | children,
    limit := pos_integer(),
    order := ascending | descending,
    deadline_ms := non_neg_integer(),
    pause_ms := non_neg_integer(),
    'after' => binary(),
    atom() => term()
}.

-type children() :: #{
    %% The process itself, with the depth 0. `children': how many it has; `supervisor': `true', `false', or `unknown' where
    %% its dictionary was not read. Who may be one has in a tree of supervisors the children that it spawned and is linked
    %% to, as supervisors have.
    root := map(),
    %% Those below it: the words of `listed'. `total' are all that are known, `matched' those of the first ?TREE of them
    %% that pass; `left_out' were not looked at.
    total := non_neg_integer(),
    matched := non_neg_integer(),
    left_out := non_neg_integer(),
    rows := [{term(), map()}],
    next := term(),
    %% `deadline'; `parent': who spawned whom is not told by this release, so that only linked children were seen;
    %% `dictionary': some dictionary was too large to look for a parent or a callback; `links': only the first
    %% thousand links of a process were looked at.
    incomplete := [deadline | parent | dictionary | links]
}.

-type links_spec() :: #{
    pid := pid(),
    depth := 1..2,
    relation => link | monitors | monitored_by,
    %% `to': by the other end, as Erlang orders terms.
    sort := depth | relation | to,
    limit := pos_integer(),
    order := ascending,
    'after' => binary(),
    atom() => term()
}.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_supervises.hrl").
-include("beamscope_callback.hrl").

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
    case erlang:process_info(Pid, messages) of
        undefined ->
            #{gone => true};
        {_, Messages} ->
            {Seen, Counts} = count_shapes(lists:sublist(Messages, ?SHAPED), Until),
            Ranked = lists:sort([{-Times, First, Shape} || {Shape, {Times, First}} <- maps:to_list(Counts)]),
            (maps:merge(Told, shown(Messages, Spec)))#{
                count => length(Messages),
                seen => Seen,
                shapes => [{-Times, First, Shape} || {Times, First, Shape} <- lists:sublist(Ranked, Shapes)],
                shape_count => length(Ranked)
            }
    end.

%% The messages of a page.
shown(Messages, #{limit := Limit, message_bytes := Room} = Spec) ->
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
            [{mark, erlang:phash2(lists:map(fun known_by/1, Last))} || [_ | _] = Last <- Skipped]
    ).

%% By what a message is known again.
known_by(Message) -> {erlang:external_size(Message), cut(Message, ?MARK)}.

%% How many messages were looked at, and `#{Shape => {Times, Position}}', with that of the first message.
count_shapes(Messages, Until) ->
    Add = fun(Message, {At, Known}) ->
        Shape = shape(Message, 2),
        {Times, First} = maps:get(Shape, Known, {0, At}),
        {At + 1, Known#{Shape => {Times + 1, First}}}
    end,
    Step = fun(Some, State) -> lists:foldl(Add, State, Some) end,
    {{Next, Counts}, _} = scan(fun(Left) -> some(?MESSAGES, Left) end, Messages, #{until => Until}, Step, {1, #{}}),
    {Next - 1, Counts}.

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

%% @doc The keys of a dictionary without the values, the first `limit' of them, those that are large cut, and how many there
%% are: packed `#{count, keys}', or `gone'. For that the whole dictionary is copied here: whoever asks knows that the heap
%% which it lies on is not large.
-spec keys(#{pid := pid(), limit := pos_integer()}) -> binary().
keys(#{pid := Pid, limit := Limit}) ->
    case erlang:process_info(Pid, dictionary) of
        undefined ->
            packed(#{gone => true});
        {_, Entries} ->
            {Keys, _} = lists:unzip(Entries),
            packed(#{count => length(Keys), keys => [cut(Key, ?DICTIONARY_KEY) || Key <- lists:sublist(Keys, Limit)]})
    end.

%% @doc All processes by where they stand: the words of `listed', packed, and `processes', how many were looked at. A row
%% is a stack without files and lines, how many processes have it, and some of them. Incomplete: `deadline';
%% `stacks', where there are more than are told from one another, and one row without filters is `other'.
-spec stacks(stacks_spec()) -> binary().
stacks(#{deadline_ms := Deadline, stacks := Most, sort := Sort} = Spec) ->
    Timed = Spec#{until => now_ms() + Deadline},
    Counts = ets:new(stacks, [private]),
    Samples = ets:new(stacks, [private, duplicate_bag]),
    Placeless = ets:match_spec_compile(placeless()),
    Step = fun(Pids) ->
        Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, repeated(current_stacktrace, Pids)), Pids),
        Pairs = located(ets:match_spec_run(Answers, Placeless)),
        {Stacks, _} = lists:unzip(Pairs),
        Distinct = lists:usort(Stacks),
        Known = lists:append(lists:zipwith(fun ets:lookup/2, repeated(Counts, Distinct), Distinct)),
        {Had, _} = lists:unzip(Known),
        Room = Most - ets:info(Counts, size),
        New = lists:sublist(Distinct -- Had, max(0, Room)),
        Others = (Distinct -- Had) -- New,
        Places = maps:from_list(lists:zip(Others, repeated(other, Others))),
        Counted = lists:zipwith3(fun maps:get/3, Stacks, repeated(Places, Stacks), Stacks),
        Keys = New ++ [other || Others =/= []],
        _ = lists:zipwith(fun ets:insert_new/2, repeated(Counts, Keys), lists:zip(Keys, repeated(0, Keys))),
        _ = lists:zipwith3(fun ets:update_counter/3, repeated(Counts, Counted), Counted, repeated(1, Counted)),
        %% What is kept grows with the stacks, not with the processes.
        Sampled = New ++ scarce(Known),
        Wanted = maps:from_list(lists:zip(Sampled, Sampled)),
        true = ets:insert(Samples, [Pair || {Stack, _} = Pair <- sample(Pairs, ?SAMPLES, []), is_map_key(Stack, Wanted)]),
        length(Pairs)
    end,
    {Processes, Why} = scan(fun others/1, processes(), Timed, fun(Pids, Seen) -> Seen + Step(Pids) end, 0),
    Matching = [{Count, erlang:md5(term_to_binary(Stack)), Stack} || {Stack, Count} <- matching(Counts, Spec)],
    ById = maps:from_list([{Id, Row} || {_, Id, _} = Row <- Matching]),
    Read = fun({_, Id}) ->
        {Count, _, Stack} = map_get(Id, ById),
        Pids = [Pid || {_, Pid} <- lists:sublist(ets:lookup(Samples, Stack), ?SAMPLES)],
        #{count => Count, pids => Pids, frames => frames(Stack), other => Stack =:= other}
    end,
    {Page, Next} = page(stack_keys(Matching, Sort), Spec),
    packed(#{
        processes => Processes,
        total => ets:info(Counts, size),
        matched => length(Matching),
        rows => lists:zip(Page, lists:map(Read, Page)),
        next => Next,
        incomplete => Why ++ [stacks || ets:member(Counts, other)]
    }).

stack_keys(Stacks, Sort) -> [{stack_rank(Sort, Row), Id} || {_, Id, _} = Row <- Stacks].

stack_rank(count, {Count, _, _}) -> Count;
stack_rank(depth, {_, _, Stack}) -> length(frames(Stack));
%% One without frames comes last.
stack_rank(function, {_, _, Stack}) -> hd(frames(Stack) ++ [[]]).

%% The next processes, without the one that asks: for `scan'.
others([]) ->
    none;
others(Processes) ->
    {Pids, Rest} = thousand(Processes),
    {lists:delete(self(), Pids), Rest}.

%% Stacks that few samples were taken of.
scarce(Known) -> [Stack || {Stack, Count} <- Known, Count < ?SAMPLES].

repeated(Term, List) -> lists:duplicate(length(List), Term).

%% Takes files and lines off the stacks that processes have told. Those of more frames go through with them.
placeless() ->
    [placeless(Frames) || Frames <- lists:seq(0, ?FRAMES)] ++
        [{{{current_stacktrace, '$1'}, '$2'}, [], [{{{{places, '$1'}}, '$2'}}]}].

placeless(Count) ->
    Variable = fun(Number) -> list_to_atom([$$ | integer_to_list(Number)]) end,
    Frames = [{Variable(At), Variable(At + 1), Variable(At + 2)} || At <- lists:seq(1, 3 * Count, 3)],
    Taken = [{Module, Function, Arity, '_'} || {Module, Function, Arity} <- Frames],
    Told = [{{Module, Function, Arity}} || {Module, Function, Arity} <- Frames],
    {{{current_stacktrace, Taken}, '$0'}, [], [{{Told, '$0'}}]}.

%% Who hibernates has no stack, but a place where it does that. Who has neither stays without.
located(Pairs) ->
    {Empty, Others} = lists:partition(fun is_empty/1, Pairs),
    {_, Pids} = lists:unzip(Empty),
    Told = lists:zipwith(fun erlang:process_info/2, Pids, repeated(current_function, Pids)),
    Places = [
        {{{current_function, {'$1', '$2', '$3'}}, '$4'}, [], [{{[{{'$1', '$2', '$3'}}], '$4'}}]},
        {{'_', '$4'}, [], [{{[], '$4'}}]}
    ],
    ets:match_spec_run(lists:zip(Told, Pids), ets:match_spec_compile(Places)) ++ Others.

is_empty({Stack, _}) -> Stack =:= [].

frames(other) -> [];
frames({places, Stack}) -> [{Module, Function, Arity} || {Module, Function, Arity, _} <- Stack];
frames(Stack) -> Stack.

%% Some of the processes with each stack.
sample([], _, Samples) ->
    Samples;
sample(_, 0, Samples) ->
    Samples;
sample(Pairs, Count, Samples) ->
    First = lists:ukeysort(1, Pairs),
    sample(Pairs -- First, Count - 1, First ++ Samples).

matching(Counts, Spec) ->
    Wanted = maps:with([filter, exclude], Spec),
    [
        Row
     || {Stack, _} = Row <- ets:tab2list(Counts),
        passes(frames(Stack), Wanted),
        Stack =/= other orelse map_size(Wanted) =:= 0
    ].

passes(_, Wanted) when map_size(Wanted) =:= 0 ->
    true;
passes(Frames, Wanted) ->
    Lines = [[atom_to_list(M), ".", atom_to_list(F), "/", integer_to_list(A)] || {M, F, A} <- Frames],
    Texts = lists:map(fun unicode:characters_to_list/1, Lines ++ ["unknown" || Frames =:= []]),
    All = lists:join("\n", Texts),
    lists:all(fun({Which, Parts}) -> follow(Parts, All, Texts) =:= (Which =:= filter) end, maps:to_list(Wanted)).

%% Whether frames that follow each other have these parts, one each.
follow([Part], All, _) ->
    contains(All, Part);
follow([First | _] = Parts, All, Texts) ->
    contains(All, First) andalso lists:any(fun(From) -> have(lists:nthtail(From, Texts), Parts) end, lists:seq(0, length(Texts) - 1)).

have(_, []) -> true;
have([], _) -> false;
have([Text | Texts], [Part | Parts]) -> contains(Text, Part) andalso have(Texts, Parts).

%% @doc The tree of processes below a process: packed `children()', or `gone'.
-spec children(children_spec()) -> binary().
children(#{pid := Pid, depth := Depth, deadline_ms := Deadline} = Spec) ->
    Timed = Spec#{until => now_ms() + Deadline},
    {Why, Below} = below(Timed),
    case relative({Pid, undefined, []}, Below) of
        gone ->
            packed(#{gone => true});
        {Root, Unseen, Children} ->
            Read = fun(At) -> relative(At, Below) end,
            {Next, LeftOut} = branch(Children, Pid, [], Depth, ?TREE),
            {Rows, Missed, Missing} = descend(Next, Depth, ?TREE, Timed, Read, [], {[], LeftOut, Unseen}),
            ByPid = maps:from_list([{At, Row} || #{pid := At} = Row <- Rows]),
            Keys = tree_keys(Rows, Timed),
            {Page, After} = page(Keys, Spec),
            packed(#{
                root => maps:remove(path, Root),
                total => length(Rows) + Missed,
                matched => length(Keys),
                left_out => Missed,
                rows => [{Key, maps:remove(path, map_get(element(2, Key), ByPid))} || Key <- Page],
                next => After,
                incomplete => lists:usort(Why ++ Missing)
            })
    end.

%% What keeps us from seeing all children, and who they are: of a process, and whether it may have some that are
%% supervised.
below(#{tree := Tree} = Spec) ->
    HasParents = has_item(parent),
    case {Tree, HasParents} of
        {spawned, true} ->
            Parents = ets:new(children, [private, duplicate_bag]),
            Keep = fun(Pids, _) -> keep_parents(Pids, Parents) end,
            {_, Late} = scan(fun others/1, processes(), Spec, Keep, none),
            {Late, fun(Parent, _) -> {first(ets:select(Parents, [{{Parent, '$1'}, [], ['$1']}])), []} end};
        {spawned, false} ->
            {[parent], fun(Parent, _) -> linked_children(Parent, HasParents) end};
        {supervised, _} ->
            {[], fun
                (Parent, true) -> linked_children(Parent, HasParents);
                (_, _) -> {first([]), []}
            end}
    end.

%% What those that pass the filters are sorted by.
tree_keys(Rows, #{sort := Sort} = Spec) ->
    Named = [Row || Row <- Rows, is_named(Row, Spec)],
    [{tree_rank(Sort, Row), Pid} || #{pid := Pid} = Row <- runs(Named, Spec)].

tree_rank(tree, #{path := Path}) -> Path;
tree_rank(depth, #{depth := Depth, path := Path}) -> {Depth, Path};
%% What has no name has the name [], which is greater than any atom.
tree_rank(name, #{name := Name}) -> Name;
tree_rank(children, #{children := Count}) -> Count.

is_named(#{name := Name}, #{name := Part}) -> is_atom(Name) andalso contains(atom_to_binary(Name, utf8), Part);
is_named(_, _) -> true.

runs(Rows, #{module := Name}) ->
    Module = existing(Name),
    [Row || #{initial_call := Initial, current_function := Current} = Row <- Rows, lists:member(Module, modules(Initial)) orelse is_in(Module, Current)];
runs(Rows, _) ->
    Rows.

modules({Module, _, _} = Call) -> [Module, module_of(Call)];
modules(_) -> [].

is_in(Module, {Current, _, _}) -> Module =:= Current;
is_in(_, _) -> false.

keep_parents(Pids, Parents) ->
    Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, repeated(parent, Pids)), Pids),
    Pairs = ets:match_spec_run(
        Answers, ets:match_spec_compile([{{{parent, '$1'}, '$2'}, [{is_pid, '$1'}], [{{'$1', '$2'}}]}])
    ),
    ets:insert(Parents, Pairs).

%% The children that there is room for on a level, and how many more there are; none below the last level.
branch(_, _, Path, Depth, _) when length(Path) >= Depth ->
    {[], 0};
branch({Count, Children}, Parent, Path, _, Room) ->
    Shown = lists:sublist(Children, Room),
    {[{Child, Parent, Path ++ [age(Child)]} || Child <- Shown], Count - length(Shown)}.

%% How many there are, and in order the first of them that there can be room for. There may be very many: they are not put
%% in order all together.
first(Pids) -> {length(Pids), first(Pids, [])}.

first(Pids, Best) ->
    case thousand(Pids) of
        none -> Best;
        {Some, Rest} -> first(Rest, lists:sublist(lists:merge(Best, lists:sort(Some)), ?TREE))
    end.

%% A number that grows with the processes that a node has spawned: the way to a process by such numbers is its place in
%% the tree, whoever comes and goes beside it.
age(Pid) ->
    [_, Number, Serial] = string:lexemes(pid_to_list(Pid), "<.>"),
    list_to_integer(Serial) bsl 28 + list_to_integer(Number).

%% Level by level: each process on the one that is being read may have some on the next.
descend([], Depth, Room, Spec, Read, [_ | _] = Next, State) ->
    descend(lists:append(lists:reverse(Next)), Depth, Room, Spec, Read, [], State);
descend([], _, _, _, _, [], State) ->
    State;
descend([At | Rest], Depth, Room, #{until := Until} = Spec, Read, Next, {Rows, LeftOut, Unseen}) ->
    IsLate = now_ms() >= Until,
    case Room > 0 andalso not IsLate andalso Read(At) of
        false ->
            Waiting = 1 + length(Rest) + lists:sum(lists:map(fun erlang:length/1, Next)),
            {Rows, LeftOut + Waiting, [deadline || IsLate] ++ Unseen};
        gone ->
            descend(Rest, Depth, Room, Spec, Read, Next, {Rows, LeftOut, Unseen});
        {#{pid := Pid, path := Path} = Row, Missed, Children} ->
            {Below, More} = branch(Children, Pid, Path, Depth, Room),
            State = {[Row | Rows], LeftOut + More, lists:usort(Missed ++ Unseen)},
            descend(Rest, Depth, Room - 1, Spec, Read, [Below | Next], State)
    end.

%% A process of the tree as it is told, what could not be seen of it, and its children.
relative({Pid, Parent, Path}, Below) ->
    case known(Pid) of
        gone ->
            gone;
        {Callback, Known} ->
            IsSupervisor =
                case {Callback, supervises(Callback)} of
                    {unread, _} -> unknown;
                    {_, none} -> false;
                    {_, _} -> true
                end,
            %% Where the tree begins, that is not asked: who is no supervisor by its module may be one by what it does.
            {{Count, _} = Children, Missed} = Below(Pid, IsSupervisor =/= false orelse Path =:= []),
            Place = #{pid => Pid, parent => Parent, depth => length(Path), path => Path},
            Told = maps:merge(Known, Place#{supervisor => IsSupervisor, children => Count}),
            {Told, [dictionary || Callback =:= unread] ++ Missed, Children}
    end.

%% What tells one process from another, after the callback that its dictionary tells, if any.
known(Pid) ->
    case erlang:process_info(Pid, [registered_name, initial_call, current_function]) of
        undefined ->
            gone;
        [{_, Name}, {_, Call}, {_, Current}] ->
            Callback =
                case Call of
                    {proc_lib, _, _} -> dictionary_entry('$initial_call', Pid);
                    _ -> undefined
                end,
            Initial = hd([Callback || is_tuple(Callback)] ++ [Call]),
            {Callback, #{name => Name, initial_call => Initial, current_function => Current}}
    end.

%% Those that a process has spawned and is linked to; and what keeps us from seeing all of them.
linked_children(Parent, HasParents) ->
    case erlang:process_info(Parent, [links, registered_name]) of
        undefined ->
            {first([]), []};
        [{_, Links}, {_, Name}] ->
            case HasParents of
                true ->
                    {first(spawned_by(Parent, Links, [])), []};
                false ->
                    Linked = lists:filter(fun erlang:is_pid/1, Links),
                    Candidates = local(lists:sublist(Linked, ?CANDIDATES)),
                    Ancestors = [{Pid, dictionary_entry('$ancestors', Pid)} || Pid <- Candidates],
                    Missed =
                        [dictionary || lists:keymember(unread, 2, Ancestors)] ++
                            [links || length(Linked) > ?CANDIDATES],
                    {first([Pid || {Pid, [First | _]} <- Ancestors, First =:= Parent orelse First =:= Name]), Missed}
            end
    end.

%% Those of this node.
local(Pids) ->
    Here = ets:match_spec_compile([{{node(), '$1'}, [], ['$1']}]),
    ets:match_spec_run(lists:zip(lists:map(fun erlang:node/1, Pids), Pids), Here).

%% Those among links that a process has spawned. There may be very many: some at a time.
spawned_by(Parent, Links, Found) ->
    case thousand(Links) of
        none ->
            lists:append(Found);
        {Some, Rest} ->
            Pids = local(lists:filter(fun erlang:is_pid/1, Some)),
            Answers = lists:zip(lists:zipwith(fun erlang:process_info/2, Pids, repeated(parent, Pids)), Pids),
            Children = ets:match_spec_compile([{{{parent, Parent}, '$1'}, [], ['$1']}]),
            spawned_by(Parent, Rest, [ets:match_spec_run(Answers, Children) | Found])
    end.

%% Whether this release knows an item of process_info/2.
has_item(Item) ->
    try erlang:process_info(self(), Item) of
        _ -> true
    catch
        error:badarg -> false
    end.

%% @doc What a process is linked to, monitors and is monitored by, one step or two out: a packed list.
%% A row tells `from', `relation', `to', and of the latter what it is. `total' counts every relation of the processes that
%% were looked at. Where one relation is asked for, the neighbours are those of every relation all the same: of what is
%% told about all of them, the rows that have it are shown.
-spec links(links_spec()) -> binary().
links(#{pid := Pid, depth := Depth, sort := Sort} = Spec) ->
    First = relations(1, Pid),
    {Second, Why} =
        case Depth of
            1 -> {[], []};
            2 -> further(Pid, First)
        end,
    Wanted = wanted(First ++ Second, Spec),
    {Page, Next} = page(lists:append([foremost(Relation, Spec) || Relation <- Wanted]), Spec),
    packed(#{
        total => others(First ++ Second, 0),
        matched => others(Wanted, 0),
        rows => [{Key, link_row(Sort, Key)} || Key <- Page],
        next => Next,
        incomplete => Why
    }).

%% How many others all relations together have.
others([], Count) -> Count;
others([{_, Others} | Relations], Count) -> others(Relations, Count + length(Others)).

%% Keys of a relation, more than a page has of those that it may begin with: a process may have a million.
foremost({Place, Others}, #{sort := Sort, limit := Limit} = Spec) ->
    case some(Limit + 1000, Others) of
        none ->
            [];
        {Some, Rest} ->
            Last = link_key(Sort, Place, lists:last(Some)),
            case behind([{Last, erlang:phash2(Last)}], Spec) of
                [] -> foremost({Place, Rest}, Spec);
                _ -> [link_key(Sort, Place, Other) || Other <- Some ++ lists:sublist(Rest, Limit)]
            end
    end.

link_key(depth, Place, To) -> {Place, To};
link_key(relation, {Level, From, Relation}, To) -> {{Relation, Level, From}, To};
link_key(to, Place, To) -> {To, Place}.

link_row(depth, {Place, To}) -> link_row(to, {To, Place});
link_row(relation, {{Relation, Level, From}, To}) -> link_row(to, {To, {Level, From, Relation}});
link_row(to, {To, {Level, From, Relation}}) ->
    maps:merge(#{depth => Level, from => From, relation => Relation, to => To}, identity(To)).

%% What neighbours are linked to, as far as they are looked at. The way back to where we come from is known.
further(Pid, First) ->
    Near = lists:append([lists:sublist(Others, ?CANDIDATES) || {_, Others} <- First]),
    Around = lists:usort([To || To <- lists:sublist(Near, ?CANDIDATES), is_pid(To), node(To) =:= node()]),
    {Found, Why} = further(lists:sublist(Around -- [Pid], ?NEIGHBOURS), Pid, []),
    {Found, [neighbours || Why orelse others(First, 0) > ?CANDIDATES orelse length(Around) > ?NEIGHBOURS]}.

further([], _, Found) ->
    {Found, false};
further([From | Rest], Pid, Found) ->
    case others(Found, 0) > ?LINKS of
        true -> {Found, true};
        false -> further(Rest, Pid, [{Place, Others -- [Pid]} || {Place, Others} <- relations(2, From)] ++ Found)
    end.

%% Those of the relation that is asked for.
wanted(Relations, #{relation := Wanted}) -> [Known || {{_, _, Relation}, _} = Known <- Relations, Relation =:= Wanted];
wanted(Relations, _) -> Relations.

%% `{{Level, From, Relation}, Others}', the others in order, each once. There may be very many: nothing here runs once for
%% each, and nothing is made of each.
relations(Level, Pid) ->
    [
        {{Level, Pid, Relation}, related(erlang:process_info(Pid, Item))}
     || {Relation, Item} <- [{link, links}, {monitors, monitors}, {monitored_by, monitored_by}]
    ].

related(undefined) ->
    [];
related({links, Links}) ->
    lists:usort(Links);
related({monitors, Monitors}) ->
    lists:usort(ets:match_spec_run(Monitors, ets:match_spec_compile([{{'_', '$1'}, [], ['$1']}])));
related({monitored_by, Monitoring}) ->
    lists:usort(Monitoring) -- [self()].

%% What is known of the other end.
identity(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    case known(Pid) of
        gone -> #{gone => true};
        {_, Known} -> Known
    end;
identity(Port) when is_port(Port), node(Port) =:= node() ->
    case erlang:port_info(Port, name) of
        {name, Name} -> #{port => unicode:characters_to_binary(lists:sublist(Name, ?PORT_NAME))};
        undefined -> #{gone => true}
    end;
identity({Name, Node}) when is_atom(Name), is_atom(Node) ->
    #{name => Name, node => Node};
identity(Other) when is_pid(Other); is_port(Other) ->
    #{node => node(Other)};
identity(_) ->
    #{}.
