import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Nodes } from "../../src/node/Nodes.ts"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Compiles and loads an empty module. */
const load = (name: string) =>
  `(fun() -> {ok, M, B} = compile:forms([{attribute,1,module,${name}}]), {module, M} = code:load_binary(M, "x", B) end)()`

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
      expect(footprint).toMatchObject({ complete: true, worker_count: 0 })
      expect(footprint["links"]).toEqual([expect.objectContaining({ own: true })])
      expect(footprint).not.toHaveProperty("processes")
      expect(footprint).not.toHaveProperty("modules")
      expect(footprint["flags"]).toEqual([
        { flag: "scheduler_wall_time", on: false },
        { flag: "microstate_accounting", on: false }
      ])
      // What was not loaded before is not by our waiting.
      yield* call("top_processes", { window_ms: 100 })
      expect(yield* ask("erlang:module_loaded(timer)")).toBe("false")
    }).pipe(using("eval"))
  )

  it.live("is also what is switched on, and who switches it off", () =>
    Effect.gen(function* () {
      const flags = Effect.map(list, (footprint) => footprint["flags"])
      yield* ask("spawn(fun() -> erlang:system_flag(scheduler_wall_time, true), receive stop -> ok end end)")
      yield* eventually(
        Effect.map(flags, (it) => JSON.stringify(it).includes('{"flag":"scheduler_wall_time","on":true}'))
      )
      // Switched on by somebody else, it is held by nobody of ours.
      yield* ask("erlang:system_flag(microstate_accounting, true)")
      expect(yield* flags).toContainEqual({ flag: "microstate_accounting", on: true })
      yield* ask("erlang:system_flag(microstate_accounting, false)")
      const fiber = yield* Effect.forkChild(
        call("get_microstate_accounting", { window_ms: 10_000, timeout_ms: 30_000 })
      )
      yield* eventually(Effect.map(ask("whereis(beamscope_microstate_keeper)"), (pid) => pid !== "undefined"))
      yield* eventually(
        Effect.map(flags, (it) => JSON.stringify(it).includes('{"flag":"microstate_accounting","on":true,"held_by":"'))
      )
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(flags, (it) => !JSON.stringify(it).includes("held_by")))
    }).pipe(using("eval"))
  )

  it.live.runIf(Number(otp) >= 25)("loaded is also the modules and who minds them, until the link closes", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.gen(function* () {
        yield* call("top_processes", {})
        return yield* list
      }).pipe(using("load"))
      expect(seen["modules"]).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ module: expect.stringMatching(/^beamscope_processes_[0-9a-f]{8}$/u) })
        ])
      )
      expect(seen["processes"]).toEqual(expect.arrayContaining([expect.objectContaining({ minds: "a loaded module" })]))
      yield* Effect.gen(function* () {
        yield* eventually(Effect.map(list, (footprint) => !("modules" in footprint)))
        expect(yield* list).not.toHaveProperty("processes")
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
        yield* eventually(Effect.map(list, (footprint) => footprint["worker_count"] === 1))
        const footprint = yield* list
        expect(footprint["links"]).toHaveLength(2)
        const link = (footprint["workers"] as ReadonlyArray<{ readonly link: string }>)[0]?.link
        expect(footprint["links"]).toContainEqual({ link, own: false })
      }).pipe(using("eval"))
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.scoped)
  )

  it.live("is cleared of what nobody minds, and of nothing else", () =>
    Effect.gen(function* () {
      // As one would be left whose minder somebody killed.
      yield* ask(`${load("beamscope_lost_0123abcd")}, ${load("beamscope_not_ours")}, ok`)
      expect((yield* list)["modules"]).toEqual([{ module: "beamscope_lost_0123abcd", orphan: true }])
      const removed = yield* call("remove_footprint", {})
      expect(removed.structured).toMatchObject({ complete: true, removed: ["beamscope_lost_0123abcd"] })
      expect(
        yield* ask("[erlang:module_loaded(beamscope_lost_0123abcd), erlang:module_loaded(beamscope_not_ours)]")
      ).toBe("[false,true]")
      expect((yield* call("remove_footprint", {})).structured["summary"]).toMatch(/^Nothing on/u)
    }).pipe(using("eval"))
  )
})
