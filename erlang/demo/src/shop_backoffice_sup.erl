%% @doc Supervises what happens behind the counter: orders, the mail about them, and recommendations.
-module(shop_backoffice_sup).
-behaviour(supervisor).

-export([start_link/0]).
-export([init/1]).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    {ok,
     {#{strategy => one_for_one, intensity => 5, period => 10},
      [#{id => mailer, start => {shop_mailer, start_link, []}},
       #{id => orders, start => {shop_orders, start_link, []}},
       #{id => recommender, start => {shop_recommender, start_link, []}}]}}.
