-module(beamscope_memory_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"a snapshot adds up", fun snapshot/1},
        {"allocators add up to what OTP says in short", fun allocators/1},
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
    #{allocators := Allocators} = Run(allocators, #{}),
    ?assertEqual(
        [Name || Name <- erlang:system_info(alloc_util_allocators), is_list(erlang:system_info({allocator, Name}))],
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

single(Run) ->
    Before = large(Run),
    Binary = binary:copy(<<0>>, 32 bsl 20),
    After = large(Run),
    ?assert(maps:get(carriers, After) > maps:get(carriers, Before)),
    ?assert(maps:get(blocks_bytes, After) - maps:get(blocks_bytes, Before) >= byte_size(Binary)),
    ?assertEqual(32 bsl 20, byte_size(Binary)).

large(Run) ->
    #{allocators := Allocators} = Run(allocators, #{}),
    [Single] = [Carriers || #{name := binary_alloc, single := Carriers} <- Allocators],
    Single.
