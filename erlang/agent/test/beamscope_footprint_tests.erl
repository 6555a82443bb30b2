-module(beamscope_footprint_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"everything is on one page, in each order", fun pages/1},
        {"only what is wanted, with the counts of all", fun wanted/1}
    ].

pages(Run) ->
    with_processes(fun() ->
        [
            begin
                All = keys(Run(everything, spec(#{sort => Sort}))),
                ?assertEqual(lists:usort(All), All),
                ?assert(length(All) >= 5),
                [?assertEqual(All, paged(Run, spec(#{sort => Sort, limit => Limit}))) || Limit <- [1, 2, 3]]
            end
         || Sort <- [kind, name]
        ]
    end).

paged(Run, Spec) ->
    #{next := Next} = Answer = Run(everything, Spec),
    case Next of
        undefined -> keys(Answer);
        _ -> keys(Answer) ++ paged(Run, Spec#{'after' => term_to_binary(Next)})
    end.

wanted(Run) ->
    with_processes(fun() ->
        #{total := Total, matched := 3, rows := Rows, counts := Counts} =
            Run(everything, spec(#{name => <<"FOOTPRINT_of_test">>})),
        ?assertEqual(
            [{process, Name, whereis(Name)} || Name <- names()],
            [{Kind, Name, Pid} || {_, #{kind := Kind, name := Name, pid := Pid, minds := false}} <- Rows]
        ),
        ?assert(maps:get(process, Counts) >= 3),
        ?assert(Total >= 5),
        ?assertMatch(
            #{matched := 2, total := Total, counts := Counts, rows := [
                {_, #{name := microstate_accounting, on := _, minder := _}}, {_, #{name := scheduler_wall_time}}
            ]},
            Run(everything, spec(#{kind => flag}))
        ),
        ?assertMatch(#{matched := 0, rows := [], next := undefined}, Run(everything, spec(#{name => <<"no_such">>})))
    end).

with_processes(Test) ->
    Pids = [start(Name) || Name <- names()],
    try
        Test()
    after
        [exit(Pid, kill) || Pid <- Pids]
    end.

%% Back when the name is its own.
start(Name) ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    free(Name),
    register(Name, Pid),
    Pid.

%% The test before may have just ended the one that has the name.
free(Name) ->
    case whereis(Name) of
        undefined ->
            ok;
        Pid ->
            Mark = monitor(process, Pid),
            receive
                {'DOWN', Mark, _, _, _} -> free(Name)
            end
    end.

names() -> [beamscope_footprint_of_test_a, beamscope_footprint_of_test_b, beamscope_footprint_of_test_c].

spec(Words) -> maps:merge(#{sort => kind, order => ascending, limit => 1000, deadline_ms => 5000}, Words).

keys(#{rows := Rows}) -> [Key || {Key, _} <- Rows].
