-module(beamscope_runtime_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").
-include("beamscope_during.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"what is done in a window is counted", fun counted/1},
        {"what is done while processes are asked is no work of the window alone", fun slowly/1},
        {"processes that are born and that end meanwhile", fun ended/1},
        {"no time", fun deadline/1},
        {"counters that others read do not start over", fun untouched/1}
    ].

%% Reductions that one call of `burn/0' is at least.
-define(BURNT, 40000000).

%% 4000 is what a process can be made to have done at once.
burn() -> [erlang:bump_reductions(4000) || _ <- lists:seq(1, ?BURNT div 4000)].

%% A process that does its work whenever it is told to, and says when it is done.
burner() ->
    spawn_link(fun Burner() ->
        receive
            {burn, From} ->
                burn(),
                From ! {self(), burnt},
                Burner()
        end
    end).

burnt(Burner) ->
    Burner ! {burn, self()},
    receive
        {Burner, burnt} -> Burner
    end.

stop(Pids) ->
    [unlink(Pid) || Pid <- Pids],
    [exit(Pid, kill) || Pid <- Pids].

counted(Run) ->
    Burner = burnt(burner()),
    Act = fun() ->
        burnt(Burner),
        [erlang:garbage_collect() || _ <- lists:seq(1, 100)]
    end,
    {Answer, _} = during(fun() -> Run(growth, #{window_ms => 2000, deadline_ms => 60000}) end, Act),
    stop([Burner]),
    #{first := First, second := Second, reductions := Reductions, run_queues := Queues, incomplete := []} = Answer,
    Grown = fun(Key) -> map_get(Key, Second) - map_get(Key, First) end,
    ?assert(Grown(microseconds) >= 2000000),
    ?assert(Grown(collections) >= 100),
    ?assert(Grown(context_switches) > ?BURNT div 4000),
    %% What was done before is none of it.
    ?assert(Reductions >= ?BURNT),
    ?assert(Reductions < 2 * ?BURNT),
    ?assert(map_get(reductions_per_second, Answer) =< Reductions / 2),
    ?assertEqual(erlang:system_info(schedulers) + 2, length(Queues)).

%% Each process is looked at later the second time by what the looks take, here five rests.
slowly(Run) ->
    Others = [spawn_link(timer, sleep, [infinity]) || _ <- lists:seq(1, 5000)],
    Ticker = spawn_link(fun Tick() ->
        receive
        after 1 -> Tick()
        end
    end),
    #{reductions := Reductions, reductions_per_second := PerSecond, incomplete := []} =
        Run(growth, #{window_ms => 50, deadline_ms => 60000, pause_ms => 100}),
    stop([Ticker | Others]),
    ?assert(Reductions > 0),
    ?assert(PerSecond =< Reductions / 0.5).

%% Many end while they are asked, and one is born that does much.
ended(Run) ->
    Churn = spawn_link(fun Churn() ->
        spawn(fun() -> ok end),
        Churn()
    end),
    {#{reductions := Reductions, incomplete := []}, Born} =
        during(fun() -> Run(growth, #{window_ms => 2000, deadline_ms => 60000}) end, fun() -> burnt(burner()) end),
    stop([Churn, Born]),
    ?assert(Reductions >= ?BURNT).

deadline(Run) ->
    #{reductions := 0, incomplete := [deadline]} = Run(growth, #{window_ms => 0, deadline_ms => -2}).

untouched(Run) ->
    {Before, _} = erlang:statistics(reductions),
    {ExactBefore, _} = erlang:statistics(exact_reductions),
    _ = erlang:statistics(wall_clock),
    _ = Run(growth, #{window_ms => 200, deadline_ms => 60000}),
    {After, Since} = erlang:statistics(reductions),
    {ExactAfter, ExactSince} = erlang:statistics(exact_reductions),
    {_, Millis} = erlang:statistics(wall_clock),
    %% Had they been read in the window, these would be what passed since then.
    ?assertEqual(After - Before, Since),
    ?assertEqual(ExactAfter - ExactBefore, ExactSince),
    ?assert(Millis >= 200).
