-module(beamscope_process_tests).

-include_lib("eunit/include/eunit.hrl").

-behaviour(supervisor).

-export([init/1, start_idle/0, start_foreign/1]).

-include("beamscope_process_subject.hrl").
-include("beamscope_foreign_supervisor.hrl").
-include("beamscope_hoard.hrl").

tests() ->
    [
        {"the keys of a dictionary", fun keys/1},
        {"processes that have ended", fun gone/1},
        {"who spawned whom", fun spawned/1},
        {"the tree of a supervisor", fun supervised/1},
        {"the tree of a supervisor of another kind, and of what is not known to be one", fun other_supervised/1},
        {"the tree in every order, page by page", fun orders/1},
        {"the tree by names and modules", fun tree_filters/1},
        {"a tree of many is cut", fun cut_tree/1},
        {"of a tree of very many so many are looked at", fun large_tree/1},
        {"links and monitors", fun links/1},
        {"links two steps out, page by page", fun far_links/1},
        {"who may be a supervisor, its dictionary unread", fun unread_supervisor/1},
        {"what is no callback, and large, is not told as one", fun large_entry/1},
        {"what is beside a dictionary that is too large to be copied", fun hoarded/1},
        {"links and children of a process that has very many", fun crowded/1}
    ].

keys(Run) ->
    Large = lists:duplicate(1000, key),
    running(
        [
            fun() ->
                [put(Key, {secret, Key}) || Key <- [one, {two, 2}, Large]],
                idle()
            end
        ],
        fun([Pid]) ->
            #{count := 3, keys := Keys} = Answer = Run(keys, #{pid => Pid, limit => 10}),
            ?assertEqual(2, map_size(Answer)),
            ?assertMatch([_], Keys -- [one, {two, 2}]),
            ?assert(lists:all(fun(Key) -> erlang:external_size(Key) =< 300 end, Keys)),
            ?assertMatch(#{count := 3, keys := [_]}, Run(keys, #{pid => Pid, limit => 1}))
        end
    ).

gone(Run) ->
    Pid = running([fun idle/0], fun([Pid]) -> Pid end),
    ?assertEqual(#{gone => true}, Run(keys, #{pid => Pid, limit => 1})),
    ?assertEqual(#{gone => true}, Run(children, tree(Pid, spawned))),
    ?assertMatch(#{total := 0, rows := []}, Run(links, around(Pid, 2))).

spawned(Run) ->
    Self = self(),
    Parent = fun() ->
        Child = spawn(fun() -> Grandchild = spawn_link(fun idle/0), Self ! {family, Grandchild}, idle() end),
        Self ! {child, Child},
        idle()
    end,
    running([Parent], fun([Pid]) ->
        Child = receive {child, First} -> First end,
        Grandchild = receive {family, Second} -> Second end,
        running([fun() -> idle() end], fun(_) ->
            #{left_out := 0, incomplete := Why} = Answer = Run(children, tree(Pid, spawned)),
            Told = [{At, Depth, Above} || #{pid := At, depth := Depth, parent := Above} <- with_root(Answer)],
            case erlang:system_info(otp_release) >= "25" of
                true ->
                    ?assertEqual([{Pid, 0, undefined}, {Child, 1, Pid}, {Grandchild, 2, Child}], Told),
                    ?assertEqual([], Why);
                %% Without a word about ancestors in a dictionary.
                false ->
                    ?assertEqual([{Pid, 0, undefined}], Told),
                    ?assertEqual([parent], Why)
            end
        end),
        exit(Child, kill)
    end).

init(Specs) -> {ok, {#{}, Specs}}.
start_idle() -> {ok, proc_lib:spawn_link(fun idle/0)}.

supervised(Run) ->
    Worker = fun(Id) -> #{id => Id, start => {?MODULE, start_idle, []}} end,
    Inner = #{id => inner, start => {supervisor, start_link, [?MODULE, [Worker(c)]]}, type => supervisor},
    {ok, Pid} = supervisor:start_link(?MODULE, [Worker(a), Inner]),
    #{a := A, inner := Sub} = maps:from_list([{Id, At} || {Id, At, _, _} <- supervisor:which_children(Pid)]),
    [{c, C, _, _}] = supervisor:which_children(Sub),
    #{total := 3, matched := 3, left_out := 0, root := Root} = Answer = Run(children, tree(Pid, supervised)),
    ?assertEqual(
        [{Pid, 0, true, 2}, {A, 1, false, 0}, {Sub, 1, true, 1}, {C, 2, false, 0}],
        [{At, Depth, Is, Count} || #{pid := At, depth := Depth, supervisor := Is, children := Count} <- with_root(Answer)]
    ),
    ?assertEqual({supervisor, ?MODULE, 1}, map_get(initial_call, Root)),
    #{rows := [_, _]} = Run(children, (tree(Pid, supervised))#{depth := 1}),
    stop(Pid).

%% A tree of which the first child has one of its own, as has the last.
orders(Run) ->
    Worker = fun(Id) -> #{id => Id, start => {?MODULE, start_idle, []}} end,
    Inner = fun(Id, Specs) ->
        #{id => Id, start => {supervisor, start_link, [{local, Id}, ?MODULE, Specs]}, type => supervisor}
    end,
    {ok, Pid} = supervisor:start_link(?MODULE, [Inner(orders_b, [Worker(c)]), Worker(d), Inner(orders_a, [Worker(e), Worker(f)])]),
    #{orders_b := B, d := D, orders_a := A} = maps:from_list([{Id, At} || {Id, At, _, _} <- supervisor:which_children(Pid)]),
    [{c, C, _, _}] = supervisor:which_children(B),
    [F, E] = [At || {_, At, _, _} <- supervisor:which_children(A)],
    Orders = [
        {tree, ascending, [B, C, D, A, E, F]},
        {depth, ascending, [B, D, A, C, E, F]},
        {name, ascending, [A, B, C, D, E, F]},
        {children, descending, [A, B, F, E, D, C]}
    ],
    [
        begin
            Spec = (tree(Pid, supervised))#{sort := Sort, order := Order, limit := Limit},
            ?assertEqual({Sort, Limit, Expected}, {Sort, Limit, [At || {_, #{pid := At}} <- pages(Run, children, Spec)]})
        end
     || {Sort, Order, Named} <- Orders, Expected <- [settle(Sort, Named, [C, D, E, F])], Limit <- [1, 2, 100]
    ],
    %% Who comes and goes beside a page changes nothing about those behind it.
    Spec = (tree(Pid, supervised))#{limit := 2},
    #{rows := [_, _], next := Next} = Run(children, Spec),
    ok = supervisor:terminate_child(Pid, orders_b),
    ?assertMatch(#{total := 4, rows := [{_, #{pid := D}}, {_, #{pid := A}}]}, Run(children, Spec#{'after' => term_to_binary(Next)})),
    stop(Pid).

%% Where the order is that of pids, which may begin anew on a node that has had very many.
settle(name, [A, B | _], Others) -> [A, B | lists:sort(Others)];
settle(children, [A, B | _], Others) -> [A, B | lists:reverse(lists:sort(Others))];
settle(_, Pids, _) -> Pids.

tree_filters(Run) ->
    Specs = [
        #{id => filters_a, start => {supervisor, start_link, [{local, filters_a}, ?MODULE, []]}, type => supervisor},
        #{id => b, start => {?MODULE, start_idle, []}}
    ],
    {ok, Pid} = supervisor:start_link(?MODULE, Specs),
    A = whereis(filters_a),
    Found = fun(Filter) ->
        #{total := 2, matched := Matched, rows := Rows} = Run(children, maps:merge(tree(Pid, supervised), Filter)),
        ?assertEqual(Matched, length(Rows)),
        [At || {_, #{pid := At}} <- Rows]
    end,
    ?assertEqual([A], Found(#{name => <<"FILTERS">>})),
    ?assertEqual([A], Found(#{module => <<"supervisor">>})),
    ?assertMatch([A, _], Found(#{module => <<"beamscope_process_tests">>})),
    ?assertEqual([], Found(#{module => <<"supervisor">>, name => <<"b">>})),
    ?assertError({unknown_atom, <<"no_such_module_at_all">>}, Found(#{module => <<"no_such_module_at_all">>})),
    stop(Pid),
    %% A supervisor_bridge is of the module of its callbacks, too.
    Kernel = maps:merge(tree(whereis(kernel_sup), supervised), #{module => <<"standard_error">>, limit => 1000}),
    #{rows := Bridges} = Run(children, Kernel),
    ?assert(lists:member(whereis(standard_error_sup), [At || {_, #{pid := At}} <- Bridges])).

with_root(#{root := Root, rows := Rows}) -> [Root | element(2, lists:unzip(Rows))].

other_supervised(Run) ->
    {ok, Pid} = start_foreign([{?MODULE, start_foreign, [[{?MODULE, start_idle, []}]]}]),
    ?assertEqual(
        [{0, true, 1}, {1, true, 1}, {2, false, 0}],
        [
            {Depth, Is, Count}
         || #{depth := Depth, supervisor := Is, children := Count} <- with_root(Run(children, tree(Pid, supervised)))
        ]
    ),
    unlink(Pid),
    kill(Pid),
    Self = self(),
    running([fun() -> Self ! element(2, start_idle()), idle() end], fun([Plain]) ->
        Child = receive Started when is_pid(Started) -> Started end,
        [Root | Below] = with_root(Run(children, tree(Plain, supervised))),
        ?assertMatch(#{supervisor := false}, Root),
        %% Before OTP 25 the child of a process that proc_lib has not started tells its parent all the same.
        ?assertMatch([#{pid := Child, supervisor := false}], Below),
        kill(Child)
    end).

cut_tree(Run) ->
    {ok, Pid} = supervisor:start_link(
        ?MODULE, [#{id => Id, start => {?MODULE, start_idle, []}} || Id <- lists:seq(1, 50)]
    ),
    #{rows := Rows, total := 50, matched := 50, left_out := 0, root := Root} =
        Run(children, (tree(Pid, supervised))#{limit := 10}),
    ?assertEqual(10, length(Rows)),
    ?assertMatch(#{children := 50}, Root),
    #{rows := [], total := 50, matched := 0, left_out := 50, incomplete := [deadline]} =
        Run(children, (tree(Pid, supervised))#{deadline_ms := 0}),
    stop(Pid).

%% More than are looked at: the others are counted.
large_tree(Run) ->
    Parent = fun() -> [proc_lib:spawn_link(fun idle/0) || _ <- lists:seq(1, 5003)], idle() end,
    running([Parent], fun([Pid]) ->
        ?assertMatch(
            #{total := 5003, matched := 5000, left_out := 3, rows := [_, _]},
            Run(children, (tree(Pid, supervised))#{limit := 2, deadline_ms := 60000})
        )
    end).

links(Run) ->
    Self = self(),
    running([fun idle/0], fun([Other]) ->
        Middle = fun() ->
            link(Other),
            erlang:monitor(process, Self),
            [erlang:monitor(process, Other) || _ <- [1, 2]],
            erlang:monitor(process, {code_server, node()}),
            Self ! ready,
            idle()
        end,
        running([Middle], fun([Pid]) ->
            receive ready -> ok end,
            #{total := 4, matched := 4, sum := 5, rows := Rows, incomplete := []} = Run(links, around(Pid, 1)),
            Counts = fun(Some) -> [{Relation, To, Count} || {_, #{relation := Relation, to := To, count := Count}} <- Some] end,
            ?assertEqual([{monitors, Other, 2}], Counts(Rows)),
            [
                ?assertMatch({[{monitors, Other, 2}], 5}, {Counts(Sorted), Sum})
             || Sort <- [relation, to], #{rows := Sorted, sum := Sum} <- [Run(links, (around(Pid, 1))#{sort => Sort})]
            ],
            ?assertMatch(#{sum := 1}, Run(links, (around(Pid, 1))#{relation => link})),
            Told = [{Relation, To} || {_, #{from := From, relation := Relation, to := To, depth := 1}} <- Rows, From =:= Pid],
            ?assertEqual(
                lists:sort([
                    {link, Other}, {monitors, Self}, {monitors, Other}, {monitors, {code_server, node()}}
                ]),
                lists:sort(Told)
            ),
            ?assertMatch(
                #{total := 4, matched := 1, rows := [{_, #{to := Other}}]}, Run(links, (around(Pid, 1))#{relation => link})
            ),
            ?assertMatch(
                #{total := 4, matched := 0, rows := []}, Run(links, (around(Pid, 1))#{relation => monitored_by})
            ),
            %% A neighbour by any relation is followed, whichever relation is shown.
            #{total := Total} = Run(links, around(Other, 2)),
            #{total := Total, rows := Far} = Run(links, (around(Other, 2))#{relation => monitors}),
            ?assertEqual(
                lists:sort([{2, Pid, Self}, {2, Pid, {code_server, node()}}]),
                lists:sort([{Level, From, To} || {_, #{depth := Level, from := From, to := To}} <- Far])
            ),
            #{rows := Back} = Run(links, around(Other, 1)),
            ?assertEqual([link, monitored_by], [Relation || {_, #{relation := Relation}} <- Back]),
            ?assertEqual([{monitored_by, Pid, 2}], Counts(Back)),
            %% The way back is told from the other end only.
            #{rows := Both, sum := 5} = Run(links, around(Other, 2)),
            ?assertEqual([{monitored_by, Pid, 2}], Counts(Both)),
            unlink(Other)
        end)
    end).

far_links(Run) ->
    Port = open_port({spawn, "cat"}, []),
    #{rows := Near} = Run(links, around(self(), 1)),
    ?assertMatch([#{port := <<"cat">>, relation := link}], [Row || {_, #{to := To} = Row} <- Near, To =:= Port]),
    port_close(Port),
    Pid = whereis(kernel_sup),
    #{rows := All, total := Total, next := undefined} = Run(links, around(Pid, 2)),
    ?assertEqual(Total, length(All)),
    ?assertEqual([1, 2], lists:usort([Depth || {_, #{depth := Depth}} <- All])),
    Far = fun(Rows) -> [{Key, maps:with([to], Row)} || {Key, Row} <- Rows] end,
    ?assertEqual(Far(All), Far(pages(Run, links, (around(Pid, 2))#{limit := 3}))).

%% On a heap so large that before OTP 26.2 its dictionary is not read.
unread_supervisor(Run) ->
    Specs = [#{id => a, start => {?MODULE, start_idle, []}}],
    {ok, Pid} = gen_server:start(supervisor, {self, ?MODULE, Specs}, [{spawn_opt, [{min_heap_size, 200000}]}]),
    [{a, Child, _, _}] = supervisor:which_children(Pid),
    #{root := Root, rows := [{_, #{pid := Child}}], incomplete := Why} = Run(children, tree(Pid, supervised)),
    case reads_keys() of
        true -> ?assertMatch({#{supervisor := true}, []}, {Root, Why});
        false -> ?assertMatch({#{supervisor := unknown, children := 1}, [dictionary]}, {Root, Why})
    end,
    kill(Pid).

%% Others that are read with it are told as ever.
hoarded(Run) ->
    with_hoard(process_tests_hoard, fun(Hoard) ->
        {ok, Pid} = supervisor:start_link(?MODULE, [#{id => a, start => {?MODULE, start_idle, []}}]),
        #{rows := Rows} = Run(links, (around(self(), 1))#{relation => link}),
        Calls = maps:from_list([{To, Call} || {_, #{to := To, initial_call := Call}} <- Rows]),
        ?assertEqual({supervisor, ?MODULE, 1}, map_get(Pid, Calls)),
        #{root := Root, rows := Children, incomplete := Why} = Run(children, tree(self(), supervised)),
        ?assertEqual(0, map_get(depth, Root)),
        Told = maps:from_list([{At, {Depth, Is}} || {_, #{pid := At, depth := Depth, supervisor := Is}} <- Children]),
        ?assertMatch({{1, true}, [_]}, {maps:get(Pid, Told), [In || {_, {2, false} = In} <- maps:to_list(Told)]}),
        case {reads_whole(), erlang:system_info(otp_release) >= "25"} of
            {true, true} ->
                ?assertMatch({proc_lib, init_p, _}, map_get(Hoard, Calls)),
                ?assertEqual({{1, unknown}, [dictionary]}, {map_get(Hoard, Told), Why});
            %% Whose child it is stands in its dictionary, too.
            {true, false} ->
                ?assertEqual({false, [dictionary]}, {is_map_key(Hoard, Told), Why});
            {false, _} ->
                ?assertEqual({{1, false}, []}, {map_get(Hoard, Told), Why})
        end,
        stop(Pid)
    end).

%% What OTP keeps there is small: a callback that is none is not told, on no release.
large_entry(Run) ->
    Pid = proc_lib:spawn_link(fun() ->
        put('$initial_call', {large, binary:copy(<<0>>, 100000), 0}),
        idle()
    end),
    until(fun() -> process_info(Pid, current_function) =:= {current_function, {?MODULE, idle, 0}} end),
    #{rows := Rows} = Run(links, (around(self(), 1))#{relation => link}),
    ?assertMatch([{proc_lib, init_p, _}], [Call || {_, #{to := To, initial_call := Call}} <- Rows, To =:= Pid]),
    unlink(Pid),
    kill(Pid).

%% With the heap that a function of the agent gets on a node of so many processes, for each of them.
crowded(Run) ->
    Size = 100000,
    Parent = fun() -> [spawn_link(erlang, hibernate, [timer, sleep, [infinity]]) || _ <- lists:seq(1, Size)], idle() end,
    running([Parent], fun([Pid]) ->
        {links, [Child | _] = Children} = process_info(Pid, links),
        Bounded = fun(Function, Spec) -> bounded(40 * Size, fun() -> Run(Function, Spec) end) end,
        #{total := Size, matched := Size, rows := First, next := Next} = Bounded(links, (around(Pid, 1))#{limit := 2}),
        #{rows := Second} = Bounded(links, (around(Pid, 1))#{limit := 2, 'after' => term_to_binary(Next)}),
        ?assertEqual(lists:sublist(lists:sort(Children), 4), [To || {_, #{to := To}} <- First ++ Second]),
        Last = {{1, Pid, link}, lists:nth(Size - 1, lists:sort(Children))},
        #{rows := [{_, #{to := End}}], next := undefined} =
            Bounded(links, (around(Pid, 1))#{'after' => term_to_binary(Last)}),
        ?assertEqual(lists:max(Children), End),
        ?assertMatch(#{total := Size}, Bounded(links, around(Child, 2))),
        case erlang:system_info(otp_release) >= "25" of
            true -> [#{total := Size} = Bounded(children, (tree(Pid, Tree))#{deadline_ms := 60000}) || Tree <- [spawned, supervised]];
            false -> #{rows := []} = Bounded(children, tree(Pid, supervised))
        end
    end),
    Others = [whereis(Name) || Name <- [init, kernel_sup, code_server]],
    Leaking = fun() -> [erlang:monitor(process, Other) || Other <- Others, _ <- lists:seq(1, Size)], idle() end,
    running([Leaking], fun([Pid]) ->
        #{total := 3, sum := Sum, rows := Rows} = bounded(40 * 3 * Size, fun() -> Run(links, around(Pid, 1)) end),
        ?assertEqual({3 * Size, [Size, Size, Size]}, {Sum, [Count || {_, #{count := Count}} <- Rows]})
    end).

%% What a function returns in a process whose heap has so many words at most.
bounded(Words, Ask) ->
    Limit = #{size => Words, kill => true, error_logger => false},
    {Pid, Monitor} = spawn_opt(fun() -> exit({answer, Ask()}) end, [monitor, {max_heap_size, Limit}]),
    receive
        {'DOWN', Monitor, process, Pid, {answer, Answer}} -> Answer;
        {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
    end.

%% The rows of all pages.
pages(Run, Function, Spec) ->
    #{rows := Rows, next := Next} = Run(Function, Spec),
    case Next of
        undefined -> Rows;
        _ -> Rows ++ pages(Run, Function, Spec#{'after' => term_to_binary(Next)})
    end.

tree(Pid, Tree) ->
    #{
        pid => Pid,
        tree => Tree,
        depth => 3,
        sort => tree,
        limit => 100,
        order => ascending,
        deadline_ms => 5000,
        pause_ms => 0
    }.

around(Pid, Depth) ->
    #{pid => Pid, depth => Depth, limit => 1000, sort => depth, order => ascending, deadline_ms => 5000}.

stop(Supervisor) ->
    Monitor = erlang:monitor(process, Supervisor),
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    receive
        {'DOWN', Monitor, process, Supervisor, _} -> ok
    end.
