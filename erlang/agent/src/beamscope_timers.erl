%% @doc The timers that the server of the module `timer' minds. What it keeps of them differs from release to release:
%% up to OTP 24 all there is to know; on 25 and 26 references, which tell when they are due; from 27 on a table that is
%% closed to others. Timers of `erlang:send_after' and `erlang:start_timer', and what `timer' makes of those alone, can
%% be listed on no release.
-module(beamscope_timers).

-export([list/1]).

-export_type([spec/0, row/0]).

%% More timers than this are not listed: each is read for it, in half a second (OTP 25, interpreted).
-define(MANY_TIMERS, 10000).

-type spec() :: #{
    %% The next first; or those that repeat before the others, the next of each first.
    sort := due | repeats,
    order := ascending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    repeats => boolean(),
    'after' => binary()
}.

-type row() :: #{
    due_ms := integer(),
    repeats := boolean(),
    every_ms => non_neg_integer(),
    %% Whose end takes a repeating timer along.
    owner => pid(),
    call => {module(), atom(), [term()]}
}.

-include("beamscope_listing.hrl").

%% @doc A page of the timers. `incomplete' holds `closed' where the table cannot be read, `many' where it is too large,
%% `unused' where nobody has used the module since the node started.
-spec list(spec()) -> binary().
list(#{sort := Sort} = Spec) ->
    Table = table(whereis(timer_server)),
    Size =
        case Table of
            undefined -> 0;
            _ -> ets:info(Table, size)
        end,
    Timers =
        case is_integer(Size) andalso Size =< ?MANY_TIMERS andalso ets:info(Table, protection) of
            Open when Open =:= protected; Open =:= public ->
                timers(Table);
            _ ->
                []
        end,
    Matching =
        case Spec of
            #{repeats := Wanted} -> [Timer || {_, _, #{repeats := Repeats}} = Timer <- Timers, Repeats =:= Wanted];
            _ -> Timers
        end,
    Now = erlang:monotonic_time(millisecond),
    Rows = maps:from_list([{Id, Row#{due_ms => Due - Now}} || {Due, Id, Row} <- Matching]),
    Missing =
        case Table =/= undefined andalso ets:info(Table, protection) of
            false -> [unused];
            private -> [closed];
            _ when is_integer(Size), Size > ?MANY_TIMERS -> [many];
            _ -> []
        end,
    listed([{rank(Sort, Timer), Id} || {_, Id, _} = Timer <- Matching], fun({_, Id}) -> map_get(Id, Rows) end, Spec, {Size, Missing}).

rank(due, {Due, _, _}) -> Due;
rank(repeats, {Due, _, #{repeats := Repeats}}) -> {not Repeats, Due}.

table(undefined) ->
    undefined;
table(Server) ->
    case ets:info(timer_tab, owner) of
        Server ->
            timer_tab;
        _ ->
            Owned = [Table || Table <- ets:all(), ets:info(Table, owner) =:= Server, ets:info(Table, name) =:= timer],
            case Owned of
                [Table | _] -> Table;
                [] -> undefined
            end
    end.

timers(Table) ->
    [Timer || {Due, _, _} = Timer <- [timer(Entry) || Entry <- ets:tab2list(Table)], is_integer(Due)].

%% `{Due, Reference, Row}'. Pages go on behind the time at which a timer is due: what is left till then is another on
%% each page. Up to OTP 24: `{{Microseconds, Reference}, timeout | {repeat, Microseconds, Owner}, Call}'.
timer({{Due, Reference}, What, Call}) ->
    case What of
        {repeat, Every, Owner} ->
            {Due div 1000, Reference, #{call => Call, repeats => true, every_ms => Every div 1000, owner => Owner}};
        _ ->
            {Due div 1000, Reference, #{call => Call, repeats => false}}
    end;
%% From then on: `{Reference, Timer}', the same two for one that does not repeat.
timer({Reference, Timer}) ->
    {due(Timer), Reference, #{repeats => Reference =/= Timer}}.

%% Timers are due at whole milliseconds, and what is left is rounded up: added to a time of the same millisecond, which
%% is rounded down, it makes the same sum at any time. One that has run out is `gone', though its server may not have
%% handled it yet.
due(Timer) ->
    Before = erlang:monotonic_time(millisecond),
    Left = erlang:read_timer(Timer),
    case erlang:monotonic_time(millisecond) of
        Before when is_integer(Left) -> Before + Left;
        _ when Left =:= false -> gone;
        _ -> due(Timer)
    end.
