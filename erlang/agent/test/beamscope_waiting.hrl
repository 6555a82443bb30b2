%% Processes that wait for a test, and how a test waits for what it has set going: until it is so, and never for a time. To be
%% included in front of the first function.

-compile({nowarn_unused_function, [{until, 1}, {kill, 1}, {idle, 0}]}).

until(Condition) ->
    case Condition() of
        true ->
            ok;
        false ->
            erlang:yield(),
            until(Condition)
    end.

%% Ends a process, and waits for its end.
kill(Pid) ->
    Monitor = erlang:monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

idle() ->
    receive
        go_on -> ok
    end.
