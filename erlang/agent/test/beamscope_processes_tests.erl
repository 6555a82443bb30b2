%% Pages, and the filters that all questions about very many processes share.
-module(beamscope_processes_tests).

-include_lib("eunit/include/eunit.hrl").

-export([init/1, handle_call/3, handle_cast/2]).

-include("beamscope_process_subject.hrl").

-include("../src/beamscope_rest.hrl").
-include("../src/beamscope_scan.hrl").
-include("../src/beamscope_apart.hrl").
-include("../src/beamscope_copies.hrl").

-compile({nowarn_unused_function, [{apart_of, 4}, {copyable, 1}, {ask, 2}, {fact, 2}, {kept, 3}, {from_dictionaries, 2}]}).

tests() ->
    [
        {"the greatest come first", fun greatest_first/1},
        {"pages join without gap or overlap", fun pages/1},
        {"pids break ties", fun ties/1},
        {"the greatest of many chunks", fun many_chunks/1},
        {"values are those of process_info", fun values/1},
        {"names match in part and in any case", fun names/1},
        {"modules", fun modules/1},
        {"behaviours", fun behaviours/1},
        {"agents and tasks of Elixir", fun of_elixir/1},
        {"whose callback cannot be read is counted by its loop, or named", fun undecided/1},
        {"initial calls", fun initial_calls/1},
        {"filters by function go together", fun functions_together/1},
        {"the processes that are named", fun chosen/1},
        {"applications", fun applications/1},
        {"status and least values", fun least_values/1},
        {"labels", fun labels/1},
        {"labels as an order, page by page", fun by_labels/1},
        {"a label on a large heap is left alone", fun large_labels/1},
        {"more labels than there is room for", fun many_labels/1},
        {"a label that is large when copied costs its own place only", fun shared_labels/1},
        {"labels beyond Latin-1 are found as they are shown", fun wide_labels/1},
        {"a process that minds our code is ours", fun own/1},
        {"names that are no atoms make none", fun unknown_atoms/1},
        {"long queues are not walked", fun long_queues/1},
        {"callbacks of proc_lib processes", fun callbacks/1},
        {"what processes with large heaps say to be", fun large_heaps/1},
        {"a large dictionary is left alone", fun large_dictionaries/1},
        {"where processes wait, helpers ask", fun crowd/1},
        {"where time runs out, helpers go", fun crowd_out_of_time/1},
        {"the deadline ends a scan", fun deadline/1},
        {"limits and keys are bounded", fun bounds/1},
        {"by name, those without one last", fun by_name/1},
        {"by what they run, where they belong and what they do", fun by_words/1},
        {"who asks is not counted", fun asking/1},
        {"all are those of one moment", fun meanwhile/1}
    ].

