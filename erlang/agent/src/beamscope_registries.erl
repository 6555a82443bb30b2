%% @doc Who is registered where: the process groups of `pg', the registries of Elixir (and with them the topics of
%% Phoenix.PubSub), `global', `gproc' and `syn'. Runs compiled and interpreted; see `beamscope_processes' for what that
%% asks of the source.
%%
%% Everything is read from ETS tables, and no process is asked: none of them has to answer, and no module is called that
%% is not there. Tables are read a thousand objects at a time, fewer where they are large, keys and pids only, up to a
%% limit; what happens once per object is a BIF handed to a list BIF, or a match specification. A large key is held packed,
%% off the heap, behind its hash, and unpacked for itself: a table may have more of them than a heap.
-module(beamscope_registries).

-export([groups/1, registries/1, entries/1]).

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_registry_tables.hrl").

%% Objects between two looks at the clock, at most.
-define(CHUNK, 1000).
%% Names that go back where a registry was not found, to find out which was meant.
-define(NAMES, 1000).
%% Objects that are read for one answer; words of heap that they may take; bytes of large keys.
-define(MOST, 100000).
-define(MOST_WORDS, 6000000).
-define(MOST_BYTES, 67108864).
%% Pids that are told of a group or a key.
-define(PIDS, 5).
%% Bytes in external format of a key, or a value, that leaves as it is.
-define(ROOM, 500).

%% Words of a table up to which a value that may be all of it is read by ourselves, and up to which it is read at all: a limit
%% of heap counts when the copy is there. Words of heap and milliseconds for who reads a larger one for us.
-define(OWN_WORDS, 131072).
-define(COPIED_WORDS, 16777216).
-define(VALUE_WORDS, 8388608).
-define(VALUE_MILLIS, 1000).

