%% @doc How the node logs. For the style of this source see beamscope_processes.
-module(beamscope_logs).

-export([configuration/1]).

-include("beamscope_listing.hrl").
-include("beamscope_within.hrl").

%% Milliseconds that the module of a handler has to tell its configuration.
-define(PATIENCE, 1000).

%% Modules that are named of each level and application.
-define(NAMED, 10).

%% @doc A page of what decides over what is logged: the handlers, and the modules whose level differs from that of all,
%% by level and application, or each by itself where a `name' is looked for. Sorted by `kind', `name' (of the handler or
%% application), or `level', the most verbose first. Filters: `kind', `handler' or `modules'; and of
%% text a part: `level', and `name', of a handler, module or application.
%%
%% A packed map: the words of `listed', and of all handlers, whether on the page or not, `handlers', how many there are;
%% `late', `{Id, Mode, Pid}' of those that do not keep up; and `mute', the ids of those that did not tell their
%% configuration. `total' counts modules as they stand in the rows. `primary' is the primary configuration. The row of a handler is a map of its configuration, to which
%% `process', `message_queue_len' and `mode' are added where it has a process of `logger_olp' of its own; or `error' in
%% place of what it did not tell, such as `timeout'. The row of modules has their `count', and the names of the first
%% few.
-spec configuration(#{
    sort := kind | name | level,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    'after' => binary(),
    kind => handler | modules,
    level => binary(),
    name => binary()
}) -> binary().
configuration(#{sort := Sort, deadline_ms := Millis} = Spec) ->
    Until = erlang:monotonic_time(millisecond) + Millis,
    Handlers = maps:from_list([{{handler, Id}, handler(Id, Until)} || Id <- logger:get_handler_ids()]),
    Modules = maps:from_list(modules(logger:get_module_level(), Spec)),
    All = maps:merge(Handlers, Modules),
    Matching = [Id || {Id, Row} <- maps:to_list(All), matches(Id, Row, Spec)],
    {Page, Next} = page([{rank(Sort, Id, map_get(Id, All)), Id} || Id <- Matching], Spec),
    packed(#{
        primary => logger:get_primary_config(),
        handlers => map_size(Handlers),
        late => [
            {Id, Mode, Pid}
         || #{id := Id, mode := Mode, process := Pid} <- maps:values(Handlers), lists:member(Mode, [sync, drop])
        ],
        mute => [Id || #{id := Id, error := _} <- maps:values(Handlers)],
        total => map_size(All),
        matched => length(Matching),
        rows => [{Key, map_get(Id, All)} || {_, Id} = Key <- Page],
        next => Next,
        incomplete => []
    }).

rank(kind, _, _) -> 0;
rank(name, {handler, Id}, _) -> Id;
rank(name, {modules, Application, _, undefined}, _) -> Application;
rank(name, {modules, _, _, Module}, _) -> Module;
rank(level, _, #{level := Level}) -> verbosity(Level);
rank(level, _, _) -> -2.

%% How many of the levels are let through.
verbosity(all) -> 8;
verbosity(none) -> -1;
verbosity(Level) -> length(lists:takewhile(fun(Less) -> Less =/= Level end, levels())).

levels() -> [emergency, alert, critical, error, warning, notice, info, debug].

matches(Id, Row, Spec) -> is_kind(element(1, Id), Spec) andalso has_level(Row, Spec) andalso is_called(Id, Spec).

is_kind(Kind, #{kind := Wanted}) -> Kind =:= Wanted;
is_kind(_, _) -> true.

has_level(#{level := Level}, #{level := Part}) -> contains(atom_to_list(Level), Part);
has_level(_, Spec) -> not is_map_key(level, Spec).

is_called(Id, #{name := Part}) ->
    lists:any(fun(Name) -> contains(atom_to_list(Name), Part) end, [Name || Name <- names(Id), Name =/= undefined]);
is_called(_, _) ->
    true.

names({handler, Id}) -> [Id];
names({modules, Application, _, Module}) -> [Application, Module].

%% `{{modules, Application, Level, Module}, Row}' of each group of modules, or of each module.
modules([], _) ->
    [];
modules(Modules, Spec) ->
    Loaded = [Application || {Application, _, _} <- application:loaded_applications()],
    Owners = maps:from_list(lists:append(lists:map(fun owned/1, Loaded))),
    Keys = lists:map(
        fun({Module, Level}) -> {modules, maps:get(Module, Owners, undefined), Level, alone(Module, Spec)} end, Modules
    ),
    Grouped = lists:foldl(fun add/2, #{}, lists:zip(Keys, Modules)),
    lists:map(fun group/1, maps:to_list(Grouped)).

alone(Module, #{name := _}) -> Module;
alone(_, _) -> undefined.

group({{modules, Application, Level, _} = Id, All}) ->
    {Id, #{
        level => Level,
        application => Application,
        count => length(All),
        modules => lists:sublist(lists:sort(All), ?NAMED)
    }}.

owned(Application) ->
    case application:get_key(Application, modules) of
        {ok, Modules} -> [{Module, Application} || Module <- Modules];
        undefined -> []
    end.

add({Key, {Module, _}}, Groups) ->
    Groups#{Key => [Module | maps:get(Key, Groups, [])]}.

%% The module of a handler says what of its configuration is told: anybody's code.
handler(Id, Until) ->
    Left = max(0, Until - erlang:monotonic_time(millisecond)),
    case within(min(?PATIENCE, Left), fun() -> logger:get_handler_config(Id) end) of
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
