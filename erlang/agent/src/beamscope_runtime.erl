%% @doc What this node got done in a window of time, by counters that only grow. Those of `statistics/1' that start over
%% with each look (reductions, runtime, wall_clock) are left to whoever reads them, and `exact_reductions' would wait
%% for all schedulers to stop.
-module(beamscope_runtime).

-export([growth/1]).

-export_type([spec/0, growth/0, sample/0]).

-type spec() :: #{
    window_ms := non_neg_integer(),
    %% Milliseconds of work besides the window after which no more processes are asked.
    deadline_ms := non_neg_integer(),
    %% Milliseconds to rest after every thousand processes, 0 by default.
    pause_ms => non_neg_integer()
}.

-type growth() :: #{
    first := sample(),
    second := sample(),
    %% Of the processes that live at the end, each between two looks at it that lie at least the window apart.
    reductions := non_neg_integer(),
    %% By the time between those looks, or since the first where a process was born behind it.
    reductions_per_second := non_neg_integer(),
    %% By scheduler: the normal ones, then one queue for dirty CPU and one for dirty I/O work.
    run_queues := [non_neg_integer()],
    %% `deadline' where not all processes were asked.
    incomplete := [deadline]
}.

-type sample() :: #{
    microseconds := integer(),
    collections := non_neg_integer(),
    reclaimed_words := non_neg_integer(),
    input_bytes := non_neg_integer(),
    output_bytes := non_neg_integer(),
    context_switches := non_neg_integer(),
    %% `/proc/self/stat'; `undefined' where there is none.
    stat := binary() | undefined
}.

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% @doc A packed `growth()'.
-spec growth(spec()) -> binary().
growth(#{window_ms := Window, deadline_ms := Deadline} = Spec) ->
    Start = now_us(),
    Pids = lists:delete(self(), processes()),
    Look = fun(Some, Looks) ->
        %% Off the heap, where no garbage collection copies it, and compressed.
        [{term_to_binary(reductions(Some), [{compressed, 1}]), now_us()} | Looks]
    end,
    {Looks, Why1} = scan(fun thousand/1, Pids, Spec#{until => now_ms() + Deadline div 2}, Look, []),
    First = sample(),
    rest(Window),
    Second = sample(),
    Bounds = Spec#{until => now_ms() + Deadline div 2},
    Compare = fun({Packed, At}, Sums) -> add(binary_to_term(Packed), At, Sums) end,
    {Compared, Why2} = scan(fun pop/1, lists:reverse(Looks), Bounds, Compare, {0, 0}),
    Add = fun(Some, Sums) -> add([{Pid, 0} || Pid <- Some], Start, Sums) end,
    Born = lists:delete(self(), processes()) -- Pids,
    {{Reductions, PerSecond}, Why3} = scan(fun thousand/1, Born, Bounds, Add, Compared),
    packed(#{
        first => First,
        second => Second,
        reductions => Reductions,
        reductions_per_second => PerSecond,
        run_queues => erlang:statistics(run_queue_lengths_all),
        incomplete => lists:usort(Why1 ++ Why2 ++ Why3)
    }).

now_us() -> erlang:monotonic_time(microsecond).

pop([]) -> none;
pop([First | Rest]) -> {First, Rest}.

%% Adds what processes have done since a time, by their reductions then.
add(Before, Since, {Reductions, PerSecond}) ->
    {Pids, _} = lists:unzip(Before),
    {Alive, After} = lists:unzip(reductions(Pids)),
    Micros = max(1, now_us() - Since),
    Grown = lists:sum(After) - lists:sum(maps:values(maps:with(Alive, maps:from_list(Before)))),
    {Reductions + Grown, PerSecond + Grown * 1000000 div Micros}.

%% `{Pid, Reductions}' of each process that is alive. All by BIFs: nothing here runs once per process.
reductions(Pids) ->
    Told = lists:zip(Pids, lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), reductions))),
    ets:match_spec_run(Told, ets:match_spec_compile([{{'$1', {reductions, '$2'}}, [], [{{'$1', '$2'}}]}])).

sample() ->
    {Collections, Words, _} = erlang:statistics(garbage_collection),
    {{input, Input}, {output, Output}} = erlang:statistics(io),
    {Switches, _} = erlang:statistics(context_switches),
    #{
        microseconds => erlang:monotonic_time(microsecond),
        collections => Collections,
        reclaimed_words => Words,
        input_bytes => Input,
        output_bytes => Output,
        context_switches => Switches,
        %% Not by way of the file server, which may be busy.
        stat =>
            case prim_file:read_file("/proc/self/stat") of
                {ok, Text} -> Text;
                {error, _} -> undefined
            end
    }.
