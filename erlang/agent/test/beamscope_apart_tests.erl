-module(beamscope_apart_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").

both_ways_test_() -> both_ways(tests(), fun run/3) ++ both_ways([{"a copy is too large only if it had time", fun copies/1}], fun copy/3).

tests() ->
    [
        {"an answer, and what is raised", fun answers/1},
        {"what is too large, and what is late", fun failures/1},
        {"another process that ends normally is none of our business", fun ends_normally/1},
        {"another process that fails ends us, as it would have", fun fails/1},
        {"another process that fails behind the answer ends us, too", fun fails_behind/1},
        {"who traps exits gets those of others", fun traps/1}
    ].

run(Way, Ask, Extra) ->
    answer(Way, outcome, maps:merge(#{words => 100000, millis => 60000, ask => Ask}, Extra)).

copy(Way, Ask, Millis) -> answer(Way, copy, #{pid => whereis(init), words => 100000, millis => Millis, ask => Ask}).

copies(Run) ->
    Never = fun() -> receive never -> ok end end,
    ?assertEqual({answer, copied}, Run(fun() -> copied end, 1000)),
    ?assertEqual(too_large, Run(fun() -> length(lists:seq(1, 1000000)) end, 1000)),
    ?assertEqual(too_large, Run(Never, 500)),
    ?assertEqual(late, Run(Never, 40)).

answers(Run) ->
    ?assertEqual({answer, #{a => 1}}, Run(fun() -> #{a => 1} end, #{})),
    ?assertEqual({raised, reason}, Run(fun() -> error(reason) end, #{})),
    ?assertEqual({messages, []}, process_info(self(), messages)),
    ?assertEqual({trap_exit, false}, process_info(self(), trap_exit)).

failures(Run) ->
    ?assertEqual(too_large, Run(fun() -> length(lists:seq(1, 1000000)) end, #{})),
    Self = self(),
    Lasting = fun() ->
        Self ! {helper, self()},
        receive
            never -> ok
        end
    end,
    ?assertEqual(late, Run(Lasting, #{millis => 1})),
    receive
        {helper, Helper} -> ended(Helper)
    after 0 ->
        %% It was killed before it began.
        ok
    end,
    ?assertEqual({messages, []}, process_info(self(), messages)),
    ?assertEqual({trap_exit, false}, process_info(self(), trap_exit)).

%% Who asks is linked to another, which ends with Reason while the helper is at work, for as long as IsAwaited says.
beside(Run, Reason, Traps, IsAwaited) ->
    caller(fun() ->
        process_flag(trap_exit, Traps),
        Caller = self(),
        Other = spawn_link(fun() -> exit(receive go -> Reason end) end),
        Ask = fun() ->
            Other ! go,
            until(fun() -> not IsAwaited(Other, process_info(Caller, messages)) end),
            done
        end,
        Outcome = Run(Ask, #{millis => infinity}),
        {Outcome, process_info(self(), trap_exit), drained()}
    end).

%% Whether who asks was not told of it yet, nor has ended of it.
is_untold(_, undefined) -> false;
is_untold(Other, {_, Messages}) -> not lists:keymember(Other, 2, Messages).

is_there(_, Messages) -> Messages =/= undefined.

ends_normally(Run) ->
    ?assertMatch({{answer, done}, {trap_exit, false}, _}, beside(Run, normal, false, fun is_untold/2)).

fails(Run) ->
    ?assertEqual(failure, beside(Run, failure, false, fun is_there/2)).

traps(Run) ->
    ?assertMatch(
        {{answer, done}, {trap_exit, true}, [{'EXIT', _, normal}]}, beside(Run, normal, true, fun is_untold/2)
    ),
    ?assertMatch({{answer, done}, [{'EXIT', _, failure}]}, behind(Run, true)).

fails_behind(Run) ->
    ?assertEqual(failure, behind(Run, false)).

%% Who asks is linked to another, which fails: that and the answer are in the queue before who asks looks there, the answer
%% first.
behind(Run, Traps) ->
    Test = self(),
    Conductor = spawn_link(fun() ->
        receive
            {ready, Helper, Caller, Other} ->
                true = erlang:suspend_process(Caller),
                Helper ! answer,
                until(fun() -> process_info(Caller, message_queue_len) =:= {message_queue_len, 1} end),
                exit(Other, failure),
                until(fun() -> process_info(Caller, message_queue_len) =:= {message_queue_len, 2} end),
                true = erlang:resume_process(Caller),
                Test ! conducted
        end
    end),
    Told = caller(fun() ->
        process_flag(trap_exit, Traps),
        Caller = self(),
        Other = spawn_link(fun() ->
            receive
                never -> ok
            end
        end),
        Ask = fun() ->
            Conductor ! {ready, self(), Caller, Other},
            receive
                answer -> done
            end
        end,
        {Run(Ask, #{}), drained()}
    end),
    receive
        conducted -> Told
    end.

%% What a process of its own makes of Ask, or ends with.
caller(Ask) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({told, Ask()}) end),
    receive
        {'DOWN', Monitor, process, Pid, {told, Answer}} -> Answer;
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    end.

drained() ->
    receive
        Message -> [Message | drained()]
    after 0 -> []
    end.

ended(Pid) ->
    Monitor = erlang:monitor(process, Pid),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.
