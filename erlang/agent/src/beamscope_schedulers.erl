%% @doc How busy this node's schedulers are, in a window of time.
-module(beamscope_schedulers).

-export([usage/1]).

-export_type([spec/0, usage/0]).

-type spec() :: #{window_ms := non_neg_integer()}.

-type usage() :: #{
    %% `{Id, Active, Total}' of each scheduler, in one unit of time.
    schedulers := [{pos_integer(), non_neg_integer(), non_neg_integer()}],
    %% Ids begin with those of the normal schedulers, then come the dirty ones for CPU, then those for I/O.
    normal := pos_integer(),
    normal_online := pos_integer(),
    dirty_cpu := non_neg_integer(),
    dirty_cpu_online := non_neg_integer(),
    processors := pos_integer() | unknown
}.

-include("beamscope_listing.hrl").

%% @doc A packed `usage()'. The measurement is switched on for as long as some process wants it: OTP counts those that
%% do (`kernel_refc'), and takes us off the count also when we are killed.
-spec usage(spec()) -> binary().
usage(#{window_ms := Window}) ->
    _ = erlang:system_flag(scheduler_wall_time, true),
    First = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    Start = erlang:monotonic_time(microsecond),
    receive
    after Window -> ok
    end,
    Second = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    End = erlang:monotonic_time(microsecond),
    _ = erlang:system_flag(scheduler_wall_time, false),
    packed(#{
        micros => End - Start,
        schedulers => lists:zipwith(fun between/2, First, Second),
        normal => erlang:system_info(schedulers),
        normal_online => erlang:system_info(schedulers_online),
        dirty_cpu => erlang:system_info(dirty_cpu_schedulers),
        dirty_cpu_online => erlang:system_info(dirty_cpu_schedulers_online),
        processors => erlang:system_info(logical_processors_available)
    }).

between({Id, Active, Total}, {Id, LaterActive, LaterTotal}) ->
    {Id, LaterActive - Active, LaterTotal - Total}.
