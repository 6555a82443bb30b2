#!/usr/bin/env escript
%% Makes src/node/agent/*.generated.ts from the sources of the node-side agent, erlang/agent/src/*.erl: a file a module,
%% and one that holds them together.
%%
%%   scripts/build-agent.escript [MODULE ...]         writes the files, of all modules or of these
%%   scripts/build-agent.escript --check              fails when the files are not what the sources give
%%   scripts/build-agent.escript --test [MODULE ...]  runs their EUnit tests, erlang/agent/test/MODULE_tests.erl, on
%%                                                    both ways to run
%%
%% From one set of forms come a beam and, for each exported function, what erl_eval evaluates. A beam loads on the
%% release that compiled it and on later ones as long as they know its instructions, hence the oldest release that we
%% load on has to compile. Forms lose their positions and the beam everything that it runs without, so that the result
%% depends on the code alone; the hash of the code in the module's name tells one version from another.
-mode(compile).

-define(OLDEST, 25).
-define(NEWEST, 29).

main(Arguments) ->
    Root = filename:dirname(filename:dirname(filename:absname(escript:script_name()))),
    All = [filename:basename(Source, ".erl") || Source <- filelib:wildcard(source(Root, "src", "*"))],
    case Arguments of
        ["--check"] ->
            is_oldest() orelse skip("OTP ~w alone can tell whether the agent is what its sources give", [?OLDEST]),
            Files = [generated(Root, Module) || Module <- lists:sort(All)],
            Stale = [File || {File, Text} <- [holder(Root, All) | Files], file:read_file(File) =/= {ok, Text}],
            Stale =:= [] orelse fail("~ts: not what the sources give; run scripts/build-agent.escript", [Stale]);
        ["--test" | Some] ->
            %% What has a header alone, to test that.
            Shared = [
                Module
             || Source <- filelib:wildcard(source(Root, "test", "*")),
                Module <- [filename:basename(Source, ".erl")],
                not lists:suffix("_tests", Module)
            ],
            Chosen = chosen(Some, All ++ Shared),
            Folder = fun(Module) -> hd(["test" || lists:member(Module, Shared)] ++ ["src"]) end,
            test([build(source(Root, Folder(Module), Module)) || Module <- Chosen], Root, Chosen);
        Some ->
            ok = must_be_oldest(),
            Chosen = chosen(Some, All),
            [ok = file:write_file(File, Text) || {File, Text} <- [generated(Root, Module) || Module <- Chosen]],
            {Holder, Text} = holder(Root, [Module || Module <- All, filelib:is_file(target(Root, Module))]),
            ok = file:write_file(Holder, Text)
    end.

release() -> list_to_integer(erlang:system_info(otp_release)).

is_oldest() -> release() =:= ?OLDEST.

must_be_oldest() ->
    is_oldest() orelse fail("the agent has to be compiled by OTP ~w, this is ~w", [?OLDEST, release()]),
    ok.

skip(Format, Arguments) ->
    io:format("skipped: " ++ Format ++ "~n", Arguments),
    halt(0).

chosen([], All) -> All;
chosen(Some, All) ->
    [fail("there is no module ~ts; there are ~ts", [Module, lists:join(" ", All)]) || Module <- Some -- All],
    Some.

source(Root, Folder, Module) -> filename:join([Root, "erlang/agent", Folder, Module ++ ".erl"]).

target(Root, Name) -> filename:join([Root, "src/node/agent", Name ++ ".generated.ts"]).

fail(Format, Arguments) ->
    io:format(standard_error, Format ++ "~n", Arguments),
    halt(1).

encode(Term) -> term_to_binary(Term, [{minor_version, 2}]).

build(Source) ->
    _ = compiled(Source, [warnings_as_errors]),
    {ok, Parsed} = epp:parse_file(Source, []),
    Forms = [erl_parse:map_anno(fun(_) -> erl_anno:new(0) end, Form) || Form <- Parsed, is_code(Form)],
    [fail("~ts uses bit syntax, and may not load on later releases", [Source]) || {bin, _, _} <- nodes_of(Forms)],
    [{attribute, _, module, Subject} = Attribute | Rest] = Forms,
    <<Version:4/binary, _/binary>> = crypto:hash(sha256, encode(Forms)),
    Name = list_to_atom(lists:concat([Subject, "_", hex(Version)])),
    Named = [setelement(4, Attribute, Name) | Rest],
    {ok, Name, Compiled} = compile:forms(Named, [binary, deterministic, no_line_info]),
    {ok, {Name, Stripped}} = beam_lib:strip(Compiled),
    {ok, {Name, Digest}} = beam_lib:md5(Stripped),
    #{
        subject => Subject,
        name => Name,
        digest => Digest,
        %% What zlib makes of it depends on the zlib.
        beam => zlib:gunzip(Stripped),
        functions => [
            {Function, interpreted(Function, Forms)}
         || {attribute, _, export, Exports} <- Forms, {Function, 1} <- Exports
        ]
    }.

is_code({attribute, _, Name, _}) -> Name =:= module orelse Name =:= export;
is_code(Form) -> element(1, Form) =:= function.

compiled(Source, Options) ->
    case compile:file(Source, [binary, report | Options]) of
        {ok, Module, Beam} -> {Module, Beam};
        error -> fail("~ts does not compile", [Source])
    end.

%% An exported function as `{Evaluate, Functions, Asked, Helping}': an expression over `T', which is all of this, `E', the
%% same in external format, and `A', the argument; every function that is reached, callees first, as `{Name, Needs, Fun}',
%% where a variable of that name holds it in the funs that need it, so that erl_eval needs no handler for local functions;
%% the name of the one that is asked for; and `{Count, Name}' where helpers may be asked `look_at/2', which needs the first
%% so many (beamscope_survey.hrl), else `none'.
interpreted(Function, Forms) ->
    All = maps:from_list([{{Name, Count}, Clauses} || {function, _, Name, Count, Clauses} <- Forms]),
    Defined = maps:remove({expression, 0}, All),
    Helped = [{look_at, 2} || is_map_key({look_at, 2}, Defined)],
    First = lists:foldl(fun(Key, Reached) -> reach(Key, [], Reached, Defined) end, [], Helped),
    Order = reach({Function, 1}, [], First, Defined),
    Holders = maps:from_list(lists:zip(Order, numbered("F", length(Order)))),
    Functions = [defined(Key, map_get(Key, Defined), Holders) || Key <- Order],
    Helping = hd([{length(First), map_get(Key, Holders)} || Key <- Helped] ++ [none]),
    {evaluate(), Functions, map_get({Function, 1}, Holders), Helping}.

defined(Key, Clauses, Holders) ->
    Holder = map_get(Key, Holders),
    Held = hold(shorten(Clauses, []), Holders),
    Names = ['E' | maps:values(Holders)],
    Needs = lists:usort([Name || Node <- nodes_of(Held), Name <- variable(Node), lists:member(Name, Names)]),
    {Holder, Needs -- [Holder], {named_fun, 0, Holder, Held}}.

%% Each fun is made where it sees those alone that it needs: erl_eval asks which variables a fun uses by all that are bound
%% there, and of 127 functions in one place it took 50 ms, of which this takes four.
evaluate() ->
    expression(
        "begin"
        "    {_, Functions, Asked, Helping} = T,"
        "    {Count, Name, Arguments} ="
        "        case {A, Helping} of"
        "            {{look_at, Task, Portion}, {First, LookAt}} -> {First, LookAt, [Task, Portion]};"
        "            _ -> {length(Functions), Asked, [A]}"
        "        end,"
        "    Define = fun({Holder, Needs, Fun}, Known) ->"
        "        Bindings = [{Needed, map_get(Needed, Known)} || Needed <- Needs],"
        "        Known#{Holder => erl_eval:expr(Fun, Bindings, none, none, value)}"
        "    end,"
        "    apply(map_get(Name, lists:foldl(Define, #{'E' => E}, lists:sublist(Functions, Count))), Arguments)"
        "end."
    ).

%% What is evaluated: an expression over the argument, 'A', and over 'E', which holds one of the above in external
%% format. So what travels can be compressed, to a seventh.
run() ->
    expression(
        "(fun(T) -> erl_eval:expr(element(1, T), [{'A', A}, {'E', E}, {'T', T}], none, none, value) end)(binary_to_term(E))."
    ).

expression(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, [Expression]} = erl_parse:parse_exprs(Tokens),
    shorten(erl_parse:map_anno(fun(_) -> erl_anno:new(0) end, Expression), ['A', 'E', 'T']).

numbered(Prefix, Count) ->
    [list_to_atom(Prefix ++ integer_to_list(Number)) || Number <- lists:seq(1, Count)].

%% Appends a function to those reached so far, behind all that it needs.
reach(Key, Callers, Reached, Defined) ->
    Needed = [Callee || Node <- nodes_of(map_get(Key, Defined)), Callee <- callee(Node), is_map_key(Callee, Defined)],
    case {lists:member(Key, Reached), [Callee || Callee <- Needed, lists:member(Callee, Callers)]} of
        {true, _} ->
            Reached;
        {false, []} ->
            Reach = fun(Callee, Known) -> reach(Callee, [Key | Callers], Known, Defined) end,
            lists:foldl(Reach, Reached, lists:usort(Needed) -- [Key]) ++ [Key];
        {false, _} ->
            fail("~p is recursive by way of other functions", [Key])
    end.

callee({call, _, {atom, _, Name}, Arguments}) -> [{Name, length(Arguments)}];
callee({'fun', _, {function, Name, Arity}}) -> [{Name, Arity}];
callee(_) -> [].

%% Calls of local functions, and funs made of them, go to the variables that hold them.
hold(Clauses, Holders) ->
    Hold = fun(Node) ->
        case {Node, [map_get(Key, Holders) || Key <- callee(Node), is_map_key(Key, Holders)]} of
            {{call, _, {atom, _, expression}, []}, []} -> {var, 0, 'E'};
            {{call, _, _, Arguments}, [Holder]} -> {call, 0, {var, 0, Holder}, Arguments};
            {{'fun', _, _}, [Holder]} -> {var, 0, Holder};
            _ -> Node
        end
    end,
    rewrite(Hold, Clauses).

%% Variables by number, but for those that stay: each name is an atom on the node that runs the expression, and bytes of
%% every call.
shorten(Clauses, Stay) ->
    Names = lists:usort([Name || Node <- nodes_of(Clauses), Name <- variable(Node)]) -- Stay,
    Short = maps:from_list(lists:zip(Names, numbered("V", length(Names)))),
    Shorten = fun(Node) ->
        case variable(Node) of
            [Name] when is_map_key(Name, Short) -> setelement(3, Node, map_get(Name, Short));
            _ -> Node
        end
    end,
    rewrite(Shorten, Clauses).

variable({var, _, '_'}) -> [];
variable({var, _, Name}) -> [Name];
variable({named_fun, _, Name, _}) -> [Name];
variable(_) -> [].

rewrite(Change, Node) when is_tuple(Node) -> Change(list_to_tuple(rewrite(Change, tuple_to_list(Node))));
rewrite(Change, [Node | Nodes]) -> [rewrite(Change, Node) | rewrite(Change, Nodes)];
rewrite(_, Other) -> Other.

nodes_of(Node) when is_tuple(Node) -> [Node | nodes_of(tuple_to_list(Node))];
nodes_of([Node | Nodes]) -> nodes_of(Node) ++ nodes_of(Nodes);
nodes_of(_) -> [].

%% A generated file and its text: one module.
generated(Root, Module) ->
    #{subject := Subject, name := Name, digest := Digest, beam := Beam, functions := Functions} =
        build(source(Root, "src", Module)),
    Text = [
        "// Made by scripts/build-agent.escript from erlang/agent/src: change that, then run it.\n\n"
        "import type { AgentModule } from \"./AgentModule.ts\"\n\n",
        io_lib:format("export const ~ts: AgentModule<~ts> = {\n", [
            Subject, lists:join(" | ", [io_lib:format("\"~ts\"", [Function]) || {Function, _} <- Functions])
        ]),
        io_lib:format("  module: \"~ts\",\n  md5: \"~ts\",\n", [Name, hex(Digest)]),
        io_lib:format("  beam: \"~ts\",\n  interpreted: {\n", [base64:encode(Beam)]),
        lists:join(",\n", [
            io_lib:format("    ~ts: \"~ts\"", [Function, base64:encode(encode(Expression))])
         || {Function, Expression} <- Functions
        ]),
        "\n  }\n}\n"
    ],
    {target(Root, Module), unicode:characters_to_binary(Text)}.

%% The file that holds the modules together.
holder(Root, Modules) ->
    Sorted = lists:sort(Modules),
    Text = [
        "// Made by scripts/build-agent.escript from erlang/agent/src: change those, then run it.\n\n",
        "/** OTP releases that load the beams, which the oldest of them compiled. Others interpret. */\n",
        io_lib:format("export const loadsOn = { oldest: ~w, newest: ~w } as const\n", [?OLDEST, ?NEWEST]),
        "\n"
        "/**\n"
        " * The expression that runs an interpreted function, in external format, in base 64. With `E` a binary out\n"
        " * of `interpreted`, compressed or not, `erl_eval:expr(run, [{'A', Argument}, {'E', E}], none, none, value)`\n"
        " * returns what the function returns, raises what it raises, and loads nothing.\n"
        " */\n",
        io_lib:format("export const run = \"~ts\"\n", [base64:encode(encode(run()))]),
        "\n"
        "/** The modules of the node-side agent: read when they are first used, as most runs use few of them. */\n"
        "export const agent = {\n",
        lists:join(",\n", [
            io_lib:format("  ~ts: async () => (await import(\"./~ts.generated.ts\")).~ts", [Module, Module, Module])
         || Module <- Sorted
        ]),
        "\n} as const\n"
    ],
    {target(Root, "agent"), unicode:characters_to_binary(Text)}.

hex(Bytes) -> string:lowercase(binary_to_list(binary:encode_hex(Bytes))).

%% The tests find what they test under a persistent term `{agent, Subject}'. Nothing is written to disk.
test(Modules, Root, Chosen) ->
    [persistent_term:put({agent, Subject}, Module) || #{subject := Subject} = Module <- Modules],
    [{module, Name} = code:load_binary(Name, "", Beam) || #{name := Name, beam := Beam} <- Modules],
    Tests = [
        begin
            {Test, Beam} = compiled(Source, []),
            {module, Test} = code:load_binary(Test, Source, Beam),
            Test
        end
     || Module <- Chosen, Source <- [source(Root, "test", Module ++ "_tests")], filelib:is_file(Source)
    ],
    case eunit:test(Tests, [verbose]) of
        ok -> ok;
        error -> halt(1)
    end.
