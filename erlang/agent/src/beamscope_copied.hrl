%% Words of heap up to which is copied out of a process what a program keeps there: a label, a whole dictionary, the value
%% of a key. Nobody outside of the process can know how large the copy will be: plain sharing, where half of the heap is
%% referred to from all of the other half, makes some 540 MB of so many words at worst (8 bytes a word). The server has the
%% same figure (CopiedHeap.ts).
-define(COPIED_HEAP, 16384).

-compile({nowarn_unused_function, [{started, 1}]}).

%% Which of these `proc_lib' has started. Where one key of a dictionary cannot be read alone, nobody else's is: it holds
%% nothing of `proc_lib''s.
started(Pids) ->
    Calls = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), initial_call)),
    Started = [{{'$1', {initial_call, {proc_lib, init_p, '_'}}}, [], ['$1']}],
    ets:match_spec_run(lists:zip(Pids, Calls), ets:match_spec_compile(Started)).

%% What is copied out of one process: as `apart', and `too_large' where it answers, and its copy alone is not made in time.
apart_of(Pid, Words, Millis, Ask) ->
    case apart(Words, Millis, fun() -> erlang:process_info(Pid, reductions) end) of
        {answer, _} ->
            case apart(Words, Millis, Ask) of
                late -> too_large;
                Outcome -> Outcome
            end;
        Silent ->
            Silent
    end.
