%% @doc The top of the shop's supervision tree.
-module(shop_sup).
-behaviour(supervisor).

-export([start_link/0]).
-export([init/1]).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% Visitors come last: the moment they are there they use all the others.
init([]) ->
    {ok,
     {#{strategy => rest_for_one, intensity => 5, period => 10},
      [#{id => catalogue, start => {shop_catalogue, start_link, []}},
       #{id => backoffice, start => {shop_backoffice_sup, start_link, []}, type => supervisor},
       #{id => carts, start => {shop_cart_sup, start_link, []}, type => supervisor},
       #{id => visitors, start => {shop_visitors, start_link, []}}]}}.
