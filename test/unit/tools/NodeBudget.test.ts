import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { ErlangNode } from "../../../src/node/ErlangNode.ts"
import { Deadline } from "../../../src/tools/Deadline.ts"
import { CallLimits, takePlace, takeSecondPlace } from "../../../src/tools/NodeBudget.ts"
import * as Tool from "../../../src/tools/Tool.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
// Else read by the first call, whose time here stands still.
import "../../../src/tools/Dispatch.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { call, catalogueLayer } from "../../support/Tools.ts"

/** Counts the calls that are at work on a node, which take a second each. */
const counter = () => {
  const seen = { now: 0, most: 0, done: 0 }
  const work = Effect.acquireUseRelease(
    Effect.sync(() => (seen.most = Math.max(seen.most, ++seen.now))),
    () => Effect.andThen(Effect.sleep(1_000), () => Effect.sync(() => seen.done++)),
    () => Effect.sync(() => seen.now--)
  )
  return { seen, work }
}

const worker = (name: string, cost: Tool.Cost, work: Effect.Effect<unknown>) =>
  Tool.make({
    name,
    title: name,
    description: name,
    toolset: "toys",
    access: "inspect",
    cost,
    target: "connected",
    input: {},
    output: { done: Schema.Boolean },
    run: () => Effect.as(work, { summary: "Done.", data: { done: true } })
  })

