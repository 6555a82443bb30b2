import { describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DistError } from "../../../src/dist/DistError.ts"
import { atom } from "../../../src/etf/Term.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import type { HealthChange } from "../../../src/node/NodeState.ts"
import { name, lost, makeWorld, statusOf, use, settle } from "../../support/FakeWorld.ts"

describe("the health of a connected node", () => {
  it.effect("is looked at every 15 s while it is in use, and left alone when it is not", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      expect(yield* nodes.health(name)).toMatchObject({ condition: "up", silentMillis: 7, missed: 0 })
      world.sample = { after: 40, fails: undefined }
      yield* TestClock.adjust("31 seconds")
      expect(world).toMatchObject({ samples: 2, tickTimes: 2 })
      expect(yield* nodes.health(name)).toMatchObject({
        condition: "up",
        roundTrip: { p50: 40, p95: 40, samples: 2 },
        runQueue: 1.5
      })
      yield* TestClock.adjust("1 hour")
      // For three minutes after its last use, each look 15 s and its own 40 ms after the last.
      expect(world.samples).toBe(11)
      const { samples } = world
      yield* use
      yield* TestClock.adjust("16 seconds")
      expect(world.samples).toBe(samples + 1)
      expect(yield* nodes.health("other@host")).toBeUndefined()
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is looked at while who holds it has its calls answered, and not told once it is out of date", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      for (let minute = 0; minute < 20; minute++) {
        yield* TestClock.adjust("1 minute")
        world.hear("success")
      }
      expect(world.samples).toBeGreaterThan(70)
      world.sample = { after: 5_000, fails: { _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" } }
      yield* TestClock.adjust("25 seconds")
      expect(yield* nodes.health(name)).toMatchObject({ condition: "degraded" })
      yield* TestClock.adjust("10 minutes")
      expect(yield* nodes.health(name)).toBeUndefined()
      expect(yield* statusOf).not.toHaveProperty("health")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is told as it changes, and keeps no request from the node", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen: Array<HealthChange> = []
      yield* Effect.forkChild(
        Stream.runForEach(yield* nodes.healthChanges, (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true }
      )
      yield* nodes.connect(name)
      world.sample = { after: 5_000, fails: { _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" } }
      yield* TestClock.adjust("175 seconds")
      // Nobody has asked for anything.
      expect((yield* statusOf)?.breaker.counts).toMatchObject({ failures: 0, rejected: 0, opened: 0, successes: 1 })
      expect(seen).toMatchObject([
        { name, before: "up", health: { condition: "degraded", why: ["no answer within 5000 ms"] } },
        { name, before: "degraded", health: { condition: "down" } }
      ])
      world.sample = { after: 0, fails: undefined }
      yield* use
      yield* TestClock.adjust("150 seconds")
      expect(seen.slice(2)).toMatchObject([
        { before: "down", health: { condition: "degraded" } },
        { before: "degraded", health: { condition: "up" } }
      ])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  /** Calls again and again, each in vain after 4 s; looks every second for so long, and gives how the node fares then. */
  const useInVain = Effect.fnUntraced(function* (world: ReturnType<typeof makeWorld>["world"], seconds: number) {
    world.sample = { after: 5_000, fails: { _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" } }
    const nodes = yield* Nodes
    const calling = Effect.flatMap(nodes.get(name), () =>
      Effect.andThen(
        Effect.sleep("4 seconds"),
        Effect.sync(() => world.hear("failure"))
      )
    ).pipe(Effect.scoped, Effect.ignore, Effect.andThen(Effect.sleep("1 second")), Effect.forever)
    const calls = yield* Effect.forkChild(calling, { startImmediately: true })
    for (let second = 0; second < seconds; second++) yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(calls)
    return yield* nodes.health(name)
  })

  it.effect.each([0, 5, 10, 14])(
    "is down within a minute also where calls keep us from looking, %i s after a look",
    (phase) => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        yield* (yield* Nodes).connect(name)
        yield* TestClock.adjust(15_000 + phase * 1_000)
        const frozenAt = yield* Clock.currentTimeMillis
        const clock = yield* Clock.Clock
        world.silentMillis = () => clock.currentTimeMillisUnsafe() - frozenAt
        expect(yield* useInVain(world, 60)).toMatchObject({ condition: "down", why: ["no answer within 5000 ms"] })
        expect((yield* statusOf)?.breaker.counts.opened).toBeGreaterThan(0)
        // One that is thawed has something to say at once.
        world.silentMillis = () => 7
        world.sample = { after: 0, fails: undefined }
        yield* TestClock.adjust("2 minutes")
        expect(yield* (yield* Nodes).health(name)).toMatchObject({ condition: "up" })
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("is not worse where we may not look for something that came since a call was in vain", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* use
      for (let call = 0; call < 3; call++) world.hear("failure")
      yield* TestClock.adjust("3 seconds")
      // The one request that is let through, for half a minute.
      yield* nodes.get(name)
      world.silentMillis = () => 8_000
      yield* TestClock.adjust("12 seconds")
      expect(yield* nodes.health(name)).toMatchObject({ condition: "up", missed: 0 })
      world.silentMillis = () => 31_000
      yield* TestClock.adjust("15 seconds")
      expect(yield* nodes.health(name)).toMatchObject({ condition: "degraded", missed: 1 })
      expect(world.samples).toBe(0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not worse where we may not look because it is silent for less than a look would wait", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* use
      yield* TestClock.adjust("14 seconds")
      for (let call = 0; call < 3; call++) world.hear("failure")
      world.silentMillis = () => 4_999
      yield* TestClock.adjust("1 second")
      expect(yield* (yield* Nodes).health(name)).toMatchObject({ condition: "up", missed: 0 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("has no look that the end of the link came before", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* use
      const cause = new DistError({ node: name, reason: lost })
      world.sample = { after: 0, fails: { _tag: "LinkLost", cause } }
      yield* TestClock.adjust("15 seconds")
      expect(world).toMatchObject({ samples: 1, tickTimes: 0 })
      expect(yield* (yield* Nodes).health(name)).not.toHaveProperty("sampledAt")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not down because of calls that had not the time to be answered", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      // An answer that is late is one, too.
      expect(yield* useInVain(world, 60)).not.toMatchObject({ condition: "down" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is no news of a link that is closed in the moment in which a look at it ends", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen: Array<HealthChange> = []
      yield* Effect.forkChild(
        Stream.runForEach(yield* nodes.healthChanges, (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true }
      )
      yield* use
      const gate = Deferred.makeUnsafe<void>()
      world.sample = {
        after: Deferred.await(gate),
        fails: { _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" }
      }
      yield* TestClock.adjust("15 seconds")
      expect(world.samples).toBe(1)
      // In one turn: nothing runs in between.
      yield* nodes.disconnect(name)
      Deferred.doneUnsafe(gate, Effect.void)
      yield* settle
      expect(seen).toEqual([])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("counts an answer that is none of what was asked for as an answer", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.sample = { after: 3, fails: { _tag: "Raised", class: "error", reason: atom("undef"), stack: [] } }
      yield* TestClock.adjust("16 seconds")
      const health = yield* nodes.health(name)
      expect(health).toMatchObject({ roundTrip: { p50: 3, samples: 1 }, missed: 0 })
      expect(health).not.toHaveProperty("runQueue")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is degraded where the node can run nothing, and says so", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.sample = { after: 3, fails: { _tag: "ProcessTableFull", limit: 1_024, hasBegun: false } }
      yield* TestClock.adjust("31 seconds")
      const why = [expect.stringContaining("its process table is full")]
      expect(yield* nodes.health(name)).toMatchObject({ condition: "degraded", missed: 0, why })
      // A call may have told it, too.
      world.hasRoom = false
      expect((yield* nodes.health(name))?.why).toEqual(why)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is degraded as soon as a call has told that the node can run nothing, until one tells otherwise", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.hasRoom = false
      const why = [expect.stringContaining("its process table is full")]
      expect(yield* nodes.health(name)).toMatchObject({ condition: "degraded", why })
      expect((yield* nodes.list)[0]).toMatchObject({ lack: { _tag: "Processes" }, health: { why } })
      world.hasRoom = true
      expect(yield* nodes.health(name)).toMatchObject({ condition: "up", why: [] })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
