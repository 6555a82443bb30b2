import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

type Row = Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult, name: string) => (structured[name] ?? []) as ReadonlyArray<Row>

const source = `-module(shop).
-vsn("1.0").
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2, total/2, total/1, odd/3]).
-define(TAX, 1.0).

init(_) -> {ok, []}.
handle_event(_, State) -> {ok, State}.
handle_call(_, State) -> {ok, ok, State}.

%% What all of it costs. Ends here: "...".
-spec total([number()], Rate) -> number() when Rate :: float().
total(Prices, Rate) -> % with tax
    lists:sum(Prices) * (1 + Rate).

-spec total([number()]) -> number().
total(Prices) -> total(Prices, ?TAX).

odd(#{a := [H | _]} = _M, <<B:8, "xy", _/binary>>, {$., 'a b', F}) when is_function(F), H > 1; B =:= 2 ->
    try
        [X || X <- [H, -B, 2.5], X =/= (catch F(X))]
    of
        [] -> case local(H) of true -> begin ok, fun local/1 end; _ -> receive x -> y after 0 -> "z\\"w" end end;
        _ -> if H > 2 -> fun Self(0) -> 0; Self(N) -> Self(N - 1) end; true -> fun lists:map/2 end
    catch
        error:badarg -> error;
        throw:R:St -> {R, St}
    after
        ok
    end.

local(X) -> not (X andalso (X orelse false)).
`

/** A module from a file whose source is beside it, in a place of its own; one without either, and one not loaded. */
const scene = (vsn: string) => `
  Base = filename:join("/tmp", "beamscope_code_" ++ os:getpid()),
  [ok = filelib:ensure_dir(filename:join([Base, D, "x"])) || D <- ["src", "ebin"]],
  Source = filename:join([Base, "src", "shop.erl"]),
  Text = string:replace(${JSON.stringify(source)}, "1.0", "${vsn}", all),
  ok = file:write_file(Source, Text),
  Options = [debug_info, {outdir, filename:join(Base, "ebin")}],
  {ok, shop} = compile:file(Source, Options),
  ok = file:write_file(filename:join([Base, "src", "idle.erl"]), "-module(idle)."),
  {ok, idle} = compile:file(filename:join([Base, "src", "idle.erl"]), Options),
  true = code:add_patha(filename:join(Base, "ebin")),
  {module, shop} = code:load_file(shop),
  {ok, bare, Bare} = compile:forms([{attribute, 1, module, bare}, {attribute, 1, export, [{f, 0}]},
    {function, 2, f, 0, [{clause, 2, [], [], [{atom, 2, ok}]}]}], []),
  {module, bare} = code:load_binary(bare, "bare.beam", Bare),
  ok`

/** Loads a module `twin` of these chunks. */
const loadTwin = (chunks: string) => `begin
  {ok, twin, Beam} = compile:forms([{attribute, 1, module, twin}, {attribute, 1, export, []}], []),
  {ok, _, Chunks} = beam_lib:all_chunks(Beam),
  {ok, Built} = beam_lib:build_module(${chunks}),
  {module, twin} = code:load_binary(twin, "twin.beam", Built), code:purge(twin), ok
end`

