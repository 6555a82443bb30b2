import { afterEach, describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import type { DistReason } from "../../../src/dist/DistError.ts"
import type { NodeError } from "../../../src/node/NodeError.ts"
import { type ConnectOptions, Nodes } from "../../../src/node/Nodes.ts"
import { name, refused, overdue, makeWorld, stateOf, use, settle, changesSeen } from "../../support/FakeWorld.ts"

afterEach(() => void vi.restoreAllMocks())

describe("an attempt that fails", () => {
  it.effect("leaves nothing in the scope of who asked, however often", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const scope = yield* Scope.make()
      world.refuses = refused
      yield* Effect.flip(Scope.provide(nodes.get(name), scope))
      // Its state tells whether anything is to be undone when it closes.
      expect(scope.state._tag).toBe("Empty")
    }).pipe(Effect.provide(layer))
  })
})

describe("an attempt that somebody else began", () => {
  /** One that fails for a reason, after something has happened, and one that was wished for while it was under way. */
  const whileAnother = Effect.fnUntraced(function* (
    world: ReturnType<typeof makeWorld>["world"],
    attempt: Effect.Effect<NodeError, unknown, Nodes>,
    wish: ConnectOptions,
    reason: DistReason,
    meanwhile: Effect.Effect<unknown, never, Nodes> = Effect.void
  ) {
    const gate = yield* Deferred.make<void>()
    world.gate = Deferred.await(gate)
    world.refuses = reason
    const first = yield* Effect.forkChild(attempt, { startImmediately: true })
    const connecting = Effect.scoped(Effect.flatMap(Nodes, (nodes) => nodes.connect(name, wish)))
    const second = yield* Effect.forkChild(Effect.flip(connecting), { startImmediately: true })
    yield* settle
    yield* meanwhile
    yield* Deferred.succeed(gate, undefined)
    return { first, second }
  })

  it.effect("and that only told of a refusal again, is followed by that of who wants the node by name", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "NotAllowed" }
      yield* Effect.flip(use)
      world.refuses = undefined
      const gate = yield* Deferred.make<void>()
      world.resolving = Deferred.await(gate)
      const call = yield* Effect.forkChild(Effect.flip(use), { startImmediately: true })
      const wish = yield* Effect.forkChild(nodes.connect(name), { startImmediately: true })
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(call)).toMatchObject({ reason: { _tag: "NotAllowed" } })
      yield* Fiber.join(wish)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("with another cookie, and that was in vain, is followed by one with one's own", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { first, second } = yield* whileAnother(
        world,
        Effect.flip(use),
        { cookie: Redacted.make("given") },
        refused
      )
      expect(yield* Fiber.join(first)).toMatchObject({ reason: refused })
      expect(yield* Fiber.join(second)).toMatchObject({ reason: refused })
      expect(world.cookies).toEqual(["configured", "given"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("and that takes longer than one has, is told by what is awaited there of the node", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.gate = Effect.never
      yield* Effect.forkChild(use, { startImmediately: true })
      yield* settle
      const late = yield* Effect.forkChild(Effect.flip(nodes.get(name, { timeoutMillis: 1_000 })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(late)).toMatchObject({
        reason: { _tag: "Timeout", phase: "handshake", millis: 1_000, stage: "status" }
      })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("with another cookie, and that took all of one's time, is the last", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const now = vi.spyOn(performance, "now").mockReturnValue(0)
      const wish = { cookie: Redacted.make("given"), timeoutMillis: 1_000 }
      const spend = Effect.sync(() => void now.mockReturnValue(1_000))
      const { second } = yield* whileAnother(world, Effect.flip(use), wish, refused, spend)
      expect(yield* Fiber.join(second)).toMatchObject({
        reason: { _tag: "Timeout", waitingFor: "an attempt that had begun before was still under way" }
      })
      expect(world.attempts).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("and that was told to end, is not followed by another, whatever one wishes", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const wish = { cookie: Redacted.make("given") }
      const end = Effect.flatMap(Nodes, (nodes) => nodes.disconnect(name))
      const { second } = yield* whileAnother(world, Effect.flip(use), wish, refused, end)
      expect(yield* Fiber.join(second)).toMatchObject({ reason: { _tag: "Disconnected" } })
      expect(world.attempts).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([
    ["ran out of more time than one has", undefined, overdue],
    ["found that there is no such node", 1_000, refused]
  ] as const)("and that %s, is one's own too", ([, timeoutMillis, reason]) => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      vi.spyOn(performance, "now").mockReturnValue(0)
      const get = Effect.flatMap(Nodes, (nodes) =>
        nodes.get(name, timeoutMillis === undefined ? {} : { timeoutMillis })
      )
      const { second } = yield* whileAnother(world, Effect.flip(Effect.scoped(get)), { timeoutMillis: 5_000 }, reason)
      expect(yield* Fiber.join(second)).toMatchObject({ reason })
      expect(world.attempts).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("tells who gets its link that he shares that, and nobody else", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const sharing: Array<number> = []
      const gate = yield* Deferred.make<void>()
      world.gate = Deferred.await(gate)
      const waiting = yield* Effect.forEach([1, 2], (each) =>
        Effect.forkChild(nodes.connect(name, { onShared: () => void sharing.push(each) }), { startImmediately: true })
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach(waiting, Fiber.join)
      expect(sharing).toEqual([2])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect.each([
    [49, 1],
    [50, 2]
  ] as const)("and that ran out of time, makes one who has %i ms more see %i attempts", ([more, attempts]) => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const now = vi.spyOn(performance, "now").mockReturnValue(0)
      const gate = yield* Deferred.make<void>()
      world.gate = Deferred.await(gate)
      world.refuses = overdue
      const nodes = yield* Nodes
      const waiting = yield* Effect.forEach([1_000, 1_000 + more], (timeoutMillis) =>
        Effect.forkChild(Effect.flip(Effect.scoped(nodes.get(name, { timeoutMillis }))), { startImmediately: true })
      )
      yield* settle
      now.mockReturnValue(1_000)
      yield* Deferred.succeed(gate, undefined)
      for (const each of waiting) expect(yield* Fiber.join(each)).toMatchObject({ reason: overdue })
      expect(world.attempts).toBe(attempts)
    }).pipe(Effect.provide(layer))
  })
})

describe("an attempt that is given up", () => {
  it.live("ends with the last who waits for it, also where the scope of one whose time was over lives on", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.gate = Effect.never
      const patient = yield* Effect.forkChild(use, { startImmediately: true })
      expect(yield* Effect.flip(nodes.get(name, { timeoutMillis: 1 }))).toMatchObject({ reason: { _tag: "Timeout" } })
      expect(yield* stateOf).toMatchObject({ _tag: "Connecting" })
      yield* Fiber.interrupt(patient)
      expect(yield* stateOf).toMatchObject({ _tag: "Down", why: { reason: { _tag: "Disconnected" } } })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("never tells of a link, though that came up in the same moment", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen = yield* changesSeen
      const gate = Deferred.makeUnsafe<void>()
      world.gate = Deferred.await(gate)
      const waiting = yield* Effect.forkChild(Effect.exit(use), { startImmediately: true })
      yield* settle
      expect(world.attempts).toBe(1)
      // In one turn: nothing runs in between.
      const closed = yield* nodes.disconnect(name)
      Deferred.doneUnsafe(gate, Effect.void)
      expect(closed).toBe("closed")
      yield* settle
      yield* Fiber.join(waiting)
      expect(seen).toEqual([])
      expect(world.open).toBe(0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
