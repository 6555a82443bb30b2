-module(beamscope_supervision_tests).

-behaviour(supervisor).

-include_lib("eunit/include/eunit.hrl").

-export([init/1, terminate/2, start_foreign/1, handle_call/3, handle_cast/2, start_child/0, start_child/1, start_idle/1, start_self/0, start_found/1, fail/0, ignore/0, start_far/0, start_putting/1, put_and_idle/2, start_deep/1]).

-include("beamscope_both_ways.hrl").

-include("beamscope_foreign_supervisor.hrl").

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
        {"any terms in their dictionaries", fun odd_dictionaries/1},
        {"any answers", fun odd_answers/1},
        {"names that are no atoms make none", fun no_root/1},
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

%% What a process has received that was traced.
received(Pid) ->
    receive
        {trace, Pid, 'receive', {system, _, get_state}} -> [get_state | received(Pid)];
        {trace, Pid, 'receive', {'$gen_call', _, which_children}} -> [which_children | received(Pid)];
        {trace, Pid, 'receive', _} -> received(Pid)
    after 0 -> []
    end.

restart(_, 0) ->
    ok;
restart(Pid, Times) ->
    [{Id, Child, _, _}] = supervisor:which_children(Pid),
    exit(Child, kill),
    until(fun() -> [New || {_, New, _, _} <- supervisor:which_children(Pid), is_pid(New), New =/= Child] =/= [] end),
    ?assertMatch([{Id, _, _, _}], supervisor:which_children(Pid)),
    restart(Pid, Times - 1).

