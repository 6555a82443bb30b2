%% @doc The node among other nodes. For the style of this source see beamscope_processes.
%%
%% Who is connected the emulator tells. More than that is asked of `net_kernel' and of the process of each link, which
%% may wait for the network or for each other: they get a while to answer.
-module(beamscope_distribution).

-export([local/1, peers/1]).

%% Milliseconds for those who are asked.
-define(PATIENCE, 1000).

-include("beamscope_listing.hrl").
-include("beamscope_within.hrl").

%% @doc How the node itself takes part: a packed map. Without `longnames', `tick_time' and `hidden' where `net_kernel' or
%% `init' did not answer.
-spec local(map()) -> binary().
local(_) ->
    Ask = fun() ->
        #{
            longnames => net_kernel:longnames(),
            tick_time => net_kernel:get_net_ticktime(),
            hidden => init:get_argument(hidden) =/= error
        }
    end,
    Told =
        case within(?PATIENCE, Ask) of
            {answer, Answer} -> Answer;
            _ -> #{}
        end,
    packed(Told#{
        busy_limit => erlang:system_info(dist_buf_busy_limit),
        creation => erlang:system_info(creation),
        us => node(group_leader())
    }).

%% @doc A packed list of the nodes that it is connected to or connects to. Sorted by `name', or by one of `packets_in',
%% `packets_out', `bytes_in', `bytes_out' and `queue' of a row, where what is not known counts as less than nothing.
%% Filters: `name', a part in any case; `state' and `type' as in a row. Rows: `node', `state', `type', `address' and
%% `protocol' as `net_kernel' has them, `packets_in' and `packets_out', and where the link is a port `bytes_in',
%% `bytes_out' and `queue' (bytes). Incomplete: `net_kernel', without addresses, packets and those that it only connects to,
%% since the process of some link did not answer.
-spec peers(map()) -> binary().
peers(#{sort := Sort} = Spec) ->
    Controllers = maps:from_list(erlang:system_info(dist_ctrl)),
    Seen = maps:from_list([{Node, seen(Node)} || Node <- nodes(connected)]),
    {Told, Missing} =
        case within(?PATIENCE, fun net_kernel:nodes_info/0) of
            {answer, {ok, Nodes}} -> {maps:from_list(Nodes), []};
            _ -> {#{}, [net_kernel]}
        end,
    Known = maps:merge(Seen, Told),
    Read = fun(Node) -> row(Node, map_get(Node, Known), maps:get(Node, Controllers, undefined)) end,
    Found = [Node || {Node, Info} <- maps:to_list(Known), wanted(Node, Spec), is_such(Info, maps:with([state, type], Spec))],
    listed(ranked(Sort, Found, Read), fun({_, Node}) -> Read(Node) end, Spec, {map_size(Known), Missing}).

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
