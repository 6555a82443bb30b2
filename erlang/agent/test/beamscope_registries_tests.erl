-module(beamscope_registries_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_registry_fixtures.hrl").
-include("beamscope_both_ways.hrl").
-include("beamscope_hoard.hrl").

%% Each in a process of its own, as on a node: how much is read is bounded by the heap that it takes.
both_ways_test_() -> [{spawn, Test} || Test <- both_ways(tests(), fun answer/3)].

tests() ->
    [
        {"groups by members and name, page by page", fun groups/1},
        {"groups with large names", fun large_groups/1},
        {"groups among more large names than there is room for", fun among_large_groups/1},
        {"keys among more large ones than there is room for", fun among_large_keys/1},
        {"scopes, and one that there is not", fun scopes/1},
        {"nothing is copied out of tables of others", fun foreign/1},
        {"a dictionary that is too large to be copied hides no group", fun hoarded/1},
        {"registries by entries", fun registries/1},
        {"names of global", fun global_names/1},
        {"keys of registries of Elixir, of one partition and of several", fun elixir_keys/1},
        {"values that are too large to be copied", fun large_values/1},
        {"keys that are kept in order", fun ordered_keys/1},
        {"topics", fun topics/1},
        {"a registry that there is not", fun absent/1},
        {"properties of gproc and names of syn", fun others/1},
        {"a deadline", fun deadline/1}
    ].

spec(More) -> maps:merge(#{order => descending, limit => 100, deadline_ms => 60000}, More).

rows(Run, Function, Spec) ->
    case Run(Function, Spec) of
        #{rows := Rows, next := undefined} -> [Row || {_, Row} <- Rows];
        #{rows := Rows, next := Next} ->
            [Row || {_, Row} <- Rows] ++ rows(Run, Function, Spec#{'after' => term_to_binary(Next)})
    end.

with_scope(Scope, Test) ->
    {ok, Server} = pg:start_link(Scope),
    unlink(Server),
    try
        Test()
    after
        exit(Server, kill),
        gone(Server)
    end.

idle() -> spawn_link(fun() -> receive stop -> ok end end).

groups(Run) ->
    with_scope(beamscope_registries_scope, fun() ->
        Pids = [idle() || _ <- lists:seq(1, 9)],
        Sizes = [{{room, Count}, Count} || Count <- [3, 1, 9]] ++ [{'_', 2}, {"Largest", 7}],
        [ok = pg:join(beamscope_registries_scope, Group, lists:sublist(Pids, Count)) || {Group, Count} <- Sizes],
        Spec = spec(#{sort => members, limit => 2, scope => [<<"beamscope_registries_scope">>]}),
        Told = rows(Run, groups, Spec),
        ?assertEqual([{9, 9, 1}, {7, 7, 1}, {3, 3, 1}, {2, 2, 1}, {1, 1, 1}], [
            {Members, Local, Nodes}
         || #{members := Members, local := Local, nodes := Nodes} <- Told
        ]),
        ?assertEqual(
            lists:reverse(lists:keysort(2, Sizes)),
            [{Group, Members} || #{group := Group, members := Members} <- Told]
        ),
        ?assertMatch([#{pids := [_, _, _, _, _]} | _], Told),
        ?assertMatch([#{group := "Largest"}], rows(Run, groups, Spec#{pattern => <<"larg">>})),
        ?assertMatch(#{matched := 3, total := 5}, Run(groups, Spec#{pattern => <<"ROOM">>})),
        ByName = rows(Run, groups, Spec#{sort => name, order => ascending}),
        ?assertEqual(lists:sort([Group || {Group, _} <- Sizes]), [Group || #{group := Group} <- ByName]),
        [Pid ! stop || Pid <- Pids]
    end).

large_groups(Run) ->
    with_scope(beamscope_registries_scope, fun() ->
        Large = [{Number, lists:seq(1, 2000)} || Number <- lists:seq(1, 4)],
        [ok = pg:join(beamscope_registries_scope, Group, self()) || Group <- [small | Large]],
        Spec = spec(#{sort => members, limit => 1, scope => [<<"beamscope_registries_scope">>]}),
        Told = rows(Run, groups, Spec),
        ?assertEqual(5, length(Told)),
        ?assertEqual(4, length(lists:usort([Number || #{group := {Number, _}} <- Told]))),
        #{next := Next} = Run(groups, Spec),
        ?assert(erlang:external_size(Next) < 1400),
        ?assert(lists:all(fun(#{group := Group}) -> erlang:external_size(Group) < 1000 end, Told))
    end).

among_large_groups(Run) ->
    with_scope(beamscope_registries_scope, fun() ->
        Groups = [{some, room} | large_keys()],
        [ok = pg:join(beamscope_registries_scope, Group, self()) || Group <- Groups],
        Spec = spec(#{sort => members, scope => [<<"beamscope_registries_scope">>]}),
        {answer, {Told, Found}} = within_words(?ROOM, fun() ->
            {rows(Run, groups, Spec#{limit => 250}), Run(groups, Spec#{pattern => <<"ROOM">>})}
        end),
        ?assertEqual(length(Groups), length(lists:usort([Group || #{group := Group} <- Told]))),
        ?assertMatch(#{matched := 1, rows := [{_, #{group := {some, room}}}], incomplete := [long]}, Found),
        {answer, Large} = within_words(?ROOM, fun() -> Run(groups, Spec#{pattern => <<"\\{7,\\[">>}) end),
        ?assertMatch(#{rows := [{_, #{group := {7, _}, members := 1}}], incomplete := [long]}, Large)
    end).

among_large_keys(Run) ->
    with_registry('Elixir.Large', unique, 1, set, fun([Table]) ->
        Keys = [<<"room">> | large_keys()],
        ets:insert(Table, [{Key, {self(), {value, erlang:phash2(Key)}}} || Key <- Keys]),
        Spec = spec(#{sort => name, order => ascending, from => {elixir, [<<"Elixir.Large">>]}}),
        {answer, {Told, Found}} = within_words(?ROOM, fun() ->
            {rows(Run, entries, Spec#{limit => 250}), Run(entries, Spec#{pattern => <<"XXX">>})}
        end),
        ?assertEqual(
            lists:sort([{value, erlang:phash2(Key)} || Key <- Keys]), lists:sort([Value || #{value := Value} <- Told])
        ),
        ?assertMatch(#{matched := 1, rows := [{_, #{key := <<"xxx", _/binary>>, count := 1}}], incomplete := [long]}, Found)
    end),
    without_elixir().

scopes(Run) ->
    with_scope(beamscope_registries_scope, fun() ->
        #{scopes := Scopes} = Run(groups, spec(#{sort => members})),
        Server = whereis(beamscope_registries_scope),
        ?assert(lists:member(#{scope => beamscope_registries_scope, pid => Server, groups => 0}, Scopes)),
        Unknown = <<"beamscope no such scope">>,
        Absent = Run(groups, spec(#{sort => members, scope => [Unknown, <<"kernel_sup">>]})),
        ?assertMatch([scopes], maps:keys(Absent)),
        ?assertError(badarg, binary_to_existing_atom(Unknown, utf8)),
        %% A table of the name of its owner is not yet a scope.
        true = register(beamscope_registries_table, self()),
        ets:new(beamscope_registries_table, [named_table]),
        #{scopes := Same} = Run(groups, spec(#{sort => members})),
        ?assertEqual(Scopes, Same),
        ets:delete(beamscope_registries_table),
        unregister(beamscope_registries_table)
    end).

hoarded(Run) ->
    with_scope(beamscope_registries_scope, fun() ->
        with_hoard(beamscope_registries_hoard, fun(Hoard) ->
            ok = pg:join(beamscope_registries_scope, hoarders, Hoard),
            #{rows := Rows, scopes := Scopes, incomplete := Why} = Run(groups, spec(#{sort => members})),
            ?assertEqual([], [Name || #{scope := beamscope_registries_hoard = Name} <- Scopes]),
            ?assertMatch({[_], []}, {[Row || {_, #{group := hoarders, pids := [Pid]} = Row} <- Rows, Pid =:= Hoard], Why})
        end)
    end).

foreign(Run) ->
    {module, _} = elixir_registry(),
    {answer, Answers} = with_foreign_table(fun() ->
        {Run(groups, spec(#{sort => members})), Run(registries, spec(#{sort => entries}))}
    end),
    without_elixir(),
    {#{scopes := Scopes}, #{rows := Rows}} = Answers,
    ?assertEqual([], [Name || #{scope := beamscope_foreign_table = Name} <- Scopes]),
    ?assertEqual([], [Name || {_, #{name := beamscope_foreign_table = Name}} <- Rows]).

registries(Run) ->
    with_registry('Elixir.Some.Registry', unique, 1, set, fun([Table]) ->
        ets:insert(Table, [{Key, {self(), value}} || Key <- lists:seq(1, 3)]),
        #{rows := Rows, total := Total} = Run(registries, spec(#{sort => entries})),
        Owner = whereis('Elixir.Some.Registry'),
        ?assertMatch(
            [
                #{
                    name := 'Elixir.Some.Registry',
                    keys := unique,
                    partitions := 1,
                    entries := 3,
                    pid := Owner,
                    listeners := [some_listener]
                }
            ],
            [Row || {_, #{kind := elixir} = Row} <- Rows]
        ),
        ?assertEqual(length(Rows), Total),
        ?assertMatch(#{matched := 1}, Run(registries, spec(#{sort => memory, name => <<"some.REG">>}))),
        [#{memory := Memory}] = [Row || {_, #{kind := elixir} = Row} <- Rows],
        ?assert(Memory > ets:info(Table, memory) * erlang:system_info(wordsize))
    end),
    without_elixir(),
    #{rows := Rest} = Run(registries, spec(#{sort => entries})),
    ?assertEqual([], [Row || {_, #{kind := elixir} = Row} <- Rest]).

global_names(Run) ->
    case whereis(global_name_server) of
        undefined ->
            ok;
        _ ->
            yes = global:register_name({beamscope, name}, self()),
            Spec = spec(#{sort => name, order => ascending, from => {global, [<<"global">>]}}),
            Self = self(),
            Told = rows(Run, entries, Spec#{pattern => <<"beamscope">>}),
            ?assertMatch([#{key := {beamscope, name}, count := 1, pids := [Self]}], Told),
            #{rows := Rows} = Run(registries, spec(#{sort => entries})),
            Count = length(global:registered_names()),
            ?assertMatch([#{entries := Count, keys := unique}], [Row || {_, #{kind := global} = Row} <- Rows]),
            global:unregister_name({beamscope, name})
    end.

elixir_keys(Run) ->
    Self = self(),
    From = fun(Name) -> spec(#{sort => entries, limit => 2, from => {elixir, [<<"beamscope none">>, Name]}}) end,
    with_registry('Elixir.Unique', unique, 2, set, fun([First, Second]) ->
        ets:insert(First, [{<<"a">>, {Self, #{x => 1}}}, {1, {Self, one}}]),
        ets:insert(Second, [{1.0, {Self, float}}, {'_', {Self, any}}]),
        Told = rows(Run, entries, From(<<"Elixir.Unique">>)),
        ?assertEqual(
            lists:sort([{<<"a">>, #{x => 1}}, {1, one}, {1.0, float}, {'_', any}]),
            lists:sort([{Key, Value} || #{key := Key, value := Value, count := 1, pids := [It]} <- Told, It =:= Self])
        )
    end),
    with_registry('Elixir.Duplicate', duplicate, 2, duplicate_bag, fun([First, Second]) ->
        Pids = [idle() || _ <- lists:seq(1, 8)],
        ets:insert(First, [{<<"many">>, {Pid, x}} || Pid <- Pids]),
        ets:insert(Second, [{<<"many">>, {Self, x}}, {<<"one">>, {Self, x}}]),
        ets:insert(Second, [{{two, 2}, {Self, x}}, {{two, 2}, {Self, y}}]),
        Told = rows(Run, entries, From(<<"Elixir.Duplicate">>)),
        ?assertEqual(
            [{<<"many">>, 9}, {{two, 2}, 2}, {<<"one">>, 1}],
            [{Key, Count} || #{key := Key, count := Count} <- Told]
        ),
        [#{pids := Some}, #{pids := Twice}, #{pids := Once}] = Told,
        ?assertEqual({5, [Self, Self], [Self]}, {length(Some), Twice, Once}),
        ?assertEqual([], Some -- [Self | Pids]),
        ?assertEqual(error, maps:find(value, hd(Told))),
        ?assertMatch([#{key := {two, 2}}], rows(Run, entries, (From(<<"Elixir.Duplicate">>))#{pattern => <<"TWO">>})),
        [Pid ! stop || Pid <- Pids]
    end),
    without_elixir().

%% Without the garbage, which would count as what was read.
insert_large(Table, Key) ->
    ets:insert(Table, {Key, {self(), lists:seq(1, 5000000)}}),
    erlang:garbage_collect().

large_values(Run) ->
    Told = fun() -> rows(Run, entries, spec(#{sort => name, order => ascending, from => {elixir, [<<"Elixir.Heavy">>]}})) end,
    with_registry('Elixir.Heavy', unique, 1, set, fun([Table]) ->
        ets:insert(Table, {small, {self(), 1}}),
        ?assertMatch([#{value := 1}], Told()),
        %% More than who reads it may take of heap.
        insert_large(Table, large),
        ?assertMatch([#{key := large, unread := true}, #{key := small, value := 1}], Told()),
        %% More than is copied at all, whosever it is.
        insert_large(Table, more),
        [?assertMatch(#{unread := true}, Row) || Row <- Told()],
        ?assertEqual(3, length(Told()))
    end).

ordered_keys(Run) ->
    with_registry('Elixir.Ordered', {duplicate, key}, 1, ordered_set, fun([Table]) ->
        Self = self(),
        ets:insert(Table, [{{{a, key}, Self, Number}, value} || Number <- lists:seq(1, 3)]),
        Spec = spec(#{sort => entries, from => {elixir, [<<"Elixir.Ordered">>]}}),
        ?assertMatch([#{key := {a, key}, count := 3, pids := [Self, Self, Self]}], rows(Run, entries, Spec)),
        ?assertMatch(#{sources := [#{keys := {duplicate, key}}]}, Run(entries, Spec))
    end),
    without_elixir().

topics(Run) ->
    with_registry('Elixir.App.PubSub', duplicate, 1, duplicate_bag, fun([Table]) ->
        ets:insert('Elixir.App.PubSub', {pubsub, {'Elixir.Phoenix.PubSub.PG2', 'Elixir.App.PubSub.Adapter'}}),
        ets:insert(Table, [{Topic, {self(), []}} || Topic <- [<<"users:1">>, <<"users:1">>, <<"users:2">>]]),
        Spec = spec(#{sort => entries, from => pubsub}),
        ?assertMatch(
            [#{registry := 'Elixir.App.PubSub', key := <<"users:1">>, count := 2}, #{count := 1}],
            rows(Run, entries, Spec)
        ),
        #{sources := [#{pubsub := [{'Elixir.Phoenix.PubSub.PG2', _}], entries := 3}], total := 2} = Run(entries, Spec),
        ?assertEqual(#{absent => ['Elixir.App.PubSub']}, Run(entries, Spec#{pubsub => [<<"none">>]}))
    end),
    without_elixir(),
    ?assertMatch(#{sources := [], total := 0, rows := []}, Run(entries, spec(#{sort => entries, from => pubsub}))).

absent(Run) ->
    Name = <<"beamscope no such registry">>,
    ?assertMatch(#{absent := []}, Run(entries, spec(#{sort => entries, from => {elixir, [Name]}}))),
    ?assertError(badarg, binary_to_existing_atom(Name, utf8)).

others(Run) ->
    [{module, _} = loaded(Name) || Name <- [gproc, syn]],
    Self = self(),
    ets:new(gproc, [named_table, ordered_set, public]),
    %% As gproc_lib inserts them: what is registered, the way back, who waits.
    ets:insert(gproc, [
        {{{n, l, name}, n}, Self, undefined},
        {{Self, {n, l, name}}, []},
        {{{p, l, property}, Self}, Self, 7},
        {{{n, l, waited_for}, n}, [{Self, ref}]},
        {{Self, l}}
    ]),
    ets:new(syn_registry_by_name_tenants, [named_table, ordered_set, public]),
    ets:insert(syn_registry_by_name_tenants, {<<"tenant">>, Self, meta, 1, undefined, node()}),
    %% One of somebody else: what would be its scope is no atom.
    ets:new('syn_registry_by_name_no such scope', [named_table]),
    #{rows := Rows} = Run(registries, spec(#{sort => entries})),
    ?assertMatch([#{entries := 2, keys := mixed}], [Row || {_, #{kind := gproc} = Row} <- Rows]),
    ?assertMatch([#{entries := 1, name := tenants}], [Row || {_, #{kind := syn} = Row} <- Rows]),
    Spec = spec(#{sort => name, order => ascending}),
    ?assertMatch(
        [#{key := {n, l, name}, pids := [Self]}, #{key := {p, l, property}, pids := [Self]}],
        rows(Run, entries, Spec#{from => {gproc, [<<"gproc">>]}})
    ),
    ?assertMatch([#{key := <<"tenant">>, pids := [Self]}], rows(Run, entries, Spec#{from => {syn, [<<"tenants">>]}})),
    [ets:delete(Table) || Table <- [gproc, syn_registry_by_name_tenants, 'syn_registry_by_name_no such scope']],
    [code:delete(Name) andalso code:purge(Name) || Name <- [gproc, syn]].

deadline(Run) ->
    with_registry('Elixir.Late', unique, 1, set, fun([Table]) ->
        ets:insert(Table, [{Key, {self(), x}} || Key <- lists:seq(1, 5000)]),
        Spec = spec(#{sort => entries, deadline_ms => -1, from => {elixir, [<<"Elixir.Late">>]}}),
        ?assertMatch(#{incomplete := [deadline], total := 1000}, Run(entries, Spec)),
        ?assertEqual(false, ets:info(Table, fixed))
    end),
    without_elixir().