many(Run) ->
    with(over, fun(Over) ->
        [{simple, Pid, _, _}] = supervisor:which_children(Over),
        Children = [element(2, supervisor:start_child(Pid, [small])) || _ <- lists:seq(1, 2500)],
        #{total := 11, incomplete := [many], rows := [_, {_, Top} | Rows]} = Run(#{root => Over, children => 10}),
        #{supervisor := #{children := 2500, active := 2500, listed := 10, children_memory := Memory}} = Top,
        ?assertEqual(lists:sublist(lists:sort(Children), 10), [Child || {_, #{pid := Child}} <- Rows]),
        ?assertEqual(lists:sum([element(2, process_info(Child, memory)) || Child <- Children]), Memory),
        #{incomplete := [many], total := 2501} = Run(#{root => Over, children => 2500}),
        %% Where the tree begins at it, all are listed.
        #{incomplete := [], total := 2500, rows := Listed} = Run(#{root => Pid, children => 10, limit => 1000000}),
        ?assertEqual([Pid | lists:sort(Children)], [Child || {_, #{pid := Child}} <- Listed]),
        #{rows := [{_, #{supervisor := Large}} | _]} = Run(#{root => Pid, children => 10, state_heap => 10}),
        ?assertMatch(#{large := _}, Large),
        ?assertNot(is_map_key(strategy, Large))
    end),
    %% Room for a heap is none that anything lies on.
    with(static, fun(Pid) ->
        Start = {gen_server, start_link, [supervisor, {self, ?MODULE, inner}, [{spawn_opt, [{min_heap_size, 100000}]}]]},
        {ok, Few} = supervisor:start_child(Pid, #{id => few, type => supervisor, start => Start}),
        #{rows := Rows} = Run(#{root => Pid}),
        [Facts] = [Facts || {_, #{pid := Child, supervisor := Facts}} <- Rows, Child =:= Few],
        ?assertMatch(#{strategy := one_for_one, children := 1}, Facts)
    end).

%% What children have in common lies there once and is copied for each. Where that could be too much, nobody is asked; where
%% it could not, it may still be more than we take, and costs its own answer only.
common(Run) ->
    Told = fun(What, Children, Items, Spec) ->
        beneath({What, Children, Items}, fun(Pid) ->
            garbage_collect(Pid),
            1 = erlang:trace(Pid, true, ['receive']),
            #{rows := [{_, #{supervisor := Facts}} | Rows], incomplete := Missing, total := Total} =
                Run(maps:merge(#{root => Pid, dictionary_heap => 100000000, limit => 3}, Spec)),
            1 = erlang:trace(Pid, false, ['receive']),
            Delivered = erlang:trace_delivered(Pid),
            receive {trace_delivered, Pid, Delivered} -> ok end,
            ?assertEqual(Children, Total),
            Ids = [Id || {_, #{id := Id} = Row} <- Rows, not is_map_key(id_is, Row) orelse map_get(id_is, Row) =/= unknown],
            {received(Pid), Missing, Ids =/= [], lists:member(strategy, maps:keys(Facts)), is_map_key(large, Facts)}
        end)
    end,
    ?assertEqual({[which_children, get_state], [], true, true, false}, Told(ids, 20, 10, #{})),
    ?assertEqual({[], [links], false, false, true}, Told(ids, 500, 50000, #{})),
    ?assertEqual({[], [links], false, false, true}, Told(arguments, 500, 50000, #{})),
    %% Of what it was not asked for nothing is known: its state has an id in three places.
    ?assertEqual({[], [depth], false, false, true}, Told(ids, 400, 15000, #{depth => 1})),
    ?assertEqual({[which_children, get_state], [], true, true, false}, Told(ids, 20, 15000, #{})),
    ?assertEqual({[which_children], [links], false, false, true}, Told(ids, 500, 8000, #{})),
    ?assertEqual({[which_children, get_state], [], true, false, true}, Told(arguments, 500, 9500, #{})),
    %% Of so many that share nothing this cannot be known; whoever asks may take it on himself, up to a heap.
    ?assertEqual({[], [links], false, false, true}, Told(ids, 4000, 0, #{})),
    ?assertEqual({[], [links], false, false, true}, Told(ids, 4000, 0, #{permitted_heap => 1000})),
    ?assertEqual({[which_children, get_state], [], true, true, false}, Told(ids, 4000, 0, #{permitted_heap => 10000000})),
    %% That holds for the one with which the tree begins.
    beneath({ids, 4000, 0}, fun(Pid) ->
        {_, Dictionary} = process_info(Pid, dictionary),
        [Above | _] = proplists:get_value('$ancestors', Dictionary),
        Spec = #{root => Above, dictionary_heap => 100000000, permitted_heap => 10000000},
        #{incomplete := Missing, rows := Rows} = Run(Spec),
        [Below] = [Facts || {_, #{pid := Is, supervisor := Facts}} <- Rows, Is =:= Pid],
        ?assertEqual({[many], true}, {Missing, is_map_key(large, Below)})
    end).

%% More than it is asked for: they are read from its links.
crowd(Run) ->
    with(simple, fun(Pid) ->
        Children = lists:sort([element(2, supervisor:start_child(Pid, [small])) || _ <- lists:seq(1, 10005)]),
        {Large, Named, Told} = {lists:nth(9000, Children), lists:nth(9500, Children), lists:nth(9900, Children)},
        Large ! lists:seq(1, 100000),
        [Told ! hello || _ <- [1, 2]],
        register(beamscope_test_crowded, Named),
        Root = #{root => Pid, children => 10},
        #{total := 10005, matched := 10005, incomplete := [], rows := [{_, Top}, {_, #{pid := First}} | _]} = All = Run(Root),
        ?assertEqual(hd(Children), First),
        ?assertMatch(#{children := 10005, listed := 10005}, map_get(supervisor, Top)),
        ?assertNot(is_map_key(looked, All)),
        Page = fun(Limit, After) ->
            #{rows := Rows, next := Next} = Run(Root#{limit => Limit, 'after' => term_to_binary(After)}),
            {[Child || {_, #{pid := Child}} <- Rows], Next}
        end,
        Fifth = [1, lists:nth(5, Children)],
        {Second, Next} = Page(20, {Fifth, Fifth}),
        ?assertEqual(lists:sublist(Children, 6, 20), Second),
        %% A position among children that it told of is none here.
        ?assertError(changed, Page(20, {[1, 5], [1, 5]})),
        {Third, _} = Page(20, Next),
        ?assertEqual(lists:sublist(Children, 26, 20), Third),
        ?assertEqual({lists:nthtail(9900, Children), undefined}, Page(200, {[1, Told], [1, Told]})),
        Sorted = fun(Sort) ->
            #{rows := Rows} = Run(Root#{sort => Sort, order => descending, limit => 2}),
            [Child || {_, #{pid := Child, depth := 2}} <- Rows]
        end,
        ?assertEqual([Large], lists:sublist(Sorted(memory), 1)),
        ?assertEqual([Told], lists:sublist(Sorted(message_queue), 1)),
        Found = fun(Filter) ->
            #{total := 10005, matched := Matched, rows := Rows} = Run(maps:merge(Root#{limit => 3}, Filter)),
            {Matched, [Child || {_, #{pid := Child}} <- Rows]}
        end,
        ?assertEqual({1, [Large]}, Found(#{child => Large})),
        ?assertEqual({1, [Named]}, Found(#{pattern => <<"test_CROWDED">>})),
        ?assertEqual({0, []}, Found(#{child => Large, status => remote})),
        ?assertEqual({0, []}, Found(#{child => self()})),
        ?assertMatch({10005, [_, _, _]}, Found(#{type => worker})),
        ?assertMatch({0, []}, Found(#{type => supervisor, pattern => <<"nothing">>})),
        #{incomplete := Missing} = Run(Root#{pattern => <<"nothing">>}),
        ?assertEqual([unread || not reads_keys()], Missing),
        #{rows := [{_, Row}]} = Run(Root#{child => Large}),
        ?assertMatch(#{depth := 2, id := undefined, status := running, type := worker, memory := _, above := [_]}, Row),
        ?assertNot(is_map_key(id_is, Row))
    end).

late_crowd(Run) ->
    with(simple, fun(Pid) ->
        [supervisor:start_child(Pid, [small]) || _ <- lists:seq(1, 10005)],
        Spec = #{root => Pid, children => 10, sort => memory, order => descending},
        #{looked := {Seen, 9995}, total := 10005, matched := Matched} = late(Run, Spec, 1),
        ?assert(Seen < 9995),
        %% Of the ten that have rows some may not have been asked for their memory either.
        ?assert(Matched >= Seen andalso Matched =< Seen + 10)
    end).

%% The answer in the first of so many milliseconds that let the root be opened, and no more.
late(Run, Spec, Millis) ->
    case Run(Spec#{deadline_ms => Millis}) of
        #{looked := _} = Answer -> Answer;
        #{incomplete := [deadline]} -> late(Run, Spec, Millis + 1)
    end.

%% Neither do they make rows without end, nor is one asked that would tell of very many.
without_processes(Run) ->
    with({ignored, 300}, fun(Pid) ->
        #{total := 300, incomplete := [], rows := [{_, #{supervisor := Facts}} | Rows]} =
            Run(#{root => Pid, children => 10, limit => 1000}),
        ?assertMatch(#{children := 300, active := 0, listed := 300}, Facts),
        ?assertEqual(lists:seq(1, 300), [Id || {_, #{id := Id, status := undefined}} <- Rows])
    end),
    beneath({ignored, 40000}, fun(Pid) ->
        {ok, Child} = supervisor:start_child(Pid, #{id => alive, start => {?MODULE, start_child, []}}),
        1 = erlang:trace(Pid, true, ['receive']),
        #{total := 1, incomplete := [links], rows := [{_, #{supervisor := Facts}}, {_, #{pid := Child}}]} =
            Run(#{root => Pid, children => 10, dictionary_heap => 100000000}),
        ?assertMatch(#{children := 1, active := 1, listed := 1}, Facts),
        ?assertEqual(1, erlang:trace(Pid, false, ['receive'])),
        receive
            {trace, Pid, 'receive', _} -> error(asked)
        after 0 -> ok
        end
    end).

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

other_kinds(Run) ->
    with(kinds, fun(Pid) ->
        #{rows := Rows, incomplete := [not_asked]} = Run(#{root => Pid}),
        Told = maps:from_list([{Id, Row} || {_, #{depth := 2, id := Id} = Row} <- Rows]),
        ?assertMatch(#{supervisor := #{not_asked := bridge, children := 1}}, map_get(bridge, Told)),
        ?assertMatch(#{supervisor := #{not_asked := other, callback := ?MODULE, children := 1}}, map_get(custom, Told)),
        ?assertMatch(#{not_asked := other}, map_get(plain, Told)),
        ?assertMatch(
            [#{above := [_, bridge], pid := _, id_is := unknown}, #{above := [_, custom], id_is := unknown}],
            [Row || {_, #{depth := 3} = Row} <- Rows]
        ),
        Pids = [map_get(pid, Row) || Row <- maps:values(Told)],
        ?assertEqual(Pids, [Child || Child <- Pids, is_process_alive(Child)]),
        [?assertEqual({messages, []}, process_info(Child, messages)) || Child <- Pids]
    end).

%% As in RabbitMQ, one below another, and an OTP supervisor below both.
other_root(Run) ->
    with(foreign, fun(Pid) ->
        #{rows := Rows, incomplete := [not_asked]} = Run(#{root => Pid}),
        [Top, Outer, Inner, Worker] = [Row || {_, Row} <- Rows],
        ?assertMatch(#{id := outer, supervisor := #{not_asked := other, callback := foreign_supervisor}}, Outer),
        ?assertMatch(#{depth := 3, type := supervisor, modules := [foreign_supervisor]}, Inner),
        ?assertMatch(#{supervisor := #{not_asked := other, children := 1}}, Inner),
        #{rows := Same, total := 2, incomplete := [not_asked]} = Run(#{root => map_get(pid, Outer)}),
        ?assertEqual(
            [{1, map_get(pid, Outer)}, {2, map_get(pid, Inner)}, {3, map_get(pid, Worker)}],
            [{Depth, Child} || {_, #{depth := Depth, pid := Child}} <- Same]
        ),
        ?assertMatch(#{id := foreign_supervisor, supervisor := #{not_asked := other}}, element(2, hd(Same))),
        ?assertMatch(#{total := 1}, Run(#{root => map_get(pid, Inner)})),
        ?assertMatch(#{strategy := one_for_one, children := 1}, map_get(supervisor, Top))
    end),
    %% What only its supervisor calls one, and what that has for a worker.
    with(kinds, fun(Pid) ->
        #{custom := Custom, bridge := Bridge, plain := Plain, server := Server} =
            maps:from_list([{Id, Child} || {Id, Child, _, _} <- supervisor:which_children(Pid)]),
        ?assertMatch(#{total := 1, incomplete := [not_asked]}, Run(#{root => Custom})),
        ?assertMatch(#{total := 1, rows := [{_, #{id := ?MODULE}} | _]}, Run(#{root => Bridge})),
        ?assertError({not_a_supervisor, _, _, _}, Run(#{root => Plain})),
        ?assertError({not_a_supervisor, _, _, _}, Run(#{root => Server})),
        [?assertEqual({messages, []}, process_info(Child, messages)) || Child <- [Custom, Bridge, Plain, Server]]
    end).

ended_root(Run) ->
    Pid = spawn(fun idle/0),
    kill(Pid),
    ?assertError({ended, Pid}, Run(#{root => Pid})).

unread(Run) ->
    with(static, fun(Pid) ->
        #{incomplete := Missing, rows := [_, _, _, {_, Inner} | _]} = Run(#{root => Pid, depth => 2}),
        ?assertEqual([depth], Missing),
        ?assertMatch(#{id := inner, supervisor := #{callback := ?MODULE}}, Inner),
        %% Room for a heap is none that is copied.
        {ok, Roomy} = gen_server:start(supervisor, {self, ?MODULE, inner}, [{spawn_opt, [{min_heap_size, 200000}]}]),
        ?assertMatch(#{rows := [{_, #{type := supervisor, pid := Roomy}} | _]}, Run(#{root => Roomy})),
        kill(Roomy)
    end),
    %% One on a large heap is known by its modules, as its parent names them, or by its name, or not at all.
    Large = {self, ?MODULE, {ids, 3000, 0}},
    with(static, fun(Pid) ->
        Started = fun(Id, Start) ->
            {ok, Child} = supervisor:start_child(Pid, #{id => Id, start => Start, type => supervisor}),
            Child
        end,
        Called = Started(called, {supervisor, start_link, [?MODULE, {ids, 3000, 0}]}),
        Foreign = Started(foreign, {gen_server, start_link, [supervisor, Large, []]}),
        #{rows := Rows, incomplete := Missing} = Run(#{root => Pid, depth => 2}),
        Told = fun(Child) -> hd([maps:with([supervisor, not_asked], Row) || {_, #{pid := Is} = Row} <- Rows, Is =:= Child]) end,
        ?assertMatch(#{supervisor := #{active := 3000, callback := ?MODULE}}, Told(Called)),
        ?assertMatch(#{rows := [{_, #{type := supervisor}} | _]}, Run(#{root => Called})),
        {ok, Alone} = gen_server:start(supervisor, Large, []),
        case reads_keys() of
            true ->
                ?assertEqual([depth], Missing),
                ?assertMatch(#{rows := [_ | _]}, Run(#{root => Alone}));
            false ->
                ?assertMatch(#{not_asked := unread, supervisor := #{active := 3000}}, Told(Foreign)),
                %% Those that it is linked to are shown, which its parent is not one of.
                #{rows := Deep} = Run(#{root => Pid, children => 3, limit => 1000}),
                ?assertEqual(3, length([Row || {_, #{above := [_, foreign], id_is := unknown} = Row} <- Deep])),
                ?assertNot(lists:member(Pid, [Child || {_, #{above := [_, foreign], pid := Child}} <- Deep])),
                ?assertError({unread, Words} when Words > 16384, Run(#{root => Alone})),
                ?assertMatch(#{rows := [_ | _]}, Run(#{root => Alone, permitted_heap => 1000000}))
        end,
        kill(Alone)
    end),
    %% Whom its parent calls a worker may be one all the same.
    with(static, fun(Pid) ->
        Start = {gen_server, start_link, [supervisor, Large, []]},
        {ok, Child} = supervisor:start_child(Pid, #{id => large_worker, start => Start}),
        {ok, _} = supervisor:start_child(Pid, #{id => plain_worker, start => {?MODULE, start_putting, [large]}}),
        #{rows := Rows, incomplete := Missing} = Run(#{root => Pid}),
        [Told] = [Row || {_, #{pid := Is} = Row} <- Rows, Is =:= Child],
        ?assertEqual([], [Row || {_, #{id := plain_worker, not_asked := _} = Row} <- Rows]),
        case reads_keys() of
            true -> ?assertMatch(#{type := supervisor, called := worker}, Told);
            false -> ?assertMatch({[unread], #{type := worker, not_asked := unread}}, {Missing, Told})
        end
    end).

%% What a dictionary holds is what the process has put there.
odd_dictionaries(Run) ->
    Terms = [[a | b], foo, [], {}, {supervisor, x}, {supervisor, "x", 5}, {1, 2, 3}, #{}, 1.5, <<0>>, [{}], {supervisor_bridge, x, 1}],
    with(static, fun(Pid) ->
        Odd = [
            begin
                Start = {?MODULE, start_putting, [[{'$initial_call', Call}, {'$ancestors', Ancestors}]]},
                {ok, Child} = supervisor:start_child(Pid, #{id => {Call, Ancestors}, type => supervisor, start => Start}),
                Child
            end
         || {Call, Ancestors} <- lists:usort([{Term, []} || Term <- Terms] ++ [{{supervisor_bridge, x, 1}, Term} || Term <- Terms])
        ],
        #{rows := Rows} = Run(#{root => Pid, limit => 1000}),
        ?assertEqual([], Odd -- [Child || {_, #{pid := Child}} <- Rows]),
        [
            try
                Run(#{root => Child})
            catch
                error:{not_a_supervisor, _, _, _} -> ok
            end
         || Child <- Odd
        ],
        ?assertEqual([], [Child || Child <- Odd, process_info(Child, messages) =/= {messages, []}])
    end).

%% Whoever calls itself a supervisor may answer anything, or wait elsewhere than they do.
odd_answers(Run) ->
    Told = fun(Answer) ->
        with(static, fun(Pid) ->
            Start = {gen_server, start_link, [?MODULE, {answers, Answer}, []]},
            {ok, Odd} = supervisor:start_child(Pid, #{id => odd, type => supervisor, start => Start}),
            #{rows := Rows, incomplete := Missing} = Run(#{root => Pid}),
            [Facts] = [Facts || {_, #{pid := Child, supervisor := Facts}} <- Rows, Child =:= Odd],
            {Missing, maps:get(strange, Facts, none), [Row || {_, #{above := [_, odd]} = Row} <- Rows]}
        end)
    end,
    Plain = spawn(fun idle/0),
    Good = {good, Plain, worker, [?MODULE]},
    ?assertMatch({[], none, [#{id := good, modules := [?MODULE]}]}, Told([Good])),
    ?assertMatch({[strange], 4, [#{id := good}]}, Told([{1, foo, 2.5, []}, Good, {a, b, c}, x, {a, undefined, other, []}])),
    ?assertMatch({[], none, [#{modules := dynamic}, #{modules := dynamic}]}, Told([{a, undefined, worker, [b | c]}, {b, restarting, worker, "x" ++ [1.5]}])),
    [?assertEqual({[strange], all, []}, Told(Answer)) || Answer <- [foo, [Good | foo], #{}]],
    kill(Plain),
    %% It is not busy, and will never be idle.
    with(static, fun(Pid) ->
        Putting = [{'$initial_call', {supervisor, ?MODULE, 1}}],
        {ok, Odd} = supervisor:start_child(Pid, #{id => odd, type => supervisor, start => {?MODULE, start_putting, [Putting]}}),
        #{rows := Rows, incomplete := [not_asked]} = Run(#{root => Pid}),
        ?assertMatch([#{not_asked := other}], [Facts || {_, #{pid := Child, supervisor := Facts}} <- Rows, Child =:= Odd]),
        ?assertEqual({messages, []}, process_info(Odd, messages))
    end).

%% One key of a dictionary, from OTP 26.2 on.
reads_keys() ->
    try
        process_info(self(), [{dictionary, key}]) =/= undefined
    catch
        error:badarg -> false
    end.

no_supervisor(Run) ->
    {ok, Server} = gen_server:start(?MODULE, server, []),
    Plain = spawn(fun idle/0),
    ?assertError(
        {not_a_supervisor, {?MODULE, init, 1}, {current_function, {gen_server, loop, _}}, undefined}, Run(#{root => Server})
    ),
    ?assertError({not_a_supervisor, undefined, _, undefined}, Run(#{root => Plain})),
    ?assertError({not_a_supervisor, _, _, kernel}, Run(#{root => <<"code_server">>})),
    [?assertEqual({messages, []}, process_info(Pid, messages)) || Pid <- [Server, Plain]],
    ?assertEqual(ok, gen_server:call(Server, anything)),
    [kill(Pid) || Pid <- [Server, Plain]].

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


%% A supervisor, ended whatever becomes of Body.
with(Kind, Body) ->
    {ok, Pid} = supervisor:start_link(?MODULE, Kind),
    register(?MODULE, Pid),
    try
        Body(Pid)
    after
        unlink(Pid),
        kill(Pid)
    end.

%% The same of one below another.
beneath(Kind, Body) ->
    with(above, fun(Above) ->
        Start = {supervisor, start_link, [?MODULE, Kind]},
        {ok, Pid} = supervisor:start_child(Above, #{id => below, type => supervisor, start => Start}),
        try
            Body(Pid)
        after
            supervisor:terminate_child(Above, below)
        end
    end).

init(above) ->
    {ok, {#{}, []}};
init(static) ->
    {ok, {
        #{strategy => one_for_one, intensity => 7, period => 3600},
        [
            #{id => first, start => {?MODULE, start_child, []}},
            #{id => lists:seq(1, 1000), start => {?MODULE, fail, []}},
            #{
                id => inner,
                type => supervisor,
                start => {supervisor, start_link, [?MODULE, inner]},
                modules => [?MODULE]
            }
        ]
    }};
init({ignored, Count}) ->
    {ok, {#{}, [#{id => N, restart => transient, start => {?MODULE, ignore, []}} || N <- lists:seq(1, Count)]}};
init({ids, Count, Items}) ->
    Common = lists:seq(1, Items),
    {ok, {#{}, [#{id => {N, Common}, start => {?MODULE, start_child, []}} || N <- lists:seq(1, Count)]}};
init({arguments, Count, Items}) ->
    Common = lists:seq(1, Items),
    {ok, {#{}, [#{id => N, start => {?MODULE, start_idle, [Common]}} || N <- lists:seq(1, Count)]}};
init(remote) ->
    {ok, {#{}, [#{id => far, start => {?MODULE, start_far, []}}]}};
init(nested) ->
    Supervisors = [#{id => Id, type => supervisor, start => {supervisor, start_link, [?MODULE, inner]}} || Id <- [a, b, c]],
    Foreign = {?MODULE, start_foreign, [[{?MODULE, start_child, []}]]},
    {ok, {#{}, Supervisors ++ [#{id => foreign, type => supervisor, start => Foreign}]}};
init(inner) ->
    {ok, {#{intensity => 5, period => 3600}, [#{id => innermost, start => {?MODULE, start_child, []}, modules => dynamic}]}};
init(hidden) ->
    {ok, {#{}, [#{id => inner, start => {supervisor, start_link, [?MODULE, inner]}}, #{id => plain, start => {?MODULE, start_child, []}}]}};
init(circle) ->
    {ok, {#{}, [#{id => Id, type => supervisor, start => {?MODULE, start_self, []}} || Id <- [a, b]]}};
init(shared) ->
    {ok, Shared} = supervisor:start_link(?MODULE, inner),
    Start = fun(Found) -> {?MODULE, start_found, [Found]} end,
    Above = {supervisor, start_link, [?MODULE, {over_found, Shared}]},
    {ok, {#{}, [#{id => above, type => supervisor, start => Above}, #{id => shared, type => supervisor, start => Start(Shared)}]}};
init({over_found, Pid}) ->
    {ok, {#{}, [#{id => same, type => supervisor, start => {?MODULE, start_found, [Pid]}}]}};
init(over) ->
    {ok, {#{}, [#{id => simple, type => supervisor, start => {supervisor, start_link, [?MODULE, simple]}}]}};
init(simple) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {?MODULE, start_child, []}}]}};
init(deep) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {?MODULE, start_deep, []}}]}};
init(slow) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {proc_lib, start_link, [timer, sleep]}}]}};
init(later) ->
    {ok, {#{}, [
        #{id => victim, type => supervisor, start => {supervisor, start_link, [?MODULE, inner]}},
        #{id => suspender, type => supervisor, start => {gen_server, start_link, [?MODULE, suspender, []]}}
    ]}};
init(kinds) ->
    {ok, {#{}, [
        #{id => bridge, type => supervisor, start => {supervisor_bridge, start_link, [?MODULE, bridge]}},
        #{id => custom, type => supervisor, start => {gen_server, start_link, [?MODULE, custom, []]}},
        #{id => server, start => {gen_server, start_link, [?MODULE, server, []]}},
        #{id => plain, type => supervisor, start => {?MODULE, start_child, []}}
    ]}};
init(foreign) ->
    Inner = {?MODULE, start_foreign, [[{?MODULE, start_child, []}]]},
    {ok, {#{}, [#{id => outer, type => supervisor, start => {?MODULE, start_foreign, [[Inner]]}}]}};
init(bridge) ->
    {ok, Pid} = start_child(),
    {ok, Pid, state};
init(custom) ->
    start_child();
init(suspender) ->
    put('$initial_call', {supervisor, ?MODULE, 1}),
    {ok, suspender};
init({answers, _} = Answers) ->
    put('$initial_call', {supervisor, ?MODULE, 1}),
    {ok, Answers};
init(server) ->
    {ok, state}.

terminate(_, _) -> ok.

handle_call(which_children, {Asking, _}, suspender) ->
    [Parent | _] = get('$ancestors'),
    {_, Links} = process_info(Parent, links),
    [
        sys:suspend(Pid)
     || Pid <- Links, is_pid(Pid), Pid =/= self(), Pid =/= Asking,
        {dictionary, Entries} <- [process_info(Pid, dictionary)],
        lists:prefix([Parent], proplists:get_value('$ancestors', Entries, []))
    ],
    {reply, [], suspender};
handle_call(which_children, _, {answers, Answer} = State) ->
    {reply, Answer, State};
handle_call(_, _, State) ->
    {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.

start_child() -> start_child(small).

start_idle(_) -> start_child().

start_putting(Entries) ->
    proc_lib:start_link(?MODULE, put_and_idle, [self(), Entries]).

put_and_idle(Parent, large) ->
    put_and_idle(Parent, [{items, lists:seq(1, 100000)}]);
put_and_idle(Parent, Entries) ->
    [put(Key, Value) || {Key, Value} <- Entries],
    proc_lib:init_ack(Parent, {ok, self()}),
    idle().

start_deep(0) ->
    receive
        never -> ignore
    end;
start_deep(Frames) ->
    {start_deep(Frames - 1), Frames}.

start_self() -> {ok, self()}.

start_found(Pid) -> {ok, Pid}.

ignore() -> ignore.

start_child(Data) ->
    {ok,
        spawn_link(fun() ->
            idle(),
            Data
        end)}.

fail() -> ignore.

%% NEW_PID_EXT.
start_far() -> {ok, binary_to_term(<<131, 88, 119, 3, "a@b", 90:32, 0:32, 1:32>>)}.

idle() ->
    receive
        never -> ok
    end.

until(Condition) ->
    case Condition() of
        true ->
            ok;
        false ->
            erlang:yield(),
            until(Condition)
    end.

kill(Pid) ->
    Monitor = erlang:monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.
