import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
// Else loaded with the first connection, at the expense of its time.
import "../../../src/node/ErlangNode.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { type World, worldLayer } from "../../support/FakeNodes.ts"
import { eventually } from "../../support/eventually.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"
import { node, oneTarget } from "../../support/oneTarget.ts"
import { call, failIn } from "../../support/Tools.ts"

/** The catalogue over the real registry of nodes, for nodes that EPMD on this port has. */
const over = (epmdPort: number) =>
  Catalogue.layer.pipe(
    Layer.provideMerge(Nodes.layer),
    Layer.provideMerge(oneTarget(epmdPort)),
    Layer.provideMerge(worldLayer({}).pipe(Layer.fresh))
  )

describe("a tool whose node is slow to connect to", () => {
  it.live("tells what the node's EPMD did before its own time is over", () =>
    Effect.gen(function* () {
      const silent = yield* serve(() => {})
      const error = yield* Effect.flip(call("get_system_info", { timeout_ms: 1_000 })).pipe(
        Effect.provide(over(silent))
      )
      expect(error).toMatchObject({ code: "connect_failed", retryable: true })
      expect(error.message).toMatch(/^EPMD on 127\.0\.0\.1:\d+ accepted the connection but gave no answer within/u)
    }).pipe(Effect.scoped)
  )

  it.live.each(["get_system_info", "connect_node"])("tells in which step, with %s", (tool) =>
    Effect.gen(function* () {
      const epmd = yield* serveEpmd({ app: yield* serve(() => {}) })
      const error = yield* Effect.flip(call(tool, { timeout_ms: 1_000 })).pipe(Effect.provide(over(epmd)))
      expect(error).toMatchObject({ code: "connect_failed", retryable: true })
      expect(error.message).toContain(`Connecting to ${node} took longer than`)
      expect(error.message).toContain("waiting for its status")
    }).pipe(Effect.scoped)
  )

  it.live("that joins an attempt under way tells what that waits for when its own time is over", () =>
    Effect.gen(function* () {
      const epmd = yield* serveEpmd({ app: yield* serve(() => {}) })
      yield* Effect.gen(function* () {
        const patient = yield* Effect.forkChild(Effect.exit(call("get_system_info", { timeout_ms: 60_000 })))
        const { list } = yield* Nodes
        yield* eventually(Effect.map(list, (all) => all.some(({ state }) => state._tag === "Connecting")))
        const error = yield* Effect.flip(call("get_memory_info", { timeout_ms: 100 }))
        expect(error).toMatchObject({ code: "connect_failed", retryable: true })
        expect(error.message).toContain(`Connecting to ${node} took longer than`)
        expect(error.message).toContain(
          "while waiting for its status. Something takes connections there and says nothing"
        )
        yield* Fiber.interrupt(patient)
      }).pipe(Effect.provide(over(epmd)))
    }).pipe(Effect.scoped)
  )
})

describe("a cookie that is none", () => {
  it.effect.each(["", "naïve", "x".repeat(256)])(
    "is a mistake in the argument, told before anybody is asked: %j",
    (cookie) =>
      Effect.gen(function* () {
        const error = yield* failIn({}, "connect_node", { node: "app@localhost", cookie })
        expect(error).toMatchObject({ code: "invalid_input", retryable: false })
        expect(error.message).toMatch(/^connect_node: `cookie`: .*; without it, the configured one is used$/u)
        if (cookie !== "") expect(error.message).not.toContain(cookie)
      })
  )
})

describe("a tool that runs out of time without a node", () => {
  it.live("does not speak of calls", () =>
    Effect.gen(function* () {
      const world: World = { epmdPort: yield* serve(() => {}) }
      for (const [tool, input] of [
        ["list_nodes", {}],
        ["get_memory_info", { node: "app" }]
      ] as const) {
        const error = yield* failIn(world, tool, { ...input, timeout_ms: 100 })
        expect(error.code).toBe("timeout")
        expect(error.message).toBe(`${tool} did not finish within 100 ms. Allow more (timeout_ms, up to 120000).`)
      }
    }).pipe(Effect.scoped)
  )
})
