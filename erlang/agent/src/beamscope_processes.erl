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
%% whole dictionary is read only where the release cannot read one key of it (before 26.2). That copies the dictionary
%% and nothing else of the heap, but the dictionary may be all of the heap: so it is read here only when that is small,
%% else by a process of its own, which its heap limit ends in place of the answer, and not at all when it is huge.
-module(beamscope_processes).

-export([page/1, top_window/1, groups/1]).

-export_type([key/0, item/0, existing/0, limits/0, page_spec/0, page/0, window_spec/0, window/0]).
-export_type([groups_spec/0, groups/0]).

%% Processes between two looks at the clock.
-define(CHUNK, 1000).
%% From here on the iterator of OTP 28 is worth its time: a list of so many pids is large.
-define(MANY_PROCESSES, 100000).
%% Words of heap up to which a whole dictionary is read here.
-define(SMALL_HEAP, 10000).
%% Words of heap up to which it is read by a reader, among many processes and among few, and how many those are. A
%% small one takes 5 microseconds even on a heap of 15 million words, one of a million words takes 5 milliseconds, one of
%% four million 40.
-define(LARGE_HEAP, 1000000).
-define(HUGE_HEAP, 4000000).
-define(FEW, 10).
%% Milliseconds for which the dictionaries on large heaps of a chunk of processes are read.
-define(LARGE_MILLIS, 200).
%% Words of heap up to which a label is read.
-define(LABEL_HEAP, 1000000).
%% Bytes of external format above which a label is cut.
-define(SMALL_LABEL, 256).
%% Characters of a label that are printed to search them.
-define(PRINTED, 256).
%% Long message queues that are named in an answer.
-define(LONGEST, 10).
%% Groups that are told from one another; what belongs to more is counted under `other'.
-define(MANY_GROUPS, 10000).

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
%% `{term, Label}', cut where it is large, or `unread' (from OTP 27 on) where the queue is long or the
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
    %% where the queue is short and the heap not too large.
    module => existing(),
    %% That the callback module says it has, or that is the callback module itself; names for the same thing. A
    %% gen_server is known by what it waits in, too.
    behaviours => [existing(), ...],
    %% The callback, or the function that it was spawned with.
    initial_call => {existing(), existing(), arity()},
    %% Of the group leader.
    application => existing(),
    %% These processes and no others. Not together with `name'.
    pids => [pid()],
    status => atom(),
    %% Part of the label, in any case, as the first 256 characters that `~0tp' makes of it. From OTP 26.2 on, and where
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
    %% All processes that there are but the asking one, which never counts.
    total := non_neg_integer(),
    %% Processes looked at: with `name' those that are registered so, else all.
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

-type groups_spec() :: #{
    by := initial_call | application | label | current_function,
    %% What groups are ordered by, in descending order.
    order := count | message_queue_len | reductions | memory,
    atom() => term()
}.
%% `limits()' and these.

