%% How the modules that look at processes are tested. To be included behind eunit.hrl.

-export([idle/0, spin/0]).

-compile({nowarn_unused_function, [{spec, 1}, {reads_keys, 0}, {running, 2}, {queue, 1}, {named, 3}, {fat, 0}]}).

-include("beamscope_both_ways.hrl").
-include("beamscope_within_words.hrl").
-include("beamscope_during.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

spec(Extra) ->
    maps:merge(
        #{sort => message_queue_len, limit => 10, items => [], long_queue => 10000, deadline_ms => 60000}, Extra
    ).

reads_keys() ->
    try process_info(self(), {dictionary, key}) of
        _ -> true
    catch
        error:badarg -> false
    end.

%% Starts processes by functions that return their pids, and ends them whatever becomes of Body.
with(Starts, Body) ->
    Pids = [Start() || Start <- Starts],
    try
        until(fun() -> lists:all(fun settled/1, Pids) end),
        Body(Pids)
    after
        lists:foreach(fun kill/1, Pids)
    end.

%% The same for processes that run these functions.
running(Functions, Body) -> with([fun() -> spawn(Function) end || Function <- Functions], Body).

settled(Pid) ->
    lists:member(process_info(Pid, current_function), [
        {current_function, Call}
     || Call <- [{?MODULE, idle, 0}, {?MODULE, spin, 0}, {timer, sleep, 1}]
    ]).

kill(Pid) ->
    Monitor = erlang:monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

queue(Length) ->
    fun() ->
        Pid = spawn(fun idle/0),
        [Pid ! hello || _ <- lists:seq(1, Length)],
        Pid
    end.

named(Prefix, Number, Length) ->
    Pid = (queue(Length))(),
    register(list_to_atom(Prefix ++ integer_to_list(Number)), Pid),
    Pid.

fat() ->
    fun() -> spawn_opt(fun idle/0, [{min_heap_size, 1000000}]) end.

idle() ->
    receive
        never -> ok
    end.

spin() ->
    spin().
