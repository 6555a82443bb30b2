%% Whether a process waits for its next message, so that it can be asked something: what is sent to one that does not
%% would wait in its queue, behind everything else and also when nobody waits for the answer any more. To be included
%% behind beamscope_rest.hrl and beamscope_within.hrl, in front of the first function.

-compile({nowarn_unused_function, [{rest, 1}, {within, 2}, {idle, 1}, {idle, 2}, {told_by, 4}]}).

%% Milliseconds between two looks.
-define(LOOK_AGAIN, 20).

%% `idle', `gone', or `{Status, Messages, Current}' of one that is busy, stuck or suspended.
idle(Pid) ->
    case erlang:process_info(Pid, [status, message_queue_len, current_function]) of
        undefined ->
            gone;
        [{_, Status}, {_, Messages}, {_, Current}] ->
            case Status =:= waiting andalso Messages =:= 0 andalso loops(Current) of
                true -> idle;
                false -> {Status, Messages, Current}
            end
    end.

%% The same, but for looking again until then at one that is busy. One that is suspended is let be.
idle(Pid, Until) ->
    case idle(Pid) of
        {Status, _, {Module, _, _}} = Busy when Status =/= suspended, Module =/= sys ->
            case erlang:monotonic_time(millisecond) < Until of
                true ->
                    rest(?LOOK_AGAIN),
                    idle(Pid, Until);
                false ->
                    Busy
            end;
        Told ->
            Told
    end.

%% The functions in which the processes of OTP and its behaviours wait for any message at all (OTP 23 to 29). In others of
%% the same modules they wait for something of their own, such as the reply to a call. Of a process that hibernates that
%% is not known.
loops({gen_server, Function, _}) -> lists:prefix("loop", atom_to_list(Function));
loops({gen_statem, Function, _}) -> lists:prefix("loop", atom_to_list(Function));
loops({gen_event, fetch_msg, _}) -> true;
loops({application_master, Function, _}) -> Function =:= main_loop orelse Function =:= loop_it;
loops({code_server, loop, _}) -> true;
loops({erl_prim_loader, loop, _}) -> true;
loops({init, Function, _}) -> Function =:= loop orelse Function =:= boot_loop;
loops({dist_util, con_loop, _}) -> true;
loops({dets, open_file_loop2, _}) -> true;
loops({erlang, hibernate, _}) -> true;
loops(_) -> false.

%% What processes answer to a function that asks them, and why nothing is known: `{Answer, []}'. Where one of them is not
%% idle within so many milliseconds, none is asked: `{Default, [Why]}'. Where they are, and take longer than that, a request
%% is left with one of them: `{Default, [Why, left]}'.
told_by(Pids, Millis, Ask, {Default, Why}) ->
    Until = erlang:monotonic_time(millisecond) + Millis,
    case Millis > 0 andalso lists:all(fun(Pid) -> is_pid(Pid) andalso idle(Pid, Until) =:= idle end, Pids) of
        true ->
            case within(Millis, Ask) of
                {answer, Answer} -> {Answer, []};
                timeout -> {Default, [Why, left]};
                {raised, _} -> {Default, [Why]}
            end;
        false ->
            {Default, [Why]}
    end.
