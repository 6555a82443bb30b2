%% @doc Questions about all processes of this node, answered where the processes are: what leaves the node is the
%% answer, not the rows that it was picked from. It leaves packed (see `packed'): rows say the same atoms again and
%% again, the name of the node with each pid, and shrink to a fifth and less.
%%
%% This source runs in two ways with the same answers: compiled and loaded, or as abstract forms that `erl_eval'
%% evaluates while nothing is loaded. Hence its style. What happens once per process is a BIF handed to a list BIF, or
%% a match specification; the code here runs once per chunk of processes, or once per row of the answer. A comprehension
%% over rows stands in a function of its own: each step costs erl_eval the square of the number of variables in scope
%% (measured: 5 microseconds with four of them, 140 with twenty). No bit syntax (a beam that matches binaries does not
%% load on later releases), no records, no recursion by way of other functions, no `?MODULE', no syntax newer than OTP
%% 23.
%%
%% What it spares the node. Rows are held for one chunk and for the best so far, never for all processes. The items
%% `memory' and `total_heap_size' walk the message queue of the process that they are asked of (9 to 18 milliseconds for
%% a million messages), so they are read only right after its queue was seen to be short. Messages are never read. A
%% whole dictionary is read only for a row of the answer, only where the release cannot read one key of it (before
%% 26.2), and only when the heap that it lies on is small.
-module(beamscope_processes).

-export([page/1, top_window/1]).

-export_type([key/0, item/0, existing/0, limits/0, page_spec/0, page/0, window_spec/0, window/0]).

%% Processes between two looks at the clock.
-define(CHUNK, 1000).
%% From here on the iterator of OTP 28 is worth its time: a list of so many pids is large.
-define(MANY_PROCESSES, 100000).
%% Words of heap up to which a whole dictionary is read.
-define(SMALL_HEAP, 10000).
%% Words of heap up to which a label is read.
-define(LABEL_HEAP, 1000000).
%% Bytes of external format up to which a label is returned as it is.
-define(SMALL_LABEL, 256).
%% Characters of a label that are printed, to search them or to return them for a large one.
-define(PRINTED, 256).
%% Long message queues that are named in an answer.
-define(LONGEST, 10).

-type key() :: memory | reductions | message_queue_len | total_heap_size.
%% What values are ordered by. Bytes for `memory', words for `total_heap_size'.

-type item() ::
    registered_name
    | current_function
    | initial_call
    | label
    | application
    | own
    | status
    | message_queue_len
    | reductions
    | memory
    | total_heap_size
    | heap_size
    | stack_size
    | group_leader.
%% What a row tells. `initial_call' is the callback of a `proc_lib' process where it can be read. `label' is
%% `{term, Label}', or `{text, Binary}' for a large one, cut, or `unread' (from OTP 27 on) where the queue is long or the
%% heap is large. `own' tells whether the process works for the node that asks. Whatever else is not known, or was not
%% read, is `undefined'.

-type existing() :: atom() | binary().
%% A name as an atom, or as a binary, which is never made into a new atom: where there is none, the call raises
%% `{unknown_atom, Binary}'.

-type limits() :: #{
    %% Rows, 1 to 1000.
    limit := 1..1000,
    items := [item()],
    %% A process with more messages than this is not asked for its memory or total heap size.
    long_queue := non_neg_integer(),
    %% Milliseconds of work after which a scan ends with what it has.
    deadline_ms := non_neg_integer(),
    %% Milliseconds to rest after every thousand processes, 0 by default.
    pause_ms => non_neg_integer(),
    %% The rest are filters, all of which must hold.
    %% Part of the registered name, in any case.
    name => binary(),
    %% Of the current function, the initial call or the callback in `$initial_call'; that last before OTP 26.2 only
    %% where the queue is short and the heap is small.
    module => existing(),
    %% Of the group leader.
    application => existing(),
    status => atom(),
    %% Part of the label, in any case, as the first 256 characters that `~tp' makes of it. From OTP 26.2 on, and where
    %% the queue is short and the heap is not large.
    label => binary(),
    min_memory => non_neg_integer(),
    min_message_queue_len => non_neg_integer(),
    min_reductions => non_neg_integer()
}.

-type page_spec() :: #{
    %% Rows descend by `{Value, Pid}', so no two are equal. With `pid' the value is the pid.
    sort := key() | pid,
    %% The `next' of the page before: rows begin behind it.
    'after' => {term(), pid()},
    atom() => term()
}.
%% `limits()' and these.

-type page() :: #{
    %% `{Pid, Item1, Item2, ...}', in the order of `items'. The item that was sorted by has the value that it was ranked
    %% with; the others are read when the scan is over.
    rows := [tuple()],
    %% Processes looked at: with `name' those that are registered so, else all. The asking process never counts.
    seen := non_neg_integer(),
    %% Those that pass the filters, on all pages.
    matched := non_neg_integer(),
    %% Those that ended while they were looked at.
    gone := non_neg_integer(),
    %% Those that pass the other filters, but have a long queue while their memory, total heap size or label decides: how
    %% many, and `{Messages, Pid}' of the longest. They are on no page.
    unmeasured := {non_neg_integer(), [{pos_integer(), pid()}]},
    %% Why something may be missing: time ran out, `unmeasured' is not empty, the filter `label' left out processes with
    %% a large heap, or the filters `module' and `label' could not see callback modules and labels on this release.
    incomplete := [deadline | long_queue | large_heap | initial_call | label],
    next := undefined | {term(), pid()}
}.

