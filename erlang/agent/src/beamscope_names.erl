%% @doc Under which names processes of this node can be reached: registered ones, those of `global', the keys of
%% Elixir's registries, the groups of `pg', and the names of `gproc' and `syn'. Runs compiled and interpreted; see
%% `beamscope_processes' for what that asks of the source.
%%
%% Everything is read from ETS tables: no process is asked, and no module is called or loaded that is not there. Tables
%% are read some hundred objects at a time, keys and pids only, up to a limit.
-module(beamscope_names).

-export([find/1]).

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_own_tables.hrl").

%% Objects between two looks at the clock.
-define(CHUNK, 500).
%% Objects that are read for one answer.
-define(MOST, 200000).
%% Bytes in external format above which a name is cut.
-define(ROOM, 500).

%% @doc `found': `{Pid, Name}' for each name with `name' in it, in any case, of a process of this node, `limit' of them
%% at most. A `Name' is `{term, Term}', cut where it is large; the term is an atom, `{global, Name}', `{via, Module, Name}' or
%% `{pg, Scope, Group}'. `incomplete': `deadline', or `many' where there are more names than
%% are looked at or told.
-spec find(#{name := binary(), limit := pos_integer(), deadline_ms := non_neg_integer()}) -> binary().
find(#{name := Part, limit := Limit, deadline_ms := Millis}) ->
    Until = erlang:monotonic_time(millisecond) + Millis,
    Tables = own_tables(),
    Sources = global() ++ pg(Tables) ++ elixir(Tables) ++ gproc() ++ syn(),
    {_, Found, Missing} = search(Sources, {Part, Limit, Until}, {0, registered(Part), []}),
    packed(#{
        found => [{Pid, {term, cut(Name, ?ROOM)}} || {Pid, Name} <- lists:sublist(Found, Limit)],
        incomplete => lists:usort(Missing ++ [many || length(Found) > Limit])
    }).

registered(Part) ->
    [
        {Pid, Name}
     || Name <- registered(),
        contains(atom_to_binary(Name, utf8), Part),
        Pid <- [whereis(Name)],
        is_pid(Pid)
    ].

%% Where names stand: a table, what they are made of, and a match specification that takes `{Key, PidOrPids}'.
global() -> [{global_names, global, name_and_pid()}].

%% Objects are `{Name, Pid, ...}', of a size that depends on the release.
name_and_pid() -> [{'$1', [{is_pid, {element, 2, '$1'}}], [{{{element, 1, '$1'}, {element, 2, '$1'}}}]}].

gproc() ->
    [
        {gproc, gproc, [{{{{n, '$1', '$2'}, n}, '$3', '_'}, [], [{{{{n, '$1', '$2'}}, '$3'}}]}]}
     || erlang:module_loaded(gproc)
    ].

%% A table of a scope, or of all names before syn 3.
syn() ->
    [
        {Table, {syn, string:prefix(atom_to_list(Table), "syn_registry_by_name")}, name_and_pid()}
     || erlang:module_loaded(syn),
        Table <- ets:all(),
        is_atom(Table),
        lists:prefix("syn_registry_by_name", atom_to_list(Table))
    ].

%% A scope of pg is a server that has a table of its own name, with `{Group, Members, LocalMembers}'.
pg(Tables) ->
    [
        {Scope, {pg, Scope}, [{{'$1', '_', '$2'}, [{is_list, '$2'}], [{{'$1', '$2'}}]}]}
     || erlang:module_loaded(pg), Scope <- Tables, is_pg(Scope)
    ].

%% A registry of Elixir is a supervisor that has a table of its own name. Under -2 stands `{Keys, Partitions,
%% KeyTable}', of several partitions `{Partition, KeyTable, _}' each instead of the table. Keys are in `{Key, {Pid,
%% Value}}', or from 1.20 on where they are partitioned by key in `{{Key, Pid, Number}, Value}' of an ordered set.
elixir(Tables) ->
    [
        {Table, {registry, Registry}, key_match(ets:info(Table, type))}
     || erlang:module_loaded('Elixir.Registry'),
        Registry <- lists:filter(fun is_elixir_registry/1, Tables),
        Table <- key_tables(Registry)
    ].

key_tables(Registry) ->
    try ets:lookup(Registry, -2) of
        [{_, {_, 1, Table}}] -> [Table];
        [{_, {_, _, nil}}] -> ets:select(Registry, [{{'$1', '$2', '_'}, [{is_integer, '$1'}], ['$2']}]);
        _ -> []
    catch
        error:badarg -> []
    end.

key_match(ordered_set) -> [{{{'$1', '$2', '_'}, '_'}, [{is_pid, '$2'}], [{{'$1', '$2'}}]}];
key_match(_) -> [{{'$1', {'$2', '_'}}, [{is_pid, '$2'}], [{{'$1', '$2'}}]}].

%% `Seen' objects so far, and what was found in them. A table that goes away ends there.
search([], _, Done) ->
    Done;
search([{Table, How, Match} | Rest], Bounds, {Seen, Found, Missing}) ->
    Done =
        try
            true = ets:safe_fixtable(Table, true),
            Read = read(ets:select(Table, Match, ?CHUNK), How, Bounds, {Seen, Found, Missing}),
            true = ets:safe_fixtable(Table, false),
            Read
        catch
            error:badarg -> {Seen, Found, Missing}
        end,
    search(Rest, Bounds, Done).

read('$end_of_table', _, _, Done) ->
    Done;
read({Some, Next}, How, {Part, Limit, Until} = Bounds, {Seen, Found, Missing}) ->
    Late = erlang:monotonic_time(millisecond) >= Until,
    case Late orelse Seen >= ?MOST orelse length(Found) > Limit of
        true ->
            {Seen, Found, [hd([deadline || Late] ++ [many]) | Missing]};
        false ->
            {Keys, _} = lists:unzip(Some),
            Now = [Name || contains(text(Keys), Part), Name <- lists:append(holding(Some, How, Part))],
            read(ets:select(Next), How, Bounds, {Seen + length(Some), Now ++ Found, Missing})
    end.

%% As a tuple, since numbers in a list might be taken for characters.
text(Keys) -> io_lib:format("~0tp", [list_to_tuple(Keys)]).

holding(Some, How, Part) -> [named(Pids, How, Key) || {Key, Pids} <- Some, contains(text([Key]), Part)].

named(Pids, How, Key) when is_list(Pids) ->
    [{Pid, called(How, Key)} || Pid <- Pids, is_pid(Pid), node(Pid) =:= node()];
named(Pid, How, Key) ->
    named([Pid], How, Key).

called(global, Key) -> {global, Key};
called(gproc, Key) -> {via, gproc, Key};
called({syn, [$_ | Scope]}, Key) when Scope =/= "default" -> {via, syn, {list_to_existing_atom(Scope), Key}};
called({syn, _}, Key) -> {via, syn, Key};
called({pg, Scope}, Group) -> {pg, Scope, Group};
called({registry, Registry}, Key) -> {via, 'Elixir.Registry', {Registry, Key}}.
