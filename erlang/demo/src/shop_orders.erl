%% @doc Takes orders: counts them and the money, and has a receipt sent for each.
-module(shop_orders).
-behaviour(gen_server).

-export([start_link/0, place/2]).
-export([init/1, handle_call/3, handle_cast/2]).
-export_type([order/0]).

-type order() ::
    #{number := pos_integer(), customer := binary(), items := [shop_catalogue:sku()], total_cents := non_neg_integer()}.

-define(LATEST, 5).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

-spec place(Customer :: binary(), [shop_catalogue:sku()]) -> {ok, OrderNumber :: pos_integer()}.
place(Customer, Items) ->
    gen_server:call(?MODULE, {place, Customer, Items}).

init([]) ->
    {ok, #{placed => 0, revenue_cents => 0, latest => []}}.

handle_call({place, Customer, Items}, _From, #{placed := Placed, revenue_cents := Revenue, latest := Latest} = State) ->
    Number = Placed + 1,
    Total = total(Items),
    Order = #{number => Number, customer => Customer, items => Items, total_cents => Total},
    ok = shop_catalogue:sold(Items),
    _ = shop_mailer:send_receipt(Order),
    {reply,
     {ok, Number},
     State#{placed := Number,
            revenue_cents := Revenue + Total,
            latest := lists:sublist([Order | Latest], ?LATEST)}}.

handle_cast(_Message, State) ->
    {noreply, State}.

total(Items) ->
    lists:sum([shop_catalogue:price(Sku) || Sku <- Items]).
