%% A process that is small, and very large when copied. To be included behind eunit.hrl.

-compile({nowarn_unused_function, [{with_hoard, 2}, {hoard, 0}, {reads_whole, 0}]}).

%% Of each number in its dictionary there are so many references.
-define(SHARED, 1500).

%% What Test makes of a process of `proc_lib' under a name, which owns a table of that name: its heap takes some 6,000
%% words, its dictionary 4,500,000 when copied. Who asks is linked to it, and gets no more than 1,000,000 words.
with_hoard(Name, Test) ->
    Asks = fun() ->
        process_flag(trap_exit, true),
        Hoard = proc_lib:spawn_link(fun() ->
            Name = ets:new(Name, [named_table]),
            register(Name, self()),
            hoard(),
            erlang:hibernate(timer, sleep, [infinity])
        end),
        hibernated(Hoard),
        try
            Test(Hoard)
        after
            exit(Hoard, kill),
            receive
                {'EXIT', Hoard, _} -> ok
            end
        end
    end,
    {Asker, Asked} = spawn_opt(fun() -> exit({answer, Asks()}) end, [
        monitor, {max_heap_size, #{size => 1000000, kill => true, error_logger => false}}
    ]),
    receive
        {'DOWN', Asked, process, Asker, Reason} -> ?assertMatch({answer, _}, Reason)
    end.

%% Puts what is so large into the dictionary.
hoard() ->
    Shared = lists:seq(1, ?SHARED),
    put(shared, lists:duplicate(?SHARED, Shared)),
    true = erlang:garbage_collect().

hibernated(Pid) ->
    case process_info(Pid, [current_function, total_heap_size]) of
        [{_, {erlang, hibernate, 3}}, {_, Words}] ->
            ?assert(Words < 16384);
        _ ->
            erlang:yield(),
            hibernated(Pid)
    end.

%% Whether this release reads dictionaries as a whole (before OTP 26.2).
reads_whole() ->
    try process_info(self(), {dictionary, key}) of
        _ -> false
    catch
        error:badarg -> true
    end.