%% A page of the process groups of all scopes, or of `scope' (names, the first that there is). Sorted by `members',
%% `local', `remote' or `name'. Filter: `pattern', which finds something in the group as text. Besides `scopes', all that there are, with
%% their groups; with an unknown scope that alone. `incomplete', as for `entries': `deadline', `many' where there are more
%% than are read, and `long' where the part was not found in the beginning of a large name, all that a filter looks at.
groups(#{sort := Sort, deadline_ms := Millis} = Spec) ->
    Until = now_ms() + Millis,
    Scopes = pg_scopes(own_tables(), Until),
    Told = [#{scope => Scope, pid => whereis(Scope), groups => ets:info(Scope, size)} || Scope <- Scopes],
    case wanted(Spec, Scopes) of
        none ->
            packed(#{scopes => Told});
        Wanted ->
            {All, Long, Unread} = read_all([{Scope, group_match(Sort, Scope)} || Scope <- Wanted], Until, {0, [], #{}}),
            {Keys, Unsearched} = sought(All, Spec, Until, Long),
            Read = fun({_, {Scope, _} = Id}) -> group({Scope, key(Id, Long)}) end,
            told(Keys, Read, Spec, #{
                scopes => Told, total => length(All), incomplete => lists:usort(Unread ++ Unsearched)
            })
    end.

wanted(#{scope := Texts}, Scopes) ->
    case [Scope || Scope <- lists:append(lists:map(fun known/1, Texts)), lists:member(Scope, Scopes)] of
        [Scope | _] -> [Scope];
        [] -> none
    end;
wanted(_, Scopes) ->
    Scopes.

known(Text) ->
    try
        [binary_to_existing_atom(Text, utf8)]
    catch
        error:_ -> []
    end.

%% An object of pg is `{Group, Members, LocalMembers}'.
group_match(Sort, Scope) ->
    Value =
        case Sort of
            members -> {length, '$2'};
            local -> {length, '$3'};
            remote -> {'-', {length, '$2'}, {length, '$3'}};
            name -> 0
        end,
    [{{'$1', '$2', '$3'}, [{is_list, '$2'}, {is_list, '$3'}], [{{Value, {{{const, Scope}, '$1'}}}}]}].

group({Scope, Group}) ->
    try ets:lookup(Scope, Group) of
        [{_, All, Local}] ->
            #{
                scope => Scope,
                group => cut(Group, ?ROOM),
                members => length(All),
                local => length(Local),
                nodes => length(lists:usort(lists:map(fun erlang:node/1, All))),
                pids => lists:sublist(All, ?PIDS)
            };
        [] ->
            gone
    catch
        error:badarg -> gone
    end.

%% A page of the registries. Sorted by `entries', `memory' (in bytes) or `name'. Filter: `name', a part.
registries(#{sort := Sort} = Spec) ->
    All = all_registries(),
    Found = maps:from_list(lists:map(fun identified/1, [It || It <- All, is_called(It, Spec)])),
    Keys = [{map_get(Sort, It#{name => 0}), Id} || {Id, It} <- maps:to_list(Found)],
    Read = fun({_, Id}) -> maps:without([tables, pubsub], map_get(Id, Found)) end,
    told(Keys, Read, Spec, #{total => length(All), incomplete => []}).

identified(#{kind := Kind, name := Name} = It) -> {{Kind, Name}, It}.

is_called(#{name := Name}, #{name := Part}) -> contains(atom_to_list(Name), Part);
is_called(_, _) -> true.

all_registries() -> elixir() ++ global() ++ gproc() ++ syn().

global() -> present(fixed(global, global, unique, global_names, global_name_server)).

gproc() ->
    case erlang:module_loaded(gproc) of
        true -> present(counted(fixed(gproc, gproc, mixed, gproc, gproc)));
        false -> []
    end.

%% Its table holds more than what is registered.
counted(#{entries := 0} = It) ->
    It;
counted(It) ->
    try
        It#{entries => ets:select_count(gproc, [{gproc_object({'_', '_', '_'}, '_', '_'), [], [true]}])}
    catch
        error:badarg -> It
    end.

%% One of each scope.
syn() ->
    lists:append([
        present(fixed(syn, hd(Scope ++ [syn]), unique, Table, syn_registry))
     || {Table, Scope} <- syn_tables()
    ]).

fixed(Kind, Name, Keys, Table, Process) ->
    maps:from_list(
        [{pid, Pid} || Pid <- [whereis(Process)], is_pid(Pid)] ++
            [{kind, Kind}, {name, Name}, {keys, Keys}, {tables, [Table]}, {entries, objects([Table])}] ++
            [{memory, memory([Table])}]
    ).

%% A registry whose table there is.
present(#{memory := 0}) -> [];
present(It) -> [It].

objects(Tables) -> lists:sum([Size || Table <- Tables, Size <- [ets:info(Table, size)], is_integer(Size)]).

memory(Tables) ->
    Words = lists:sum([Size || Table <- Tables, Size <- [ets:info(Table, memory)], is_integer(Size)]),
    Words * erlang:system_info(wordsize).

elixir() -> [elixir(It) || It <- elixir_registries(own_tables())].

elixir(#{name := Name, key_tables := KeyTables, pid_tables := PidTables} = It) ->
    maps:merge(maps:with([name, keys, partitions, listeners], It), #{
        kind => elixir,
        pid => whereis(Name),
        tables => KeyTables,
        entries => objects(KeyTables),
        memory => memory([Name | KeyTables] ++ PidTables),
        pubsub => pubsub(Name)
    }).

%% What Phoenix.PubSub notes in a registry that it keeps its topics in.
pubsub(Name) ->
    try
        [Adapter || {pubsub, Adapter} <- ets:lookup(Name, pubsub), is_tuple(Adapter), tuple_size(Adapter) >= 2]
    catch
        error:badarg -> []
    end.

%% A page of the keys of a registry, each with its processes. `from' says which: `{Kind, Names}', of which the first
%% that there is counts, or `pubsub', all registries that Phoenix.PubSub keeps its topics in. Sorted by `entries' (of a
%% key) or `name'. Filter: `pattern', which finds something in the key as text. Besides `sources', what was read; where there is none, the
%% names that there are as `absent', alone.
entries(#{sort := Sort, deadline_ms := Millis} = Spec) ->
    Until = now_ms() + Millis,
    case sources(Spec) of
        {absent, Names} ->
            packed(#{absent => lists:sublist(Names, ?NAMES)});
        Sources ->
            {Pairs, Long, Unread} = read_all(lists:append(lists:map(fun matches/1, Sources)), Until, {0, [], #{}}),
            {Ids, Counts, Places, Pids} = grouped(Pairs),
            Values =
                case Sort of
                    entries -> Counts;
                    name -> lists:duplicate(length(Ids), 0)
                end,
            {Keys, Unsearched} = sought(lists:zip(Values, Ids), Spec, Until, Long),
            Tables = maps:from_list(
                [{Name, All} || #{kind := elixir, keys := unique, name := Name, tables := All} <- Sources]
            ),
            Read = fun({_, Id}) -> entry(Id, key(Id, Long), {Places, Pids}, Tables) end,
            told(Keys, Read, Spec, #{
                sources => [maps:without([tables], Source) || Source <- Sources],
                total => length(Ids),
                incomplete => lists:usort(Unread ++ Unsearched)
            })
    end.

sources(#{from := pubsub} = Spec) ->
    All = [It || #{pubsub := [_ | _]} = It <- elixir()],
    case Spec of
        #{pubsub := Texts} -> first(Texts, All);
        _ -> All
    end;
sources(#{from := {Kind, Texts}}) ->
    first(Texts, [It || #{kind := Its} = It <- all_registries(), Its =:= Kind]).

first(Texts, All) ->
    Names = lists:append(lists:map(fun known/1, Texts)),
    case [It || Name <- Names, #{name := Its} = It <- All, Its =:= Name] of
        [It | _] -> [It];
        [] -> {absent, [Name || #{name := Name} <- All]}
    end.

%% How the pairs `{Pid, {Registry, Key}}' are read from the tables of a registry.
matches(#{kind := Kind, name := Name, tables := Tables}) ->
    [
        {Table, [{Head, Guards, [{{Pid, {{{const, Name}, Key}}}}]}]}
     || Table <- Tables, {Head, Guards, Key, Pid} <- [registered_in(Kind, Table)]
    ].

%% Pairs `{Pid, Id}' by their ids, without a step for each: those, how many pairs each has, where each one's pairs end
%% and how many they are, and the pids as a tuple in that order. Sorted by a hash first, since 1 and 1.0 are different
%% keys that compare equal. By functions of lists, which share terms; match specifications copy.
grouped(Pairs) ->
    {Members, All} = lists:unzip(Pairs),
    Hashes = lists:map(fun erlang:phash2/1, All),
    {SortedHashes, SortedIds, SortedMembers} = lists:unzip3(lists:sort(lists:zip3(Hashes, All, Members))),
    Numbered = lists:zip(lists:zip(SortedHashes, SortedIds), lists:seq(1, length(SortedIds))),
    {Keys, Ends} = lists:unzip(lists:keysort(2, maps:to_list(maps:from_list(Numbered)))),
    {_, Ids} = lists:unzip(Keys),
    Counts = lists:zipwith(fun erlang:'-'/2, Ends, lists:sublist([0 | Ends], length(Ends))),
    {Ids, Counts, maps:from_list(lists:zip(Ids, lists:zip(Ends, Counts))), list_to_tuple(SortedMembers)}.

entry({Name, _} = Id, Key, {Places, Pids}, Tables) ->
    {End, Count} = map_get(Id, Places),
    Told = #{
        registry => Name,
        key => cut(Key, ?ROOM),
        count => Count,
        pids => [element(At, Pids) || At <- lists:seq(End - Count + 1, min(End, End - Count + ?PIDS))]
    },
    case Tables of
        #{Name := [_ | _] = All} ->
            maps:merge(Told, maps:from_list(lists:append([value(Key, It) || It <- All])));
        _ ->
            Told
    end.

%% `[{value, Value}]' of a unique key, or `[{unread, true}]' where it is too large to be copied, or may be.
value(Key, Table) ->
    case ets:info(Table, memory) of
        Words when is_integer(Words), Words =< ?OWN_WORDS ->
            found(Key, Table);
        Words when is_integer(Words), Words =< ?COPIED_WORDS ->
            case apart(?VALUE_WORDS, ?VALUE_MILLIS, fun() -> found(Key, Table) end) of
                {answer, Found} -> Found;
                _ -> [{unread, true}]
            end;
        Words when is_integer(Words) ->
            [{unread, true} || ets:member(Table, Key)];
        undefined ->
            []
    end.

found(Key, Table) ->
    try
        [{value, cut(Value, ?ROOM)} || {_, {_, Value}} <- ets:lookup(Table, Key)]
    catch
        error:badarg -> []
    end.

%% What match specifications take from tables, `{Value, {Owner, Key}}', in which `{hash, Hash}' stands for a large key;
%% a map of such ids to their keys in external format; and why that may not be all: `deadline', or `many' where there is
%% too much. A table that goes away ends there.
read_all([], _, {_, Rows, Long}) ->
    {Rows, Long, []};
read_all([{Table, Match} | Rest], Until, Seen) ->
    case read(Table, Match, Until, Seen) of
        {Now, []} -> read_all(Rest, Until, Now);
        {{_, Rows, Long}, Missing} -> {Rows, Long, Missing}
    end.

read(Table, Match, Until, Seen) ->
    try
        true = ets:safe_fixtable(Table, true),
        Read = read_on(ets:select(Table, Match, portion(Table, ?CHUNK)), Until, Seen),
        true = ets:safe_fixtable(Table, false),
        Read
    catch
        error:badarg -> {Seen, []}
    end.

read_on('$end_of_table', _, Seen) ->
    {Seen, []};
read_on({_, _}, _, {Count, _, _} = Seen) when Count >= ?MOST ->
    {Seen, [many]};
read_on({Some, Next}, Until, {Count, Rows, Long}) ->
    {Short, Packed} = short(Some),
    Seen = {Count + length(Some), Short ++ Rows, maps:merge(Long, Packed)},
    case {takes_much(Seen), now_ms() > Until} of
        {true, _} -> {Seen, [many]};
        {_, true} -> {Seen, [deadline]};
        {_, false} -> read_on(ets:select(Next), Until, Seen)
    end.

takes_much({_, _, Long}) ->
    {_, Words} = erlang:process_info(self(), total_heap_size),
    Words > ?MOST_WORDS orelse lists:sum(lists:map(fun erlang:byte_size/1, maps:values(Long))) > ?MOST_BYTES.

%% The same rows, in which keys that are too large for a cursor are hashes; and what those stand for.
short(Rows) ->
    {_, Ids} = lists:unzip(Rows),
    Sizes = lists:map(fun erlang:external_size/1, Ids),
    case lists:max([0 | Sizes]) > ?LARGE of
        false ->
            {Rows, #{}};
        true ->
            Sized = lists:zip(Sizes, Rows),
            {Hashed, Packed} = lists:unzip(hashed(Sized)),
            {_, Hashes} = lists:unzip(Hashed),
            {Hashed ++ small(Sized), maps:from_list(lists:zip(Hashes, Packed))}
    end.

small(Sized) -> [Row || {Size, Row} <- Sized, Size =< ?LARGE].

%% Each with its key packed, too.
hashed(Sized) ->
    Large = [{Row, term_to_binary(Key)} || {Size, {_, {_, Key}} = Row} <- Sized, Size > ?LARGE],
    [{{Value, {Owner, {hash, erlang:md5(Packed)}}}, Packed} || {{Value, {Owner, _}}, Packed} <- Large].

key({_, Key} = Id, Long) ->
    case Long of
        #{Id := Packed} -> binary_to_term(Packed);
        _ -> Key
    end.

%% Rows whose key holds a text, as far as time allows; and why those may not be all.
sought(Rows, #{pattern := Pattern}, Until, Long) ->
    Step = fun(Some, Found) -> holding(Some, Pattern, Long) ++ Found end,
    {Found, Unsearched} = scan(fun thousand/1, Rows, #{until => Until}, Step, []),
    {_, Ids} = lists:unzip(Found),
    {Found, Unsearched ++ [long || maps:without(Ids, Long) =/= #{}]};
sought(Rows, _, _, _) ->
    {Rows, []}.

holding(Rows, Pattern, Long) -> [Row || {_, Id} = Row <- Rows, holds(text(Id, Long), Pattern)].

text({_, Name}, _) when is_atom(Name) -> atom_to_list(Name);
text({_, Name} = Id, Long) ->
    case Long of
        #{Id := Packed} -> large_text(binary_to_term(Packed));
        _ when is_binary(Name) -> characters(Name, Name);
        _ -> io_lib:format("~0tp", [Name])
    end.

large_text(Name) when is_binary(Name) -> characters(binary:part(Name, 0, min(byte_size(Name), ?LARGE)), Name);
large_text(Name) -> beginning(Name).

%% A text may be cut in the middle of a character.
characters(Bytes, Name) ->
    case unicode:characters_to_list(Bytes) of
        Text when is_list(Text) -> Text;
        {incomplete, Text, _} when byte_size(Name) > byte_size(Bytes) -> Text;
        _ -> beginning(Name)
    end.

told(Keys, Read, Spec, More) ->
    {Page, Next} = page(Keys, Spec),
    Rows = lists:zip(Page, lists:map(Read, Page)),
    packed(More#{
        matched => length(Keys), next => Next, rows => lists:filter(fun({_, Row}) -> Row =/= gone end, Rows)
    }).
