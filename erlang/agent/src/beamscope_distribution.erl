%% @doc The node among other nodes. For the style of this source see beamscope_processes.
%%
%% Who is connected the emulator tells. More than that is asked of `net_kernel' and of the process of each link, which
%% may wait for the network or for each other: only those that are idle are asked, and they get a while to answer.
-module(beamscope_distribution).

-export([local/1, peers/1]).

%% Milliseconds for those who are asked.
-define(PATIENCE, 1000).

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% @doc How the node itself takes part: a packed map. Without `longnames' and `tick_time' where `net_kernel' was not idle or
%% did not answer, without `hidden' where `init' did not; `incomplete' names them, and has `left' where one of them still
%% has the request.
-spec local(map()) -> binary().
local(_) ->
    Net = fun() -> #{longnames => net_kernel:longnames(), tick_time => net_kernel:get_net_ticktime()} end,
    Hidden = fun() -> #{hidden => init:get_argument(hidden) =/= error} end,
    {Named, Mute} = told_by([whereis(net_kernel)], ?PATIENCE, Net, {#{}, net_kernel}),
    {Seen, Silent} = told_by([whereis(init)], ?PATIENCE, Hidden, {#{}, init}),
    packed((maps:merge(Named, Seen))#{
        incomplete => lists:usort(Mute ++ Silent),
        busy_limit => erlang:system_info(dist_buf_busy_limit),
        creation => erlang:system_info(creation),
        us => node(group_leader())
    }).

%% @doc A packed list of the nodes that it is connected to or connects to. Sorted by `name', or by one of `packets_in',
%% `packets_out', `bytes_in', `bytes_out' and `queue' of a row, where what is not known counts as less than nothing.
%% Filters: `name', a part in any case; `state' and `type' as in a row. Rows: `node', `state', `type', `address' and
%% `protocol' as `net_kernel' has them, `packets_in' and `packets_out', and where the link is a port `bytes_in',
%% `bytes_out' and `queue' (bytes). Incomplete: `link', without addresses and packets, where the process of a
%% link was not idle or did not answer; then `left', too.
-spec peers(map()) -> binary().
peers(#{sort := Sort} = Spec) ->
    Controllers = maps:from_list(erlang:system_info(dist_ctrl)),
    Seen = maps:from_list([{Node, seen(Node)} || Node <- nodes(connected)]),
    {Told, Missing} = links(),
    Known = maps:merge(Seen, maps:from_list(Told)),
    Read = fun(Node) -> row(Node, map_get(Node, Known), maps:get(Node, Controllers, undefined)) end,
    Found = [Node || {Node, Info} <- maps:to_list(Known), wanted(Node, Spec), is_such(Info, maps:with([state, type], Spec))],
    listed(ranked(Sort, Found, Read), fun({_, Node}) -> Read(Node) end, Spec, {map_size(Known), Missing}).

%% What is known of links, as `net_kernel' tells it, and why something may be missing. Of a link that is up its process is
%% asked, the owner in the record `connection' of net_kernel.erl, which begins alike from OTP 23 to 29.
links() ->
    Links = [{Node, State, Owner} || {connection, Node, _, State, Owner} <- connections()],
    Until = erlang:monotonic_time(millisecond) + ?PATIENCE,
    Asked = [Node || {Node, State, Owner} <- Links, State =/= up orelse idle(Owner, Until) =:= idle],
    Ask = fun() -> [{Node, Info} || Node <- Asked, {ok, Info} <- [net_kernel:node_info(Node)]] end,
    case within(?PATIENCE, Ask) of
        {answer, Told} -> {Told, [link || length(Asked) < length(Links)]};
        timeout -> {[], [link, left]};
        _ -> {[], [link]}
    end.

connections() ->
    [list_to_tuple(lists:sublist(tuple_to_list(Link), 5)) || Link <- ets:tab2list(sys_dist), element(1, Link) =:= connection].

ranked(name, Nodes, _) -> [{Node, Node} || Node <- Nodes];
ranked(Sort, Nodes, Read) -> [{figure(maps:get(Sort, Read(Node), undefined)), Node} || Node <- Nodes].

figure(Figure) when is_integer(Figure) -> Figure;
figure(_) -> -1.

%% What the emulator knows of a node that it is connected to, in the form of `net_kernel'.
seen(Node) ->
    Type =
        case lists:member(Node, nodes(hidden)) of
            true -> hidden;
            false -> normal
        end,
    [{state, up}, {type, Type}].

wanted(Node, #{name := Part}) -> contains(atom_to_binary(Node, utf8), Part);
wanted(_, _) -> true.

is_such(Info, Asked) -> lists:all(fun({Key, Value}) -> proplists:get_value(Key, Info) =:= Value end, maps:to_list(Asked)).

row(Node, Info, Controller) ->
    Row = #{
        node => Node,
        state => proplists:get_value(state, Info),
        type => proplists:get_value(type, Info),
        packets_in => proplists:get_value(in, Info),
        packets_out => proplists:get_value(out, Info)
    },
    maps:merge(maps:merge(Row, address(proplists:get_value(address, Info))), traffic(Controller)).

%% The record `net_address' of kernel: address, host, protocol, family.
address({net_address, Address, _, Protocol, _}) ->
    #{protocol => Protocol, address => unicode:characters_to_binary(written(Address))};
address(_) ->
    #{}.

written({local, Path}) -> Path;
written({Address, Port}) when tuple_size(Address) =:= 8 -> ["[", inet:ntoa(Address), "]:", integer_to_list(Port)];
written({Address, Port}) when is_tuple(Address) -> [inet:ntoa(Address), ":", integer_to_list(Port)];
written(Other) -> io_lib:format("~0tp", [Other]).

%% What a port of inet has sent and received is known to inet alone: what its driver hands on while it is the
%% controller of a link is not counted as the port's.
traffic(Port) when is_port(Port) ->
    Told =
        case erlang:port_info(Port, name) of
            {name, "tcp_inet"} -> inet:getstat(Port, [recv_oct, send_oct, send_pend]);
            _ -> {ok, [erlang:port_info(Port, Item) || Item <- [input, output, queue_size]]}
        end,
    case Told of
        {ok, [{_, In}, {_, Out}, {_, Queue}]} -> #{bytes_in => In, bytes_out => Out, queue => Queue};
        _ -> #{}
    end;
traffic(Pid) when is_pid(Pid) ->
    #{controller => Pid};
traffic(_) ->
    #{}.
