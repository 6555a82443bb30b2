%% A bound for what a test asks. To be included behind eunit.hrl.

-compile({nowarn_unused_function, [{within_words, 2}]}).

%% What a test answers that may take so many words of heap, as a question on a node may: `{answer, Answer}', or `killed'.
within_words(Words, Test) ->
    Limit = #{size => Words, kill => true, error_logger => false},
    {Asker, Asked} = spawn_opt(fun() -> exit({answer, Test()}) end, [monitor, {max_heap_size, Limit}]),
    receive
        {'DOWN', Asked, process, Asker, Reason} -> Reason
    end.