-type window_spec() :: #{
    sort := key(),
    %% Milliseconds between the two samples of a process, at least. The deadline does not include them.
    window_ms := non_neg_integer(),
    atom() => term()
}.
%% `limits()' and these.

-type window() :: #{
    %% `{Pid, Value, Growth, PerSecond, Born, Item1, Item2, ...}' in descending order of `Growth', those that grew only.
    %% `Value' is that of the second sample. `Born': in the window, so that it grew from nothing and `PerSecond', being
    %% taken over the whole window, is the least that it can have been.
    rows := [tuple()],
    %% Processes looked at, those born in the window included.
    seen := non_neg_integer(),
    %% Processes that pass the filters and have grown.
    matched := non_neg_integer(),
    born := non_neg_integer(),
    %% Those that ended in the window; what they did in it is not known. Who was born and ended in it is not seen.
    gone := non_neg_integer(),
    unmeasured := {non_neg_integer(), [{pos_integer(), pid()}]},
    incomplete := [deadline | long_queue | large_heap | initial_call | label]
}.

-include("beamscope_listing.hrl").

%% @doc The processes that pass the filters, in descending order of a key, a page at a time: a packed `page()'.
-spec page(page_spec()) -> binary().
page(#{sort := Sort, limit := Limit, deadline_ms := Deadline} = Spec) when
    is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Until = erlang:monotonic_time(millisecond) + Deadline,
    Plan = plan(Spec),
    Behind = behind(Spec),
    Step = fun(Pids, {Seen, Matched, Remaining, Gone, Long, Top}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        Candidates = ets:match_spec_run(Values, Behind),
        {
            Seen + length(Pids),
            Matched + length(Values),
            Remaining + length(Candidates),
            Gone + Ended,
            unread(Longer, Long),
            best(Candidates, Limit, Top)
        }
    end,
    {Why, {Seen, Matched, Remaining, Gone, {Count, Longest, _} = Unread, Top}} =
        walk(fun chunk/1, population(Spec, Step), Until, Spec, Step, {0, 0, 0, 0, {0, [], 0}, []}),
    Rows = page_rows(lists:reverse(Top), Sort, Plan),
    packed(#{
        rows => Rows,
        seen => Seen,
        matched => Matched,
        gone => Gone + length(Top) - length(Rows),
        unmeasured => {Count, Longest},
        incomplete => Why ++ unseen(Unread, Plan),
        next =>
            case Remaining > Limit of
                true -> hd(Top);
                false -> undefined
            end
    }).

%% @doc The processes whose value grew most in a window of time: a packed `window()'.
-spec top_window(window_spec()) -> binary().
top_window(#{sort := Sort, limit := Limit, deadline_ms := Deadline, window_ms := Window} = Spec) when
    Sort =/= pid, is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Start = erlang:monotonic_time(microsecond),
    Plan = plan(Spec),
    Alive = processes(),
    Sample = fun(Pids, {Samples, Seen, Gone, Long}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        %% Off the heap, where no garbage collection copies it, and compressed to a sixth.
        Taken = {term_to_binary(Values, [{compressed, 1}]), erlang:monotonic_time(microsecond)},
        {[Taken | Samples], Seen + length(Pids), Gone + Ended, unread(Longer, Long)}
    end,
    Halfway = erlang:monotonic_time(millisecond) + Deadline div 2,
    {Why1, {Samples, Seen, Gone, Long1}} =
        walk(fun chunk/1, named(Spec, Alive), Halfway, Spec, Sample, {[], 0, 0, {0, [], 0}}),
    Until = erlang:monotonic_time(millisecond) + Window + Deadline div 2,
    %% Who passed the filters once is in, whatever has become of it.
    Again = maps:without([label, module], Plan#{filters := map_get(guard, Plan)}),
    Compare = fun({Packed, Taken}, Tally) ->
        timer:sleep(max(0, Window + (Taken - erlang:monotonic_time(microsecond)) div 1000)),
        Before = binary_to_term(Packed),
        {_, Pids} = lists:unzip(Before),
        grow(Pids, Before, Taken, Again, Tally)
    end,
    {Why2, Compared} = walk(fun pop/1, lists:reverse(Samples), Until, Spec, Compare, {0, Gone, Long1, []}),
    Born = named(Spec, processes()) -- Alive,
    Add = fun(Pids, Tally) -> grow(Pids, [], Start, Plan, Tally) end,
    {Why3, {Matched, Ended, {Count, Longest, _} = Unread, Top}} =
        walk(fun chunk/1, Born, Until, Spec, Add, Compared),
    Rows = window_rows(lists:reverse(Top), Sort, Plan),
    packed(#{
        rows => Rows,
        seen => Seen + length(Born),
        matched => Matched,
        born => length(Born),
        gone => Ended + length(Top) - length(Rows),
        unmeasured => {Count, Longest},
        incomplete => lists:usort(Why1 ++ Why2 ++ Why3) ++ unseen(Unread, Plan)
    }).

%% Adds what has grown: `{Growth, Pid, Value, Microseconds, IsBorn}'. Nothing before means born since.
grow(Pids, Before, Taken, #{limit := Limit} = Plan, {Matched, Gone, Long, Top}) ->
    {Values, Ended, Longer} = measure(Pids, Plan),
    Micros = max(1, erlang:monotonic_time(microsecond) - Taken),
    {Numbers, Measured} = lists:unzip(Before),
    Then = maps:from_list(lists:zip(Measured, Numbers)),
    {Now, Changed} = lists:unzip(Values -- Before),
    Count = length(Changed),
    Was = lists:zipwith3(fun maps:get/3, Changed, lists:duplicate(Count, Then), lists:duplicate(Count, 0)),
    Growth = lists:zipwith(fun erlang:'-'/2, Now, Was),
    Greater = [{{'$1', '$2', '$3'}, [{'>', '$1', 0}], [{{'$1', '$2', '$3', Micros, Before =:= []}}]}],
    Grown = ets:match_spec_run(lists:zip3(Growth, Changed, Now), ets:match_spec_compile(Greater)),
    {Matched + length(Grown), Gone + Ended, unread(Longer, Long), best(Grown, Limit, Top)}.

%% Hands portion after portion of the source to Step, until none is left or the time is up.
walk(Next, Source, Until, Spec, Step, State) ->
    case Next(Source) of
        none ->
            {[], State};
        {Portion, Rest} ->
            case erlang:monotonic_time(millisecond) < Until of
                true ->
                    Stepped = Step(Portion, State),
                    timer:sleep(maps:get(pause_ms, Spec, 0)),
                    walk(Next, Rest, Until, Spec, Step, Stepped);
                false ->
                    {[deadline], State}
            end
    end.

pop([]) -> none;
pop([First | Rest]) -> {First, Rest}.

%% The next processes of a population, without the one that asks.
chunk([]) ->
    none;
chunk(Pids) when is_list(Pids) ->
    Chunk = lists:sublist(Pids, ?CHUNK),
    {lists:delete(self(), Chunk), lists:nthtail(length(Chunk), Pids)};
chunk(Iterator) ->
    {Chunk, Rest} = take(?CHUNK, Iterator, []),
    {lists:delete(self(), Chunk), Rest}.

take(0, Iterator, Pids) ->
    {Pids, Iterator};
take(Count, Iterator, Pids) ->
    case erlang:processes_next(Iterator) of
        {Pid, Next} -> take(Count - 1, Next, [Pid | Pids]);
        none -> {Pids, []}
    end.

%% Pids, or an iterator over them, which takes less memory, and a step of our own for each process: too dear for
%% code that is interpreted.
population(#{name := _} = Spec, _) ->
    named(Spec, []);
population(_, Code) ->
    Many = erlang:system_info(process_count) > ?MANY_PROCESSES,
    Iterates = erlang:function_exported(erlang, processes_iterator, 0),
    case Many andalso Iterates andalso erlang:fun_info(Code, module) =/= {module, erl_eval} of
        true -> erlang:processes_iterator();
        false -> processes()
    end.

%% The processes with the part that is looked for in their registered name; where none is, those given.
named(#{name := Part}, _) ->
    [
        Pid
     || Name <- registered(),
        contains(atom_to_binary(Name, utf8), Part),
        Pid <- [whereis(Name)],
        is_pid(Pid)
    ];
named(_, Pids) ->
    Pids.

%% What is asked of each process, worked out once.
plan(#{sort := Sort, long_queue := LongQueue} = Spec) ->
    ReadsKeys = reads_keys(),
    Ranks = lists:member(Sort, [memory, total_heap_size]),
    Walks = Ranks orelse is_map_key(min_memory, Spec) orelse (ReadsKeys andalso is_map_key(label, Spec)),
    Conditions = conditions(Spec),
    Alternatives =
        case Spec of
            #{module := Module} -> [Conditions ++ Place || Place <- places(existing(Module), ReadsKeys)];
            _ -> [Conditions]
        end,
    %% An atom is greater than any number: where nothing walks a queue, none is too long.
    Longest = hd([LongQueue || Walks] ++ [infinity]),
    Spec#{
        filters =>
            [sieve(Longest, Alternatives) || Walks orelse Alternatives =/= [[]]] ++
                [at_least(memory, Least) || #{min_memory := Least} <- [Spec]],
        guard => [sieve(LongQueue, [[]]) || Ranks],
        rank => rank(Sort),
        reads_keys => ReadsKeys
    }.

%% What the filters ask, as `{Item, Pattern, Guards}' of a match specification. '$1' and '$2' are taken by `sieve'.
conditions(Spec) ->
    [{status, '$3', [{'=:=', '$3', {const, Status}}]} || #{status := Status} <- [Spec]] ++
        [{group_leader, '$4', [{'=:=', '$4', {const, leader(Name)}}]} || #{application := Name} <- [Spec]] ++
        [{message_queue_len, '$5', [{'>=', '$5', Least}]} || #{min_message_queue_len := Least} <- [Spec]] ++
        [{reductions, '$6', [{'>=', '$6', Least}]} || #{min_reductions := Least} <- [Spec]].

leader(Application) ->
    application_controller:get_master(existing(Application)).

%% The places where a process can name a module, each time with the others left open.
places(Module, ReadsKeys) ->
    Call = {'$7', '_', '_'},
    Named = [{'=:=', '$7', {const, Module}}],
    Places =
        [{current_function, Call, Named}, {initial_call, Call, Named}] ++
            [{{dictionary, '$initial_call'}, Pattern, Named} || ReadsKeys, Pattern <- [Call, {supervisor, '$7', '_'}]] ++
            %% Without single keys, `called' looks into the dictionaries of all that `proc_lib' has started.
            [{initial_call, {proc_lib, init_p, '_'}, []} || not ReadsKeys],
    [
        [
            case Item of
                Place -> {Item, Pattern, Guards};
                _ -> {Item, '_', []}
            end
         || Item <- lists:usort([Item || {Item, _, _} <- Places])
        ]
     || {Place, Pattern, Guards} <- Places
    ].

%% A question for all processes, and what to make of the answers: the pid of a process that passes,
%% `{Messages, Pid}' of one that would, but for its long queue, and `gone' for one that has ended.
sieve(LongQueue, Alternatives) ->
    Asked = [lists:unzip3([{message_queue_len, '$2', []} | Alternative]) || Alternative <- Alternatives],
    Heads = [{{'$1', lists:zip(Items, Patterns)}, lists:append(Guards)} || {Items, Patterns, Guards} <- Asked],
    Answers =
        [{Head, [{'=<', '$2', LongQueue} | Guards], ['$1']} || {Head, Guards} <- Heads] ++
            [{Head, Guards, [{{'$2', '$1'}}]} || {Head, Guards} <- Heads] ++
            [{{'_', undefined}, [], [gone]}],
    {element(1, hd(Asked)), ets:match_spec_compile(Answers)}.

%% Pids, and `large' for each whose value is greater, `gone' for each that has ended.
at_most(Item, Most) ->
    Answers = [
        {{'$1', {Item, '$2'}}, [{'=<', '$2', Most}], ['$1']}, {{'_', undefined}, [], [gone]}, {'_', [], [large]}
    ],
    {Item, ets:match_spec_compile(Answers)}.

at_least(Item, Least) ->
    Answers = [{{'$1', {Item, '$2'}}, [{'>=', '$2', Least}], ['$1']}, {{'_', undefined}, [], [gone]}],
    {Item, ets:match_spec_compile(Answers)}.

%% A question for all processes that turns pids into `{Value, Pid}'. For the pid itself any question will do.
rank(pid) ->
    {status, ets:match_spec_compile([{{'$1', {status, '_'}}, [], [{{'$1', '$1'}}]}])};
rank(Key) when Key =:= memory; Key =:= reductions; Key =:= message_queue_len; Key =:= total_heap_size ->
    {Key, ets:match_spec_compile([{{'$1', {Key, '$2'}}, [], [{{'$2', '$1'}}]}])}.

%% Puts one question to many processes, with list BIFs throughout.
ask(Pids, {Question, Answers}) ->
    Facts = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Question)),
    ets:match_spec_run(lists:zip(Pids, Facts), Answers).

%% `{Value, Pid}' of the processes that pass the filters, how many have ended, and those of which something that decides
%% was not read: `{Messages, Pid}' with a long queue, `large' for a large heap.
measure(Pids, #{filters := Filters, rank := Rank} = Plan) ->
    Sift = fun(Filter, {Asked, Gone, Long}) ->
        {Passed, Others} = lists:partition(fun erlang:is_pid/1, ask(Asked, Filter)),
        {Longer, Ended} = lists:partition(fun erlang:is_tuple/1, Others),
        {Passed, Gone + length(Ended), Longer ++ Long}
    end,
    {Passed, Gone, Long} = lists:foldl(Sift, {Pids, 0, []}, Filters),
    {Called, EndedFirst} = called(Passed, Plan),
    {Labelled, Ended, Large} = labelled(Called, Plan),
    Values = ask(Labelled, Rank),
    {Values, Gone + EndedFirst + Ended + length(Labelled) - length(Values), Large ++ Long}.

%% Those that name the module that is looked for, of those that may do so in their dictionary alone; and how many have
%% ended. Dictionaries are read where the queue is short and the heap is small.
called(Pids, #{module := Name, reads_keys := false, long_queue := LongQueue}) ->
    Module = existing(Name),
    Answers = [
        {{'$1', ['_', {current_function, {Module, '_', '_'}}, '_']}, [], ['$1']},
        {{'$1', ['_', '_', {initial_call, {Module, '_', '_'}}]}, [], ['$1']},
        {{'$1', [{message_queue_len, '$2'}, '_', '_']}, [{'=<', '$2', LongQueue}], [{{'$1'}}]},
        {{'_', undefined}, [], [gone]}
    ],
    Asked = ask(Pids, {[message_queue_len, current_function, initial_call], ets:match_spec_compile(Answers)}),
    {Maybe, Certain} = lists:partition(fun erlang:is_tuple/1, Asked),
    {Named, Ended} = lists:partition(fun erlang:is_pid/1, Certain),
    Small = ask([Pid || {Pid} <- Maybe], at_most(total_heap_size, ?SMALL_HEAP)),
    {Named ++ [Pid || Pid <- Small, is_pid(Pid), calls_back(Module, fact(Pid, dictionary))], length(Ended)};
called(Pids, _) ->
    {Pids, 0}.

calls_back(Module, Entries) when is_list(Entries) ->
    case proplists:get_value('$initial_call', Entries) of
        {Module, _, _} -> true;
        {supervisor, Module, _} -> true;
        _ -> false
    end;
calls_back(_, _) ->
    false.

%% Those with the part that is looked for in their label, how many have ended, and `large' for each with a large heap.
labelled(Pids, #{label := Part, reads_keys := true}) ->
    {Small, Others} = lists:partition(fun erlang:is_pid/1, ask(Pids, at_most(total_heap_size, ?LABEL_HEAP))),
    {Large, Gone} = lists:partition(fun(Other) -> Other =:= large end, Others),
    Answers = [{{'$1', {'_', '$2'}}, [{'=/=', '$2', undefined}], [{{'$1', '$2'}}]}, {{'_', undefined}, [], [gone]}],
    {Labels, Ended} = lists:partition(
        fun erlang:is_tuple/1,
        ask(Small, {{dictionary, '$process_label'}, ets:match_spec_compile(Answers)})
    ),
    {labelled_as(Part, Labels), length(Gone) + length(Ended), Large};
labelled(_, #{label := _}) ->
    {[], 0, []};
labelled(Pids, _) ->
    {Pids, 0, []}.

labelled_as(Part, Labels) ->
    [Pid || {Pid, Label} <- Labels, contains(io_lib:format("~tp", [Label], [{chars_limit, ?PRINTED}]), Part)].

%% Passes the values behind the cursor.
behind(#{'after' := Last}) -> ets:match_spec_compile([{'_', [{'<', '$_', {const, Last}}], ['$_']}]);
behind(_) -> ets:match_spec_compile([{'_', [], ['$_']}]).

%% The greatest so far, in ascending order.
best(Rows, Limit, Top) ->
    All = lists:merge(Top, lists:sort(Rows)),
    lists:nthtail(max(0, length(All) - Limit), All).

%% Adds what was not read: how many long queues and which are the longest, and how many large heaps.
unread(Unread, {Count, Longest, Heaps}) ->
    {Longer, Large} = lists:partition(fun erlang:is_tuple/1, Unread),
    {
        Count + length(Longer),
        lists:sublist(lists:reverse(lists:sort(Longer ++ Longest)), ?LONGEST),
        Heaps + length(Large)
    }.

unseen({Count, _, Heaps}, #{reads_keys := ReadsKeys} = Plan) ->
    [long_queue || Count > 0] ++
        [large_heap || Heaps > 0] ++
        [initial_call || is_map_key(module, Plan), not ReadsKeys] ++
        [label || is_map_key(label, Plan), not ReadsKeys].

%% Whether this release can read one key of a dictionary (OTP 26.2 on).
reads_keys() ->
    try erlang:process_info(self(), {dictionary, '$initial_call'}) of
        _ -> true
    catch
        error:badarg -> false
    end.

page_rows(Top, Sort, Plan) ->
    [list_to_tuple([Pid | Row]) || {Value, Pid} <- Top, Row <- row(Pid, #{Sort => Value}, Plan)].

window_rows(Top, Sort, Plan) ->
    [
        list_to_tuple([Pid, Value, Growth, Growth * 1.0e6 / Micros, IsBorn | Row])
     || {Growth, Pid, Value, Micros, IsBorn} <- Top, Row <- row(Pid, #{Sort => Value}, Plan)
    ].

%% The items of a process, in a list of one; an empty list when it has ended.
row(Pid, Known, #{items := Items} = Plan) ->
    Cheap = [
        registered_name,
        current_function,
        initial_call,
        status,
        message_queue_len,
        reductions,
        heap_size,
        stack_size,
        group_leader
    ],
    case erlang:process_info(Pid, Cheap) of
        undefined ->
            [];
        Facts ->
            [tell_all(Items, Pid, maps:merge(maps:from_list(Facts), Known), Plan)]
    end.

tell_all(Items, Pid, Told, Plan) -> [tell(Item, Pid, Told, Plan) || Item <- Items].

tell(registered_name, _, #{registered_name := []}, _) ->
    undefined;
tell(initial_call, Pid, #{initial_call := Call} = Told, Plan) ->
    case entry('$initial_call', Pid, Told, Plan) of
        {Module, Function, Arity} = Callback when is_atom(Module), is_atom(Function), is_integer(Arity) -> Callback;
        _ -> Call
    end;
tell(label, Pid, Told, Plan) ->
    %% A label may be as large as the heap that it lies on.
    case walk_queue(total_heap_size, Pid, Told, Plan) =< ?LABEL_HEAP of
        true -> label(entry('$process_label', Pid, Told, Plan));
        %% There are labels from OTP 27 on.
        false -> hd([unread || erlang:function_exported(proc_lib, set_label, 1)] ++ [undefined])
    end;
tell(application, Pid, _, _) ->
    case application:get_application(Pid) of
        {ok, Application} -> Application;
        undefined -> undefined
    end;
tell(own, _, #{registered_name := Name, group_leader := Leader}, _) ->
    %% A janitor has left our group, and bears our name.
    (is_atom(Name) andalso lists:prefix("beamscope_", atom_to_list(Name))) orelse
        (node(Leader) =/= node() andalso node(Leader) =:= node(group_leader()));
tell(Item, Pid, Told, Plan) ->
    case {Told, Item} of
        {#{Item := Value}, _} -> Value;
        {_, memory} -> walk_queue(memory, Pid, Told, Plan);
        {_, total_heap_size} -> walk_queue(total_heap_size, Pid, Told, Plan);
        _ -> error({unknown_item, Item})
    end.

walk_queue(Item, Pid, #{message_queue_len := Messages}, #{long_queue := LongQueue}) ->
    case Messages =< LongQueue of
        true -> fact(Pid, Item);
        false -> undefined
    end.

fact(Pid, Item) ->
    case erlang:process_info(Pid, Item) of
        {_, Value} -> Value;
        undefined -> undefined
    end.

%% An entry of the dictionary. A dictionary lies on the heap of its process, so a small heap makes a small copy, but
%% for literals in it, which only the heap limit of the asking process stops. An atom is greater than any number.
entry(Key, Pid, _, #{reads_keys := true}) ->
    fact(Pid, {dictionary, Key});
entry(Key, Pid, Told, Plan) ->
    case walk_queue(total_heap_size, Pid, Told, Plan) =< ?SMALL_HEAP andalso fact(Pid, dictionary) of
        Entries when is_list(Entries) -> proplists:get_value(Key, Entries);
        _ -> undefined
    end.

label(undefined) ->
    undefined;
label(Label) ->
    case erlang:external_size(Label) =< ?SMALL_LABEL of
        true -> {term, Label};
        false -> {text, unicode:characters_to_binary(io_lib:format("~0tp", [Label], [{chars_limit, ?PRINTED}]))}
    end.
