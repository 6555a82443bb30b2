-module(beamscope_ets_objects_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"objects and keys of all types, page by page", fun samples/1},
        {"the largest objects and keys first, page by page", fun largest/1},
        {"objects by a part of their key", fun keys_with/1},
        {"the largest of those that are looked for", fun largest_found/1},
        {"a large table by size, as a whole", fun whole/1},
        {"a large table, window by window", fun windows/1},
        {"of what was not looked at in time, how much was", fun part/1},
        {"a window of keys that take much of the heap", fun wide_keys/1},
        {"keys of which only a part was looked through are told", fun unsure/1},
        {"a window that was not seen in time has no rows", fun late_window/1},
        {"a page begins behind a key that is gone", fun moved/1},
        {"a private table is not read", fun private/1},
        {"the tables of who keeps secrets are not read", fun secrets/1},
        {"large objects are cut", fun large/1},
        {"objects that are too large are not read", fun too_large/1},
        {"a key of a bag with too many objects is passed by", fun hot_key/1},
        {"keys of a bag are counted whatever they are", fun any_key/1},
        {"objects by key", fun keys/1},
        {"objects by pattern, page by page", fun patterns/1},
        {"a scan ends at its deadline", fun deadline/1},
        {"unknown atoms are not made", fun unknown/1}
    ].

