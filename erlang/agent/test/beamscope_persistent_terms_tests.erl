-module(beamscope_persistent_terms_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"the largest first, with their sizes", fun sizes/1},
        {"by key, unmeasured", fun by_key/1},
        {"a large key, and pages", fun large_key/1},
        {"keys that compare equal, and pages", fun equal/1},
        {"large binaries count", fun binaries/1},
        {"a part of the key", fun part/1},
        {"a value of very many parts is not measured, nor one that never ends, and costs no other its size", fun much/1},
        {"no time", fun deadline/1},
        {"one value", fun find/1},
        {"keys of names that there are not make none", fun unknown_atoms/1}
    ].

spec(Extra) -> maps:merge(#{sort => size, order => descending, limit => 1000, deadline_ms => 60000}, Extra).

with(Terms, Body) ->
    [persistent_term:put(Key, Value) || {Key, Value} <- Terms],
    try
        Body()
    after
        [persistent_term:erase(Key) || {Key, _} <- Terms]
    end.

sizes(Run) ->
    with([{{?MODULE, large}, lists:seq(1, 100000)}, {{?MODULE, small}, ok}], fun() ->
        #{rows := Rows, total := Total, matched := Total, incomplete := []} = Run(list, spec(#{})),
        ?assertEqual(length(persistent_term:get()), Total),
        [{_, #{bytes := Bytes}}] = [Row || {_, #{key := {?MODULE, large}}} = Row <- Rows],
        ?assertEqual(200000 * erlang:system_info(wordsize), Bytes),
        ?assertMatch(
            #{bytes := Bytes}, Run(find, #{key => term_to_binary({?MODULE, large}), max_bytes => 10, deadline_ms => 60000})
        ),
        Sizes = [Size || {_, #{bytes := Size}} <- Rows],
        ?assertEqual(lists:reverse(lists:sort(Sizes)), Sizes),
        ?assertEqual(Total, length(Sizes))
    end).

by_key(Run) ->
    #{rows := Rows} = Run(list, spec(#{sort => key, order => ascending})),
    Keys = [Key || {_, #{key := Key}} <- Rows],
    ?assertEqual(lists:sort([Key || {Key, _} <- persistent_term:get()]), Keys),
    #{keys := All, more := false} = Run(keys, #{limit => length(Keys)}),
    ?assertEqual(Keys, lists:sort(All)),
    #{keys := Some, more := true} = Run(keys, #{limit => length(Keys) - 1}),
    ?assertEqual(length(Keys) - 1, length(Some)),
    ?assertEqual([], Some -- Keys),
    ?assertEqual([], [Row || {_, #{bytes := _} = Row} <- Rows]).

large_key(Run) ->
    Keys = [{?MODULE, lists:duplicate(5000, N)} || N <- [1, 2, 3]],
    with([{Key, 1} || Key <- Keys], fun() ->
        Spec = spec(#{sort => key, order => ascending, limit => 1, pattern => atom_to_binary(?MODULE, utf8)}),
        ?assertEqual(Keys, lists:sort(follow(Run, Spec))),
        #{keys := Small, more := true} = Run(keys, #{limit => 100000}),
        ?assertEqual(Small, Small -- Keys)
    end).

equal(Run) ->
    Keys = [{?MODULE, 1}, {?MODULE, 1.0}, {?MODULE, [2]}, {?MODULE, [2.0]}],
    with([{Key, 1} || Key <- Keys], fun() ->
        Spec = spec(#{limit => 1, pattern => atom_to_binary(?MODULE, utf8)}),
        [
            ?assertEqual({length(Keys), []}, {length(Found), Keys -- Found})
         || Sort <- [key, size],
            Order <- [ascending, descending],
            Found <- [follow(Run, Spec#{sort := Sort, order := Order})]
        ]
    end).

%% They are no part of what a term takes by itself.
binaries(Run) ->
    Key = {?MODULE, binary},
    with([{Key, {1, binary:copy(<<"x">>, 5000000)}}], fun() ->
        #{rows := [{_, #{key := Key, bytes := Bytes}} | _]} = Run(list, spec(#{})),
        ?assert(Bytes >= 5000000),
        ?assertEqual(#{bytes => Bytes}, Run(find, #{key => term_to_binary(Key), max_bytes => 1048576, deadline_ms => 60000}))
    end).

follow(Run, Spec) ->
    #{rows := Rows, next := Next} = Run(list, Spec),
    Keys = [Key || {_, #{key := Key}} <- Rows],
    case Next of
        undefined ->
            Keys;
        _ ->
            After = term_to_binary(Next),
            ?assert(byte_size(After) < 1500),
            Keys ++ follow(Run, Spec#{'after' => After})
    end.

part(Run) ->
    with([{{?MODULE, <<"Läufer"/utf8>>}, 1}], fun() ->
        #{rows := [{_, #{key := {?MODULE, _}}}], matched := 1} = Run(list, spec(#{pattern => <<"lÄUF"/utf8>>}))
    end).

%% Two to the power of sixty parts, of few words.
endless() -> lists:foldl(fun(_, Part) -> {Part, Part} end, x, lists:seq(1, 60)).

much(Run) ->
    Large = [{{?MODULE, much}, lists:seq(1, 5 bsl 19)}, {{?MODULE, endless}, endless()}],
    with([{{?MODULE, little}, "one"} | Large], fun() ->
        Spec = spec(#{deadline_ms => 3000, pattern => atom_to_binary(?MODULE, utf8)}),
        #{rows := [First, Second, Third], incomplete := [unmeasured]} = Run(list, Spec),
        ?assertEqual(
            [#{key => {?MODULE, endless}}, #{key => {?MODULE, much}}], lists:sort([Row || {_, Row} <- [First, Second]])
        ),
        ?assertMatch({_, #{key := {?MODULE, little}, bytes := 48}}, Third),
        [
            ?assertEqual(
                #{unmeasured => true}, Run(find, #{key => term_to_binary(Key), max_bytes => 1000, deadline_ms => 200})
            )
         || {Key, _} <- Large
        ]
    end).

deadline(Run) ->
    #{rows := [], incomplete := [deadline], total := Total} = Run(list, spec(#{deadline_ms => -1})),
    ?assert(Total > 0).

find(Run) ->
    with([{{?MODULE, one}, "value"}], fun() ->
        Find = fun(Key, Most) -> Run(find, #{key => term_to_binary(Key), max_bytes => Most, deadline_ms => 60000}) end,
        ?assertEqual(#{bytes => 10 * erlang:system_info(wordsize), value => "value"}, Find({?MODULE, one}, 1000)),
        ?assertEqual(#{bytes => 10 * erlang:system_info(wordsize)}, Find({?MODULE, one}, 10)),
        ?assertEqual(#{}, Find({?MODULE, none}, 1000))
    end).

unknown_atoms(Run) ->
    Name = "beamscope_no_such_atom",
    Packed = iolist_to_binary([131, 119, length(Name), Name]),
    ?assertEqual(#{}, Run(find, #{key => Packed, max_bytes => 10, deadline_ms => 60000})),
    ?assertError(badarg, binary_to_existing_atom(list_to_binary(Name), utf8)).
