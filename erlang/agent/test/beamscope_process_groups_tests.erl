%% Groups of processes.
-module(beamscope_process_groups_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_process_subject.hrl").

tests() ->
    [
        {"groups by function", fun by_function/1},
        {"groups by initial call", fun by_initial_call/1},
        {"groups by application", fun by_application/1},
        {"groups by label", fun by_label/1},
        {"labels that differ where they are cut", fun different_labels/1},
        {"more labels than there is room for", fun many_labels/1},
        {"callbacks that were not read", fun unread_callbacks/1},
        {"groups of many chunks, in order, bounded", fun many/1},
        {"groups page by page", fun pages/1},
        {"memory of long queues is in no group", fun unmeasured/1},
        {"what processes with large heaps say to be", fun large_heaps/1},
        {"the deadline ends a scan", fun deadline/1},
        {"all are those of one moment", fun meanwhile/1}
    ].

by_function(Run) ->
    with([queue(3), queue(4), queue(0)], fun(Pids) ->
        %% To be asked is work, too.
        Work = fun() -> lists:sum([R || Pid <- Pids, {_, R} <- [process_info(Pid, reductions)]]) end,
        Before = Work(),
        Memory = [M || Pid <- Pids, {_, M} <- [process_info(Pid, memory)]],
        #{groups := Groups, group_count := 1, matched := 3, gone := 0, incomplete := []} =
            Run(top, spec(#{by => current_function, order => count, pids => Pids})),
        [{Key, 3, 7, Reductions, Bytes, 0}] = Groups,
        ?assertEqual({{term, {?MODULE, idle, 0}}, lists:sum(Memory)}, {Key, Bytes}),
        ?assert(Before =< Reductions andalso Reductions =< Work()),
        #{groups := [], group_count := 0, matched := 0} =
            Run(top, spec(#{by => current_function, order => count, pids => Pids, status => suspended}))
    end).

by_initial_call(Run) ->
    Sleeper = fun() -> proc_lib:spawn(timer, sleep, [infinity]) end,
    with([queue(0), Sleeper, Sleeper], fun(Pids) ->
        #{groups := Groups} = Run(top, spec(#{by => initial_call, order => count, pids => Pids})),
        ?assertMatch([{{term, {timer, sleep, 1}}, 2, 0, _, _, 0}, {{term, {erlang, apply, 2}}, 1, 0, _, _, 0}], Groups)
    end).

by_application(Run) ->
    %% Led by a process of kernel that leads no application.
    Led = fun() ->
        Pid = spawn(fun idle/0),
        group_leader(whereis(file_server_2), Pid),
        Pid
    end,
    with([Led], fun([Idle]) ->
        Pids = [Idle, whereis(kernel_sup), whereis(file_server_2), whereis(init)],
        #{groups := Groups, group_count := 2} = Run(top, spec(#{by => application, order => count, pids => Pids})),
        ?assertMatch([{{term, kernel}, 2, _, _, _, 0}, {none, 2, _, _, _, 0}], Groups)
    end).

labelled(Label) ->
    fun() ->
        spawn(fun() ->
            put('$process_label', Label),
            idle()
        end)
    end.

by_label(Run) ->
    Large = lists:duplicate(1000, $x),
    with([labelled(job), labelled(job), labelled(Large), queue(0), fat()], fun(Pids) ->
        Spec = spec(#{by => label, order => count, pids => Pids}),
        #{groups := Groups, incomplete := Why} = Run(top, Spec),
        Seen = lists:sort([{Key, Count} || {Key, Count, _, _, _, _} <- Groups]),
        case reads_keys() of
            true ->
                ?assertMatch([{none, 1}, {unread, 1}, {{term, job}, 2}, {{term, "xxx" ++ _, _}, 1}], Seen),
                ?assertEqual([], Why);
            false ->
                ?assertEqual({[{none, 5}], [label]}, {Seen, Why})
        end
    end).

%% Of the beginning that is shown, and 1 and 1.0 too, which compare equal.
different_labels(Run) ->
    Same = lists:duplicate(400, $x),
    Labels = [1, 1.0, Same ++ "1", Same ++ "2", Same ++ "2"],
    with([labelled(Label) || Label <- Labels], fun(Pids) ->
        Spec = spec(#{by => label, order => count, pids => Pids, limit => 1}),
        case reads_keys() of
            true -> ?assertMatch([{2, _}, {1, _}, {1, _}, {1, _}], every(Run, Spec));
            false -> ?assertEqual([{5, none}], every(Run, Spec))
        end
    end).

%% The groups of all pages.
every(Run, Spec) ->
    #{groups := Groups, next := Next} = Run(top, Spec),
    Counts = [{Count, Key} || {Key, Count, _, _, _, _} <- Groups],
    case Next of
        undefined -> Counts;
        _ -> Counts ++ every(Run, Spec#{'after' => term_to_binary(Next)})
    end.

many_labels(Run) ->
    with([labelled({Number, lists:seq(1, 3000)}) || Number <- lists:seq(1, 1500)], fun(Pids) ->
        Spec = spec(#{by => label, order => count, pids => Pids}),
        Count = case reads_keys() of true -> 1500; false -> 1 end,
        ?assertMatch({answer, #{group_count := Count}}, within_words(8388608, fun() -> Run(top, Spec) end))
    end).

%% Those with a long queue, or among many a large heap, are what one looks for.
unread_callbacks(Run) ->
    Started = fun(Messages) ->
        fun() ->
            Pid = proc_lib:spawn(?MODULE, idle, []),
            [Pid ! message || _ <- lists:seq(1, Messages)],
            Pid
        end
    end,
    with([Started(7), Started(0), Started(0)], fun([Long | _] = Pids) ->
        Told = Run(top, spec(#{by => initial_call, order => count, pids => Pids, long_queue => 5})),
        #{groups := Groups, undecided := Undecided, incomplete := Why} = Told,
        Seen = [{Key, Count} || {Key, Count, _, _, _, _} <- Groups],
        Idle = {term, {?MODULE, idle, 0}},
        case reads_keys() of
            true -> ?assertEqual({[{Idle, 3}], {0, []}, []}, {Seen, Undecided, Why});
            false -> ?assertEqual({[{Idle, 2}, {unread, 1}], {1, [{Long, undefined}]}, [initial_call]}, {Seen, Undecided, Why})
        end
    end).

many(Run) ->
    Pids = [queue(case N rem 250 of 0 -> 1; _ -> 0 end) || N <- lists:seq(1, 2500)],
    with(Pids ++ [fun() -> spawn(?MODULE, spin, []) end], fun(Started) ->
        Spec = spec(#{by => current_function, order => count, pids => Started}),
        #{groups := Groups, group_count := 2} = Run(top, Spec),
        ?assertMatch(
            [{{term, {?MODULE, idle, 0}}, 2500, 10, _, _, 0}, {{term, {?MODULE, spin, 0}}, 1, 0, _, _, 0}], Groups
        ),
        #{groups := [{{term, {?MODULE, spin, 0}}, 1, 0, _, _, 0}], group_count := 2} =
            Run(top, Spec#{order := reductions, limit := 1}),
        #{groups := [{{term, {?MODULE, idle, 0}}, 2500, 10, _, _, 0}], group_count := 2} =
            Run(top, Spec#{order := message_queue_len, limit := 1})
    end).

%% Groups with the same sum, one by one.
pages(Run) ->
    Calls = [{timer, sleep, [infinity]}, {?MODULE, idle, []}, {?MODULE, spin, []}],
    Starts = [fun() -> proc_lib:spawn(M, F, A) end || {M, F, A} <- Calls],
    with(Starts, fun(Pids) ->
        Spec = spec(#{by => initial_call, order => count, pids => Pids, limit => 1}),
        ?assertEqual(
            lists:reverse(lists:sort([{term, {M, F, length(A)}} || {M, F, A} <- Calls])), follow(Run, Spec)
        )
    end).

follow(Run, Spec) ->
    #{groups := [{Key, 1, _, _, _, _}], group_count := 3, next := Next} = Run(top, Spec),
    case Next of
        undefined -> [Key];
        _ -> [Key | follow(Run, Spec#{'after' => term_to_binary(Next)})]
    end.

unmeasured(Run) ->
    with([queue(9), queue(1)], fun([_, Short] = Pids) ->
        {memory, Memory} = process_info(Short, memory),
        Spec = spec(#{by => current_function, order => memory, pids => Pids, long_queue => 5}),
        #{groups := [{_, 2, 10, _, Memory, 1}], unmeasured := {0, []}, incomplete := []} = Run(top, Spec)
    end).

large_heaps(Run) ->
    Large = fun(Words) -> fun() -> proc_lib:spawn_opt(?MODULE, idle, [], [{min_heap_size, Words}]) end end,
    with([Large(10500), Large(10500)], fun(Pids) ->
        #{groups := Groups} = Run(top, spec(#{by => initial_call, order => count, pids => Pids})),
        ?assertMatch([{{term, {?MODULE, idle, 0}}, 2, _, _, _, _}], Groups)
    end).

deadline(Run) ->
    ?assertMatch(
        #{groups := [], seen := 0, incomplete := [deadline]},
        Run(top, spec(#{by => application, order => count, deadline_ms => 0}))
    ).

% Those that come behind the last look do not match, and are not there.
meanwhile(Run) ->
    Call = fun() -> Run(top, spec(#{by => application, order => count, pause_ms => 200})) end,
    {#{total := Total, matched := Matched}, Born} = during(Call, fun() -> [spawn(fun idle/0) || _ <- lists:seq(1, 5)] end),
    lists:foreach(fun kill/1, Born),
    ?assertEqual(Matched, Total).
