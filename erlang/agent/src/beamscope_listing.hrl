%% What the agent's modules share. Each has a copy of its own: nothing else of ours is on a node that interprets one.
%% To be included behind the types and in front of the first function.

-compile({nowarn_unused_function, [{packed, 1}, {existing, 1}, {contains, 2}, {page, 2}, {behind, 2}, {listed, 4}]}).

%% An answer as it travels: in external format, compressed where that makes it smaller.
packed(Answer) -> term_to_binary(Answer, [compressed, {minor_version, 2}]).

%% The atom of a name that comes from a user, which never becomes a new one.
existing(Name) when is_atom(Name) ->
    Name;
existing(Name) ->
    try
        binary_to_existing_atom(Name, utf8)
    catch
        error:badarg -> error({unknown_atom, Name})
    end.

%% Whether a text holds another one, in any case.
contains(Text, Part) ->
    string:find(string:lowercase(Text), string:lowercase(Part)) =/= nomatch.

%% A page out of the keys of all rows that match: the first `limit' in `order', behind the position `after' where there
%% is one; and the key that the next page begins behind, or `undefined'. A key is `{Value, Id}', of terms of any kind;
%% no two are identical. Those that compare equal, as of 1 and 1.0, have a place by their hash. `after' is a key in
%% external format.
page(Keys, #{limit := Limit, order := Order} = Spec) ->
    Placed = behind(lists:zip(Keys, lists:map(fun erlang:phash2/1, Keys)), Spec),
    Sorted =
        case Order of
            ascending -> lists:sort(Placed);
            descending -> lists:reverse(lists:sort(Placed))
        end,
    {Page, _} = lists:unzip(lists:sublist(Sorted, Limit)),
    case length(Sorted) > Limit of
        true -> {Page, lists:last(Page)};
        false -> {Page, undefined}
    end.

behind(Placed, #{'after' := Packed, order := Order}) ->
    After =
        try
            binary_to_term(Packed, [safe])
        catch
            error:badarg -> error(bad_position)
        end,
    Place = {After, erlang:phash2(After)},
    case Order of
        ascending -> [Key || Key <- Placed, Key > Place];
        descending -> [Key || Key <- Placed, Key < Place]
    end;
behind(Placed, _) ->
    Placed.

%% The packed answer to a question for a list. `Matching' are the keys of all rows that match, of `Total' that there
%% are; `Read' makes the row of a key on the page, a map, or `gone' where it is there no more. `Missing' are atoms
%% that say why something may be missing.
listed(Matching, Read, Spec, {Total, Missing}) ->
    {Page, Next} = page(Matching, Spec),
    Rows = lists:zip(Page, lists:map(Read, Page)),
    packed(#{
        total => Total,
        matched => length(Matching),
        rows => lists:filter(fun({_, Row}) -> Row =/= gone end, Rows),
        next => Next,
        incomplete => Missing
    }).
