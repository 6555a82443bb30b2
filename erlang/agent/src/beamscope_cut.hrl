%% How a large term becomes a small one of the same form before it travels. To be included behind the types and in
%% front of the first function.

-compile({nowarn_unused_function, [{cut, 2}, {taken, 3}, {front, 2}, {front, 3}, {counted, 2}, {marked, 2}]}).
-compile({nowarn_unused_function, [{beginning, 2}, {text_or, 3}, {settled, 1}]}).

%% Bytes below which nothing is shown of a term that does not fit.
-define(NO_ROOM, 16).
%% Bytes that stand around an item.
-define(FRAME, 8).
%% Bytes that an item of a list and an entry of a map get at least; so many fewer are shown.
-define(ITEM, 64).
%% Bytes of a key that is shown whole.
-define(KEY, 256).

%% The first entries of a map, without a list of all.
taken(0, _, Pairs) -> lists:reverse(Pairs);
taken(_, none, Pairs) -> lists:reverse(Pairs);
taken(Count, {Key, Value, Next}, Pairs) -> taken(Count - 1, maps:next(Next), [{Key, Value} | Pairs]).

%% The first items of a list that may be improper; of others, which are most, without a step of our own for each.
front(List, Count) ->
    try
        lists:sublist(List, Count)
    catch
        error:function_clause -> front(List, Count, [])
    end.

front([Item | Rest], Count, Items) when Count > 0 -> front(Rest, Count - 1, [Item | Items]);
front(_, _, Items) -> lists:reverse(Items).

%% A term that takes no more than so many bytes in external format, or little more: of what is too large the first
%% items are left, and each gets its share of the room, with what the others before it did not need.
cut(Term, Room) ->
    Share = fun(Item, {Left, Count}) ->
        Cut = cut(Item, Left div Count - ?FRAME),
        {Cut, {max(0, Left - erlang:external_size(Cut)), Count - 1}}
    end,
    Fair = fun(Items) -> element(1, lists:mapfoldl(Share, {Room, length(Items)}, Items)) end,
    Most = max(2, Room div ?ITEM),
    Fits = erlang:external_size(Term) =< Room,
    if
        Fits ->
            Term;
        Room < ?NO_ROOM ->
            '...';
        is_map(Term) ->
            {Keys, Values} = lists:unzip(taken(Most, maps:next(maps:iterator(Term)), [])),
            Shown = lists:zip([cut(Key, ?KEY) || Key <- Keys], Fair(Values)),
            maps:from_list(marked(Shown, map_size(Term)));
        is_tuple(Term) ->
            First = [element(At, Term) || At <- lists:seq(1, min(Most, tuple_size(Term)))],
            list_to_tuple(marked(Fair(First), tuple_size(Term)));
        is_binary(Term) ->
            beginning(binary:part(Term, 0, min(byte_size(Term), Room)), byte_size(Term));
        is_list(Term) ->
            text_or(Fair(front(Term, Most)), front(Term, Room), counted(Term, Most));
        true ->
            '...'
    end.

%% The items of a list; of an improper one, which ends in something else, more than are shown.
counted(List, Most) ->
    try
        length(List)
    catch
        error:badarg -> Most + 1
    end.

%% What was left out is told by how many there are more.
marked(Shown, All) when length(Shown) < All -> Shown ++ [{'...', All - length(Shown)}];
marked(Shown, _) -> Shown.

%% The beginning of a text ends with dots. Of bytes that are no text none are shown: where a secret is cut, its first
%% bytes must be known for what they are, and that takes text.
beginning(Bytes, All) ->
    Text =
        case unicode:characters_to_list(Bytes) of
            {incomplete, Before, _} -> Before;
            Whole -> Whole
        end,
    case io_lib:printable_unicode_list(Text) of
        true -> unicode:characters_to_binary([Text, "..."]);
        false -> {'...', All}
    end.

text_or(Items, Front, All) ->
    case io_lib:printable_latin1_list(Front) of
        true -> Front ++ "...";
        false -> marked(settled(Items), All)
    end.

%% Numbers at the end that could be the beginning of a text are left out, for the same reason.
settled(Items) ->
    IsCode = fun(Item) -> is_integer(Item) andalso Item >= 32 andalso Item =< 126 end,
    lists:reverse(lists:dropwhile(IsCode, lists:reverse(Items))).
