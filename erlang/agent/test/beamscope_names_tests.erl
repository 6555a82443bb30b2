-module(beamscope_names_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_registry_fixtures.hrl").
-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").
-include("beamscope_hoard.hrl").

both_ways_test_() -> both_ways(tests(), fun run/3).

tests() ->
    [
        {"registered names, in part and in any case", fun registered_names/1},
        {"names of global", fun global_names/1},
        {"groups of every scope of pg", fun groups/1},
        {"a table that only looks like a scope of pg is none", fun no_scope/1},
        {"nothing is copied out of tables of others", fun foreign/1},
        {"a dictionary that is too large to be copied hides no name", fun hoarded/1},
        {"keys of registries of Elixir", fun keys_of_elixir/1},
        {"names of gproc and syn count only where those are", fun others/1},
        {"a large name is cut", fun large/1},
        {"large names hide no other", fun among_large/1},
        {"bounds", fun bounds/1}
    ].

registered_names(Run) ->
    register('Names Test One', self()),
    try
        ?assertEqual({[{self(), {term, 'Names Test One'}}], []}, Run(<<"nAMES tEST">>, #{})),
        ?assertEqual({[], []}, Run(<<"names test two">>, #{}))
    after
        unregister('Names Test One')
    end.

global_names(Run) ->
    yes = global:register_name({names_test, <<"front">>}, self()),
    try
        ?assertEqual(
            {[{self(), {term, {global, {names_test, <<"front">>}}}}], []}, Run(<<"\\{names_test,<<\"FRONT\">>}">>, #{})
        )
    after
        global:unregister_name({names_test, <<"front">>})
    end.

groups(Run) ->
    {ok, Scope} = pg:start(names_test_scope),
    Group = {names_test, <<"room 7"/utf8>>, 42},
    Pid = spawn(fun idle/0),
    try
        ok = pg:join(names_test_scope, Group, [self(), Pid]),
        {Found, []} = Run(<<"ROOM 7">>, #{}),
        Name = {term, {pg, names_test_scope, Group}},
        ?assertEqual(lists:sort([{self(), Name}, {Pid, Name}]), lists:sort(Found)),
        ?assertMatch({[_, _], []}, Run(<<"42">>, #{})),
        ?assertEqual({[], []}, Run(<<"room 8">>, #{}))
    after
        exit(Pid, kill),
        gen_server:stop(Scope)
    end.

no_scope(Run) ->
    Test = self(),
    Owner = spawn(fun() ->
        register(names_test_table, self()),
        names_test_table = ets:new(names_test_table, [named_table]),
        ets:insert(names_test_table, {names_test_group, [self()], [self()]}),
        Test ! ready,
        idle()
    end),
    receive
        ready -> ok
    end,
    try
        ?assertEqual({[], []}, Run(<<"names_test_group">>, #{}))
    after
        exit(Owner, kill)
    end.

hoarded(Run) ->
    {ok, Scope} = pg:start(names_test_scope),
    with_hoard(names_test_hoard, fun(Hoard) ->
        ok = pg:join(names_test_scope, names_test_hoarder, Hoard),
        Names = [names_test_hoard, {pg, names_test_scope, names_test_hoarder}],
        {Found, Why} = Run(<<"names_test_hoard">>, #{}),
        ?assertEqual({[{Hoard, {term, Name}} || Name <- Names], []}, {lists:sort(Found), Why})
    end),
    gen_server:stop(Scope).

foreign(Run) ->
    ?assertEqual({answer, {[], []}}, with_foreign_table(fun() -> Run(<<"names_test_nothing">>, #{}) end)).

keys_of_elixir(Run) ->
    Self = self(),
    [
        with_registry('Elixir.Names', Keys, Partitions, Type, fun(Tables) ->
            ets:insert(lists:last(Tables), Object),
            ?assertEqual(
                {[{Self, {term, {via, 'Elixir.Registry', {'Elixir.Names', {names_test, 1}}}}}], []},
                Run(<<"\\{names_test,1}">>, #{})
            )
        end)
     || {Keys, Partitions, Type, Object} <- [
            {unique, 1, set, {{names_test, 1}, {Self, value}}},
            {duplicate, 2, duplicate_bag, {{names_test, 1}, {Self, value}}},
            {{duplicate, key}, 1, ordered_set, {{{names_test, 1}, Self, 7}, value}}
        ]
    ],
    without_elixir().

%% Tables as those two have them, without their modules.
others(Run) ->
    Self = self(),
    Scopes = [
        {syn_registry_by_name, names_test_name},
        {syn_registry_by_name_default, names_test_name},
        {syn_registry_by_name_tenants, {tenants, names_test_name}}
    ],
    [Table = ets:new(Table, [named_table]) || {Table, _} <- Scopes],
    gproc = ets:new(gproc, [named_table, ordered_set]),
    try
        [ets:insert(Table, {names_test_name, Self, undefined, 0, make_ref(), node()}) || {Table, _} <- Scopes],
        ets:insert(gproc, [
            {{{n, l, names_test_name}, n}, Self, undefined}, {{{p, l, names_test_name}, Self}, Self, undefined}
        ]),
        ?assertEqual({[], []}, Run(<<"names_test_name">>, #{})),
        [loaded(Module) || Module <- [gproc, syn]],
        ?assertEqual(
            lists:sort([
                {Self, {term, {via, gproc, {n, l, names_test_name}}}} | [{Self, {term, {via, syn, Name}}} || {_, Name} <- Scopes]
            ]),
            lists:sort(element(1, Run(<<"names_test_name">>, #{})))
        )
    after
        [code:delete(Module) andalso code:purge(Module) || Module <- [gproc, syn]],
        ets:delete(gproc),
        [ets:delete(Table) || {Table, _} <- Scopes]
    end.

large(Run) ->
    {ok, Scope} = pg:start(names_test_scope),
    try
        ok = pg:join(names_test_scope, {names_test, lists:duplicate(5000, $x)}, self()),
        {[{Self, {term, {pg, names_test_scope, {names_test, Text}}}}], []} = Run(<<"\\{names_test,">>, #{}),
        ?assertEqual(self(), Self),
        ?assert(length(Text) < 600),
        ?assertNotEqual(nomatch, string:find(Text, "..."))
    after
        gen_server:stop(Scope)
    end.

among_large(Run) ->
    {ok, Scope} = pg:start(names_test_scope),
    try
        [ok = pg:join(names_test_scope, Key, self()) || Key <- [{names_test, small} | large_keys()]],
        Within = fun(Part) -> within_words(?ROOM, fun() -> Run(Part, #{}) end) end,
        Small = {pg, names_test_scope, {names_test, small}},
        ?assertEqual({answer, {[{self(), {term, Small}}], [long]}}, Within(<<"{names_test,">>)),
        {answer, {[{_, {term, {pg, names_test_scope, {7, _}}}} = Large], [long]}} = Within(<<"\\{7,\\[">>),
        ?assert(erlang:external_size(Large) < 1000),
        ?assertMatch({answer, {[{_, {term, {pg, _, <<"xxx", _/binary>>}}}], [long]}}, Within(<<"XXX">>))
    after
        gen_server:stop(Scope)
    end.

bounds(Run) ->
    {ok, Scope} = pg:start(names_test_scope),
    try
        [ok = pg:join(names_test_scope, {names_test, Number}, self()) || Number <- lists:seq(1, 2000)],
        {Found, [many]} = Run(<<"\\{names_test,">>, #{limit => 10}),
        ?assertEqual(10, length(Found)),
        {All, []} = Run(<<"\\{names_test,">>, #{limit => 5000}),
        ?assertEqual(2000, length(lists:usort(All))),
        ?assertMatch({[], [deadline]}, Run(<<"\\{names_test,77}">>, #{deadline_ms => 0}))
    after
        gen_server:stop(Scope)
    end.

run(Way, Part, Extra) ->
    Spec = maps:merge(#{pattern => Part, limit => 100, deadline_ms => 60000}, Extra),
    #{found := Found, incomplete := Missing} = answer(Way, find, Spec),
    {Found, Missing}.
