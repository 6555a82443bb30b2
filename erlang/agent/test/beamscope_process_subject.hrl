%% How the modules that look at very many processes are tested, each as `?SUBJECT'. To be included behind eunit.hrl.
%% Every test runs twice, with the module loaded and with its forms interpreted. scripts/build-agent.escript --test.

-export([idle/0, spin/0]).

-compile({nowarn_unused_function, [{packed, 3}, {reads_keys, 0}, {named, 3}, {fat, 0}]}).

both_ways_test_() ->
    [
        {lists:concat([Way, ": ", Title]), fun() -> Test(fun(Function, Spec) -> run(Way, Function, Spec) end) end}
     || Way <- [loaded, interpreted], {Title, Test} <- tests()
    ].

run(Way, Function, Spec) -> binary_to_term(packed(Way, Function, Spec)).

packed(loaded, Function, Spec) ->
    #{name := Module} = persistent_term:get({agent, ?SUBJECT}),
    Module:Function(Spec);
packed(interpreted, Function, Spec) ->
    #{functions := Functions} = persistent_term:get({agent, ?SUBJECT}),
    {Function, Expression} = lists:keyfind(Function, 1, Functions),
    erl_eval:expr(Expression, [{'A', Spec}], none, none, value).

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

%% Starts processes, and ends them whatever becomes of Body.
with(Starts, Body) ->
    Pids = [Start() || Start <- Starts],
    try
        until(fun() -> lists:all(fun settled/1, Pids) end),
        Body(Pids)
    after
        lists:foreach(fun kill/1, Pids)
    end.

settled(Pid) ->
    lists:member(process_info(Pid, current_function), [
        {current_function, Call}
     || Call <- [{?MODULE, idle, 0}, {?MODULE, spin, 0}, {timer, sleep, 1}]
    ]).

until(Condition) ->
    case Condition() of
        true ->
            ok;
        false ->
            erlang:yield(),
            until(Condition)
    end.

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
