%% @doc Sends receipts, one after the other, through a mail host that takes two seconds for each.
%%
%% That is the shop's flaw to be found: orders come much faster, so this process's mailbox grows. It stops growing at
%% 50,000 messages, so that a node that is left running does not eat its machine.
-module(shop_mailer).
-behaviour(gen_server).

-export([start_link/0, send_receipt/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-define(MAIL_HOST_MILLIS, 2000).
-define(MAX_WAITING, 50000).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Has a receipt sent some time later; drops it when too many are waiting already.
-spec send_receipt(shop_orders:order()) -> ok | dropped.
send_receipt(Order) ->
    case waiting() < ?MAX_WAITING of
        true -> gen_server:cast(?MODULE, {receipt, Order});
        false -> dropped
    end.

init([]) ->
    {ok, #{mail_host => <<"mail.example.com">>, sent => 0, last_customer => undefined}}.

handle_call(_Request, _From, State) ->
    {reply, {error, unknown_request}, State}.

handle_cast({receipt, #{customer := Customer}}, #{sent := Sent} = State) ->
    ok = wait_for_mail_host(),
    {noreply, State#{sent := Sent + 1, last_customer := Customer}}.

waiting() ->
    case whereis(?MODULE) of
        undefined ->
            0;
        Pid ->
            case erlang:process_info(Pid, message_queue_len) of
                {message_queue_len, Waiting} -> Waiting;
                undefined -> 0
            end
    end.

wait_for_mail_host() ->
    receive
        {mail_host, accepted} -> ok
    after ?MAIL_HOST_MILLIS -> ok
    end.
