-module(beamscope_message_queue_tests).

-include_lib("eunit/include/eunit.hrl").

-include("beamscope_process_subject.hrl").

tests() ->
    [
        {"messages come in their order, with their kinds", fun messages/1},
        {"messages behind the first, and whether they moved up", fun later_messages/1},
        {"messages that repeat are known by more than the last", fun repeating_messages/1},
        {"messages of shapes that were told, each of them and no other", fun of_shape/1},
        {"shapes that there is room for", fun many_shapes/1},
        {"the largest messages first, those of one size as they came", fun by_size/1},
        {"only what is looked at is filtered and sorted", fun looked_at/1},
        {"a large message is cut", fun large_messages/1},
        {"what cannot be cut to fit is left out", fun cut_kinds/1},
        {"a sensitive process has messages that it hides", fun hidden/1},
        {"one that takes its messages out hides none", fun drained/1},
        {"a long queue is left alone", fun long_queue/1},
        {"messages that may be large are left alone", fun large_queue/1},
        {"kinds of messages until time is up", fun late_shapes/1},
        {"a process that has ended", fun gone/1}
    ].

messages(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Sent = [{'$gen_call', {self(), make_ref()}, {get, 1}}, {'$gen_call', {self(), make_ref()}, {get, two}}, tick],
        [Pid ! Message || Message <- Sent ++ [tick, tick]],
        #{count := 5, seen := 5, rows := Rows, shapes := Shapes, shape_count := 3, name := []} =
            Run(messages, spec(Pid, #{limit => 3})),
        ?assertEqual(Sent, [Message || {Message, _, false} <- Rows]),
        ?assertEqual(
            [
                {3, 3, tick},
                {1, 1, ['$gen_call', [{pid}, {reference}], [get, {integer}]]},
                {1, 2, ['$gen_call', [{pid}, {reference}], [get, two]]}
            ],
            Shapes
        )
    end).

later_messages(Run) ->
    running([fun() -> idle(), picky() end], fun([Pid]) ->
        Pid ! go_on,
        Wide = {wide, binary:copy(<<"x">>, 5000)},
        [Pid ! Message || Message <- [{item, Number} || Number <- lists:seq(1, 6)] ++ [Wide]],
        until(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 7} end),
        Page = fun(Skip, Limit) -> Run(messages, spec(Pid, #{skip => Skip, limit => Limit, marked => 3})) end,
        #{rows := First, marks := Marks, count := 7} = Told = Page(0, 3),
        ?assertNot(is_map_key(mark, Told)),
        ?assertEqual([{item, 1}, {item, 2}, {item, 3}], [Message || {Message, _, false} <- First]),
        ?assertEqual(3, length(lists:usort(Marks))),
        #{rows := Second, mark := Mark, count := 7, seen := 7} = Page(3, 3),
        ?assertEqual([{item, 4}, {item, 5}, {item, 6}], [Message || {Message, _, false} <- Second]),
        ?assertEqual(lists:last(Marks), Mark),
        %% The same message is known by the same, however much of it is told.
        #{marks := [_, _, Known]} = Page(4, 3),
        #{mark := Known, rows := [], marks := []} = Page(7, 100),
        ?assertNot(is_map_key(mark, Page(8, 3))),
        %% What is taken out moves the others up: another one is the last that is skipped.
        Pid ! {take, self(), {item, 2}},
        receive
            taken -> ok
        end,
        ?assertMatch(#{count := 6, rows := [{{item, 5}, _, _} | _]}, Page(3, 3)),
        ?assertNotEqual(Mark, map_get(mark, Page(3, 3)))
    end).

%% A process that takes out what it gets shows none either, and hides nothing.
hidden(Run) ->
    Sensitive = fun() ->
        process_flag(sensitive, true),
        idle()
    end,
    running([Sensitive, fun idle/0], fun([Pid, Open]) ->
        ?assertMatch(#{hidden := false, count := 0}, Run(messages, spec(Pid, #{}))),
        [Pid ! {secret, N} || N <- [1, 2, 3]],
        Open ! {secret, 4},
        ?assertMatch(#{hidden := true, count := 3, matched := 0, rows := []}, Run(messages, spec(Pid, #{}))),
        ?assertMatch(#{hidden := false, count := 1, matched := 1}, Run(messages, spec(Open, #{})))
    end).

%% What was there when its messages were asked for is gone when they are counted, and others have come.
drained(Run) ->
    Pid = spawn(fun drain/0),
    Floods = [spawn(fun() -> flood(Pid) end) || _ <- [1, 2, 3, 4]],
    try
        [?assertNot(maps:get(hidden, Run(messages, spec(Pid, #{})), false)) || _ <- lists:seq(1, 200)]
    after
        [exit(Each, kill) || Each <- [Pid | Floods]]
    end.

drain() ->
    receive
        _ -> drain()
    end.

%% As much as is taken out, so that there is now something, now nothing.
flood(Pid) ->
    Pid ! tick,
    [timer:sleep(1) || {_, Count} <- [process_info(Pid, message_queue_len)], Count > 20],
    flood(Pid).

%% The last message alone would look the same.
repeating_messages(Run) ->
    running([fun() -> idle(), picky() end], fun([Pid]) ->
        [Pid ! Message || Message <- [go_on, a, b, x, c, d, x, e, f, x, e, f, x]],
        until(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 12} end),
        Page = fun(Skip, Marked) -> Run(messages, spec(Pid, #{skip => Skip, limit => 6, marked => Marked})) end,
        #{marks := Marks} = Page(0, 1),
        ?assertEqual(6, length(lists:usort(Marks))),
        ?assertEqual(lists:last(Marks), map_get(mark, Page(6, 6))),
        [
            begin
                Pid ! {take, self(), Message},
                receive
                    taken -> ok
                end
            end
         || Message <- [a, b, x]
        ],
        #{mark := Mark} = Page(6, 6),
        ?assertNot(lists:member(Mark, Marks))
    end).

%% Takes out the messages that it is told to, wherever they stand.
picky() ->
    receive
        {take, From, Message} ->
            receive
                Message -> From ! taken
            end,
            picky()
    end.

of_shape(Run) ->
    Sent = [
        {'$gen_call', {self(), make_ref()}, {get_user, 1}},
        tick,
        {'Elixir.My.Shop', 7, #{'__struct__' => 'Elixir.My.Cart'}},
        {'$gen_call', {self(), make_ref()}, {get_user, two}},
        #{'__struct__' => 'Elixir.My.Cart'},
        {ok, []},
        [tick],
        {'gr\x{fc}n', <<"tick">>},
        list_to_tuple(lists:seq(1, 20)),
        {password, hunter2},
        tick
    ],
    running([fun idle/0], fun([Pid]) ->
        [Pid ! Message || Message <- Sent],
        Of = fun(Shapes, More) -> Run(messages, spec(Pid, More#{shaped => Shapes})) end,
        #{shapes := Shapes, shape_count := 10} = Run(messages, spec(Pid, #{limit => 0})),
        ?assertEqual(10, length(Shapes)),
        [
            begin
                #{places := [First | _] = Places, rows := Rows, marks := Marks, matched := Count} = Of([Shape], #{}),
                ?assertEqual([Count, Count, Count], [length(Places), length(Rows), length(Marks)]),
                ?assertEqual([lists:nth(At, Sent) || At <- Places], [Message || {Message, _, false} <- Rows])
            end
         || {Count, First, Shape} <- Shapes
        ],
        ?assertMatch(#{places := [2, 8, 11]}, Of([tick, ['gr\x{fc}n', {binary}], no_such], #{})),
        ?assertMatch(#{places := [], matched := 0, shape_count := 10}, Of([], #{})),
        %% Page by page, in either order.
        Calls = [['$gen_call', [{pid}, {reference}], [get_user, Id]] || Id <- [two, {integer}]],
        Large = Of(Calls, #{sort => size, limit => 1}),
        ?assertMatch(#{places := [4], matched := 2}, Large),
        ?assertMatch(#{places := [1], matched := 2}, Of(Calls, #{sort => size, limit => 1, skip => 1})),
        ?assertEqual(map_get(marks, Large), [map_get(mark, Of(Calls, #{sort => size, skip => 1}))])
    end).

many_shapes(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Long = list_to_atom(lists:duplicate(255, $x)),
        Wide = list_to_tuple(lists:duplicate(12, list_to_tuple(lists:duplicate(12, Long)))),
        [Pid ! setelement(At, Wide, At) || At <- lists:seq(1, 12)],
        #{shapes := Shapes, shape_count := 12} = Run(messages, spec(Pid, #{})),
        ?assertEqual([1, 2, 3, 4, 5], [At || {1, At, _} <- Shapes]),
        ?assert(erlang:external_size(Shapes) =< 201000)
    end).

by_size(Run) ->
    running([fun idle/0], fun([Pid]) ->
        [Pid ! {item, Number, binary:copy(<<"x">>, Size)} || {Number, Size} <- [{1, 5}, {2, 90}, {3, 5}, {4, 7000}, {5, 90}]],
        Page = fun(Skip, Limit) -> Run(messages, spec(Pid, #{sort => size, skip => Skip, limit => Limit})) end,
        #{rows := Rows, places := [4, 2, 5, 1, 3], matched := 5} = Page(0, 10),
        ?assertMatch([{{item, 4, _}, Bytes, true}, {{item, 2, _}, _, false} | _] when Bytes > 7000, Rows),
        #{places := [4, 2], marks := [_, Mark]} = Page(0, 2),
        #{places := [5, 1], mark := Known} = Run(messages, spec(Pid, #{sort => size, skip => 2, limit => 2, marked => 2})),
        ?assertEqual(Mark, Known),
        %% What comes in between moves the others.
        Pid ! {item, 6, binary:copy(<<"x">>, 8000)},
        #{places := [2, 5], mark := Other} = Run(messages, spec(Pid, #{sort => size, skip => 2, limit => 2, marked => 2})),
        ?assertNotEqual(Mark, Other)
    end).

looked_at(Run) ->
    running([fun idle/0], fun([Pid]) ->
        [Pid ! Message || Message <- lists:duplicate(10000, tick) ++ [{last, binary:copy(<<"x">>, 100)}]],
        Ask = fun(More) -> Run(messages, spec(Pid, More#{max_messages => 20000, limit => 1})) end,
        ?assertMatch(#{count := 10001, seen := 10000, matched := 10001, places := [1]}, Ask(#{})),
        ?assertMatch(#{places := [10001], rows := [{{last, _}, _, _}]}, Ask(#{skip => 10000})),
        ?assertMatch(#{count := 10001, seen := 10000, matched := 10000, places := [1]}, Ask(#{sort => size})),
        ?assertMatch(#{seen := 10000, matched := 0, rows := [], places := []}, Ask(#{shaped => [[last, {binary}]]})),
        ?assertMatch(#{seen := 0, matched := 0, rows := []}, Ask(#{shaped => [tick], deadline_ms => 0}))
    end).

large_messages(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Pid ! {job, 7, #{password => binary:copy(<<"x">>, 100000), rows => lists:duplicate(10000, {row, 1, "text"})}},
        #{rows := [{Cut, Bytes, true}]} = Run(messages, spec(Pid, #{})),
        ?assert(Bytes > 100000),
        ?assert(erlang:external_size(Cut) =< 2000),
        {job, 7, #{password := Text, rows := Rows}} = Cut,
        ?assertMatch({0, _}, binary:match(Text, <<"xxx">>)),
        ?assertNotEqual(nomatch, binary:match(Text, <<"...$beamscope_cut:">>)),
        ?assertMatch({'$beamscope_cut', More} when More > 9000, lists:last(Rows))
    end).

cut_kinds(Run) ->
    Big = lists:seq(1, 1000),
    Kinds = [
        [1, 2 | binary:copy(<<"é"/utf8>>, 5000)],
        list_to_tuple(Big),
        maps:from_list([{Key, Key} || Key <- Big]),
        lists:duplicate(5000, $x),
        fun() -> Big end,
        1 bsl 20000,
        <<(binary:copy(<<0>>, 3000))/binary, 1:3>>,
        lists:foldl(fun(_, Inner) -> [Inner] end, Big, Big),
        [binary:copy(<<255>>, 3000)]
    ],
    running([fun idle/0], fun([Pid]) ->
        [Pid ! {kind, Kind} || Kind <- Kinds],
        #{rows := Rows} = Run(messages, spec(Pid, #{limit => 20})),
        ?assertEqual(length(Kinds), length(Rows)),
        [?assert(erlang:external_size(Cut) =< 2000) || {Cut, _, true} <- Rows],
        ?assertEqual([kind], lists:usort([element(1, Cut) || {Cut, _, true} <- Rows])),
        {{kind, [1, 2, {'$beamscope_cut', _}]}, _, true} = hd(Rows),
        {{kind, Characters}, _, true} = lists:nth(4, Rows),
        ?assertMatch([[$x, $x | _], _], string:split(Characters, "...$beamscope_cut:")),
        %% The first bytes of what is no text could be a secret's.
        {{kind, [<<"...$beamscope_cut:3000">>]}, _, true} = lists:last(Rows)
    end).

long_queue(Run) ->
    running([fun idle/0], fun([Pid]) ->
        [Pid ! hello || _ <- lists:seq(1, 6)],
        Told = Run(messages, spec(Pid, #{max_messages => 5})),
        ?assertEqual(#{name => [], count => 6, refused => messages}, maps:remove(status, Told))
    end).

large_queue(Run) ->
    running([fun() -> process_flag(message_queue_data, on_heap), idle() end], fun([Pid]) ->
        Pid ! lists:seq(1, 100000),
        #{refused := bytes, bytes := Bytes, count := 1} = Run(messages, spec(Pid, #{max_bytes => 100000})),
        ?assert(Bytes > 1000000)
    end),
    running([fun() -> process_flag(message_queue_data, off_heap), lists:seq(1, 200000), idle() end], fun([Pid]) ->
        Pid ! small,
        ?assertMatch(#{rows := [{small, _, false}]}, Run(messages, spec(Pid, #{max_bytes => 100000})))
    end).

late_shapes(Run) ->
    running([fun idle/0], fun([Pid]) ->
        Pid ! hello,
        ?assertMatch(
            #{seen := 0, shapes := [], rows := [{hello, _, _}]}, Run(messages, spec(Pid, #{deadline_ms => 0}))
        )
    end).

gone(Run) ->
    Pid = running([fun idle/0], fun([Pid]) -> Pid end),
    ?assertEqual(#{gone => true}, Run(messages, spec(Pid, #{}))).

spec(Pid, Changes) ->
    maps:merge(
        #{
            pid => Pid,
            limit => 10,
            max_messages => 1000,
            max_bytes => 8000000,
            message_bytes => 2000,
            shapes => 20,
            deadline_ms => 5000
        },
        Changes
    ).
