%% @doc What Beamscopes have on this node: the one that asks, and others. For the style of this source see
%% beamscope_processes.
-module(beamscope_footprint).

-export([everything/1, remove/1]).

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% Processes that Beamscopes lead, up to which more is read of them.
-define(MOST, 10000).

%% @doc A page of what is ours: the words of `listed', and `counts', how many there are of each kind, and of `others',
%% links of other Beamscopes, and `orphans', modules that nobody minds. Sorted by `kind' or `name'. Filters: `kind';
%% `name', a part of it. A row has its `kind' and `name', and by kind:
%%
%% `link', a connected node that is a Beamscope by its name: `own', whether it is the one that asks. `process', that bears
%% a name of ours: `pid', and `minds', whether a loaded module is called the same. `worker', that works for the
%% Beamscope of that name: `pid'. `leftover', that a call of the Beamscope of that name started and that outlived it: `pid',
%% and `orphan', whether `remove' ends it. `module' of ours that is loaded: `minder', the process that removes it when its last
%% user goes. `flag' that tools switch for the whole node: `on', and `minder', the process of ours that switches it off
%% again.
-spec everything(#{
    sort := kind | name,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    'after' => binary(),
    kind => link | process | worker | leftover | module | flag,
    name => binary()
}) -> binary().
everything(#{sort := Sort, deadline_ms := Deadline} = Spec) ->
    Us = node(group_leader()),
    Connected = nodes(connected),
    Links = [{Node, Node =:= Us} || Node <- Connected, Node =:= Us orelse is_beamscope(Node)],
    {Working, Left, Missing} = led_by_beamscopes(Us, Connected, Deadline),
    Modules = modules(),
    Rows = lists:append([
        [{{1, Node, 0}, #{kind => link, own => IsUs}} || {Node, IsUs} <- Links],
        [
            {{2, Name, 0}, #{kind => process, pid => whereis(Name), minds => lists:member(Name, Modules)}}
         || Name <- registered(), is_ours(Name)
        ],
        [{{3, Node, Pid}, #{kind => worker, pid => Pid}} || {Pid, Node, _} <- Working, Pid =/= self()],
        [
            {{4, Node, Pid}, #{kind => leftover, pid => Pid, orphan => is_orphan(Node, Us, Connected)}}
         || {Pid, Node, _} <- Left
        ],
        [{{5, Module, 0}, #{kind => module, minder => whereis(Module)}} || Module <- Modules],
        [
            {{6, scheduler_wall_time, 0}, #{
                kind => flag, on => erlang:statistics(scheduler_wall_time) =/= undefined, minder => undefined
            }},
            {{6, microstate_accounting, 0}, #{
                kind => flag, on => accounts(), minder => whereis(beamscope_microstate_keeper)
            }}
        ]
    ]),
    %% A process that ended in between is there no more.
    All = maps:filter(fun(_, Row) -> maps:get(pid, Row, here) =/= undefined end, maps:from_list(Rows)),
    Matching = [Id || {Id, Row} <- maps:to_list(All), matches(Id, Row, Spec)],
    {Page, Next} = page([{rank(Sort, Id), Id} || Id <- Matching], Spec),
    packed(#{
        counts => counts(maps:values(All)),
        total => map_size(All),
        matched => length(Matching),
        rows => [{Key, (map_get(Id, All))#{name => element(2, Id)}} || {_, Id} = Key <- Page],
        next => Next,
        incomplete => Missing
    }).

%% Ids begin with the place of their kind among the kinds.
rank(kind, _) -> 0;
rank(name, {_, Name, _}) -> Name.

matches({_, Name, _}, #{kind := Kind}, Spec) ->
    maps:get(kind, Spec, Kind) =:= Kind andalso is_called(Name, Spec).

is_called(Name, #{name := Part}) -> contains(atom_to_list(Name), Part);
is_called(_, _) -> true.

counts(Rows) ->
    #{
        link => length([link || #{kind := link} <- Rows]),
        process => length([process || #{kind := process} <- Rows]),
        worker => length([worker || #{kind := worker} <- Rows]),
        leftover => length([leftover || #{kind := leftover} <- Rows]),
        module => length([module || #{kind := module} <- Rows]),
        others => length([link || #{kind := link, own := false} <- Rows]),
        orphans => length([module || #{kind := module, minder := undefined} <- Rows])
    }.

%% Whether microstates are accounted for. Nothing tells the flag; but where it is on the counters go on, if only by what it
%% takes to read them. They come in any order.
accounts() ->
    [First, Second] = [erlang:statistics(microstate_accounting) || _ <- [1, 2]],
    is_list(First) andalso lists:sort(First) =/= lists:sort(Second).

%% @doc Takes off what nobody minds any more: modules of ours without the process that would remove them when their
%% last user goes, and processes that calls of this Beamscope, or of those that are gone, left behind. A packed map of
%% `removed' and `running', modules that some process still runs and which stay; `ended' and `linked', processes of which
%% the latter stay since others might end with them, the first `limit', with `ended_count' and `linked_count'; and
%% `incomplete', why there may be more.
-spec remove(#{limit := pos_integer(), deadline_ms := non_neg_integer()}) -> binary().
remove(#{limit := Limit, deadline_ms := Deadline}) ->
    {Us, Connected} = {node(group_leader()), nodes(connected)},
    {_, Left, Missing} = led_by_beamscopes(Us, Connected, Deadline),
    {Ended, Linked} = apart([Row || {_, Node, _} = Row <- Left, is_orphan(Node, Us, Connected)]),
    _ = [exit(Pid, kill) || Pid <- Ended],
    Orphans = [Module || Module <- modules(), whereis(Module) =:= undefined],
    {Removed, Running} = lists:partition(fun take_off/1, Orphans),
    packed(#{
        removed => Removed,
        running => Running,
        ended => lists:sublist(Ended, Limit),
        ended_count => length(Ended),
        linked => lists:sublist(Linked, Limit),
        linked_count => length(Linked),
        incomplete => Missing
    }).

%% Whether nobody else minds what a Beamscope left behind.
is_orphan(Node, Us, Connected) -> Node =:= Us orelse not lists:member(Node, Connected).

%% Processes whose end is that of no other, but perhaps of each other; and those that others are linked to, be it by way
%% of such.
apart(Rows) ->
    Links = maps:from_list([{Pid, Pids} || {Pid, _, #{links := Pids}} <- Rows]),
    Outward = [Pid || {Pid, Pids} <- maps:to_list(Links), not lists:all(fun(One) -> is_map_key(One, Links) end, Pids)],
    Linked = reached(Outward, Links, #{}),
    lists:partition(fun(Pid) -> not is_map_key(Pid, Linked) end, lists:sort(maps:keys(Links))).

take_off(Module) ->
    %% Loaded twice, it has old code, and code:delete/1 would leave the current where it is.
    code:soft_purge(Module) andalso code:delete(Module) andalso code:soft_purge(Module).

%% The names that our modules are loaded under end with eight digits of a hash.
modules() ->
    [Module || Module <- erlang:loaded(), is_ours(Module), is_hashed(lists:reverse(atom_to_list(Module)))].

is_hashed(Reversed) ->
    {Digits, Rest} = lists:split(min(8, length(Reversed)), Reversed),
    lists:all(fun(Digit) -> lists:member(Digit, "0123456789abcdef") end, Digits) andalso lists:prefix("_", Rest).

is_ours(Name) -> lists:prefix("beamscope_", atom_to_list(Name)).

%% The host that our names have, whether the node made them or they are out of our pool.
is_beamscope(Node) ->
    lists:member(lists:nthtail(1, lists:dropwhile(fun(Char) -> Char =/= $@ end, atom_to_list(Node) ++ "@")), [
        "beamscope@", "beamscope.local@"
    ]).

%% Processes that Beamscopes lead, `{Pid, Node, Facts}': who works for a call under way, that is its worker, and whom
%% that one is linked to or monitors, on and on; who was left behind by a call; and why there may be more.
led_by_beamscopes(Us, Connected, Deadline) ->
    Bounds = #{until => now_ms() + Deadline},
    {Led, Unseen} = scan(fun thousand/1, processes(), Bounds, fun led/2, []),
    {_, Leaders} = lists:unzip(Led),
    Beamscopes = [Node || Node <- lists:usort(Leaders), Node =:= Us orelse is_beamscope(Node)],
    Ours = [One || {_, Node} = One <- Led, lists:member(Node, Beamscopes)],
    {Rows, Unread} = scan(fun thousand/1, lists:sublist(Ours, ?MOST), Bounds, fun known/2, []),
    Holds = maps:from_list([{Pid, Links ++ Monitored} || {Pid, _, #{links := Links, monitored := Monitored}} <- Rows]),
    Workers = [
        Pid
     || {Pid, Node, #{call := Call}} <- Rows, Call =:= {erpc, execute_call, 4}, lists:member(Node, Connected)
    ],
    Held = reached([self() | Workers], Holds, #{}),
    {Working, Left} = lists:partition(fun({Pid, _, _}) -> is_map_key(Pid, Held) end, Rows),
    {Working, Left, lists:usort(Unseen ++ Unread ++ [number || length(Ours) > ?MOST])}.

%% Those that can be reached from processes, by what each holds, and these, added to a map.
reached([], _, Reached) ->
    Reached;
reached([Pid | Rest], Holds, Reached) when is_map_key(Pid, Reached) ->
    reached(Rest, Holds, Reached);
reached([Pid | Rest], Holds, Reached) ->
    reached(maps:get(Pid, Holds, []) ++ Rest, Holds, Reached#{Pid => true}).

%% Adds what those processes are that are there still.
known(Led, Rows) ->
    [
        {Pid, Node, #{
            call => Call,
            links => lists:filter(fun erlang:is_pid/1, Links),
            monitored => [One || {process, One} <- Monitors, is_pid(One)]
        }}
     || {Pid, Node} <- Led,
        [{_, Call}, {_, Links}, {_, Monitors}] <- [erlang:process_info(Pid, [initial_call, links, monitors])]
    ] ++ Rows.

%% Adds `{Pid, Node}' of the processes whose group leader is on another node.
led(Pids, Led) ->
    Leaders = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), group_leader)),
    Remote = [{{'$1', {group_leader, '$2'}}, [{'=/=', {node, '$2'}, {const, node()}}], [{{'$1', {node, '$2'}}}]}],
    ets:match_spec_run(lists:zip(Pids, Leaders), ets:match_spec_compile(Remote)) ++ Led.