describe.each(BeamNode.otpReleases())("the code of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([
      BeamNode.startNode({ otp, cookie: "one", eval: scene("1.0") }),
      BeamNode.startNode({ otp, cookie: "one", eval: scene("2.0") })
    ])
  })
  afterAll(() => Promise.all([node, other].map((it) => it.evaluate(cleanUp).finally(() => it.stop()))))
  const cleanUp = 'os:cmd("rm -r /tmp/beamscope_code_" ++ os:getpid())'
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const folder = Effect.map(ask('filename:join("/tmp", "beamscope_code_" ++ os:getpid())'), (it) => it.slice(1, -1))
  const using = (agent: AgentMode) =>
    Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { agent }))))
  const about = (name: string, input: object = {}) => call(name, { node: node.name, ...input })

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("is listed, with its states", () =>
      Effect.gen(function* () {
        const listed = yield* about("list_modules", { filter: { name: "SHO" } })
        const path = `${yield* folder}/ebin/shop.beam`
        expect(listed.structured).toMatchObject({
          complete: true,
          total: Number(yield* ask("length(code:all_loaded())")),
          matched: 1
        })
        expect(rowsOf(listed, "modules")).toEqual([{ module: "shop", path }])
        const kernel = yield* about("list_modules", { filter: { application: "kernel" }, limit: 200 })
        const loaded =
          "[M || M <- lists:sort(element(2, application:get_key(kernel, modules))), code:is_loaded(M) =/= false]"
        expect(
          `[${rowsOf(kernel, "modules")
            .map((row) => row["module"])
            .join(",")}]`
        ).toBe(yield* ask(loaded))
        const missing = yield* about("list_modules", { filter: { state: "file_missing", name: "bare" } })
        expect(rowsOf(missing, "modules")).toMatchObject([{ module: "bare", marks: ["file_missing"] }])
      }).pipe(using(agent))
    )

    it.live("that changed on disk is found", () =>
      Effect.gen(function* () {
        const changed = about("list_modules", { filter: { state: "changed_on_disk", name: "shop" } })
        expect((yield* changed).structured["matched"]).toBe(0)
        const file = `${yield* folder}/ebin/shop.beam`
        yield* ask(`{ok, _} = file:copy("${file}", "${file}.kept"), ok = file:delete("${file}"),
          {ok, _} = file:copy(code:where_is_file("lists.beam"), "${file}"), ok`)
        const found = yield* changed.pipe(Effect.ensuring(ask(`ok = file:rename("${file}.kept", "${file}")`)))
        expect(rowsOf(found, "modules")).toMatchObject([{ module: "shop", marks: ["changed_on_disk"] }])
      }).pipe(using(agent))
    )

    it.live("tells about a module", () =>
      Effect.gen(function* () {
        const { structured } = yield* about("get_module_info", { module: "shop" })
        const digest = yield* ask(
          'lists:flatten([io_lib:format("~2.16.0b", [B]) || B <- binary_to_list(shop:module_info(md5))])'
        )
        expect(structured).toMatchObject({
          complete: true,
          on_disk: "same",
          md5: digest.slice(1, -1),
          version: '"1.0"',
          behaviours: ["gen_event"],
          source: `${yield* folder}/src/shop.erl`,
          file_bytes: Number(yield* ask("filelib:file_size(code:which(shop))")),
          export_count: 8,
          exports: expect.arrayContaining(["total/1", "total/2", "module_info/0"])
        })
        expect((yield* about("get_module_info", { module: "erlang" })).structured).toMatchObject({
          marks: ["sticky", "preloaded"].slice(Number((yield* ask("code:is_sticky(erlang)")) === "false"))
        })
      }).pipe(using(agent))
    )

    it.live("tells who runs old code of a module, and leaves them as they were", () =>
      Effect.gen(function* () {
        const load = (value: string) =>
          ask(`Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
              "-module(lasting).", "-export([stay/0]).", "stay() -> receive stop -> ${value} end."]],
            {ok, lasting, Code} = compile:forms(Forms), {module, lasting} = code:load_binary(lasting, "lasting.beam", Code), ok`)
        yield* load("one")
        const pid = JSON.parse(
          yield* ask(`register(lingers, spawn(lasting, stay, [])), register(sleeps, spawn(erlang, hibernate, [lasting, stay, []])),
            register(large, spawn_opt(timer, sleep, [infinity], [{min_heap_size, 1000000}])),
            [large ! N || N <- lists:seq(1, 20000)], pid_to_list(whereis(lingers))`)
        ) as string
        expect((yield* about("get_module_info", { module: "lasting" })).structured).not.toHaveProperty(
          "old_code_processes"
        )
        yield* load("two")
        const names = "[lingers, sleeps, large]"
        const state = `[process_info(whereis(N), [message_queue_len, memory, total_heap_size, garbage_collection, current_function]) || N <- ${names}]`
        const before = yield* ask(state)
        const { structured } = yield* about("get_module_info", { module: "lasting" })
        expect(structured).toMatchObject({
          complete: true,
          marks: ["old_code"],
          old_code_processes: 1,
          old_code_pids: [pid],
          hints: expect.arrayContaining([expect.stringMatching(/^get_process_stacktrace /u)])
        })
        expect(yield* ask(state)).toBe(before)
        expect(yield* ask(`[erlang:check_process_code(whereis(N), lasting) || N <- ${names}]`)).toBe(
          "[true,false,false]"
        )
        yield* ask(
          `[exit(whereis(N), kill) || N <- ${names}], code:purge(lasting), code:delete(lasting), code:purge(lasting)`
        )
      }).pipe(using(agent))
    )

    it.live("reads documentation from a file of its own, as OTP up to 26 has it", () =>
      Effect.gen(function* () {
        const chunks = `${yield* folder}/doc/chunks`
        yield* ask(`ok = filelib:ensure_dir("${chunks}/x"), Doc = fun(Text) -> #{<<"en">> => [{p, [], Text}]} end,
          ok = file:write_file("${chunks}/shop.chunk", term_to_binary({docs_v1, [], erlang, <<"application/erlang+html">>,
            Doc([<<"A shop.">>]), #{}, [{{function, total, 2}, [], [<<"total(Prices, Rate)">>],
              Doc([<<"What it costs, with ">>, {code, [], [<<"Rate">>]}, <<".">>]), #{}}]}, [compressed]))`)
        const listed = yield* about("list_module_functions", { module: "shop", filter: { name: "total" } }).pipe(
          Effect.ensuring(ask(`ok = file:delete("${chunks}/shop.chunk")`))
        )
        expect(rowsOf(listed, "functions").map((row) => row["doc"])).toEqual([undefined, "What it costs, with Rate."])
      }).pipe(using(agent))
    )

    it.live("lists functions with what they take", () =>
      Effect.gen(function* () {
        const listed = yield* about("list_module_functions", { module: "shop", filter: { name: "total" } })
        expect(listed.structured).toMatchObject({ complete: true, total: 8, matched: 2 })
        expect(rowsOf(listed, "functions")).toEqual([
          { function: "shop:total/1", spec: "-spec total([number()]) -> number()." },
          { function: "shop:total/2", spec: "-spec total([number()], Rate) -> number() when Rate :: float()." }
        ])
        const binary = yield* about("list_module_functions", { module: "shop", filter: { arity: 2, name: "total" } })
        expect(rowsOf(binary, "functions")).toMatchObject([{ function: "shop:total/2" }])
        const ranked = yield* about("list_module_functions", { module: "shop", sort_by: "arity" })
        const arities = rowsOf(ranked, "functions").map((row) => Number(String(row["function"]).split("/")[1]))
        expect(arities).toEqual(arities.toSorted((one, two) => one - two))
        const all = yield* about("list_module_functions", { module: "shop", all: true, filter: { name: "local" } })
        expect(rowsOf(all, "functions")).toContainEqual(
          expect.objectContaining({ function: "shop:local/1", local: true })
        )
        const bare = yield* about("list_module_functions", { module: "bare" })
        expect(bare.structured).toMatchObject({ complete: false, matched: 3 })
      }).pipe(using(agent))
    )

    it.live("shows the source of a function from its file", () =>
      Effect.gen(function* () {
        const { structured } = yield* about("get_function_source", { function: "shop:total/2" })
        expect(structured).toMatchObject({
          from: "source_file",
          file: `${yield* folder}/src/shop.erl`,
          first_line: 12,
          last_line: 14,
          source:
            "-spec total([number()], Rate) -> number() when Rate :: float().\ntotal(Prices, Rate) -> % with tax\n    lists:sum(Prices) * (1 + Rate)."
        })
        const both = yield* about("get_function_source", { function: "shop:total" })
        expect(both.structured).toMatchObject({ first_line: 12, last_line: 17 })
      }).pipe(using(agent))
    )

    it.live("shows the source of a function from debug information", () =>
      Effect.gen(function* () {
        const file = `${yield* folder}/src/shop.erl`
        yield* ask(`ok = file:rename("${file}", "${file}.away")`)
        const { structured } = yield* about("get_function_source", { function: "shop:odd/3" }).pipe(
          Effect.ensuring(ask(`ok = file:rename("${file}.away", "${file}")`))
        )
        expect(structured["from"]).toBe("debug_info")
        // What is shown is what was compiled.
        const same = yield* ask(`
          Parsed = fun(T) -> {ok, Tokens, _} = erl_scan:string(T), {ok, Form} = erl_parse:parse_form(Tokens), Form end,
          Bare = fun(F) -> erl_parse:map_anno(fun(_) -> 0 end, F) end,
          {ok, {_, [{_, {_, Forms}}]}} = beam_lib:chunks(code:which(shop), [abstract_code]),
          [Odd] = [F || {function, _, odd, 3, _} = F <- Forms],
          Bare(Parsed(${JSON.stringify(structured["source"])})) =:= Bare(Odd)`)
        expect(same).toBe("true")
      }).pipe(using(agent))
    )

    it.live("shows where each anonymous function is written that is listed", () =>
      Effect.gen(function* () {
        const listed = yield* about("list_module_functions", { module: "shop", filter: { name: "-odd/3-" }, all: true })
        const functions = (listed.structured["functions"] as ReadonlyArray<{ function: string }>).map(
          (it) => it.function
        )
        expect(functions.length).toBeGreaterThan(1)
        expect(new Set(functions).size).toBe(functions.length)
        const around = yield* about("get_function_source", { function: "shop:odd/3" })
        for (const name of functions) {
          const { structured } = yield* about("get_function_source", { function: name })
          expect(structured["source"]).toBe(around.structured["source"])
          expect(structured["summary"]).toContain(`shop:odd/3, where ${name} is written, from`)
        }
      }).pipe(using(agent))
    )

    it.live("shows a long function part by part", () =>
      Effect.gen(function* () {
        const file = `${yield* folder}/src/shop.erl`
        const long = Array.from({ length: 700 }, (_, at) => `total(${at}, _) -> "${"long ".repeat(at % 4)}";`)
        yield* ask(`{ok, _} = file:copy("${file}", "${file}.short"),
          ok = file:write_file("${file}", ${JSON.stringify(`${long.join("\n")}\ntotal(_, _) -> last.\n`)})`)
        const shown: Array<string> = []
        yield* Effect.gen(function* () {
          for (let skip: number | undefined = 0; skip !== undefined;) {
            const result: ToolResult = yield* about("get_function_source", {
              function: "shop:total/2",
              skip_lines: skip
            })
            const { structured } = result
            const lines = String(structured["source"]).split("\n")
            const next: string | undefined = /^\.\.\. \d+ more lines: skip_lines (\d+)$/u.exec(lines.at(-1)!)?.[1]
            expect(structured["complete"]).toBe(next === undefined)
            shown.push(...lines.slice(0, next === undefined ? lines.length : -1))
            skip = next === undefined ? undefined : Number(next)
          }
        }).pipe(Effect.ensuring(ask(`ok = file:rename("${file}.short", "${file}")`)))
        expect(shown).toEqual([...long, "total(_, _) -> last."])
      }).pipe(using(agent))
    )

    it.live("says what there is no source of", () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(about("get_function_source", { function: "bare:f/0" }))).toMatchObject({
          code: "not_found",
          message: expect.stringContaining("its file cannot be read")
        })
        expect(yield* Effect.flip(about("get_function_source", { function: "shop:totl/1" }))).toMatchObject({
          code: "not_found",
          didYouMean: ["total"]
        })
        expect(yield* Effect.flip(about("get_function_source", { function: "shop:total/9" }))).toMatchObject({
          message: expect.stringContaining("with 1 or 2 arguments")
        })
        expect(yield* Effect.flip(about("get_function_source", { function: "what?" }))).toMatchObject({
          code: "invalid_input"
        })
      }).pipe(using(agent))
    )

    it.live("loads no module, and makes no atom", () =>
      Effect.gen(function* () {
        yield* about("list_modules")
        yield* about("get_module_info", { module: "shop" })
        const state = "{erlang:system_info(atom_count), length(code:all_loaded())}"
        const before = yield* ask(state)
        expect(yield* Effect.flip(about("get_module_info", { module: "idle" }))).toMatchObject({
          code: "not_found",
          message: expect.stringContaining(
            `is not loaded on ${node.name}. It would be from ${yield* folder}/ebin/idle.beam`
          )
        })
        for (const tool of ["get_module_info", "list_module_functions"]) {
          expect(yield* Effect.flip(about(tool, { module: "Shoop.Nowhere" }))).toMatchObject({ code: "not_found" })
        }
        expect(yield* Effect.flip(about("get_module_info", { module: "shopp" }))).toMatchObject({
          didYouMean: ["shop"]
        })
        yield* about("list_module_functions", { module: "logger", all: true })
        yield* about("get_function_source", { function: "shop:odd/3" })
        expect(yield* ask(state)).toBe(before)
      }).pipe(using(agent))
    )

    it.live("has the same code in a stripped release", () =>
      Effect.gen(function* () {
        const meta = 'Chunks ++ [{"Meta", term_to_binary([{enabled_features, []}])}]'
        yield* Effect.promise(() => Promise.all([node.evaluate(loadTwin(meta)), other.evaluate(loadTwin("Chunks"))]))
        const compared = yield* about("compare_modules", {
          other_node: other.name,
          show: "same_code",
          filter: { name: "twin" }
        })
        // Before OTP 25 there was no such chunk, and none was digested.
        const counts = Number(otp) < 25 ? { same: 1, matched: 0 } : { same: 0, matched: 1, same_code: 1 }
        expect(compared.structured).toMatchObject({ complete: true, changed: 0, ...counts })
        const remove = "{code:delete(twin), code:purge(twin)}"
        yield* Effect.promise(() => Promise.all([node.evaluate(remove), other.evaluate(remove)]))
      }).pipe(using(agent))
    )

    it.live("is compared between nodes", () =>
      Effect.gen(function* () {
        const compared = yield* about("compare_modules", { other_node: other.name })
        expect(compared.structured).toMatchObject({ complete: true, matched: 1, changed: 1, other_node: other.name })
        const [row] = rowsOf(compared, "modules")
        expect(row).toMatchObject({ module: "shop", version: '"1.0"', other_version: '"2.0"' })
        expect(row!["md5"]).not.toBe(row!["other_md5"])
        yield* Effect.promise(() => other.evaluate("{code:purge(bare), code:delete(bare)}"))
        const only = yield* about("compare_modules", {
          other_node: other.name,
          show: "only_here",
          filter: { name: "bare" }
        })
        expect(rowsOf(only, "modules")).toMatchObject([{ module: "bare" }])
        const all = yield* about("compare_modules", {
          other_node: other.name,
          show: "all",
          sort_by: "application",
          limit: 200
        })
        expect(rowsOf(all, "modules")).toContainEqual(
          expect.objectContaining({ module: "shop", difference: "changed" })
        )
        const owners = rowsOf(all, "modules").map((row) => row["application"])
        expect(owners).toEqual(owners.toSorted())
        expect(yield* Effect.flip(about("compare_modules", { other_node: node.name }))).toMatchObject({
          code: "invalid_input"
        })
      }).pipe(using(agent))
    )
  })

  it.live("is compared only with nodes that are allowed", () =>
    Effect.gen(function* () {
      const asked = about("compare_modules", { other_node: "elsewhere@192.0.2.1" })
      expect(yield* Effect.flip(asked)).toMatchObject({ code: "not_allowed" })
    }).pipe(using("auto"))
  )
})
