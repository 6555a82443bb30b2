-module(beamscope_process_tests).

-include_lib("eunit/include/eunit.hrl").

-behaviour(supervisor).

-export([init/1, start_idle/0, start_foreign/1]).

-include("beamscope_process_subject.hrl").
-include("beamscope_foreign_supervisor.hrl").

tests() ->
    [
        {"messages come in their order, with their kinds", fun messages/1},
        {"the keys of a dictionary", fun keys/1},
        {"messages behind the first, and whether they moved up", fun later_messages/1},
        {"messages that repeat are known by more than the last", fun repeating_messages/1},
        {"a large message is cut", fun large_messages/1},
        {"what cannot be cut to fit is left out", fun cut_kinds/1},
        {"a long queue is left alone", fun long_queue/1},
        {"messages that may be large are left alone", fun large_queue/1},
        {"kinds of messages until time is up", fun late_shapes/1},
        {"processes that have ended", fun gone/1},
        {"stacks are counted", fun stacks/1},
        {"stacks beyond so many are counted together", fun many_stacks/1},
        {"some of the processes with a stack are named, wherever they are", fun few_samples/1},
        {"stacks by what is in them", fun stack_filters/1},
        {"stacks until time is up", fun late_stacks/1},
        {"a stack deeper than most", fun deep_stack/1},
        {"who hibernates stands there", fun hibernating/1},
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
        {"links and children of a process that has very many", fun crowded/1}
    ].

