%% What is asked of code or processes that may never answer. To be included behind the types and in front of the first
%% function.

%% `{answer, Answer}' of a function, `{raised, Reason}', or `timeout' where it took longer than so many milliseconds. A
%% process of its own calls it, which ends with us, runs at low priority as we do, and may grow as large as we may.
within(Millis, Ask) ->
    {Asked, Mark} = {self(), make_ref()},
    {_, Facts} = erlang:process_info(self(), garbage_collection),
    Most = [Limit || {max_heap_size, _} = Limit <- Facts],
    Answer = fun() ->
        try
            {answer, Ask()}
        catch
            _:Reason -> {raised, Reason}
        end
    end,
    Helper = spawn_opt(fun() -> Asked ! {Mark, Answer()} end, [link, {priority, low} | Most]),
    receive
        {Mark, Outcome} -> Outcome
    after Millis ->
        unlink(Helper),
        exit(Helper, kill),
        timeout
    end.
