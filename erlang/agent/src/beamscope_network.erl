%% @doc Ports and sockets of the node. For the style of this source see beamscope_processes.
%%
%% What is asked of a port is a signal to it, answered between two calls of its driver: a port whose driver hangs does
%% not answer. Hence one look at the clock for each hundred ports, and a caller with a deadline of its own.
-module(beamscope_network).

-export([ports/1, sockets/1]).

-export_type([spec/0, figures/0]).

%% Ports between two looks at the clock.
-define(CHUNK, 100).
%% Names of ports that `inet' drives.
-define(INET, ["tcp_inet", "udp_inet", "sctp_inet"]).

-type spec() :: #{
    sort := bytes_in | bytes_out | queue | memory | name,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    %% Milliseconds between two looks; `bytes_in' and `bytes_out' then rank by what was added.
    window_ms => pos_integer(),
    %% Part of the name (of the driver or the command), in any case.
    name => binary(),
    owner => pid(),
    %% A number at either end.
    port => non_neg_integer(),
    state => listening | connected,
    %% Bytes that wait to be sent, at least.
    min_queue => non_neg_integer(),
    atom() => term()
}.

-type figures() :: {In :: figure(), Out :: figure(), Queue :: figure(), Memory :: figure()}.
-type figure() :: non_neg_integer() | undefined.
%% Bytes. Of the ports of inet, those that came from and went to the operating system; of other ports, what the driver
%% has handed on and was handed: a driver that was asked for what came in does not count it there. A socket has no queue
%% and no memory that could be seen: `undefined'.

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").

%% @doc A packed list of ports. Rows: `port', `name', `owner', `owner_name', `os_pid', `registered_name', `bytes_in',
%% `bytes_out', `queue', `memory', with a window `added_in' and `added_out' (bytes, of the time between the looks at this
%% port) and `micros'; and for the ports of inet `local', `remote' and `state', as text or `undefined'.
-spec ports(spec()) -> binary().
ports(Spec) ->
    answer(erlang:ports(), Spec, fun(_) -> true end).

