%% Growth in a window of time.
-module(beamscope_process_growth_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_process_subject.hrl").
-include("../src/beamscope_rest.hrl").
-include("../src/beamscope_scan.hrl").
-include("../src/beamscope_survey.hrl").

tests() ->
    [
        {"growth, births and deaths in a window", fun growth/1},
        {"a queue that grows long in a window", fun long_queue/1},
        {"growth of processes that are named one by one", fun chosen/1},
        {"a busy process in a window", fun busy/1},
        {"where processes wait, those who are busy are found", fun crowd/1},
        {"the deadline ends a scan", fun deadline/1},
        {"limits and keys are bounded", fun bounds/1}
    ].

growth(Run) ->
    Spec = spec(#{module => ?MODULE, items => [message_queue_len], window_ms => 300}),
    with([queue(1), queue(2), queue(0)], fun([Grows, _, Dies]) ->
        {Answer, Born} = during(fun() -> Run(top, Spec) end, fun() ->
            [Grows ! hello || _ <- lists:seq(1, 7)],
            kill(Dies),
            (queue(3))()
        end),
        kill(Born),
        #{rows := Rows, matched := 2, gone := 1, born := Count} = Answer,
        [{Grows, 8, 7, PerSecond, false, 8}, {Born, 3, 3, BornPerSecond, true, 3}] = Rows,
        ?assert(Count >= 1),
        [?assert(Rate > 0 andalso Rate =< Growth / 0.3) || {Rate, Growth} <- [{PerSecond, 7}, {BornPerSecond, 3}]]
    end).

long_queue(Run) ->
    Spec = spec(#{sort => memory, module => ?MODULE, long_queue => 5, window_ms => 300}),
    with([queue(9), queue(0)], fun([Long, Grows]) ->
        {Answer, _} = during(fun() -> Run(top, Spec) end, fun() -> [Grows ! hello || _ <- lists:seq(1, 7)] end),
        #{rows := Rows, gone := 0, unmeasured := {2, [{9, Long}, {7, Grows}]}} = Answer,
        ?assertEqual([], [Pid || Row <- Rows, Pid <- [element(1, Row)], lists:member(Pid, [Long, Grows])])
    end).

chosen(Run) ->
    with([queue(1), queue(1), queue(0)], fun([Grows, Other, Dead]) ->
        kill(Dead),
        Spec = spec(#{pids => [Grows, Dead], items => [message_queue_len], window_ms => 100}),
        {Answer, _} = during(fun() -> Run(top, Spec) end, fun() -> [Pid ! hello || Pid <- [Grows, Other]] end),
        #{rows := [{Grows, 2, 1, _, false, 2}], seen := 2, matched := 1, gone := 1, born := 0} = Answer
    end).

busy(Run) ->
    with([fun() -> spawn(?MODULE, spin, []) end], fun([Busy]) ->
        #{rows := [Row | _]} = Run(top, spec(#{sort => reductions, window_ms => 50})),
        ?assertMatch({Busy, _, Growth, _, false} when Growth > 0, Row)
    end).

crowd(Run) ->
    crowded(300, fun(All, Busy) ->
        Spec = spec(#{sort => reductions, window_ms => 500, limit => 1000}),
        {Answer, {_, AtOnce}} = helped(fun() -> Run(top, Spec) end),
        #{rows := Rows, compared := Compared, windows := {Least, Most}, incomplete := []} = Answer,
        ?assert(Compared >= length(All) + length(Busy)),
        ?assert(Least >= 500000 andalso Most >= Least),
        ?assertEqual([], Busy -- [element(1, Row) || Row <- Rows]),
        ?assert(AtOnce =< 100)
    end).

deadline(Run) ->
    ?assertMatch(
        #{rows := [], seen := 0, compared := 0, windows := {infinity, 0}, incomplete := [deadline]}, Run(top, spec(#{deadline_ms => 0, window_ms => 0}))
    ).

bounds(Run) ->
    [?assertError(function_clause, Run(top, spec(#{limit => Limit, window_ms => 0}))) || Limit <- [0, 1001, 1.0, all]],
    ?assertError(function_clause, Run(top, spec(#{sort => pid, window_ms => 0}))).

look_at(same, Some) -> Some.

%% A survey by helpers when the time is up already: of nothing that is left, and of something.
late_survey_test() ->
    Late = #{until => now_ms() - 1, helpers => 2},
    Next = fun(Count, Items) -> some(Count, Items) end,
    Survey = fun(Items) -> resume(true, Next, Items, Late, same, fun(_, Found, Seen) -> Found ++ Seen end, []) end,
    ?assertEqual({[], [], true}, Survey([])),
    ?assertEqual({[], [deadline], true}, Survey([1])).
