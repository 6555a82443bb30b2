%% @doc What processes of this node have in common, and what they hold together. For the style of this source see
%% beamscope_processes.
-module(beamscope_process_groups).

-export([top/1]).

-export_type([spec/0, groups/0]).

-include("beamscope_process_scan.hrl").
-include("beamscope_own.hrl").

%% Groups that are told from one another; what belongs to more is counted under `other'.
-define(MANY_GROUPS, 10000).

-type spec() :: #{
    by := initial_call | application | label | current_function,
    %% What groups are ordered by, in descending order.
    order := count | message_queue_len | reductions | memory,
    %% Behind which group to begin: the `next' of the page before, in external format.
    'after' => binary(),
    atom() => term()
}.
%% These, `limits()' and `filters()'.

-type groups() :: #{
    %% `{Key, Count, Messages, Reductions, Bytes, Unmeasured}': sums over the processes of a group, the bytes without the
    %% `Unmeasured' processes with long queues. `Key' is `{term, Term}', `{term, Cut, Hash}' for a large label, cut, with a
    %% hash of the whole, `none' where a process has no such value, `unread' for a label, or a callback, that was not
    %% read, `own' for those that work for the node that asks, but for the asking one, `other' for all groups beyond 10,000.
    groups := [{term(), pos_integer(), non_neg_integer(), non_neg_integer(), non_neg_integer(), non_neg_integer()}],
    %% Behind which group the next page begins, `{Value, Key}', or `undefined'.
    next := {non_neg_integer(), term()} | undefined,
    %% All groups that there are, `other' being one.
    group_count := non_neg_integer(),
    total := non_neg_integer(),
    seen := non_neg_integer(),
    matched := non_neg_integer(),
    gone := non_neg_integer(),
    unmeasured := unmeasured(),
    large := non_neg_integer(),
    undecided := undecided(),
    incomplete := [missing()]
}.

%% @doc How many processes that pass the filters have the same value, and what they hold together: packed `groups()', the
%% greatest first.
-spec top(spec()) -> binary().
top(#{by := By, order := Order, limit := Limit, deadline_ms := Deadline} = Spec) when
    is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Bounds = bounds(Deadline, Spec),
    Plan = plan(Spec#{sort => pid}, Bounds),
    %% Dies with us. Rows are `{Key, Count, Messages, Reductions, Bytes, Unmeasured}'.
    Sums = ets:new(beamscope_groups, [private]),
    Merge = fun(Pids, {Members, Keys, Bytes, Ended, Longer}, {Seen, Matched, Gone, Long}) ->
        add_members(Members, Keys, Bytes, Sums),
        {Seen + length(Pids), Matched + length(Members), Gone + Ended, unread(Longer, Long)}
    end,
    {{Seen, Matched, Gone, Unread}, Why, _} =
        survey(fun others/2, population(Spec), Bounds, {group, By, grouping(By, Plan), Plan}, Merge, {0, 0, 0, {0, [], {0, 0}, {0, []}}}),
    Rows = by_application(By, ets:tab2list(Sums)),
    Place = map_get(Order, #{count => 2, message_queue_len => 3, reductions => 4, memory => 5}),
    Known = maps:from_list([{element(1, Row), Row} || Row <- Rows]),
    {Page, Next} = page([{element(Place, Row), element(1, Row)} || Row <- Rows], Spec#{order := descending}),
    Told = #{
        groups => [map_get(Key, Known) || {_, Key} <- Page],
        next => Next,
        group_count => length(Rows),
        total => in_all(Spec, Why, Seen - Gone),
        seen => Seen,
        matched => Matched,
        gone => Gone,
        incomplete => Why ++ [label || By =:= label, not map_get(reads_keys, Plan)] ++ unseen(Unread, Plan)
    },
    packed(maps:merge(unread_of(Unread), Told)).

look_at({group, By, Question, Plan}, Pids) ->
    {Values, Ended, Longer} = measure(Pids, Plan),
    {_, Passed} = lists:unzip(Values),
    {Members, Bytes} = measured(ask(Passed, Question), Plan),
    {Keys, Late} = keys(By, Members, Plan),
    Unread = undecided(By, Members, Keys) ++ lates(Late) ++ Longer,
    {Members, Keys, Bytes, Ended + length(Passed) - length(Members), Unread}.

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
    Own = {'_', [own_guard('$10', '$9')], own},
    {
        [message_queue_len, reductions, group_leader, registered_name | Items],
        ets:match_spec_compile([
            {
                {'$1', [{message_queue_len, '$2'}, {reductions, '$3'}, {group_leader, '$9'}, {'_', '$10'} | Pattern]},
                Guards,
                [{{'$1', '$2', '$3', Value}}]
            }
         || {Pattern, Guards, Value} <- [Own | Clauses]
        ])
    }.

%% The keys of the groups that processes belong to, in their order, and those that there was no time for.
keys(label, Members, #{long_queue := LongQueue, reads_keys := true} = Plan) ->
    {Sized, _, _} = copyable([Pid || {Pid, Messages, _, label} <- Members, Messages =< LongQueue]),
    {Read, _, Late} = read_labels(Sized, fun cut_labels/1, Plan),
    Labels = maps:from_list(Read),
    {[label_key(Member, Labels) || Member <- Members], Late};
keys(label, Members, _) ->
    {lists:duplicate(length(Members), none), []};
keys(initial_call, Members, #{long_queue := LongQueue, reads_keys := false} = Plan) ->
    Open = [Pid || {Pid, Messages, _, callback} <- Members, Messages =< LongQueue],
    {Calls, Late} = callbacks(Open, Plan),
    Read = maps:from_list(Calls),
    {[callback_key(Member, Read) || Member <- Members], Late};
keys(_, Members, _) ->
    {ets:match_spec_run(Members, ets:match_spec_compile([{{'_', '_', '_', '$1'}, [], ['$1']}])), []}.

label_key({Pid, _, _, label}, Labels) -> maps:get(Pid, Labels, unread);
label_key({_, _, _, own}, _) -> own.

callback_key({Pid, _, _, callback}, Read) ->
    case Read of
        #{Pid := {Module, Function, Arity} = Call} when is_atom(Module), is_atom(Function), is_integer(Arity) ->
            {term, Call};
        #{Pid := _} ->
            {term, {proc_lib, init_p, 5}};
        _ ->
            unread
    end;
callback_key({_, _, _, Key}, _) ->
    Key.

%% `{callback, Pid}' for each whose callback was not read.
undecided(initial_call, Members, Keys) -> [{callback, Pid} || {{Pid, _, _, _}, unread} <- lists:zip(Members, Keys)];
undecided(_, _, _) -> [].

%% Those that have not ended meanwhile, and the bytes of each where its queue is short, else `none'.
measured(Members, #{long_queue := LongQueue}) ->
    Count = length(Members),
    Short = [{{'$1', '$2', '_', '_'}, [{'=<', '$2', LongQueue}], ['$1']}],
    Memory = [{{'$1', {memory, '$2'}}, [], [{{'$1', '$2'}}]}],
    Asked = ask(ets:match_spec_run(Members, ets:match_spec_compile(Short)), {memory, ets:match_spec_compile(Memory)}),
    Pids = ets:match_spec_run(Members, ets:match_spec_compile([{{'$1', '_', '_', '_'}, [], ['$1']}])),
    Read = lists:duplicate(Count, maps:from_list(Asked)),
    Bytes = lists:zipwith3(fun maps:get/3, Pids, Read, lists:duplicate(Count, none)),
    Alive = [{{{'_', '$1', '_', '_'}, '$2'}, [{'orelse', {'=/=', '$2', none}, {'>', '$1', LongQueue}}], ['$_']}],
    lists:unzip(ets:match_spec_run(lists:zip(Members, Bytes), ets:match_spec_compile(Alive))).

%% Adds processes to the sums of their groups, with list BIFs throughout.
add_members(Members, Keys, Bytes, Sums) ->
    Count = length(Members),
    %% Not by `usort', for which 1 and 1.0 are the same.
    Different = maps:keys(maps:from_list(lists:zip(Keys, Keys))),
    Known = maps:from_list([{Key, known_group(Key, Sums)} || Key <- Different]),
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
