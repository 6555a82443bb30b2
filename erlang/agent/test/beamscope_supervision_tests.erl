-module(beamscope_supervision_tests).

-behaviour(supervisor).

-export([
    init/1, terminate/2, callback_mode/0, start_foreign/1, handle_call/3, handle_cast/2, start_child/0, start_child/1, start_idle/1,
    start_self/0, start_found/1, fail/0, ignore/0, start_far/0, start_putting/1, put_and_idle/2, start_deep/1,
    start_starting/0
]).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").
-include("beamscope_supervision_scene.hrl").
-include("beamscope_supervision_crowds.hrl").
-include("beamscope_supervision_kinds.hrl").
-include("beamscope_supervision_outside.hrl").

both_ways_test_() -> both_ways(tests(), fun run/2).

tests() ->
    [
        {"all applications", fun applications/1},
        {"one application, by its name", fun application_root/1},
        {"children in the order in which they were started", fun static/1},
        {"pages join without gap or overlap", fun pages/1},
        {"texts, types, statuses", fun filters/1},
        {"by memory, by messages", fun sorted/1},
        {"restarts of the last period", fun restarts/1},
        {"all supervisors by their restarts, each asked once", fun by_restarts/1},
        {"many children are counted, summed, and listed in part", fun many/1},
        {"what children have in common is not copied for each of many", fun common/1},
        {"an answer does not hang on how often was asked before", fun no_garbage/1},
        {"of the supervisor at the root all are listed, searched and sorted", fun crowd/1},
        {"until time is up", fun late_crowd/1},
        {"very many children without a process", fun without_processes/1},
        {"a child on another node", fun remote/1},
        {"levels below the last are not opened", fun depth/1},
        {"a supervisor that its parent calls a worker is opened", fun hidden/1},
        {"a process in several places is opened in one of them, also in a circle", fun again/1},
        {"a supervisor that is busy is not asked", fun busy/1},
        {"one that is suspended is not asked", fun suspended/1},
        {"one that has become busy since it told its children is not asked for its state", fun busy_later/1},
        {"what is no supervisor is not asked, and lives", fun no_supervisor/1},
        {"supervisors of other kinds are not asked, and their children are read from their links", fun other_kinds/1},
        {"the tree can begin at a supervisor of another kind", fun other_root/1},
        {"a process that has ended is no root", fun ended_root/1},
        {"a supervisor with a large heap is told as unread where its dictionary would have to be copied", fun unread/1},
        {"a supervisor is no child of its child, whatever that tells of itself", fun no_parents/1},
        {"any terms in their dictionaries", fun odd_dictionaries/1},
        {"any answers", fun odd_answers/1},
        {"names that are no atoms make none", fun no_root/1},
        {"supervisors outside of the trees of applications", fun outside/1},
        {"whoever has started them", fun outside_starters/1},
        {"outside is what says to be a supervisor, and may end", fun outside_odd/1},
        {"outside is what could not be read, as far as is known", fun outside_unread/1},
        {"of very many processes, supervisors outside that have a name", fun outside_many/1},
        {"supervisors outside of applications until time is up", fun outside_late/1},
        {"the deadline", fun deadline/1}
    ].