%% @doc A packed list of the sockets: ports of inet, and those of the module `socket' where that is loaded. Rows as of
%% `ports', with `kind' and, for the latter, `socket', `domain', `type' and `protocol'.
-spec sockets(spec()) -> binary().
sockets(Spec) ->
    answer(erlang:ports() ++ nif_sockets(), Spec, fun is_socket/1).

is_socket(Port) when is_port(Port) ->
    case erlang:port_info(Port, name) of
        {name, Name} -> lists:member(Name, ?INET);
        undefined -> false
    end;
is_socket(_) ->
    true.

nif_sockets() ->
    case erlang:module_loaded(socket) andalso erlang:function_exported(socket, which_sockets, 0) of
        true -> socket:which_sockets();
        false -> []
    end.

answer(All, #{deadline_ms := Deadline} = Spec, IsWanted) ->
    Until = now_ms() + Deadline + maps:get(window_ms, Spec, 0),
    Look = fun(Ids, {Count, Seen}) ->
        Wanted = lists:filter(IsWanted, Ids),
        {Count + length(Wanted), look(Wanted, Spec) ++ Seen}
    end,
    {{Total, Before}, Missing1} = scan(fun(Ids) -> some(?CHUNK, Ids) end, All, #{until => Until}, Look, {0, []}),
    {Now, Missing2} = again(Before, Spec, Until),
    Known = maps:from_list(Now),
    Keys = [key(Id, Figures, Spec) || {Id, Figures} <- Now],
    Read = fun({_, Id}) -> row(Id, map_get(Id, Known)) end,
    listed(Keys, Read, Spec, {Total, lists:usort(Missing1 ++ Missing2)}).

%% `{Id, #{figures := figures(), at := Microseconds}}' of those that pass the filters.
look(Ids, Spec) ->
    Looked = lists:append([look_at(Id) || Id <- Ids, passes(Id, Spec)]),
    [One || One <- Looked, is_long(One, Spec)].

is_long({_, #{figures := {_, _, Queue, _}}}, #{min_queue := Least}) -> is_integer(Queue) andalso Queue >= Least;
is_long(_, _) -> true.

look_at(Id) ->
    case figures(Id) of
        undefined -> [];
        Figures -> [{Id, #{figures => Figures, at => erlang:monotonic_time(microsecond)}}]
    end.

%% With a window, the second look at each, with what was added since the first.
again(Before, #{window_ms := Window}, Until) ->
    rest(Window),
    add(Before, Until, []);
again(Before, _, _) ->
    {Before, []}.

add([], _, Now) ->
    {Now, []};
add([{Id, #{figures := {In, Out, _, _}, at := Then}} | Rest], Until, Now) ->
    case {now_ms() < Until, figures(Id)} of
        {false, _} ->
            {Now, [deadline]};
        {true, undefined} ->
            add(Rest, Until, Now);
        {true, {InNow, OutNow, _, _} = Figures} ->
            At = erlang:monotonic_time(microsecond),
            Added = #{figures => Figures, at => At, added => {more(InNow, In), more(OutNow, Out), max(1, At - Then)}},
            add(Rest, Until, [{Id, Added} | Now])
    end.

key(Id, #{added := {In, _, _}}, #{sort := bytes_in}) -> {known(In), Id};
key(Id, #{added := {_, Out, _}}, #{sort := bytes_out}) -> {known(Out), Id};
key(Id, #{figures := {In, _, _, _}}, #{sort := bytes_in}) -> {known(In), Id};
key(Id, #{figures := {_, Out, _, _}}, #{sort := bytes_out}) -> {known(Out), Id};
key(Id, #{figures := {_, _, Queue, _}}, #{sort := queue}) -> {known(Queue), Id};
key(Id, #{figures := {_, _, _, Memory}}, #{sort := memory}) -> {known(Memory), Id};
key(Id, _, #{sort := name}) -> {unicode:characters_to_binary(name(Id)), Id}.

more(Now, Before) when is_integer(Now), is_integer(Before) -> Now - Before;
more(_, _) -> undefined.

%% What is not known comes last.
known(undefined) -> -1;
known(Value) -> Value.

figures(Port) when is_port(Port) ->
    Told =
        case lists:member(name(Port), ?INET) of
            true -> inet:getstat(Port, [recv_oct, send_oct, send_pend]);
            false -> {ok, [erlang:port_info(Port, Item) || Item <- [input, output, queue_size]]}
        end,
    case {Told, erlang:port_info(Port, memory)} of
        {{ok, [{_, In}, {_, Out}, {_, Queue}]}, {_, Memory}} -> {In, Out, Queue, Memory};
        _ -> undefined
    end;
figures(Socket) ->
    try socket:info(Socket) of
        #{counters := #{read_byte := In, write_byte := Out}} -> {In, Out, undefined, undefined};
        #{counters := Counters} when is_list(Counters) ->
            {proplists:get_value(read_byte, Counters), proplists:get_value(write_byte, Counters), undefined, undefined};
        _ -> {undefined, undefined, undefined, undefined}
    catch
        _:_ -> undefined
    end.

name(Port) when is_port(Port) ->
    case erlang:port_info(Port, name) of
        {name, Name} -> Name;
        undefined -> ""
    end;
name(_) ->
    "socket".

passes(Id, Spec) ->
    lists:all(fun(Filter) -> passes(Filter, Id, Spec) end, [name, owner, port, state]).

passes(name, Id, #{name := Part}) -> contains(unicode:characters_to_binary(name(Id)), Part);
passes(owner, Id, #{owner := Owner}) -> owner(Id) =:= Owner;
passes(port, Id, #{port := Number}) -> lists:any(fun(End) -> number(End, Id) =:= Number end, [sockname, peername]);
passes(state, Id, #{state := State}) -> is_in(State, Id);
passes(_, _, _) -> true.

%% The number in an address; a local socket has none.
number(End, Id) ->
    case address(module(Id), End, Id) of
        {ok, {_, Number}} -> Number;
        {ok, #{port := Number}} -> Number;
        _ -> none
    end.

%% Before it has connected or been connected to, a socket has no other end. One of datagrams may never have one.
is_in(connected, Id) ->
    case address(module(Id), peername, Id) of
        {ok, _} -> true;
        _ -> false
    end;
is_in(listening, Id) ->
    States = states(Id),
    is_list(States) andalso (lists:member(listen, States) orelse lists:member(listening, States)).

module(Port) when is_port(Port) -> inet;
module(_) -> socket.

states(Port) when is_port(Port) ->
    case prim_inet:getstatus(Port) of
        {ok, Flags} -> Flags;
        _ -> undefined
    end;
states(Socket) ->
    Info = info(Socket),
    maps:get(rstates, Info, []) ++ maps:get(wstates, Info, []).

info(Socket) ->
    try
        socket:info(Socket)
    catch
        _:_ -> #{}
    end.

owner(Port) when is_port(Port) ->
    case erlang:port_info(Port, connected) of
        {connected, Owner} -> Owner;
        undefined -> undefined
    end;
owner(Socket) ->
    maps:get(owner, info(Socket), undefined).

row(Id, #{figures := {In, Out, Queue, Memory}} = Known) ->
    Owner = owner(Id),
    Added =
        case Known of
            #{added := {MoreIn, MoreOut, Micros}} -> #{added_in => MoreIn, added_out => MoreOut, micros => Micros};
            _ -> #{}
        end,
    Common = #{
        bytes_in => In,
        bytes_out => Out,
        queue => Queue,
        memory => Memory,
        name => unicode:characters_to_binary(name(Id)),
        owner => Owner,
        owner_name => registered(Owner)
    },
    case is_port(Id) of
        true -> maps:merge(maps:merge(Common, Added), port_row(Id));
        false -> maps:merge(maps:merge(Common, Added), socket_row(Id))
    end.

registered(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    case erlang:process_info(Pid, registered_name) of
        {registered_name, Name} -> Name;
        _ -> undefined
    end;
registered(_) ->
    undefined.

port_row(Port) ->
    Inet =
        case lists:member(name(Port), ?INET) of
            true -> #{local => shown(inet, sockname, Port), remote => shown(inet, peername, Port), state => states(Port)};
            false -> #{}
        end,
    Inet#{
        kind => port,
        port => Port,
        os_pid => told(Port, os_pid),
        registered_name => told(Port, registered_name)
    }.

told(Port, Item) ->
    case erlang:port_info(Port, Item) of
        {_, Value} -> Value;
        _ -> undefined
    end.

socket_row(Socket) ->
    Info = info(Socket),
    #{
        kind => socket,
        socket => Socket,
        domain => maps:get(domain, Info, undefined),
        type => maps:get(type, Info, undefined),
        protocol => maps:get(protocol, Info, undefined),
        state => states(Socket),
        local => shown(socket, sockname, Socket),
        remote => shown(socket, peername, Socket)
    }.

address(Module, End, Id) ->
    try
        Module:End(Id)
    catch
        _:_ -> undefined
    end.

%% As text: `10.0.0.1:80', `[::1]:80', or the path of a local socket.
shown(Module, End, Id) ->
    case address(Module, End, Id) of
        {ok, Address} -> unicode:characters_to_binary(written(Address));
        _ -> undefined
    end.

written({local, Path}) -> Path;
written(#{family := local, path := Path}) -> Path;
written(#{addr := Address, port := Port}) -> written({Address, Port});
written({Address, Port}) when tuple_size(Address) =:= 8 -> ["[", inet:ntoa(Address), "]:", integer_to_list(Port)];
written({Address, Port}) when is_tuple(Address) -> [inet:ntoa(Address), ":", integer_to_list(Port)];
written(Other) -> io_lib:format("~0tp", [Other]).
