%% To look at very many things, some at a time and with an eye on the clock. To be included behind beamscope_rest.hrl, in
%% front of the first function.

-compile({nowarn_unused_function, [{rest, 1}, {scan, 5}, {thousand, 1}, {some, 2}, {now_ms, 0}]}).

%% Hands portion after portion of a source to `Step', with a state that it returns anew, until none is left or the time is
%% up: the last state, and `[deadline]' where something is left. `Next' makes `{Portion, Rest}' of a source, or `none'.
%% Bounds are `until', by `now_ms', and `pause_ms', milliseconds to rest behind each portion, 0 by default.
scan(Next, Source, #{until := Until} = Bounds, Step, State) ->
    case Next(Source) of
        none ->
            {State, []};
        {Portion, Rest} ->
            case now_ms() < Until of
                true ->
                    Stepped = Step(Portion, State),
                    rest(maps:get(pause_ms, Bounds, 0)),
                    scan(Next, Rest, Bounds, Step, Stepped);
                false ->
                    {State, [deadline]}
            end
    end.

%% Portions of a list: where one item takes some microseconds, a thousand of them between two looks at the clock.
thousand([]) ->
    none;
thousand(Items) ->
    Some = lists:sublist(Items, 1000),
    {Some, lists:nthtail(length(Some), Items)}.

some(_, []) ->
    none;
some(Count, Items) ->
    Some = lists:sublist(Items, Count),
    {Some, lists:nthtail(length(Some), Items)}.

now_ms() -> erlang:monotonic_time(millisecond).
