%% Processes that own a table of their own name, as the scopes of `pg' and the registries of Elixir do. To be included
%% behind beamscope_dictionary.hrl.
%%
%% Most such tables are somebody else's, with objects of any size, and many under one key: so no object leaves a table
%% before it is known whose it is.

%% The names of processes that own a table of that name.
own_tables() ->
    Names = registered(),
    Owners = lists:zipwith(fun ets:info/2, Names, lists:duplicate(length(Names), owner)),
    Same = [{{'$1', '$2', '$2'}, [{is_pid, '$2'}], ['$1']}],
    Known = lists:zip3(Names, Owners, lists:map(fun erlang:whereis/1, Names)),
    ets:match_spec_run(Known, ets:match_spec_compile(Same)).

%% Whether the owner of a table is a server of pg. From OTP 29 on that is a callback of data_publisher, and may not be
%% the only one: hence the look at an object, `{Group, Members, LocalMembers}', and also where the callback is not known.
is_pg(Name) ->
    try dictionary_entry('$initial_call', whereis(Name)) of
        {pg, init, 1} -> true;
        {data_publisher, init, 1} -> begins_with_group(Name) =/= false;
        unread -> begins_with_group(Name) =:= true;
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

%% Whether a table is one of a registry of Elixir: `{-2, {Keys, Partitions, KeyTable}}' stands in it.
is_elixir_registry(Table) ->
    Entry = {{-2, {'$1', '$2', '_'}}, [{is_integer, '$2'}, {'orelse', {is_atom, '$1'}, {is_tuple, '$1'}}], [true]},
    try
        has_single_objects(Table) andalso ets:select_count(Table, [Entry]) =:= 1
    catch
        error:badarg -> false
    end.
