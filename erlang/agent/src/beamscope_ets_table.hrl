%% How a table is named in a question, and what is told of it without its objects. To be included behind the types and in
%% front of the first function.

-compile({nowarn_unused_function, [{column, 2}, {row, 2}, {described, 2}, {owner_facts, 1}]}).
-compile({nowarn_unused_function, [{found, 1}, {known, 1}, {unnamed, 1}, {some_names, 0}]}).

%% Names that go back where a table was not found, to find out which was meant.
-define(NAMES, 500).

-type sought() :: {reference, binary()} | {name, [binary()]}.
%% How a table is named: the text of its reference, or names that are tried one after the other.

column(Item, Tables) ->
    lists:zipwith(fun ets:info/2, Tables, lists:duplicate(length(Tables), Item)).

row(Table, More) ->
    case ets:info(Table) of
        undefined -> gone;
        Facts -> maps:merge(described(Table, maps:from_list(Facts)), More)
    end.

%% What a list tells of a table. `memory' in bytes.
described(Table, #{memory := Words, owner := Owner} = Facts) ->
    maps:merge(
        maps:with([name, named_table, owner, size, type, protection, keypos], Facts),
        maps:merge(owner_facts(Owner), #{id => Table, memory => Words * erlang:system_info(wordsize)})
    ).

owner_facts(Owner) ->
    maps:from_list(
        [{owner_name, Name} || {registered_name, Name} <- [erlang:process_info(Owner, registered_name)]] ++
            [{application, Name} || {ok, Name} <- [application:get_application(Owner)]]
    ).

%% The table that is meant, in a list of one; or an answer that says that there is none: `absent', with names of tables
%% and with those tables that have the name without being registered under it.
found(#{table := {reference, Text}}) ->
    try [Table || Table <- [list_to_ref(binary_to_list(Text))], ets:info(Table, id) =/= undefined] of
        [] -> #{absent => [], unnamed => []};
        Found -> Found
    catch
        error:badarg -> #{absent => [], unnamed => []}
    end;
found(#{table := {name, Texts}}) ->
    Names = lists:append(lists:map(fun known/1, Texts)),
    case [Name || Name <- Names, ets:info(Name, id) =/= undefined] of
        [Name | _] ->
            [Name];
        [] ->
            case lists:append([unnamed(Name) || Name <- Names]) of
                [Table] -> [Table];
                Unnamed -> #{absent => some_names(), unnamed => lists:sublist(Unnamed, 5)}
            end
    end.

known(Text) ->
    try
        [binary_to_existing_atom(Text, utf8)]
    catch
        error:_ -> []
    end.

unnamed(Name) ->
    All = ets:all(),
    ets:match_spec_run(
        lists:zip(All, column(name, All)),
        ets:match_spec_compile([{{'$1', Name}, [{is_reference, '$1'}], ['$1']}])
    ).

some_names() ->
    lists:sublist(lists:filter(fun erlang:is_atom/1, ets:all()), ?NAMES).
