%% @doc The pool of carts: one process for each customer who is in the shop.
-module(shop_cart_sup).
-behaviour(supervisor).

-export([start_link/0, open/1, all/0]).
-export([init/1]).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% @doc Gives a customer an empty cart.
-spec open(Customer :: binary()) -> {ok, pid()} | {error, term()}.
open(Customer) ->
    supervisor:start_child(?MODULE, [Customer]).

%% @doc The carts there are.
-spec all() -> [pid()].
all() ->
    [Cart || {_Id, Cart, worker, _Modules} <- supervisor:which_children(?MODULE), is_pid(Cart)].

init([]) ->
    {ok,
     {#{strategy => simple_one_for_one, intensity => 5, period => 10},
      [#{id => cart, start => {shop_cart, start_link, []}}]}}.