messages(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Sent = [{'$gen_call', {self(), make_ref()}, {get, 1}}, {'$gen_call', {self(), make_ref()}, {get, two}}, tick],
        [Pid ! Message || Message <- Sent ++ [tick, tick]],
        #{count := 5, seen := 5, rows := Rows, shapes := Shapes, shape_count := 3, name := []} =
            Run(messages, spec(Pid, #{limit => 3})),
        ?assertEqual(Sent, [Message || {Message, _, false} <- Rows]),
        ?assertEqual(
            [
                {3, 3, tick},
                {1, 1, ['$gen_call', [{pid}, {reference}], [get, {integer}]]},
                {1, 2, ['$gen_call', [{pid}, {reference}], [get, two]]}
            ],
            Shapes
        )
    end).

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

later_messages(Run) ->
    running([fun() -> idle(), picky() end], fun([Pid]) ->
        Pid ! never,
        Wide = {wide, binary:copy(<<"x">>, 5000)},
        [Pid ! Message || Message <- [{item, Number} || Number <- lists:seq(1, 6)] ++ [Wide]],
        until(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 7} end),
        Page = fun(Skip, Limit) -> Run(messages, spec(Pid, #{skip => Skip, limit => Limit, marked => 3})) end,
        #{rows := First, marks := Marks, count := 7} = Told = Page(0, 3),
        ?assertNot(is_map_key(mark, Told)),
        ?assertEqual([{item, 1}, {item, 2}, {item, 3}], [Message || {Message, _, false} <- First]),
        ?assertEqual(3, length(lists:usort(Marks))),
        #{rows := Second, mark := Mark, count := 7, seen := 7} = Page(3, 3),
        ?assertEqual([{item, 4}, {item, 5}, {item, 6}], [Message || {Message, _, false} <- Second]),
        ?assertEqual(lists:last(Marks), Mark),
        %% The same message is known by the same, however much of it is told.
        #{marks := [_, _, Known]} = Page(4, 3),
        #{mark := Known, rows := [], marks := []} = Page(7, 100),
        ?assertNot(is_map_key(mark, Page(8, 3))),
        %% What is taken out moves the others up: another one is the last that is skipped.
        Pid ! {take, self(), {item, 2}},
        receive
            taken -> ok
        end,
        ?assertMatch(#{count := 6, rows := [{{item, 5}, _, _} | _]}, Page(3, 3)),
        ?assertNotEqual(Mark, map_get(mark, Page(3, 3)))
    end).

%% The last message alone would look the same.
repeating_messages(Run) ->
    running([fun() -> idle(), picky() end], fun([Pid]) ->
        [Pid ! Message || Message <- [never, a, b, x, c, d, x, e, f, x, e, f, x]],
        until(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 12} end),
        Page = fun(Skip, Marked) -> Run(messages, spec(Pid, #{skip => Skip, limit => 6, marked => Marked})) end,
        #{marks := Marks} = Page(0, 1),
        ?assertEqual(6, length(lists:usort(Marks))),
        ?assertEqual(lists:last(Marks), map_get(mark, Page(6, 6))),
        [
            begin
                Pid ! {take, self(), Message},
                receive
                    taken -> ok
                end
            end
         || Message <- [a, b, x]
        ],
        #{mark := Mark} = Page(6, 6),
        ?assertNot(lists:member(Mark, Marks))
    end).

%% Takes out the messages that it is told to, wherever they stand.
picky() ->
    receive
        {take, From, Message} ->
            receive
                Message -> From ! taken
            end,
            picky()
    end.

large_messages(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Pid ! {job, 7, #{password => binary:copy(<<"x">>, 100000), rows => lists:duplicate(10000, {row, 1, "text"})}},
        #{rows := [{Cut, Bytes, true}]} = Run(messages, spec(Pid, #{})),
        ?assert(Bytes > 100000),
        ?assert(erlang:external_size(Cut) =< 2000),
        {job, 7, #{password := Text, rows := Rows}} = Cut,
        ?assertMatch({0, _}, binary:match(Text, <<"xxx">>)),
        ?assertEqual(<<"...">>, binary:part(Text, byte_size(Text), -3)),
        ?assertMatch({'...', More} when More > 9000, lists:last(Rows))
    end).

cut_kinds(Run) ->
    Big = lists:seq(1, 1000),
    Kinds = [
        [1, 2 | binary:copy(<<"é"/utf8>>, 5000)],
        list_to_tuple(Big),
        maps:from_list([{Key, Key} || Key <- Big]),
        lists:duplicate(5000, $x),
        fun() -> Big end,
        1 bsl 20000,
        <<(binary:copy(<<0>>, 3000))/binary, 1:3>>,
        lists:foldl(fun(_, Inner) -> [Inner] end, Big, Big),
        [binary:copy(<<255>>, 3000)]
    ],
    running([fun idle/0], fun([Pid]) ->
        [Pid ! {kind, Kind} || Kind <- Kinds],
        #{rows := Rows} = Run(messages, spec(Pid, #{limit => 20})),
        ?assertEqual(length(Kinds), length(Rows)),
        [?assert(erlang:external_size(Cut) =< 2000) || {Cut, _, true} <- Rows],
        ?assertEqual([kind], lists:usort([element(1, Cut) || {Cut, _, true} <- Rows])),
        {{kind, [1, 2, {'...', _}]}, _, true} = hd(Rows),
        {{kind, Characters}, _, true} = lists:nth(4, Rows),
        ?assertEqual("xxx...", lists:nthtail(length(Characters) - 6, Characters)),
        %% The first bytes of what is no text could be a secret's.
        {{kind, [{'...', 3000}]}, _, true} = lists:last(Rows)
    end).

long_queue(Run) ->
    running([fun idle/0], fun([Pid]) ->
        [Pid ! hello || _ <- lists:seq(1, 6)],
        Told = Run(messages, spec(Pid, #{max_messages => 5})),
        ?assertEqual(#{name => [], count => 6, refused => messages}, maps:remove(status, Told))
    end).

large_queue(Run) ->
    running([fun() -> process_flag(message_queue_data, on_heap), idle() end], fun([Pid]) ->
        Pid ! lists:seq(1, 100000),
        #{refused := bytes, bytes := Bytes, count := 1} = Run(messages, spec(Pid, #{max_bytes => 100000})),
        ?assert(Bytes > 1000000)
    end),
    running([fun() -> process_flag(message_queue_data, off_heap), lists:seq(1, 200000), idle() end], fun([Pid]) ->
        Pid ! small,
        ?assertMatch(#{rows := [{small, _, false}]}, Run(messages, spec(Pid, #{max_bytes => 100000})))
    end).

late_shapes(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Pid ! hello,
        ?assertMatch(
            #{seen := 0, shapes := [], rows := [{hello, _, _}]}, Run(messages, spec(Pid, #{deadline_ms => 0}))
        )
    end).

gone(Run) ->
    Pid = running([fun idle/0], fun([Pid]) -> Pid end),
    ?assertEqual(#{gone => true}, Run(messages, spec(Pid, #{}))),
    ?assertEqual(#{gone => true}, Run(keys, #{pid => Pid, limit => 1})),
    ?assertEqual(#{gone => true}, Run(children, tree(Pid, spawned))),
    ?assertMatch(#{total := 0, rows := []}, Run(links, around(Pid, 2))).

stacks(Run) ->
    running([fun idle/0 || _ <- lists:seq(1, 2500)], fun(Pids) ->
        #{processes := Processes, total := Total, matched := Total, rows := [{{2500, _}, Row} | _]} =
            Run(stacks, standing(#{})),
        ?assert(Processes >= 2500),
        ?assert(Total < Processes - 2400),
        #{count := 2500, pids := Some, frames := [{?MODULE, idle, 0}]} = Row,
        ?assertEqual(3, length(Some)),
        ?assertEqual([], Some -- Pids)
    end).

%% Where there are more stacks than are told from one another, the rest are one row.
many_stacks(Run) ->
    running([fun idle/0 || _ <- lists:seq(1, 1500)], fun(_) ->
        #{rows := All, processes := Processes} = Run(stacks, standing(#{limit => 1000})),
        ?assertNot(lists:any(fun({_, #{other := Other}}) -> Other end, All)),
        #{rows := Rows, processes := Again, total := 3, matched := 3, incomplete := [stacks]} =
            Run(stacks, standing(#{stacks => 2})),
        ?assertEqual([{[], []}], [{Frames, Pids} || {_, #{other := true, frames := Frames, pids := Pids}} <- Rows]),
        ?assertEqual(Again, lists:sum([Count || {_, #{count := Count}} <- Rows])),
        ?assert(Processes >= 1500),
        #{rows := Few} = Run(stacks, standing(#{stacks => 2, exclude => [<<"idle">>]})),
        ?assertNot(lists:any(fun({_, #{other := Other}}) -> Other end, Few))
    end).

%% Of a stack that few had among the first thousand, some more are named.
few_samples(Run) ->
    running([fun() -> timer:sleep(infinity) end | [fun idle/0 || _ <- lists:seq(1, 1500)]], fun([First | _]) ->
        running([fun() -> timer:sleep(infinity) end], fun([Last]) ->
            #{rows := [{_, #{pids := Pids}}]} = Run(stacks, standing(#{filter => [<<"timer.sleep/1">>]})),
            ?assertEqual([First, Last], lists:sort(Pids))
        end)
    end).

stack_filters(Run) ->
    running([fun idle/0, fun() -> timer:sleep(infinity) end], fun([Idle, Sleeper]) ->
        Pids = fun(Filters) ->
            #{rows := Rows} = Run(stacks, standing(Filters)),
            lists:append([Some || {_, #{pids := Some}} <- Rows])
        end,
        ?assertEqual([Idle], Pids(#{filter => [<<"PROCESS_tests.idle/0">>]})),
        Others = Pids(#{exclude => [<<"timer.sleep">>], limit => 1000}),
        ?assertNot(lists:member(Sleeper, Others)),
        ?assert(lists:member(Idle, Others)),
        ?assertEqual([], Pids(#{filter => [<<"nothing.like_it">>]})),
        %% Frames that follow each other.
        running([fun() -> nested(4) end], fun([Nested]) ->
            Inner = <<"tests.idle/0">>,
            Outer = <<"tests.nesting/1">>,
            Outermost = <<"tests.nested/1">>,
            [
                ?assertEqual([Nested], Pids(#{filter => Parts}))
             || Parts <- [[Inner, Outer], [<<"IDLE">>, <<"nest">>, <<"nest">>], [Outermost, Outer], [Outer, Outermost, Outer]]
            ],
            [
                ?assertEqual([], Pids(#{filter => Parts}))
             || Parts <- [[Outer, Inner], [Inner, Outermost], [Inner, <<"timer">>], lists:duplicate(9, <<"nest">>)]
            ],
            Apart = Pids(#{exclude => [Inner, Outer], limit => 1000}),
            ?assertNot(lists:member(Nested, Apart)),
            ?assert(lists:member(Idle, Apart))
        end)
    end).

late_stacks(Run) ->
    ?assertMatch(#{processes := 0, rows := [], incomplete := [deadline]}, Run(stacks, standing(#{deadline_ms => 0}))).

hibernating(Run) ->
    Asleep = fun() -> spawn(fun() -> erlang:hibernate(?MODULE, idle, []) end) end,
    Hibernates = fun(Pid) -> process_info(Pid, current_function) =:= {current_function, {erlang, hibernate, 3}} end,
    Pids = [Asleep(), Asleep()],
    until(fun() -> lists:all(Hibernates, Pids) end),
    #{rows := [{_, #{count := Count, pids := Some, frames := Frames}}]} =
        Run(stacks, standing(#{filter => [<<"erlang.hibernate/3">>]})),
    ?assert(Count >= 2),
    ?assertEqual([{erlang, hibernate, 3}], Frames),
    ?assert(lists:all(Hibernates, Some)),
    #{rows := Others} = Run(stacks, standing(#{exclude => [<<"hibernate">>], limit => 1000})),
    ?assertEqual([], [Pid || {_, #{pids := Listed}} <- Others, Pid <- Listed, lists:member(Pid, Pids)]),
    lists:foreach(fun(Pid) -> exit(Pid, kill) end, Pids).

deep_stack(Run) ->
    Old = erlang:system_flag(backtrace_depth, 20),
    try
        running([fun() -> nested(14) end], fun(_) ->
            #{rows := [{_, #{frames := Frames}}]} = Run(stacks, standing(#{filter => [<<"tests.nested/1">>]})),
            ?assertEqual({?MODULE, idle, 0}, hd(Frames)),
            ?assertEqual({?MODULE, nested, 1}, lists:nth(13, Frames))
        end)
    after
        erlang:system_flag(backtrace_depth, Old)
    end.

%% Frames that are alike are told once, so they take turns.
nested(0) -> idle();
nested(Depth) -> [nesting(Depth - 1)].
nesting(Depth) -> [nested(Depth - 1)].

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
            #{total := 4, matched := 4, rows := Rows, incomplete := []} = Run(links, around(Pid, 1)),
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

spec(Pid, Changes) ->
    maps:merge(
        #{
            pid => Pid,
            limit => 10,
            max_messages => 1000,
            max_bytes => 8000000,
            message_bytes => 2000,
            shapes => 20,
            deadline_ms => 5000
        },
        Changes
    ).

standing(Changes) -> maps:merge(#{limit => 100, sort => count, order => descending, deadline_ms => 5000, pause_ms => 0, stacks => 10000}, Changes).

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

around(Pid, Depth) -> #{pid => Pid, depth => Depth, limit => 1000, sort => depth, order => ascending}.


stop(Supervisor) ->
    Monitor = erlang:monitor(process, Supervisor),
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    receive
        {'DOWN', Monitor, process, Supervisor, _} -> ok
    end.
