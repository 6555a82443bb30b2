%% @doc The shop: a catalogue, carts, and a back office, busy with visitors that it makes up itself.
-module(shop_app).
-behaviour(application).

-export([start/2, stop/1]).

-spec start(application:start_type(), []) -> {ok, pid()} | {error, term()}.
start(_Type, []) ->
    shop_sup:start_link().

-spec stop(term()) -> ok.
stop(_State) ->
    ok.
