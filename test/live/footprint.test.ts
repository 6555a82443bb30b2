import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
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

describe.each(BeamNode.otpReleases())("our footprint on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeEach(async () => {
    node = await BeamNode.startNode({ otp })
  })
  afterEach(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))
  const list = Effect.map(call("list_footprint", {}), ({ structured }) => structured)
  const rowsOf = (structured: Row) => (structured["footprint"] ?? []) as ReadonlyArray<Row>
  const ofKind = (kind: string, structured: Row) => rowsOf(structured).filter((row) => row["kind"] === kind)

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
})
