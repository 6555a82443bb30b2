%% @doc The persistent terms of this node: how many, how large, which.
-module(beamscope_persistent_terms).

-export([list/1, keys/1, find/1]).

-export_type([spec/0, question/0]).

%% Reductions that it may take to hash a value that is measured: some three million parts. What tells how large a value is
%% walks it without a pause, again and again where it refers to the same part again and again, and cannot be killed; to
%% hash it walks the same way, with pauses. Two million parts take 20 to 50 milliseconds then (OTP 23 to 29).
-define(WALKED, 50000).
%% Words of heap for who measures: as many as our own workers may take.
-define(WORDS, 8388608).
%% Bytes in external format of a key that a place in the list can hold.
-define(LARGE_KEY, 1000).
%% Characters of a key that a filter looks at.
-define(PRINTED, 256).

-type spec() :: #{
    sort := size | key,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    %% Finds something in the key as Erlang writes it; see `beamscope_pattern.hrl'.
    pattern => binary(),
    'after' => binary()
}.
%% A row is `#{key := term(), bytes => non_neg_integer()}', the bytes of the value alone, as of `find'; with `key' as the
%% order, nothing is measured.

-type question() :: #{
    %% In external format.
    key := binary(),
    %% A larger value stays where it is.
    max_bytes := non_neg_integer(),
    deadline_ms := non_neg_integer()
}.

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_apart.hrl").

%% @doc A page of the terms. A value that is too large to be measured, or that was not in time, has no `bytes', and comes
%% before those that have; `incomplete' holds `unmeasured' then, and `deadline' where time ran out before all were looked at.
-spec list(spec()) -> binary().
list(#{sort := Sort, deadline_ms := Deadline} = Spec) ->
    All = stored(),
    Until = now_ms() + Deadline,
    {Found, Rest} = select(All, maps:get(pattern, Spec, none), Until, []),
    {Sizes, Late} =
        case Sort of
            size -> measured(Found, Until);
            key -> {[unmeasured || _ <- Found], []}
        end,
    Keys = maps:from_list(lists:zip(lists:map(fun place/1, Found), Found)),
    Read = fun
        ({Size, Place}) when is_integer(Size) -> #{key => map_get(Place, Keys), bytes => Size};
        ({_, Place}) -> #{key => map_get(Place, Keys)}
    end,
    Missing = [unmeasured || Sort =:= size, lists:member(unmeasured, Sizes)] ++ lists:usort([deadline || Rest =/= []] ++ Late),
    Rows = [{Size, place(Key)} || {Size, Key} <- lists:zip(Sizes, lists:sublist(Found, length(Sizes)))],
    listed(Rows, Read, Spec, {length(All), Missing}).

%% The keys alone: where a term is erased, who holds its value makes a copy.
stored() ->
    {Keys, _} = lists:unzip(persistent_term:get()),
    Keys.

now_ms() -> erlang:monotonic_time(millisecond).

%% Where a key stands in the list: by itself, or by its hash.
place(Key) ->
    case erlang:external_size(Key) > ?LARGE_KEY of
        true -> {large, erlang:phash2(Key, 1 bsl 32)};
        false -> Key
    end.

select([Key | Rest] = Keys, Pattern, Until, Found) ->
    case now_ms() > Until of
        true ->
            {lists:reverse(Found), Keys};
        false ->
            case Pattern =:= none orelse holds(io_lib:format("~0tP", [Key, ?PRINTED]), Pattern) of
                true -> select(Rest, Pattern, Until, [Key | Found]);
                false -> select(Rest, Pattern, Until, Found)
            end
    end;
select([], _, _, Found) ->
    {lists:reverse(Found), []}.

%% The sizes of values by their keys, as far as time allows, and `[deadline]' where it did not allow all. A helper notes each
%% as it has it; one that is at the same value for a quarter of the time that is left never gets to its end, perhaps.
measured(Keys, Until) -> measured(Keys, Until, []).

measured([], _, Sizes) ->
    {Sizes, []};
measured(Keys, Until, Sizes) ->
    case Until - now_ms() of
        Left when Left =< 0 ->
            {Sizes, [deadline]};
        Left ->
            Notes = atomics:new(length(Keys), []),
            _ = apart(?WORDS, max(1, Left div 4), noting(Keys, Notes)),
            Known = noted(Notes, 1, length(Keys), []),
            case Known of
                [] -> measured(tl(Keys), Until, Sizes ++ [unmeasured]);
                _ -> measured(lists:nthtail(length(Known), Keys), Until, Sizes ++ Known)
            end
    end.

noting(Keys, Notes) ->
    fun() -> lists:foldl(fun(Key, At) -> note(Key, At, Notes) end, 1, Keys) end.

note(Key, At, Notes) ->
    Note =
        case size_of(Key) of
            unmeasured -> 1;
            Bytes -> Bytes + 2
        end,
    ok = atomics:put(Notes, At, Note),
    At + 1.

noted(_, At, Count, Sizes) when At > Count -> lists:reverse(Sizes);
noted(Notes, At, Count, Sizes) ->
    case atomics:get(Notes, At) of
        0 -> lists:reverse(Sizes);
        1 -> noted(Notes, At + 1, Count, [unmeasured | Sizes]);
        Note -> noted(Notes, At + 1, Count, [Note - 2 | Sizes])
    end.

%% What a value takes in memory does not count large binaries, which stand elsewhere; its external format does. The larger
%% of both is no less than half of the true size. What it shares counts each time.
size_of(Key) ->
    Value = persistent_term:get(Key, none),
    {_, Before} = erlang:process_info(self(), reductions),
    _ = erlang:phash2(Value),
    {_, Then} = erlang:process_info(self(), reductions),
    case Then - Before > ?WALKED of
        true ->
            unmeasured;
        false ->
            case erts_debug:flat_size(Value) of
                0 -> 0;
                Words -> max(Words * erlang:system_info(wordsize), erlang:external_size(Value))
            end
    end.

%% @doc Keys, in no order: a packed `#{keys := [term()], more := boolean()}'. No more than `limit' are looked at, and of
%% those the large ones left out; `more' says whether any are missing.
-spec keys(#{limit := pos_integer()}) -> binary().
keys(#{limit := Limit}) ->
    All = stored(),
    Looked = lists:sublist(All, Limit),
    Keys = [Key || Key <- Looked, erlang:external_size(Key) =< ?LARGE_KEY],
    packed(#{keys => Keys, more => length(Keys) < length(All)}).

%% @doc The value of one key: `#{bytes := non_neg_integer(), value => term()}'; an empty map where there is none, also
%% where the key holds atoms, or identifiers, that this node does not have;
%% `#{unmeasured := true}' where it is too large to be measured, or was not in time.
-spec find(question()) -> binary().
find(#{key := Packed, max_bytes := Most, deadline_ms := Millis}) ->
    case stored_key(Packed) of
        [] ->
            packed(#{});
        [Key] ->
            case measured([Key], now_ms() + Millis) of
                {[Bytes], []} when is_integer(Bytes), Bytes =< Most ->
                    packed(#{bytes => Bytes, value => persistent_term:get(Key, gone)});
                {[Bytes], []} when is_integer(Bytes) ->
                    packed(#{bytes => Bytes});
                _ ->
                    packed(#{unmeasured => true})
            end
    end.

stored_key(Packed) ->
    None = make_ref(),
    try
        Key = binary_to_term(Packed, [safe]),
        [Key || persistent_term:get(Key, None) =/= None]
    catch
        error:badarg -> []
    end.
