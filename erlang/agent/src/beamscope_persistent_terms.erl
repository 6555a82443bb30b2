%% @doc The persistent terms of this node: how many, how large, which.
-module(beamscope_persistent_terms).

-export([list/1, keys/1, find/1]).

-export_type([spec/0, question/0]).

%% Bytes of all terms, without large binaries, up to which each is measured. To measure one walks all of it twice without
%% a pause: 30 to 130 milliseconds for one of this size (OTP 23 to 29).
-define(MANY_BYTES, 33554432).
%% Bytes in external format of a key that a place in the list can hold.
-define(LARGE_KEY, 1000).
%% Characters of a key that a filter looks at.
-define(PRINTED, 256).

-type spec() :: #{
    sort := size | key,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    %% Part of the key as Erlang writes it, in any case.
    contains => binary(),
    %% Whether to measure however much there is.
    measure => boolean(),
    'after' => binary()
}.
%% A row is `#{key := term(), bytes => non_neg_integer()}', the bytes of the value alone, as of `find'; with `key' as the
%% order, nothing is measured.

-type question() :: #{
    %% In external format.
    key := binary(),
    %% A larger value stays where it is.
    max_bytes := non_neg_integer(),
    %% Whether to measure it however much there is.
    measure => boolean()
}.

-include("beamscope_listing.hrl").

%% @doc A page of the terms. `incomplete' holds `unmeasured' where they are too large to measure: they come by key then;
%% and `deadline' where time ran out.
-spec list(spec()) -> binary().
list(#{sort := Sort, deadline_ms := Deadline} = Spec) ->
    #{memory := Memory} = persistent_term:info(),
    Terms = persistent_term:get(),
    Until = erlang:monotonic_time(millisecond) + Deadline,
    Measures = Sort =:= size andalso (Memory =< ?MANY_BYTES orelse maps:get(measure, Spec, false)),
    {Looked, Rest} = select(Terms, maps:get(contains, Spec, none), Measures, Until, []),
    Keys = maps:from_list([{place(Key), Key} || {_, Key} <- Looked]),
    Read = fun
        ({Size, Place}) when is_integer(Size) -> #{key => map_get(Place, Keys), bytes => Size};
        ({_, Place}) -> #{key => map_get(Place, Keys)}
    end,
    Missing = [unmeasured || Sort =:= size, not Measures] ++ [deadline || Rest =/= []],
    listed([{Size, place(Key)} || {Size, Key} <- Looked], Read, Spec, {length(Terms), Missing}).

%% Where a key stands in the list: by itself, or by its hash.
place(Key) ->
    case erlang:external_size(Key) > ?LARGE_KEY of
        true -> {large, erlang:phash2(Key, 1 bsl 32)};
        false -> Key
    end.

select([{Key, Value} | Rest] = Terms, Part, Measures, Until, Seen) ->
    case erlang:monotonic_time(millisecond) > Until of
        true ->
            {Seen, Terms};
        false ->
            case Part =:= none orelse contains(io_lib:format("~0tP", [Key, ?PRINTED]), Part) of
                false ->
                    select(Rest, Part, Measures, Until, Seen);
                true when Measures ->
                    Bytes = bytes(Value),
                    select(Rest, Part, Measures, Until, [{Bytes, Key} | Seen]);
                true ->
                    select(Rest, Part, Measures, Until, [{unmeasured, Key} | Seen])
            end
    end;
select([], _, _, _, Seen) ->
    {Seen, []}.

%% What a value takes in memory does not count large binaries, which stand elsewhere; its external format does. The larger
%% of both is no less than half of the true size.
bytes(Value) ->
    case erts_debug:flat_size(Value) of
        0 -> 0;
        Words -> max(Words * erlang:system_info(wordsize), erlang:external_size(Value))
    end.

%% @doc Keys, in no order: a packed `#{keys := [term()], more := boolean()}'. No more than `limit' are looked at, and of
%% those the large ones left out; `more' says whether any are missing.
-spec keys(#{limit := pos_integer()}) -> binary().
keys(#{limit := Limit}) ->
    Terms = persistent_term:get(),
    Looked = [Key || {Key, _} <- lists:sublist(Terms, Limit)],
    Keys = [Key || Key <- Looked, erlang:external_size(Key) =< ?LARGE_KEY],
    packed(#{keys => Keys, more => length(Keys) < length(Terms)}).

%% @doc The value of one key: `#{bytes := non_neg_integer(), value => term()}'; an empty map where there is none, also
%% where the key holds atoms, or identifiers, that this node does not have;
%% `#{unmeasured := Bytes}' where the terms are too large to measure, with the bytes of all of them.
-spec find(question()) -> binary().
find(#{key := Packed, max_bytes := Most} = Question) ->
    None = make_ref(),
    #{memory := Memory} = persistent_term:info(),
    Measures = Memory =< ?MANY_BYTES orelse maps:get(measure, Question, false),
    Found =
        try
            persistent_term:get(binary_to_term(Packed, [safe]), None)
        catch
            error:badarg -> None
        end,
    case Found of
        None ->
            packed(#{});
        _ when not Measures ->
            packed(#{unmeasured => Memory});
        Value ->
            Bytes = bytes(Value),
            case Bytes =< Most of
                true -> packed(#{bytes => Bytes, value => Value});
                false -> packed(#{bytes => Bytes})
            end
    end.
