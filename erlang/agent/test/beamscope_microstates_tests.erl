-module(beamscope_microstates_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"every thread, with what it did", fun threads/1},
        {"on only meanwhile", fun flag/1},
        {"on before, on afterwards", fun foreign/1},
        {"several at once", fun several/1},
        {"off when who asked is killed", fun killed/1}
    ].

threads(Run) ->
    #{threads := Threads, was_on := false} = Run(states, #{window_ms => 100}),
    Expected = [{Type, Id} || #{type := Type, id := Id} <- erlang:statistics(microstate_accounting)],
    ?assertEqual(lists:sort(Expected), lists:sort([{Type, Id} || {Type, Id, _} <- Threads])),
    Times = [{Type, lists:sum(maps:values(Counters))} || {Type, _, Counters} <- Threads],
    [?assert(Time >= 0) || {_, Time} <- Times],
    ?assert(lists:sum([Time || {scheduler, Time} <- Times]) > 0).

flag(Run) ->
    ?assertEqual(false, is_on()),
    _ = Run(states, #{window_ms => 10}),
    ?assertEqual(false, is_on()),
    until(fun() -> whereis(beamscope_microstate_keeper) =:= undefined end).

foreign(Run) ->
    false = erlang:system_flag(microstate_accounting, true),
    #{was_on := true} = Run(states, #{window_ms => 10}),
    until(fun() -> whereis(beamscope_microstate_keeper) =:= undefined end),
    ?assertEqual(true, erlang:system_flag(microstate_accounting, false)).

several(Run) ->
    Asking = [spawn_monitor(fun() -> exit(Run(states, #{window_ms => 5 * N})) end) || N <- lists:seq(1, 10)],
    Answers = [
        receive
            {'DOWN', Monitor, process, Pid, Answer} -> Answer
        end
     || {Pid, Monitor} <- Asking
    ],
    [?assertMatch(#{was_on := false, threads := [_ | _]}, Answer) || Answer <- Answers],
    until(fun() -> whereis(beamscope_microstate_keeper) =:= undefined end),
    ?assertEqual(false, is_on()).

killed(Run) ->
    {Asking, Monitor} = spawn_monitor(fun() -> Run(states, #{window_ms => 60000}) end),
    until(fun() -> whereis(beamscope_microstate_keeper) =/= undefined end),
    Keeper = erlang:monitor(process, beamscope_microstate_keeper),
    exit(Asking, kill),
    receive
        {'DOWN', Monitor, process, Asking, killed} -> ok
    end,
    receive
        {'DOWN', Keeper, process, _, _} -> ok
    end,
    ?assertEqual(false, is_on()).

%% There is no other way to see it than to set it.
is_on() ->
    Was = erlang:system_flag(microstate_accounting, false),
    _ = Was andalso erlang:system_flag(microstate_accounting, true),
    Was.
