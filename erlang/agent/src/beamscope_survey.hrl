%% To look at very many processes, also where each question takes its time. To be included behind beamscope_scan.hrl, in
%% front of the first function.
%%
%% Most of what is asked of a process is asked by a signal, which it answers itself when its turn comes. Where processes
%% wait for the schedulers, we wait for its turn and then for ours, which comes to one of low priority once in eight
%% rounds: 11 ms for each process where 15 waited for each scheduler, 30 microseconds at rest (OTP 25). So where a portion
%% took long, helpers look at the rest, at many small portions at a time: they do the same work, and wait together. The
%% 20,000 processes of that node take three seconds so, in place of three minutes.


-compile({nowarn_unused_function, [{resume, 7}]}).

%% Processes in the first portion, which tells whether the others take long, and in those of helpers: loaded,
%% interpreted; and in all others.
-define(FEW, 20).
-define(SOME, 200).
-define(MANY, 1000).
%% Milliseconds from which on a portion of few, and one of many, took long.
-define(LONG_FOR_FEW, 10).
-define(LONG_FOR_MANY, 100).
%% Helpers at a time.
-define(HELPERS, 100).
%% The same where they are interpreted, which takes half a megabyte for each.
-define(INTERPRETED, 50).

%% Hands portion after portion of a source to `Look', which asks, and what it finds to `Merge', with a state that it
%% returns anew, until none is left or the time is up. `Next', of a number and the source, makes `{Portion, Rest}' of
%% them, or `none'. Bounds are as for `scan', and `helpers', how many there may be. The last state, `[deadline]' where
%% something is left, and whether it took long.
survey(Next, Source, Bounds, Look, Merge, State) ->
    portions(Next, Source, Bounds#{count => ?FEW, long => ?LONG_FOR_FEW}, Look, Merge, State).

portions(Next, Source, #{until := Until, count := Count, long := Long} = Bounds, Look, Merge, State) ->
    case Next(Count, Source) of
        none ->
            {State, [], false};
        {Portion, Rest} ->
            Begun = now_ms(),
            Merged = Begun < Until andalso Merge(Portion, Look(Portion), State),
            case now_ms() - Begun > Long of
                _ when Merged =:= false ->
                    {State, [deadline], false};
                true ->
                    gather(Next, Rest, Bounds, Look, Merge, {#{}, Merged});
                false ->
                    rest(maps:get(pause_ms, Bounds, 0)),
                    portions(Next, Rest, Bounds#{count => ?MANY, long => ?LONG_FOR_MANY}, Look, Merge, Merged)
            end
    end.

%% The same for one more source, where it is known whether it will take long.
resume(false, Next, Source, Bounds, Look, Merge, State) -> survey(Next, Source, Bounds, Look, Merge, State);
resume(true, Next, Source, Bounds, Look, Merge, State) -> gather(Next, Source, Bounds, Look, Merge, {#{}, State}).

%% The same by helpers, who look at a portion each: the portions of those at it, and the state.
gather(Next, Source, #{until := Until} = Bounds, Look, Merge, {Busy, State}) ->
    Left = Until - now_ms(),
    {Few, Most} = at_a_time(Look),
    case map_size(Busy) < min(Most, map_get(helpers, Bounds)) andalso Next(Few, Source) of
        none when map_size(Busy) =:= 0 ->
            {State, [], true};
        %% What waits in our queue has come too late: to merge it takes time, too.
        _ when Left =< 0 ->
            dismiss(maps:keys(Busy)),
            {State, [deadline], true};
        {Portion, Rest} ->
            gather(Next, Rest, Bounds, Look, Merge, {Busy#{helper(Look, Portion) => Portion}, State});
        _ ->
            receive
                {Helper, {found, Found}} when is_map_key(Helper, Busy) ->
                    Merged = Merge(map_get(Helper, Busy), Found, State),
                    gather(Next, Source, Bounds, Look, Merge, {maps:remove(Helper, Busy), Merged});
                {Helper, {raised, Reason}} when is_map_key(Helper, Busy) ->
                    error(Reason)
            after Left ->
                gather(Next, Source, Bounds, Look, Merge, {Busy, State})
            end
    end.

%% Processes in a portion, and helpers. Where we are interpreted, to add what one found takes longer than to ask many.
at_a_time(Look) ->
    case erlang:fun_info(Look, module) of
        {module, erl_eval} -> {?SOME, ?INTERPRETED};
        _ -> {?FEW, ?HELPERS}
    end.

%% Looks at a portion for us: ends with us, runs at low priority as we do, and may grow as large as we may.
helper(Look, Portion) ->
    Asked = self(),
    {_, Facts} = erlang:process_info(Asked, garbage_collection),
    Most = [Limit || {max_heap_size, _} = Limit <- Facts],
    spawn_opt(fun() -> Asked ! {self(), found(Look, Portion)} end, [link, {priority, low}, {fullsweep_after, 0} | Most]).

%% Whatever it raises is raised by us, too.
found(Look, Portion) ->
    try
        {found, Look(Portion)}
    catch
        _:Reason -> {raised, Reason}
    end.

dismiss(Helpers) ->
    lists:foreach(fun erlang:unlink/1, Helpers),
    lists:zipwith(fun erlang:exit/2, Helpers, lists:duplicate(length(Helpers), kill)).
