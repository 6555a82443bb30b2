%% @doc Questions about the ETS tables of this node; `beamscope_ets_objects' reads what is in them. Runs compiled and
%% interpreted; see `beamscope_processes' for what that asks of the source.
%%
%% What it spares the node. Facts about tables are read a thousand tables at a time, by list BIFs.
-module(beamscope_ets).

-export([tables/1, growth/1, table/1]).

-export_type([sought/0]).

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_ets_table.hrl").

%% Objects up to which the chains of a hash table are counted: that looks at each object and does not yield.
-define(COUNTED, 10000).
%% Who fixed a table, at most so many are told.
-define(FIXERS, 10).

%% A page of the tables. Sorted by `memory' (in bytes), `size' (objects) or `name'. Filters: `name' (a part, in any
%% case), `owner' (a pid), `application' (of the owner), `protection', `min_memory' (bytes).
tables(#{sort := Sort, deadline_ms := Millis, limit := Limit} = Spec) ->
    All = ets:all(),
    %% Of each portion only what may come onto the page is kept.
    Keep = fun(Rows, {Count, Best}) ->
        {First, _} = page(keys(Sort, Rows) ++ Best, Spec#{limit := Limit + 1}),
        {Count + length(Rows), First}
    end,
    {{{Count, Best}, Gone}, Missing} = measured(All, plan(Spec), now_ms() + Millis, Keep, {0, []}),
    Read = fun({_, Table}) -> row(Table, #{}) end,
    told(Best, Read, Spec, #{matched => Count, total => length(All) - Gone, incomplete => Missing}).

%% The tables that grew most in a window of `window_ms' milliseconds: in `memory' or `size'. `total' counts the tables at
%% its end, `born' and `gone' those that were made and deleted in it.
growth(#{sort := Sort, window_ms := Window, deadline_ms := Millis} = Spec) ->
    Earlier = ets:all(),
    Start = now_ms(),
    Keep = fun(Rows, Figures) -> figures(Rows) ++ Figures end,
    {{First, _}, MissingFirst} = measured(Earlier, plan(#{}), Start + Millis div 2, Keep, []),
    rest(Window),
    Later = ets:all(),
    {{Second, Gone}, Missing} = measured(Later, plan(Spec), Start + Window + Millis, Keep, []),
    Born = Later -- Earlier,
    Before = maps:merge(maps:from_list([{Table, {0, 0}} || Table <- Born]), maps:from_list(First)),
    Changes = changes(Second -- First, Before),
    IsBorn = maps:from_list([{Table, true} || Table <- Born]),
    Read = fun({_, Table}) ->
        {Memory, Objects} = map_get(Table, Changes),
        row(Table, #{growth_memory => Memory, growth_size => Objects, new => maps:get(Table, IsBorn, false)})
    end,
    Grown = grown(Sort, maps:to_list(Changes)),
    told(Grown, Read, Spec, #{
        matched => length(Grown),
        total => length(Later) - Gone,
        born => length(Born),
        gone => length(Earlier -- Later),
        incomplete => lists:usort(MissingFirst ++ Missing)
    }).

figures(Rows) ->
    ets:match_spec_run(Rows, ets:match_spec_compile([{{{'$1', '$2', '$3'}, '_'}, [], [{{'$1', {{'$2', '$3'}}}}]}])).

changes(Figures, Before) ->
    maps:from_list([
        {Table, {Memory - element(1, map_get(Table, Before)), Size - element(2, map_get(Table, Before))}}
     || {Table, {Memory, Size}} <- Figures, is_map_key(Table, Before)
    ]).

grown(memory, Changes) -> [{Memory, Table} || {Table, {Memory, _}} <- Changes, Memory > 0];
grown(size, Changes) -> [{Size, Table} || {Table, {_, Size}} <- Changes, Size > 0].

%% What all tables are asked, worked out once.
plan(Spec) ->
    Word = erlang:system_info(wordsize),
    Head = {{'$1', '$2', '$3'}, {'$4', '$5', '$6'}},
    IsThere = [{is_integer, '$2'}, {is_integer, '$3'}, {is_pid, '$5'}],
    Passes =
        [{'=:=', '$5', {const, Owner}} || #{owner := Owner} <- [Spec]] ++
            [{'=:=', '$6', Protection} || #{protection := Protection} <- [Spec]] ++
            [{'>=', '$2', Least} || #{min_memory := Least} <- [Spec]],
    InBytes = {{{{'$1', {'*', '$2', Word}, '$3'}}, {{'$4', '$5', '$6'}}}},
    Spec#{
        there => ets:match_spec_compile([{Head, IsThere, [InBytes]}]),
        passing => ets:match_spec_compile([{Head, Passes, ['$_']}])
    }.

%% What `Keep' makes, portion by portion, of `{{Table, Bytes, Objects}, {Name, Owner, Protection}}' of those that pass,
%% with how many were deleted meanwhile; and `[deadline]' where time ran out.
measured(Tables, Plan, Until, Keep, First) ->
    Step = fun(Some, {Kept, Gone}) ->
        {Passed, Deleted} = measure(Some, Plan),
        {Keep(Passed, Kept), Gone + Deleted}
    end,
    scan(fun thousand/1, Tables, #{until => Until}, Step, {First, 0}).

measure(Tables, #{there := There, passing := Passing} = Plan) ->
    Left = lists:zip3(Tables, column(memory, Tables), column(size, Tables)),
    Right = lists:zip3(column(name, Tables), column(owner, Tables), column(protection, Tables)),
    Rows = ets:match_spec_run(lists:zip(Left, Right), There),
    {owned(called(ets:match_spec_run(Rows, Passing), Plan), Plan), length(Tables) - length(Rows)}.

called(Rows, #{name := Part}) ->
    [Row || {_, {Name, _, _}} = Row <- Rows, contains(atom_to_list(Name), Part)];
called(Rows, _) ->
    Rows.

owned(Rows, #{application := Name}) ->
    Leader = application_controller:get_master(existing(Name)),
    Owners = ets:match_spec_run(Rows, ets:match_spec_compile([{{'_', {'_', '$1', '_'}}, [], ['$1']}])),
    Leaders = lists:zipwith(fun erlang:process_info/2, Owners, lists:duplicate(length(Owners), group_leader)),
    Led = [{{'$1', {group_leader, '$2'}}, [{'=:=', '$2', {const, Leader}}], ['$1']}],
    ets:match_spec_run(lists:zip(Rows, Leaders), ets:match_spec_compile(Led));
owned(Rows, _) ->
    Rows.

keys(Sort, Rows) ->
    Value =
        case Sort of
            memory -> '$2';
            size -> '$3';
            name -> '$4'
        end,
    Head = {{'$1', '$2', '$3'}, {'$4', '_', '_'}},
    ets:match_spec_run(Rows, ets:match_spec_compile([{Head, [], [{{Value, '$1'}}]}])).

told(Keys, Read, Spec, More) ->
    {Page, Next} = page(Keys, Spec),
    Rows = lists:zip(Page, lists:map(Read, Page)),
    packed(More#{next => Next, rows => lists:filter(fun({_, Row}) -> Row =/= gone end, Rows)}).

%% Everything about one table.
table(Spec) ->
    case found(Spec) of
        [Table] -> packed(information(Table));
        Absent -> packed(Absent)
    end.

information(Table) ->
    case ets:info(Table) of
        undefined ->
            #{absent => [], unnamed => []};
        Listed ->
            #{type := Type, size := Size, heir := Heir} = Facts = maps:from_list(Listed),
            Switches = [read_concurrency, write_concurrency, decentralized_counters, compressed],
            Chains = [ets:info(Table, stats) || Type =/= ordered_set, Size =< ?COUNTED],
            maps:merge(
                maps:merge(described(Table, Facts), maps:with(Switches, Facts)),
                maps:from_list(
                    [{heir, Heir} || is_pid(Heir)] ++
                        [{fixed, fixed(Time, Fixers)} || {Time, Fixers} <- [ets:info(Table, safe_fixed_monotonic_time)]] ++
                        [
                            {chains, {element(1, Chain), element(2, Chain), element(6, Chain)}}
                         || Chain <- Chains, is_tuple(Chain), tuple_size(Chain) >= 6
                        ]
                )
            )
    end.

%% For how many milliseconds a table is fixed, how many processes have fixed it, and some of them.
fixed(Since, Fixers) ->
    Millis = erlang:convert_time_unit(erlang:monotonic_time() - Since, native, millisecond),
    {Millis, length(Fixers), lists:sublist([Pid || {Pid, _} <- Fixers], ?FIXERS)}.
