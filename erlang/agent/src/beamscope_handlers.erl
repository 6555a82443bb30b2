%% @doc Who handles which events: the managers of `gen_event', the events of `telemetry', and the handlers of `logger'.
%% Runs compiled and interpreted; see `beamscope_processes' for what that asks of the source.
%%
%% A manager alone knows its handlers. It is asked only if it is one, waits for events and has none in its queue, and
%% waited for no longer than a moment; and only the managers of the page are.
-module(beamscope_handlers).

-export([sources/1]).

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_copied.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_dictionary.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% Handlers that are told of a manager or an event.
-define(HANDLERS, 20).
%% Milliseconds that a manager, or the module of a handler of logger, has to answer.
-define(PATIENCE, 1000).
%% Bytes in external format of an id that leaves as it is.
-define(ROOM, 300).

%% A page of what has handlers. Sorted by `kind' and then name, by `name', or by `message_queue', where what is no process
%% counts as less than an empty queue. Filters: `kind', `gen_event', `telemetry' or `logger'; `pattern', which finds something
%% of the manager's name or of the event.
sources(#{deadline_ms := Millis, sort := Sort} = Spec) ->
    Until = now_ms() + Millis,
    {Managers, Missing} = managers(Until),
    Telemetry = telemetry(),
    All = Managers ++ events(Telemetry) ++ [{logger, logger}],
    Found = called([Id || {Kind, _} = Id <- All, wants(Kind, Spec)], Spec),
    {Page, Next} = page([{rank(Sort, Id), Id} || Id <- Found], Spec),
    Rows = [{Key, source(Id, Telemetry, Until)} || {_, Id} = Key <- Page],
    packed(#{
        total => length(All),
        matched => length(Found),
        next => Next,
        rows => [Row || {_, #{}} = Row <- Rows],
        incomplete => [Why || Why <- Missing, Why =:= deadline orelse wants(gen_event, Spec)]
    }).

rank(kind, _) -> 0;
rank(name, {_, {Name, _}}) -> Name;
rank(name, {_, Name}) -> Name;
rank(message_queue, {gen_event, {_, Pid}}) -> waiting(erlang:process_info(Pid, message_queue_len));
rank(message_queue, _) -> -1.

waiting({_, Messages}) -> Messages;
waiting(undefined) -> -1.

wants(Kind, #{kind := Wanted}) -> Kind =:= Wanted;
wants(_, _) -> true.

called(All, #{pattern := Pattern}) -> [Id || {_, Name} = Id <- All, holds(io_lib:format("~0tp", [Name]), Pattern)];
called(All, _) -> All.

%% The managers, `{gen_event, {Name, Pid}}': of all processes those that began as one. Before OTP 26.2 that cannot be
%% read of any process at no cost; so it is of those that stand in that module, and of those that have a name: then
%% `unnamed' says that others may be missing, and `dictionary' that some that have a name may be.
managers(Until) ->
    CanReadKey = can_read_key(),
    Began = fun(Pids, Found) -> began(Pids, CanReadKey, Until) ++ Found end,
    {Found, Missing} = scan(fun thousand/1, erlang:processes(), #{until => Until}, Began, []),
    {
        [{gen_event, {name(Pid), Pid}} || {true, Pid} <- Found],
        lists:usort(
            Missing ++ [unnamed || not CanReadKey] ++
                [Why || {Is, Why} <- [{late, deadline}, {unknown, dictionary}], lists:keymember(Is, 1, Found)]
        )
    }.

can_read_key() ->
    try
        is_tuple(erlang:process_info(self(), {dictionary, '$initial_call'}))
    catch
        error:badarg -> false
    end.

%% `{true, Pid}' of the managers among processes, `{unknown, Pid}' of those that may be, `{late, Pid}' of
%% those for which there was no time.
began(Pids, true, _) ->
    matching(Pids, {dictionary, '$initial_call'}, [{{'$1', {'_', {gen_event, '_', '_'}}}, [], [{{true, '$1'}}]}]);
began(Pids, false, Until) ->
    Call = {initial_call, {proc_lib, '_', '_'}},
    Candidates = matching(Pids, [initial_call, registered_name, current_function], [
        {{'$1', [Call, '_', {'_', {gen_event, '_', '_'}}]}, [], [{{'$1', true}}]},
        {{'$1', [Call, {'_', '$2'}, {'_', '$3'}]}, [{is_atom, '$2'}], [{{'$1', '$3'}}]}
    ]),
    {Asked, Places} = lists:unzip(Candidates),
    Calls = dictionary_entries('$initial_call', Asked, Until),
    [Found || {Is, _} = Found <- lists:zip(lists:zipwith(fun is_manager/2, Calls, Places), Asked), Is =/= false].

%% The processes whose item matches.
matching(Pids, Item, Match) ->
    Items = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Item)),
    run(lists:zip(Pids, Items), Match).

run(Terms, Match) -> ets:match_spec_run(Terms, ets:match_spec_compile(Match)).

%% By what a process says to run, or where that cannot be read, as of one with many events before it, by what it stands
%% in: `true' in gen_event.
is_manager({gen_event, _, _}, _) -> true;
is_manager(Unread, true) -> Unread =:= unread orelse Unread =:= late;
is_manager(late, _) -> late;
is_manager(unread, {erlang, hibernate, _}) -> unknown;
is_manager(unread, Current) -> not loops(Current) andalso unknown;
is_manager(_, _) -> false.

name(Pid) ->
    case erlang:process_info(Pid, registered_name) of
        {_, Name} -> Name;
        _ -> ''
    end.

%% `{Event, Handler, Function}' of telemetry: objects `{handler, Id, Event, Function, Config}' in a table, or by event in
%% a persistent term. Source: telemetry_handler_table.erl.
telemetry() ->
    case erlang:module_loaded(telemetry) of
        true ->
            case persistent_term:get(telemetry, undefined) of
                {telemetry_ets, Table} -> attached(Table);
                {telemetry_pt, #{} = Events} -> run(lists:append(maps:values(Events)), handler_match());
                _ -> attached(telemetry_handler_table)
            end;
        false ->
            []
    end.

handler_match() ->
    Is = [{is_tuple, '$1'}, {'>=', {size, '$1'}, 4}, {'=:=', {element, 1, '$1'}, handler}],
    [{'$1', Is, [{{{element, 3, '$1'}, {element, 2, '$1'}, {element, 4, '$1'}}}]}].

attached(Table) ->
    try
        ets:select(Table, handler_match())
    catch
        error:badarg -> []
    end.

events(Telemetry) -> [{telemetry, Event} || Event <- lists:usort(lists:map(fun event/1, Telemetry))].

event({Event, _, _}) -> Event.

source({gen_event, {Name, Pid}}, _, Until) ->
    About = #{kind => gen_event, name => Name, pid => Pid},
    case idle(Pid) of
        gone -> gone;
        idle -> maps:merge(About#{messages => 0}, asked(Pid, Until));
        {_, Messages, _} -> About#{messages => Messages, state => busy}
    end;
source({telemetry, Event}, Telemetry, _) ->
    Match = [{{'$1', '$2', '$3'}, [{'=:=', '$1', {const, Event}}], [{{'$2', '$3'}}]}],
    Handlers = [{cut(Id, ?ROOM), named(Fun)} || {Id, Fun} <- run(Telemetry, Match)],
    maps:merge(#{kind => telemetry, name => Event}, some(Handlers));
source({logger, _}, _, Until) ->
    Ids = logger:get_handler_ids(),
    Handlers = [log_handler(Id, min(?PATIENCE, max(0, Until - now_ms()))) || Id <- lists:sublist(Ids, ?HANDLERS)],
    #{kind => logger, name => logger, count => length(Ids), handlers => Handlers}.

some(Handlers) -> #{count => length(Handlers), handlers => lists:sublist(Handlers, ?HANDLERS)}.

named(Fun) when is_function(Fun) ->
    [{_, Module}, {_, Name}, {_, Arity}] = [erlang:fun_info(Fun, Item) || Item <- [module, name, arity]],
    {Module, Name, Arity};
named(_) ->
    undefined.

%% The module of a handler says what of its configuration is told: anybody's code. Where it does not, the id is known.
log_handler(Id, Millis) ->
    case within(Millis, fun() -> logger:get_handler_config(Id) end) of
        {answer, {ok, #{module := Module, level := Level}}} -> {Id, Module, Level};
        _ -> {Id, undefined}
    end.

%% What `gen_event:which_handlers/1' sends, which would wait for ever.
asked(Pid, Until) ->
    case min(?PATIENCE, Until - now_ms()) of
        Millis when Millis > 0 ->
            try gen:call(Pid, self(), which_handlers, Millis) of
                {ok, Handlers} -> some([{cut(Handler, ?ROOM)} || Handler <- Handlers])
            catch
                exit:timeout -> #{state => silent};
                exit:_ -> #{state => gone}
            end;
        _ ->
            #{state => unread}
    end.
