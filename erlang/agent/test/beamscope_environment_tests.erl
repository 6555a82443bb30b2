-module(beamscope_environment_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"names without values", fun names/1},
        {"values of those that are named", fun values/1},
        {"a part of the name, in any case", fun part/1},
        {"by the size of the value", fun sizes/1},
        {"pages join without gap or overlap", fun pages/1},
        {"how it was started, without the cookie", fun started/1}
    ].

spec(Extra) -> maps:merge(#{sort => name, order => ascending, limit => 1000, deadline_ms => 1000}, Extra).

names(Run) ->
    os:putenv("BEAMSCOPE_TEST_ONE", "eins=zwei"),
    #{rows := Rows, total := Total, matched := Total} = Run(variables, spec(#{})),
    ?assertEqual(length(os:getenv()), Total),
    ?assertEqual(Total, length(Rows)),
    ?assertEqual([], [Row || {_, Row} <- Rows, is_map_key(value, Row)]),
    ?assertMatch([_], [Row || {_, #{name := <<"BEAMSCOPE_TEST_ONE">>, bytes := 9} = Row} <- Rows]).

values(Run) ->
    os:putenv("BEAMSCOPE_TEST_ONE", "eins=zwei"),
    os:putenv("BEAMSCOPE_TEST_EMPTY", ""),
    Names = [<<"BEAMSCOPE_TEST_ONE">>, <<"BEAMSCOPE_TEST_EMPTY">>, <<"BEAMSCOPE_TEST_NONE">>],
    #{rows := Rows, matched := 2} = Run(variables, spec(#{names => Names})),
    ?assertEqual(
        [
            #{name => <<"BEAMSCOPE_TEST_EMPTY">>, bytes => 0, value => <<>>},
            #{name => <<"BEAMSCOPE_TEST_ONE">>, bytes => 9, value => <<"eins=zwei">>}
        ],
        [Row || {_, Row} <- Rows]
    ).

part(Run) ->
    os:putenv("BEAMSCOPE_PART_ONE", "1"),
    #{rows := [{_, #{name := <<"BEAMSCOPE_PART_ONE">>}}], matched := 1} =
        Run(variables, spec(#{contains => <<"scope_part_O">>})).

pages(Run) ->
    [os:putenv("BEAMSCOPE_PAGE_" ++ integer_to_list(N), "x") || N <- lists:seq(1, 5)],
    Spec = spec(#{contains => <<"beamscope_page">>, limit => 2}),
    ?assertEqual(5, length(lists:usort(follow(Run, Spec)))).

sizes(Run) ->
    [os:putenv("BEAMSCOPE_SIZE_" ++ [Name], lists:duplicate(Size, $x)) || {Name, Size} <- [{$a, 2}, {$b, 9}, {$c, 2}, {$d, 0}]],
    Spec = spec(#{sort => bytes, order => descending, contains => <<"beamscope_size">>}),
    Expected = [<<"BEAMSCOPE_SIZE_b">>, <<"BEAMSCOPE_SIZE_", "d">>],
    #{rows := Rows} = Run(variables, Spec),
    ?assertEqual([9, 2, 2, 0], [Bytes || {_, #{bytes := Bytes}} <- Rows]),
    Paged = follow(Run, Spec#{limit => 1}),
    ?assertEqual([Name || {_, #{name := Name}} <- Rows], Paged),
    ?assertEqual(Expected, [hd(Paged), lists:last(Paged)]).

follow(Run, Spec) ->
    #{rows := Rows, next := Next} = Run(variables, Spec),
    Names = [Name || {_, #{name := Name}} <- Rows],
    case Next of
        undefined -> Names;
        _ -> Names ++ follow(Run, Spec#{'after' => term_to_binary(Next)})
    end.

started(Run) ->
    #{os_pid := Pid, directory := Directory, code_paths := Paths, arguments := Arguments, emulator_flags := Flags} =
        Run(started, #{}),
    ?assertEqual(os:getpid(), binary_to_list(Pid)),
    {ok, Here} = file:get_cwd(),
    ?assertEqual(unicode:characters_to_binary(Here), Directory),
    ?assertEqual(length(code:get_path()), Paths),
    ?assert(is_list(Flags)),
    ?assertEqual([], [Value || {setcookie, Values} <- Arguments, Value <- Values]),
    ?assertMatch({root, [_]}, lists:keyfind(root, 1, Arguments)).
