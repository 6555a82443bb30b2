import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { decode } from "../../src/etf/Decode.ts"
import { atom, Binary, list, listItems, map, MapTerm, type Term } from "../../src/etf/Term.ts"
import { type AgentMode, joinNode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const join = (node: BeamNode.BeamNode, agent: AgentMode) =>
  joinNode({ name: node.name, cookie: Redacted.make(node.cookie), epmdPort, agent })

const topByMemory = map([
  [atom("sort"), atom("memory")],
  [atom("limit"), 3],
  [atom("items"), list([atom("registered_name"), atom("memory")])],
  [atom("long_queue"), 10_000],
  [atom("deadline_ms"), 5_000]
])

const rowsOf = (reply: Term) => {
  const answer = reply instanceof Binary ? decode(reply.view()) : undefined
  return answer instanceof MapTerm ? (listItems(answer.atomKey("rows")) ?? []) : []
}

const ourModules = `[M || {M, _} <- code:all_loaded(), lists:prefix("beamscope", atom_to_list(M))]`
const ourProcesses = `[N || N <- registered(), lists:prefix("beamscope", atom_to_list(N))]`

/** What keeps a scheduler busy, and whether much waits for them. */
const spin = "fun Spin() -> Spin() end"
const isCrowded = "lists:sum(erlang:statistics(run_queue_lengths)) >= 5 * erlang:system_info(schedulers_online)"

const loadsHere = (otp: string) => Number(otp) >= 25

describe.each(BeamNode.otpReleases())("the agent on OTP $otp", ({ otp }) => {
  const start = Effect.map(BeamNode.start({ otp }), (node) => ({
    node,
    ask: (text: string) => Effect.promise(() => node.evaluate(text))
  }))

  it.live("interpreted, answers and leaves nothing loaded", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      const us = yield* join(node, "auto")
      expect(rowsOf(yield* us.runAgent("beamscope_processes:page", topByMemory))).toHaveLength(3)
      expect(yield* ask(ourModules)).toBe("[]")
      expect(yield* ask(ourProcesses)).toBe("[]")
    })
  )

  it.live("switched off, says so", () =>
    Effect.gen(function* () {
      const { node } = yield* start
      const us = yield* join(node, "none")
      const error = yield* Effect.flip(us.runAgent("beamscope_processes:page", topByMemory))
      expect(error.reason).toMatchObject({ _tag: "Unsupported", detail: expect.stringContaining("--agent none") })
    })
  )

  it.live("loaded, answers the same, and is taken off when the link closes", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      yield* Effect.scoped(
        Effect.gen(function* () {
          const us = yield* join(node, "load")
          expect(rowsOf(yield* us.runAgent("beamscope_processes:page", topByMemory))).toHaveLength(3)
          const expected = loadsHere(otp) ? /^\[beamscope_processes_[0-9a-f]{8}\]$/u : /^\[\]$/u
          expect(yield* ask(ourModules)).toMatch(expected)
          expect(yield* ask(ourProcesses)).toMatch(expected)
        })
      )
      yield* eventually(Effect.map(ask(ourModules), (text) => text === "[]"))
      yield* eventually(Effect.map(ask(ourProcesses), (text) => text === "[]"))
      expect(node.log()).toBe("")
    })
  )

  it.live.runIf(loadsHere(otp))("stays loaded until the last of several links that use it has closed", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const use = (scope: Scope.Closeable) =>
        Effect.gen(function* () {
          const us = yield* Scope.provide(join(node, "load"), scope)
          yield* us.runAgent("beamscope_processes:page", topByMemory)
          return us
        })
      yield* Effect.all([use(first), use(second)], { concurrency: "unbounded" })
      const us = yield* use(second)
      yield* Scope.close(first, Exit.void)
      yield* eventually(Effect.map(ask("length(nodes(hidden))"), (text) => text === "2"))
      expect(rowsOf(yield* us.runAgent("beamscope_processes:page", topByMemory))).toHaveLength(3)
      expect(yield* ask(ourModules)).not.toBe("[]")
      yield* Scope.close(second, Exit.void)
      yield* eventually(Effect.map(ask(ourModules), (text) => text === "[]"))
    })
  )

  it.live.runIf(loadsHere(otp))("goes on interpreted when somebody takes the module away", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      const us = yield* join(node, "load")
      yield* us.runAgent("beamscope_processes:page", topByMemory)
      yield* ask(`[code:delete(M) || M <- ${ourModules}]`)
      expect(rowsOf(yield* us.runAgent("beamscope_processes:page", topByMemory))).toHaveLength(3)
    })
  )

  it.live.runIf(loadsHere(otp))("is loaded by itself where much waits for a scheduler, and taken off again", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      yield* Effect.scoped(
        Effect.gen(function* () {
          const us = yield* join(node, "auto")
          yield* ask(`[spawn(${spin}) || _ <- lists:seq(1, 8 * erlang:system_info(schedulers_online))], ok`)
          yield* eventually(Effect.map(ask(isCrowded), (text) => text === "true"))
          expect(rowsOf(yield* us.runAgent("beamscope_processes:page", topByMemory))).toHaveLength(3)
          expect(yield* ask(ourModules)).toMatch(/^\[beamscope_processes_[0-9a-f]{8}\]$/u)
        })
      )
      yield* eventually(Effect.map(ask(ourModules), (text) => text === "[]"))
    })
  )

  it.live("is not loaded by itself, however many processes there are", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start
      const us = yield* join(node, "auto")
      yield* ask("[spawn(timer, sleep, [infinity]) || _ <- lists:seq(1, 20000)], ok")
      yield* us.runAgent("beamscope_processes:page", topByMemory)
      expect(us.sparedLoads()).toBe(0)
      // Nor where that would help: to take it off again would keep the code server busy for long.
      yield* ask(`[spawn(${spin}) || _ <- lists:seq(1, 8 * erlang:system_info(schedulers_online))], ok`)
      yield* eventually(Effect.map(ask(isCrowded), (text) => text === "true"))
      // Whether it has an answer in time or not.
      yield* Effect.exit(us.runAgent("beamscope_processes:page", topByMemory))
      expect(us.sparedLoads()).toBe(loadsHere(otp) ? 1 : 0)
      expect(yield* ask(ourModules)).toBe("[]")
    })
  )
})
