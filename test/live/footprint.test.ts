import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { atom, list as termList } from "../../src/etf/Term.ts"
import { Nodes } from "../../src/node/Nodes.ts"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Compiles and loads an empty module. */
const load = (name: string) =>
  `(fun() -> {ok, M, B} = compile:forms([{attribute,1,module,${name}}]), {module, M} = code:load_binary(M, "x", B) end)()`

/** Compiles and loads a module of functions, all of which are exported. */
const compiled = (name: string, functions: ReadonlyArray<string>) =>
  `(fun() ->
    Form = fun(Text) -> {ok, Tokens, _} = erl_scan:string(Text), {ok, Parsed} = erl_parse:parse_form(Tokens), Parsed end,
    Functions = lists:map(Form, [${functions.map((text) => JSON.stringify(text)).join(", ")}]),
    {ok, M, B} = compile:forms([{attribute,1,module,${name}} | Functions], [export_all]),
    {module, M} = code:load_binary(M, "x", B)
  end)()`

type Row = Readonly<Record<string, unknown>>

const rowsOf = (structured: Row) => (structured["footprint"] ?? []) as ReadonlyArray<Row>
const ofKind = (kind: string, structured: Row) => rowsOf(structured).filter((row) => row["kind"] === kind)

describe.each(BeamNode.otpReleases())("our footprint on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeEach(async () => {
    node = await BeamNode.startNode({ otp })
  })
  afterEach(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))
  const list = Effect.map(call("list_footprint", {}), ({ structured }) => structured)

  it.live("interpreted is the link alone", () =>
    Effect.gen(function* () {
      yield* call("top_processes", {})
      const footprint = yield* list
      expect(footprint).toMatchObject({ complete: true, total: 3, matched: 3 })
      expect(footprint).not.toHaveProperty("hints")
      expect(rowsOf(footprint)).toEqual([
        expect.objectContaining({ kind: "link", own: true }),
        { kind: "flag", name: "microstate_accounting", on: false },
        { kind: "flag", name: "scheduler_wall_time", on: false }
      ])
      // What was not loaded before is not by our waiting.
      yield* call("top_processes", { window_ms: 100 })
      expect(yield* ask("erlang:module_loaded(timer)")).toBe("false")
    }).pipe(using("eval"))
  )

  it.live("is also what is switched on, and who switches it off", () =>
    Effect.gen(function* () {
      const flags = Effect.map(list, (footprint) => ofKind("flag", footprint))
      yield* ask("spawn(fun() -> erlang:system_flag(scheduler_wall_time, true), receive stop -> ok end end)")
      yield* eventually(
        Effect.map(flags, (it) => JSON.stringify(it).includes('"name":"scheduler_wall_time","on":true}'))
      )
      // Switched on by somebody else, it is held by nobody of ours.
      yield* ask("erlang:system_flag(microstate_accounting, true)")
      expect(yield* flags).toContainEqual({ kind: "flag", name: "microstate_accounting", on: true })
      yield* ask("erlang:system_flag(microstate_accounting, false)")
      const fiber = yield* Effect.forkChild(
        call("get_microstate_accounting", { window_ms: 10_000, timeout_ms: 30_000 })
      )
      yield* eventually(Effect.map(ask("whereis(beamscope_microstate_keeper)"), (pid) => pid !== "undefined"))
      yield* eventually(
        Effect.map(flags, (it) => JSON.stringify(it).includes('"name":"microstate_accounting","on":true,"minded_by":"'))
      )
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(flags, (it) => !JSON.stringify(it).includes("minded_by")))
    }).pipe(using("eval"))
  )

  it.live.runIf(Number(otp) >= 25)("loaded is also the modules and who minds them, until the link closes", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.gen(function* () {
        yield* call("top_processes", {})
        return yield* list
      }).pipe(using("load"))
      expect(ofKind("module", seen)).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: expect.stringMatching(/^beamscope_processes_[0-9a-f]{8}$/u) })
        ])
      )
      expect(ofKind("process", seen)).toEqual(
        expect.arrayContaining([expect.objectContaining({ minds: "a loaded module" })])
      )
      yield* Effect.gen(function* () {
        yield* eventually(Effect.map(list, (footprint) => ofKind("module", footprint).length === 0))
        expect(ofKind("process", yield* list)).toEqual([])
      }).pipe(using("eval"))
    })
  )

  it.live("shows what is running for us and for another Beamscope", () =>
    Effect.gen(function* () {
      const other = yield* Layer.build(Layer.fresh(liveCatalogue([node])))
      const working = Effect.flatMap(Nodes, ({ get }) =>
        Effect.flatMap(get(node.name), (it) => it.call("timer", "sleep", [60_000], { timeoutMillis: 60_000 }))
      ).pipe(Effect.scoped, Effect.provide(other))
      const fiber = yield* Effect.forkChild(working)
      yield* Effect.gen(function* () {
        yield* eventually(Effect.map(list, (footprint) => ofKind("worker", footprint).length === 1))
        const footprint = yield* list
        expect(footprint["summary"]).toMatch(/2 links of Beamscope \(1 of others\).* 1 worker, /u)
        expect(ofKind("link", footprint)).toHaveLength(2)
        const name = ofKind("worker", footprint)[0]!["name"]
        expect(ofKind("link", footprint)).toContainEqual({ kind: "link", name, own: false })
      }).pipe(using("eval"))
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.scoped)
  )

  it.live("is told page by page, each thing once, and only what is wanted", () =>
    Effect.gen(function* () {
      const lost = ["a", "b", "c"].map((it) => `beamscope_lost_${it}_0123abcd`)
      yield* ask(`${lost.map(load).join(", ")}, ok`)
      const whole = rowsOf(yield* list)
      expect(whole).toHaveLength(6)
      for (const sort_by of ["kind", "name"]) {
        for (const limit of [1, 2, 4]) {
          const seen: Array<Row> = []
          let cursor: string | undefined
          do {
            const page: ToolResult = yield* call("list_footprint", {
              sort_by,
              limit,
              ...(cursor !== undefined && { cursor })
            })
            expect(page.structured).toMatchObject({ total: 6, matched: 6 })
            // What is told of all does not depend on the page.
            expect(page.structured["summary"]).toContain("3 of them with nobody to remove them. ")
            seen.push(...rowsOf(page.structured))
            cursor = page.structured["next_cursor"] as string | undefined
          } while (cursor !== undefined)
          const inOrder = (rows: ReadonlyArray<Row>) =>
            rows.toSorted((a, b) => (`${a["name"]}` < `${b["name"]}` ? -1 : 1))
          expect(seen).toEqual(sort_by === "name" ? inOrder(whole) : whole)
        }
      }
      const { structured } = yield* call("list_footprint", { filter: { kind: "module", name: "LOST_B" } })
      expect(structured).toMatchObject({ total: 6, matched: 1, footprint: [{ name: lost[1], orphan: true }] })
      const none = yield* call("list_footprint", { filter: { kind: "worker" } })
      expect(none.structured["summary"]).toContain("None of 6 entries passes the filter.")
    }).pipe(using("eval"))
  )

  it.live("is cleared of what nobody minds, and of nothing else", () =>
    Effect.gen(function* () {
      // As one would be left whose minder somebody killed.
      yield* ask(`${load("beamscope_lost_0123abcd")}, ${load("beamscope_not_ours")}, ok`)
      const footprint = yield* list
      expect(footprint["summary"]).toMatch(/1 module, 1 of them with nobody to remove them\.$/u)
      expect(footprint["hints"]).toEqual(["remove_footprint"])
      expect(ofKind("module", footprint)).toEqual([{ kind: "module", name: "beamscope_lost_0123abcd", orphan: true }])
      const removed = yield* call("remove_footprint", {})
      expect(removed.structured).toMatchObject({ complete: true, removed: ["beamscope_lost_0123abcd"] })
      expect(
        yield* ask("[erlang:module_loaded(beamscope_lost_0123abcd), erlang:module_loaded(beamscope_not_ours)]")
      ).toBe("[false,true]")
      expect((yield* call("remove_footprint", {})).structured["summary"]).toMatch(/^Nothing on/u)
    }).pipe(using("eval"))
  )

  const here = Effect.flatMap(Nodes, ({ get }) => get(node.name))
  const pidOf = (name: string) => ask(`whereis(${name})`)
  const comes = (name: string) => eventually(Effect.map(pidOf(name), (pid) => pid !== "undefined"))
  const leftovers = Effect.map(call("list_footprint", { filter: { kind: "leftover" } }), ({ structured }) => structured)

  /** Whether what is called so is there still when a module of ours has been removed. */
  const outlives = Effect.fnUntraced(function* (name: string) {
    const pid = yield* pidOf(name)
    yield* ask(`${load("beamscope_lost_0123abcd")}, ok`)
    const { structured } = yield* call("remove_footprint", {})
    expect(structured).toMatchObject({ complete: true, removed: ["beamscope_lost_0123abcd"] })
    expect(yield* ask("erlang:module_loaded(beamscope_lost_0123abcd)")).toBe("false")
    expect(pid).toMatch(/^</u)
    // Asked behind whatever was sent to it before.
    expect(yield* ask(`is_process_alive(whereis(${name}))`)).toBe("true")
    expect(yield* pidOf(name)).toBe(pid)
  })

  it.live.each(["eval", "load"] as const)("is also what calls started, which a person is to judge (%s)", (agent) =>
    Effect.gen(function* () {
      const us = yield* here
      const pid = yield* us.call("erlang", "spawn", [atom("timer"), atom("sleep"), termList([atom("infinity")])])
      yield* us.call("erlang", "register", [atom("left"), pid])
      yield* ask(
        `[spawn(fun() -> link(whereis(left)), register(N, self()), receive stop -> ok end end) || N <- [a, b, c, d, e, f, g]]`
      )
      yield* Effect.forEach([..."abcdefg"], comes)
      yield* ask("erlang:monitor(process, left), ok")
      const found = yield* leftovers
      expect(found["summary"]).toContain(", 0 workers, 1 leftover, ")
      expect(found).toMatchObject({ matched: 1, hints: [`get_process_info {"pid":"${yield* pidOf("left")}"}`] })
      expect(rowsOf(found)).toEqual([
        {
          kind: "leftover",
          name: us.localName,
          pid: yield* pidOf("left"),
          registered_name: "left",
          initial_call: "timer:sleep/1",
          linked_to_count: 7,
          linked_to: expect.objectContaining({ length: 5 }),
          monitored_by_count: 1,
          monitored_by: [yield* ask("self()")]
        }
      ])
      expect(found["notes"]).toContainEqual(expect.stringContaining("by erlang:exit/2 with its pid and kill."))
      // It is found by its own name, too.
      const byName = yield* call("list_footprint", { filter: { name: "LEF" } })
      expect(byName.structured).toMatchObject({ matched: 1, footprint: [{ registered_name: "left" }] })
      yield* outlives("left")
    }).pipe(Effect.scoped, using(agent))
  )

  it.live("is told in part where a call started more than can be looked at", () =>
    Effect.gen(function* () {
      yield* ask(compiled("many", ["start(N) -> [spawn(timer, sleep, [infinity]) || _ <- lists:seq(1, N)], ok."]))
      const us = yield* here
      yield* us.call("many", "start", [5_000])
      const found = yield* leftovers
      expect(found).toMatchObject({
        complete: false,
        notes: expect.arrayContaining([expect.stringContaining("there may be more")])
      })
      expect(found["matched"]).toBeGreaterThanOrEqual(2_000)
      expect(found["matched"]).toBeLessThan(3_000)
    }).pipe(Effect.scoped, using("eval"))
  )

  it.live("is not a cache that a log handler starts within a call of ours", () =>
    Effect.gen(function* () {
      yield* ask(
        compiled("my_handler", [
          "log(_, _) -> ok.",
          "filter_config(Config) -> _ = gen_server:start({local, my_cache}, my_handler, [], []), Config.",
          "init([]) -> {ok, ets:new(my_cache, [named_table, public])}.",
          "handle_call(_, _, State) -> {reply, ok, State}.",
          "handle_cast(_, State) -> {noreply, State}."
        ])
      )
      yield* ask("ok = logger:add_handler(mine, my_handler, #{}), ok")
      yield* call("get_log_configuration", {})
      yield* ask("ets:insert(my_cache, {a, 1})")
      expect(rowsOf(yield* leftovers)).toEqual([
        expect.objectContaining({
          registered_name: "my_cache",
          initial_call: "my_handler:init/1",
          linked_to_count: 0,
          monitored_by_count: 0
        })
      ])
      yield* outlives("my_cache")
      expect(yield* ask("ets:tab2list(my_cache)")).toBe("[{a,1}]")
    }).pipe(using("eval"))
  )

  it.live("is not what a call under way has started, and what its worker is linked to is no leftover", () =>
    Effect.gen(function* () {
      yield* ask(
        compiled("slow", [
          `work() ->
             Self = self(),
             spawn(fun() -> register(helper, self()), receive stop -> Self ! done end end),
             receive done -> finished end.`
        ])
      )
      const us = yield* here
      const working = yield* Effect.forkChild(us.call("slow", "work", [], { timeoutMillis: 60_000 }))
      yield* comes("helper")
      expect(rowsOf(yield* leftovers)).toEqual([expect.objectContaining({ registered_name: "helper" })])
      yield* outlives("helper")
      yield* ask("helper ! stop")
      expect(yield* Fiber.join(working)).toEqual(atom("finished"))

      // A worker, and whom it is linked to: it waits for a word of its child, which never says it.
      const waiting = yield* Effect.forkChild(
        us.call("proc_lib", "start_link", [atom("timer"), atom("sleep"), termList([60_000])], { timeoutMillis: 60_000 })
      )
      yield* eventually(Effect.map(list, (footprint) => ofKind("worker", footprint).length === 2))
      expect(rowsOf(yield* leftovers)).toEqual([])
      yield* Fiber.interrupt(waiting)
      yield* eventually(Effect.map(list, (footprint) => ofKind("worker", footprint).length === 0))
    }).pipe(Effect.scoped, using("eval"))
  )

  it.live("is not what a node on a host that is called beamscope has left", () =>
    Effect.gen(function* () {
      const name = `x${process.pid}_${otp}@beamscope.local`
      const another = yield* Effect.promise(() => BeamNode.startNode({ otp, name, cookie: node.cookie }))
      yield* Effect.gen(function* () {
        yield* Effect.promise(() =>
          another.evaluate(
            `Pid = spawn('${node.name}', timer, sleep, [infinity]), rpc:call('${node.name}', erlang, register, [hotfix, Pid])`
          )
        )
        yield* comes("hotfix")
      }).pipe(Effect.ensuring(Effect.promise(() => another.stop())))
      yield* eventually(Effect.map(ask("nodes(connected)"), (names) => !names.includes(name)))
      expect(rowsOf(yield* leftovers)).toEqual([
        expect.objectContaining({ name, registered_name: "hotfix", initial_call: "timer:sleep/1" })
      ])
      yield* outlives("hotfix")
    }).pipe(using("eval"))
  )
})
