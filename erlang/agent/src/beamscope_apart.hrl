%% What may turn out larger than we may grow, or take longer than we have: it costs its own answer, and not all of ours. To
%% be included behind the types and in front of the first function.

%% `{answer, Answer}' of a function, `{raised, Reason}', `too_large' where it took more than so many words of heap, `late'
%% where it took more than so many milliseconds. A process of its own calls it, which ends with us and runs at low priority
%% as we do. Its limit spares us, and not the node: what another process copies for it is there in full before it counts.
apart(Words, Millis, Ask) ->
    Traps = process_flag(trap_exit, true),
    Mark = make_ref(),
    Told = fun() ->
        try
            {Mark, {answer, Ask()}}
        catch
            _:Reason -> {Mark, {raised, Reason}}
        end
    end,
    Limit = #{size => Words, kill => true, error_logger => false},
    %% It exits with its answer, which is logged nowhere.
    Helper = spawn_opt(fun() -> exit(Told()) end, [link, {priority, low}, {max_heap_size, Limit}]),
    Outcome =
        receive
            {'EXIT', Helper, {Mark, Answer}} -> Answer;
            {'EXIT', Helper, _} -> too_large;
            {'EXIT', _, Reason} when Reason =/= normal -> exit(Reason)
        after Millis ->
            unlink(Helper),
            exit(Helper, kill),
            receive
                {'EXIT', Helper, _} -> late
            after 0 -> late
            end
        end,
    process_flag(trap_exit, Traps),
    %% Whoever we are linked to may have ended while we did not die of it.
    receive
        {'EXIT', _, Ended} when Traps =:= false, Ended =/= normal -> exit(Ended)
    after 0 -> Outcome
    end.
