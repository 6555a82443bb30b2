-module(beamscope_memory_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"a snapshot adds up", fun snapshot/1},
        {"allocators add up to what OTP says in short", fun allocators/1},
        {"every allocator is on one page, in each order", fun pages/1},
        {"only allocators that are wanted", fun wanted/1},
        {"a large block is one carrier", fun single/1}
    ].

snapshot(Run) ->
    #{memory := Memory, carriers_bytes := Carriers, blocks_bytes := Blocks, status := Status} = Run(snapshot, #{}),
    ?assertEqual(lists:sort(proplists:get_keys(erlang:memory())), lists:sort(proplists:get_keys(Memory))),
    ?assert(Blocks < Carriers),
    ?assert(Blocks > proplists:get_value(processes, Memory) div 2),
    case os:type() of
        {unix, linux} -> ?assertMatch({match, _}, re:run(Status, "VmRSS:\\s+\\d+ kB"));
        _ -> ?assertEqual(undefined, Status)
    end.

allocators(Run) ->
    #{total := Total, matched := Total} = Answer = Run(allocators, spec(#{sort => name, order => ascending})),
    Allocators = rows(Answer),
    ?assertEqual(Total, length(Allocators)),
    [
        ?assertEqual(maps:get(Bytes, Answer), lists:sum([maps:get(Bytes, map_get(Kind, It)) || It <- Allocators, Kind <- [multi, pool, single]]))
     || Bytes <- [carriers_bytes, blocks_bytes]
    ],
    ?assertEqual(
        lists:sort([Name || Name <- erlang:system_info(alloc_util_allocators), is_list(erlang:system_info({allocator, Name}))]),
        [Name || #{name := Name} <- Allocators]
    ),
    [
        begin
            ?assert(maps:get(blocks_bytes, Carriers) =< maps:get(carriers_bytes, Carriers)),
            ?assertEqual(maps:get(carriers, Carriers) =:= 0, maps:get(carriers_bytes, Carriers) =:= 0)
        end
     || Allocator <- Allocators, Kind <- [multi, pool, single], Carriers <- [map_get(Kind, Allocator)]
    ],
    [#{instances := Instances}] = [Allocator || #{name := binary_alloc} = Allocator <- Allocators],
    ?assertEqual(length(erlang:system_info({allocator, binary_alloc})), Instances).

pages(Run) ->
    Names = lists:sort([Name || #{name := Name} <- rows(Run(allocators, spec(#{})))]),
    [
        ?assertEqual(Names, paged(Run, spec(#{sort => name, order => ascending, limit => Limit})))
     || Limit <- [1, 5, length(Names)]
    ],
    [
        begin
            #{rows := Rows} = Run(allocators, spec(#{sort => Sort})),
            Ranks = [Rank || {{Rank, _}, _} <- Rows],
            ?assertEqual(lists:reverse(lists:sort(Ranks)), Ranks),
            ?assertEqual(Ranks, [bytes(Sort, Row) || {_, Row} <- Rows])
        end
     || Sort <- [unused, carriers, used]
    ].

bytes(carriers, Row) -> lists:sum([Bytes || #{carriers_bytes := Bytes} <- maps:values(Row)]);
bytes(used, Row) -> lists:sum([Bytes || #{blocks_bytes := Bytes} <- maps:values(Row)]);
bytes(unused, Row) -> bytes(carriers, Row) - bytes(used, Row).

paged(Run, Spec) ->
    #{next := Next} = Answer = Run(allocators, Spec),
    Names = [Name || #{name := Name} <- rows(Answer)],
    case Next of
        undefined -> Names;
        _ -> Names ++ paged(Run, Spec#{'after' => term_to_binary(Next)})
    end.

wanted(Run) ->
    ?assertMatch(#{matched := 1, rows := [{_, #{name := ets_alloc}}]}, Run(allocators, spec(#{name => <<"ETS">>}))),
    ?assertMatch(#{matched := 0, rows := [], next := undefined}, Run(allocators, spec(#{name => <<"none_such">>}))).

spec(Words) -> maps:merge(#{sort => unused, order => descending, limit => 100}, Words).

rows(#{rows := Rows}) -> [Row || {_, Row} <- Rows].

single(Run) ->
    Before = large(Run),
    Binary = binary:copy(<<0>>, 32 bsl 20),
    After = large(Run),
    ?assert(maps:get(carriers, After) > maps:get(carriers, Before)),
    ?assert(maps:get(blocks_bytes, After) - maps:get(blocks_bytes, Before) >= byte_size(Binary)),
    ?assertEqual(32 bsl 20, byte_size(Binary)).

large(Run) ->
    #{rows := [{_, #{single := Single}}]} = Run(allocators, spec(#{name => <<"binary_alloc">>})),
    Single.
