%% @doc Opens the shop on a fresh node, for `erl -s shop_main attached|detached'.
%%
%% Ready is said once, as a line with the node's OS pid on file descriptor 3: standard output stays the log's.
-module(shop_main).

-export([attached/0, detached/0]).

-define(READY_FD, 3).

%% @doc For as long as whoever started the node holds its standard input open.
-spec attached() -> ok.
attached() ->
    _ = spawn(fun halt_at_eof/0),
    detached().

%% @doc Until the node is stopped.
-spec detached() -> ok.
detached() ->
    {ok, _Started} = application:ensure_all_started(shop),
    Port = open_port({fd, ?READY_FD, ?READY_FD}, [out]),
    true = port_command(Port, [os:getpid(), $\n]),
    true = port_close(Port),
    ok.

halt_at_eof() ->
    case io:get_line("") of
        eof -> halt(0);
        {error, _Reason} -> halt(0);
        _Line -> halt_at_eof()
    end.
