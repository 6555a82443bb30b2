-module(beamscope_timers_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"those that are due, the next first", fun due/1},
        {"those that repeat", fun repeats/1},
        {"those that repeat before the others", fun ranks/1},
        {"one that has run out while its server was busy is gone", fun run_out/1},
        {"each on one page, whatever time passes between pages", fun pages/1}
    ].

spec(Extra) -> maps:merge(#{sort => due, order => ascending, limit => 1000, deadline_ms => 1000}, Extra).

%% What timer keeps of them depends on the release; see the module.
due(Run) ->
    {ok, Early} = timer:apply_after(50000, lists, seq, [1, 2]),
    {ok, Late} = timer:apply_after(90000, lists, seq, [3, 4]),
    #{rows := Rows, total := Total, incomplete := Missing} = Run(list, spec(#{})),
    [timer:cancel(Timer) || Timer <- [Early, Late]],
    ?assert(Total >= 2),
    case Missing of
        [closed] ->
            ?assertEqual([], Rows);
        [] ->
            Due = [Left || {_, #{due_ms := Left}} <- Rows, Left > 40000],
            [First, Second] = Due,
            %% The emulator rounds up.
            ?assert(First =< 50001 andalso Second > 60000)
    end.

repeats(Run) ->
    {ok, Timer} = timer:send_interval(70000, self(), tick),
    #{rows := Rows, incomplete := Missing} = Run(list, spec(#{repeats => true})),
    {ok, cancel} = timer:cancel(Timer),
    case Missing of
        [closed] -> ?assertEqual([], Rows);
        [] -> ?assertMatch([{_, #{repeats := true}}], Rows)
    end.

ranks(Run) ->
    {ok, Once} = timer:apply_after(50000, lists, seq, [1, 2]),
    {ok, Often} = timer:send_interval(70000, self(), tick),
    Repeats = fun(Sort) ->
        #{rows := Rows} = Run(list, spec(#{sort => Sort})),
        [It || {_, #{due_ms := Due, repeats := It}} <- Rows, Due > 40000, Due < 70002]
    end,
    Ranked = {Repeats(due), Repeats(repeats)},
    [timer:cancel(Timer) || Timer <- [Once, Often]],
    ?assert(lists:member(Ranked, [{[false, true], [true, false]}, {[], []}])).

%% Its entry stays until the server gets to it.
run_out(Run) ->
    {ok, Timer} = timer:apply_after(10, lists, seq, [1, 2]),
    sys:suspend(timer_server),
    try
        timer:sleep(30),
        #{rows := Rows} = Run(list, spec(#{})),
        ?assertEqual([], [Row || {_, #{due_ms := Due} = Row} <- Rows, Due < 1, not is_map_key(call, Row)])
    after
        sys:resume(timer_server),
        timer:cancel(Timer)
    end.

pages(Run) ->
    Timers = [timer:apply_after(60000 + Number div 3, lists, seq, [1, 2]) || Number <- lists:seq(1, 60)],
    Rows = pages(Run, spec(#{limit => 7})),
    #{total := Total, matched := Matched, incomplete := Missing} = Run(list, spec(#{})),
    [timer:cancel(Timer) || {ok, Timer} <- Timers],
    ?assert(Total >= 60),
    ?assert(Missing =:= [closed] orelse Matched =:= Total),
    ?assertEqual(Matched, length(Rows)),
    ?assertEqual(Matched, length(lists:usort(Rows))).

%% The keys on all pages. The clock goes on from one to the next.
pages(Run, Spec) ->
    #{rows := Rows, next := Next} = Run(list, Spec),
    timer:sleep(2),
    [Key || {Key, _} <- Rows] ++
        case Next of
            undefined -> [];
            _ -> pages(Run, Spec#{'after' => term_to_binary(Next)})
        end.