const together = <A, E, R>(times: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(
    Effect.all(
      Array.from({ length: times }, () => Effect.result(effect)),
      { concurrency: "unbounded" }
    )
  )

describe("the budget of a node", () => {
  it.effect.each([
    ["cheap", 64],
    ["moderate", 4],
    ["heavy", 4]
  ] as const)("lets calls of cost %s work on it %d at a time, and each in its turn", ([cost, places]) =>
    Effect.gen(function* () {
      const { seen, work } = counter()
      const tool = worker("work", cost, work)
      const fiber = yield* together(places * 3, call("work", {})).pipe(
        Effect.provide(catalogueLayer({ up: [fakeNode()] }, [tool]))
      )
      yield* TestClock.adjust(999)
      expect(seen).toEqual({ now: places, most: places, done: 0 })
      yield* TestClock.adjust(2_001)
      const results = yield* Fiber.join(fiber)
      expect(results.map(({ _tag }) => _tag)).toEqual(results.map(() => "Success"))
      expect(seen).toEqual({ now: 0, most: places, done: places * 3 })
    })
  )

  it.effect("is one for moderate and heavy calls together, and does not hold up cheap ones", () =>
    Effect.gen(function* () {
      const [costly, cheap] = [counter(), counter()]
      const tools = [
        worker("moderate", "moderate", costly.work),
        worker("heavy", "heavy", costly.work),
        worker("cheap", "cheap", cheap.work)
      ]
      yield* Effect.gen(function* () {
        const busy = yield* together(3, Effect.andThen(call("moderate", {}), call("heavy", {})))
        const more = yield* together(3, call("heavy", {}))
        const quick = yield* together(1, call("cheap", {}))
        yield* TestClock.adjust(1_000)
        yield* Fiber.join(quick)
        yield* TestClock.adjust(3_000)
        yield* Effect.all([Fiber.join(busy), Fiber.join(more)])
      }).pipe(Effect.provide(catalogueLayer({ up: [fakeNode()] }, tools)))
      expect(costly.seen).toEqual({ now: 0, most: 4, done: 9 })
    })
  )

  it.effect("is each node's own", () =>
    Effect.gen(function* () {
      const { seen, work } = counter()
      const world = { up: [fakeNode({ name: "a@box" }), fakeNode({ name: "b@box" })] }
      const fiber = yield* Effect.gen(function* () {
        yield* together(9, call("work", { node: "a" }))
        return yield* together(4, call("work", { node: "b" }))
      }).pipe(Effect.provide(catalogueLayer(world, [worker("work", "heavy", work)])))
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(fiber)
      expect(seen.most).toBe(8)
    })
  )

  it.effect("is set by a layer", () =>
    Effect.gen(function* () {
      const { seen, work } = counter()
      const fiber = yield* together(4, call("work", {})).pipe(
        Effect.provide(
          catalogueLayer({ up: [fakeNode()] }, [worker("work", "heavy", work)]).pipe(
            Layer.provide(Layer.succeed(CallLimits, { cheap: 1, costly: 2 }))
          )
        )
      )
      yield* TestClock.adjust(2_000)
      yield* Fiber.join(fiber)
      expect(seen).toEqual({ now: 0, most: 2, done: 4 })
    })
  )

  it.effect("tells who waits in vain what was before it, within the time of the call", () =>
    Effect.gen(function* () {
      const stuck = [worker("scan", "moderate", Effect.never), worker("copy", "heavy", Effect.never)]
      yield* Effect.gen(function* () {
        const before = yield* together(3, call("scan", { timeout_ms: 20_000 }))
        yield* together(1, call("copy", { timeout_ms: 20_000 }))
        yield* Effect.yieldNow
        const late = yield* Effect.forkChild(Effect.flip(call("scan", { timeout_ms: 1_000 })))
        yield* TestClock.adjust(1_000)
        const error = yield* Fiber.join(late)
        expect(error).toMatchObject({ code: "too_busy", retryable: true })
        expect(error.message).toContain("app@localhost is busy with")
        expect(error.message).toContain("(3 scan, 1 copy), and scan waited 800 ms")
        // Who gives up frees its place.
        yield* Fiber.interrupt(before)
        const next = yield* Effect.forkChild(Effect.flip(call("scan", { timeout_ms: 1_000 })))
        yield* TestClock.adjust(1_000)
        expect(yield* Fiber.join(next)).toMatchObject({ code: "timeout" })
      }).pipe(Effect.provide(catalogueLayer({ up: [fakeNode()] }, stuck)))
    })
  )

  it.effect("bounds the round trips of list_nodes and connect_node too, but never keeps from disconnecting", () =>
    Effect.gen(function* () {
      const { seen, work } = counter()
      const node = { ...fakeNode(), roundTrip: () => Effect.as(Effect.timeoutOption(work, 900), 1) }
      yield* Effect.gen(function* () {
        const lists = yield* together(100, call("list_nodes", {}))
        const connects = yield* together(100, call("connect_node", {}))
        yield* TestClock.adjust(500)
        expect(seen.now).toBe(64)
        expect((yield* call("disconnect_node", {})).structured["disconnected"]).toBe(true)
        yield* TestClock.adjust(10_000)
        yield* Effect.all([Fiber.join(lists), Fiber.join(connects)])
      }).pipe(Effect.provide(catalogueLayer({ epmdPort: 1, up: [node] }, allTools)))
      expect(seen.most).toBe(64)
    })
  )
})

/** A call that has its place on one node when it asks for one on another, and then works for a second. */
const onBoth = (first: ErlangNode, second: ErlangNode) => {
  const tool = { name: "compare", cost: "moderate" } as const
  return takePlace(first, tool).pipe(
    Effect.andThen(Effect.sleep(10)),
    Effect.andThen(takeSecondPlace(first, second, tool)),
    Effect.andThen(Effect.sleep(1_000)),
    Effect.scoped,
    Effect.result,
    Effect.provideService(CallLimits, { cheap: 1, costly: 1 }),
    Effect.provideService(Deadline, { at: 20_000, millis: 5_000 })
  )
}

describe("a place on a second node", () => {
  it.effect("is waited for in one order of nodes only, so that calls both ways do not hold each other up", () =>
    Effect.gen(function* () {
      const [a, b] = [fakeNode({ name: "a@box" }), fakeNode({ name: "b@box" })]
      const fiber = yield* Effect.forkChild(Effect.all([onBoth(a, b), onBoth(b, a)], { concurrency: "unbounded" }))
      yield* TestClock.adjust(10)
      yield* TestClock.adjust(5_000)
      const [forth, back] = yield* Fiber.join(fiber)
      expect(forth._tag).toBe("Success")
      expect(back).toMatchObject({ failure: { code: "too_busy", retryable: true } })
      expect(back).toMatchObject({
        failure: {
          message: expect.stringContaining("(1 compare), and compare does not wait there while it has b@box wait")
        }
      })
      // Whatever was taken is given back.
      const again = yield* Effect.forkChild(onBoth(b, a))
      yield* TestClock.adjust(10)
      yield* TestClock.adjust(1_000)
      expect((yield* Fiber.join(again))._tag).toBe("Success")
    })
  )
})

describe("top_processes with a window", () => {
  it.effect("that fitted before it had to wait says so, and does not blame the argument", () =>
    Effect.gen(function* () {
      const node = fakeNode({ replies: { "beamscope_processes:sample": () => Effect.never } })
      const tools = [worker("copy", "heavy", Effect.sleep(3_000)), ...allTools]
      yield* Effect.gen(function* () {
        yield* together(4, call("copy", {}))
        yield* Effect.yieldNow
        const late = yield* Effect.forkChild(Effect.flip(call("top_processes", { window_ms: 13_000 })))
        yield* TestClock.adjust(3_000)
        const error = yield* Fiber.join(late)
        expect(error).toMatchObject({ code: "timeout", retryable: true })
        expect(error.message).toContain("only 12000 were left once it was connected and its turn had come")
      }).pipe(Effect.provide(catalogueLayer({ up: [node] }, tools)))
    })
  )
})
