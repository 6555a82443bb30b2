%% @doc Questions about the objects of one ETS table of this node. Runs compiled and interpreted; see
%% `beamscope_processes' for what that asks of the source.
%%
%% What it spares the node. Objects are read one at a time, or in chunks of about a megabyte, since the node copies whole
%% objects and cannot tell the size of one before; a large one leaves as a small term of the same form. In a bag nothing
%% keeps the objects of one key apart: a look at one copies them all, and so does a chunk. So there they are counted first,
%% which copies none. A table is fixed while it is walked, by this process, so that the fix ends when it does.
-module(beamscope_ets_objects).

-export([sample/1, select/1]).

-export_type([sought/0]).

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_within.hrl").
-include("beamscope_ets_table.hrl").

%% Bytes of the objects that a scan copies at once, about.
-define(CHUNK_BYTES, 1000000).
%% Objects that a scan looks at in one go: for as long nobody else writes to the table. A write to a compressed one waited
%% 0.45 ms at the median while a thousand at a time were counted, 0.14 ms with these (OTP 25).
-define(CHUNK, 250).
%% Keys that are looked at at once; and their bytes in external format, about: each takes up to sixteen on the heap, and
%% some times that where the key is printed.
-define(BATCH, 250).
-define(BATCH_BYTES, 16000).
%% Elements behind its key that an object of a bag may have to be counted by the key, without a look at the whole table.
-define(ARITIES, 40).
%% Bytes in external format up to which an object leaves as it is.
-define(SMALL, 4000).
%% Bytes in external format up to which a key can be part of a cursor.
-define(SMALL_KEY, 1400).

%% The first objects of a table (`objects'), or keys (`keys'), behind those of the page before. Where the average object
%% is larger than `max_object' bytes, the objects are not read; and not those of a key that has so many that together
%% they are: of them a row `{Place, Key, {objects, Count}}' tells. `sort': `table', the order that it has, or `size', the
%% largest first. `pattern': finds something in the key as Erlang prints it, see `beamscope_pattern.hrl'. Either looks at as much of the table as
%% there is time for, and so do the keys of a bag, of which nothing tells how many there are: see `windowed'.
sample(#{what := What} = Spec) ->
    readable(Spec, fun(Table, #{type := Type, size := Size} = Facts) ->
        true = ets:safe_fixtable(Table, true),
        IsBag = is_bag(Type),
        Told =
            case {is_map_key(pattern, Spec), by_size(Spec)} of
                {false, true} when not IsBag -> by_chunks(Table, everything(What, Facts), Spec, Facts);
                {false, false} when not IsBag -> rows(by_key(Table, Spec));
                {false, false} when What =:= objects -> rows(in_bag(Table, '_', Spec, Facts));
                _ -> by_window(Table, '_', Spec, Facts)
            end,
        true = ets:safe_fixtable(Table, false),
        %% Where nothing is looked for, it is all.
        IsAll = not is_map_key(pattern, Spec) andalso (What =:= objects orelse not IsBag),
        maps:merge(Told, maps:from_list([{matched, Size} || IsAll]))
    end).

%% Clauses for `by_chunks'.
everything(objects, _) -> [{'_', [], [['$_']]}];
everything(keys, #{keypos := Position}) -> [{'_', [], [[{element, Position, '$_'}]]}].

by_size(Spec) -> maps:get(sort, Spec, table) =:= size.

%% The names of the fields behind the first of a record, where Mnesia keeps the table: they tell what is a secret.
fields(Table) ->
    maps:from_list([
        {fields, Fields}
     || is_atom(Table),
        is_integer(ets:info(mnesia_gvar, size)),
        {_, Fields} <- ets:lookup(mnesia_gvar, {Table, attributes})
    ]).

%% What `Read' answers for a table that may be read, together with the facts about it; or why it may not.
readable(#{max_object := Most} = Spec, Read) ->
    case found(Spec) of
        [Table] ->
            case row(Table, fields(Table)) of
                gone ->
                    packed(#{absent => [], unnamed => []});
                #{protection := private} = Facts ->
                    packed(Facts#{refused => private});
                #{size := Size, memory := Bytes} = Facts ->
                    IsLarge = Size > 0 andalso Bytes div Size > Most andalso maps:get(what, Spec, objects) =/= keys,
                    case keeps_secrets(Facts) of
                        true -> packed(Facts#{refused => secret});
                        false when IsLarge -> packed(Facts#{refused => large});
                        false -> packed(maps:merge(Facts, read(Table, Facts, Read)))
                    end
            end;
        Absent ->
            packed(Absent)
    end.

%% Whether the owner keeps cookies, private keys or sessions: `auth', and what belongs to TLS. The distribution over TLS
%% has processes of its own for these, outside of the application: `ssl_manager_dist'.
keeps_secrets(#{application := ssl}) ->
    true;
keeps_secrets(#{owner_name := Name}) ->
    Name =:= auth orelse
        lists:any(fun(Front) -> lists:prefix(Front, atom_to_list(Name)) end, ["ssl_pem_cache", "ssl_manager"]);
keeps_secrets(_) ->
    false.

%% A table may be deleted, or made private, at any time: then what reads it raises `badarg'.
read(Table, Facts, Read) ->
    try
        Read(Table, Facts)
    catch
        error:moved ->
            #{refused => moved};
        error:pattern ->
            #{refused => pattern};
        error:badarg:Stack ->
            case ets:info(Table, protection) of
                undefined -> #{refused => gone};
                private -> #{refused => private};
                _ -> erlang:raise(error, badarg, Stack)
            end
    end.

%% By the keys, one after the other: all types but those that have several objects for one.
by_key(Table, #{'after' := Packed} = Spec) ->
    {key, Key} = binary_to_term(Packed, [safe]),
    walk(key_behind(Key, Table), Table, bounds(Spec), []);
by_key(Table, Spec) ->
    walk(ets:first(Table), Table, bounds(Spec), []).

key_behind(Key, Table) ->
    try
        ets:next(Table, Key)
    catch
        error:badarg ->
            %% No such key in the table, or no such table.
            is_integer(ets:info(Table, size)) andalso error(moved),
            error(badarg)
    end.

bounds(#{limit := Limit, deadline_ms := Millis, what := What}) -> {Limit, now_ms() + Millis, What}.

walk('$end_of_table', _, _, Rows) ->
    {lists:reverse(Rows), false};
walk(Key, Table, {Limit, Until, What}, Rows) ->
    case length(Rows) >= Limit orelse now_ms() > Until of
        true -> {lists:reverse(Rows), true};
        false -> walk(ets:next(Table, Key), Table, {Limit, Until, What}, looked_up(What, Key, Table) ++ Rows)
    end.

looked_up(keys, Key, _) -> [made({key, Key}, Key)];
looked_up(objects, Key, Table) -> [made({key, Key}, Object) || Object <- ets:lookup(Table, Key)].

%% A row as it leaves: where the page behind it begins, if that is short enough to be told, the term, and its size in
%% bytes where the term is cut.
made(Place, Term) ->
    Size = erlang:external_size(Term),
    At = hd([Place || erlang:external_size(Place) =< ?SMALL_KEY] ++ [undefined]),
    case Size =< ?SMALL of
        true -> {At, Term, 0};
        false -> {At, cut(Term, ?SMALL), Size}
    end.

%% A page of what was seen in a window of a table: from a place on, to the end of the table or as far as time goes. Of
%% what was found only the page is kept, whatever the window holds: each page looks at the window anew. So a place,
%% `{window, {Begin, Extent, Behind}}', tells where it begins, how much was looked at (`all': to the end), and the place in
%% the order that the page begins behind. The first page leaves half of the time unused, so that the others, on a busier
%% node, get as far.
%%
%% `next' is a place in this window, or the beginning of the next one; `undefined' where there is none, or none that is
%% short enough to be told. `looked': keys, or objects, that were looked at; `matched': rows in the window; `unsure': keys
%% of which only a part could be looked through; `is_part': whether the table has more than the window, and `is_beyond':
%% behind it, where the next one can begin. The fourth element of a row is its size in bytes.
%%
%% How it ended: at the `end' of the table, where it was `full', with what the page before had looked at, or `late'.
windowed({Looked, {Count, Best}, Unsure, {How, Beyond}}, {Begin, Extent, Behind}, #{limit := Limit}) ->
    Told = #{
        matched => Count,
        looked => Looked,
        unsure => Unsure,
        is_beyond => Beyond =/= none,
        is_part => How =/= 'end' orelse Begin =/= first
    },
    %% Unless it holds all that it held before, nothing in it has its place.
    case How =/= late orelse (Behind =:= 0 andalso Looked > 0) of
        true ->
            Held = hd([all || How =:= 'end'] ++ [Looked]),
            {Ranked, Rows} = lists:unzip(lists:sublist(Best, Limit)),
            Places = [{window, {Begin, Held, Place}} || Place <- Ranked],
            IsMore = length(Best) > Limit,
            Next = [lists:last(Places) || IsMore] ++ [{window, {Beyond, all, 0}} || is_short(Beyond)],
            Told#{
                rows => [setelement(1, Row, Place) || {Place, Row} <- lists:zip(Places, Rows), Row =/= gone],
                is_more => IsMore orelse Beyond =/= none,
                next => hd(Next ++ [undefined])
            };
        false ->
            Again = hd([{window, {Begin, Extent, Behind}} || Behind =/= 0] ++ [undefined]),
            Told#{rows => [], is_more => deadline, next => Again}
    end.

window(#{'after' := Packed}) ->
    case binary_to_term(Packed, [safe]) of
        {window, {_, _, Behind} = Window} when Behind =:= 0; tuple_size(Behind) =:= 2 -> Window;
        _ -> error(bad_position)
    end;
window(_) ->
    {first, all, 0}.

is_short(Place) -> Place =/= none andalso erlang:external_size(Place) =< ?SMALL_KEY.

%% What the page of a window is made with. The place of what is found is `{Rank, Number}', where the number is the one in
%% the order of the table: those of one size keep that. All of them come behind 0.
page_plan({_, Extent, Behind}, Read, #{limit := Limit, deadline_ms := Millis} = Spec) ->
    #{
        extent => Extent,
        until => now_ms() + hd([Millis div 2 || Behind =:= 0] ++ [Millis]),
        is_sized => by_size(Spec),
        most => Limit + 1,
        read => Read,
        behind => ets:match_spec_compile([{'$1', [{'>', '$1', {const, Behind}}], ['$1']}])
    }.

%% How many were found by now, and the first rows behind the page before, with what was found now: of these only those
%% are read that come among the first. Where there are enough, those of the same rank come too late, and most have no
%% better one.
kept([], [], _, Found) ->
    Found;
kept(Ranks, Ids, #{most := Most} = Plan, {Count, Best}) ->
    case length(Best) =:= Most andalso lists:min(Ranks) >= element(1, element(1, lists:last(Best))) of
        true -> {Count + length(Ids), Best};
        false -> {Count + length(Ids), first_of(Ranks, Ids, Plan, Count, Best)}
    end.

first_of(Ranks, Ids, #{most := Most, read := Read, behind := Behind}, Count, Best) ->
    Places = ets:match_spec_run(lists:zip(Ranks, lists:seq(Count + 1, Count + length(Ids))), Behind),
    First = lists:sublist(lists:sort(Places), Most),
    {Ranked, _} = lists:unzip(Best),
    Worst = lists:last([none | lists:sublist(lists:merge(Ranked, First), Most)]),
    Fresh = lists:takewhile(fun(Place) -> Place =< Worst end, First),
    Rows = [{Place, Read(lists:nth(element(2, Place) - Count, Ids))} || Place <- Fresh],
    lists:sublist(lists:merge(Best, Rows), Most).

%% Larger is in front, where an order is asked for.
ranks(Terms, #{is_sized := true}) -> lists:map(fun erlang:'-'/1, sizes(Terms));
ranks(Terms, _) -> duplicates(0, Terms).

sizes(Terms) -> lists:map(fun erlang:external_size/1, Terms).

%% A window from key to key, for tables of all types.
by_window(Table, Pattern, #{what := What} = Spec, #{size := Size, memory := Bytes} = Facts) ->
    {Begin, _, _} = Window = window(Spec),
    First =
        case Begin of
            first -> ets:first(Table);
            {key, Key} -> key_behind(Key, Table)
        end,
    IsBag = What =:= objects andalso is_bag(map_get(type, Facts)),
    %% Where no size is asked for, no object is copied but those of the page.
    IsByKey = What =:= objects andalso not IsBag andalso not by_size(Spec),
    Kind = hd([key || IsByKey] ++ [some || IsBag] ++ [term]),
    Read = fun(Id) -> read_id(Kind, Id, Table) end,
    Plan = (maps:merge(maps:merge(Spec, counting(Facts, Spec)), page_plan(Window, Read, Spec)))#{
        match => ets:match_spec_compile([{Pattern, [], ['$_']}]),
        is_bag => IsBag,
        is_by_key => IsByKey,
        average => Bytes div max(1, Size),
        %% The objects of one key of a bag can be many.
        batch => hd([1 || IsBag] ++ [min(?BATCH, chunk(Facts))])
    },
    windowed(look(First, Table, Plan, Begin, {0, 0, {0, []}}), Window, Spec).

look('$end_of_table', _, _, _, {Looked, Unsure, Found}) ->
    {Looked, Found, Unsure, {'end', none}};
look(Key, Table, #{extent := Extent, until := Until, batch := Batch} = Plan, Last, {Looked, Unsure, Found}) ->
    %% Any number is less than `all'.
    case {Looked >= Extent, now_ms() > Until} of
        {true, _} ->
            {Looked, Found, Unsure, {full, Last}};
        {false, true} ->
            {Looked, Found, Unsure, {late, Last}};
        {false, false} ->
            Count = hd([min(Batch, Extent - Looked) || is_integer(Extent)] ++ [Batch]),
            {Keys, Next} = keys_from(Key, Table, {Count, ?BATCH_BYTES}, []),
            {Passing, Parts} = passing(Keys, Plan),
            {Ranks, Ids} = found_under(Passing, Table, Plan),
            More = {Looked + length(Keys), Unsure + Parts, kept(Ranks, Ids, Plan, Found)},
            look(Next, Table, Plan, {key, lists:last(Keys)}, More)
    end.

%% So many keys, of so many bytes, but one at least; and the one behind them.
keys_from('$end_of_table', _, _, Keys) ->
    {lists:reverse(Keys), '$end_of_table'};
keys_from(Key, _, {Count, Room}, [_ | _] = Keys) when Count =< 0; Room =< 0 ->
    {lists:reverse(Keys), Key};
keys_from(Key, Table, {Count, Room}, Keys) ->
    keys_from(ets:next(Table, Key), Table, {Count - 1, Room - erlang:external_size(Key)}, [Key | Keys]).

%% The keys that `pattern' finds something in, without a step of our own for each; and how many of the others may
%% hold it in a part that was not looked at.
passing(Keys, #{pattern := Sought}) ->
    Small = small(Keys),
    Texts = lists:zipwith(fun io_lib:format/2, duplicates("~0tp", Keys), [[Key] || Key <- Small]),
    Options = [caseless, unicode, {capture, none}],
    Found = lists:zipwith3(fun re:run/3, Texts, duplicates(Sought, Keys), duplicates(Options, Keys)),
    Unsure = [Cut || {Key, Cut, nomatch} <- lists:zip3(Keys, Small, Found), Cut =/= Key],
    {[Key || {Key, At} <- lists:zip(Keys, Found), At =/= nomatch], length(Unsure)};
passing(Keys, _) ->
    {Keys, 0}.

small(Keys) ->
    case lists:max(sizes(Keys)) =< ?SMALL of
        true -> Keys;
        false -> [cut(Key, ?SMALL) || Key <- Keys]
    end.

duplicates(Term, List) -> lists:duplicate(length(List), Term).

%% The ranks of what there is under keys, and what there is: a key itself, an object, or `[Key | Count]' of objects so many
%% that they are not read.
found_under(Keys, _, #{what := keys} = Plan) ->
    {ranks(Keys, Plan), Keys};
found_under([Key], Table, #{is_bag := true, match := Match, average := Average} = Plan) ->
    case under(Key, Table, Plan) of
        {many, Count} ->
            {[hd([-Count * Average || by_size(Plan)] ++ [0])], [[Key | Count]]};
        few ->
            Objects = ets:match_spec_run(ets:lookup(Table, Key), Match),
            {ranks(Objects, Plan), Objects}
    end;
found_under(Keys, _, #{is_by_key := true} = Plan) ->
    {ranks(Keys, Plan), Keys};
found_under(Keys, Table, #{is_bag := false} = Plan) ->
    Objects = lists:append(lists:zipwith(fun ets:lookup/2, duplicates(Table, Keys), Keys)),
    {ranks(Objects, Plan), Objects};
found_under([], _, _) ->
    {[], []}.

%% The row of what was found, without its place; `gone' where it is there no more.
read_id(key, Key, Table) ->
    case ets:lookup(Table, Key) of
        [Object] -> sized(Object);
        [] -> gone
    end;
read_id(some, [Key | Count], _) ->
    {none, element(2, made(none, Key)), {objects, Count}};
read_id(_, Term, _) ->
    sized(Term).

sized(Term) -> erlang:append_element(made(none, Term), erlang:external_size(Term)).

%% A window from the beginning of a set, by clauses of a match specification which make `[Term]' of each object that is
%% looked for, and `[]' of the others: or the node would not come back before it has found enough. There is no window
%% behind it, since nothing goes on in the middle of a set at such a rate.
by_chunks(Table, Clauses, Spec, Facts) ->
    {Begin, _, _} = Window = window(Spec),
    Begin =:= first orelse error(bad_position),
    Plan = page_plan(Window, fun sized/1, Spec),
    windowed(gather(ets:select(Table, Clauses, chunk(Facts)), Plan, {0, {0, []}}), Window, Spec).

gather('$end_of_table', _, {Looked, Found}) ->
    {Looked, Found, 0, {'end', none}};
gather({Chunk, Continuation}, #{extent := Extent, until := Until} = Plan, {Looked, Found}) ->
    Some = hd([lists:sublist(Chunk, Extent - Looked) || is_integer(Extent)] ++ [Chunk]),
    Terms = lists:append(Some),
    Sum = Looked + length(Some),
    Kept = kept(ranks(Terms, Plan), Terms, Plan, Found),
    case {Sum >= Extent, now_ms() > Until} of
        {true, _} -> {Sum, Kept, 0, {full, none}};
        {false, true} -> {Sum, Kept, 0, {late, none}};
        {false, false} -> gather(ets:select(Continuation), Plan, {Sum, Kept})
    end.

%% The objects of a set that match a pattern, behind as many as the page before had passed, and how many match, of how many
%% that were looked at: what is behind the page is counted, for half of the time at most, and not copied.
by_position(Table, Pattern, Walks, #{limit := Limit, deadline_ms := Millis} = Spec, Facts) ->
    Passed = passed(Spec),
    Until = now_ms() + Millis,
    Start = ets:select(Table, clauses(Pattern, Walks), chunk(Facts)),
    {Objects, How, Found} = collect(Start, {Passed + Limit + 1, Until}, {{0, 0}, []}, Passed),
    {Ended, {Looked, Matched}} =
        case How of
            enough ->
                Soon = min(Until, now_ms() + Millis div 2),
                {Counted, Counts} = count(ets:select(Table, [{Pattern, [], [1]}, {'_', [], [0]}], ?CHUNK), Soon, {0, 0}),
                {Counted, max(Counts, Found)};
            _ ->
                {How, Found}
        end,
    #{
        rows => shown(Objects, Passed, Limit),
        is_more => hd([deadline || How =:= late] ++ [How =:= enough]),
        matched => Matched,
        looked => Looked,
        is_part => Ended =/= 'end'
    }.

count('$end_of_table', _, Counts) ->
    {'end', Counts};
count({Chunk, Continuation}, Until, {Looked, Matched}) ->
    Counts = {Looked + length(Chunk), Matched + lists:sum(Chunk)},
    case now_ms() > Until of
        true -> {late, Counts};
        false -> count(ets:select(Continuation), Until, Counts)
    end.

%% See `by_chunks'. Where the key says which object is meant there are no others to pass by.
clauses(Pattern, Walks) -> [{Pattern, [], [['$_']]} | [{'_', [], [[]]} || Walks]].

%% The first `Limit' objects as rows, behind as many as were passed.
shown(Objects, Passed, Limit) ->
    Shown = lists:sublist(Objects, Limit),
    lists:zipwith(fun made/2, [{skip, Passed + Number} || Number <- lists:seq(1, length(Shown))], Shown).

passed(#{'after' := Packed}) ->
    case binary_to_term(Packed, [safe]) of
        {skip, Passed} when is_integer(Passed), Passed >= 0 -> Passed;
        _ -> error(bad_position)
    end;
passed(_) ->
    0.

%% The objects of a bag that match a pattern, key by key, behind as many rows as the page before had passed.
in_bag(Table, Pattern, #{limit := Limit} = Spec, Facts) ->
    Passed = passed(Spec),
    Match = ets:match_spec_compile([{Pattern, [], ['$_']}]),
    Plan = (counting(Facts, Spec))#{
        match => Match,
        skipped => Passed,
        wanted => Passed + Limit,
        until => now_ms() + map_get(deadline_ms, Spec)
    },
    along(ets:first(Table), Table, Plan, 0, []).

along('$end_of_table', _, #{wanted := Wanted}, Count, Rows) ->
    {lists:append(lists:reverse(Rows)), Count > Wanted};
along(Key, Table, #{wanted := Wanted, skipped := Skipped, match := Match, until := Until} = Plan, Count, Rows) ->
    case {Count > Wanted, now_ms() > Until} of
        {true, _} ->
            {lists:append(lists:reverse(Rows)), true};
        {false, true} ->
            {lists:append(lists:reverse(Rows)), deadline};
        {false, false} ->
            case under(Key, Table, Plan) of
                {many, Objects} ->
                    Row = {{skip, Count + 1}, element(2, made(none, Key)), {objects, Objects}},
                    Now = [Row || Count >= Skipped, Count < Wanted],
                    along(ets:next(Table, Key), Table, Plan, Count + 1, [Now | Rows]);
                few ->
                    Found = ets:match_spec_run(ets:lookup(Table, Key), Match),
                    Before = min(length(Found), max(0, Skipped - Count)),
                    Now = shown(lists:nthtail(Before, Found), Count + Before, max(0, Wanted - Count - Before)),
                    along(ets:next(Table, Key), Table, Plan, Count + length(Found), [Now | Rows])
            end
    end.

%% How the objects of a key are counted: not at all where the table is so small that any of its keys may be read.
counting(#{memory := Bytes, size := Size, keypos := Position}, #{max_object := Most}) ->
    Templates = [list_to_tuple(lists:duplicate(Arity, '_')) || Arity <- lists:seq(Position, Position + ?ARITIES)],
    #{is_small => Bytes =< Most, most => Most div max(1, Bytes div max(1, Size)), keypos => Position, as => Templates}.

%% `{many, Count}' where a key of a bag has more objects than may be copied at once, if all are like the average.
under(_, _, #{is_small := true}) ->
    few;
under(Key, Table, #{most := Most, keypos := Position, as := Templates}) ->
    %% With a key that is whole, and tuples of each size, the node goes to the key; else it looks at all objects.
    Number = length(Templates),
    [Positions, Keys] = [lists:duplicate(Number, Term) || Term <- [Position, Key]],
    Heads = lists:zipwith3(fun erlang:setelement/3, Positions, Templates, Keys),
    Known = whole(Key) andalso ets:select_count(Table, [{Head, [], [true]} || Head <- Heads]),
    Count =
        case is_integer(Known) andalso Known > 0 of
            true -> Known;
            false -> ets:select_count(Table, [{'$1', [{'=:=', {element, Position, '$1'}, {const, Key}}], [true]}])
        end,
    case Count > Most of
        true -> {many, Count};
        false -> few
    end.

%% Objects that are copied at once: about a megabyte of them, if all are like the average.
chunk(#{size := Size, memory := Bytes}) ->
    max(1, min(?CHUNK, ?CHUNK_BYTES div max(1, Bytes div max(1, Size)))).

%% Objects behind the first `Passed', until there are `enough', it is `late' or the table `end's; and of how many that were
%% looked at how many match.
collect('$end_of_table', _, {Found, Taken}, _) ->
    {lists:append(lists:reverse(Taken)), 'end', Found};
collect({Chunk, Continuation}, {Wanted, Until}, {{Looked, Count}, Taken}, Passed) ->
    Objects = lists:append(Chunk),
    Found = {Looked + length(Chunk), Count + length(Objects)},
    Behind = [lists:nthtail(min(length(Objects), max(0, Passed - Count)), Objects) | Taken],
    case {element(2, Found) >= Wanted, now_ms() > Until} of
        {true, _} -> {lists:append(lists:reverse(Behind)), enough, Found};
        {false, true} -> {lists:append(lists:reverse(Behind)), late, Found};
        {false, false} -> collect(ets:select(Continuation), {Wanted, Until}, {Found, Behind}, Passed)
    end.

%% The objects with a `key', or those that match a pattern; `sort' as for `sample'. Both come in external format, and
%% raise `unknown' where they hold atoms, or identifiers, that this node does not have. `matched' and `looked': as
%% `windowed' tells them, in either order; of what was looked at whole there is `matched' alone.
select(Spec) ->
    case wanted(Spec) of
        unknown -> packed(#{unknown => true});
        Wanted -> readable(Spec, fun(Table, Facts) -> selected(Wanted, Table, Spec, Facts) end)
    end.

wanted(#{key := Packed}) -> understood(key, Packed);
wanted(#{match := Packed}) -> understood(match, Packed).

understood(Kind, Packed) ->
    try
        {Kind, binary_to_term(Packed, [safe])}
    catch
        error:badarg -> unknown
    end.

selected({key, Key}, Table, Spec, #{type := Type} = Facts) ->
    case is_bag(Type) andalso ets:member(Table, Key) andalso under(Key, Table, counting(Facts, Spec)) of
        {many, Count} -> #{refused => many, objects => Count};
        _ -> paged(ets:lookup(Table, Key), Spec)
    end;
selected({match, Pattern}, Table, Spec, #{type := Type, keypos := Position} = Facts) ->
    %% As with a variable in the place of a key of a map.
    is_pattern(Pattern) orelse error(pattern),
    true = ets:safe_fixtable(Table, true),
    %% With a key that is whole the node goes to it; else it walks the table.
    Walks = not (is_tuple(Pattern) andalso tuple_size(Pattern) >= Position andalso whole(element(Position, Pattern))),
    Told =
        case {is_bag(Type), by_size(Spec)} of
            {true, _} -> matching_in_bag(Table, Pattern, Walks, Spec, Facts);
            {false, true} -> by_chunks(Table, clauses(Pattern, Walks), Spec, Facts);
            {false, false} -> by_position(Table, Pattern, Walks, Spec, Facts)
        end,
    true = ets:safe_fixtable(Table, false),
    Told.

%% In a bag they are counted before any is copied, all in one go: what the count of a part would list of a key could
%% alone be too much. So somebody else counts, for half of the time at most.
matching_in_bag(Table, Pattern, Walks, #{deadline_ms := Millis} = Spec, Facts) ->
    %% Makes the node walk, or it would take a map in the place of the key for the key itself.
    Never = [{'_', [false], ['$_']} || Walks],
    #{most := Most, is_small := IsSmall} = counting(Facts, Spec),
    Half = Spec#{what => objects, deadline_ms := Millis div 2},
    Counted =
        case is_in_window(Spec) of
            true -> timeout;
            false -> within(max(0, Millis div 2), fun() -> ets:select_count(Table, [{Pattern, [], [true]} | Never]) end)
        end,
    case Counted of
        {answer, Count} when IsSmall; Count =< Most ->
            paged(ets:select(Table, [{Pattern, [], ['$_']} | Never]), Spec);
        {answer, Count} when not Walks ->
            #{refused => many, objects => Count};
        {answer, Count} ->
            case by_size(Spec) of
                true -> by_window(Table, Pattern, Half, Facts);
                false -> maps:put(matched, Count, rows(in_bag(Table, Pattern, Half, Facts)))
            end;
        timeout ->
            by_window(Table, Pattern, Half, Facts);
        {raised, Reason} ->
            error(Reason)
    end.

%% Whether a page goes on in a window.
is_in_window(#{'after' := Packed}) -> element(1, binary_to_term(Packed, [safe])) =:= window;
is_in_window(_) -> false.

is_bag(Type) -> Type =:= bag orelse Type =:= duplicate_bag.

rows({Rows, IsMore}) -> #{rows => Rows, is_more => IsMore}.

%% A page of objects that are all here.
paged(Objects, #{limit := Limit} = Spec) ->
    Passed = passed(Spec),
    IsSized = by_size(Spec),
    Ordered =
        case IsSized of
            true -> largest_first(Objects);
            false -> Objects
        end,
    Behind = lists:nthtail(min(Passed, length(Ordered)), Ordered),
    Rows = shown(Behind, Passed, Limit),
    #{
        rows =>
            case IsSized of
                true -> lists:zipwith(fun erlang:append_element/2, Rows, sizes(lists:sublist(Behind, Limit)));
                false -> Rows
            end,
        is_more => length(Behind) > Limit,
        matched => length(Objects)
    }.

%% Those of one size keep their order.
largest_first(Objects) ->
    Ranks = ranks(Objects, #{is_sized => true}),
    {_, _, Sorted} = lists:unzip3(lists:sort(lists:zip3(Ranks, lists:seq(1, length(Objects)), Objects))),
    Sorted.

is_pattern(Pattern) ->
    try
        _ = ets:match_spec_compile([{Pattern, [], ['$_']}]),
        true
    catch
        error:badarg -> false
    end.

%% Whether a part of a pattern leaves nothing open.
whole('_') ->
    false;
whole(Atom) when is_atom(Atom) ->
    not lists:prefix("$", atom_to_list(Atom));
whole([Head | Tail]) ->
    whole(Head) andalso whole(Tail);
whole(Tuple) when is_tuple(Tuple) ->
    whole(tuple_to_list(Tuple));
%% A map in a pattern stands for all maps that have what it has.
whole(Map) when is_map(Map) ->
    false;
whole(_) ->
    true.
