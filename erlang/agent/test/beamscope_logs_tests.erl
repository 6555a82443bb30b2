-module(beamscope_logs_tests).

-include_lib("eunit/include/eunit.hrl").

-export([log/2, filter_config/1]).

-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun run/2).

tests() ->
    [
        {"handlers as logger tells them", fun handlers/1},
        {"handlers that do not tell their configuration", fun mute/1},
        {"whoever asks a handler runs at low priority", fun low/1}
    ].

handlers(Run) ->
    #{handlers := Handlers, primary := Primary} = Run(#{limit => 1}),
    ?assertEqual(logger:get_primary_config(), Primary),
    ?assertEqual(
        lists:sort([Config || Id <- logger:get_handler_ids(), {ok, Config} <- [logger:get_handler_config(Id)]]),
        lists:sort([maps:without([process, message_queue_len, mode], Handler) || Handler <- Handlers])
    ).

%% A handler, for logger, that does not come back from telling its configuration, or tells none.
log(_, _) -> ok.
filter_config(#{id := beamscope_logs_mute}) ->
    receive
        never -> ok
    end;
filter_config(#{id := beamscope_logs_asked} = Config) ->
    {priority, Priority} = process_info(self(), priority),
    Config#{config => #{asked_at => Priority}};
filter_config(_) ->
    none.

mute(Run) ->
    Ids = [beamscope_logs_mute, beamscope_logs_odd],
    [ok = logger:add_handler(Id, ?MODULE, #{level => none}) || Id <- Ids],
    #{handlers := Handlers} = Run(#{limit => 1}),
    [ok = logger:remove_handler(Id) || Id <- Ids],
    ?assertEqual(length(logger:get_handler_ids()) + 2, length(Handlers)),
    ?assertEqual(
        [timeout, no_configuration],
        [Error || Id <- Ids, #{id := Its, error := Error} <- Handlers, Its =:= Id]
    ),
    ?assertEqual([], [left || {links, Links} <- [process_info(self(), links)], Pid <- Links, is_helper(Pid)]).

low(Run) ->
    ok = logger:add_handler(beamscope_logs_asked, ?MODULE, #{level => none}),
    #{handlers := Handlers} = Run(#{limit => 1}),
    ok = logger:remove_handler(beamscope_logs_asked),
    ?assertEqual([low], [At || #{id := beamscope_logs_asked, config := #{asked_at := At}} <- Handlers]).

is_helper(Pid) -> is_pid(Pid) andalso process_info(Pid, current_function) =:= {current_function, {?MODULE, filter_config, 1}}.

run(Way, Spec) -> answer(Way, configuration, Spec).
