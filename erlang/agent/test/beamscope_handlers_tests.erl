-module(beamscope_handlers_tests).

-include_lib("eunit/include/eunit.hrl").

-export([init/1, handle_event/2, handle_call/2, handle_info/2, log/2, filter_config/1]).

-include("beamscope_both_ways.hrl").
-include("beamscope_hoard.hrl").

both_ways_test_() -> both_ways(tests(), fun run/2).

tests() ->
    [
        {"managers with their handlers", fun managers/1},
        {"a busy manager is not asked", fun busy/1},
        {"a manager with a long queue is seen", fun long_queue/1},
        {"managers beside a dictionary that is too large to be copied", fun hoarded/1},
        {"events of telemetry, in a table and in a term", fun telemetry/1},
        {"handlers of logger", fun logs/1},
        {"handlers of logger that do not tell their configuration", fun mute_logs/1},
        {"page by page, by kind and name", fun pages/1},
        {"by name, and by what waits", fun ranks/1},
        {"what a filter leaves out counts", fun counted/1},
        {"a deadline", fun deadline/1}
    ].

init(State) -> {ok, State}.
handle_event({wait, From}, State) ->
    From ! {waiting, self()},
    receive
        go_on -> {ok, State}
    end;
handle_event(_, State) ->
    {ok, State}.
handle_call(_, State) -> {ok, ok, State}.
handle_info(waits, State) -> {ok, State}.

