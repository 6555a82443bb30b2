-module(beamscope_logs_tests).

-include_lib("eunit/include/eunit.hrl").

-export([log/2, filter_config/1]).

-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun run/2).

tests() ->
    [
        {"handlers as logger tells them", fun handlers/1},
        {"levels of modules, in groups or one by one", fun levels/1},
        {"every row is on one page, in each order", fun pages/1},
        {"only what is wanted", fun wanted/1},
        {"handlers that do not tell their configuration", fun mute/1},
        {"whoever asks a handler runs at low priority", fun low/1}
    ].

handlers(Run) ->
    #{primary := Primary, handlers := Count} = Answer = Run(spec(#{kind => handler})),
    Handlers = rows(Answer),
    ?assertEqual(length(Handlers), Count),
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
    #{mute := Mute, handlers := Count} = Answer = Run(spec(#{kind => handler})),
    Late = Run(spec(#{deadline_ms => 0})),
    %% Those of other pages and kinds are told of, too.
    ?assertMatch(#{mute := [_, _]}, Run(spec(#{kind => modules}))),
    [ok = logger:remove_handler(Id) || Id <- Ids],
    Handlers = rows(Answer),
    ?assertEqual(length(logger:get_handler_ids()) + 2, length(Handlers)),
    ?assertEqual({Count, Ids}, {length(Handlers), lists:sort(Mute)}),
    ?assertEqual(Count, length([Id || #{id := Id, error := timeout} <- rows(Late)])),
    ?assertEqual(
        [timeout, no_configuration],
        [Error || Id <- Ids, #{id := Its, error := Error} <- Handlers, Its =:= Id]
    ),
    ?assertEqual([], [left || {links, Links} <- [process_info(self(), links)], Pid <- Links, is_helper(Pid)]).

low(Run) ->
    ok = logger:add_handler(beamscope_logs_asked, ?MODULE, #{level => none}),
    Handlers = rows(Run(spec(#{}))),
    ok = logger:remove_handler(beamscope_logs_asked),
    ?assertEqual([low], [At || #{id := beamscope_logs_asked, config := #{asked_at := At}} <- Handlers]).

levels(Run) ->
    with_levels(fun() ->
        {ok, Stdlib} = application:get_key(stdlib, modules),
        Groups = rows(Run(spec(#{kind => modules}))),
        ?assertEqual(
            lists:sort([
                #{level => error, application => stdlib, count => length(Stdlib), modules => lists:sublist(lists:sort(Stdlib), 10)},
                #{level => debug, application => undefined, count => 1, modules => [beamscope_logs_none]},
                #{level => none, application => kernel, count => 1, modules => [file]}
            ]),
            lists:sort(Groups)
        ),
        %% The same total, whatever is looked for; of modules one by one where names are.
        #{total := Total, matched := Total} = Run(spec(#{})),
        ?assertEqual(length(logger:get_handler_ids()) + 3, Total),
        [?assertMatch(#{total := Total}, Run(spec(Filter))) || Filter <- [#{kind => handler}, #{level => <<"debug">>}]],
        Each = Total - 3 + length(Stdlib) + 2,
        [?assertMatch(#{total := Each}, Run(spec(#{name => Name}))) || Name <- [<<"stdlib">>, <<"nowhere">>]],
        Alone = rows(Run(spec(#{name => <<"stdlib">>}))),
        ?assertEqual(lists:sort(Stdlib), lists:sort([Module || #{modules := [Module], count := 1} <- Alone])),
        ?assertEqual([[file]], [Modules || #{level := none, modules := Modules} <- rows(Run(spec(#{name => <<"FIL">>})))])
    end).

pages(Run) ->
    with_levels(fun() ->
        [
            begin
                All = keys(Run(spec(Words))),
                ?assertEqual(lists:usort(All), lists:sort(All)),
                [?assertEqual(All, paged(Run, spec(Words#{limit => Limit}))) || Limit <- [1, 2, 3]]
            end
         || Sort <- [kind, name, level], Order <- [ascending, descending], Words <- [#{sort => Sort, order => Order}]
        ],
        [?assertEqual(keys(Run(spec(Words))), paged(Run, spec(Words#{limit => 7}))) || Words <- [#{name => <<"st">>}]],
        Levels = [maps:get(level, Row) || Row <- rows(Run(spec(#{sort => level, order => descending, kind => modules})))],
        ?assertEqual([debug, error, none], Levels)
    end).

paged(Run, Spec) ->
    #{next := Next} = Answer = Run(Spec),
    case Next of
        undefined -> keys(Answer);
        _ -> keys(Answer) ++ paged(Run, Spec#{'after' => term_to_binary(Next)})
    end.

wanted(Run) ->
    with_levels(fun() ->
        #{total := Total, matched := 1} = Answer = Run(spec(#{level => <<"debu">>})),
        ?assertMatch([#{level := debug}], rows(Answer)),
        ?assertEqual(length(logger:get_handler_ids()) + 3, Total),
        ?assertMatch([#{id := default}], rows(Run(spec(#{kind => handler, name => <<"defau">>})))),
        ?assertMatch(#{matched := 0, rows := [], next := undefined}, Run(spec(#{name => <<"undefined">>})))
    end).

with_levels(Test) ->
    ok = logger:set_application_level(stdlib, error),
    ok = logger:set_module_level(beamscope_logs_none, debug),
    ok = logger:set_module_level(file, none),
    try
        Test()
    after
        ok = logger:unset_application_level(stdlib),
        ok = logger:unset_module_level([beamscope_logs_none, file])
    end.

spec(Words) -> maps:merge(#{sort => kind, order => ascending, limit => 1000, deadline_ms => 5000}, Words).

rows(#{rows := Rows}) -> [Row || {_, Row} <- Rows].

keys(#{rows := Rows}) -> [Key || {Key, _} <- Rows].

is_helper(Pid) -> is_pid(Pid) andalso process_info(Pid, current_function) =:= {current_function, {?MODULE, filter_config, 1}}.

run(Way, Spec) -> answer(Way, configuration, Spec).
