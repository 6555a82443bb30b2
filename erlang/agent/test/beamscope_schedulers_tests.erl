-module(beamscope_schedulers_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"every scheduler, in its place", fun all/1},
        {"who spins keeps a scheduler busy", fun busy/1},
        {"the flag is as it was", fun flag/1},
        {"a flag that somebody else has set stays", fun foreign/1},
        {"the flag is as it was when who asked is killed", fun killed/1}
    ].

all(Run) ->
    #{schedulers := Rows, normal := Normal, dirty_cpu := Dirty} = Run(usage, #{window_ms => 50}),
    ?assertEqual(erlang:system_info(schedulers), Normal),
    ?assertEqual(lists:seq(1, Normal + Dirty + erlang:system_info(dirty_io_schedulers)), [Id || {Id, _, _} <- Rows]),
    [?assert(Active >= 0 andalso Active =< Total) || {_, Active, Total} <- Rows].

busy(Run) ->
    Spinner = spawn(fun Spin() -> Spin() end),
    #{schedulers := Rows, normal := Normal} = Run(usage, #{window_ms => 300}),
    exit(Spinner, kill),
    %% Of one scheduler at least half, however busy the machine is: what the system takes away counts as active.
    ?assert(lists:sum([Active / Total || {Id, Active, Total} <- Rows, Id =< Normal]) > 0.5).

flag(Run) ->
    ?assertEqual(undefined, erlang:statistics(scheduler_wall_time)),
    _ = Run(usage, #{window_ms => 10}),
    ?assertEqual(undefined, erlang:statistics(scheduler_wall_time)).

foreign(Run) ->
    {Owner, Monitor} = spawn_monitor(fun() ->
        erlang:system_flag(scheduler_wall_time, true),
        receive
            stop -> ok
        end
    end),
    until(fun is_on/0),
    _ = Run(usage, #{window_ms => 10}),
    ?assert(is_on()),
    Owner ! stop,
    receive
        {'DOWN', Monitor, process, Owner, _} -> ok
    end,
    until(fun() -> not is_on() end).

killed(Run) ->
    {Asking, Monitor} = spawn_monitor(fun() -> Run(usage, #{window_ms => 60000}) end),
    until(fun is_on/0),
    exit(Asking, kill),
    receive
        {'DOWN', Monitor, process, Asking, killed} -> ok
    end,
    until(fun() -> not is_on() end).

is_on() -> is_list(erlang:statistics(scheduler_wall_time)).