samples(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type, {keypos, 2}]),
            Objects = [{value, Key, Number} || Key <- lists:seq(1, 7), Number <- lists:seq(1, 2)],
            ets:insert(Table, Objects),
            Spec = spec(Table, #{limit => 3, what => objects}),
            ?assertEqual(lists:sort(ets:tab2list(Table)), lists:sort(terms(Run, sample, Spec))),
            Keys =
                case lists:member(Type, [bag, duplicate_bag]) of
                    true -> [Key || {_, Key, 0, _} <- element(1, windows(Run, sample, Spec#{what => keys}))];
                    false -> terms(Run, sample, Spec#{what => keys})
                end,
            ?assertEqual(lists:seq(1, 7), lists:sort(Keys)),
            %% Keys of a bag are counted, the others as many as objects.
            ?assertMatch(#{matched := 7}, Run(sample, Spec#{what => keys})),
            ?assertEqual(#{matched => length(ets:tab2list(Table))}, maps:with([matched, looked], Run(sample, Spec))),
            ?assertMatch(#{rows := [{{_, _}, _, 0}], is_more := true}, Run(sample, Spec#{limit => 1})),
            ?assertEqual(false, ets:info(Table, fixed)),
            ets:delete(Table)
        end
     || Type <- [set, ordered_set, bag, duplicate_bag]
    ],
    Empty = ets:new(beamscope_ets_test, [ordered_set]),
    ?assertMatch(#{rows := [], is_more := false}, Run(sample, spec(Empty, #{what => objects}))),
    ets:delete(Empty).

spec(Table, Extra) ->
    Reference = list_to_binary(ref_to_list(Table)),
    maps:merge(#{table => {reference, Reference}, limit => 10, max_object => 1000000, deadline_ms => 60000}, Extra).

%% Over all pages.
terms(Run, Function, Spec) ->
    #{rows := Rows, is_more := IsMore} = Run(Function, Spec),
    ?assert(length(Rows) =< map_get(limit, Spec)),
    Terms = [Term || {_, Term, _} <- Rows],
    case IsMore of
        false -> Terms;
        true -> Terms ++ terms(Run, Function, Spec#{'after' => term_to_binary(element(1, lists:last(Rows)))})
    end.

%% The rows of all pages, and what each page told beside them.
windows(Run, Function, Spec) ->
    #{rows := Rows, next := Next} = Told = Run(Function, Spec),
    ?assert(length(Rows) =< map_get(limit, Spec)),
    ?assertEqual(Next =/= undefined, map_get(is_more, Told)),
    case Next of
        undefined ->
            {Rows, [Told]};
        _ ->
            {Others, More} = windows(Run, Function, Spec#{'after' => term_to_binary(Next)}),
            {Rows ++ Others, [Told | More]}
    end.

%% Objects of different sizes, several of which have the same.
sized(Keys) -> [{value, Key, lists:duplicate((Key * 7) rem 5, $x)} || Key <- Keys].

descends(Sizes) -> ?assertEqual(lists:reverse(lists:sort(Sizes)), Sizes).

largest(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type, {keypos, 2}]),
            ets:insert(Table, sized(lists:seq(1, 23)) ++ [{value, Key, other} || Key <- lists:seq(1, 23)]),
            Spec = spec(Table, #{limit => 4, what => objects, sort => size}),
            {Rows, Told} = windows(Run, sample, Spec),
            ?assertEqual(lists:sort(ets:tab2list(Table)), lists:sort([Object || {_, Object, 0, _} <- Rows])),
            descends([Size || {_, _, 0, Size} <- Rows]),
            [?assertEqual(erlang:external_size(Object), Size) || {_, Object, 0, Size} <- Rows],
            ?assertEqual([{23, length(Rows)}], lists:usort([{Looked, Matched} || #{looked := Looked, matched := Matched} <- Told])),
            ets:insert(Table, {value, "a key that is a longer one", 1}),
            {[{_, First, 0, _} | _] = Keys, _} = windows(Run, sample, Spec#{what => keys}),
            ?assertEqual("a key that is a longer one", First),
            ?assertEqual(24, length(lists:usort([Key || {_, Key, 0, _} <- Keys]))),
            ?assertEqual(24, length(Keys)),
            ?assertEqual(false, ets:info(Table, fixed)),
            ets:delete(Table)
        end
     || Type <- [set, ordered_set, bag, duplicate_bag]
    ],
    Wide = ets:new(beamscope_ets_test, []),
    Object = {wide, binary:copy(<<"text ">>, 10000)},
    ets:insert(Wide, [{small, 1}, Object]),
    #{rows := [{_, Cut, Size, Size}, {_, {small, 1}, 0, _}]} =
        Run(sample, spec(Wide, #{what => objects, sort => size})),
    ?assertEqual({erlang:external_size(Object), true}, {Size, erlang:external_size(Cut) < 8000}),
    ?assertError(bad_position, Run(sample, spec(Wide, #{what => objects, sort => size, 'after' => term_to_binary({window, {first, all, -1}})}))),
    ets:delete(Wide).

keys_with(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type]),
            Keys = [{user, Number} || Number <- lists:seq(1, 30)] ++ [<<"User:7">>, 'Elixir.User', other, "user", 17],
            ets:insert(Table, [{Key, Value} || Key <- Keys, Value <- [a, b]]),
            With = fun(Part, Extra) ->
                Spec = maps:merge(#{limit => 3, what => objects, sort => table, pattern => Part}, Extra),
                windows(Run, sample, spec(Table, Spec))
            end,
            {Rows, Told} = With(<<"USER">>, #{}),
            Expected = [Object || {Key, _} = Object <- ets:tab2list(Table), Key =/= other, Key =/= 17],
            ?assertEqual(lists:sort(Expected), lists:sort([Object || {_, Object, 0, _} <- Rows])),
            ?assertEqual([{length(Keys), length(Rows)}], lists:usort([{Looked, Matched} || #{looked := Looked, matched := Matched} <- Told])),
            %% In the order of the table.
            Walked = walked(ets:first(Table), Table),
            ?assertEqual([Object || Key <- Walked, Object <- ets:lookup(Table, Key), lists:member(Object, Expected)], [Object || {_, Object, _, _} <- Rows]),
            {Sized, _} = With(<<"user">>, #{sort => size}),
            descends([Size || {_, _, 0, Size} <- Sized]),
            ?assertEqual(lists:sort([Object || {_, Object, _, _} <- Rows]), lists:sort([Object || {_, Object, _, _} <- Sized])),
            ?assertMatch({[{_, <<"User:7">>, 0, _}], _}, With(<<"user:7">>, #{what => keys})),
            ?assertMatch({[], [#{matched := 0, is_more := false}]}, With(<<"nobody">>, #{})),
            ets:delete(Table)
        end
     || Type <- [set, ordered_set, bag, duplicate_bag]
    ],
    %% What is not looked for is not copied.
    Heavy = ets:new(beamscope_ets_test, []),
    ets:insert(Heavy, [{small, 1} | [{{heavy, Key}, lists:seq(1, 20000)} || Key <- lists:seq(1, 20)]]),
    Specs = [#{sort => table}, #{sort => size}],
    [
        ?assertMatch(
            #{rows := [{_, {small, 1}, 0, _}], looked := 21},
            bounded(fun() -> Run(sample, spec(Heavy, Sort#{what => objects, pattern => <<"small">>})) end)
        )
     || Sort <- Specs
    ],
    ets:delete(Heavy).

walked('$end_of_table', _) -> [];
walked(Key, Table) -> [Key | walked(ets:next(Table, Key), Table)].

largest_found(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type, {keypos, 2}]),
            ets:insert(Table, [{other, -1, x} | sized(lists:seq(1, 40))]),
            Spec = fun(Pattern) -> spec(Table, #{limit => 7, sort => size, match => term_to_binary(Pattern)}) end,
            Ask = fun(After) -> Run(select, maps:merge(Spec({value, '_', '_'}), After)) end,
            Rows = pages_of(Ask, #{}),
            ?assertEqual(sized(lists:seq(1, 40)), lists:keysort(2, [Object || {_, Object, 0, _} <- Rows])),
            descends([Size || {_, _, 0, Size} <- Rows]),
            ?assertMatch(#{matched := 40}, Ask(#{})),
            ?assertMatch(#{rows := [{_, {value, 5, _}, 0, _}], is_more := false}, Run(select, Spec({'_', 5, '_'}))),
            ?assertMatch(#{rows := [], is_more := false, matched := 0}, Run(select, Spec({none, '_', '_'}))),
            ets:insert(Table, [{value, 50, "long one"}]),
            ?assertMatch(#{rows := [{_, {value, 50, _}, 0, _} | _]}, Ask(#{})),
            ByKey = spec(Table, #{sort => size, key => term_to_binary(50)}),
            ?assertMatch(#{rows := [{_, {value, 50, _}, 0, _}], matched := 1}, Run(select, ByKey)),
            ?assertEqual(false, ets:info(Table, fixed)),
            ets:delete(Table)
        end
     || Type <- [set, ordered_set, bag, duplicate_bag]
    ],
    Hot = ets:new(beamscope_ets_test, [duplicate_bag]),
    ets:insert(Hot, [{hot, Number, "some text"} || Number <- lists:seq(1, 100000)]),
    ets:insert(Hot, [{cold, Number, lists:duplicate(Number, $x)} || Number <- lists:seq(1, 5)]),
    Ask = fun(Function, Extra) -> bounded(fun() -> Run(Function, spec(Hot, Extra#{sort => size})) end) end,
    [
        begin
            #{rows := [{_, hot, {objects, 100000}} | Cold], is_more := false} = Ask(Function, Extra),
            ?assertEqual([5, 4, 3, 2, 1], [Number || {_, {cold, Number, _}, 0, _} <- Cold])
        end
     || {Function, Extra} <- [{sample, #{what => objects}}, {select, #{match => term_to_binary({'_', '_', '_'})}}]
    ],
    ets:delete(Hot).

whole(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type]),
            ets:insert(Table, [{Key, lists:duplicate(Key rem 50, $x)} || Key <- lists:seq(1, 24000)]),
            {Rows, Told} = windows(Run, Function, spec(Table, Extra#{sort => size, limit => 5000})),
            ?assertEqual(lists:seq(1, 24000), lists:sort([Key || {_, {Key, _}, 0, _} <- Rows])),
            ?assertEqual(24000, length(Rows)),
            descends([Size || {_, _, 0, Size} <- Rows]),
            ?assertEqual(
                lists:duplicate(5, {24000, 24000, false}),
                [{Matched, Looked, IsPart} || #{matched := Matched, looked := Looked, is_part := IsPart} <- Told]
            ),
            ets:delete(Table)
        end
     || {Function, Type, Extra} <- [
            {sample, set, #{what => objects}},
            {select, ordered_set, #{match => term_to_binary({'_', '_'})}}
        ]
    ],
    %% What is large is copied and let go of, chunk by chunk.
    Large = ets:new(beamscope_ets_test, [ordered_set]),
    ets:insert(Large, [{Key, lists:seq(1000, 3000 + Key)} || Key <- lists:seq(1, 3000)]),
    [
        ?assertMatch(
            #{rows := [{_, {3000, _}, _, _}, {_, {2999, _}, _, _} | _], matched := 3000, looked := 3000, is_part := false},
            bounded(4000000, fun() -> Run(Function, spec(Large, Extra#{sort => size})) end)
        )
     || {Function, Extra} <- [{sample, #{what => objects}}, {select, #{match => term_to_binary({'_', '_'})}}]
    ],
    ets:delete(Large).

%% What each window of so many keys tells, one after the other.
in_windows(Run, Extent, Spec) -> in_windows(Run, first, Extent, Spec).

in_windows(Run, Begin, Extent, Spec) ->
    Ask = fun(Place) -> Run(sample, Spec#{'after' => term_to_binary({window, Place})}) end,
    #{rows := Rows, next := Next} = Told = Ask({Begin, Extent, 0}),
    case Next of
        undefined ->
            [{Rows, Told}];
        {window, {Begin, Extent, {_, _}} = Place} ->
            #{rows := More, next := {window, {Later, all, 0}}} = Ask(Place),
            [{Rows ++ More, Told} | in_windows(Run, Later, Extent, Spec)];
        {window, {Later, all, 0}} ->
            [{Rows, Told} | in_windows(Run, Later, Extent, Spec)]
    end.

windows(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type]),
            ets:insert(Table, [{Key, lists:duplicate(Key rem 50, $x)} || Key <- lists:seq(1, 2500)]),
            Spec = spec(Table, Extra#{limit => 600, max_object => 10000}),
            {Rows, Told} = lists:unzip(in_windows(Run, 1000, Spec)),
            Term = fun(Row) -> element(2, Row) end,
            Expected = [hd([Key || What =:= keys] ++ [Object]) || {Key, _} = Object <- ets:tab2list(Table)],
            ?assertEqual(lists:sort(Expected), lists:sort(lists:map(Term, lists:append(Rows)))),
            ?assertMatch(
                [
                    #{looked := 1000, is_part := true, is_beyond := true},
                    #{looked := 1000, is_part := true, is_beyond := true},
                    #{looked := 500, is_part := true, is_beyond := false}
                ],
                Told
            ),
            [descends([element(4, Row) || Row <- Some]) || Some <- Rows, is_map_key(sort, Extra)],
            ets:delete(Table)
        end
     || {Type, #{what := What} = Extra} <- [
            {duplicate_bag, #{what => objects, sort => size}},
            {bag, #{what => keys}},
            {set, #{what => objects, pattern => <<"">>}},
            {ordered_set, #{what => keys, sort => size, pattern => <<"">>}}
        ]
    ].

part(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type]),
            ets:insert(Table, [{Key, x} || Key <- lists:seq(1, 5000)]),
            Match = spec(Table, #{match => term_to_binary({'$1', x}), limit => 150}),
            %% Half of it is over, too.
            Late = #{deadline_ms => -2},
            %% One chunk is looked at before the clock is.
            ?assertMatch(
                #{rows := [_ | _], is_more := true, matched := 250, looked := 250, is_part := true},
                Run(select, maps:merge(Match, Late))
            ),
            ?assertMatch(#{matched := 5000, looked := 5000, is_part := false, is_more := true}, Run(select, Match)),
            [
                begin
                    #{rows := Rows, next := Next} = Told = Run(Function, maps:merge(Spec, Late)),
                    ?assertMatch(#{looked := 250, is_part := true, is_beyond := false, is_more := true}, Told),
                    %% The next page has the rest of the same part.
                    #{rows := Others} = Last = Run(Function, Spec#{'after' => term_to_binary(Next)}),
                    ?assertMatch(#{looked := 250, is_part := true, is_beyond := false, is_more := false}, Last),
                    ?assertEqual(250, length(lists:usort([Key || {_, {Key, x}, 0, _} <- Rows ++ Others]))),
                    %% Or nothing, where not as much is looked at in time.
                    Longer = {window, {first, 3000, {0, 1}}},
                    ?assertMatch(
                        #{rows := [], is_more := deadline, next := Longer},
                        Run(Function, maps:merge(Spec, Late#{'after' => term_to_binary(Longer)}))
                    )
                end
             || {Function, Spec} <- [
                    {select, Match#{sort => size}},
                    {sample, spec(Table, #{what => objects, sort => size, limit => 150})}
                ]
            ],
            ets:delete(Table)
        end
     || Type <- [set, ordered_set]
    ],
    %% Those of a bag that are not counted in time are looked for key by key.
    Bag = ets:new(beamscope_ets_test, [duplicate_bag]),
    ets:insert(Bag, [{Key, Value, "some text"} || Key <- lists:seq(1, 300), Value <- [a, b]]),
    Spec = spec(Bag, #{match => term_to_binary({'_', a, '_'}), limit => 3, max_object => 10000}),
    ?assertMatch(#{rows := [], is_more := deadline}, Run(select, Spec#{deadline_ms => -4})),
    Window = Spec#{'after' => term_to_binary({window, {first, all, 0}})},
    ?assertMatch(#{rows := [{_, {_, a, _}, 0, _}, _, _], matched := 300, looked := 300, is_part := false}, Run(select, Window)),
    ets:delete(Bag).

%% A list takes sixteen bytes a character on the heap, one as it travels; and a key that is printed is a list.
wide_keys(Run) ->
    Paths = [{lists:duplicate(200, $p) ++ integer_to_list(Number), Number} || Number <- lists:seq(1, 12000)],
    Maps = [{maps:from_list([{{part, At}, Number + At} || At <- lists:seq(1, 30)]), Number} || Number <- lists:seq(1, 8000)],
    Texts = [{binary:copy(list_to_binary(io_lib:format("~4..0b", [Number])), 975), Number} || Number <- lists:seq(1, 1000)],
    [
        begin
            Table = ets:new(beamscope_ets_test, [ordered_set]),
            ets:insert(Table, Objects),
            %% Half of what a worker has.
            Ask = fun(Extra) -> bounded(4000000, fun() -> Run(sample, spec(Table, Extra)) end) end,
            [
                ?assertMatch(
                    #{looked := Looked, is_beyond := IsBeyond, unsure := 0} when
                        Looked =:= length(Objects) orelse (IsBeyond andalso Looked >= 5000),
                    Ask(Extra#{what => What})
                )
             || What <- [objects, keys],
                Extra <- [#{sort => size}, #{sort => size, limit => 100}, #{sort => table, pattern => <<"zz">>}]
            ],
            ets:delete(Table)
        end
     || Objects <- [Paths, Maps, Texts]
    ].

unsure(Run) ->
    Table = ets:new(beamscope_ets_test, [set]),
    Long = fun(Front) -> binary_to_list(iolist_to_binary([Front, lists:duplicate(5000, $x), "needle"])) end,
    ets:insert(Table, [{Long("a"), 1}, {Long("needle"), 2}, {"needle", 3}, {"other", 4}]),
    Spec = spec(Table, #{what => objects, sort => table, pattern => <<"needle">>}),
    ?assertMatch(#{matched := 2, looked := 4, unsure := 1, is_part := false}, Run(sample, Spec)),
    ?assertMatch(#{unsure := 0}, Run(sample, maps:remove(pattern, Spec#{sort => size}))),
    ets:delete(Table).

late_window(Run) ->
    Table = ets:new(beamscope_ets_test, []),
    ets:insert(Table, [{Key, x} || Key <- lists:seq(1, 5000)]),
    Spec = spec(Table, #{what => objects, pattern => <<"1">>}),
    #{next := Next} = Run(sample, Spec),
    Late = Spec#{deadline_ms => -2},
    %% There is nothing to go on with, or the same page once more.
    ?assertMatch(#{rows := [], is_more := deadline, next := undefined}, Run(sample, Late)),
    ?assertMatch(
        #{rows := [], is_more := deadline, next := Next}, Run(sample, Late#{'after' => term_to_binary(Next)})
    ),
    ets:delete(Table).

moved(Run) ->
    [Set, Ordered] = Tables = [ets:new(beamscope_ets_test, [Type]) || Type <- [set, ordered_set]],
    [ets:insert(Table, [{1}, {3}]) || Table <- Tables],
    Window = #{what => objects, pattern => <<"">>, 'after' => term_to_binary({window, {{key, 2}, all, 0}})},
    [
        ?assertError(bad_position, Run(sample, spec(Table, maps:remove(pattern, Window#{sort => size}))))
     || Table <- Tables
    ],
    ?assertMatch(#{refused := moved, size := 2}, Run(sample, spec(Set, Window))),
    ?assertMatch(#{rows := [{_, {3}, 0, _}]}, Run(sample, spec(Ordered, Window))),
    After = #{what => objects, 'after' => term_to_binary({key, 2})},
    ?assertMatch(#{refused := moved, size := 2}, Run(sample, spec(Set, After))),
    ?assertMatch(#{rows := [{_, {3}, 0}]}, Run(sample, spec(Ordered, After))),
    lists:foreach(fun ets:delete/1, Tables).

secrets(Run) ->
    [secret(Run, Name) || Name <- [ssl_manager, ssl_manager_dist, ssl_pem_cache, ssl_pem_cache_dist]].

secret(Run, Name) ->
    Test = self(),
    Owner = spawn_link(fun() ->
        register(Name, self()),
        Test ! ets:new(beamscope_ets_test, [public]),
        receive
            stop -> unregister(Name)
        end,
        Test ! stopped
    end),
    receive
        Table when is_reference(Table) ->
            ets:insert(Table, {key, secret}),
            [
                ?assertMatch(#{refused := secret, owner := Owner}, Run(Function, spec(Table, Extra)))
             || {Function, Extra} <- [{sample, #{what => objects}}, {select, #{key => term_to_binary(key)}}]
            ]
    end,
    Owner ! stop,
    receive
        stopped -> ok
    end.

private(Run) ->
    Self = self(),
    Table = ets:new(beamscope_ets_test, [private]),
    Specs = [{sample, #{what => objects}}, {sample, #{what => keys}}, {select, #{key => term_to_binary(a)}}],
    [
        ?assertMatch(#{refused := private, owner := Self}, Run(Function, spec(Table, Extra)))
     || {Function, Extra} <- Specs
    ],
    ets:delete(Table).

large(Run) ->
    Table = ets:new(beamscope_ets_test, []),
    Object = {key, binary:copy(<<"text ">>, 100000), lists:duplicate(10000, {x, 1}), #{deep => lists:duplicate(9999, {a, "b"})}},
    ets:insert(Table, Object),
    #{rows := [{{key, key}, Cut, Size}]} = Run(sample, spec(Table, #{what => objects})),
    ?assertEqual(erlang:external_size(Object), Size),
    ?assert(erlang:external_size(Cut) < 8000),
    ?assertMatch({key, <<"text text ", _/binary>>, [{x, 1} | _], #{deep := [{a, "b"} | _]}}, Cut),
    ets:delete(Table).

too_large(Run) ->
    Table = ets:new(beamscope_ets_test, []),
    ets:insert(Table, {key, lists:seq(1, 100000)}),
    Small = spec(Table, #{what => objects, max_object => 100000}),
    ?assertMatch(#{refused := large, size := 1}, Run(sample, Small)),
    ?assertMatch(#{rows := [{_, key, 0}]}, Run(sample, Small#{what => keys})),
    ?assertMatch(#{refused := large}, Run(select, Small#{key => term_to_binary(key)})),
    ets:delete(Table).

%% More objects under one key than a question may take, and a few under others.
hot_key(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type, {keypos, 2}]),
            ets:insert(Table, [{Number, hot, "some text"} || Number <- lists:seq(1, Hot)]),
            Few = [{Number, Key, value} || Key <- [{cold, 1}, {cold, 2}, {cold, 3}], Number <- [1, 2, 3, 4]],
            ets:insert(Table, Few),
            Spec = spec(Table, #{limit => 5, max_object => Most}),
            Bounded = fun(Function, More) -> bounded(fun() -> Run(Function, maps:merge(Spec, More)) end) end,
            Rows = pages_of(fun(After) -> Bounded(sample, After#{what => objects}) end, #{}),
            ?assertEqual([{hot, Hot}], [{Key, Count} || {_, Key, {objects, Count}} <- Rows]),
            ?assertEqual(lists:sort(Few), lists:sort([Object || {_, Object, 0} <- Rows])),
            ?assertMatch(#{refused := many, objects := Hot}, Bounded(select, #{key => term_to_binary(hot)})),
            Match = fun(Pattern) -> #{match => term_to_binary(Pattern)} end,
            ?assertMatch(#{refused := many, objects := Hot}, Bounded(select, Match({'_', hot, '_'}))),
            ?assertMatch(#{rows := [{_, {77, hot, _}, 0}], is_more := false}, Bounded(select, Match({77, hot, '_'}))),
            ?assertMatch(#{rows := [{_, {77, hot, _}, 0}], is_more := false}, Bounded(select, Match({77, '_', '_'}))),
            ?assertMatch(#{matched := 12, is_more := true}, Bounded(select, Match({'_', '_', value}))),
            Walked = pages_of(fun(After) -> Bounded(select, maps:merge(After, Match({'_', '_', '_'}))) end, #{}),
            ?assertEqual(lists:sort(Rows), lists:sort(Walked)),
            ?assertEqual(false, ets:info(Table, fixed)),
            ets:delete(Table)
        end
     %% To put an object into a bag takes as long as its key has objects.
     || {Type, Hot, Most} <- [{bag, 3000, 20000}, {duplicate_bag, 200000, 1000000}]
    ].

%% What a worker with little room answers.
bounded(Ask) -> bounded(1000000, Ask).

bounded(Words, Ask) ->
    Limit = #{size => Words, kill => true, error_logger => false},
    {Asker, Asked} = spawn_opt(fun() -> exit({answer, Ask()}) end, [monitor, {max_heap_size, Limit}]),
    receive
        {'DOWN', Asked, process, Asker, Reason} ->
            {answer, Answer} = Reason,
            Answer
    end.

pages_of(Ask, After) ->
    #{rows := Rows, is_more := IsMore} = Ask(After),
    case IsMore of
        false -> Rows;
        true -> Rows ++ pages_of(Ask, #{'after' => term_to_binary(element(1, lists:last(Rows)))})
    end.

%% Keys that a pattern takes for more than themselves, and objects with more elements than usual.
any_key(Run) ->
    Table = ets:new(beamscope_ets_test, [duplicate_bag]),
    Keys = ['_', '$1', #{a => 1}, {'_', x}, 1, 1.0, [long | tail]],
    [ets:insert(Table, lists:duplicate(1000, {Key, value})) || Key <- Keys],
    Wide = list_to_tuple([wide | lists:duplicate(200, x)]),
    ets:insert(Table, lists:duplicate(1000, Wide)),
    ets:insert(Table, {#{a => 1, b => 2}, few}),
    Spec = spec(Table, #{max_object => 20000, limit => 50}),
    #{rows := Rows, is_more := false} = Run(sample, Spec#{what => objects}),
    ?assertEqual(
        maps:from_list([{{#{a => 1, b => 2}, few}, 0} | [{Key, {objects, 1000}} || Key <- [wide | Keys]]]),
        maps:from_list([{Term, Told} || {_, Term, Told} <- Rows])
    ),
    ?assertEqual(length(Keys) + 2, length(Rows)),
    [
        ?assertMatch(#{refused := many, objects := 1000}, Run(select, Spec#{key => term_to_binary(Key)}))
     || Key <- [wide | Keys]
    ],
    ?assertMatch(#{matched := 0}, Run(select, Spec#{key => term_to_binary(none)})),
    ?assertMatch(#{matched := 1}, Run(select, Spec#{key => term_to_binary(#{a => 1, b => 2})})),
    ets:delete(Table).

keys(Run) ->
    Bag = ets:new(beamscope_ets_test, [bag]),
    ets:insert(Bag, [{Key, Value} || Key <- [a, b], Value <- lists:seq(1, 5)]),
    Spec = spec(Bag, #{key => term_to_binary(b), limit => 2}),
    ?assertEqual([{b, Value} || Value <- lists:seq(1, 5)], lists:sort(terms(Run, select, Spec))),
    ?assertMatch(#{matched := 5, is_more := true}, Run(select, Spec)),
    ?assertMatch(#{rows := [], matched := 0, is_more := false}, Run(select, Spec#{key => term_to_binary(none)})),
    ets:delete(Bag).

patterns(Run) ->
    [
        begin
            Table = ets:new(beamscope_ets_test, [Type]),
            ets:insert(Table, {#{a => 1, b => 2}, 0, map}),
            ?assertMatch(#{rows := [{_, {_, 0, map}, 0}]}, Run(select, spec(Table, #{match => term_to_binary({#{a => 1}, '_', '_'})}))),
            ets:delete_all_objects(Table),
            ets:insert(Table, [{Key, Key rem 10, x} || Key <- lists:seq(1, 5000)]),
            Select = fun(Pattern) -> lists:sort(terms(Run, select, spec(Table, #{match => term_to_binary(Pattern), limit => 99}))) end,
            ?assertEqual([{Key, 7, x} || Key <- lists:seq(7, 5000, 10)], Select({'_', 7, '_'})),
            ?assertEqual([{5, 5, x}], Select({5, '_', '_'})),
            ?assertEqual([{Key, Key, x} || Key <- lists:seq(1, 9)], Select({'$1', '$1', x})),
            ?assertEqual([], Select({'_', '_', y})),
            ?assertEqual([], Select({'_', '_'})),
            ?assertMatch(
                #{refused := pattern},
                Run(select, spec(Table, #{match => term_to_binary({'_', #{'_' => 1}, '_'})}))
            ),
            ets:delete(Table)
        end
     || Type <- [set, ordered_set, bag]
    ].

deadline(Run) ->
    Table = ets:new(beamscope_ets_test, []),
    ets:insert(Table, [{Key, x} || Key <- lists:seq(1, 5000)]),
    Spec = spec(Table, #{deadline_ms => -1}),
    ?assertMatch(#{rows := [], is_more := deadline}, Run(select, Spec#{match => term_to_binary({'_', y})})),
    ?assertMatch(#{rows := [], is_more := true}, Run(sample, Spec#{what => keys})),
    ets:delete(Table).

unknown(Run) ->
    Table = ets:new(beamscope_ets_test, []),
    %% An atom, in external format, that this node does not have.
    Name = <<"beamscope_ets no such atom">>,
    Unknown = <<131, 119, (byte_size(Name)), Name/binary>>,
    ?assertEqual(#{unknown => true}, Run(select, spec(Table, #{key => Unknown}))),
    ?assertEqual(#{unknown => true}, Run(select, spec(Table, #{match => Unknown}))),
    ?assertError(badarg, binary_to_existing_atom(Name, utf8)),
    ets:delete(Table).
