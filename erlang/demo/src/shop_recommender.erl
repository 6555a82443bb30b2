%% @doc Works out which products go together, again and again, in bursts.
%%
%% The busiest process of the shop by far. A burst ends by the clock, so that it takes a quarter of one core on any
%% machine, slow or fast.
-module(shop_recommender).
-behaviour(gen_server).

-export([start_link/0, together_with/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(BUSY_MILLIS, 50).
-define(IDLE_MILLIS, 150).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc What to show beside a product.
-spec together_with(shop_catalogue:sku()) -> shop_catalogue:sku() | none.
together_with(Sku) ->
    gen_server:call(?MODULE, {together_with, Sku}).

init([]) ->
    self() ! refresh,
    {ok, #{rounds => 0, together => #{}}}.

handle_call({together_with, Sku}, _From, #{together := Together} = State) ->
    {reply, maps:get(Sku, Together, none), State}.

handle_cast(_Message, State) ->
    {noreply, State}.

handle_info(refresh, #{rounds := Rounds} = State) ->
    Until = erlang:monotonic_time(millisecond) + ?BUSY_MILLIS,
    {More, Together} = refresh_until(Until, shop_catalogue:skus(), 1),
    erlang:send_after(?IDLE_MILLIS, self(), refresh),
    {noreply, State#{rounds := Rounds + More, together := Together}}.

refresh_until(Until, Skus, Round) ->
    Together = maps:from_list([{Sku, best_match(Sku, Skus)} || Sku <- Skus]),
    case erlang:monotonic_time(millisecond) >= Until of
        true -> {Round, Together};
        false -> refresh_until(Until, Skus, Round + 1)
    end.

best_match(Sku, Skus) ->
    {_Score, Best} = lists:max([{affinity(Sku, Other), Other} || Other <- Skus, Other =/= Sku]),
    Best.

affinity(Sku, Other) ->
    erlang:phash2({Sku, Other}, 1000) - abs(shop_catalogue:price(Sku) - shop_catalogue:price(Other)) div 10.
