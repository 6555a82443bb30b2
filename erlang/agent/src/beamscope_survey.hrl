%% To look at very many processes, also where each question takes its time. To be included behind beamscope_scan.hrl, in
%% front of the first function, by modules that say what there is to do in `look_at/2'.
%%
%% Most of what is asked of a process is asked by a signal, which it answers itself when its turn comes. Where processes
%% wait for the schedulers, we wait for its turn and then for ours, which comes to one of low priority once in eight
%% rounds: 11 ms for each process where 15 waited for each scheduler, 30 microseconds at rest (OTP 25). So where a portion
%% took long, helpers look at the rest, at many small portions at a time: they do the same work, and wait together. The
%% 20,000 processes of that node take three seconds so, in place of three minutes.
%%
%% What there is to do is a term, no fun: where we are interpreted, a fun holds the code of all that it calls, and in what
%% is sent to another process nothing is shared. One that read rows was 20 MB so.

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
-define(INTERPRETED, 20).

%% Hands portion after portion of a source to `look_at(Task, Portion)', and what it finds to `Merge', with a state that it
%% returns anew, until none is left or the time is up. `Next', of a number and the source, makes `{Portion, Rest}' of
%% them, or `none'. Bounds are as for `scan', and `helpers', how many there may be. The last state, `[deadline]' where
%% something is left, and whether it took long.
survey(Next, Source, Bounds, Task, Merge, State) ->
    portions(Next, Source, Bounds#{count => ?FEW, long => ?LONG_FOR_FEW}, Task, Merge, State).

portions(Next, Source, #{until := Until, count := Count, long := Long} = Bounds, Task, Merge, State) ->
    case Next(Count, Source) of
        none ->
            {State, [], false};
        {Portion, Rest} ->
            Begun = now_ms(),
            Merged = Begun < Until andalso Merge(Portion, look_at(Task, Portion), State),
            case now_ms() - Begun > Long of
                _ when Merged =:= false ->
                    {State, [deadline], false};
                true ->
                    gather(Next, Rest, Bounds, Task, Merge, {#{}, Merged});
                false ->
                    rest(maps:get(pause_ms, Bounds, 0)),
                    portions(Next, Rest, Bounds#{count => ?MANY, long => ?LONG_FOR_MANY}, Task, Merge, Merged)
            end
    end.

%% The same for one more source, where it is known whether it will take long.
resume(false, Next, Source, Bounds, Task, Merge, State) -> survey(Next, Source, Bounds, Task, Merge, State);
resume(true, Next, Source, Bounds, Task, Merge, State) -> gather(Next, Source, Bounds, Task, Merge, {#{}, State}).

%% The same by helpers, who look at a portion each: the portions of those at it, and the state.
gather(Next, Source, #{until := Until} = Bounds, Task, Merge, {Busy, State}) ->
    Left = Until - now_ms(),
    {Few, Most} = at_a_time(),
    case map_size(Busy) < min(Most, map_get(helpers, Bounds)) andalso Next(Few, Source) of
        none when map_size(Busy) =:= 0 ->
            {State, [], true};
        %% What waits in our queue has come too late: to merge it takes time, too.
        _ when Left =< 0 ->
            dismiss(maps:keys(Busy)),
            {State, [deadline], true};
        {Portion, Rest} ->
            gather(Next, Rest, Bounds, Task, Merge, {Busy#{helper(Task, Portion) => Portion}, State});
        _ ->
            receive
                {Helper, {found, Found}} when is_map_key(Helper, Busy) ->
                    Merged = Merge(map_get(Helper, Busy), Found, State),
                    gather(Next, Source, Bounds, Task, Merge, {maps:remove(Helper, Busy), Merged});
                {Helper, {raised, Reason}} when is_map_key(Helper, Busy) ->
                    error(Reason)
            after Left ->
                gather(Next, Source, Bounds, Task, Merge, {Busy, State})
            end
    end.

%% Processes in a portion, and helpers. Where we are interpreted, to add what one found takes longer than to ask many.
at_a_time() ->
    case expression() of
        loaded -> {?FEW, ?HELPERS};
        _ -> {?SOME, ?INTERPRETED}
    end.

%% Looks at a portion for us: ends with us, runs at low priority as we do, and may grow as large as we may.
helper(Task, Portion) ->
    Asked = self(),
    {_, Facts} = erlang:process_info(Asked, garbage_collection),
    Most = [Limit || {max_heap_size, _} = Limit <- Facts],
    Look = alone(expression(), Task, Portion),
    spawn_opt(fun() -> Asked ! {self(), found(Look)} end, [link, {priority, low}, {fullsweep_after, 0} | Most]).

%% What somebody else is to do: where we are interpreted, to evaluate all that we are once more, which is small until then.
alone(loaded, Task, Portion) ->
    fun() -> look_at(Task, Portion) end;
alone(Expression, Task, Portion) ->
    fun() ->
        Program = binary_to_term(Expression),
        Bindings = [{'A', {look_at, Task, Portion}}, {'E', Expression}, {'T', Program}],
        erl_eval:expr(element(1, Program), Bindings, none, none, value)
    end.

%% What we are evaluated from, in external format, where we are: scripts/build-agent.escript puts that in this one's place.
expression() -> loaded.

%% Whatever it raises is raised by us, too.
found(Look) ->
    try
        {found, Look()}
    catch
        _:Reason -> {raised, Reason}
    end.

dismiss(Helpers) ->
    lists:foreach(fun erlang:unlink/1, Helpers),
    lists:zipwith(fun erlang:exit/2, Helpers, lists:duplicate(length(Helpers), kill)).
