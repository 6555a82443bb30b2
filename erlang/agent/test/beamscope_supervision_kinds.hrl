%% The tests of what is no supervisor of OTP's, or cannot be known to be one. To be included behind beamscope_supervision_scene.hrl.

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

%% Whoever has started a supervisor is linked to it as its children are, and is none of them.
no_parents(Run) ->
    Below = fun(Root, Spec) ->
        #{rows := [{_, #{pid := Root}} | Rows]} = Run(maps:merge(#{root => Root, children => 10, limit => 10000}, Spec)),
        [Pid || {_, #{pid := Pid}} <- Rows]
    end,
    with(static, fun(Pid) ->
        Started = fun(Id, Start) ->
            {ok, Child} = supervisor:start_child(Pid, #{id => Id, start => Start, type => supervisor}),
            Child
        end,
        %% What says nothing else of itself; and of which, before OTP 26.2, nothing is read.
        Bare = Started(bare, {?MODULE, start_putting, [[{'$initial_call', {supervisor_bridge, x, 1}}, {'$ancestors', []}]]}),
        Large = fun(What) -> {gen_server, start_link, [supervisor, {self, ?MODULE, What}, []]} end,
        Spawned = Started(spawned, Large({ids, 3000, 0})),
        Servers = Started(servers, Large({servers, 1500})),
        ?assertEqual([], Below(Bare, #{})),
        ?assertEqual({3000, false}, {length(Below(Spawned, #{})), lists:member(Pid, Below(Spawned, #{}))}),
        ?assertEqual({1500, false}, {length(Below(Servers, #{})), lists:member(Pid, Below(Servers, #{}))}),
        %% Nor are those beside it below it.
        All = Below(Pid, #{}),
        ?assertEqual([], [Twice || Twice <- [Pid, Bare, Spawned, Servers], length([One || One <- All, One =:= Twice]) > 1]),
        %% They end before the next test counts processes.
        [ok = supervisor:terminate_child(Pid, Id) || Id <- [spawned, servers]]
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
