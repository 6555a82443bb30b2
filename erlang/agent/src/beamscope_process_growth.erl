%% @doc Which processes of this node grow. For the style of this source see beamscope_processes.
-module(beamscope_process_growth).

-export([top/1]).

-export_type([spec/0, growth/0]).

-include("beamscope_process_scan.hrl").
-include("beamscope_process_row.hrl").

-type spec() :: #{
    sort := key(),
    items := [item()],
    %% Milliseconds between the two samples of a process, at least. The deadline does not include them.
    window_ms := non_neg_integer(),
    atom() => term()
}.
%% These, `limits()' and `filters()'.

-type growth() :: #{
    %% `{Pid, Value, Growth, PerSecond, Born, Item1, Item2, ...}' in descending order of `Growth', those that grew only.
    %% `Value' is that of the second sample. `Born': in the window, so that it grew from nothing and `PerSecond', being
    %% taken over the whole window, is the least that it can have been.
    rows := [tuple()],
    %% Processes looked at, those born in the window included.
    seen := non_neg_integer(),
    %% Processes that pass the filters and have grown.
    matched := non_neg_integer(),
    born := non_neg_integer(),
    %% Processes that were looked at twice: of the others that are as old it is not known whether they have grown.
    compared := non_neg_integer(),
    %% Microseconds between their two samples, least and most: `{infinity, 0}' where there are none.
    windows := {pos_integer() | infinity, non_neg_integer()},
    %% Those that ended in the window; what they did in it is not known. Who was born and ended in it is not seen.
    gone := non_neg_integer(),
    unmeasured := unmeasured(),
    large := non_neg_integer(),
    undecided := undecided(),
    incomplete := [missing()]
}.

%% @doc The processes whose value grew most in a window of time: a packed `growth()'.
-spec top(spec()) -> binary().
top(#{sort := Sort, limit := Limit, deadline_ms := Deadline, window_ms := Window} = Spec) when
    Sort =/= pid, is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Start = erlang:monotonic_time(microsecond),
    Halfway = bounds(Deadline div 2, Spec),
    Plan = plan(Spec, Halfway),
    Alive = processes(),
    First = chosen(Spec, Alive),
    Keep = fun(Pids, {Taken, Ended, Longer}, {Samples, Seen, Gone, Long}) ->
        {[Taken | Samples], Seen + length(Pids), Gone + Ended, unread(Longer, Long)}
    end,
    {{Samples, Seen, Gone, Unread1}, Why1, Slow1} =
        survey(fun others/2, First, Halfway, {sample, Plan}, Keep, {[], 0, 0, {0, [], {0, 0}, {0, []}}}),
    Bounds = bounds(Window + Deadline div 2, Spec),
    %% Who passed the filters once is in, whatever has become of it.
    Later = Plan#{until := map_get(until, Bounds)},
    Again = maps:without([label], Later#{filters := map_get(guard, Later), calls := []}),
    Due = fun(_, Left) -> due(Left, Window) end,
    Tally = fun(_, Found, Tallied) -> tally(Found, Limit, Tallied) end,
    %% Where time runs out, those have been compared that are large already, which whoever grows much will be.
    {Compared, Why2, Slow2} =
        resume(Slow1, Due, lists:reverse(lists:sort(Samples)), Bounds, {compare, Again, Limit}, Tally, {0, 0, {infinity, 0}, Gone, Unread1, []}),
    Born = chosen(Spec, processes()) -- (First ++ Alive),
    {{Matched, Twice, Windows, Ended, Unread, Top}, Why3, Slow3} =
        resume(Slow2, fun others/2, Born, Bounds, {born, Later, Start, Limit}, Tally, Compared),
    {Rows, Late} = told(lists:reverse(Top), Slow3, bounds(Deadline div 6, Spec), Sort, Plan),
    Told = #{
        rows => Rows,
        seen => Seen + length(Born),
        matched => Matched,
        born => length(Born),
        gone => Ended + length(Top) - length(Rows),
        compared => Twice,
        windows => Windows,
        incomplete => lists:usort(Why1 ++ Why2 ++ Why3) ++ Late ++ unseen(Unread, Plan)
    },
    packed(maps:merge(unread_of(Unread), Told)).

look_at({sample, Plan}, Pids) ->
    {Values, Ended, Longer} = measure(Pids, Plan),
    %% Off the heap, where no garbage collection copies it, and compressed to a sixth.
    Packed = term_to_binary(Values, [{compressed, 1}]),
    {{lists:max([{0, none} | Values]), Packed, erlang:monotonic_time(microsecond)}, Ended, Longer};
look_at({compare, Plan, Limit}, {_, Packed, Taken}) ->
    grow(binary_to_term(Packed), Taken, Limit, Plan);
look_at({born, Plan, Since, Limit}, Pids) ->
    born(measure(Pids, Plan), Since, Limit);
look_at({rows, Sort, Plan}, Top) ->
    rows_with_copies(Top, Sort, Plan).

%% The next sample, as soon as its window is over.
due([], _) ->
    none;
due([{_, _, Taken} = Sample | Left], Window) ->
    rest(Window + (Taken - erlang:monotonic_time(microsecond)) div 1000),
    {Sample, Left}.

%% What has become of a sample: how many were compared, in what time, and what `grown' and `measure' tell.
grow(Before, Taken, Limit, Plan) ->
    {Numbers, Measured} = lists:unzip(Before),
    {Values, Ended, Longer} = measure(Measured, Plan),
    Micros = max(1, erlang:monotonic_time(microsecond) - Taken),
    Then = maps:from_list(lists:zip(Measured, Numbers)),
    {Now, Changed} = lists:unzip(Values -- Before),
    Count = length(Changed),
    Was = lists:zipwith3(fun maps:get/3, Changed, lists:duplicate(Count, Then), lists:duplicate(Count, 0)),
    Growth = lists:zipwith(fun erlang:'-'/2, Now, Was),
    {length(Values), Micros, grown(lists:zip3(Growth, Changed, Now), Micros, false, Limit), Ended, Longer}.

%% The same of those that were born since.
born({Values, Ended, Longer}, Since, Limit) ->
    Micros = max(1, erlang:monotonic_time(microsecond) - Since),
    {Now, Pids} = lists:unzip(Values),
    {0, Micros, grown(lists:zip3(Now, Pids, Now), Micros, true, Limit), Ended, Longer}.

%% How many have grown, and `{Growth, Pid, Value, Microseconds, IsBorn}' of those that did most.
grown(Growth, Micros, IsBorn, Limit) ->
    Greater = [{{'$1', '$2', '$3'}, [{'>', '$1', 0}], [{{'$1', '$2', '$3', Micros, IsBorn}}]}],
    Grown = ets:match_spec_run(Growth, ets:match_spec_compile(Greater)),
    {length(Grown), best(Grown, Limit, [])}.

%% Adds that: how many have grown, how many were looked at twice, in the shortest and the longest window, and the rest.
tally({Twice, Micros, {Count, Grown}, Ended, Longer}, Limit, {Matched, Compared, {Shortest, Longest}, Gone, Unread, Top}) ->
    {Matched + Count, Compared + Twice, windows(Twice, Micros, {Shortest, Longest}), Gone + Ended, unread(Longer, Unread), best(Grown, Limit, Top)}.

%% An atom is greater than any number.
windows(0, _, Windows) -> Windows;
windows(_, Micros, {Shortest, Longest}) -> {min(Micros, Shortest), max(Micros, Longest)}.

rows(Top, Sort, Plan) ->
    [
        list_to_tuple([Pid, Value, Growth, Growth * 1.0e6 / Micros, IsBorn | Row])
     || {Growth, Pid, Value, Micros, IsBorn} <- Top, Row <- row(Pid, #{Sort => Value}, Plan)
    ].
