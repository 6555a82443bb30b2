%% Words of heap up to which is copied out of a process what a program keeps there: a label, a whole dictionary, the value
%% of a key. Nobody outside of the process can know how large the copy will be: plain sharing, where half of the heap is
%% referred to from all of the other half, makes some 540 MB of so many words at worst (8 bytes a word). The server has the
%% same figure (CopiedHeap.ts).
-define(COPIED_HEAP, 16384).
%% Words that whoever takes such copies in may grow to: it spares us, and not the process that makes them.
-define(COPIES, 2000000).

-compile({nowarn_unused_function, [{started, 1}, {apart_of, 4}, {copied_values, 2}]}).

%% What a process has in its dictionary under some keys, each `undefined' where there is nothing, in a list of one; an empty
%% list where it has ended. For that the process copies all of its dictionary.
copied_values(Keys, Pid) ->
    case erlang:process_info(Pid, dictionary) of
        {_, Entries} -> [[proplists:get_value(Key, Entries) || Key <- Keys]];
        undefined -> []
    end.

%% Which of these `proc_lib' has started. Where one key of a dictionary cannot be read alone, nobody else's is: it holds
%% nothing of `proc_lib''s.
started(Pids) ->
    Calls = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), initial_call)),
    Started = [{{'$1', {initial_call, {proc_lib, init_p, '_'}}}, [], ['$1']}],
    ets:match_spec_run(lists:zip(Pids, Calls), ets:match_spec_compile(Started)).

%% Milliseconds that a copy must have had to count as too large, and in which the process must answer behind it.
-define(COPIED_AT_LEAST, 60).

%% What is copied out of one process: as `apart', and `too_large' where it answers before and behind, and its copy alone is
%% not made in time. Of less time than that nothing can be said: whoever asks has to wait for a scheduler, too.
apart_of(Pid, Words, Millis, Ask) ->
    Answers = fun() -> erlang:process_info(Pid, reductions) end,
    case apart(Words, Millis, Answers) of
        {answer, _} ->
            case apart(Words, Millis, Ask) of
                late when Millis >= ?COPIED_AT_LEAST ->
                    case apart(Words, ?COPIED_AT_LEAST, Answers) of
                        {answer, _} -> too_large;
                        _ -> late
                    end;
                Outcome ->
                    Outcome
            end;
        Silent ->
            Silent
    end.
