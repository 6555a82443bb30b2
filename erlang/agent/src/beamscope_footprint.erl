%% @doc What Beamscopes have on this node: the one that asks, and others. For the style of this source see
%% beamscope_processes.
-module(beamscope_footprint).

-export([everything/1, remove/1]).

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% @doc A packed map: `links', `{Node, IsOurs}' of the connected nodes that are Beamscopes by their names; `named',
%% `{Name, Pid}' of processes that bear a name of ours; `workers', `{Pid, Node}' of those that work for a Beamscope, the
%% first `limit', with `worker_count'; `modules', `{Module, Minder, HasOld}' of ours that are loaded; `flags',
%% `{Flag, IsOn, Keeper}' of those that tools switch, for the whole node, with the process of ours that switches it off
%% again or `undefined'; and `incomplete', whether the time ran out before all processes had been looked at.
-spec everything(#{limit := pos_integer(), deadline_ms := non_neg_integer()}) -> binary().
everything(#{limit := Limit, deadline_ms := Deadline}) ->
    Us = node(group_leader()),
    Links = [{Node, Node =:= Us} || Node <- nodes(connected), Node =:= Us orelse is_beamscope(Node)],
    {Led, Missing} = scan(fun thousand/1, processes(), #{until => now_ms() + Deadline}, fun led/2, []),
    Workers = [{Pid, Node} || {Pid, Node} <- Led, Pid =/= self(), lists:keymember(Node, 1, Links)],
    packed(#{
        links => Links,
        named => [{Name, whereis(Name)} || Name <- registered(), is_ours(Name)],
        workers => lists:sublist(Workers, Limit),
        worker_count => length(Workers),
        modules => [{Module, whereis(Module), erlang:check_old_code(Module)} || Module <- modules()],
        flags => [
            {scheduler_wall_time, erlang:statistics(scheduler_wall_time) =/= undefined, undefined},
            {microstate_accounting, accounts(), whereis(beamscope_microstate_keeper)}
        ],
        incomplete => Missing =/= []
    }).

%% Whether microstates are accounted for. Nothing tells the flag; but where it is on the counters go on, if only by what it
%% takes to read them. They come in any order.
accounts() ->
    [First, Second] = [erlang:statistics(microstate_accounting) || _ <- [1, 2]],
    is_list(First) andalso lists:sort(First) =/= lists:sort(Second).

%% @doc Takes off what nobody minds any more: modules of ours without the process that would remove them when their
%% last user goes. A packed map of `removed' and `running', which some process still runs and which stay.
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

%% Adds `{Pid, Node}' of the processes whose group leader is on another node.
led(Pids, Led) ->
    Leaders = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), group_leader)),
    Remote = [{{'$1', {group_leader, '$2'}}, [{'=/=', {node, '$2'}, {const, node()}}], [{{'$1', {node, '$2'}}}]}],
    ets:match_spec_run(lists:zip(Pids, Leaders), ets:match_spec_compile(Remote)) ++ Led.
