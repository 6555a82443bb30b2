-module(beamscope_ets_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"tables by memory, size and name, page by page", fun lists_tables/1},
        {"tables that pass a filter", fun filters/1},
        {"what grew in a window", fun grows/1},
        {"one table, by name and by reference", fun information/1},
        {"names that there are not", fun absent/1}
    ].

lists_tables(Run) ->
    Tables = [ets:new(beamscope_ets_test, [public]) || _ <- lists:seq(1, 5)],
    [ets:insert(Table, {Key}) || {Table, Count} <- lists:zip(Tables, [40, 10, 30, 50, 20]), Key <- lists:seq(1, Count)],
    Spec = #{sort => size, order => descending, limit => 2, name => <<"BEAMSCOPE_ETS">>, deadline_ms => 60000},
    ?assertEqual([50, 40, 30, 20, 10], [Size || #{size := Size} <- pages(Run, tables, Spec)]),
    #{total := Total, matched := 5, incomplete := []} = Run(tables, Spec),
    ?assertEqual(length(ets:all()), Total),
    [#{memory := Memory, id := Id, owner := Owner, named_table := false} | _] =
        pages(Run, tables, Spec#{sort => memory}),
    ?assertEqual({ets:info(Id, memory) * erlang:system_info(wordsize), self()}, {Memory, Owner}),
    Named = pages(Run, tables, #{sort => name, order => ascending, limit => 10, deadline_ms => 60000}),
    Names = [Name || #{name := Name} <- Named],
    ?assertEqual(lists:sort(Names), Names),
    ?assertMatch(#{rows := [], incomplete := [deadline]}, Run(tables, Spec#{deadline_ms => -1})),
    lists:foreach(fun ets:delete/1, Tables).

pages(Run, Function, Spec) ->
    case Run(Function, Spec) of
        #{rows := Rows, next := undefined} -> [Row || {_, Row} <- Rows];
        #{rows := Rows, next := Next} ->
            [Row || {_, Row} <- Rows] ++ pages(Run, Function, Spec#{'after' => term_to_binary(Next)})
    end.

filters(Run) ->
    Table = ets:new(beamscope_ets_test, [private]),
    ets:insert(Table, {1, lists:seq(1, 10000)}),
    Ids = fun(Extra) ->
        Spec = maps:merge(#{sort => memory, order => descending, limit => 1000, deadline_ms => 60000}, Extra),
        [Id || #{id := Id} <- pages(Run, tables, Spec)]
    end,
    ?assertEqual([Table], Ids(#{name => <<"beamscope_ets_test">>, protection => private})),
    ?assertEqual([], Ids(#{name => <<"beamscope_ets_test">>, protection => public})),
    ?assert(lists:member(Table, Ids(#{owner => self()}))),
    ?assertEqual([], Ids(#{owner => self()}) -- [T || T <- ets:all(), ets:info(T, owner) =:= self()]),
    ?assert(lists:member(Table, Ids(#{min_memory => 160000}))),
    ?assertNot(lists:member(Table, Ids(#{min_memory => 1600000}))),
    Kernel = Ids(#{application => <<"kernel">>}),
    ?assert(lists:member(inet_db, Kernel)),
    ?assertNot(lists:member(Table, Kernel)),
    ?assertError({unknown_atom, <<"beamscope no such application">>}, Ids(#{application => <<"beamscope no such application">>})),
    ets:delete(Table).

grows(Run) ->
    [Old, Quiet] = [ets:new(beamscope_ets_test, [public]) || _ <- [old, quiet]],
    Write = fun Write(Number) ->
        ets:insert(Old, [{Number, Key} || Key <- [a, b]]),
        New = ets:new(beamscope_ets_test, [public]),
        ets:insert(New, [{Key} || Key <- lists:seq(1, 7)]),
        receive
            stop -> ok
        after 5 -> Write(Number + 1)
        end
    end,
    {Writer, Monitor} = spawn_monitor(fun() -> Write(1) end),
    Answer = Run(growth, #{
        sort => size,
        order => descending,
        limit => 100,
        window_ms => 100,
        name => <<"beamscope_ets_test">>,
        deadline_ms => 60000
    }),
    #{rows := Rows, born := Born, gone := _, incomplete := []} = Answer,
    [#{growth_size := Growth, growth_memory := _, new := false}] = [Row || {_, #{id := Id} = Row} <- Rows, Id =:= Old],
    ?assert(Growth >= 1),
    ?assertEqual([], [Row || {_, #{id := Id} = Row} <- Rows, Id =:= Quiet]),
    ?assertMatch([_ | _], [Row || {_, #{growth_size := 7, size := 7, new := true} = Row} <- Rows]),
    ?assert(Born >= 1),
    Writer ! stop,
    receive
        {'DOWN', Monitor, _, _, _} -> ok
    end,
    lists:foreach(fun ets:delete/1, [Old, Quiet]).

information(Run) ->
    Table = ets:new('beamscope ets\ntest', [named_table, public, compressed, {read_concurrency, true}, {heir, self(), x}]),
    ets:insert(Table, [{Key} || Key <- lists:seq(1, 1000)]),
    ets:safe_fixtable(Table, true),
    Told = Run(table, #{table => {name, [<<"beamscope ets\ntest">>]}}),
    Self = self(),
    ?assertMatch(
        #{
            id := Table,
            named_table := true,
            size := 1000,
            compressed := true,
            read_concurrency := true,
            write_concurrency := false,
            heir := Self,
            owner := Self,
            keypos := 1,
            type := set,
            protection := public,
            fixed := {_, 1, [Self]},
            chains := {_, _, _}
        },
        Told
    ),
    ets:delete(Table),
    Unnamed = ets:new(beamscope_ets_unnamed, [ordered_set, private]),
    Reference = list_to_binary(ref_to_list(Unnamed)),
    ?assertMatch(#{id := Unnamed, named_table := false}, Run(table, #{table => {reference, Reference}})),
    ?assertMatch(#{id := Unnamed}, Run(table, #{table => {name, [<<"beamscope_ets_unnamed">>]}})),
    Other = ets:new(beamscope_ets_unnamed, []),
    #{absent := [_ | _], unnamed := Both} = Run(table, #{table => {name, [<<"beamscope_ets_unnamed">>]}}),
    ?assertEqual(lists:sort([Unnamed, Other]), lists:sort(Both)),
    ets:delete(Unnamed),
    ets:delete(Other),
    ?assertEqual(#{absent => [], unnamed => []}, Run(table, #{table => {reference, Reference}})).

absent(Run) ->
    #{absent := Names, unnamed := []} = Run(table, #{table => {name, [<<"Elixir.inet_bd">>, <<"inet_bd">>]}}),
    ?assert(lists:member(inet_db, Names)),
    ?assertMatch(#{id := inet_db}, Run(table, #{table => {name, [<<"Elixir.inet_db">>, <<"inet_db">>]}})),
    [
        ?assertEqual(#{absent => [], unnamed => []}, Run(table, #{table => {reference, Text}}))
     || Text <- [<<"#Ref<0.1.2.3>">>, <<"#Ref<0.99999999999.1.2>">>, <<"#Ref<0.4294967295.4294967295.4294967295>">>]
    ].
