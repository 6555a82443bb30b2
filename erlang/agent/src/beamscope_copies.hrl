%% What is copied out of other processes, which each of them does itself. To be included behind beamscope_scan.hrl and
%% beamscope_apart.hrl, in front of the first function.
%%
%% What a program keeps, its label or, where a release cannot read one key of it (before 26.2), its whole dictionary, is
%% copied by the process itself, in full and before anybody's limit counts; what is shared in it gets a copy for each
%% reference. It may be all of the heap, and a dictionary on 4 MB took 10 GB, and the node with it. So it is read of small
%% heaps only (`?COPIED_HEAP'), of one larger process at a time, and not by us, whom it may be too much for. What OTP and
%% Elixir keep for themselves under `$initial_call', `$ancestors' and `$callers' is small, and read of everybody.

-include("beamscope_copied.hrl").
-include("beamscope_gate.hrl").

-compile({nowarn_unused_function, [{callbacks, 2}, {fact, 2}]}).

%% Words of heap up to which what is copied takes 8 MB at worst, and of the heaps together of which it is at once.
-define(SMALL_HEAP, 2000).
-define(SMALL_HEAPS, 250000).
%% Milliseconds for the copies of many processes at once, and of one alone; and the part of the time that is left which each
%% gets at most: one that is too large leaves enough to the others.
-define(COPIES_MILLIS, 5000).
-define(SINGLY_MILLIS, 1000).
-define(SHARE, 3).

%% Puts one question to many processes, with list BIFs throughout.
ask(Pids, {Question, Answers}) ->
    Facts = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Question)),
    ets:match_spec_run(lists:zip(Pids, Facts), Answers).

fact(Pid, Item) ->
    case erlang:process_info(Pid, Item) of
        {_, Value} -> Value;
        undefined -> undefined
    end.

%% `{Pid, Words}' of those of whom something may be copied, with the words of their heaps; how many have ended; and the
%% others. Their queues are short.
copyable(Pids) ->
    Answers = [
        {{'$1', {total_heap_size, '$2'}}, [{'=<', '$2', ?COPIED_HEAP}], [{{'$1', '$2'}}]},
        {{'_', undefined}, [], [gone]},
        {{'$1', '_'}, [], ['$1']}
    ],
    {Sized, Others} = lists:partition(
        fun erlang:is_tuple/1, ask(Pids, {total_heap_size, ets:match_spec_compile(Answers)})
    ),
    {Large, Ended} = lists:partition(fun erlang:is_pid/1, Others),
    {Sized, length(Ended), Large}.

%% What `Ask' makes of processes, each a list for some of them, altogether; those of whom it is too large; and those who
%% were not asked, or not to the end, before the time was up (`until' of the plan, which no copy outlasts). The processes
%% are `copyable': the small ones are asked as many at once as there is room for, and the others where nobody else asks
%% such (`gate' of the plan), so that the worst there is comes once at a time.
copied(Sized, Ask, #{until := Until} = Plan) ->
    {Small, Large} = lists:partition(fun({_, Words}) -> Words =< ?SMALL_HEAP end, Sized),
    %% Those whose copies may be the largest come last.
    copied_alone(lists:keysort(2, Large), Ask, Plan, copied_at_once(Small, Ask, Until, {[], [], []})).

copied_alone([], _, _, Found) ->
    Found;
copied_alone(Sized, Ask, #{gate := Gate, until := Until}, Found) ->
    case entered(Gate, Until) of
        true ->
            try
                copied_at_once(Sized, Ask, Until, Found)
            after
                ets:delete(Gate, holder)
            end;
        false ->
            late([Pid || {Pid, _} <- Sized], Found)
    end.

late(Pids, {Told, Large, Late}) -> {Told, Large, Late ++ Pids}.

copied_at_once([], _, _, Found) ->
    Found;
copied_at_once(Sized, Ask, Until, {Told, Large, Late} = Found) ->
    {Pids, Words} = lists:unzip(Sized),
    Left = Until - now_ms(),
    case length(Pids) > 1 andalso lists:sum(Words) > ?SMALL_HEAPS of
        true ->
            {First, Rest} = lists:split(length(Pids) div 2, Sized),
            copied_at_once(Rest, Ask, Until, copied_at_once(First, Ask, Until, Found));
        false when Left =< 0 ->
            late(Pids, Found);
        false when length(Pids) =:= 1 ->
            singly(Pids, Ask, Until, Found);
        false ->
            case apart(?COPIES, min(?COPIES_MILLIS, 1 + Left div ?SHARE), fun() -> Ask(Pids) end) of
                {answer, More} -> {Told ++ More, Large, Late};
                {raised, Reason} -> error(Reason);
                _ -> singly(Pids, Ask, Until, Found)
            end
    end.

singly([], _, _, Found) ->
    Found;
singly([Pid | Rest] = Pids, Ask, Until, {Told, Large, Late} = Found) ->
    Left = Until - now_ms(),
    case Left > 0 andalso apart_of(Pid, ?COPIES, min(?SINGLY_MILLIS, 1 + Left div ?SHARE), fun() -> Ask([Pid]) end) of
        {answer, More} -> singly(Rest, Ask, Until, {Told ++ More, Large, Late});
        {raised, Reason} -> error(Reason);
        too_large -> singly(Rest, Ask, Until, {Told, [Pid | Large], Late});
        late -> singly(Rest, Ask, Until, {Told, Large, [Pid | Late]});
        false -> late(Pids, Found)
    end.

%% What processes with short queues that `proc_lib' has started (others have nothing of it there) say in their dictionaries
%% to be, `undefined' where they do not say, for each that may be asked; and for whom there was no time.
callbacks(Pids, Plan) ->
    {Kept, Late} = kept(['$initial_call'], Pids, Plan),
    {[{Pid, Call} || {Pid, [Call]} <- Kept], Late}.

%% The same of what they have under one or two keys, as a list.
kept(Keys, Pids, Plan) ->
    {Sized, _, _} = copyable(Pids),
    {Kept, _, Late} = copied(Sized, fun(Some) -> from_dictionaries(Keys, Some) end, Plan),
    {Kept, Late}.

%% Where one key can be read alone, whatever else is there is not copied.
from_dictionaries(Keys, Pids) ->
    Values = lists:sublist(['$2', '$3'], length(Keys)),
    Read = [{{'$1', [{'_', Value} || Value <- Values]}, [], [{{'$1', Values}}]}],
    try
        ask(Pids, {[{dictionary, Key} || Key <- Keys], ets:match_spec_compile(Read)})
    catch
        error:badarg -> [{Pid, Found} || Pid <- Pids, Found <- copied_values(Keys, Pid)]
    end.
