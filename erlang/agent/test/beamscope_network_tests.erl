%% Every test runs twice, with the module loaded and with its forms interpreted. scripts/build-agent.escript --test.
-module(beamscope_network_tests).

-include_lib("eunit/include/eunit.hrl").

both_ways_test_() ->
    [
        {lists:concat([Way, ": what a socket does not count is not known"]), fun() -> uncounted(Way) end}
     || Way <- [loaded, interpreted]
    ].

%% With a module `socket' in place of the real one, whose sockets tell nothing, or a part.
uncounted(Way) ->
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
        #{rows := Rows} = run(Way, Spec#{name => <<"socket">>}),
        ?assertMatch(
            [
                {{7, partial}, #{bytes_in := 7, bytes_out := undefined}},
                {{-1, mute}, #{bytes_in := undefined, bytes_out := undefined}}
            ],
            Rows
        ),
        #{rows := Grown} = run(Way, Spec#{name => <<"socket">>, window_ms => 1}),
        ?assertMatch(
            [{{0, partial}, #{added_in := 0, added_out := undefined}}, {{-1, mute}, #{added_in := undefined}}], Grown
        )
    after
        code:purge(socket),
        {module, socket} = code:load_file(socket),
        code:stick_dir(Folder)
    end.

run(loaded, Spec) ->
    #{name := Module} = persistent_term:get({agent, beamscope_network}),
    binary_to_term(Module:sockets(Spec));
run(interpreted, Spec) ->
    #{functions := Functions} = persistent_term:get({agent, beamscope_network}),
    {sockets, Expression} = lists:keyfind(sockets, 1, Functions),
    binary_to_term(erl_eval:expr(Expression, [{'A', Spec}], none, none, value)).
