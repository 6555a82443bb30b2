%% To wait without a word to the module `timer', which would be loaded where nobody has used it. To be included behind
%% the types and in front of the first function.

rest(Millis) when Millis =< 0 -> ok;
rest(Millis) ->
    receive
    after Millis -> ok
    end.