spec(More) -> maps:merge(#{sort => kind, order => ascending, limit => 100, deadline_ms => 60000}, More).

rows(Run, Spec) ->
    #{rows := Rows} = Run(spec(Spec)),
    [Row || {_, Row} <- Rows].

with_manager(Test) ->
    {ok, Manager} = gen_event:start({local, beamscope_handlers_manager}),
    ok = gen_event:add_handler(Manager, ?MODULE, state),
    ok = gen_event:add_handler(Manager, {?MODULE, lists:seq(1, 1000)}, state),
    try
        Test(Manager)
    after
        gen_event:stop(Manager)
    end.

managers(Run) ->
    with_manager(fun(Manager) ->
        [Row] = rows(Run, #{kind => gen_event, pattern => <<"HANDLERS_manager">>}),
        ?assertMatch(#{name := beamscope_handlers_manager, pid := Manager, messages := 0, count := 2}, Row),
        #{handlers := [{{?MODULE, Id}}, {?MODULE}]} = Row,
        ?assert(erlang:external_size(Id) < 300),
        {ok, Unnamed} = gen_event:start(),
        ?assertEqual([{'', []}], [
            {Name, Handlers}
         || #{pid := Pid, name := Name, handlers := Handlers} <- rows(Run, #{kind => gen_event}), Pid =:= Unnamed
        ]),
        gen_event:stop(Unnamed),
        ?assertEqual([], [Row2 || #{pid := Pid} = Row2 <- rows(Run, #{}), Pid =:= Unnamed])
    end).

busy(Run) ->
    with_manager(fun(Manager) ->
        gen_event:notify(Manager, {wait, self()}),
        receive
            {waiting, Manager} -> ok
        end,
        gen_event:notify(Manager, event),
        ?assertMatch(
            [#{state := busy, messages := 1}], rows(Run, #{kind => gen_event, pattern => <<"beamscope_handlers">>})
        ),
        ?assertEqual({messages, [{notify, event}]}, process_info(Manager, messages)),
        Manager ! go_on,
        %% The other handler.
        receive
            {waiting, Manager} -> Manager ! go_on
        end
    end).

%% Its dictionary is not read, where that takes a look at the whole of the process.
long_queue(Run) ->
    with_manager(fun(Manager) ->
        [_, _] = gen_event:which_handlers(Manager),
        true = erlang:suspend_process(Manager),
        [gen_event:notify(Manager, event) || _ <- lists:seq(1, 20000)],
        Rows = rows(Run, #{kind => gen_event, pattern => <<"beamscope_handlers">>}),
        true = erlang:resume_process(Manager),
        ?assertMatch([#{pid := Manager, state := busy, messages := 20000}], Rows)
    end).

%% Where it hibernates, nothing else says whether it is a manager; where it waits in another loop, that does.
hoarded(Run) ->
    with_hoard(beamscope_handlers_hoard, fun(Hoard) ->
        #{rows := Rows, incomplete := Why} = Run(spec(#{kind => gen_event})),
        ?assertEqual([], [Row || {_, #{pid := Pid} = Row} <- Rows, Pid =:= Hoard]),
        ?assert(lists:any(fun({_, #{name := Name}}) -> Name =:= erl_signal_server end, Rows)),
        ?assertEqual([Missing || Missing <- [dictionary, unnamed], reads_whole()], Why)
    end),
    with_manager(fun(_) ->
        {ok, Server} = gen_server:start({local, beamscope_handlers_server}, ?MODULE, [], [
            {spawn_opt, [{min_heap_size, 200000}]}
        ]),
        #{incomplete := Why} = Run(spec(#{kind => gen_event})),
        gen_server:stop(Server),
        ?assertEqual([unnamed || reads_whole()], Why)
    end).

telemetry(Run) ->
    ?assertEqual([], rows(Run, #{kind => telemetry})),
    {ok, Module, Beam} = compile:forms([{attribute, 1, module, telemetry}]),
    {module, telemetry} = code:load_binary(Module, "none", Beam),
    Handler = fun(Id, Event) -> {handler, Id, Event, fun ?MODULE:handle_event/2, #{password => "x"}} end,
    Handlers = [Handler(<<"a">>, [app, start]), Handler(b, [app, start]), Handler(b, [app, stop])],
    Expected = [{[app, start], 2}, {[app, stop], 1}],
    Table = ets:new(telemetry_handler_table, [duplicate_bag, {keypos, 3}]),
    ets:insert(Table, Handlers),
    Counts = fun(Rows) -> [{Event, Count} || #{name := Event, count := Count} <- Rows] end,
    persistent_term:put(telemetry, {telemetry_ets, Table}),
    ?assertEqual(Expected, Counts(rows(Run, #{kind => telemetry}))),
    ByEvent = #{[app, start] => lists:sublist(Handlers, 2), [app, stop] => [lists:last(Handlers)]},
    persistent_term:put(telemetry, {telemetry_pt, ByEvent}),
    ?assertEqual(Expected, Counts(rows(Run, #{kind => telemetry}))),
    [#{handlers := Told}] = rows(Run, #{kind => telemetry, pattern => <<"start">>}),
    ?assertEqual([{b, {?MODULE, handle_event, 2}}, {<<"a">>, {?MODULE, handle_event, 2}}], lists:sort(Told)),
    persistent_term:erase(telemetry),
    ets:delete(Table),
    true = code:delete(telemetry),
    code:purge(telemetry).

logs(Run) ->
    [#{kind := logger, count := Count, handlers := Handlers}] = rows(Run, #{kind => logger}),
    ?assertEqual(length(logger:get_handler_ids()), Count),
    ?assertEqual(lists:sort(logger:get_handler_ids()), lists:sort([element(1, Handler) || Handler <- Handlers])).

%% A handler, for logger, that does not come back from telling its configuration, or tells none.
log(_, _) -> ok.
filter_config(#{id := beamscope_handlers_mute}) ->
    receive
        never -> ok
    end;
filter_config(_) ->
    none.

mute_logs(Run) ->
    Ids = [beamscope_handlers_mute, beamscope_handlers_odd],
    [ok = logger:add_handler(Id, ?MODULE, #{level => none}) || Id <- Ids],
    [#{count := Count, handlers := Handlers}] = rows(Run, #{kind => logger, deadline_ms => 200}),
    [ok = logger:remove_handler(Id) || Id <- Ids],
    ?assertEqual(length(logger:get_handler_ids()) + 2, Count),
    [?assertEqual({Id, undefined}, lists:keyfind(Id, 1, Handlers)) || Id <- Ids].

pages(Run) ->
    with_manager(fun(_) ->
        All = rows(Run, #{}),
        #{total := Total, rows := [{_, First}], next := Next} = Run(spec(#{limit => 1})),
        ?assertEqual({length(All), hd(All)}, {Total, First}),
        #{rows := [{_, Second} | _]} = Run(spec(#{'after' => term_to_binary(Next)})),
        ?assertEqual(lists:nth(2, All), Second)
    end).

ranks(Run) ->
    with_manager(fun(Manager) ->
        Names = [Name || #{name := Name} <- rows(Run, #{sort => name})],
        ?assertEqual(lists:sort(Names), Names),
        sys:suspend(Manager),
        [Manager ! waits || _ <- [1, 2]],
        Longest = rows(Run, #{sort => message_queue, order => descending}),
        sys:resume(Manager),
        ?assertMatch(#{pid := Manager, messages := 2}, hd(Longest)),
        ?assertMatch(#{kind := logger}, lists:last(Longest))
    end).

counted(Run) ->
    with_manager(fun(_) ->
        #{total := Total, matched := Total} = Run(spec(#{})),
        [
            ?assertMatch(#{total := Total, matched := Matched}, Run(spec(Filter)))
         || {Filter, Matched} <- [{#{kind => telemetry}, 0}, {#{kind => logger}, 1}, {#{pattern => <<"none such">>}, 0}]
        ]
    end).

deadline(Run) ->
    with_manager(fun(_) ->
        ?assertMatch(#{incomplete := [deadline | _], rows := [{_, #{kind := logger}}]}, Run(spec(#{deadline_ms => -1})))
    end).

run(Way, Spec) -> answer(Way, sources, Spec).
