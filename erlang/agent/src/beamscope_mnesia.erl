%% @doc Questions about Mnesia on this node. Runs compiled and interpreted; see `beamscope_processes' for what that asks
%% of the source.
%%
%% Where Mnesia does not run, none of its modules is called, so that none is loaded. What is asked of it are reads of its
%% ETS tables. A table on disc alone is kept by a process, which is asked only while it has nothing else to do.
-module(beamscope_mnesia).

-export([tables/1]).

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% A page of the tables, and Mnesia as a whole. Sorted by `memory' (in bytes; of the file where a table is on disc alone),
%% `size' (objects) or `name'. Filters: `name' (a part, in any case), `storage' (here; `unknown' for no copy). Where
%% Mnesia does not run, `#{state := no | starting | stopping}' alone.
tables(#{deadline_ms := Millis, sort := Sort} = Spec) ->
    case state() of
        yes ->
            try
                Wanted = [Table || Table <- mnesia:system_info(tables), passes(Table, Spec)],
                Until = erlang:monotonic_time(millisecond) + Millis,
                {Keys, Missing} = keys(Wanted, Sort, Until, []),
                {Page, Next} = page(Keys, Spec),
                packed((whole())#{
                    state => yes,
                    total => length(mnesia:system_info(tables)),
                    matched => length(Keys),
                    rows => [{Key, Row} || {Key, Row} <- lists:zip(Page, lists:map(fun row/1, Page)), Row =/= gone],
                    next => Next,
                    incomplete => Missing
                })
            catch
                %% Stopped meanwhile.
                exit:{aborted, _} -> packed(#{state => state()})
            end;
        Other ->
            packed(#{state => Other})
    end.

state() ->
    case is_pid(whereis(mnesia_sup)) andalso erlang:module_loaded(mnesia) andalso erlang:module_loaded(mnesia_lib) of
        true -> mnesia:system_info(is_running);
        false -> no
    end.

passes(Table, Spec) ->
    lists:all(fun(Passes) -> Passes end, [contains(atom_to_list(Table), Part) || #{name := Part} <- [Spec]]) andalso
        lists:all(fun(Storage) -> Storage =:= fact(Table, storage_type) end, [S || #{storage := S} <- [Spec]]).

%% One at a time: with thousands of tables, time may run out.
keys([], _, _, Keys) ->
    {Keys, []};
keys([Table | Tables], Sort, Until, Keys) ->
    case erlang:monotonic_time(millisecond) > Until of
        true -> {Keys, [deadline]};
        false -> keys(Tables, Sort, Until, [{value(Sort, Table), Table} | Keys])
    end.

%% A number is less than any atom: what is not known comes last of what descends.
value(name, Table) -> Table;
value(memory, Table) -> maps:get(memory, extent(Table), maps:get(file, extent(Table), -1));
value(size, Table) -> maps:get(size, extent(Table), -1).

%% Objects, and bytes in memory or in a file; nothing where that is not to be had here.
extent(Table) ->
    case fact(Table, storage_type) of
        Here when Here =:= ram_copies; Here =:= disc_copies ->
            maps:from_list(
                [{size, Size} || Size <- [ets:info(Table, size)], is_integer(Size)] ++
                    [
                        {memory, Words * erlang:system_info(wordsize)}
                     || Words <- [ets:info(Table, memory)], is_integer(Words)
                    ]
            );
        disc_only_copies ->
            maps:from_list(
                lists:append([
                    [{size, dets:info(Table, size)}, {file, dets:info(Table, file_size)}]
                 || {_, _, Keeper} <- keeper(Table), idle(Keeper) =:= idle
                ])
            );
        _ ->
            #{}
    end.

keeper(Table) ->
    case ets:info(dets_registry, protection) of
        undefined -> [];
        _ -> ets:lookup(dets_registry, Table)
    end.

fact(Table, Item) ->
    try
        mnesia:table_info(Table, Item)
    catch
        exit:_ -> undefined
    end.

row({_, Table}) ->
    Items = [
        type,
        storage_type,
        ram_copies,
        disc_copies,
        disc_only_copies,
        where_to_read,
        where_to_write,
        load_order,
        attributes,
        index,
        record_name,
        majority,
        access_mode,
        checkpoints,
        master_nodes
    ],
    Facts = maps:from_list([{Item, Fact} || Item <- Items, Fact <- [fact(Table, Item)], Fact =/= undefined]),
    case Facts of
        #{type := _, storage_type := _} -> maps:merge(Facts#{name => Table}, extent(Table));
        _ -> gone
    end.

%% Mnesia as a whole: nodes, transactions since it started, locks, and the messages that its processes have waiting.
whole() ->
    Counters = [transaction_commits, transaction_failures, transaction_restarts, transaction_log_writes],
    Servers = [mnesia_tm, mnesia_locker, mnesia_controller, mnesia_recover, mnesia_dumper],
    maps:from_list(
        [{Item, mnesia:system_info(Item)} || Item <- [db_nodes, running_db_nodes, use_dir, directory | Counters]] ++
            [
                {Name, Count}
             || {Name, Locks} <- [{held_locks, mnesia_held_locks}, {waiting_locks, mnesia_lock_queue}],
                Count <- [ets:info(Locks, size)],
                is_integer(Count)
            ] ++
            [
                {queues, [
                    {Server, Count}
                 || Server <- Servers,
                    is_pid(whereis(Server)),
                    {_, Count} <- [erlang:process_info(whereis(Server), message_queue_len)]
                ]}
            ]
    ).
