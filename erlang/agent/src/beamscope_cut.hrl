%% How a large term becomes a small one of the same form before it travels. To be included behind the types and in
%% front of the first function.

-compile({nowarn_unused_function, [{cut, 2}, {cut, 3}, {taken, 3}, {front, 2}, {front, 3}, {list_size, 1}, {marked, 2}]}).
-compile({nowarn_unused_function, [{beginning, 2}, {text_or, 3}, {settled, 1}, {improper_size, 3}]}).

%% The one mark of what is left out, which no term of a node's own has; src/syntax/LeftOut.ts alone knows it, and shows it
%% as the session's language is cut. It stands by itself for a term; as `{?CUT, Count}' behind the first items of a list or
%% of a tuple, and as a key of a map, for so many more; and behind the dots at the end of a text, in a binary or a list of
%% characters, with the number of bytes or of characters.
-define(CUT, '$beamscope_cut').
-define(CUT_TEXT, "...$beamscope_cut:").
%% Bytes that the mark at the end of a text takes at most.
-define(MARK_BYTES, 32).

%% Bytes below which nothing is shown of a term that does not fit.
-define(NO_ROOM, 16).
%% Bytes that stand around an item.
-define(FRAME, 8).
%% Bytes that an item of a list and an entry of a map get at least; so many fewer are shown.
-define(ITEM, 64).
%% Bytes of a key that is shown whole.
-define(KEY, 256).
%% Levels that are shown of what does not fit. At each the size of all that lies below is taken: of a chain of a hundred
%% thousand links, one inside of the other, that would else be done a thousand times.
-define(LEVELS, 32).

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
cut(Term, Room) -> cut(Term, Room, ?LEVELS).

cut(Term, Room, Levels) ->
    Share = fun(Item, {Left, Count}) ->
        Cut = cut(Item, Left div Count - ?FRAME, Levels - 1),
        {Cut, {max(0, Left - erlang:external_size(Cut)), Count - 1}}
    end,
    Fair = fun(Items) -> element(1, lists:mapfoldl(Share, {Room, length(Items)}, Items)) end,
    Most = max(2, Room div ?ITEM),
    Fits = erlang:external_size(Term) =< Room,
    if
        Fits ->
            Term;
        Room < ?NO_ROOM; Levels =:= 0 ->
            ?CUT;
        is_map(Term) ->
            {Keys, Values} = lists:unzip(taken(Most, maps:next(maps:iterator(Term)), [])),
            Shown = lists:zip([cut(Key, ?KEY, Levels - 1) || Key <- Keys], Fair(Values)),
            %% Keys that are cut may become the same.
            Cut = maps:from_list(Shown),
            maps:merge(Cut, maps:from_list([{{?CUT, More}, ?CUT} || More <- [map_size(Term) - map_size(Cut)], More > 0]));
        is_tuple(Term) ->
            First = [element(At, Term) || At <- lists:seq(1, min(Most, tuple_size(Term)))],
            list_to_tuple(marked(Fair(First), tuple_size(Term)));
        is_binary(Term) ->
            beginning(binary:part(Term, 0, min(byte_size(Term), max(1, Room - ?MARK_BYTES))), byte_size(Term));
        is_list(Term) ->
            text_or(Fair(front(Term, Most)), front(Term, Room), {max(1, Room - ?MARK_BYTES), list_size(Term)});
        true ->
            ?CUT
    end.

%% The items of a list; of an improper one what it ends in is one more.
list_size(List) ->
    try
        length(List)
    catch
        error:badarg -> improper_size(List, 1, erlang:external_size(List)) + 1
    end.

%% The items in front of the tail of an improper list. Each has a byte in external format at least.
improper_size(_, Least, Least) ->
    Least;
improper_size(List, Least, Most) ->
    Middle = (Least + Most + 1) div 2,
    IsThere =
        try
            _ = lists:nthtail(Middle, List),
            true
        catch
            error:_ -> false
        end,
    case IsThere of
        true -> improper_size(List, Middle, Most);
        false -> improper_size(List, Least, Middle - 1)
    end.

%% What was left out is told by how many there are more.
marked(Shown, All) when length(Shown) < All -> Shown ++ [{?CUT, All - length(Shown)}];
marked(Shown, _) -> Shown.

%% The beginning of a text ends with dots. Of bytes that are no text none are shown: where a secret is cut, its first
%% bytes must be known for what they are, and that takes text.
beginning(Bytes, All) ->
    Whole =
        case unicode:characters_to_list(Bytes) of
            {incomplete, Before, _} -> Before;
            Characters -> Characters
        end,
    Shown = unicode:characters_to_binary(hd([Whole || io_lib:printable_unicode_list(Whole)] ++ [""])),
    list_to_binary([Shown, ?CUT_TEXT, integer_to_list(All - byte_size(Shown))]).

text_or(Items, Front, {Most, All}) ->
    case io_lib:printable_latin1_list(Front) of
        true -> lists:sublist(Front, Most) ++ ?CUT_TEXT ++ integer_to_list(All - min(Most, length(Front)));
        false -> marked(settled(Items), All)
    end.

%% Numbers at the end that could be the beginning of a text are left out, for the same reason.
settled(Items) ->
    IsCode = fun(Item) -> is_integer(Item) andalso Item >= 32 andalso Item =< 126 end,
    lists:reverse(lists:dropwhile(IsCode, lists:reverse(Items))).
