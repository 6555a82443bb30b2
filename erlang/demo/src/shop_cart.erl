%% @doc One customer's cart.
-module(shop_cart).
-behaviour(gen_server).

-export([start_link/1, add/2, check_out/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-spec start_link(Customer :: binary()) -> {ok, pid()} | {error, term()}.
start_link(Customer) ->
    gen_server:start_link(?MODULE, Customer, []).

%% @doc Puts one piece into the cart; answers how many pieces it holds now.
-spec add(pid(), shop_catalogue:sku()) -> pos_integer().
add(Cart, Sku) ->
    gen_server:call(Cart, {add, Sku}).

%% @doc Orders what is in the cart, and empties it.
-spec check_out(pid()) -> {ok, OrderNumber :: pos_integer()}.
check_out(Cart) ->
    gen_server:call(Cart, check_out).

init(Customer) ->
    {ok, #{customer => Customer, items => [], orders => 0}}.

handle_call({add, Sku}, _From, #{items := Items} = State) ->
    {reply, length(Items) + 1, State#{items := [Sku | Items]}};
handle_call(check_out, _From, #{customer := Customer, items := Items, orders := Orders} = State) ->
    Reply = shop_orders:place(Customer, Items),
    {reply, Reply, State#{items := [], orders := Orders + 1}}.

handle_cast(_Message, State) ->
    {noreply, State}.
