%% The tests of supervisors with many children, or with much that these have in common. To be included behind
%% beamscope_supervision_scene.hrl.

%% What a process has received that was traced.
received(Pid) ->
    receive
        {trace, Pid, 'receive', {system, _, get_state}} -> [get_state | received(Pid)];
        {trace, Pid, 'receive', {'$gen_call', _, which_children}} -> [which_children | received(Pid)];
        {trace, Pid, 'receive', _} -> received(Pid)
    after 0 -> []
    end.

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

%% What our questions leave on the heap of a supervisor at rest is no reason to tell anything else when it is asked again. That
%% holds up to a heap of two megabytes, or which is permitted.
no_garbage(Run) ->
    Repeated = fun(What, Spec) ->
        beneath(What, fun(Pid) ->
            Above = whereis(?MODULE),
            [garbage_collect(Supervisor) || Supervisor <- [Pid, Above]],
            Words = fun(Supervisor) ->
                {_, Facts} = process_info(Supervisor, garbage_collection_info),
                lists:sum([proplists:get_value(Item, Facts) || Item <- [heap_size, old_heap_size, mbuf_size]])
            end,
            Lying = [Words(Pid), Words(Above)],
            Facts = fun() ->
                #{rows := Rows} = Run(maps:merge(#{root => Above, dictionary_heap => 1000000, children => 700, limit => 2000}, Spec)),
                Memory = [{Supervisor, Bytes} || {_, #{pid := Supervisor, type := supervisor, memory := Bytes}} <- Rows],
                {Memory, [maps:without([memory], Row) || {_, Row} <- Rows]}
            end,
            [First, Second, Third, Fourth] = [Facts() || _ <- [1, 2, 3, 4]],
            %% A request that has just been read may be part of what lies there.
            [?assert(After - Before < 200) || {Before, After} <- lists:zip(Lying, [Words(Pid), Words(Above)])],
            ?assertEqual([First, First, First], [Second, Third, Fourth])
        end)
    end,
    Repeated({ids, 3, 0}, #{}),
    Repeated({ids, 400, 0}, #{}),
    Repeated({ids, 400, 0}, #{sort => memory, order => descending}),
    beneath({ids, 6000, 9}, fun(Pid) ->
        Permitting = #{root => Pid, permitted_heap => 100000000, children => 1, limit => 1},
        Lie = fun() ->
            #{rows := [{_, #{supervisor := #{strategy := one_for_one}}}]} = Run(Permitting),
            proplists:get_value(heap_size, element(2, process_info(Pid, garbage_collection_info)))
        end,
        garbage_collect(Pid),
        [First | Others] = [Lie() || _ <- [1, 2, 3]],
        [?assert(abs(Other - First) < 200) || Other <- Others]
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
