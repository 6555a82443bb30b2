-module(beamscope_code_tests).

-include_lib("eunit/include/eunit.hrl").
-include("beamscope_both_ways.hrl").

both_ways_test_() -> both_ways(tests(), fun answer/3).

tests() ->
    [
        {"the modules that are loaded", fun lists_modules/1},
        {"those of an application, and with marks", fun filters/1},
        {"those that changed on disk, and whose file is gone", fun changed/1},
        {"files are read until the deadline", fun late/1},
        {"one module", fun informs/1},
        {"who runs old code of a module", fun runners/1},
        {"a module that is not loaded", fun absent/1},
        {"the functions of a module", fun functions/1},
        {"what its files hold", fun files/1},
        {"documentation in a file of its own", fun documentation/1},
        {"digests and versions", fun digests/1},
        {"no atom is made", fun atoms/1}
    ].

spec(Extra) -> maps:merge(#{sort => name, order => ascending, limit => 100000, deadline_ms => 10000}, Extra).

rows(#{rows := Rows}) -> [Row || {_, Row} <- Rows].

lists_modules(Run) ->
    #{total := Total, matched := Total, incomplete := []} = Answer = Run(modules, spec(#{})),
    ?assertEqual(lists:sort([Module || {Module, _} <- code:all_loaded()]), [Name || #{name := Name} <- rows(Answer)]),
    [Lists] = [Row || #{name := lists} = Row <- rows(Answer)],
    ?assertMatch(#{application := stdlib, marks := [sticky]}, Lists),
    ?assertEqual(unicode:characters_to_binary(code:which(lists)), map_get(path, Lists)).

filters(Run) ->
    Kernel = [Name || #{name := Name} <- rows(Run(modules, spec(#{application => <<"kernel">>})))],
    {ok, Modules} = application:get_key(kernel, modules),
    ?assertEqual(lists:sort([Module || Module <- Modules, code:is_loaded(Module) =/= false]), Kernel),
    ?assertMatch([#{name := erlang} | _], rows(Run(modules, spec(#{state => preloaded, name => <<"ERLANG">>})))),
    #{rows := [_, _], next := Next} = Run(modules, spec(#{sort => application, limit => 2})),
    #{rows := [_, _]} = Run(modules, spec(#{sort => application, limit => 2, 'after' => term_to_binary(Next)})),
    ?assertError({unknown_atom, _}, Run(modules, spec(#{application => <<"no such application">>}))).

%% Compiles a module to a file and loads it from there.
toy(Value) ->
    Forms = [
        {attribute, 1, file, {"toy.erl", 1}},
        {attribute, 1, module, beamscope_test_toy},
        {attribute, 1, export, [{value, 0}]},
        {function, 2, value, 0, [{clause, 2, [], [], [{integer, 2, Value}]}]}
    ],
    {ok, Module, Beam} = compile:forms(Forms, [debug_info]),
    File = filename:join("/tmp", lists:concat([Module, "-", os:getpid()])),
    ok = filelib:ensure_dir(filename:join(File, "x")),
    Path = filename:join(File, lists:concat([Module, ".beam"])),
    ok = file:write_file(Path, Beam),
    Path.

untoy(Path) ->
    code:purge(beamscope_test_toy),
    code:delete(beamscope_test_toy),
    code:purge(beamscope_test_toy),
    file:delete(Path),
    file:del_dir(filename:dirname(Path)).

changed(Run) ->
    Path = toy(1),
    {module, _} = code:load_abs(filename:rootname(Path)),
    Part = #{name => <<"beamscope_test_toy">>},
    Changed = fun() -> rows(Run(modules, spec(Part#{state => changed_on_disk}))) end,
    ?assertEqual([], Changed()),
    toy(2),
    ?assertMatch([#{marks := [changed_on_disk]}], Changed()),
    ?assertMatch(#{on_disk := changed_on_disk}, Run(module, #{names => [<<"beamscope_test_toy">>]})),
    {module, _} = code:load_abs(filename:rootname(Path)),
    ?assertMatch([#{marks := [old_code]}], rows(Run(modules, spec(Part#{state => old_code})))),
    file:delete(Path),
    ?assertMatch([#{name := beamscope_test_toy}], rows(Run(modules, spec(Part#{state => file_missing})))),
    untoy(Path).

late(Run) ->
    ?assertMatch(
        #{incomplete := [deadline], rows := []}, Run(modules, spec(#{state => changed_on_disk, deadline_ms => -1}))
    ).

informs(Run) ->
    #{name := gen_server, application := stdlib, exports := Exports, md5 := Digest, on_disk := same} =
        Told = Run(module, #{names => [<<"Elixir.gen_server">>, <<"gen_server">>]}),
    ?assertEqual(length(gen_server:module_info(exports)), Exports),
    ?assertEqual(gen_server:module_info(md5), Digest),
    ?assertEqual(filelib:file_size(code:which(gen_server)), map_get(bytes, Told)),
    ?assertMatch({_, _}, lists:keyfind("Code", 1, map_get(held, Told))),
    ?assertMatch(#{behaviours := [supervisor]}, Run(module, #{names => [<<"kernel">>]})).

%% A module whose processes stay in it, in the version `Value'.
lasting(Value) ->
    Texts = [
        "-module(beamscope_test_lasting).", "-export([stay/0]).",
        "stay() -> receive stop -> " ++ integer_to_list(Value) ++ " end."
    ],
    Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- Texts],
    {ok, Module, Beam} = compile:forms(Forms),
    {module, Module} = code:load_binary(Module, "lasting.beam", Beam).

runners(Run) ->
    Ask = fun(Limit) ->
        Run(runners, #{names => [<<"beamscope_test_lasting">>], limit => Limit, deadline_ms => 5000})
    end,
    lasting(1),
    Old = [spawn(beamscope_test_lasting, stay, []) || _ <- lists:seq(1, 3)],
    ?assertMatch(#{running := 0, pids := [], total := Count, seen := Count}, Ask(2)),
    lasting(2),
    New = spawn(beamscope_test_lasting, stay, []),
    ?assertMatch(#{running := 3, total := Count, seen := Count}, Ask(10)),
    ?assertEqual(Old, map_get(pids, Ask(10))),
    ?assertMatch(#{running := 3, pids := [_, _]}, Ask(2)),
    erlang:suspend_process(hd(Old)),
    ?assertMatch(#{running := 3}, Ask(0)),
    erlang:resume_process(hd(Old)),
    ?assertEqual({messages, []}, process_info(hd(Old), messages)),
    Late = Run(runners, #{names => [<<"beamscope_test_lasting">>], limit => 2, deadline_ms => -1}),
    ?assertMatch(#{running := 0, seen := 0}, Late),
    [exit(Pid, kill) || Pid <- [New | Old]],
    code:purge(beamscope_test_lasting),
    code:delete(beamscope_test_lasting),
    code:purge(beamscope_test_lasting).

absent(Run) ->
    #{absent := Path} = Run(module, #{names => [<<"wx_object_no">>, <<"erl_tar">>]}),
    case code:is_loaded(erl_tar) of
        false -> ?assertEqual(unicode:characters_to_binary(code:where_is_file("erl_tar.beam")), Path);
        _ -> ok
    end,
    ?assertMatch(#{absent := none}, Run(functions, spec(#{names => [<<"../lists">>], all => false}))),
    #{absent := none, similar := Similar} = Run(module, #{names => [<<"gen_servr">>]}),
    ?assert(lists:member(gen_server, Similar)).

functions(Run) ->
    Spec = spec(#{names => [<<"lists">>], all => false}),
    Exports = [{Name, Arity} || #{name := Name, arity := Arity, exported := true} <- rows(Run(functions, Spec))],
    ?assertEqual(lists:sort(lists:module_info(exports)), Exports),
    #{total := All} = Run(functions, Spec#{all => true}),
    ?assertEqual(length(lists:module_info(functions)), All),
    ?assertMatch([#{name := keyfind}], rows(Run(functions, Spec#{name => <<"KEYF">>}))),
    Arities = [{Arity, Name} || #{name := Name, arity := Arity} <- rows(Run(functions, Spec#{sort => arity}))],
    ?assertEqual(lists:sort([{Arity, Name} || {Name, Arity} <- Exports]), Arities),
    #{matched := Matched, rows := [{First, _}], next := Next} =
        Run(functions, Spec#{sort => arity, arity => 4, limit => 1}),
    ?assertEqual(length([4 || {_, 4} <- Exports]), Matched),
    ?assertMatch({First, {4, _}}, {Next, First}).

files(Run) ->
    Spec = #{names => [<<"lists">>], chunks => ["AtU8", "none"], source => true},
    Told = Run(files, Spec#{function => <<"reverse">>}),
    #{chunks := [{"AtU8", Atoms}, {"none", missing}], arities := Arities, similar := []} = Told,
    ?assert(is_binary(Atoms)),
    ?assertEqual([1, 2], lists:sort(Arities)),
    case map_get(source, Told) of
        none -> ok;
        #{path := Path, bytes := Bytes} -> ?assertEqual({ok, Bytes}, file:read_file(Path))
    end,
    #{source := none, arities := [], similar := Similar} = Run(files, Spec#{source => false, function => <<"revers">>}),
    ?assert(lists:member(reverse, Similar)).

documentation(Run) ->
    Base = filename:join("/tmp", lists:concat(["beamscope_test_docs-", os:getpid()])),
    [ok = filelib:ensure_dir(filename:join([Base, Folder, "x"])) || Folder <- ["ebin", "doc/chunks"]],
    Toy = toy(1),
    Path = filename:join([Base, "ebin", "beamscope_test_toy.beam"]),
    {ok, _} = file:copy(Toy, Path),
    {module, _} = code:load_abs(filename:rootname(Path)),
    Ask = fun() -> map_get(chunks, Run(files, #{names => [<<"beamscope_test_toy">>], chunks => ["Docs"], source => false})) end,
    ?assertEqual([{"Docs", missing}], Ask()),
    File = filename:join(Base, "doc/chunks/beamscope_test_toy.chunk"),
    ok = file:write_file(File, <<"documentation">>),
    ?assertEqual([{"Docs", <<"documentation">>}], Ask()),
    ok = file:write_file(File, binary:copy(<<0>>, 1500001)),
    ?assertEqual([{"Docs", too_large}], Ask()),
    [ok = file:delete(It) || It <- [File, Path]],
    [ok = file:del_dir(filename:join(Base, Folder)) || Folder <- ["doc/chunks", "doc", "ebin", ""]],
    untoy(Toy).

digests(Run) ->
    #{digests := Digests, incomplete := []} = Run(digests, #{application => <<"stdlib">>}),
    ?assertEqual({lists, lists:module_info(md5), stdlib}, lists:keyfind(lists, 1, Digests)),
    #{digests := All} = Run(digests, #{}),
    ?assertEqual({?MODULE, ?MODULE:module_info(md5), undefined}, lists:keyfind(?MODULE, 1, All)),
    ?assertMatch({_, _, kernel}, lists:keyfind(application, 1, All)),
    ?assertEqual(false, lists:keymember(application, 1, Digests)),
    {ok, Version} = application:get_key(stdlib, vsn),
    ?assertMatch(
        #{versions := [{lists, stdlib, Version, _}]}, Run(versions, #{names => [<<"lists">>, <<"nobody has this">>]})
    ).

atoms(Run) ->
    Names = [<<"nobody calls a module so">>],
    Ask = fun() ->
        Run(module, #{names => Names}),
        Run(functions, spec(#{names => Names, all => true})),
        Run(files, #{names => [<<"erl_scan">>], chunks => ["Dbgi", "Docs"], source => true}),
        Run(modules, spec(#{state => changed_on_disk}))
    end,
    Ask(),
    {Atoms, Loaded} = {erlang:system_info(atom_count), length(code:all_loaded())},
    Ask(),
    ?assertEqual({Atoms, Loaded}, {erlang:system_info(atom_count), length(code:all_loaded())}).
