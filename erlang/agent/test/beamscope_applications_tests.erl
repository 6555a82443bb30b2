-module(beamscope_applications_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"all that are loaded, with their processes", fun lists_all/1},
        {"those that pass a filter, page by page", fun filters/1},
        {"one application", fun informs/1},
        {"names where there is none", fun absent/1},
        {"its environment", fun environment/1},
        {"its modules and registered names", fun names/1},
        {"a controller that does not answer", fun mute/1},
        {"a code server that does not answer", fun lost/1},
        {"processes are counted until the deadline", fun late/1}
    ].

spec(Extra) -> maps:merge(#{sort => name, order => ascending, limit => 1000, deadline_ms => 10000}, Extra).

rows(#{rows := Rows}) -> [Row || {_, Row} <- Rows].

lists_all(Run) ->
    #{total := Total, matched := Total, incomplete := []} = Answer = Run(list, spec(#{})),
    Names = [Name || #{name := Name} <- rows(Answer)],
    ?assertEqual(lists:sort([Name || {Name, _, _} <- application:loaded_applications()]), Names),
    [Kernel] = [Row || #{name := kernel} = Row <- rows(Answer)],
    #{state := running, start_type := permanent, processes := Processes, memory := Memory} = Kernel,
    Leader = application_controller:get_master(kernel),
    ?assertEqual(length([1 || Pid <- processes(), process_info(Pid, group_leader) =:= {group_leader, Leader}]), Processes),
    ?assert(Memory > 100000),
    ?assertMatch([#{state := running, processes := 0}], [Row || #{name := stdlib} = Row <- rows(Answer)]).

filters(Run) ->
    ok = application:load({application, beamscope_test_app, [{vsn, "1.2"}, {description, "a test"}]}),
    [Row] = rows(Run(list, spec(#{name => <<"SCOPE_test">>}))),
    ?assertMatch(#{state := loaded, version := "1.2", description := "a test", start_type := undefined}, Row),
    ?assertEqual([], rows(Run(list, spec(#{name => <<"scope_test">>, state => running})))),
    ok = application:unload(beamscope_test_app),
    Most = spec(#{sort => processes, order => descending, limit => 1}),
    #{rows := [{Key, #{name := kernel}}], next := Key} = Run(list, Most),
    #{rows := [{_, #{name := Second}}]} = Run(list, Most#{'after' => term_to_binary(Key)}),
    ?assertNotEqual(kernel, Second).

informs(Run) ->
    #{name := kernel, module_count := Count, modules := [_, _], supervisor := {Pid, kernel}, start_module := kernel} =
        Told = Run(information, #{name => <<"kernel">>, limit => 2, deadline_ms => 10000}),
    {ok, Modules} = application:get_key(kernel, modules),
    ?assertEqual(length(Modules), Count),
    ?assertEqual(whereis(kernel_sup), Pid),
    ?assert(lists:member(stdlib, map_get(needed_by, Told))),
    ?assertEqual(code:lib_dir(kernel), map_get(directory, Told)),
    ?assertEqual(length(application:get_all_env(kernel)), map_get(environment, Told)),
    ?assertEqual([], map_get(incomplete, Told)),
    #{supervisor := undefined, applications := [kernel]} =
        Run(information, #{name => <<"stdlib">>, limit => 2, deadline_ms => 10000}).

absent(Run) ->
    Atoms = erlang:system_info(atom_count),
    #{names := Names} = Run(information, #{name => <<"nobody has such a name">>, limit => 2, deadline_ms => 10000}),
    ?assertEqual(Atoms, erlang:system_info(atom_count)),
    ?assert(lists:member(kernel, Names)).

environment(Run) ->
    Values = [{long, binary:copy(<<"x">>, 100000)}, {'A', 1}, {password, "hunter2"}],
    ok = application:load({application, beamscope_test_app, [{env, Values}]}),
    Spec = spec(#{name => <<"beamscope_test_app">>, sort => name}),
    [#{key := 'A', value := 1, is_cut := false}, #{key := long, value := Long, is_cut := true}, #{key := password}] =
        rows(Run(environment, Spec)),
    ?assert(byte_size(Long) < 5000),
    ?assertMatch(#{total := 3, matched := 1, rows := [{_, #{key := long}}]}, Run(environment, Spec#{pattern => <<"LON">>})),
    BySize = Spec#{sort => bytes, order => descending},
    ?assertEqual(
        [{Key, erlang:external_size(Value)} || {Key, Value} <- [lists:nth(1, Values), lists:nth(3, Values), lists:nth(2, Values)]],
        [{Key, Bytes} || #{key := Key, bytes := Bytes} <- paged(Run, environment, BySize#{limit => 1})]
    ),
    ?assertMatch(#{total := 3, matched := 0, incomplete := [deadline]}, Run(environment, BySize#{deadline_ms => -1})),
    %% A value that whoever copies it does not survive.
    ok = application:set_env(beamscope_test_app, huge, lists:seq(1, 6000000)),
    Asked = self(),
    Limit = #{size => 8388608, kill => true, error_logger => false},
    Ask = fun() -> Asked ! [rows(Run(environment, Sorted)) || Sorted <- [BySize, Spec]] end,
    {_, Mark} = spawn_opt(Ask, [monitor, {max_heap_size, Limit}]),
    receive
        {'DOWN', Mark, _, _, Reason} -> ?assertEqual(normal, Reason)
    end,
    receive
        [[Huge, #{key := long} | _], Named] ->
            ?assertEqual(#{key => huge}, maps:with([key, value], Huge)),
            ?assertEqual(['A', huge, long, password], [Key || #{key := Key} <- Named])
    end,
    ok = application:unload(beamscope_test_app).

names(Run) ->
    Modules = [beamscope_test_b, 'Elixir.Beamscope.Test', beamscope_test_a],
    ok = application:load({application, beamscope_test_app, [{modules, Modules}, {registered, [beamscope_test_name]}]}),
    Spec = spec(#{name => <<"beamscope_test_app">>, list => modules, sort => name}),
    Named = fun(Extra) -> [Name || #{name := Name} <- paged(Run, names, maps:merge(Spec, Extra))] end,
    ?assertEqual(lists:sort(Modules), Named(#{})),
    ?assertEqual(lists:sort(Modules), Named(#{limit => 1})),
    ?assertEqual(['Elixir.Beamscope.Test'], Named(#{part => <<"scope.TEST">>})),
    ?assertMatch(#{total := 3, matched := 2}, Run(names, Spec#{part => <<"_test_">>, limit => 1})),
    ?assertEqual([beamscope_test_name], Named(#{list => registered})),
    ok = application:unload(beamscope_test_app).

paged(Run, Function, Spec) ->
    #{next := Next} = Answer = Run(Function, Spec),
    case Next of
        undefined -> rows(Answer);
        _ -> rows(Answer) ++ paged(Run, Function, Spec#{'after' => term_to_binary(Next)})
    end.

mute(Run) ->
    ok = sys:suspend(application_controller),
    #{incomplete := Missing} = Answer = Run(list, spec(#{deadline_ms => 100})),
    ok = sys:resume(application_controller),
    ?assert(lists:member(controller, Missing)),
    ?assertMatch([#{state := running, start_type := undefined}], [Row || #{name := kernel} = Row <- rows(Answer)]).

lost(Run) ->
    Spec = #{name => <<"kernel">>, limit => 2, deadline_ms => 10000},
    %% So that all is loaded that an answer takes.
    #{incomplete := []} = Run(information, Spec),
    true = erlang:suspend_process(whereis(code_server)),
    Answer = Run(information, Spec),
    true = erlang:resume_process(whereis(code_server)),
    ?assertMatch(#{directory := undefined, incomplete := [directory], supervisor := {_, kernel}}, Answer).

late(Run) ->
    #{incomplete := Missing, total := Total} = Run(list, spec(#{deadline_ms => -10})),
    ?assert(lists:member(deadline, Missing)),
    ?assert(Total > 1).
