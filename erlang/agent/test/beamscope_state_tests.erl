-module(beamscope_state_tests).

-include_lib("eunit/include/eunit.hrl").

-export([
    init/1, handle_call/3, handle_cast/2, handle_info/2, format_status/2, callback_mode/0, handle_event/4, handle_event/2
]).
-export([idle/0]).

-include("beamscope_both_ways.hrl").
-include("beamscope_waiting.hrl").
-include("beamscope_hoard.hrl").
-include("beamscope_within_words.hrl").

both_ways_test_() -> both_ways(tests(), fun run/3).

tests() ->
    [
        {"the state of a gen_server", fun gen_server/1},
        {"a gen_statem, a gen_event, a supervisor, one that sleeps", fun behaviours/1},
        {"what hibernates or is suspended is still of its behaviour", fun out_of_loop/1},
        {"the status, as format_status has it", fun status/1},
        {"a part of the state that a status shows", fun parts_of_status/1},
        {"a part of a state", fun parts/1},
        {"a step for each key, and what a step can stand for", fun keys/1},
        {"a path that can be read in more than one way", fun ways/1},
        {"a list that ends in something else", fun improper/1},
        {"a state that looks like an answer of `sys'", fun like_answers/1},
        {"an agent has rewritten its callback", fun rewritten/1},
        {"a path that leads nowhere", fun no_part/1},
        {"what is large is cut", fun cut/1},
        {"who does not serve system messages is not asked", fun no_sys/1},
        {"a server that hibernates on a large heap is asked up to the limit for heaps", fun large_asleep/1},
        {"a dictionary that is larger than its heap keeps nobody from being asked", fun hoarded/1},
        {"a path begins in what is shown as the state", fun parts_of_behaviours/1},
        {"who is busy is not asked", fun busy/1},
        {"a long queue, a large heap", fun large/1},
        {"a suspended process tells, one that is stopped is not asked", fun suspended/1},
        {"who keeps cookies or keys is not asked", fun secret/1},
        {"no process of TLS or SSH is asked, by their modules", fun tls_and_ssh/1},
        {"who has a name like theirs is asked", fun like_theirs/1},
        {"a process that has ended", fun gone/1},
        {"no answer in time", fun timeout/1}
    ].

