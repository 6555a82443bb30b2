%% @doc What this node has of memory, and from whom: the emulator's own count, its allocators, the operating system.
-module(beamscope_memory).

-export([snapshot/1, allocators/1]).

-export_type([snapshot/0, allocator/0, carriers/0]).

-type carriers() :: #{
    %% Bytes taken from the operating system, and bytes of the blocks in them.
    carriers_bytes := non_neg_integer(),
    blocks_bytes := non_neg_integer(),
    %% Not told where this was asked in short: 0.
    carriers := non_neg_integer()
}.

-type allocator() :: #{
    name := atom(),
    %% One for each scheduler and one for the other threads; a single one where threads share it.
    instances := pos_integer(),
    %% Carriers of many blocks each, those that no thread uses (the pool), and carriers of a single large block.
    multi := carriers(),
    pool := carriers(),
    single := carriers()
}.

-type snapshot() :: #{
    %% `erlang:memory/0'; `undefined' where the emulator does not count, since an allocator is switched off.
    memory := [{atom(), non_neg_integer()}] | undefined,
    carriers_bytes := non_neg_integer(),
    blocks_bytes := non_neg_integer(),
    %% `/proc/self/status'; `undefined' where there is none.
    status := binary() | undefined
}.

-include("beamscope_listing.hrl").

%% @doc All three counts, as close to one moment as can be. A packed `snapshot()'.
-spec snapshot(#{}) -> binary().
snapshot(#{}) ->
    Memory =
        try
            erlang:memory()
        catch
            error:notsup -> undefined
        end,
    %% Not by way of the file server, which may be busy.
    Status =
        case prim_file:read_file("/proc/self/status") of
            {ok, Text} -> Text;
            {error, _} -> undefined
        end,
    Parts = [
        Part
     || Name <- erlang:system_info(alloc_util_allocators),
        #{multi := Multi, pool := Pool, single := Single} <- allocator(allocator_sizes, Name),
        Part <- [Multi, Pool, Single]
    ],
    packed(#{
        memory => Memory,
        carriers_bytes => lists:sum([Bytes || #{carriers_bytes := Bytes} <- Parts]),
        blocks_bytes => lists:sum([Bytes || #{blocks_bytes := Bytes} <- Parts]),
        status => Status
    }).

%% @doc A page of the allocators that there are, each an `allocator()' summed over its instances; and of all of them,
%% `carriers_bytes' and `blocks_bytes'. Sorted by `unused' bytes in its carriers, `carriers' (their bytes), `used' bytes,
%% or `name'. Filter: `name', a part of it. Every scheduler tells of its own when it next comes to it: nothing is stopped.
-spec allocators(#{
    sort := unused | carriers | used | name,
    order := ascending | descending,
    limit := pos_integer(),
    'after' => binary(),
    name => binary()
}) -> binary().
allocators(#{sort := Sort} = Spec) ->
    Names = erlang:system_info(alloc_util_allocators),
    All = maps:from_list([{Name, Allocator} || Name <- Names, Allocator <- allocator(allocator, Name)]),
    Sums = maps:map(fun(_, Allocator) -> held(Allocator) end, All),
    {Carriers, Blocks} = lists:unzip(maps:values(Sums)),
    Matching = [Name || Name <- maps:keys(All), is_called(Name, Spec)],
    {Page, Next} = page([{rank(Sort, Name, map_get(Name, Sums)), Name} || Name <- Matching], Spec),
    packed(#{
        carriers_bytes => lists:sum(Carriers),
        blocks_bytes => lists:sum(Blocks),
        total => map_size(All),
        matched => length(Matching),
        rows => [{Key, map_get(Name, All)} || {_, Name} = Key <- Page],
        next => Next,
        incomplete => []
    }).

%% Bytes of all its carriers, and of the blocks in them.
held(#{multi := Multi, pool := Pool, single := Single}) ->
    Parts = [Multi, Pool, Single],
    {
        lists:sum([Bytes || #{carriers_bytes := Bytes} <- Parts]),
        lists:sum([Bytes || #{blocks_bytes := Bytes} <- Parts])
    }.

rank(unused, _, {Carriers, Blocks}) -> Carriers - Blocks;
rank(carriers, _, {Carriers, _}) -> Carriers;
rank(used, _, {_, Blocks}) -> Blocks;
rank(name, Name, _) -> Name.

is_called(Name, #{name := Part}) -> contains(atom_to_list(Name), Part);
is_called(_, _) -> true.

%% None where the allocator is switched off.
allocator(Item, Name) ->
    case erlang:system_info({Item, Name}) of
        Instances when is_list(Instances) ->
            Parts = [Parts || {instance, _, Parts} <- Instances],
            [
                #{
                    name => Name,
                    instances => length(Parts),
                    multi => carriers(mbcs, Parts),
                    pool => carriers(mbcs_pool, Parts),
                    single => carriers(sbcs, Parts)
                }
            ];
        _ ->
            []
    end.

carriers(Kind, Instances) ->
    Of = lists:append([proplists:get_value(Kind, Parts, []) || Parts <- Instances]),
    #{
        carriers_bytes => lists:sum([element(2, Entry) || Entry <- Of, element(1, Entry) =:= carriers_size]),
        blocks_bytes => lists:sum(block_sizes(Of)),
        carriers => lists:sum([element(2, Entry) || Entry <- Of, element(1, Entry) =:= carriers])
    }.

%% From OTP 23 on by type of block, since a carrier may hold blocks of several allocators.
block_sizes(Of) ->
    [element(2, Size) || {blocks, Types} <- Of, {_, Counts} <- Types, Size <- Counts, element(1, Size) =:= size].
