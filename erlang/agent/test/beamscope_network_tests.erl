-module(beamscope_network_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun run/2).

tests() ->
    [
        {"what a socket does not count is not known", fun uncounted/1},
        {"who listens, who is connected, at which number", fun filters/1},
        {"what a filter leaves out counts", fun counted/1}
    ].

spec(More) -> maps:merge(#{sort => bytes_in, order => descending, limit => 100, deadline_ms => 5000}, More).

%% A listener and a connection to it, of each kind that this release has: `{Number, Listener, Ends}'.
with_pairs(Test) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Number} = inet:port(Listener),
    {ok, Client} = gen_tcp:connect({127, 0, 0, 1}, Number, []),
    {ok, Server} = gen_tcp:accept(Listener),
    {Sockets, Pairs} = nif_pair(),
    try
        Test([{Number, Listener, [Client, Server]} | Pairs])
    after
        lists:foreach(fun gen_tcp:close/1, [Client, Server, Listener]),
        lists:foreach(fun socket:close/1, Sockets)
    end.

nif_pair() ->
    {module, socket} = code:ensure_loaded(socket),
    case erlang:function_exported(socket, which_sockets, 0) of
        true -> connected_sockets();
        false -> {[], []}
    end.

connected_sockets() ->
    Any = #{family => inet, addr => {127, 0, 0, 1}, port => 0},
    {ok, Listener} = socket:open(inet, stream, tcp),
    _ = socket:bind(Listener, Any),
    ok = socket:listen(Listener),
    {ok, #{port := Number} = Address} = socket:sockname(Listener),
    {ok, Client} = socket:open(inet, stream, tcp),
    ok = socket:connect(Client, Address),
    {ok, Server} = socket:accept(Listener),
    {[Client, Server, Listener], [{Number, Listener, [Client, Server]}]}.

filters(Run) ->
    Found = fun(Spec) ->
        #{rows := Rows} = Run(spec(Spec)),
        lists:sort([maps:get(port, Row, maps:get(socket, Row, none)) || {_, Row} <- Rows])
    end,
    with_pairs(fun(Pairs) ->
        [
            begin
                ?assertEqual([Listener], Found(#{port => Number, state => listening})),
                ?assertEqual(lists:sort(Ends), Found(#{port => Number, state => connected})),
                ?assertEqual(lists:sort([Listener | Ends]), Found(#{port => Number})),
                ?assertEqual([], Found(#{port => Number, owner => whereis(init)}))
            end
         || {Number, Listener, Ends} <- Pairs
        ],
        {ok, Udp} = gen_udp:open(0),
        {ok, Number} = inet:port(Udp),
        ?assertEqual([[Udp], [], []], [
            Found(Spec#{port => Number})
         || Spec <- [#{}, #{state => listening}, #{state => connected}]
        ]),
        gen_udp:close(Udp)
    end).

counted(Run) ->
    with_pairs(fun(Pairs) ->
        #{total := Total} = Run(spec(#{})),
        ?assert(Total >= 3 * length(Pairs)),
        [
            ?assertMatch(#{total := Total, matched := 0, rows := []}, Run(spec(Filter)))
         || Filter <- [#{name => <<"no such name">>}, #{owner => whereis(init)}, #{min_queue => 1000000}]
        ]
    end).

%% With a module `socket' in place of the real one, whose sockets tell nothing, or a part.
uncounted(Run) ->
    Folder = filename:join(code:lib_dir(kernel), "ebin"),
    Text = [
        "-module(socket).",
        "-export([which_sockets/0, info/1, sockname/1, peername/1]).",
        "which_sockets() -> [mute, partial].",
        "info(mute) -> #{}; info(partial) -> #{counters => [{read_byte, 7}]}.",
        "sockname(_) -> error.",
        "peername(_) -> error."
    ],
    Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Line)))) || Line <- Text],
    {ok, socket, Code} = compile:forms(Forms),
    ok = code:unstick_dir(Folder),
    try
        code:purge(socket),
        {module, socket} = code:load_binary(socket, "socket", Code),
        Spec = #{sort => bytes_in, order => descending, limit => 100, deadline_ms => 5000},
        #{rows := Rows} = Run(Spec#{name => <<"socket">>}),
        ?assertMatch(
            [
                {{7, partial}, #{bytes_in := 7, bytes_out := undefined}},
                {{-1, mute}, #{bytes_in := undefined, bytes_out := undefined}}
            ],
            Rows
        ),
        #{rows := Grown} = Run(Spec#{name => <<"socket">>, window_ms => 1}),
        ?assertMatch(
            [{{0, partial}, #{added_in := 0, added_out := undefined}}, {{-1, mute}, #{added_in := undefined}}], Grown
        )
    after
        code:purge(socket),
        {module, socket} = code:load_file(socket),
        code:stick_dir(Folder)
    end.

run(Way, Spec) -> answer(Way, sockets, Spec).
