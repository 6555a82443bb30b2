-module(beamscope_runtime_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"what is done in a window is counted", fun counted/1},
        {"processes that end meanwhile are left out", fun ended/1},
        {"counters that others read do not start over", fun untouched/1}
    ].

counted(Run) ->
    Spinner = spawn(fun Spin() ->
        erlang:garbage_collect(),
        Spin()
    end),
    #{first := First, second := Second, reductions := Reductions, run_queues := Queues} =
        Run(growth, #{window_ms => 200}),
    {reductions, Most} = process_info(Spinner, reductions),
    exit(Spinner, kill),
    Grown = fun(Key) -> map_get(Key, Second) - map_get(Key, First) end,
    ?assert(Grown(microseconds) >= 200000),
    ?assert(Grown(collections) > 10),
    ?assert(Grown(context_switches) > 0),
    ?assert(Reductions > 1000),
    ?assert(Most > 0),
    ?assertEqual(erlang:system_info(schedulers) + 2, length(Queues)).

%% Many end while they are asked.
ended(Run) ->
    Churn = spawn(fun Churn() ->
        spawn(fun() -> ok end),
        Churn()
    end),
    #{reductions := Reductions} = Run(growth, #{window_ms => 50}),
    exit(Churn, kill),
    ?assert(Reductions > 0).

untouched(Run) ->
    _ = erlang:statistics(reductions),
    _ = erlang:statistics(exact_reductions),
    _ = erlang:statistics(wall_clock),
    _ = Run(growth, #{window_ms => 200}),
    {_, Reductions} = erlang:statistics(reductions),
    {_, Exact} = erlang:statistics(exact_reductions),
    {_, Millis} = erlang:statistics(wall_clock),
    ?assert(Reductions > 0),
    ?assert(Exact > 0),
    %% Had it been read in the window, this would be what passed since then.
    ?assert(Millis >= 200).
