%% @doc What this node's threads do with their time: the emulator's microstate accounting, in a window.
-module(beamscope_microstates).

-export([states/1]).

-export_type([spec/0, states/0]).

-type spec() :: #{window_ms := non_neg_integer()}.

-type states() :: #{
    %% `{Type, Id, Counters}' of each thread; counters in one unit of time, by state.
    threads := [{atom(), non_neg_integer(), #{atom() => non_neg_integer()}}],
    %% Whether the accounting was on before anybody of ours came.
    was_on := boolean()
}.

-include("beamscope_listing.hrl").

%% @doc A packed `states()'. The accounting is on or off for the whole node, and nobody counts who wants it. So a
%% process of ours does, registered as `beamscope_microstate_keeper', for all who ask: it switches the accounting on,
%% minds them, and switches it off when the last is done or dead, unless it was on before. Counters are never reset. Who
%% switches it on while we have it on cannot be told from us, and loses it with us.
-spec states(spec()) -> binary().
states(#{window_ms := Window}) ->
    Mind = fun Mind(WasOn, Owners) ->
        receive
            {hold, Owner, Reference} ->
                Owner ! {Reference, WasOn},
                Mind(WasOn, Owners#{Owner => erlang:monitor(process, Owner)});
            {release, Owner, Reference} ->
                Left = maps:remove(Owner, Owners),
                _ = map_size(Left) =:= 0 andalso not WasOn andalso
                    erlang:system_flag(microstate_accounting, false),
                Owner ! {Reference, released},
                map_size(Left) =:= 0 orelse Mind(WasOn, Left);
            {'DOWN', _, process, Owner, _} when is_map_key(Owner, Owners) ->
                Left = maps:remove(Owner, Owners),
                case map_size(Left) of
                    0 -> WasOn orelse erlang:system_flag(microstate_accounting, false);
                    _ -> Mind(WasOn, Left)
                end;
            {'DOWN', _, process, _, _} ->
                Mind(WasOn, Owners)
        end
    end,
    Asking = self(),
    Start = fun() ->
        true = group_leader(whereis(init), self()),
        IsFirst =
            try
                register(beamscope_microstate_keeper, self())
            catch
                error:badarg -> false
            end,
        Monitor = erlang:monitor(process, Asking),
        IsFirst andalso Mind(erlang:system_flag(microstate_accounting, true), #{Asking => Monitor})
    end,
    %% The keeper that answers, and its answer. One that goes just now is no more: the next takes its place.
    Hold = fun Hold() ->
        Keeper =
            case whereis(beamscope_microstate_keeper) of
                undefined -> spawn(Start);
                Pid -> Pid
            end,
        case ask(Keeper, hold) of
            gone -> Hold();
            WasOn -> {Keeper, WasOn}
        end
    end,
    {Keeper, WasOn} = Hold(),
    First = erlang:statistics(microstate_accounting),
    Begun = erlang:monotonic_time(microsecond),
    receive
    after Window -> ok
    end,
    Second = erlang:statistics(microstate_accounting),
    Ended = erlang:monotonic_time(microsecond),
    _ = ask(Keeper, release),
    packed(#{threads => between(First, Second), was_on => WasOn, micros => Ended - Begun}).

ask(Keeper, What) ->
    Reference = erlang:monitor(process, Keeper),
    Keeper ! {What, self(), Reference},
    receive
        {Reference, Answer} ->
            _ = erlang:demonitor(Reference, [flush]),
            Answer;
        {'DOWN', Reference, process, Keeper, _} ->
            gone
    end.

between(First, Second) ->
    Before = maps:from_list([{{Type, Id}, Counters} || #{type := Type, id := Id, counters := Counters} <- First]),
    [
        {Type, Id, growth(Counters, maps:get({Type, Id}, Before, #{}))}
     || #{type := Type, id := Id, counters := Counters} <- Second
    ].

growth(Counters, Before) ->
    maps:map(fun(State, Count) -> Count - maps:get(State, Before, 0) end, Counters).