gen_server(Run) ->
    with({gen_server, #{a => 1}}, fun(Pid) ->
        ?assertEqual(
            #{
                outcome => told,
                loop => gen_server,
                callback => {?MODULE, init, 1},
                rewritten => false,
                suspended => false,
                fronts => [],
                steps => [],
                term => #{a => 1},
                is_cut => false,
                bytes => erlang:external_size(#{a => 1})
            },
            Run(Pid, #{})
        ),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end),
    ?assertEqual({messages, []}, process_info(self(), messages)).

behaviours(Run) ->
    with({gen_statem, data}, fun(Pid) ->
        ?assertMatch(#{outcome := told, loop := gen_statem, term := {open, data}}, Run(Pid, #{}))
    end),
    {ok, Manager} = gen_event:start({local, agent_test_manager}),
    ok = gen_event:add_handler(Manager, ?MODULE, {event, 7}),
    ?assertMatch(#{loop := gen_event, term := [{?MODULE, false, 7}]}, Run(Manager, #{})),
    gen_event:stop(Manager),
    ?assertMatch(
        #{loop := gen_server, callback := {supervisor, kernel, 1}, term := State} when element(1, State) =:= state,
        Run(whereis(kernel_sup), #{})
    ),
    with({gen_server, hibernate}, fun(Pid) ->
        until(fun() -> element(1, element(2, process_info(Pid, current_function))) =/= gen_server end),
        ?assertMatch(#{outcome := told, term := hibernate}, Run(Pid, #{}))
    end).

%% On OTP up to 28 those that hibernate are in no loop of their behaviour, and those that are suspended never are.
out_of_loop(Run) ->
    load(beamscope_state_server, [
        "-export([init/1, handle_call/3]).",
        "init(Then) -> {ok, state, Then}.",
        "handle_call(_, _, State) -> {reply, State, State}."
    ]),
    load(beamscope_state_machine, [
        "-export([init/1, callback_mode/0, handle_event/4]).",
        "init(hibernate) -> {ok, open, #{key => 7}, hibernate};"
        "init(_) -> {ok, open, #{key => 7}}.",
        "callback_mode() -> handle_event_function.",
        "handle_event(_, _, _, _) -> keep_state_and_data."
    ]),
    lists:foreach(
        fun({Then, IsSuspended}) ->
            {ok, Server} = gen_server:start(beamscope_state_server, Then, []),
            {ok, Machine} = gen_statem:start(beamscope_state_machine, Then, []),
            {ok, Manager} = gen_event:start([{hibernate_after, Time} || hibernate <- [Then], Time <- [1]]),
            ok = gen_event:add_handler(Manager, ?MODULE, {event, 7}),
            {ok, Both} = gen_server:start(?MODULE, {gen_server, state}, []),
            Pids = [Server, Machine, Manager],
            [ok = sys:suspend(Pid) || Pid <- [Both | [Pid || IsSuspended, Pid <- Pids]]],
            Sleeps = fun(Pid) -> process_info(Pid, current_function) =:= {current_function, {erlang, hibernate, 3}} end,
            Release = list_to_integer(erlang:system_info(otp_release)),
            [until(fun() -> Sleeps(Pid) end) || hibernate <- [Then], Release < 29, Pid <- Pids],
            Told = [
                maps:with([loop, suspended, term], Run(Pid, #{path => Path}))
             || {Pid, Path} <- [{Server, []}, {Machine, []}, {Machine, [<<"key">>]}, {Manager, []}, {Both, []}]
            ],
            lists:foreach(fun kill/1, [Both | Pids]),
            ?assertEqual(
                [
                    #{loop => gen_server, suspended => IsSuspended, term => state},
                    #{loop => gen_statem, suspended => IsSuspended, term => {open, #{key => 7}}},
                    #{loop => gen_statem, suspended => IsSuspended, term => 7},
                    #{loop => gen_event, suspended => IsSuspended, term => [{?MODULE, false, 7}]},
                    %% With the callbacks of two behaviours.
                    #{loop => sys, suspended => true, term => state}
                ],
                Told
            )
        end,
        [{hibernate, false}, {infinity, true}]
    ).

load(Module, Texts) ->
    Forms = [
        begin
            {ok, Tokens, _} = erl_scan:string(Text),
            {ok, Form} = erl_parse:parse_form(Tokens),
            Form
        end
     || Text <- [lists:concat(["-module(", Module, ")."]) | Texts]
    ],
    {ok, Module, Code} = compile:forms(Forms),
    {module, Module} = code:load_binary(Module, "made", Code).

status(Run) ->
    with({gen_server, {formatted, secret}}, fun(Pid) ->
        #{outcome := told, term := {status, Pid, {module, gen_server}, [_, running, _, [], Misc]}} =
            Run(Pid, #{request => get_status}),
        ?assertEqual({data, [{"State", formatted}]}, lists:last(Misc))
    end).

parts_of_status(Run) ->
    Part = fun(Pid, Path) -> Run(Pid, #{request => get_status, path => Path}) end,
    with({gen_server, #{shown => #{user => [shown, twice]}, user => hidden}}, fun(Pid) ->
        ?assertMatch(#{outcome := told, term := twice, fronts := [{user}, [shown]]}, Part(Pid, [<<"user">>, 2])),
        ?assertMatch(#{outcome := no_part, kind := map, there := [user]}, Part(Pid, [<<"shown">>]))
    end),
    %% What it makes of its state is not told as one.
    with({gen_server, [bare]}, fun(Pid) ->
        ?assertMatch(#{outcome := told, term := {header, _}}, Part(Pid, [1])),
        ?assertMatch(#{outcome := told, term := [_ | _]}, Part(Pid, [<<"data">>]))
    end),
    with({gen_statem, #{big => {a, b, c}}}, fun(Pid) ->
        ?assertMatch(#{outcome := told, term := c}, Part(Pid, [<<"big">>, 3]))
    end),
    {ok, Manager} = gen_event:start(),
    ok = gen_event:add_handler(Manager, ?MODULE, {event, #{key => only}}),
    ?assertMatch(#{outcome := told, term := only}, Part(Manager, [atom_to_binary(?MODULE, utf8), <<"key">>])),
    gen_event:stop(Manager).

parts(Run) ->
    State = #{
        <<"users">> => [#{name => <<"Ann">>}, #{name => <<"Bo">>, 7 => seven}],
        options => [{depth, 3}, {"text", 4}],
        record => {tagged, one, two},
        ?MODULE => module,
        {t, 1} => #{"by" => pair}
    },
    Term = fun(Text, Value) -> {Text, term_to_binary(Value)} end,
    with({gen_server, State}, fun(Pid) ->
        [
            ?assertMatch({Path, #{outcome := told, term := Value}}, {Path, Run(Pid, #{path => Path})})
         || {Path, Value} <- [
                {[<<"users">>, 2, <<"name">>], <<"Bo">>},
                {[<<"users">>, 2, 7], seven},
                {[<<"options">>, <<"depth">>], 3},
                {[<<"options">>, 1, 2], 3},
                {[<<"record">>, 3], two},
                {[atom_to_binary(?MODULE, utf8)], module},
                {[Term(<<"{t,1}">>, {t, 1}), Term(<<>>, "by")], pair}
            ]
        ],
        [
            ?assertMatch({Path, #{fronts := Fronts}}, {Path, Run(Pid, #{path => Path})})
         || {Path, Fronts} <- [
                {[<<"users">>, 2, <<"name">>], [{<<"users">>}, [#{name => <<"Ann">>}], {name}]},
                {[<<"options">>, 1, 2], [{options}, [], {depth}]},
                {[<<"options">>, 1, 1], [{options}, [], {}]},
                {[<<"record">>, 2], [{record}, {tagged}]},
                {[<<"record">>, 3], [{record}, {tagged, one}]}
            ]
        ]
    end).

keys(Run) ->
    Keys = [
        name, <<"name">>, "name", 1, 1.0, -7, (1 bsl 53) - 1, 1 bsl 100, 1.5, fun lists:map/2, <<5:3>>, {a, {b}}, [1 | 2], #{a => b}, '',
        <<>>, [], nil, self(), '\x{65e5}', 'a.b'
    ],
    Step = fun(Key) -> {<<>>, term_to_binary(Key)} end,
    Pairs = [{Key, {found, Key}} || Key <- Keys],
    [
        with({gen_server, State}, fun(Pid) ->
            [?assertMatch({_, #{term := {found, Key}, fronts := [{Key}]}}, {Key, Run(Pid, #{path => [Step(Key)]})}) || Key <- Keys],
            ?assertMatch(#{outcome := no_part, ambiguous := []}, Run(Pid, #{path => [Step(2.0)]})),
            #{outcome := no_part, ambiguous := Ambiguous} = Run(Pid, #{path => [<<"name">>]}),
            ?assertEqual([<<"name">>, name], Ambiguous),
            %% What it is comes before what it can stand for, of which it is taken for no more than one.
            Packed = [term_to_binary(Key) || Key <- [nothing, name]],
            ?assertMatch(#{term := {found, name}}, Run(Pid, #{path => [[{2, none, Packed, words(<<"name">>)}]]})),
            ?assertMatch(#{term := {found, nil}}, Run(Pid, #{path => [<<"nil">>]}))
        end)
     || State <- [maps:from_list(Pairs), [{name, of_three, elements} | Pairs]]
    ].

ways(Run) ->
    Step = fun(Next, Key) -> {Next, hd([Key || is_integer(Key)] ++ [none]), [term_to_binary(Key)], []} end,
    Path = [[Step(3, 1.5), Step(2, 1)], [Step(3, 5)]],
    At = fun(State) ->
        with({gen_server, State}, fun(Pid) -> maps:with([term, steps, outcome, size], Run(Pid, #{path => Path})) end)
    end,
    ?assertEqual(#{outcome => told, term => whole, steps => [3]}, At(#{1.5 => whole, 1 => {a, b, c, d, e}})),
    ?assertEqual(#{outcome => told, term => e, steps => [2, 3]}, At(#{1 => {a, b, c, d, e}})),
    ?assertEqual(#{outcome => told, term => e, steps => [2, 3]}, At([[a, b, c, d, e]])),
    %% As far as one of them leads.
    ?assertEqual(#{outcome => no_part, steps => [2], size => 4}, At(#{1 => {a, b, c, d}})).

improper(Run) ->
    with({gen_server, lists:seq(1, 40) ++ tail}, fun(Pid) ->
        ?assertMatch(#{term := 31, fronts := [[30]]}, Run(Pid, #{path => [31]})),
        ?assertMatch(#{term := tail, fronts := [[40]]}, Run(Pid, #{path => [41]})),
        ?assertMatch(#{outcome := no_part, size := 41}, Run(Pid, #{path => [42]}))
    end),
    with({gen_server, [a | b]}, fun(Pid) ->
        ?assertMatch(#{term := a}, Run(Pid, #{path => [1]})),
        ?assertMatch(#{term := b}, Run(Pid, #{path => [2]})),
        ?assertMatch(#{outcome := no_part, size := 2}, Run(Pid, #{path => [3]}))
    end).

like_answers(Run) ->
    [
        begin
            with({gen_server, State}, fun(Pid) -> ?assertMatch(#{outcome := told, term := State}, Run(Pid, #{})) end),
            with({gen_statem, State}, fun(Pid) -> ?assertMatch(#{outcome := told, term := {open, State}}, Run(Pid, #{})) end)
        end
     || State <- [{ok, 1}, {error, x}, {ok, {ok, 2}}, {error, {error, 3}}]
    ],
    [
        begin
            {ok, Pid} = gen_statem:start(?MODULE, {state, State}, []),
            ?assertMatch({_, #{outcome := told, term := {State, data}}}, {State, Run(Pid, #{})}),
            kill(Pid)
        end
     || State <- [ok, error]
    ].

rewritten(Run) ->
    [
        with({gen_server, {calls_itself, Callback, state}}, fun(Pid) ->
            ?assertMatch({_, #{callback := Callback, rewritten := Rewritten}}, {Callback, Run(Pid, #{})})
        end)
     || {Callback, Rewritten} <- [
            {{?MODULE, init, 1}, false},
            {{supervisor, ?MODULE, 1}, false},
            %% The function that an agent began with; of the same form, of a module that has no callbacks.
            {{?MODULE, '-start/0-fun-0-', 0}, true},
            {{lists, init, 1}, true}
        ]
    ].

no_part(Run) ->
    with({gen_server, #{users => [{ann, 1}, {bo, 2}], more => {a, b}}}, fun(Pid) ->
        At = fun(Path) -> Run(Pid, #{path => Path}) end,
        ?assertEqual(
            #{outcome => no_part, ambiguous => [], steps => [], fronts => [], kind => map, size => 2, there => [more, users]}, At([<<"usrs">>, 1])
        ),
        ?assertEqual(
            #{outcome => no_part, ambiguous => [], steps => [2], fronts => [{users}], kind => list, size => 2, there => [bo, ann]}, At([<<"users">>, 3])
        ),
        ?assertEqual(
            #{outcome => no_part, ambiguous => [], steps => [2], fronts => [{more}], kind => tuple, size => 2, there => []}, At([<<"more">>, 0])
        ),
        ?assertEqual(
            #{outcome => no_part, ambiguous => [], steps => [2, 3], fronts => [{more}, {}], kind => leaf, size => 0, there => []}, At([<<"more">>, 1, <<"deep">>])
        ),
        Atoms = erlang:system_info(atom_count),
        #{outcome := no_part} = At([<<"agent_test_no_such_", "atom_anywhere">>]),
        #{outcome := no_part} = At([{<<>>, <<131, 119, 28, "agent_test_no_such_atom_here">>}]),
        ?assertEqual(Atoms, erlang:system_info(atom_count))
    end),
    Large = {large, lists:duplicate(1000, $k)},
    with({gen_server, maps:from_list([{Large, 1}, {{t, 1}, 2} | [{Key, 3} || Key <- lists:seq(1000, 1050)]])}, fun(Pid) ->
        #{there := There} = Run(Pid, #{path => [<<"t">>]}),
        ?assertEqual(lists:seq(1000, 1029), There)
    end),
    with({gen_server, #{Large => 1, {t, 1} => 2}}, fun(Pid) ->
        #{there := [{t, 1}, {large, Cut}]} = Run(Pid, #{path => [<<"t">>]}),
        ?assert(length(Cut) < 300)
    end).

cut(Run) ->
    Text = list_to_binary(lists:duplicate(100000, $x)),
    State = #{
        small => kept,
        text => Text,
        characters => lists:duplicate(100000, $y),
        bytes => list_to_binary(lists:duplicate(100000, 0)),
        numbers => lists:seq(1000, 100000),
        improper => lists:seq(1000, 100000) ++ tail,
        codes => [0 | lists:duplicate(100000, $z)],
        deep => lists:foldl(fun(_, Inner) -> [Inner, Text] end, [], lists:seq(1, 10000)),
        wide => maps:from_list([{N, N} || N <- lists:seq(1, 100000)]),
        tuple => list_to_tuple(lists:seq(1, 100000)),
        'fun' => fun() -> Text end,
        bits => <<Text/binary, 1:1>>
    },
    with({gen_server, State}, fun(Pid) ->
        #{is_cut := true, bytes := Bytes, term := Term} = Run(Pid, #{room => 10000}),
        ?assertEqual(erlang:external_size(State), Bytes),
        ?assert(erlang:external_size(Term) < 15000),
        #{
            small := kept,
            text := Cut,
            characters := Characters,
            bytes := <<"...$beamscope_cut:100000">>,
            numbers := [1000, 1001 | _] = Numbers,
            improper := [1000 | _] = Improper,
            codes := [0, {'$beamscope_cut', 100000}],
            deep := [_, _],
            wide := Wide,
            tuple := Tuple,
            'fun' := '$beamscope_cut',
            bits := '$beamscope_cut'
        } = Term,
        ?assertMatch(<<"xxx", _/binary>>, Cut),
        Marked = fun(Shown) -> string:split(Shown, "...$beamscope_cut:") end,
        [Bytes1, More1] = Marked(Cut),
        ?assertEqual(100000, byte_size(Bytes1) + binary_to_integer(More1)),
        [Characters1, More2] = Marked(Characters),
        ?assertEqual(100000, length(Characters1) + list_to_integer(More2)),
        ?assertEqual({'$beamscope_cut', 99001 - (length(Numbers) - 1)}, lists:last(Numbers)),
        %% What an improper list ends in is one more.
        ?assertEqual({'$beamscope_cut', 99002 - (length(Improper) - 1)}, lists:last(Improper)),
        [Left] = [More || {'$beamscope_cut', More} <- maps:keys(Wide)],
        ?assertEqual(100000, Left + map_size(Wide) - 1),
        ?assertMatch({'$beamscope_cut', _}, element(tuple_size(Tuple), Tuple)),
        ?assertMatch(#{is_cut := false, term := 77}, Run(Pid, #{path => [<<"wide">>, 77], room => 10}))
    end),
    %% However deep it is, and however much room there is: each level shown takes a look at all below.
    Levels = fun Levels([Inner]) -> 1 + Levels(Inner); Levels('$beamscope_cut') -> 0 end,
    with({gen_server, lists:foldl(fun(_, Inner) -> [Inner] end, bottom, lists:seq(1, 20000))}, fun(Pid) ->
        #{is_cut := true, term := Chain} = Run(Pid, #{room => 100000}),
        ?assertEqual(32, Levels(Chain))
    end).

no_sys(Run) ->
    Plain = spawn(fun idle/0),
    Started = proc_lib:spawn(fun idle/0),
    Asleep = proc_lib:spawn(fun() -> proc_lib:hibernate(?MODULE, idle, []) end),
    [
        begin
            until(fun() -> process_info(Pid, status) =:= {status, waiting} end),
            ?assertMatch(#{outcome := no_sys, messages := 0, current := {_, _, _}}, Run(Pid, #{})),
            ?assertEqual({messages, []}, process_info(Pid, messages)),
            kill(Pid)
        end
     || Pid <- [Plain, Started, Asleep]
    ].

%% Before OTP 26.2 its dictionary is read for that.
large_asleep(Run) ->
    with({gen_server, large_hibernate}, fun(Pid) ->
        until(fun() -> process_info(Pid, status) =:= {status, waiting} end),
        {_, Words} = process_info(Pid, total_heap_size),
        ?assert(Words > 20000),
        ?assertMatch(#{outcome := told, callback := {?MODULE, init, 1}}, Run(Pid, #{max_heap_words => Words})),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end),
    with({gen_server, large_hibernate}, fun(Pid) ->
        until(fun() -> process_info(Pid, status) =:= {status, waiting} end),
        {_, Words} = process_info(Pid, total_heap_size),
        ?assertMatch(#{outcome := large, heap_words := Words}, Run(Pid, #{max_heap_words => Words - 1})),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end).

%% Only who hibernates, whose dictionary alone says what it is, is not asked where that cannot be read.
hoarded(Run) ->
    with_hoard(state_tests_hoard, fun(Hoard) ->
        Outcome = hd([unread || reads_whole()] ++ [no_sys]),
        ?assertMatch(#{outcome := Outcome, messages := 0}, Run(Hoard, #{max_heap_words => 16384}))
    end),
    with({gen_server, hoard}, fun(Pid) ->
        Callback = hd([unread || reads_whole()] ++ [{?MODULE, init, 1}]),
        ?assertMatch(
            {answer, #{outcome := told, callback := Callback, loop := gen_server, term := hoard}},
            within_words(1000000, fun() -> Run(Pid, #{max_heap_words => 16384}) end)
        ),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end).

parts_of_behaviours(Run) ->
    with({gen_statem, #{big => {a, b, c}}}, fun(Pid) ->
        ?assertMatch(#{term := c, fronts := [{big}, {a, b}]}, Run(Pid, #{path => [<<"big">>, 3]})),
        ?assertMatch(#{outcome := no_part, kind := map, there := [big]}, Run(Pid, #{path => [<<"open">>]}))
    end),
    {ok, Manager} = gen_event:start(),
    ok = gen_event:add_handler(Manager, ?MODULE, {event, #{key => only}}),
    ok = gen_event:add_handler(Manager, {?MODULE, second}, {event, #{key => second}}),
    Named = {<<"{module,second}">>, term_to_binary({?MODULE, second})},
    [
        ?assertMatch({Path, #{term := Value}}, {Path, Run(Manager, #{path => Path})})
     || {Path, Value} <- [
            {[atom_to_binary(?MODULE, utf8), <<"key">>], only},
            {[Named, <<"key">>], second},
            {[1, <<"key">>], second},
            {[2, <<"key">>], only}
        ]
    ],
    ?assertMatch(
        #{outcome := no_part, steps := [], kind := list, size := 2, there := [_, _]}, Run(Manager, #{path => [<<"other">>]})
    ),
    ?assertMatch(#{outcome := no_part, steps := [], kind := list, size := 2}, Run(Manager, #{path => [3]})),
    gen_event:stop(Manager).

busy(Run) ->
    with({gen_server, state}, fun(Pid) ->
        Pid ! block,
        until(fun() -> process_info(Pid, current_function) =:= {current_function, {?MODULE, idle, 0}} end),
        [Pid ! hello || _ <- lists:seq(1, 3)],
        ?assertEqual(
            #{outcome => busy, status => waiting, messages => 3, current => {?MODULE, idle, 0}},
            Run(Pid, #{patience_ms => 50})
        ),
        ?assertEqual({message_queue_len, 3}, process_info(Pid, message_queue_len)),
        Pid ! go_on,
        ?assertMatch(#{outcome := told}, Run(Pid, #{patience_ms => 5000}))
    end).

large(Run) ->
    with({gen_server, lists:seq(1, 100000)}, fun(Pid) ->
        #{outcome := large, heap_words := Words} = Run(Pid, #{max_heap_words => 100000}),
        ?assertEqual({total_heap_size, Words}, process_info(Pid, total_heap_size))
    end),
    with({gen_server, state}, fun(Pid) ->
        Pid ! block,
        [Pid ! hello || _ <- lists:seq(1, 2000)],
        until(fun() -> process_info(Pid, message_queue_len) =:= {message_queue_len, 2000} end),
        ?assertMatch(#{outcome := long_queue, messages := 2000}, Run(Pid, #{}))
    end).

suspended(Run) ->
    with({gen_server, state}, fun(Pid) ->
        sys:suspend(Pid),
        ?assertMatch(#{outcome := told, suspended := true, term := state}, Run(Pid, #{})),
        sys:resume(Pid),
        erlang:suspend_process(Pid),
        ?assertMatch(#{outcome := busy, status := suspended}, Run(Pid, #{})),
        erlang:resume_process(Pid),
        ?assertEqual({messages, []}, process_info(Pid, messages))
    end).

secret(Run) ->
    [secret(Run, Callback, Words) || Callback <- [auth, ssl_gen_statem, tls_sender, dtls_connection], Words <- [1, 20000]],
    secret(Run, {supervisor, tls_connection_sup, 1}, 1).

%% A server that says of itself that it has this callback, on a heap of as many words at least.
secret(Run, Module, Words) when is_atom(Module) ->
    secret(Run, {Module, init, 1}, Words);
secret(Run, Callback, Words) ->
    with({gen_server, {calls_itself, Callback, lists:seq(1, Words)}}, fun(Pid) ->
        [
            ?assertMatch(#{outcome := secret, callback := Callback}, Run(Pid, #{request => Request}))
         || Request <- [get_state, get_status]
        ]
    end).

%% The modules of these applications that have processes: of `ssl' also where it is not loaded, which its processes do
%% without where the distribution runs over TLS.
tls_and_ssh(Run) ->
    [
        begin
            Here = loaded(Application, fun() ->
                {ok, Modules} = application:get_key(Application, modules),
                [secret(Run, Module, 1) || Module <- with_processes(Modules)]
            end),
            ?assert(length(Here) > 15)
        end
     || Application <- [ssl, ssh]
    ],
    Known = loaded(ssl, fun() -> element(2, application:get_key(ssl, modules)) end),
    ?assertEqual(undefined, application:get_application(ssl_gen_statem)),
    [secret(Run, Module, 1) || Module <- with_processes(Known)].

with_processes(Modules) ->
    Starts = [{init, 1}, {callback_mode, 0} | [{start_link, Arity} || Arity <- lists:seq(0, 9)]],
    [
        Module
     || Module <- Modules,
        {module, _} <- [code:ensure_loaded(Module)],
        lists:any(fun({Name, Arity}) -> erlang:function_exported(Module, Name, Arity) end, Starts)
    ].

%% With an application loaded that is not loaded beside.
loaded(Application, Body) ->
    ok = application:load(Application),
    try
        Body()
    after
        ok = application:unload(Application)
    end.

like_theirs(Run) ->
    with({gen_server, {calls_itself, {ssl_cache_of_ours, init, 1}, state}}, fun(Pid) ->
        ?assertMatch(#{outcome := told, term := state}, Run(Pid, #{}))
    end),
    with({gen_server, {calls_itself, {supervisor, tls_things_sup, 1}, state}}, fun(Pid) ->
        ?assertMatch(#{outcome := told}, Run(Pid, #{}))
    end).

gone(Run) ->
    Pid = spawn(fun() -> ok end),
    until(fun() -> not is_process_alive(Pid) end),
    ?assertEqual(#{outcome => gone}, Run(Pid, #{})).

%% Between the look and the request a process may become busy; here it is its answer that takes too long.
timeout(Run) ->
    with({gen_server, {slow_status, self()}}, fun(Pid) ->
        {total_heap_size, Words} = process_info(Pid, total_heap_size),
        ?assertEqual(
            #{outcome => timeout, heap_words => Words}, Run(Pid, #{request => get_status, timeout_ms => 50})
        ),
        Pid ! go_on,
        ?assertEqual(state, gen_server:call(Pid, {become, state})),
        ?assertEqual({messages, []}, process_info(self(), messages))
    end).

run(Way, Pid, Extra) ->
    Spec = maps:merge(
        #{
            pid => Pid,
            request => get_state,
            path => [],
            patience_ms => 1000,
            timeout_ms => 5000,
            max_heap_words => 8000000,
            room => 50000
        },
        Extra
    ),
    answer(Way, read, Spec#{path := path(maps:get(path, Spec))}).

%% A path of which each step is a text, a number, a text and the term that it is written as, or all that can be taken.
path(Steps) ->
    [
        case Step of
            Number when is_integer(Number) -> [{Next, Number, [term_to_binary(Number)], []}];
            {_, Packed} -> [{Next, none, [Packed], []}];
            Text when is_binary(Text) -> [{Next, none, [], words(Text)}];
            Options -> Options
        end
     || {Next, Step} <- lists:zip(lists:seq(2, length(Steps) + 1), Steps)
    ].

words(Text) -> [term_to_binary(Text) | [<<131, 119, (byte_size(Name)), Name/binary>> || Name <- [Text, <<"Elixir.", Text/binary>>]]].


with({Behaviour, State}, Body) ->
    {ok, Pid} = Behaviour:start(?MODULE, {Behaviour, State}, []),
    try
        Body(Pid)
    after
        kill(Pid)
    end.

init({gen_server, hibernate}) -> {ok, hibernate, hibernate};
init({gen_server, hoard}) ->
    hoard(),
    {ok, hoard};
init({gen_server, large_hibernate}) -> {ok, lists:seq(1, 20000), hibernate};
init({gen_server, {calls_itself, Callback, State}}) ->
    put('$initial_call', Callback),
    {ok, State};
init({gen_server, State}) -> {ok, State};
init({state, State}) -> {ok, State, data};
init({gen_statem, Data}) -> {ok, open, Data};
init({event, State}) -> {ok, State}.

handle_call({become, State}, _, _) -> {reply, State, State}.
handle_cast(_, State) -> {noreply, State}.

handle_info(block, State) ->
    idle(),
    {noreply, State};
handle_info(_, State) ->
    {noreply, State}.

format_status(_, [_, {formatted, _}]) ->
    [{data, [{"State", formatted}]}];
format_status(_, [_, #{shown := Shown}]) ->
    [{data, [{"State", Shown}]}];
format_status(_, [_, Name, Data]) ->
    [{data, [{"State", {Name, Data}}]}];
format_status(_, [_, {slow_status, _}]) ->
    idle(),
    [];
format_status(_, [_, State]) ->
    State.

callback_mode() -> handle_event_function.
handle_event(_, _, _, _) -> keep_state_and_data.
handle_event(_, State) -> {ok, State}.
