%% @doc What this node got done in a window of time, by counters that only grow. Those of `statistics/1' that start over
%% with each look (reductions, runtime, wall_clock) are left to whoever reads them, and `exact_reductions' would wait
%% for all schedulers to stop.
-module(beamscope_runtime).

-export([growth/1]).

-export_type([spec/0, growth/0, sample/0]).

%% Processes up to which their reductions are counted.
-define(MANY_PROCESSES, 100000).

-type spec() :: #{window_ms := non_neg_integer()}.

-type growth() :: #{
    first := sample(),
    second := sample(),
    %% Of the processes that live at the end; `undefined' where there are too many.
    reductions := non_neg_integer() | undefined,
    %% By scheduler: the normal ones, then one queue for dirty CPU and one for dirty I/O work.
    run_queues := [non_neg_integer()]
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

%% @doc A packed `growth()'.
-spec growth(spec()) -> binary().
growth(#{window_ms := Window}) ->
    FirstCounts = counts(),
    First = sample(),
    receive
    after Window -> ok
    end,
    Second = sample(),
    Counts = counts(),
    packed(#{
        first => First,
        second => Second,
        reductions =>
            case is_map(FirstCounts) andalso is_map(Counts) of
                true -> total(Counts) - total(maps:with(maps:keys(Counts), FirstCounts));
                false -> undefined
            end,
        run_queues => erlang:statistics(run_queue_lengths_all)
    }).

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

%% `{reductions, Count}' of each process but this one, which works for us alone. All by BIFs: nothing here runs once
%% per process.
counts() ->
    case erlang:system_info(process_count) =< ?MANY_PROCESSES of
        true ->
            Pids = lists:delete(self(), processes()),
            Told = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), reductions)),
            maps:from_list(alive(lists:zip(Pids, Told)));
        false ->
            undefined
    end.

%% Those that did not end between the list and the question.
alive(Pairs) -> ets:match_spec_run(Pairs, ets:match_spec_compile([{{'_', {reductions, '_'}}, [], ['$_']}])).

total(Counts) ->
    Told = maps:values(Counts),
    lists:sum(lists:zipwith(fun erlang:element/2, lists:duplicate(length(Told), 2), Told)).
