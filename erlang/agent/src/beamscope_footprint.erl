%% @doc What Beamscopes have on this node: the one that asks, and others. For the style of this source see
%% beamscope_processes.
-module(beamscope_footprint).

-export([everything/1, remove/1]).

-include("beamscope_listing.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% Processes that Beamscopes lead, about as many of which are read, or up to a portion more: a call can start hundreds of
%% thousands, and each costs a tenth of a millisecond, interpreted.
-define(MOST, 2000).

%% Processes that a row names of those that are linked to one, and of those that monitor it.
-define(NAMED, 5).

%% @doc A page of what is ours: the words of `listed', and `counts', how many there are of each kind, and of `others',
%% links of other Beamscopes, and `orphans', modules that nobody minds. Sorted by `kind' or `name'. Filters: `kind';
%% `name', a part of it, or of the name that a process is registered under. A row has its `kind' and `name', and by kind:
%%
%% `link', a connected node that is a Beamscope by its name: `own', whether it is the one that asks. `process', that bears
%% a name of ours: `pid', and `minds', whether a loaded module is called the same. `worker', that works for the
%% Beamscope of that name: `pid'. `leftover', that has the group leader of that Beamscope, and that no such worker holds:
%% `pid', `registered', its name or `[]', `runs', a function, `links' and `monitored_by', the first of each, and
%% `link_count' and `monitor_count'. A group leader is inherited by whatever a call starts, also by what serves the whole
%% node from then on, and travels with calls from node to node: so this tells where a process comes from, and not whose
%% it is. `module' of ours that is loaded: `minder', the process that removes it when its last user goes. `flag' that
%% tools switch for the whole node: `on', and `minder', the process of ours that switches it off again.
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
    Until = now_ms() + Deadline,
    Links = [{Node, Node =:= Us} || Node <- nodes(connected), Node =:= Us orelse is_beamscope(Node)],
    {Working, Left, Missing} = led_by_beamscopes(Us, Until),
    Modules = modules(),
    Rows = lists:append([
        [{{1, Node, 0}, #{kind => link, own => IsUs}} || {Node, IsUs} <- Links],
        [
            {{2, Name, 0}, #{kind => process, pid => whereis(Name), minds => lists:member(Name, Modules)}}
         || Name <- registered(), is_ours(Name)
        ],
        [{{3, Node, Pid}, #{kind => worker, pid => Pid}} || {Pid, Node, _, _} <- Working, Pid =/= self()],
        [{{4, Node, Pid}, #{kind => leftover, pid => Pid, registered => Name}} || {Pid, Node, _, Name} <- Left],
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
        rows => [{Key, Row#{name => element(2, Id)}} || {_, Id} = Key <- Page, Row <- told(map_get(Id, All), Until)],
        next => Next,
        incomplete => Missing
    }).

%% Ids begin with the place of their kind among the kinds.
rank(kind, _) -> 0;
rank(name, {_, Name, _}) -> Name.

matches({_, Name, _}, #{kind := Kind} = Row, Spec) ->
    maps:get(kind, Spec, Kind) =:= Kind andalso is_called([Name, maps:get(registered, Row, [])], Spec).

is_called(Names, #{name := Part}) -> [] =/= [Name || Name <- Names, is_atom(Name), contains(atom_to_list(Name), Part)];
is_called(_, _) -> true.

%% A row in a list of one, with what only a page tells; an empty list where the process is there no more.
told(#{kind := leftover, pid := Pid} = Row, Until) ->
    case erlang:process_info(Pid, [initial_call, links, monitored_by]) of
        undefined ->
            [];
        [{_, Call}, {_, Links}, {_, Monitors}] ->
            [
                Row#{
                    runs => hd(callback(Pid, Call, Until) ++ [Call]),
                    links => lists:sublist(Links, ?NAMED),
                    link_count => length(Links),
                    monitored_by => lists:sublist(Monitors, ?NAMED),
                    monitor_count => length(Monitors)
                }
            ]
    end;
told(Row, _) ->
    [Row].

%% What a process of `proc_lib' says to run, in a list of one; an empty list where that cannot be read at little cost.
callback(Pid, {proc_lib, init_p, _}, Until) ->
    [Call || {_, _, _} = Call <- [dictionary_entry('$initial_call', Pid, Until)]];
callback(_, _, _) ->
    [].

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
%% last user goes. Nothing else: no process is certainly ours by its group leader. A packed map of `removed' and `running',
%% which some process still runs and which stay.
-spec remove(map()) -> binary().
remove(_) ->
    Orphans = [Module || Module <- modules(), whereis(Module) =:= undefined],
    {Removed, Running} = lists:partition(fun take_off/1, Orphans),
    packed(#{removed => Removed, running => Running}).

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

%% Processes that Beamscopes lead, `{Pid, Node, Call, Name}': workers of calls, and whom these are linked to or monitor,
%% on and on; all others; and why there may be more.
led_by_beamscopes(Us, Until) ->
    Bounds = #{until => Until},
    Led = fun(Pids, Found) -> led(Pids, Us, Found) end,
    {{Count, Found}, Unseen} = scan(fun thousand/1, processes(), Bounds, Led, {0, []}),
    {Rows, Unread} = scan(fun thousand/1, Found, Bounds, fun known/2, []),
    Workers = [Pid || {Pid, _, {erpc, execute_call, 4}, _} <- Rows],
    Left = without_held(Workers, maps:from_list([{Pid, true} || {Pid, _, _, _} <- Rows])),
    {Leftovers, Working} = lists:partition(fun({Pid, _, _, _}) -> is_map_key(Pid, Left) end, Rows),
    {Working, Leftovers, lists:usort(Unseen ++ Unread ++ [number || Count >= ?MOST])}.

%% Takes processes, and all that can be reached from them, by what each holds, out of a map.
without_held([], Left) -> Left;
without_held([Pid | Rest], Left) when is_map_key(Pid, Left) -> without_held(holds(Pid) ++ Rest, maps:remove(Pid, Left));
without_held([_ | Rest], Left) -> without_held(Rest, Left).

holds(Pid) ->
    case erlang:process_info(Pid, [links, monitors]) of
        undefined -> [];
        [{_, Links}, {_, Monitors}] -> Links ++ [One || {process, One} <- Monitors]
    end.

%% Adds what those processes are that are there still.
known(Led, Rows) ->
    [
        {Pid, Node, Call, Name}
     || {Pid, Node} <- Led,
        [{_, Call}, {_, Name}] <- [erlang:process_info(Pid, [initial_call, registered_name])]
    ] ++ Rows.

%% Adds `{Pid, Node}' of the processes whose group leader is that of a Beamscope on another node, and counts them, until
%% there are enough.
led(_, _, {Count, Led}) when Count >= ?MOST ->
    {Count, Led};
led(Pids, Us, {Count, Led}) ->
    Leaders = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), group_leader)),
    Remote = [{{'$1', {group_leader, '$2'}}, [{'=/=', {node, '$2'}, {const, node()}}], [{{'$1', {node, '$2'}}}]}],
    Found = ets:match_spec_run(lists:zip(Pids, Leaders), ets:match_spec_compile(Remote)),
    {_, Nodes} = lists:unzip(Found),
    Beamscopes = [Us | [Node || Node <- lists:usort(Nodes), is_beamscope(Node)]],
    ByThem = [{{'_', Node}, [], ['$_']} || Node <- Beamscopes],
    Ours = ets:match_spec_run(Found, ets:match_spec_compile(ByThem)),
    {Count + length(Ours), Ours ++ Led}.