same_answers_test_() ->
    Specs = [
        #{},
        #{limit => 2},
        #{sort => memory},
        #{sort => memory, long_queue => 3},
        #{sort => total_heap_size, min_memory => 1},
        #{sort => pid},
        #{sort => registered_name, order => ascending, limit => 2},
        #{sort => initial_call, order => ascending},
        #{sort => application, order => ascending},
        #{sort => status, order => ascending},
        #{sort => module, order => ascending},
        #{sort => label, order => ascending},
        #{module => ?MODULE, status => waiting, min_reductions => 1, min_message_queue_len => 2},
        #{application => kernel},
        #{behaviours => [gen_server]},
        #{initial_call => {?MODULE, idle, 0}, module => ?MODULE, behaviours => [supervisor]},
        #{label => <<"x">>},
        #{deadline_ms => 0}
    ],
    {"both ways answer alike", fun() ->
        with([fun() -> named("agent_test_", N, N) end || N <- lists:seq(1, 5)], fun(_) ->
            [
                ?assertEqual(answer(loaded, page, Spec), answer(interpreted, page, Spec))
             || Extra <- Specs, Spec <- [maps:merge(spec(#{name => <<"agent_test_">>}), Extra)]
            ]
        end)
    end}.

gate_test_() ->
    {"who was killed inside the gate is out of it", fun() ->
        Gate = gate(),
        Inside = fun() ->
            true = entered(Gate, now_ms() + 60000),
            idle()
        end,
        running([Inside], fun([Holder]) ->
            ?assertNot(entered(Gate, now_ms())),
            kill(Holder),
            ?assert(entered(Gate, now_ms() + 60000)),
            %% By us, who are alive.
            ?assertNot(entered(Gate, now_ms()))
        end)
    end}.

slow_copy_test_() ->
    {"a copy that takes too long costs its own place only", fun() ->
        running([fun idle/0 || _ <- lists:seq(1, 5)], fun([First, Slow | Rest] = Pids) ->
            Copy = fun(Some) ->
                lists:member(Slow, Some) andalso receive never -> never end,
                [{Pid, copied} || Pid <- Some]
            end,
            {Copied, Large, Late} = copied([{Pid, 100} || Pid <- Pids], Copy, #{gate => gate(), until => now_ms() + 3000}),
            ?assertEqual({[{Pid, copied} || Pid <- [First | Rest]], [Slow], []}, {lists:sort(Copied), Large, Late})
        end)
    end}.

late_rows_test_() ->
    {"a label that there is no time for is told as late", fun() ->
        Labelled = fun() ->
            proc_lib:spawn(fun() ->
                put('$process_label', x),
                idle()
            end)
        end,
        with([Labelled], fun([Pid]) ->
            %% None is left for the rows, whenever the processes are looked at in these milliseconds.
            Spec = spec(#{items => [label], pids => [Pid], deadline_ms => 3}),
            Label = case unread_label() of unread -> late; undefined -> undefined end,
            until(fun() ->
                case answer(loaded, page, Spec) of
                    #{rows := []} ->
                        false;
                    #{rows := Rows, incomplete := Why} ->
                        ?assertEqual({[{Pid, Label}], [rows]}, {Rows, Why}),
                        true
                end
            end)
        end)
    end}.

packed_test_() ->
    {"answers leave compressed", fun() ->
        with([queue(40) || _ <- lists:seq(1, 10)], fun(_) ->
            Items = [registered_name, current_function, initial_call, application, message_queue_len, memory],
            [
                begin
                    <<131, 80, _/binary>> = Packed = packed(Way, page, spec(#{items => Items})),
                    ?assert(byte_size(Packed) * 3 < byte_size(term_to_binary(binary_to_term(Packed))))
                end
             || Way <- [loaded, interpreted]
            ]
        end)
    end}.

by_name(Run) ->
    Names = lists:sort([list_to_atom("agent_test_" ++ [Letter]) || Letter <- "dbca"]),
    Called = [fun() -> called(Name) end || Name <- lists:reverse(Names)],
    with([queue(0) | Called], fun([Nameless | _]) ->
        Spec = spec(#{sort => registered_name, order => ascending, limit => 1000, items => [registered_name]}),
        #{rows := All, places := Places, next := undefined} = Run(page, Spec),
        ?assertEqual(lists:sort(Places), Places),
        ?assertEqual(Names, [Name || {_, Name} <- All, lists:member(Name, Names)]),
        ?assertEqual(undefined, proplists:get_value(Nameless, All)),
        #{rows := Two, next := Next} = Run(page, Spec#{limit => 2}),
        #{rows := Further} = Run(page, Spec#{'after' => term_to_binary(Next)}),
        ?assertEqual(All, Two ++ Further),
        ?assertError(bad_position, Run(page, Spec#{'after' => <<"no term">>}))
    end).

called(Name) ->
    Pid = spawn(fun idle/0),
    register(Name, Pid),
    Pid.

by_words(Run) ->
    with([fun() -> proc_lib:spawn(fun idle/0) end, queue(0)], fun(_) ->
        Sorted = fun(Sort) ->
            Items = [registered_name, initial_call, application, status],
            #{rows := Rows} = Run(page, spec(#{sort => Sort, order => ascending, limit => 1000, items => Items})),
            [{Call, Application, Status} || {_, _, Call, Application, Status} <- Rows]
        end,
        Calls = [Call || {Call, _, _} <- Sorted(initial_call)],
        ?assertEqual(lists:sort(Calls), Calls),
        #{rows := ByModule, places := Places} =
            Run(page, spec(#{sort => module, order => ascending, limit => 1000, items => [initial_call]})),
        {Modules, Pids} = lists:unzip(Places),
        ?assertEqual(lists:sort(Modules), Modules),
        ?assert(lists:member(kernel, Modules)),
        ?assertEqual(Pids, [Pid || {Pid, _} <- ByModule]),
        %% Where callbacks are read with whole dictionaries, only those of what proc_lib has started decide the order.
        ?assertEqual(
            [],
            [Odd || {Module, {_, Call}} = Odd <- lists:zip(Modules, ByModule), Module =/= module_of(Call), Module =/= erlang orelse reads_keys()]
        ),
        {Known, Unknown} = lists:splitwith(
            fun(It) -> It =/= undefined end, [Application || {_, Application, _} <- Sorted(application)]
        ),
        ?assertEqual(lists:sort(Known), Known),
        ?assert(lists:member(kernel, Known)),
        ?assertEqual([undefined], lists:usort(Unknown)),
        Waiting = [Status || {_, _, Status} <- Sorted(status)],
        ?assertEqual(lists:sort(Waiting), Waiting)
    end).

module_of({Keeper, Module, _}) when Keeper =:= supervisor; Keeper =:= supervisor_bridge -> Module;
module_of({Module, _, _}) -> Module.

greatest_first(Run) ->
    with([queue(30), queue(10), queue(20)], fun([A, B, C]) ->
        #{rows := Rows, unmeasured := {0, []}, incomplete := []} =
            Run(page, spec(#{limit => 3, items => [message_queue_len]})),
        ?assertEqual([{A, 30}, {C, 20}, {B, 10}], Rows)
    end).

pages(Run) ->
    with([queue(N rem 3) || N <- lists:seq(1, 9)], fun(_) ->
        [
            begin
                Spec = spec(#{sort => Sort, status => waiting, module => ?MODULE}),
                #{rows := All, matched := 9, next := undefined} = Run(page, Spec),
                ?assertEqual(All, follow(Run, Spec#{limit := 2}, 9)),
                ?assertEqual(All, follow(Run, Spec#{limit := 3}, 9))
            end
         || Sort <- [message_queue_len, pid, memory]
        ]
    end).

follow(Run, Spec, Matched) ->
    #{rows := Rows, matched := Matched, next := Next} = Run(page, Spec),
    case Next of
        undefined -> Rows;
        _ -> Rows ++ follow(Run, Spec#{'after' => Next}, Matched)
    end.

ties(Run) ->
    with([queue(40), queue(40), queue(40)], fun(Pids) ->
        #{rows := Rows} = Run(page, spec(#{limit => 3})),
        ?assertEqual(lists:reverse(lists:sort(Pids)), [Pid || {Pid} <- Rows])
    end).

%% Queues far longer than those that processes of the system have for a moment.
many_chunks(Run) ->
    with([queue(case N rem 250 of 0 -> 40 + N div 250; _ -> 0 end) || N <- lists:seq(1, 2500)], fun(_) ->
        #{rows := Rows, seen := Seen} = Run(page, spec(#{limit => 10, items => [message_queue_len]})),
        ?assertEqual(lists:seq(50, 41, -1), [Messages || {_, Messages} <- Rows]),
        ?assert(Seen >= 2500)
    end).

values(Run) ->
    Items = [memory, total_heap_size, heap_size, stack_size, message_queue_len, status, registered_name, group_leader],
    with([fun() -> named("agent_test_", N, N * 3) end || N <- [1, 2]], fun(_) ->
        #{rows := Rows} = Run(page, spec(#{sort => memory, name => <<"agent_test_">>, items => Items})),
        ?assertEqual(2, length(Rows)),
        [?assertEqual([V || {_, V} <- process_info(hd(R), Items)], tl(R)) || Row <- Rows, R <- [tuple_to_list(Row)]]
    end).

names(Run) ->
    with([fun() -> named("Agent_Test_", N, N) end || N <- [1, 2]] ++ [queue(0)], fun([One, Two, _]) ->
        Spec = spec(#{items => [registered_name]}),
        #{rows := Rows, seen := 2, matched := 2} = Run(page, Spec#{name => <<"gENT_tEST">>}),
        ?assertEqual([{Two, 'Agent_Test_2'}, {One, 'Agent_Test_1'}], Rows),
        #{rows := [], seen := 0, matched := 0} = Run(page, Spec#{name => <<"agent_test_3">>}),
        #{rows := Nameless} = Run(page, Spec#{module => ?MODULE, limit => 1000}),
        ?assert(lists:member(undefined, [Name || {_, Name} <- Nameless]))
    end).

modules(Run) ->
    with([queue(0), fun() -> proc_lib:spawn(timer, sleep, [infinity]) end], fun([Idle, Sleeper]) ->
        In = fun(Module) ->
            #{rows := Rows, incomplete := Why} = Run(page, spec(#{module => Module, limit => 1000})),
            ?assertEqual([], Why),
            [Pid || {Pid} <- Rows]
        end,
        ?assertEqual([Idle], In(?MODULE)),
        ?assertEqual([Idle], In(atom_to_binary(?MODULE, utf8))),
        ?assert(lists:member(Sleeper, In(proc_lib))),
        ?assert(lists:member(Sleeper, In(timer))),
        %% A gen_server is known by its callback module on every release.
        ?assert(lists:member(whereis(kernel_safe_sup), In(supervisor))),
        %% A supervisor is known by the module of its callback, too.
        ?assert(lists:member(whereis(kernel_sup), In(kernel))),
        %% So is a supervisor_bridge.
        ?assert(lists:member(whereis(standard_error_sup), In(standard_error))),
        ?assert(lists:member(whereis(standard_error_sup), In(supervisor_bridge)))
    end).

behaviours(Run) ->
    Sleeper = fun() -> proc_lib:spawn(timer, sleep, [infinity]) end,
    with([queue(0), Sleeper], fun([Idle, Sleeping]) ->
        In = fun(Names) ->
            #{rows := Rows, incomplete := Why} = Run(page, spec(#{behaviours => Names, limit => 1000})),
            ?assertEqual([], Why),
            [Pid || {Pid} <- Rows]
        end,
        Servers = In([gen_server]),
        ?assert(lists:member(whereis(file_server_2), Servers)),
        ?assertNot(lists:member(whereis(kernel_sup), Servers)),
        ?assertNot(lists:member(Idle, Servers)),
        ?assertNot(lists:member(Sleeping, Servers)),
        ?assertEqual(Servers, In([<<"gen_server">>, <<"no such behaviour">>])),
        ?assert(lists:member(whereis(kernel_sup), In([supervisor]))),
        ?assertNot(lists:member(whereis(file_server_2), In([supervisor]))),
        ?assert(lists:member(whereis(erl_signal_server), In([gen_event]))),
        ?assertEqual([], In([gen_fsm])),
        ?assertError({unknown_atom, <<"no such behaviour">>}, In([<<"no such behaviour">>]))
    end).

%% As agent/server.ex and task/supervised.ex leave them: who knows nothing of Elixir has its processes all the same.
of_elixir(Run) ->
    Fun = fun() -> [] end,
    {module, Module} = erlang:fun_info(Fun, module),
    {name, Name} = erlang:fun_info(Fun, name),
    Server = fun(Call) ->
        fun() ->
            {ok, Pid} = gen_server:start(?MODULE, Call, []),
            Pid
        end
    end,
    Kept = fun(Call, Callers) ->
        fun() ->
            proc_lib:spawn(fun() ->
                put('$initial_call', Call),
                [put('$callers', Callers) || Callers =/= none],
                idle()
            end)
        end
    end,
    Starts = [
        Server({Module, Name, 0}),
        Server({lists, sort, 0}),
        %% Servers that were begun in a function of their own, and what a channel of Phoenix looks like.
        Server({?MODULE, start, 0}),
        Server({lists, join, 3}),
        Server({?MODULE, init, 1}),
        Kept({lists, sort, 0}, [self()]),
        Kept({lists, sort, 1}, [self()]),
        Kept({lists, init, 1}, [self()]),
        Kept({lists, sort, 0}, none)
    ],
    %% They settle as servers, or where they are idle.
    Pids = [Start() || Start <- Starts],
    [Agent, ByName, _, _, _, Task, Other | _] = Pids,
    until(fun() -> lists:all(fun(Pid) -> process_info(Pid, status) =:= {status, waiting} end, Pids) end),
    In = fun(Behaviour) ->
        #{rows := Rows, incomplete := Why} = Run(page, spec(#{behaviours => [Behaviour], limit => 1000})),
        ?assertEqual([], Why),
        [Pid || {Pid} <- lists:sort(Rows), lists:member(Pid, Pids)]
    end,
    ?assertEqual([Agent, ByName], In('Elixir.Agent')),
    ?assertEqual([Task, Other], In('Elixir.Task')),
    lists:foreach(fun kill/1, Pids).

init([]) -> {ok, []};
init(Call) -> put('$initial_call', Call), {ok, []}.
handle_call(_, _, State) -> {reply, State, State}.
handle_cast(_, State) -> {noreply, State}.

undecided(Run) ->
    Server = fun() ->
        {ok, Pid} = gen_server:start({local, agent_test_large_server}, ?MODULE, [], [
            {spawn_opt, [{min_heap_size, 1500000}]}
        ]),
        Pid
    end,
    Sleeper = fun() ->
        Pid = proc_lib:spawn_opt(?MODULE, idle, [], [{min_heap_size, 1500000}]),
        register(agent_test_large_sleeper, Pid),
        Pid
    end,
    [One, Two] = Pids = [Server(), Sleeper()],
    until(fun() -> settled(Two) end),
    In = fun(Behaviour) ->
        #{rows := Rows, undecided := {Count, Named}, incomplete := Why} =
            Run(page, spec(#{behaviours => [Behaviour], limit => 1000})),
        ?assertEqual({[initial_call || not reads_keys()], length(Named)}, {Why, Count}),
        {[Pid || {Pid} <- Rows, lists:member(Pid, Pids)], lists:sort(Named)}
    end,
    Hidden = fun(Named) -> lists:sort([Name || not reads_keys(), Name <- Named]) end,
    ?assertEqual({[One], Hidden([{Two, agent_test_large_sleeper}])}, In(gen_server)),
    ?assertEqual(
        {[], Hidden([{One, agent_test_large_server}, {Two, agent_test_large_sleeper}])}, In(supervisor)
    ),
    %% Where they are ordered by it, they come last.
    [
        begin
            #{rows := Rows, undecided := {Count, Named}, incomplete := Why} =
                Run(page, spec(#{sort => Sort, order => ascending, limit => 1000})),
            ?assertEqual({[initial_call || not reads_keys()], length(Named)}, {Why, Count}),
            ?assertEqual(Hidden([{One, agent_test_large_server}, {Two, agent_test_large_sleeper}]), lists:sort(Named)),
            Last = [Pid || {Pid} <- lists:nthtail(length(Rows) - 2, Rows)],
            ?assertEqual([One, Two], lists:sort([Pid || {Pid} <- Rows, lists:member(Pid, Pids)])),
            ?assertEqual(reads_keys(), lists:sort(Last) =/= [One, Two])
        end
     || Sort <- [module, initial_call]
    ],
    lists:foreach(fun kill/1, Pids).

initial_calls(Run) ->
    with([queue(0), fun() -> proc_lib:spawn(timer, sleep, [infinity]) end], fun([Idle, Sleeper]) ->
        In = fun(Call) ->
            #{rows := Rows} = Run(page, spec(#{initial_call => Call, limit => 1000})),
            [Pid || {Pid} <- Rows]
        end,
        %% spawn/1 of a fun is a call of erlang:apply/2.
        ?assert(lists:member(Idle, In({erlang, apply, 2}))),
        ?assertEqual([Sleeper], In({timer, sleep, 1})),
        ?assertEqual([Sleeper], In({<<"timer">>, <<"sleep">>, 1})),
        ?assert(lists:member(Sleeper, In({proc_lib, init_p, 5}))),
        ?assertEqual(kernel_supervisors(), In({supervisor, kernel, 1})),
        ?assertError({unknown_atom, <<"no such fun">>}, In({timer, <<"no such fun">>, 1}))
    end).

functions_together(Run) ->
    In = fun(Extra) ->
        #{rows := Rows} = Run(page, spec(Extra#{limit => 1000})),
        [Pid || {Pid} <- Rows]
    end,
    ?assertEqual(kernel_supervisors(), In(#{module => kernel, behaviours => [supervisor]})),
    ?assertEqual(kernel_supervisors(), In(#{module => kernel, initial_call => {supervisor, kernel, 1}})),
    ?assertEqual([], In(#{module => kernel, behaviours => [gen_server]})),
    ?assertEqual([], In(#{initial_call => {supervisor, kernel, 1}, behaviours => [gen_event]})).

%% In the order of pages.
kernel_supervisors() ->
    lists:reverse(lists:sort([whereis(kernel_sup), whereis(kernel_safe_sup)])).

chosen(Run) ->
    with([queue(2), queue(1), queue(0)], fun([A, B, Dead]) ->
        kill(Dead),
        #{rows := Rows, seen := 3, matched := 2, gone := 1} =
            Run(page, spec(#{pids => [B, Dead, A], items => [message_queue_len]})),
        ?assertEqual([{A, 2}, {B, 1}], Rows)
    end).

applications(Run) ->
    Expected = [Pid || Pid <- processes(), application:get_application(Pid) =:= {ok, kernel}],
    Spec = spec(#{items => [application], limit => 1000}),
    #{rows := Rows} = Run(page, Spec#{application => <<"kernel">>}),
    ?assertEqual([{Pid, kernel} || Pid <- lists:sort(Expected)], lists:sort(Rows)),
    #{rows := [], matched := 0} = Run(page, Spec#{application => sasl}).

least_values(Run) ->
    with([queue(0), queue(7), fun() -> spawn(?MODULE, spin, []) end, fat()], fun([_, Seven, Spinning, Fat]) ->
        With = fun(Filter) ->
            #{rows := Rows} = Run(page, maps:merge(spec(#{module => ?MODULE, limit => 1000}), Filter)),
            lists:sort([Pid || {Pid} <- Rows])
        end,
        ?assertEqual([Seven], With(#{min_message_queue_len => 7})),
        ?assertEqual([], With(#{min_message_queue_len => 8})),
        until(fun() -> process_info(Spinning, reductions) > {reductions, 1000000} end),
        ?assertEqual([Spinning], With(#{min_reductions => 1000000, min_message_queue_len => 0})),
        ?assertEqual([Fat], With(#{min_memory => 1000000})),
        ?assertEqual([Fat], With(#{min_memory => 1000000, sort => memory})),
        ?assertNot(lists:member(Spinning, With(#{status => waiting}))),
        ?assertEqual(3, length(With(#{status => waiting})))
    end).

labels(Run) ->
    Labelled = fun(Label) ->
        fun() ->
            proc_lib:spawn(fun() ->
                put('$process_label', Label),
                idle()
            end)
        end
    end,
    ByItself = fun() ->
        spawn(fun() ->
            put('$process_label', own),
            idle()
        end)
    end,
    Large = lists:seq(1, 1000),
    with([queue(0), Labelled({room, <<"Lobby">>}), Labelled(Large), ByItself], fun([Plain, Lobby, Many, Own]) ->
        Label = fun(Pid) ->
            #{rows := Rows} = Run(page, spec(#{limit => 1000, items => [label]})),
            proplists:get_value(Pid, Rows)
        end,
        ?assertEqual(undefined, Label(Plain)),
        ?assertEqual({term, {room, <<"Lobby">>}}, Label(Lobby)),
        %% Where that takes the whole dictionary, it is not read of what `proc_lib' has not started.
        ?assertEqual(hd([{term, own} || reads_keys()] ++ [undefined]), Label(Own)),
        {term, [1, 2, 3 | _] = Cut} = Label(Many),
        ?assert(erlang:external_size(Cut) =< 300),
        #{rows := Found, incomplete := Why} = Run(page, spec(#{label => <<"lOBBY">>, module => ?MODULE})),
        ?assertEqual({[{Lobby} || reads_keys()], [label || not reads_keys()]}, {Found, Why})
    end).

by_labels(Run) ->
    Labels = [{agent_test, 10}, {agent_test, 9}, agent_test, "text", lists:duplicate(3000, $x)],
    Starts = [
        fun() ->
            spawn(fun() ->
                put('$process_label', Label),
                idle()
            end)
        end
     || Label <- Labels
    ],
    with([queue(7), queue(0) | Starts], fun([Long, Bare, Ten, Nine, Atom, Text, Large]) ->
        Spec = spec(#{sort => label, order => ascending, limit => 1000, items => [label], long_queue => 6}),
        #{rows := All, incomplete := Why} = Answer = Run(page, Spec),
        case reads_keys() of
            true ->
                Ours = [Atom, Nine, Ten, Large, Text, Bare],
                ?assertEqual(lists:sublist(Ours, 3), [Pid || {Pid, _} <- All, lists:member(Pid, [Atom, Nine, Ten])]),
                ?assertEqual(lists:sort(Ours), lists:sort([Pid || {Pid, _} <- All, lists:member(Pid, Ours)])),
                ?assertMatch({Bare, undefined}, lists:last([Row || {Pid, _} = Row <- All, lists:member(Pid, Ours)])),
                %% What was not read comes last, on a page as all.
                ?assertEqual({Long, unread_label()}, lists:last(All)),
                ?assertMatch(#{unmeasured := {0, []}, incomplete := []}, Answer),
                ?assert(lists:all(fun(Place) -> byte_size(term_to_binary(Place)) < 600 end, map_get(places, Answer))),
                ?assertEqual(All, every(Run, Spec#{limit => 2}));
            false ->
                ?assertEqual({[], [label]}, {All, Why})
        end
    end).

%% A label that is not read, where there may be one.
unread_label() ->
    case erlang:function_exported(proc_lib, set_label, 1) of
        true -> unread;
        false -> undefined
    end.

%% Labels that do not fit into one heap, while each may be read.
many_labels(Run) ->
    Labelled = fun(Number) ->
        fun() ->
            put('$process_label', {Number, lists:seq(1, 3000)}),
            garbage_collect(),
            idle()
        end
    end,
    running([Labelled(Number) || Number <- lists:seq(1, 1500)], fun(Pids) ->
        Spec = spec(#{items => [label], limit => 1000, pids => Pids}),
        {answer, {Sorted, Found}} = within_words(8388608, fun() ->
            {Run(page, Spec#{sort => label, order => ascending}), Run(page, Spec#{label => <<"\\{77,\\[1,2">>})}
        end),
        case reads_keys() of
            true ->
                ?assertMatch(#{matched := 1500, incomplete := []}, Sorted),
                ?assertEqual(lists:sublist(Pids, 1000), [Pid || {Pid, _} <- map_get(rows, Sorted)]),
                ?assertEqual([lists:nth(77, Pids)], [Pid || {Pid, _} <- map_get(rows, Found)]);
            false ->
                ?assertMatch({#{incomplete := [label]}, #{incomplete := [label]}}, {Sorted, Found})
        end
    end).

%% The rows of all pages.
every(Run, Spec) ->
    #{rows := Rows, next := Next} = Run(page, Spec),
    case Next of
        undefined -> Rows;
        _ -> Rows ++ every(Run, Spec#{'after' => term_to_binary(Next)})
    end.

large_labels(Run) ->
    %% On a heap whose copy could not be borne, if it were shared in itself.
    Label = lists:seq(1, 10000),
    Fat = fun() ->
        spawn(fun() ->
            put('$process_label', Label),
            idle()
        end)
    end,
    with([Fat, queue(7)], fun([Pid, Long]) ->
        Unread = unread_label(),
        Spec = spec(#{limit => 1000, items => [label], long_queue => 6}),
        #{rows := Rows, incomplete := []} = Run(page, Spec),
        ?assertEqual([{Long, Unread}, {Pid, Unread}], [Row || {P, _} = Row <- Rows, lists:member(P, [Pid, Long])]),
        Sought = Run(page, Spec#{label => <<"\\[1,2,3">>, module => ?MODULE}),
        case reads_keys() of
            true ->
                ?assertMatch(
                    #{rows := [], unmeasured := {1, [{7, Long}]}, incomplete := [long_queue, large_heap]}, Sought
                );
            false ->
                ?assertMatch(#{rows := [], unmeasured := {0, []}, incomplete := [label]}, Sought)
        end
    end).

%% Of some 10,000 words of heap, whose copies would take 7 million, and of 1,500, whose copies take 180,000.
shared_labels(Run) ->
    Labelled = fun(Label) ->
        fun() ->
            put('$process_label', Label()),
            garbage_collect(),
            idle()
        end
    end,
    Shared = fun(Count) ->
        fun() ->
            Big = lists:seq(1, Count),
            {conn, [Big || _ <- lists:seq(1, Count)]}
        end
    end,
    Labels = [fun() -> {conn, small} end, Shared(1900), Shared(300), fun() -> {conn, other} end],
    running(lists:map(Labelled, Labels), fun(Pids) ->
        [First, Large, Small, Last] = Pids,
        Heaps = [element(2, erlang:process_info(Pid, total_heap_size)) || Pid <- Pids],
        ?assert(lists:all(fun(Words) -> Words =< 16384 end, Heaps)),
        Spec = spec(#{items => [label], limit => 1000, pids => Pids}),
        {answer, Answers} = within_words(8388608, fun() ->
            [Run(page, Spec#{sort => label, order => ascending}), Run(page, Spec), Run(page, Spec#{label => <<"conn">>})]
        end),
        case reads_keys() of
            true ->
                [#{rows := Sorted}, #{rows := Rows}, #{rows := Found, incomplete := Why}] = Answers,
                Unread = unread_label(),
                [
                    begin
                        ?assertEqual({term, {conn, Name}}, proplists:get_value(Pid, Known)),
                        ?assertMatch({term, {conn, _}}, proplists:get_value(Small, Known)),
                        ?assertEqual(Unread, proplists:get_value(Large, Known))
                    end
                 || Known <- [Sorted, Rows], {Pid, Name} <- [{First, small}, {Last, other}]
                ],
                ?assertEqual({Large, Unread}, lists:last(Sorted)),
                ?assertEqual([First, Small, Last], lists:sort([Pid || {Pid, _} <- Found])),
                ?assertEqual([large_heap], Why);
            false ->
                ?assertMatch([_, #{rows := [_, _, _, _]}, _], Answers)
        end
    end).

wide_labels(Run) ->
    Text = [16#65E5, 16#672C],
    Bytes = unicode:characters_to_binary(Text),
    Labels = [Text, {room, Bytes}, {room, "latin"}],
    running([fun() -> put('$process_label', Label), idle() end || Label <- Labels], fun([List, Binary, Latin] = Pids) ->
        Spec = spec(#{limit => 1000, pids => Pids}),
        Found = fun(Part) ->
            #{rows := Rows} = Run(page, Spec#{label => Part}),
            lists:sort([Pid || {Pid} <- Rows])
        end,
        case reads_keys() of
            true ->
                %% As a text beyond Latin-1 is looked for: it is printed as text or as either kind of numbers.
                Numbers = lists:join(",", [integer_to_list(Byte) || Byte <- binary_to_list(Bytes)]),
                Pattern = unicode:characters_to_binary([Text, "|26085,26412|", Numbers]),
                ?assertEqual([List, Binary], Found(Pattern)),
                ?assertEqual([List], Found(<<"\\[26085,26412\\]">>)),
                ?assertEqual([Binary], Found(<<"\\{room,<<230,151">>)),
                ?assertEqual([Latin], Found(<<"latin">>));
            false ->
                ok
        end
    end).

own(Run) ->
    Named = fun(Name) ->
        fun() ->
            Pid = spawn(fun idle/0),
            register(Name, Pid),
            Pid
        end
    end,
    with([Named(beamscope_processes_0123abcd), Named(agent_test_other)], fun([Ours, Other]) ->
        #{rows := Rows} = Run(page, spec(#{limit => 1000, items => [own]})),
        ?assertEqual([true, false], [proplists:get_value(Pid, Rows) || Pid <- [Ours, Other]])
    end).

unknown_atoms(Run) ->
    Spec = spec(#{}),
    _ = Run(page, Spec),
    Before = erlang:system_info(atom_count),
    [
        ?assertError({unknown_atom, Name}, Run(page, Spec#{Key => Name}))
     || Key <- [module, application], Name <- [<<"no_such_atom_", (integer_to_binary(N))/binary>> || N <- [1, 2]]
    ],
    ?assertEqual(Before, erlang:system_info(atom_count)).

long_queues(Run) ->
    with([queue(3), queue(5), queue(9)], fun([Three, Five, Nine]) ->
        Spec = spec(#{module => ?MODULE, items => [memory], long_queue => 4, limit => 1000}),
        Why = [long_queue],
        [
            begin
                Answer = Run(page, maps:merge(Spec, Extra)),
                ?assertMatch(#{matched := 1, unmeasured := {2, [{9, Nine}, {5, Five}]}, incomplete := Why}, Answer),
                ?assertMatch([{Three, Bytes}] when is_integer(Bytes), map_get(rows, Answer))
            end
         || Extra <- [#{sort => memory}, #{sort => total_heap_size}, #{sort => pid, min_memory => 1}]
        ],
        #{rows := Rows, unmeasured := {0, []}} = Run(page, Spec),
        ?assertMatch([{Nine, undefined}, {Five, undefined}, {Three, Bytes}] when is_integer(Bytes), Rows)
    end).

callbacks(Run) ->
    with([fun() -> proc_lib:spawn(?MODULE, idle, []) end, queue(0)], fun([Proc, Plain]) ->
        #{rows := Rows} = Run(page, spec(#{items => [initial_call, current_function], limit => 1000})),
        ?assertEqual({Proc, {?MODULE, idle, 0}, {?MODULE, idle, 0}}, lists:keyfind(Proc, 1, Rows)),
        ?assertMatch({Plain, {erlang, apply, 2}, {?MODULE, idle, 0}}, lists:keyfind(Plain, 1, Rows)),
        ?assertMatch({_, {supervisor, kernel, 1}, _}, lists:keyfind(whereis(kernel_sup), 1, Rows))
    end).

%% Up to some size: a copy may be larger than the heap that it is made from.
large_heaps(Run) ->
    Large = fun(Words) -> fun() -> proc_lib:spawn_opt(?MODULE, idle, [], [{min_heap_size, Words}]) end end,
    %% The second is larger than what may be copied: shared parts would make it gigabytes.
    with([Large(10500), Large(20000)], fun([One, Two]) ->
        Idle = {?MODULE, idle, 0},
        Known = case reads_keys() of true -> [{One, Idle}, {Two, Idle}]; false -> [{One, Idle}] end,
        #{rows := Rows} = Run(page, spec(#{items => [initial_call], limit => 1000})),
        ?assertEqual(Known, lists:sort([Row || {Pid, Call} = Row <- Rows, lists:member(Pid, [One, Two]), Call =:= Idle])),
        Few = spec(#{items => [initial_call], pids => [One, Two]}),
        [
            begin
                #{rows := Found} = Run(page, maps:merge(Few, Filter)),
                ?assertEqual(Known, lists:sort(Found))
            end
         || Filter <- [#{initial_call => Idle}, #{initial_call => Idle, sort => memory}]
        ]
    end).

large_dictionaries(Run) ->
    Fat = fun() ->
        spawn(fun() ->
            put('$initial_call', {fat, init, 1}),
            put(fat, lists:seq(1, 100000)),
            idle()
        end)
    end,
    with([Fat], fun([Pid]) ->
        #{rows := Rows} = Run(page, spec(#{items => [initial_call], limit => 1000})),
        Expected = case reads_keys() of true -> {fat, init, 1}; false -> {erlang, apply, 2} end,
        ?assertEqual({Pid, Expected}, lists:keyfind(Pid, 1, Rows))
    end),
    %% One that ends its reader does not end the answer.
    Huge = fun() ->
        proc_lib:spawn(fun() ->
            put(huge, lists:seq(1, 1200000)),
            idle()
        end)
    end,
    with([Huge], fun([Pid]) ->
        #{rows := [{Pid, {Module, _, _}}]} = Run(page, spec(#{items => [initial_call], pids => [Pid]})),
        ?assertEqual(case reads_keys() of true -> ?MODULE; false -> proc_lib end, Module)
    end).

crowd(Run) ->
    crowded(300, fun(All, _) ->
        Spec = spec(#{sort => memory, limit => 1000, items => [current_function, message_queue_len, memory]}),
        {#{rows := Rows, incomplete := []}, {Hired, AtOnce}} = helped(fun() -> Run(page, Spec) end),
        ?assertEqual([], All -- [element(1, Row) || Row <- Rows]),
        Sizes = [Memory || {_, _, _, Memory} <- Rows],
        ?assertEqual(Sizes, lists:reverse(lists:sort(Sizes))),
        ?assertMatch({Some, Few} when Some > 0 andalso Few =< 100, {Hired, AtOnce})
    end).

%% Each time that it is asked, all of its queue is walked: some seconds for all, and more where others work.
crowd_out_of_time(Run) ->
    with([queue(200000)], fun([Slow]) ->
        Before = processes(),
        Pids = lists:duplicate(1000, Slow),
        Spec = spec(#{pids => Pids, long_queue => 1000000, sort => memory, items => [total_heap_size], deadline_ms => 250}),
        {#{seen := Seen, rows := Rows, incomplete := [deadline | _]}, _} = helped(fun() -> Run(page, Spec) end),
        ?assert(Seen < length(Pids)),
        ?assert(length(Rows) =< Seen),
        until(fun() -> processes() -- Before =:= [] end)
    end).

deadline(Run) ->
    None = {0, []},
    Nothing = #{
        rows => [], seen => 0, matched => 0, gone => 0, unmeasured => None, large => 0, undecided => None,
        incomplete => [deadline]
    },
    Page = Run(page, spec(#{deadline_ms => 0})),
    ?assertEqual(Nothing#{next => undefined, total => map_get(total, Page)}, Page),
    %% A pause after the first thousand outlasts the deadline.
    with([queue(0) || _ <- lists:seq(1, 2500)], fun(_) ->
        #{seen := Seen, incomplete := Why} = Run(page, spec(#{deadline_ms => 50, pause_ms => 51})),
        ?assertEqual({true, [deadline]}, {Seen =< 1000, Why})
    end).

bounds(Run) ->
    [?assertError(function_clause, Run(page, spec(#{limit => Limit}))) || Limit <- [0, 1001, 1.0, all]],
    [?assertError(function_clause, Run(page, spec(#{sort => Sort}))) || Sort <- [messages, dictionary, backtrace]],
    [?assertError({unknown_item, Item}, Run(page, spec(#{items => [Item]}))) || Item <- [messages, dictionary]].

asking(Run) ->
    #{rows := Rows, seen := Seen, matched := Seen, total := Seen} = Run(page, spec(#{sort => pid, limit => 1000})),
    ?assertEqual(lists:sort(processes()) -- [self()], lists:sort([Pid || {Pid} <- Rows])).

% Those that come behind the last look do not match, and are not there.
meanwhile(Run) ->
    Call = fun() -> Run(page, spec(#{sort => pid, pause_ms => 200})) end,
    {#{total := Total, matched := Matched}, Born} = during(Call, fun() -> [spawn(fun idle/0) || _ <- lists:seq(1, 5)] end),
    lists:foreach(fun kill/1, Born),
    ?assertEqual(Matched, Total).