applications(Run) ->
    #{rows := Rows, total := Total, matched := Total, incomplete := []} = Run(#{limit => 1000}),
    ?assertEqual(Total, length(Rows)),
    Tops = [Id || {_, #{depth := 1, id := Id}} <- Rows],
    ?assertEqual([kernel], [Id || Id <- Tops, Id =:= kernel]),
    {_, Kernel} = lists:keyfind(whereis(kernel_sup), 1, [{maps:get(pid, Row, none), Row} || {_, Row} <- Rows]),
    Count = proplists:get_value(active, supervisor:count_children(kernel_sup)),
    ?assertMatch(
        #{
            depth := 1,
            name := kernel_sup,
            type := supervisor,
            above := [],
            supervisor := #{callback := kernel, active := Count, strategy := one_for_all, restarts := 0}
        },
        Kernel
    ),
    Net = [Row || {_, #{id := net_sup} = Row} <- Rows],
    ?assertMatch([#{status := undefined, type := supervisor, above := [kernel]}], Net).

application_root(Run) ->
    #{rows := [{_, #{id := kernel, name := kernel_sup}} | Rows]} = Run(#{root => <<"kernel">>}),
    ?assert(length(Rows) > 5),
    #{rows := [{_, #{id := kernel_sup, modules := [kernel]}} | _]} = Run(#{root => <<"kernel_sup">>}),
    %% A process that has taken the name of an application, and supervises nothing.
    Plain = spawn(fun idle/0),
    true = register(kernel, Plain),
    ?assertMatch(#{rows := [{_, #{id := kernel, name := kernel_sup}} | _]}, Run(#{root => <<"kernel">>})),
    kill(Plain).

static(Run) ->
    with(static, fun(Pid) ->
        #{total := 4, matched := 4, rows := Rows, incomplete := []} = Run(#{root => Pid}),
        [Top, First, Second, Inner, Innermost] = [Row || {_, Row} <- Rows],
        #{pid := Pid, depth := 1, supervisor := #{children := 3, active := 2, listed := 3} = Facts} = Top,
        ?assertMatch(#{strategy := one_for_one, intensity := 7, period := 3600, restarts := 0}, Facts),
        ?assertEqual(
            lists:sum([Bytes || Row <- [First, Inner], {memory, Bytes} <- maps:to_list(Row)]),
            map_get(children_memory, Facts)
        ),
        ?assertMatch(#{depth := 2, id := first, status := running, type := worker, messages := 0}, First),
        ?assertMatch(#{id := _, status := undefined}, Second),
        %% Its id is a large tuple.
        ?assertMatch(#{id_is := cut}, Second),
        ?assertNot(is_map_key(id_is, First)),
        ?assertNot(is_map_key(pid, Second)),
        ?assertMatch(#{serves := true}, Inner),
        ?assertNot(is_map_key(serves, First)),
        ?assertMatch(#{id := inner, type := supervisor, supervisor := #{children := 1}}, Inner),
        ?assertMatch(#{depth := 3, above := [?MODULE, inner], modules := dynamic}, Innermost)
    end).

pages(Run) ->
    with(static, fun(Pid) ->
        #{rows := Rows} = Run(#{root => Pid}),
        ?assertEqual([Key || {Key, _} <- Rows], [Key || {Key, _} <- follow(Run, #{root => Pid, limit => 2})])
    end).

follow(Run, Spec) ->
    case Run(Spec) of
        #{rows := Rows, next := undefined} -> Rows;
        #{rows := Rows, next := Next} -> Rows ++ follow(Run, Spec#{'after' => term_to_binary(Next)})
    end.

filters(Run) ->
    with(static, fun(Pid) ->
        Ids = fun(Filter) ->
            #{rows := Rows, total := 4} = Run(maps:merge(#{root => Pid}, Filter)),
            [Id || {_, #{id := Id}} <- Rows, is_atom(Id)]
        end,
        ?assertEqual([first], Ids(#{pattern => <<"FIRS">>})),
        ?assertEqual([?MODULE, first, inner], Ids(#{pattern => <<"supervision_tests">>})),
        ?assertEqual([?MODULE, inner], Ids(#{type => supervisor})),
        ?assertEqual([], Ids(#{type => supervisor, status => undefined})),
        ?assertMatch(#{matched := 1}, Run(#{root => Pid, status => undefined}))
    end).

sorted(Run) ->
    beneath(simple, fun(Pid) ->
        Children = [element(2, supervisor:start_child(Pid, [lists:seq(1, Size)])) || Size <- [1, 100000, 1000]],
        [A, B, C] = Children,
        [[Child ! hello || _ <- lists:seq(1, Count)] || {Child, Count} <- [{A, 1}, {B, 2}, {C, 3}]],
        Order = fun(Sort) ->
            #{rows := Rows} = Run(#{root => Pid, sort => Sort, order => descending, type => worker}),
            [Child || {_, #{pid := Child}} <- Rows]
        end,
        ?assertEqual([B, C, A], Order(memory)),
        ?assertEqual([C, B, A], Order(message_queue))
    end).

restarts(Run) ->
    with(static, fun(Pid) ->
        [First] = [Child || {first, Child, _, _} <- supervisor:which_children(Pid)],
        exit(First, kill),
        until(fun() -> [Child || {first, Child, _, _} <- supervisor:which_children(Pid), Child =/= First] =/= [] end),
        #{rows := [{_, #{supervisor := Facts}} | _]} = Run(#{root => Pid}),
        ?assertMatch(#{restarts := 1, intensity := 7}, Facts)
    end).

by_restarts(Run) ->
    with(nested, fun(Pid) ->
        Inner = maps:from_list([{Id, Child} || {Id, Child, _, _} <- supervisor:which_children(Pid)]),
        [restart(map_get(Id, Inner), Times) || {Id, Times} <- [{b, 2}, {c, 1}]],
        By = #{root => Pid, sort => restarts, order => descending},
        #{supervisors := 5, restarts := {4, 2}, rows := Rows, total := 8} = Run(By),
        ?assertEqual([b, c], [Id || {_, #{id := Id}} <- lists:sublist(Rows, 2)]),
        #{supervisors := 5, restarts := {4, 2}, rows := [{_, #{id := b}}], matched := 2, total := 8, next := Next} =
            Run(By#{min_restarts => 1, limit => 1}),
        #{rows := [{_, #{id := c, supervisor := #{restarts := 1}}}], next := undefined} =
            Run(By#{min_restarts => 1, limit => 1, 'after' => term_to_binary(Next)}),
        %% Below the last level, too.
        #{rows := [{_, #{id := b}} | _], restarts := {4, 2}} = Run(By#{depth => 2}),
        #{rows := Top, restarts := {0, 0}, incomplete := [deadline]} = Run(By#{deadline_ms => 0}),
        ?assertMatch([_], Top),
        ?assertNot(is_map_key(restarts, Run(#{root => Pid}))),
        1 = erlang:trace(Pid, true, ['receive']),
        #{rows := _} = Run(By),
        1 = erlang:trace(Pid, false, ['receive']),
        Delivered = erlang:trace_delivered(Pid),
        receive {trace_delivered, Pid, Delivered} -> ok end,
        ?assertEqual(1, length([get_state || get_state <- received(Pid)]))
    end).

restart(_, 0) ->
    ok;
restart(Pid, Times) ->
    [{Id, Child, _, _}] = supervisor:which_children(Pid),
    exit(Child, kill),
    until(fun() -> [New || {_, New, _, _} <- supervisor:which_children(Pid), is_pid(New), New =/= Child] =/= [] end),
    ?assertMatch([{Id, _, _, _}], supervisor:which_children(Pid)),
    restart(Pid, Times - 1).

remote(Run) ->
    with(remote, fun(Pid) ->
        #{rows := [_, {_, Remote}]} = Run(#{root => Pid}),
        ?assertMatch(#{id := far, status := remote, pid := Far} when node(Far) =/= node(), Remote),
        ?assertNot(is_map_key(memory, Remote)),
        ?assertMatch(#{matched := 1}, Run(#{root => Pid, status => remote, sort => memory, order => descending}))
    end).

depth(Run) ->
    with(static, fun(Pid) ->
        #{total := 3, incomplete := [depth], rows := Rows} = Run(#{root => Pid, depth => 2}),
        [Inner] = [Facts || {_, #{id := inner, supervisor := Facts}} <- Rows],
        ?assertMatch(#{active := 1, strategy := one_for_one}, Inner),
        ?assertNot(is_map_key(children, Inner)),
        #{total := 2, matched := 2, incomplete := [depth], rows := [_]} = Run(#{root => Pid, depth => 1}),
        #{total := 2, matched := 0, rows := []} = Run(#{root => Pid, depth => 1, pattern => <<"first">>})
    end).

hidden(Run) ->
    with(hidden, fun(Pid) ->
        #{total := 3, incomplete := [], supervisors := 2, rows := [_, {_, Inner}, {_, Innermost}, {_, Plain}]} = Run(#{root => Pid}),
        ?assertMatch(#{id := inner, type := supervisor, called := worker, supervisor := #{children := 1}}, Inner),
        ?assertMatch(#{id := innermost, depth := 3}, Innermost),
        ?assertMatch(#{id := plain, type := worker}, Plain),
        ?assertNot(is_map_key(called, Plain)),
        ?assertMatch(#{matched := 1}, Run(#{root => Pid, type => supervisor, pattern => <<"inner">>}))
    end).

again(Run) ->
    with(circle, fun(Pid) ->
        #{total := 2, supervisors := 1, incomplete := [], rows := [{_, Top}, {_, First}, {_, Second}]} = Run(#{root => Pid}),
        ?assertMatch(#{supervisor := #{children := 2}}, Top),
        ?assertNot(is_map_key(again, Top)),
        [?assertMatch(#{pid := Pid, type := supervisor, again := true}, Row) || Row <- [First, Second]],
        [?assertNot(is_map_key(supervisor, Row)) || Row <- [First, Second]],
        ?assertMatch(#{restarts := {1, 0}}, Run(#{root => Pid, sort => restarts, order => descending}))
    end),
    with(shared, fun(Pid) ->
        #{total := 4, supervisors := 3, rows := Rows} = Run(#{root => Pid}),
        ?assertEqual(
            [{above, false}, {same, true}, {shared, false}, {innermost, false}],
            [{Id, maps:get(again, Row, false)} || {_, #{id := Id, depth := Depth} = Row} <- Rows, Depth > 1]
        ),
        %% Below the last level, too.
        #{total := 2, supervisors := 3, rows := [_, _, {_, Shared}]} = Run(#{root => Pid, depth => 2}),
        ?assertNot(is_map_key(again, Shared))
    end).

busy(Run) ->
    with(slow, fun(Pid) ->
        Starter = spawn(fun() -> supervisor:start_child(Pid, [[infinity]]) end),
        until(fun() -> process_info(Pid, current_function) =/= {current_function, {gen_server, loop, 7}} end),
        #{total := 0, incomplete := [busy], rows := [{_, #{supervisor := Facts}}]} = Run(#{root => Pid}),
        ?assertMatch(#{busy := {waiting, 0, {proc_lib, _, _}}}, Facts),
        ?assertEqual({messages, []}, process_info(Pid, messages)),
        exit(Starter, kill)
    end),
    %% However deep in what starts a child.
    with(deep, fun(Pid) ->
        Starter = spawn(fun() -> supervisor:start_child(Pid, [20]) end),
        until(fun() -> process_info(Pid, current_function) =:= {current_function, {?MODULE, start_deep, 1}} end),
        #{incomplete := [busy]} = Run(#{root => Pid}),
        exit(Starter, kill)
    end).

suspended(Run) ->
    with(static, fun(Pid) ->
        sys:suspend(Pid),
        #{total := 0, incomplete := [busy]} = Run(#{root => Pid}),
        sys:resume(Pid),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end).

%% The second child suspends the first when it is asked for its children.
busy_later(Run) ->
    with(later, fun(Pid) ->
        #{rows := Rows} = Run(#{root => Pid}),
        [Victim] = [Facts || {_, #{id := victim, supervisor := Facts}} <- Rows],
        ?assertMatch(#{children := 1, busy := {waiting, 0, {sys, _, _}}}, Victim),
        ?assertNot(is_map_key(strategy, Victim)),
        [sys:resume(Child) || {victim, Child, _, _} <- supervisor:which_children(Pid)]
    end).

ended_root(Run) ->
    Pid = spawn(fun idle/0),
    kill(Pid),
    ?assertError({ended, Pid}, Run(#{root => Pid})).

no_root(Run) ->
    Atoms = erlang:system_info(atom_count),
    Name = list_to_binary(["agent_test_no_", "such_root"]),
    ?assertError({unknown_atom, Name}, Run(#{root => Name})),
    ?assertError({no_root, eunit_test}, Run(#{root => <<"eunit_test">>})),
    ?assertEqual(Atoms, erlang:system_info(atom_count)).

deadline(Run) ->
    #{incomplete := [deadline], rows := Rows} = Run(#{deadline_ms => 0}),
    ?assert(length(Rows) >= 1).

run(Way, Extra) ->
    Spec = maps:merge(
        #{
            depth => 10,
            children => 100,
            call_ms => 5000,
            state_heap => 1000000,
            dictionary_heap => 1000000,
            sort => tree,
            order => ascending,
            limit => 100,
            deadline_ms => 60000
        },
        Extra
    ),
    answer(Way, tree, Spec).
