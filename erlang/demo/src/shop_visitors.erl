%% @doc Makes up the shop's visitors: a hundred times a second one of them puts something into the cart, and everyone
%% who has two things buys them. About fifty orders a second.
-module(shop_visitors).
-behaviour(gen_server).

-export([start_link/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TICK_MILLIS, 10).
-define(ITEMS_AN_ORDER, 2).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) ->
    %% After a restart of this process the carts of before are still there.
    _ = shop_cart_sup:all() =:= [] andalso [{ok, _} = shop_cart_sup:open(Customer) || Customer <- customers()],
    self() ! tick,
    {ok, #{products => shop_catalogue:skus(), items_taken => 0}}.

handle_call(_Request, _From, State) ->
    {reply, {error, unknown_request}, State}.

handle_cast(_Message, State) ->
    {noreply, State}.

handle_info(tick, #{products := Products, items_taken := Taken} = State) ->
    erlang:send_after(?TICK_MILLIS, self(), tick),
    Cart = pick(shop_cart_sup:all()),
    case shop_cart:add(Cart, pick(Products)) of
        Items when Items >= ?ITEMS_AN_ORDER -> {ok, _Number} = shop_cart:check_out(Cart);
        _Fewer -> ok
    end,
    {noreply, State#{items_taken := Taken + 1}}.

pick(List) ->
    lists:nth(rand:uniform(length(List)), List).

customers() ->
    [<<"ada">>, <<"barbara">>, <<"dennis">>, <<"donald">>, <<"edsger">>, <<"frances">>,
     <<"grace">>, <<"hedy">>, <<"joe">>, <<"katherine">>, <<"mike">>, <<"robert">>].
