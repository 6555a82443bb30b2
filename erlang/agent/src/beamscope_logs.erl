%% @doc How the node logs. For the style of this source see beamscope_processes.
-module(beamscope_logs).

-export([configuration/1]).

-include("beamscope_listing.hrl").
-include("beamscope_within.hrl").

%% Milliseconds that the module of a handler has to tell its configuration.
-define(PATIENCE, 1000).

%% @doc A packed map: `primary', the primary configuration; `levels', the modules whose level differs from it as
%% `{Level, Application, Modules, Count}', of which at most `limit' modules each are named; and `handlers', each a map of
%% its configuration, to which `process', `message_queue_len' and `mode' are added where it has a process of
%% `logger_olp' of its own. A handler that cannot tell its configuration has an `error' instead, such as
%% `timeout'.
-spec configuration(#{limit := pos_integer()}) -> binary().
configuration(#{limit := Limit}) ->
    packed(#{
        primary => logger:get_primary_config(),
        levels => levels(logger:get_module_level(), Limit),
        handlers => [handler(Id) || Id <- logger:get_handler_ids()]
    }).

levels([], _) ->
    [];
levels(Modules, Limit) ->
    Loaded = [Application || {Application, _, _} <- application:loaded_applications()],
    Owners = maps:from_list(lists:append(lists:map(fun owned/1, Loaded))),
    Keys = lists:map(fun({Module, Level}) -> {Level, maps:get(Module, Owners, undefined)} end, Modules),
    Grouped = lists:foldl(fun add/2, #{}, lists:zip(Keys, Modules)),
    lists:map(
        fun({{Level, Application}, All}) ->
            {Level, Application, lists:sublist(lists:sort(All), Limit), length(All)}
        end,
        lists:sort(maps:to_list(Grouped))
    ).

owned(Application) ->
    case application:get_key(Application, modules) of
        {ok, Modules} -> [{Module, Application} || Module <- Modules];
        undefined -> []
    end.

add({Key, {Module, _}}, Groups) ->
    Groups#{Key => [Module | maps:get(Key, Groups, [])]}.

%% The module of a handler says what of its configuration is told: anybody's code.
handler(Id) ->
    case within(?PATIENCE, fun() -> logger:get_handler_config(Id) end) of
        {answer, {ok, #{} = Config}} -> maps:merge(load(Id, Config), Config);
        {answer, {error, Reason}} -> #{id => Id, error => Reason};
        {answer, _} -> #{id => Id, error => no_configuration};
        {raised, Reason} -> #{id => Id, error => Reason};
        timeout -> #{id => Id, error => timeout}
    end.

%% The name of the process and the key of its mode are those of logger_h_common and logger_olp.
load(Id, #{module := Module}) ->
    try list_to_existing_atom(lists:concat([Module, "_", Id])) of
        Name ->
            case whereis(Name) of
                undefined ->
                    #{};
                Pid ->
                    #{
                        process => Pid,
                        message_queue_len => process_info(Pid, message_queue_len),
                        mode => persistent_term:get({logger_olp, Name}, undefined)
                    }
            end
    catch
        error:badarg -> #{}
    end;
load(_, _) ->
    #{}.
