%% @doc Under which names processes of this node can be reached: registered ones, those of `global', the keys of
%% Elixir's registries, the groups of `pg', and the names of `gproc' and `syn'. Runs compiled and interpreted; see
%% `beamscope_processes' for what that asks of the source.
%%
%% Everything is read from ETS tables: no process is asked, and no module is called or loaded that is not there. Tables
%% are read some hundred objects at a time, fewer where they are large, keys and pids only, up to a limit.
-module(beamscope_names).

-export([find/1]).

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_registry_tables.hrl").

%% Objects between two looks at the clock, at most.
-define(CHUNK, 500).
%% Bytes in external format up to which keys are printed together.
-define(TOGETHER, 50000).
%% Objects that are read for one answer.
-define(MOST, 200000).
%% Bytes in external format above which a name is cut.
-define(ROOM, 500).

%% @doc `found': `{Pid, Name}' for each name with something in it that `pattern' finds, see `beamscope_pattern.hrl', of a process of this node, `limit' of them
%% at most. A `Name' is `{term, Term}', cut where it is large; the term is an atom, `{global, Name}', `{via, Module, Name}' or
%% `{pg, Scope, Group}'. `incomplete': `deadline'; `many' where there are more names than are looked at or
%% told; `long' where the part was not found in the beginning of a large name, all that is looked at.
-spec find(#{pattern := binary(), limit := pos_integer(), deadline_ms := non_neg_integer()}) -> binary().
find(#{pattern := Pattern, limit := Limit, deadline_ms := Millis}) ->
    Until = erlang:monotonic_time(millisecond) + Millis,
    Tables = own_tables(),
    Sources = global() ++ pg(Tables, Until) ++ elixir(Tables) ++ gproc() ++ syn(),
    {_, Found, Missing} = search(Sources, {Pattern, Limit, Until}, {0, registered(Pattern), []}),
    packed(#{
        found => [{Pid, {term, Name}} || {Pid, Name} <- lists:sublist(Found, Limit)],
        incomplete => lists:usort(Missing ++ [many || length(Found) > Limit])
    }).

registered(Pattern) ->
    [
        {Pid, Name}
     || Name <- registered(),
        holds(atom_to_binary(Name, utf8), Pattern),
        Pid <- [whereis(Name)],
        is_pid(Pid)
    ].

%% Where names stand: a table, what they are made of, and a match specification that takes `{Key, PidOrPids}'.
global() -> [{global_names, global, names_in(global, global_names)}].

%% Of all that it registers, names alone.
gproc() ->
    [
        {gproc, gproc, [{gproc_object({n, '$1', '$2'}, n, '$3'), [], [{{{{n, '$1', '$2'}}, '$3'}}]}]}
     || erlang:module_loaded(gproc)
    ].

syn() -> [{Table, {syn, Scope -- [default]}, names_in(syn, Table)} || {Table, Scope} <- syn_tables()].

%% In the table of a scope, `{Group, Members, LocalMembers}'.
pg(Tables, Until) ->
    [
        {Scope, {pg, Scope}, [{{'$1', '_', '$2'}, [{is_list, '$2'}], [{{'$1', '$2'}}]}]}
     || Scope <- pg_scopes(Tables, Until)
    ].

elixir(Tables) ->
    [
        {Table, {registry, Registry}, names_in(elixir, Table)}
     || #{name := Registry, key_tables := KeyTables} <- elixir_registries(Tables), Table <- KeyTables
    ].

names_in(Kind, Table) ->
    {Head, Guards, Key, Pid} = registered_in(Kind, Table),
    [{Head, Guards, [{{Key, Pid}}]}].

%% `Seen' objects so far, and what was found in them. A table that goes away ends there.
search([], _, Done) ->
    Done;
search([{Table, How, Match} | Rest], Bounds, {Seen, Found, Missing}) ->
    Done =
        try
            true = ets:safe_fixtable(Table, true),
            Read = read(ets:select(Table, Match, portion(Table, ?CHUNK)), How, Bounds, {Seen, Found, Missing}),
            true = ets:safe_fixtable(Table, false),
            Read
        catch
            error:badarg -> {Seen, Found, Missing}
        end,
    search(Rest, Bounds, Done).

read('$end_of_table', _, _, Done) ->
    Done;
read({Some, Next}, How, {Pattern, Limit, Until} = Bounds, {Seen, Found, Missing}) ->
    Late = erlang:monotonic_time(millisecond) >= Until,
    case Late orelse Seen >= ?MOST orelse length(Found) > Limit of
        true ->
            {Seen, Found, [hd([deadline || Late] ++ [many]) | Missing]};
        false ->
            {Now, Long} = holding(Some, How, Pattern),
            read(ets:select(Next), How, Bounds, {Seen + length(Some), Now ++ Found, Long ++ Missing})
    end.

%% Whose key holds the part; and `[long]' where that is not known of all. Most portions hold none.
holding(Some, How, Pattern) ->
    {Keys, _} = lists:unzip(Some),
    case erlang:external_size(Keys) > ?TOGETHER of
        true -> {each(Some, How, Pattern), unsearched(Keys, Pattern)};
        %% As a tuple, since numbers in a list might be taken for characters.
        false -> {lists:append([each(Some, How, Pattern) || holds(text(list_to_tuple(Keys)), Pattern)]), []}
    end.

text(Term) -> io_lib:format("~0tp", [Term]).

each(Some, How, Pattern) ->
    lists:append([named(Pids, How, Key) || {Key, Pids} <- Some, holds(key_text(Key), Pattern)]).

unsearched(Keys, Pattern) ->
    lists:sublist([long || Key <- Keys, erlang:external_size(Key) > ?LARGE, not holds(beginning(Key), Pattern)], 1).

key_text(Key) ->
    case erlang:external_size(Key) > ?LARGE of
        true -> beginning(Key);
        false -> text(Key)
    end.

named(Pids, How, Key) when is_list(Pids) ->
    Name = cut(called(How, Key), ?ROOM),
    [{Pid, Name} || Pid <- Pids, is_pid(Pid), node(Pid) =:= node()];
named(Pid, How, Key) ->
    named([Pid], How, Key).

called(global, Key) -> {global, Key};
called(gproc, Key) -> {via, gproc, Key};
called({syn, [Scope]}, Key) -> {via, syn, {Scope, Key}};
called({syn, []}, Key) -> {via, syn, Key};
called({pg, Scope}, Group) -> {pg, Scope, Group};
called({registry, Registry}, Key) -> {via, 'Elixir.Registry', {Registry, Key}}.
