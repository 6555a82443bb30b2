%% Tables as registries have them, and as others do, for tests. To be included behind eunit.hrl.

-include("beamscope_within_words.hrl").

%% More than a question may take, in a table that its owner is called like, while what the owner is cannot be read.
with_foreign_table(Test) ->
    Self = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        true = register(beamscope_foreign_table, self()),
        ets:new(beamscope_foreign_table, [named_table, duplicate_bag]),
        ets:insert(beamscope_foreign_table, lists:duplicate(200000, {key, [self()], [self(), 1, 2, 3, 4]})),
        Self ! {ready, self()},
        receive
            stop -> ok
        end
    end),
    receive
        {ready, Owner} -> [Owner ! message || _ <- lists:seq(1, 20000)]
    end,
    Answer = within_words(1000000, Test),
    Owner ! stop,
    receive
        {'DOWN', Monitor, _, _, _} -> Answer
    end.

%% Keys of ten thousand words each, that take as many words as a question about them is given here, and one of a million
%% characters.
-define(ROOM, 4000000).
large_keys() ->
    [binary:copy(<<"x">>, 1000000) | [{Number, lists:duplicate(2000, <<"y">>)} || Number <- lists:seq(1, 400)]].

%% Tables as Registry has them, in a process of the name.
with_registry(Name, Keys, Partitions, Type, Test) ->
    Self = self(),
    {module, _} = elixir_registry(),
    Owner = spawn_link(fun() ->
        true = register(Name, self()),
        ets:new(Name, [named_table, public]),
        Tables = [ets:new(keys, [public, Type]) || _ <- lists:seq(1, Partitions)],
        Server = {self(), ets:new(pids, [public, duplicate_bag])},
        [First | _] = Tables,
        {Table, Of} =
            case Partitions of
                1 -> {First, Server};
                _ -> {nil, nil}
            end,
        ets:insert(Name, [{-2, {Keys, Partitions, Table}}, {-1, {Keys, Partitions, Table, Of, [some_listener]}}]),
        Numbered = lists:zip(lists:seq(0, Partitions - 1), Tables),
        [ets:insert(Name, {Number, It, Server}) || Partitions > 1, {Number, It} <- Numbered],
        Self ! {tables, Tables},
        receive
            stop -> ok
        end
    end),
    try
        receive
            {tables, Tables} -> Test(Tables)
        end
    after
        unlink(Owner),
        Owner ! stop,
        gone(Owner)
    end.

elixir_registry() ->
    without_elixir(),
    loaded('Elixir.Registry').

without_elixir() ->
    _ = [code:purge('Elixir.Registry') || code:delete('Elixir.Registry')].

gone(Pid) ->
    Monitor = monitor(process, Pid),
    receive
        {'DOWN', Monitor, _, _, _} -> ok
    end.

%% A module of a library that is not here.
loaded(Module) ->
    {ok, Module, Beam} = compile:forms([{attribute, 1, module, Module}]),
    code:load_binary(Module, "none", Beam).
