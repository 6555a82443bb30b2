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
      expect(ofKind("module", footprint)).toEqual([{ kind: "module", name: "beamscope_lost_0123abcd", orphan: true }])
      const removed = yield* call("remove_footprint", {})
      expect(removed.structured).toMatchObject({ complete: true, removed: ["beamscope_lost_0123abcd"] })
      expect(
        yield* ask("[erlang:module_loaded(beamscope_lost_0123abcd), erlang:module_loaded(beamscope_not_ours)]")
      ).toBe("[false,true]")
      expect((yield* call("remove_footprint", {})).structured["summary"]).toMatch(/^Nothing on/u)
    }).pipe(using("eval"))
  )

  /** Has a call start a process that nobody is linked to, under this name; with a child, one that is linked to it. */
  const leave = Effect.fnUntraced(function* (name: string, children: 0 | 1 = 0) {
    const { get } = yield* Nodes
    const us = yield* get(node.name)
    const sleep = [atom("timer"), atom("sleep"), termList([atom("infinity")])]
    // Whoever starts a child by `proc_lib` waits for its word, which this one never says.
    const runs = children === 0 ? sleep : [atom("proc_lib"), atom("start_link"), termList(sleep)]
    const pid = yield* us.call("erlang", "spawn", runs)
    yield* us.call("erlang", "register", [atom(name), pid])
    return us.localName
  }, Effect.scoped)
  const standing = (...names: ReadonlyArray<string>) =>
    Effect.map(ask(`[N || N <- [${names.join(", ")}], whereis(N) =/= undefined]`), (text) =>
      text.slice(1, -1).split(",")
    )
  const pidOf = (name: string) => ask(`whereis(${name})`)

  it.live.each(["eval", "load"] as const)(
    "is also what a call left behind, and is ended unless others are linked to it (%s)",
    (agent) =>
      Effect.gen(function* () {
        const us = yield* leave("left")
        yield* leave("linked", 1)
        yield* ask("spawn(fun() -> link(whereis(linked)), register(friend, self()), receive stop -> ok end end), ok")
        yield* eventually(Effect.map(pidOf("friend"), (pid) => pid !== "undefined"))
        yield* eventually(Effect.map(ask("length(element(2, process_info(whereis(linked), links)))"), (n) => n === "2"))
        const left = yield* pidOf("left")
        const linked = yield* pidOf("linked")
        const child = yield* ask("hd(element(2, process_info(whereis(linked), links)) -- [whereis(friend)])")
        const footprint = yield* list
        expect(footprint["summary"]).toContain(", 0 workers, 3 processes that calls left behind, ")
        expect(ofKind("leftover", footprint)).toEqual(
          [left, linked, child].map((pid) => ({ kind: "leftover", name: us, pid, orphan: true }))
        )
        const removed = yield* call("remove_footprint", {})
        expect(removed.structured).toMatchObject({
          complete: false,
          ended_count: 1,
          ended: [left],
          still_linked_count: 2,
          still_linked: [linked, child]
        })
        yield* eventually(Effect.map(pidOf("left"), (pid) => pid === "undefined"))
        expect(yield* standing("left", "linked", "friend")).toEqual(["linked", "friend"])

        yield* ask("friend ! stop")
        yield* eventually(Effect.map(pidOf("friend"), (pid) => pid === "undefined"))
        expect((yield* call("remove_footprint", {})).structured).toMatchObject({
          complete: true,
          ended: [linked, child]
        })
        yield* eventually(Effect.map(list, (now) => ofKind("leftover", now).length === 0))
      }).pipe(using(agent))
  )

  it.live("is not what a call under way has started and minds", () =>
    Effect.gen(function* () {
      const { get } = yield* Nodes
      const us = yield* get(node.name)
      // The worker waits for a word of its child, which it is linked to, and which never says it.
      const fiber = yield* Effect.forkChild(
        us.call("proc_lib", "start_link", [atom("timer"), atom("sleep"), termList([60_000])], { timeoutMillis: 60_000 })
      )
      yield* eventually(Effect.map(list, (footprint) => ofKind("worker", footprint).length === 2))
      expect(ofKind("leftover", yield* list)).toEqual([])
      expect((yield* call("remove_footprint", {})).structured).toMatchObject({ complete: true, ended_count: 0 })
      expect(ofKind("worker", yield* list)).toHaveLength(2)
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(list, (footprint) => ofKind("worker", footprint).length === 0))
    }).pipe(Effect.scoped, using("eval"))
  )

  it.live("of another Beamscope is let be as long as that one is there", () =>
    Effect.gen(function* () {
      const others = yield* Effect.gen(function* () {
        const name = yield* leave("left")
        yield* Effect.gen(function* () {
          const footprint = yield* list
          expect(ofKind("link", footprint)).toContainEqual({ kind: "link", name, own: false })
          expect(ofKind("leftover", footprint)).toEqual([{ kind: "leftover", name, pid: yield* pidOf("left") }])
          expect((yield* call("remove_footprint", {})).structured).toMatchObject({ complete: true, ended_count: 0 })
        }).pipe(using("eval"))
        return name
      }).pipe(using("eval"))
      yield* Effect.gen(function* () {
        yield* eventually(Effect.map(list, (footprint) => ofKind("link", footprint).length === 1))
        const pid = yield* pidOf("left")
        expect(ofKind("leftover", yield* list)).toEqual([{ kind: "leftover", name: others, pid, orphan: true }])
        const removed = yield* call("remove_footprint", {})
        expect(removed.structured).toMatchObject({ complete: true, ended_count: 1, ended: [pid] })
        expect(removed.text).toContain("ended 1 process.")
        yield* eventually(Effect.map(pidOf("left"), (now) => now === "undefined"))
      }).pipe(using("eval"))
    })
  )
})
