%% The tests of supervisors outside of the trees of applications. To be included behind beamscope_supervision_scene.hrl.

%% Whose starter is no supervisor, though one may have started that.
outside(Run) ->
    settled(Run),
    with(outer, fun(Pid) ->
        #{rows := Rows, total := Total, outside := Outside, incomplete := Missing} = Run(#{limit => 1000}),
        ?assertEqual(Total, length(Rows)),
        ?assertEqual([], Missing),
        #{found := {Count, Count}, unread := {0, []}, unsought := 0} = Outside,
        Starting = maps:from_list([{Id, Child} || {Id, Child, _, _} <- supervisor:which_children(Pid)]),
        [Below] = [Child || {_, #{pid := Child, started_by := By}} <- Rows, By =:= map_get(starting, Starting)],
        [Top] = [Row || {_, #{pid := Is} = Row} <- Rows, Is =:= Pid],
        ?assertMatch(#{depth := 1, id := ?MODULE, above := [], started_by := By, application := undefined} when By =:= self(), Top),
        ?assertMatch(#{supervisor := #{callback := ?MODULE, children := 2, strategy := one_for_one}}, Top),
        %% Those of one starter stand by their pids, which are not in the order in which processes were started.
        Trees = #{Pid => [{inner, 2, [?MODULE]}, {innermost, 3, [?MODULE, inner]}, {starting, 2, [?MODULE]}], Below => [{innermost, 2, [?MODULE]}]},
        ?assertEqual(
            lists:append([map_get(Root, Trees) || Root <- lists:sort([Pid, Below])]),
            [{Id, Depth, Above} || {_, #{id := Id, depth := Depth, above := [?MODULE | _] = Above}} <- Rows]
        ),
        %% Nobody has two rows.
        Pids = [Child || {_, #{pid := Child}} <- Rows],
        ?assertEqual(length(Pids), length(lists:usort(Pids))),
        %% Pages go on behind them, and they are filtered as any other.
        ?assertEqual([Key || {Key, _} <- Rows], [Key || {Key, _} <- follow(Run, #{limit => 7})]),
        #{matched := 1, rows := [{_, #{pid := Below}}]} = Run(#{child => Below}),
        %% Whose parent is one is none, wherever the tree ends.
        [
            begin
                #{rows := Few, outside := #{found := {Some, _}}} = Run(Spec#{limit => 1000}),
                ?assertEqual(Count, Some),
                ?assertEqual(lists:sort([Pid, Below]), lists:sort([Child || {_, #{started_by := _, pid := Child}} <- Few, lists:member(Child, [Pid, Below])]))
            end
         || Spec <- [#{depth => 1}, #{children => 1}]
        ],
        ?assertNot(is_map_key(outside, Run(#{root => Pid})))
    end).

outside_starters(Run) ->
    settled(Run),
    {ok, Lone} = gen_server:start(supervisor, {self, ?MODULE, inner}, []),
    {Starter, Many} = ended_starter(fun() -> [lone() || _ <- lists:seq(1, 5)] end),
    {_, Script} = ended_starter(fun() -> true = register(scene_script, self()), lone() end),
    Behind = lone(),
    #{rows := Rows, outside := #{found := {Found, Listed}}} = Run(#{children => 2, limit => 1000}),
    Told = fun(Pids) -> [{Pid, By} || {_, #{pid := Pid, started_by := By}} <- Rows, lists:member(Pid, Pids)] end,
    ?assertEqual([{Pid, self()} || Pid <- lists:sort([Lone, Behind])], Told([Lone, Behind])),
    ?assertEqual([{Script, {ended, scene_script}}], Told([Script])),
    %% Of one starter as many as of one supervisor.
    ?assertEqual([{Pid, {ended, Starter}} || Pid <- lists:sublist(lists:sort(Many), 2)], Told(Many)),
    ?assertEqual(3, Found - Listed),
    [kill(Pid) || Pid <- [Lone, Behind, Script | Many]],
    ?assertMatch(#{outside := #{found := {Left, Left}}} when Left =:= Found - 8, Run(#{})).

%% What a process makes of Start, and its pid.
ended_starter(Start) ->
    {Starter, Monitor} = spawn_monitor(fun() -> exit({started, Start()}) end),
    receive
        {'DOWN', Monitor, process, Starter, {started, Started}} -> {Starter, Started}
    end.

%% What ends as it is asked, what only says so, and what has said nothing in the place of its ancestors.
outside_odd(Run) ->
    settled(Run),
    {ok, Ending} = gen_server:start(?MODULE, ending, []),
    {ok, Saying} = start_putting([{trap_exit, true}, {'$initial_call', {supervisor, ?MODULE, 1}}, {'$ancestors', foo}]),
    {ok, Silent} = start_putting([{trap_exit, true}, {'$initial_call', unread}]),
    #{rows := Rows, incomplete := Missing} = Run(#{limit => 1000}),
    ?assertEqual([ended, not_asked], Missing),
    [?assertMatch([_], [Row || {_, #{pid := Is} = Row} <- Rows, Is =:= Pid]) || Pid <- [Ending, Saying]],
    ?assertMatch([#{started_by := [], supervisor := #{not_asked := other}}], [Row || {_, #{pid := Pid} = Row} <- Rows, Pid =:= Saying]),
    ?assertEqual([], [Row || {_, #{pid := Pid} = Row} <- Rows, Pid =:= Silent]),
    ?assertNot(is_process_alive(Ending)),
    ?assertEqual([{messages, []}, {messages, []}], [process_info(Pid, messages) || Pid <- [Saying, Silent]]),
    [begin unlink(Pid), kill(Pid) end || Pid <- [Saying, Silent]].

%% Before OTP 26.2.
outside_unread(Run) ->
    {ok, Large} = gen_server:start(supervisor, {self, ?MODULE, {ids, 3000, 0}}, []),
    #{rows := Rows, outside := #{unread := Unread}} = Run(#{limit => 10000}),
    Told = [started || {_, #{pid := Pid, started_by := _}} <- Rows, Pid =:= Large],
    ?assertEqual(hd([{[started], {0, []}} || reads_keys()] ++ [{[], {1, [Large]}}]), {Told, Unread}),
    kill(Large),
    %% What waits as no supervisor does, or was started by one, is none.
    {ok, Machine} = gen_statem:start(?MODULE, {large, machine}, []),
    with(above, fun(Pid) ->
        {ok, _} = supervisor:start_child(Pid, #{id => large, start => {gen_server, start_link, [?MODULE, {large, server}, []]}}),
        ?assertMatch(#{outside := #{unread := {0, []}}}, Run(#{depth => 1}))
    end),
    kill(Machine).

%% Of very many processes those with a name are looked at. Who is below a supervisor that was not is no root all the same.
outside_many(Run) ->
    settled(Run),
    Unnamed = lone(),
    {ok, Named} = gen_server:start({local, scene_named}, supervisor, {{local, scene_named}, ?MODULE, above}, []),
    {ok, _} = supervisor:start_child(Unnamed, #{
        id => below,
        type => supervisor,
        start => {supervisor, start_link, [{local, scene_below}, ?MODULE, above]}
    }),
    Roots = fun(Spec) ->
        #{rows := Rows, outside := #{unsought := Unsought}} = Run(Spec#{limit => 1000}),
        {lists:sort([Pid || {_, #{started_by := _, pid := Pid}} <- Rows]), Unsought}
    end,
    All = {lists:sort([Unnamed, Named]), 0},
    ?assertEqual(All, Roots(#{})),
    {Found, Others} = Roots(#{looked_through => 1}),
    ?assertEqual([Named], Found),
    ?assert(Others > 0 andalso Others < erlang:system_info(process_count)),
    {None, NotAsked} = Roots(#{sought => 0}),
    ?assertEqual([], None),
    ?assert(NotAsked > 2),
    [kill(Pid) || Pid <- [Unnamed, Named]].

outside_late(Run) ->
    {ok, Lone} = gen_server:start(supervisor, {self, ?MODULE, inner}, []),
    #{rows := Rows, outside := #{unsought := Unsought}} = Run(#{deadline_ms => 0, limit => 1000}),
    ?assert(Unsought > erlang:system_info(process_count) - length(registered()) div 2),
    ?assertEqual([], [Pid || {_, #{pid := Pid}} <- Rows, Pid =:= Lone]),
    kill(Lone).

%% Those of tests before, which end with all that they have started.
settled(Run) ->
    until(fun() ->
        #{incomplete := Missing, outside := #{found := Found, unread := Unread}} = Run(#{}),
        {Missing, Found, Unread} =:= {[], {0, 0}, {0, []}}
    end).

lone() ->
    {ok, Pid} = gen_server:start(supervisor, {self, ?MODULE, inner}, []),
    Pid.
