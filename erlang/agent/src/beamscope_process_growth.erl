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
    %% Those that ended in the window; what they did in it is not known. Who was born and ended in it is not seen.
    gone := non_neg_integer(),
    unmeasured := unmeasured(),
    undecided := undecided(),
    incomplete := [missing()]
}.

%% @doc The processes whose value grew most in a window of time: a packed `growth()'.
-spec top(spec()) -> binary().
top(#{sort := Sort, limit := Limit, deadline_ms := Deadline, window_ms := Window} = Spec) when
    Sort =/= pid, is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Start = erlang:monotonic_time(microsecond),
    Plan = plan(Spec),
    Alive = processes(),
    First = chosen(Spec, Alive),
    Sample = fun(Pids, {Samples, Seen, Gone, Long}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        %% Off the heap, where no garbage collection copies it, and compressed to a sixth.
        Taken = {term_to_binary(Values, [{compressed, 1}]), erlang:monotonic_time(microsecond)},
        {[Taken | Samples], Seen + length(Pids), Gone + Ended, unread(Longer, Long)}
    end,
    Halfway = Spec#{until => now_ms() + Deadline div 2},
    {{Samples, Seen, Gone, Long1}, Why1} = scan(fun others/1, First, Halfway, Sample, {[], 0, 0, {0, [], 0, {0, []}}}),
    Bounds = Spec#{until => now_ms() + Window + Deadline div 2},
    %% Who passed the filters once is in, whatever has become of it.
    Again = maps:without([label], Plan#{filters := map_get(guard, Plan), calls := []}),
    Compare = fun({Packed, Taken}, Tally) ->
        rest(Window + (Taken - erlang:monotonic_time(microsecond)) div 1000),
        Before = binary_to_term(Packed),
        {_, Pids} = lists:unzip(Before),
        grow(Pids, Before, Taken, Again, Tally)
    end,
    {Compared, Why2} = scan(fun pop/1, lists:reverse(Samples), Bounds, Compare, {0, Gone, Long1, []}),
    Born = chosen(Spec, processes()) -- (First ++ Alive),
    Add = fun(Pids, Tally) -> grow(Pids, [], Start, Plan, Tally) end,
    {{Matched, Ended, Unread, Top}, Why3} = scan(fun others/1, Born, Bounds, Add, Compared),
    Rows = rows(lists:reverse(Top), Sort, Plan),
    Told = #{
        rows => Rows,
        seen => Seen + length(Born),
        matched => Matched,
        born => length(Born),
        gone => Ended + length(Top) - length(Rows),
        incomplete => lists:usort(Why1 ++ Why2 ++ Why3) ++ unseen(Unread, Plan)
    },
    packed(maps:merge(unread_of(Unread), Told)).

%% Adds what has grown: `{Growth, Pid, Value, Microseconds, IsBorn}'. Nothing before means born since.
grow(Pids, Before, Taken, #{limit := Limit} = Plan, {Matched, Gone, Long, Top}) ->
    {Values, Ended, Longer} = measure(Pids, Plan),
    Micros = max(1, erlang:monotonic_time(microsecond) - Taken),
    {Numbers, Measured} = lists:unzip(Before),
    Then = maps:from_list(lists:zip(Measured, Numbers)),
    {Now, Changed} = lists:unzip(Values -- Before),
    Count = length(Changed),
    Was = lists:zipwith3(fun maps:get/3, Changed, lists:duplicate(Count, Then), lists:duplicate(Count, 0)),
    Growth = lists:zipwith(fun erlang:'-'/2, Now, Was),
    Greater = [{{'$1', '$2', '$3'}, [{'>', '$1', 0}], [{{'$1', '$2', '$3', Micros, Before =:= []}}]}],
    Grown = ets:match_spec_run(lists:zip3(Growth, Changed, Now), ets:match_spec_compile(Greater)),
    {Matched + length(Grown), Gone + Ended, unread(Longer, Long), best(Grown, Limit, Top)}.

pop([]) -> none;
pop([First | Rest]) -> {First, Rest}.

rows(Top, Sort, Plan) ->
    [
        list_to_tuple([Pid, Value, Growth, Growth * 1.0e6 / Micros, IsBorn | Row])
     || {Growth, Pid, Value, Micros, IsBorn} <- Top, Row <- row(Pid, #{Sort => Value}, Plan)
    ].