-type groups() :: #{
    %% `{Key, Count, Messages, Reductions, Bytes, Unmeasured}': sums over the processes of a group, the bytes without the
    %% `Unmeasured' processes with long queues. `Key' is `{term, Term}', `{text, Binary}' for a large label, cut, `none'
    %% where a process has no such value, `unread' for a label that was not read, `other' for all groups beyond 10,000.
    groups := [{term(), pos_integer(), non_neg_integer(), non_neg_integer(), non_neg_integer(), non_neg_integer()}],
    %% All groups that there are, `other' being one.
    group_count := non_neg_integer(),
    total := non_neg_integer(),
    seen := non_neg_integer(),
    matched := non_neg_integer(),
    gone := non_neg_integer(),
    unmeasured := {non_neg_integer(), [{pos_integer(), pid()}]},
    incomplete := [deadline | long_queue | large_heap | initial_call | label]
}.

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").

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
        total => erlang:system_info(process_count) - 1,
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
    First = chosen(Spec, Alive),
    Sample = fun(Pids, {Samples, Seen, Gone, Long}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        %% Off the heap, where no garbage collection copies it, and compressed to a sixth.
        Taken = {term_to_binary(Values, [{compressed, 1}]), erlang:monotonic_time(microsecond)},
        {[Taken | Samples], Seen + length(Pids), Gone + Ended, unread(Longer, Long)}
    end,
    Halfway = erlang:monotonic_time(millisecond) + Deadline div 2,
    {Why1, {Samples, Seen, Gone, Long1}} =
        walk(fun chunk/1, First, Halfway, Spec, Sample, {[], 0, 0, {0, [], 0}}),
    Until = erlang:monotonic_time(millisecond) + Window + Deadline div 2,
    %% Who passed the filters once is in, whatever has become of it.
    Again = maps:without([label], Plan#{filters := map_get(guard, Plan), calls := []}),
    Compare = fun({Packed, Taken}, Tally) ->
        rest(Window + (Taken - erlang:monotonic_time(microsecond)) div 1000),
        Before = binary_to_term(Packed),
        {_, Pids} = lists:unzip(Before),
        grow(Pids, Before, Taken, Again, Tally)
    end,
    {Why2, Compared} = walk(fun pop/1, lists:reverse(Samples), Until, Spec, Compare, {0, Gone, Long1, []}),
    Born = chosen(Spec, processes()) -- (First ++ Alive),
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

%% @doc How many processes that pass the filters have the same value, and what they hold together: packed `groups()'.
-spec groups(groups_spec()) -> binary().
groups(#{by := By, order := Order, limit := Limit, deadline_ms := Deadline} = Spec) when
    is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Until = erlang:monotonic_time(millisecond) + Deadline,
    Plan = plan(Spec#{sort => pid}),
    %% Dies with us. Rows are `{Key, Count, Messages, Reductions, Bytes, Unmeasured}'.
    Sums = ets:new(beamscope_groups, [private]),
    Asked = grouping(By, Plan),
    Step = fun(Pids, {Seen, Matched, Gone, Long}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        {_, Passed} = lists:unzip(Values),
        Members = ask(Passed, Asked),
        add_members(Members, keys(By, Members, Plan), Sums, Plan),
        {
            Seen + length(Pids),
            Matched + length(Members),
            Gone + Ended + length(Passed) - length(Members),
            unread(Longer, Long)
        }
    end,
    {Why, {Seen, Matched, Gone, {Count, Longest, _} = Unread}} =
        walk(fun chunk/1, population(Spec, Step), Until, Spec, Step, {0, 0, 0, {0, [], 0}}),
    Rows = by_application(By, ets:tab2list(Sums)),
    Place = map_get(Order, #{count => 2, message_queue_len => 3, reductions => 4, memory => 5}),
    packed(#{
        groups => lists:sublist(lists:reverse(lists:keysort(Place, lists:sort(Rows))), Limit),
        group_count => length(Rows),
        total => erlang:system_info(process_count) - 1,
        seen => Seen,
        matched => Matched,
        gone => Gone,
        unmeasured => {Count, Longest},
        incomplete => Why ++ [label || By =:= label, not map_get(reads_keys, Plan)] ++ unseen(Unread, Plan)
    }).

%% A question that makes `{Pid, Messages, Reductions, Key}' of processes. Where the key is `callback' or `label' there
%% is more to ask.
grouping(By, #{reads_keys := ReadsKeys}) ->
    Term = {{term, '$4'}},
    {Items, Clauses} =
        case By of
            application ->
                {[group_leader], [{[{group_leader, '$4'}], [], Term}]};
            label ->
                {[status], [{[{status, '_'}], [], label}]};
            initial_call when ReadsKeys ->
                {[initial_call, {dictionary, '$initial_call'}], [
                    {
                        [{initial_call, '_'}, {{dictionary, '$initial_call'}, {'$4', '$5', '$6'}}],
                        [{is_atom, '$4'}, {is_atom, '$5'}, {is_integer, '$6'}],
                        {{term, {{'$4', '$5', '$6'}}}}
                    },
                    {[{initial_call, '$4'}, '_'], [], Term}
                ]};
            initial_call ->
                {[initial_call], [
                    {[{initial_call, {proc_lib, init_p, '_'}}], [], callback}, {[{initial_call, '$4'}], [], Term}
                ]};
            current_function ->
                {[current_function], [
                    {[{current_function, undefined}], [], none}, {[{current_function, '$4'}], [], Term}
                ]}
        end,
    {
        [message_queue_len, reductions | Items],
        ets:match_spec_compile([
            {{'$1', [{message_queue_len, '$2'}, {reductions, '$3'} | Pattern]}, Guards, [{{'$1', '$2', '$3', Value}}]}
         || {Pattern, Guards, Value} <- Clauses
        ])
    }.

%% The keys of the groups that processes belong to, in their order.
keys(label, Members, #{long_queue := LongQueue, reads_keys := true}) ->
    Short = [Pid || {Pid, Messages, _, _} <- Members, Messages =< LongQueue],
    Small = [Pid || Pid <- ask(Short, at_most(total_heap_size, ?LABEL_HEAP)), is_pid(Pid)],
    Answers = [
        {{'$1', {'_', undefined}}, [], [{{'$1', none}}]}, {{'$1', {'_', '$2'}}, [], [{{'$1', {{label, '$2'}}}}]}
    ],
    Read = ask(Small, {{dictionary, '$process_label'}, ets:match_spec_compile(Answers)}),
    Labels = maps:from_list(group_labels(Read)),
    [maps:get(Pid, Labels, unread) || {Pid, _, _, _} <- Members];
keys(label, Members, _) ->
    lists:duplicate(length(Members), none);
keys(initial_call, Members, #{long_queue := LongQueue, reads_keys := false}) ->
    Open = [Pid || {Pid, Messages, _, callback} <- Members, Messages =< LongQueue],
    Read = maps:from_list(callbacks(Open)),
    [callback_key(Member, Read) || Member <- Members];
keys(_, Members, _) ->
    ets:match_spec_run(Members, ets:match_spec_compile([{{'_', '_', '_', '$1'}, [], ['$1']}])).

group_labels(Read) ->
    [{Pid, case Label of {label, Value} -> label(Value); _ -> Label end} || {Pid, Label} <- Read].

callback_key({Pid, _, _, callback}, Read) ->
    case Read of
        #{Pid := {Module, Function, Arity} = Call} when is_atom(Module), is_atom(Function), is_integer(Arity) ->
            {term, Call};
        _ ->
            {term, {proc_lib, init_p, 5}}
    end;
callback_key({_, _, _, Key}, _) ->
    Key.

%% Adds processes to the sums of their groups, with list BIFs throughout.
add_members(Members, Keys, Sums, #{long_queue := LongQueue}) ->
    Count = length(Members),
    Short = [{{'$1', '$2', '_', '_'}, [{'=<', '$2', LongQueue}], ['$1']}],
    Memory = [{{'$1', {memory, '$2'}}, [], [{{'$1', '$2'}}]}],
    Asked = ask(ets:match_spec_run(Members, ets:match_spec_compile(Short)), {memory, ets:match_spec_compile(Memory)}),
    Pids = ets:match_spec_run(Members, ets:match_spec_compile([{{'$1', '_', '_', '_'}, [], ['$1']}])),
    Read = lists:duplicate(Count, maps:from_list(Asked)),
    Bytes = lists:zipwith3(fun maps:get/3, Pids, Read, lists:duplicate(Count, none)),
    Known = maps:from_list([{Key, known_group(Key, Sums)} || Key <- lists:usort(Keys)]),
    Groups = lists:zipwith(fun erlang:map_get/2, Keys, lists:duplicate(Count, Known)),
    Member = {'_', '$2', '$3', '_'},
    Additions = [
        {{Member, none}, [], [[{{2, 1}}, {{3, '$2'}}, {{4, '$3'}}, {{6, 1}}]]},
        {{Member, '$4'}, [], [[{{2, 1}}, {{3, '$2'}}, {{4, '$3'}}, {{5, '$4'}}]]}
    ],
    Added = ets:match_spec_run(lists:zip(Members, Bytes), ets:match_spec_compile(Additions)),
    lists:zipwith3(fun ets:update_counter/3, lists:duplicate(Count, Sums), Groups, Added).

known_group(Key, Sums) ->
    Group =
        case ets:member(Sums, Key) orelse ets:info(Sums, size) < ?MANY_GROUPS of
            true -> Key;
            false -> other
        end,
    ets:insert_new(Sums, {Group, 0, 0, 0, 0, 0}),
    Group.

%% Groups of applications in place of those of their group leaders.
by_application(application, Rows) ->
    lists:foldl(fun merge/2, [], lists:keysort(1, lists:map(fun led_by/1, Rows)));
by_application(_, Rows) ->
    Rows.

led_by({{term, Leader}, _, _, _, _, _} = Row) -> setelement(1, Row, led(Leader));
led_by(Row) -> Row.

%% The master of an application leads itself. Who is led by another process of an application, as those of a shell are,
%% does not belong to it.
led(Leader) when node(Leader) =:= node() ->
    case {erlang:process_info(Leader, group_leader), application:get_application(Leader)} of
        {{group_leader, Leader}, {ok, Application}} -> {term, Application};
        _ -> none
    end;
led(_) ->
    none.

merge({Key, C1, Q1, R1, M1, U1}, [{Key, C2, Q2, R2, M2, U2} | Rows]) ->
    [{Key, C1 + C2, Q1 + Q2, R1 + R2, M1 + M2, U1 + U2} | Rows];
merge(Row, Rows) ->
    [Row | Rows].

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
                    rest(maps:get(pause_ms, Spec, 0)),
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
    chosen(Spec, []);
population(#{pids := _} = Spec, _) ->
    chosen(Spec, []);
population(_, Code) ->
    Many = erlang:system_info(process_count) > ?MANY_PROCESSES,
    Iterates = erlang:function_exported(erlang, processes_iterator, 0),
    case Many andalso Iterates andalso erlang:fun_info(Code, module) =/= {module, erl_eval} of
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

%% What is asked of each process, worked out once.
plan(#{sort := Sort, long_queue := LongQueue} = Spec) ->
    ReadsKeys = reads_keys(),
    Ranks = lists:member(Sort, [memory, total_heap_size]),
    Walks = Ranks orelse is_map_key(min_memory, Spec) orelse (ReadsKeys andalso is_map_key(label, Spec)),
    Conditions = conditions(Spec),
    Calls = calls(Spec),
    Places = [places(Ways, ReadsKeys) || Ways <- Calls],
    Alternatives = [Conditions ++ Place || Place <- lists:foldl(fun both/2, [[]], Places)],
    %% An atom is greater than any number: where nothing walks a queue, none is too long.
    Longest = hd([LongQueue || Walks] ++ [infinity]),
    Spec#{
        filters =>
            [sieve(Longest, Alternatives) || Walks orelse Alternatives =/= [[]]] ++
                [at_least(memory, Least) || #{min_memory := Least} <- [Spec]],
        guard => [sieve(LongQueue, [[]]) || Ranks],
        rank => rank(Sort),
        reads_keys => ReadsKeys,
        calls => [called_as(Calls) || Calls =/= [], not ReadsKeys]
    }.

%% What the filters ask, as `{Item, Pattern, Guards}' of a match specification. '$1' and '$2' are taken by `sieve'.
conditions(Spec) ->
    [{status, '$3', [{'=:=', '$3', {const, Status}}]} || #{status := Status} <- [Spec]] ++
        [{group_leader, '$4', [{'=:=', '$4', {const, leader(Name)}}]} || #{application := Name} <- [Spec]] ++
        [{message_queue_len, '$5', [{'>=', '$5', Least}]} || #{min_message_queue_len := Least} <- [Spec]] ++
        [{reductions, '$6', [{'>=', '$6', Least}]} || #{min_reductions := Least} <- [Spec]].

leader(Application) ->
    application_controller:get_master(existing(Application)).

%% What the filters ask of functions that a process names: of each filter the ways in which it can hold, as conditions
%% `{Place, Pattern, Guards}'. A process names functions in three places, of which `callback' is in its dictionary.
calls(Spec) ->
    [
        in([current_function, initial_call, callback], {'$7', '_', '_'}, [{'=:=', '$7', {const, existing(Module)}}]) ++
            in([callback], {supervisor, '$7', '_'}, [{'=:=', '$7', {const, existing(Module)}}])
     || #{module := Module} <- [Spec]
    ] ++
        [behaving(known(Names)) || #{behaviours := Names} <- [Spec]] ++
        [
            in([initial_call, callback], '$9', [{'=:=', '$9', {const, {existing(Module), existing(Function), Arity}}}])
         || #{initial_call := {Module, Function, Arity}} <- [Spec]
        ].

in(Places, Pattern, Guards) -> [[{Place, Pattern, Guards}] || Place <- Places].

%% Those names that are atoms here; one has to be.
known([First | _] = Names) ->
    case [Atom || Name <- Names, Atom <- known_atom(Name)] of
        [] -> existing(First);
        Known -> Known
    end.

known_atom(Name) ->
    try
        [existing(Name)]
    catch
        error:{unknown_atom, _} -> []
    end.

%% The callback of a supervisor is `{supervisor, Module, _}', and that of what calls itself a supervisor, too: a
%% supervisor is no gen_server to those who look for one, although its module is. What waits as a gen_server is one,
%% whatever its callback: that of an Agent of Elixir is the function which it was started with.
behaving(Behaviours) ->
    Modules = [Module || Module <- erlang:loaded(), behaves(Module, Behaviours)] -- [supervisor, supervisor_bridge],
    Set = maps:from_list([{Module, true} || Module <- Behaviours ++ Modules]),
    Guards = [{is_map_key, '$8', {const, Set}}],
    Others = [{'=/=', '$8', supervisor}, {'=/=', '$8', supervisor_bridge}],
    in([callback], {'$8', '_', '_'}, Guards) ++
        case lists:member(gen_server, Behaviours) of
            true -> [[{current_function, {gen_server, '_', '_'}, []}, {callback, {'$8', '_', '_'}, Others}]];
            false -> in([callback], {supervisor, '$8', '_'}, Guards)
        end.

%% A BIF that loads nothing, and raises `badarg' where the module has been unloaded.
behaves(Module, Behaviours) ->
    Attributes =
        try
            erlang:get_module_info(Module, attributes)
        catch
            error:badarg -> []
        end,
    Said = [Of || {Key, Of} <- Attributes, Key =:= behaviour orelse Key =:= behavior],
    Said =/= [] andalso lists:append(Said) -- Behaviours =/= lists:append(Said).

%% Two filters hold where one of the places of each does.
both(Places, Others) -> [Other ++ Place || Other <- Others, Place <- Places].

%% The ways in which a filter can hold, as conditions on items of `process_info'.
places(Ways, ReadsKeys) ->
    Asked = [[place(Place, Pattern, Guards, ReadsKeys) || {Place, Pattern, Guards} <- Way] || Way <- Ways],
    alternatives(Asked, lists:usort([Item || Way <- Asked, {Item, _, _} <- Way])).

place(callback, Pattern, Guards, true) -> {{dictionary, '$initial_call'}, Pattern, Guards};
%% Without single keys, `called' looks into the dictionaries of all that `proc_lib' has started.
place(callback, _, _, false) -> {initial_call, {proc_lib, init_p, '_'}, []};
place(Item, Pattern, Guards, _) -> {Item, Pattern, Guards}.

%% The same conditions with all other items left open.
alternatives(Ways, Items) ->
    [
        [
            case lists:keyfind(Item, 1, Way) of
                false -> {Item, '_', []};
                Condition -> Condition
            end
         || Item <- Items
        ]
     || Way <- Ways
    ].

%% How often a process has to say what it names, and which answers pass: for `called'.
called_as(Calls) ->
    Places = [current_function, initial_call, callback],
    Ways = lists:foldl(fun both/2, [[]], [alternatives(Call, Places) || Call <- Calls]),
    Asked = [lists:unzip3(Way) || Way <- Ways],
    Answers = [
        {{'$1', lists:zip(Items, Patterns)}, lists:append(Guards), ['$1']}
     || {Items, Patterns, Guards} <- Asked
    ],
    {length(Calls), ets:match_spec_compile(Answers)}.

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

%% Those that name what is looked for, where that may stand in their dictionary alone; and how many have ended.
called(Pids, #{calls := [{Copies, Answers}], long_queue := LongQueue}) ->
    Told = [{{'$1', [{message_queue_len, '$2'} | '$3']}, [], [{{'$1', '$2', '$3'}}]}, {{'_', undefined}, [], [gone]}],
    Asked = ask(Pids, {[message_queue_len, current_function, initial_call], ets:match_spec_compile(Told)}),
    {Alive, Ended} = lists:partition(fun erlang:is_tuple/1, Asked),
    Read = maps:from_list(callbacks([Pid || {Pid, Messages, _} <- Alive, Messages =< LongQueue])),
    {ets:match_spec_run(named_calls(Alive, Copies, Read), Answers), length(Ended)};
called(Pids, _) ->
    {Pids, 0}.

named_calls(Alive, Copies, Read) ->
    [
        {Pid, lists:append(lists:duplicate(Copies, Calls ++ [{callback, maps:get(Pid, Read, undefined)}]))}
     || {Pid, _, Calls} <- Alive
    ].

%% What processes with short queues say in their dictionaries to be, where the heap is not too large.
callbacks(Pids) ->
    Small = [Pid || Pid <- ask(Pids, at_most(total_heap_size, ?SMALL_HEAP)), is_pid(Pid)],
    Large = [Pid || Pid <- ask(Pids -- Small, at_most(total_heap_size, most_heap(Pids))), is_pid(Pid)],
    [{Pid, Call} || Pid <- Small, Call <- callback(fact(Pid, dictionary))] ++
        large_callbacks(Large, erlang:monotonic_time(millisecond) + ?LARGE_MILLIS).

%% Words of heap up to which dictionaries are read.
most_heap(Pids) when length(Pids) =< ?FEW -> ?HUGE_HEAP;
most_heap(_) -> ?LARGE_HEAP.

large_callbacks([], _) ->
    [];
large_callbacks([Pid | Rest], Until) ->
    Calls = [{Pid, Call} || Call <- read_callback(Pid)],
    case erlang:monotonic_time(millisecond) < Until of
        true -> Calls ++ large_callbacks(Rest, Until);
        false -> Calls
    end.

%% What a process says to be, in a list of one, as read by another one. It exits with it, which is logged nowhere.
read_callback(Pid) ->
    Read = fun() ->
        case erlang:process_info(Pid, dictionary) of
            {_, Entries} -> exit({callback, [Call || {'$initial_call', Call} <- Entries]});
            undefined -> exit({callback, []})
        end
    end,
    Limit = #{size => 4 * ?LARGE_HEAP, kill => true, error_logger => false},
    {Reader, Monitor} = spawn_opt(Read, [monitor, {priority, low}, {max_heap_size, Limit}]),
    receive
        {'DOWN', Monitor, process, Reader, {callback, Calls}} -> Calls;
        {'DOWN', Monitor, process, Reader, _} -> []
    end.

callback(Entries) when is_list(Entries) -> [Call || {'$initial_call', Call} <- Entries];
callback(_) -> [].

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
    [Pid || {Pid, Label} <- Labels, contains(io_lib:format("~0tp", [Label], [{chars_limit, ?PRINTED}]), Part)].

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
        [initial_call || map_get(calls, Plan) =/= []] ++
        [label || is_map_key(label, Plan), not ReadsKeys].

%% Whether this release can read one key of a dictionary (OTP 26.2 on).
reads_keys() ->
    try erlang:process_info(self(), {dictionary, '$initial_call'}) of
        _ -> true
    catch
        error:badarg -> false
    end.

page_rows(Top, Sort, Plan) ->
    Bounded = Plan#{most_heap => most_heap(Top)},
    [list_to_tuple([Pid | Row]) || {Value, Pid} <- Top, Row <- row(Pid, #{Sort => Value}, Bounded)].

window_rows(Top, Sort, Plan) ->
    Bounded = Plan#{most_heap => most_heap(Top)},
    [
        list_to_tuple([Pid, Value, Growth, Growth * 1.0e6 / Micros, IsBorn | Row])
     || {Growth, Pid, Value, Micros, IsBorn} <- Top, Row <- row(Pid, #{Sort => Value}, Bounded)
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
    case callback(Pid, Told, Plan) of
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

%% What a process says to be, `undefined' where it does not, or where that was not read.
callback(Pid, _, #{reads_keys := true}) ->
    fact(Pid, {dictionary, '$initial_call'});
callback(Pid, #{initial_call := {proc_lib, init_p, _}} = Told, #{most_heap := Most} = Plan) ->
    %% An atom is greater than any number.
    Words = walk_queue(total_heap_size, Pid, Told, Plan),
    hd([Call || Words =< Most, Words > ?SMALL_HEAP, Call <- read_callback(Pid)] ++ [entry('$initial_call', Pid, Told, Plan)]);
callback(Pid, Told, Plan) ->
    entry('$initial_call', Pid, Told, Plan).

%% An entry of the dictionary. A dictionary lies on the heap of its process, so a small heap makes a small copy, but
%% for literals in it, which only the heap limit of the asking process stops. An atom is greater than any number.
entry(Key, Pid, _, #{reads_keys := true}) ->
    fact(Pid, {dictionary, Key});
entry(Key, Pid, Told, Plan) ->
    case walk_queue(total_heap_size, Pid, Told, Plan) =< ?SMALL_HEAP andalso fact(Pid, dictionary) of
        Entries when is_list(Entries) -> proplists:get_value(Key, Entries);
        _ -> undefined
    end.

label(undefined) -> undefined;
label(Label) -> {term, cut(Label, ?SMALL_LABEL)}.
