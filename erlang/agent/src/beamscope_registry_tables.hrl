%% In which tables registries keep who is registered, and what their objects look like: `pg', the registries of Elixir,
%% `global', `gproc' and `syn'. To be included behind beamscope_dictionary.hrl.
%%
%% The scopes of pg and the registries of Elixir own a table of their own name. Most such tables are somebody else's, with
%% objects of any size, and many under one key: so no object leaves a table before it is known whose it is.

%% Words that the objects of one portion take in their table, on average.
-define(PORTION_WORDS, 100000).

%% How many objects of a table are read at a time: so many at most, fewer where they are large.
portion(Table, Most) ->
    case {ets:info(Table, size), ets:info(Table, memory)} of
        {Objects, Words} when is_integer(Words), Words > ?PORTION_WORDS ->
            max(1, min(Most, ?PORTION_WORDS * Objects div Words));
        _ ->
            Most
    end.

%% The names of processes that own a table of that name.
own_tables() ->
    Names = registered(),
    Owners = lists:zipwith(fun ets:info/2, Names, lists:duplicate(length(Names), owner)),
    Same = [{{'$1', '$2', '$2'}, [{is_pid, '$2'}], ['$1']}],
    Known = lists:zip3(Names, Owners, lists:map(fun erlang:whereis/1, Names)),
    ets:match_spec_run(Known, ets:match_spec_compile(Same)).

%% The scopes of pg among those: its servers, as far as the time goes that beamscope_dictionary.hrl has.
pg_scopes(Tables, Until) ->
    case erlang:module_loaded(pg) of
        true -> [Name || Name <- Tables, is_pg(Name, Until)];
        false -> []
    end.

%% Whether the owner of a table is a server of pg. From OTP 29 on that is a callback of data_publisher, and may not be
%% the only one: hence the look at an object, `{Group, Members, LocalMembers}', which decides where the callback is not
%% known, and spares most owners the question.
is_pg(Name, Until) ->
    Begins = begins_with_group(Name),
    try Begins =/= false andalso dictionary_entry('$initial_call', whereis(Name), Until) of
        {pg, init, 1} -> true;
        {data_publisher, init, 1} -> true;
        Unread when Unread =:= unread; Unread =:= late -> Begins =:= true;
        _ -> false
    catch
        error:badarg -> false
    end.

%% Of the first object, that alone; `empty' where there is none.
begins_with_group(Table) ->
    Group = {{'_', ['$1' | '_'], '$2'}, [{is_pid, '$1'}, {is_list, '$2'}], [true]},
    try has_single_objects(Table) andalso ets:select(Table, [Group, {'_', [], [false]}], 1) of
        '$end_of_table' -> empty;
        {[Is | _], _} -> Is;
        false -> false
    catch
        error:badarg -> false
    end.

%% Whether the table has no more than one object for a key. In others, a look at one looks at all that have its key.
has_single_objects(Table) -> lists:member(ets:info(Table, type), [set, ordered_set]).

%% The registries of Elixir among those: supervisors. In the table of one are `{-2, {Keys, Partitions, KeyTable}}',
%% `{-1, {Keys, Partitions, KeyTable, {Server, PidTable}, Listeners}}', `{Partition, KeyTable, {Server, PidTable}}' of
%% each partition, if there are several, in place of those tables; and what `Registry.put_meta' put there. Source:
%% registry.ex of Elixir.
elixir_registries(Tables) ->
    case erlang:module_loaded('Elixir.Registry') of
        true -> lists:append(lists:map(fun elixir_registry/1, lists:filter(fun is_elixir_registry/1, Tables)));
        false -> []
    end.

%% Whether a table is that of a registry of Elixir. It is not copied to find out.
is_elixir_registry(Table) ->
    Entry = {{-2, {'$1', '$2', '_'}}, [{is_integer, '$2'}, {'orelse', {is_atom, '$1'}, {is_tuple, '$1'}}], [true]},
    try
        has_single_objects(Table) andalso ets:select_count(Table, [Entry]) =:= 1
    catch
        error:badarg -> false
    end.

elixir_registry(Name) ->
    try {ets:lookup(Name, -2), ets:lookup(Name, -1)} of
        {[{_, {Keys, Partitions, _}}], [{_, {_, _, KeyTable, Server, Listeners}}]} when is_integer(Partitions) ->
            Parts =
                case Partitions of
                    1 -> [{0, KeyTable, Server}];
                    _ -> lists:append([ets:lookup(Name, Number) || Number <- lists:seq(0, Partitions - 1)])
                end,
            [
                #{
                    name => Name,
                    keys => Keys,
                    partitions => Partitions,
                    listeners => Listeners,
                    key_tables => [Table || {_, Table, _} <- Parts],
                    pid_tables => [Table || {_, _, {_, Table}} <- Parts]
                }
            ];
        _ ->
            []
    catch
        error:badarg -> []
    end.

%% The tables of syn, `{Table, Scope}', one of each scope, which is in a list: empty for the table of all names, before
%% syn 3.
syn_tables() ->
    case erlang:module_loaded(syn) of
        true ->
            Named = ets:match_spec_run(ets:all(), ets:match_spec_compile([{'$1', [{is_atom, '$1'}], ['$1']}])),
            lists:append(lists:map(fun syn_table/1, Named));
        false ->
            []
    end.

syn_table(Table) ->
    case string:prefix(atom_to_list(Table), "syn_registry_by_name") of
        nomatch -> [];
        "" -> [{Table, []}];
        [_ | Scope] -> [{Table, [Atom]} || Atom <- existing_scope(Scope)]
    end.

%% Whose scope is no atom here is somebody else's.
existing_scope(Text) ->
    try
        [list_to_existing_atom(Text)]
    catch
        error:badarg -> []
    end.

%% What is registered in a table, as `{Head, Guards, Key, Pid}' of a match specification. Elixir has `{Key, {Pid, Value}}',
%% or from 1.20 on, where keys are grouped by key, `{{Key, Pid, Number}, Value}' in an ordered set; global and syn
%% have `{Name, Pid, ...}', of a size that depends on the release.
registered_in(elixir, Table) ->
    case ets:info(Table, type) of
        ordered_set -> {{{'$1', '$2', '_'}, '_'}, [{is_pid, '$2'}], '$1', '$2'};
        _ -> {{'$1', {'$2', '_'}}, [{is_pid, '$2'}], '$1', '$2'}
    end;
registered_in(gproc, _) ->
    {gproc_object({'$1', '$2', '$3'}, '_', '$4'), [], {{'$1', '$2', '$3'}}, '$4'};
registered_in(_, _) ->
    {'$1', [{is_pid, {element, 2, '$1'}}], {element, 1, '$1'}, {element, 2, '$1'}}.

%% What gproc has of a key `{Type, Scope, Name}' in its table, among other objects. The owner is the type where only one
%% can have the key, as for names, `n'; else it is the process.
gproc_object(Key, Owner, Pid) -> {{Key, Owner}, Pid, '_'}.

%% Bytes in external format above which a name is large; of a large one a filter looks at the beginning alone, and how
%% deep it does, and how many items of a list at the top.
-define(LARGE, 1000).
-define(DEEP, 100).

%% The beginning of a name as text. Not by `chars_limit', which takes milliseconds for a term of some thousand items.
beginning(Name) when is_list(Name) ->
    Some =
        try
            lists:sublist(Name, ?LARGE)
        catch
            error:function_clause -> Name
        end,
    io_lib:format("~0tP", [Some, ?DEEP]);
beginning(Name) ->
    io_lib:format("~0tP", [Name, ?DEEP]).
