-module(beamscope_mnesia_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

not_running_test_() ->
    [
        {lists:concat([Way, ": loads nothing where Mnesia does not run"]), fun() ->
            _ = application:stop(mnesia),
            Loaded = code:all_loaded(),
            ?assertEqual(#{state => no}, run(Way, #{})),
            ?assertEqual(Loaded, code:all_loaded())
        end}
     || Way <- [loaded, interpreted]
    ].

running_test_() ->
    {setup, fun start/0, fun(_) -> application:stop(mnesia) end, both_ways(tests(), fun run/2)}.

%% In memory alone: the node of this test has no name, and writes no files.
start() ->
    ok = mnesia:start(),
    {atomic, ok} = mnesia:create_table(beamscope_one, [{attributes, [id, name]}, {index, [name]}, {load_order, 7}]),
    {atomic, ok} = mnesia:create_table(beamscope_two, [{type, bag}]),
    [ok = mnesia:dirty_write({beamscope_one, Id, x}) || Id <- lists:seq(1, 100)],
    ok.

tests() ->
    [{"tables", fun tables/1}, {"pages and filters", fun pages/1}, {"Mnesia as a whole", fun whole/1}].

tables(Run) ->
    #{state := yes, total := 3, matched := 3, rows := [{_, First} | _], next := undefined, incomplete := []} =
        Run(#{sort => size}),
    Memory = ets:info(beamscope_one, memory) * erlang:system_info(wordsize),
    Node = node(),
    ?assertMatch(
        #{
            name := beamscope_one,
            type := set,
            storage_type := ram_copies,
            size := 100,
            memory := Memory,
            ram_copies := [Node],
            disc_copies := [],
            where_to_read := Node,
            where_to_write := [Node],
            load_order := 7,
            attributes := [id, name],
            index := [3],
            record_name := beamscope_one
        },
        First
    ).

pages(Run) ->
    Spec = #{sort => name, order => ascending, limit => 1, name => <<"BEAMSCOPE">>},
    #{rows := [{_, #{name := beamscope_one}}], matched := 2, next := Next} = Run(Spec),
    ?assertMatch(#{rows := [{_, #{name := beamscope_two}}], next := undefined}, Run(Spec#{'after' => term_to_binary(Next)})),
    ?assertMatch(#{matched := 0, rows := []}, Run(#{storage => disc_only_copies})),
    ?assertMatch(#{matched := 3}, Run(#{storage => ram_copies})),
    ?assertMatch(#{matched := 0, incomplete := [deadline]}, Run(#{deadline_ms => -1})).

whole(Run) ->
    #{transaction_commits := Before} = Run(#{}),
    {atomic, Told} = mnesia:transaction(fun() ->
        mnesia:write({beamscope_one, 1, y}),
        Run(#{})
    end),
    ?assertMatch(#{held_locks := Held, waiting_locks := 0} when Held > 0, Told),
    Node = node(),
    ?assertMatch(
        #{db_nodes := [Node], running_db_nodes := [Node], use_dir := false, queues := [{mnesia_tm, _} | _]},
        Told
    ),
    ?assertMatch(#{transaction_commits := After} when After > Before, Run(#{})).

run(Way, Extra) ->
    Spec = maps:merge(#{sort => memory, order => descending, limit => 10, deadline_ms => 60000}, Extra),
    answer(Way, tables, Spec).
