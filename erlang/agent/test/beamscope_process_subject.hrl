%% How the modules that look at processes are tested. To be included behind eunit.hrl.

-export([idle/0, spin/0]).

-compile({nowarn_unused_function, [{spec, 1}, {reads_keys, 0}, {running, 2}, {queue, 1}, {named, 3}, {fat, 0}, {crowded, 2}, {helped, 1}]}).

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

%% With so many processes, and others for which they and we wait.
crowded(Count, Body) ->
    {ok, Tokens, _} = erl_scan:string("F = fun(G) -> G(G) end, F(F)."),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    Busy = [spawn(erl_eval, exprs, [Forms, []]) || _ <- lists:seq(1, 15 * erlang:system_info(schedulers_online))],
    try
        with([queue(0) || _ <- lists:seq(1, Count)], fun(All) -> Body(All, Busy) end)
    after
        lists:foreach(fun kill/1, Busy)
    end.

%% What a function returns, with how many processes it started, and how many of them there were at a time. All have
%% ended.
helped(Ask) ->
    Asking = self(),
    process_flag(priority, low),
    Tracer = spawn(fun() -> census([], 0, 0) end),
    erlang:trace(Asking, true, [procs, set_on_spawn, {tracer, Tracer}]),
    Answer = Ask(),
    erlang:trace(Asking, false, [procs, set_on_spawn]),
    Told = fun() ->
        Tracer ! {tell, Asking},
        receive
            {Tracer, Alive, Hired, AtOnce} -> {Alive, {Hired, AtOnce}}
        end
    end,
    until(fun() -> element(1, Told()) =:= [] end),
    {_, Census} = Told(),
    kill(Tracer),
    process_flag(priority, normal),
    {Answer, Census}.

census(Alive, Hired, AtOnce) ->
    receive
        {trace, _, spawn, Helper, _} -> census([Helper | Alive], Hired + 1, max(AtOnce, length(Alive) + 1));
        {trace, Helper, exit, _} -> census(Alive -- [Helper], Hired, AtOnce);
        {tell, To} -> To ! {self(), Alive, Hired, AtOnce}, census(Alive, Hired, AtOnce);
        _ -> census(Alive, Hired, AtOnce)
    end.

fat() ->
    fun() -> spawn_opt(fun idle/0, [{min_heap_size, 1000000}]) end.

spin() ->
    spin().
