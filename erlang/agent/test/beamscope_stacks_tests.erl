-module(beamscope_stacks_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_process_subject.hrl").

tests() ->
    [
        {"stacks are counted", fun stacks/1},
        {"stacks beyond so many are counted together", fun many_stacks/1},
        {"some of the processes with a stack are named, wherever they are", fun few_samples/1},
        {"stacks by what is in them", fun stack_filters/1},
        {"stacks until time is up", fun late_stacks/1},
        {"a stack deeper than most", fun deep_stack/1},
        {"who hibernates stands there", fun hibernating/1},
        {"who works for the node that asks is left out", fun own/1}
    ].

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

%% As from another node: a group leader there says for whom a process works.
own(Run) ->
    Elsewhere = binary_to_term(<<131, 88, 119, 11, "asks@nohost", 1:32, 0:32, 1:32>>),
    Local = group_leader(),
    running([fun idle/0, fun idle/0], fun([Other, Own]) ->
        true = group_leader(Elsewhere, Own),
        Asked = standing(#{filter => [<<"stacks_tests.idle/0">>]}),
        #{rows := [{_, #{count := 2}}]} = Run(stacks, Asked),
        true = group_leader(Elsewhere, self()),
        #{rows := Rows} =
            try
                Run(stacks, Asked)
            after
                group_leader(Local, self())
            end,
        ?assertMatch([{_, #{count := 1, pids := [Other]}}], Rows)
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
            ?assertEqual(lists:sort([First, Last]), lists:sort(Pids))
        end)
    end).

stack_filters(Run) ->
    running([fun idle/0, fun() -> timer:sleep(infinity) end], fun([Idle, Sleeper]) ->
        Pids = fun(Filters) ->
            #{rows := Rows} = Run(stacks, standing(Filters)),
            lists:append([Some || {_, #{pids := Some}} <- Rows])
        end,
        ?assertEqual([Idle], Pids(#{filter => [<<"STACKS_tests.idle/0">>]})),
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

standing(Changes) -> maps:merge(#{limit => 100, sort => count, order => descending, deadline_ms => 5000, pause_ms => 0, stacks => 10000}, Changes).
