%% @doc What the shop sells: the owner of the ETS table `shop_products', rows `{Sku, Name, PriceCents, Sold}'.
-module(shop_catalogue).
-behaviour(gen_server).

-export([start_link/0, skus/0, price/1, sold/1]).
-export([init/1, handle_call/3, handle_cast/2]).
-export_type([sku/0]).

-type sku() :: binary().

-define(TABLE, shop_products).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Everything that can be bought.
-spec skus() -> [sku()].
skus() ->
    ets:select(?TABLE, [{{'$1', '_', '_', '_'}, [], ['$1']}]).

-spec price(sku()) -> Cents :: pos_integer().
price(Sku) ->
    ets:lookup_element(?TABLE, Sku, 3).

%% @doc Counts pieces that left the shop.
-spec sold([sku()]) -> ok.
sold(Skus) ->
    gen_server:cast(?MODULE, {sold, Skus}).

init([]) ->
    ?TABLE = ets:new(?TABLE, [named_table, ordered_set, protected, {read_concurrency, true}]),
    true = ets:insert(?TABLE, products()),
    {ok, #{table => ?TABLE, pieces_sold => 0}}.

handle_call(_Request, _From, State) ->
    {reply, {error, unknown_request}, State}.

handle_cast({sold, Skus}, #{pieces_sold := Sold} = State) ->
    lists:foreach(fun(Sku) -> ets:update_counter(?TABLE, Sku, {4, 1}) end, Skus),
    {noreply, State#{pieces_sold := Sold + length(Skus)}}.

products() ->
    [{<<Code/binary, $-, Size/binary>>, <<Bean/binary, ", ", Size/binary>>, Cents * Factor, 0}
     || {Code, Bean, Cents} <- beans(), {Size, Factor} <- [{<<"250g">>, 1}, {<<"500g">>, 2}, {<<"1kg">>, 4}]].

beans() ->
    [{<<"ETH">>, <<"Ethiopia Yirgacheffe">>, 890},
     {<<"KEN">>, <<"Kenya Nyeri">>, 950},
     {<<"COL">>, <<"Colombia Huila">>, 760},
     {<<"GUA">>, <<"Guatemala Antigua">>, 790},
     {<<"BRA">>, <<"Brazil Cerrado">>, 640},
     {<<"SUM">>, <<"Sumatra Mandheling">>, 820},
     {<<"PER">>, <<"Peru Cajamarca">>, 700},
     {<<"RWA">>, <<"Rwanda Huye">>, 870}].
