import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Nodes } from "../../../src/node/Nodes.ts"
import { name, refused, lost, overdue, makeWorld, statusOf, stateOf, use, settle } from "../../support/FakeWorld.ts"

describe("a node in trouble", () => {
  const trouble = Effect.fnUntraced(function* (world: ReturnType<typeof makeWorld>["world"]) {
    yield* use
    for (let call = 0; call < 3; call++) world.hear("failure")
  })

  it.effect("is left in peace, until one request finds that it answers again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* trouble(world)
      const open = yield* Effect.flip(use)
      expect(open).toMatchObject({ _tag: "BreakerOpen", node: name, isProbing: false })
      expect((yield* statusOf)?.breaker).toMatchObject({
        state: { _tag: "Open", until: open._tag === "BreakerOpen" && open.until },
        counts: { failures: 3, rejected: 1, opened: 1 }
      })
      yield* TestClock.adjust("2500 millis")
      const probe = yield* Scope.make()
      yield* Scope.provide(nodes.get(name), probe)
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen", isProbing: true })
      world.hear("success")
      yield* use
      expect((yield* statusOf)?.breaker).toMatchObject({
        state: { _tag: "Closed" },
        counts: { closed: 1, rejected: 2 }
      })
      yield* Scope.close(probe, Exit.void)
      expect(world.attempts).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("lets another through where the request that was came to nothing", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* trouble(world)
      yield* TestClock.adjust("2500 millis")
      yield* use
      // What was under way before says nothing new.
      world.hear("failure")
      yield* Effect.scoped(
        Effect.andThen(
          Effect.flatMap(Nodes, (nodes) => nodes.get(name)),
          Effect.sync(() => world.hear("failure"))
        )
      )
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen", isProbing: false })
    }).pipe(Effect.provide(layer))
  })

  it.effect("lets a request through beside a look at its health, which may find first that it answers again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* use
      world.sample = { after: 2_000, fails: undefined }
      yield* TestClock.adjust("14 seconds")
      for (let call = 0; call < 3; call++) world.hear("failure")
      // The next look is due after the pause.
      while (world.samples === 0) yield* TestClock.adjust("1 second")
      expect((yield* statusOf)?.breaker.state._tag).toBe("HalfOpen")
      yield* use
      yield* TestClock.adjust("2 seconds")
      expect((yield* statusOf)?.breaker).toMatchObject({
        state: { _tag: "Closed" },
        counts: { rejected: 0, closed: 1 }
      })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is tried at once by who asks for a connection, one at a time", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* trouble(world)
      world.sample.after = 1_000
      const trying = yield* Effect.forkChild(nodes.connect(name), { startImmediately: true })
      expect(yield* Effect.flip(Effect.scoped(nodes.connect(name)))).toMatchObject({ isProbing: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(trying)
      yield* use
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("that somebody is trying to connect is not tried once more by who calls: he waits for that", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.refuses = overdue
      for (let call = 0; call < 3; call++) yield* Effect.flip(use)
      world.refuses = undefined
      const gate = yield* Deferred.make<void>()
      world.gate = Deferred.await(gate)
      const trying = yield* Effect.forkChild(Effect.scoped((yield* Nodes).connect(name)), { startImmediately: true })
      const call = yield* Effect.forkChild(use, { startImmediately: true })
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(trying)
      yield* Fiber.join(call)
      expect(world.attempts).toBe(4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("fails who asks for a connection and gets no sign of life, and is left in peace again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* trouble(world)
      world.sample.fails = { _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" }
      expect(yield* Effect.flip(Effect.scoped(nodes.connect(name)))).toMatchObject({ reason: world.sample.fails })
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Open" }, counts: { opened: 2 } })
    }).pipe(Effect.provide(layer))
  })

  it.effect("can be tried by the next at once where somebody gave up trying", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* trouble(world)
      world.sample.after = 60_000
      // Where a session keeps what it gets.
      const scope = yield* Scope.make()
      const trying = yield* Effect.forkChild(
        Effect.onError(Scope.provide(nodes.connect(name), scope), () => Scope.close(scope, Exit.void)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(trying)
      world.sample.after = 0
      yield* nodes.connect(name)
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "Closed" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("lets another through where the request that was got a clear answer, though its scope lives on", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = overdue
      for (let call = 0; call < 3; call++) yield* Effect.flip(use)
      yield* TestClock.adjust("2500 millis")
      world.refuses = refused
      for (let call = 0; call < 2; call++)
        expect(yield* Effect.flip(nodes.get(name))).toMatchObject({ reason: refused })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is asked again after a reset", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* trouble(world)
      yield* nodes.reset(name)
      yield* use
      expect((yield* statusOf)?.breaker.counts).toEqual({
        successes: 0,
        failures: 0,
        rejected: 0,
        opened: 0,
        closed: 0
      })
    }).pipe(Effect.provide(layer))
  })

  it.effect("has its link made anew by a reset where nothing comes through that, and not where something does", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      const reset = Effect.gen(function* () {
        const resetting = yield* Effect.forkChild(nodes.reset(name), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        return yield* Fiber.join(resetting)
      })
      expect(yield* reset).toBeUndefined()
      world.sample = { after: 2_000, fails: { _tag: "DeadlineExceeded", millis: 2_000, worker: "awaited" } }
      // It gives no answer, and has something to say all the same.
      expect(yield* reset).toBeUndefined()
      expect(world).toMatchObject({ attempts: 1, open: 1 })
      world.silentMillis = () => 9_000
      expect(yield* reset).toBe(9_000)
      yield* use
      expect(world).toMatchObject({ attempts: 2, open: 1 })
      expect((yield* statusOf)?.breaker.counts).toMatchObject({ failures: 0 })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is one that cannot be reached in time, but not one that is not there or does not let us in", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      for (const reason of [refused, { _tag: "CookieRejected" }, { _tag: "WrongNode", actual: "x@y" }] as const) {
        world.refuses = reason
        for (let call = 0; call < 4; call++) {
          const attempt = Effect.scoped(nodes.connect(name))
          expect(yield* Effect.flip(attempt)).toMatchObject({ reason })
        }
      }
      world.refuses = overdue
      for (let call = 0; call < 3; call++)
        expect(yield* Effect.flip(Effect.scoped(nodes.connect(name)))).toMatchObject({ reason: overdue })
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
      expect((yield* statusOf)?.breaker.counts.failures).toBe(3)
      expect(world.attempts).toBe(15)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not made out of one that nobody waits for any more", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.gate = Effect.never
      for (let call = 0; call < 4; call++) {
        const waiting = yield* Effect.forkChild(use, { startImmediately: true })
        yield* Fiber.interrupt(waiting)
      }
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Closed" }, counts: { failures: 0 } })
      world.gate = Effect.void
      yield* use
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not made out of what is heard of a link before it is up, or when it is over", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const failures = Effect.map(statusOf, (status) => status?.breaker.counts.failures)
      const gate = yield* Deferred.make<void>()
      world.gate = Deferred.await(gate)
      const using = yield* Effect.forkChild(Effect.scoped(Effect.andThen((yield* Nodes).get(name), Effect.never)), {
        startImmediately: true
      })
      yield* settle
      world.hear("failure")
      expect(yield* failures).toBe(0)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      world.hear("failure")
      expect(yield* failures).toBe(1)
      yield* world.lose(lost)
      yield* settle
      for (let call = 0; call < 3; call++) world.hear("failure")
      expect(yield* failures).toBe(2)
      yield* Fiber.interrupt(using)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not remembered as one that is down where the name was not its own", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.refuses = { _tag: "WrongNode", actual: "x@y" }
      yield* Effect.flip(use)
      expect(yield* (yield* Nodes).list).toEqual([])
    }).pipe(Effect.provide(layer))
  })

  it.effect("rests no longer where the clock of this machine is set back", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      yield* trouble(world)
      yield* TestClock.setTime(0)
      // What is told goes by the clock as it is set now.
      const open = yield* Effect.flip(use)
      expect(open).toMatchObject({ _tag: "BreakerOpen", since: 0 })
      const until = open._tag === "BreakerOpen" ? open.until : 0
      expect(until).toBeGreaterThanOrEqual(1_500)
      expect(until).toBeLessThanOrEqual(2_500)
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "Open", since: 0, until })
      yield* TestClock.adjust(until)
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "HalfOpen", since: until })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* (yield* Nodes).get(name)
          world.hear("failure")
        })
      )
      expect((yield* statusOf)?.breaker.state).toMatchObject({ _tag: "Open", since: until })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not tried in the background before its time", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.refuses = overdue
      world.hear("failure")
      world.hear("failure")
      yield* world.lose({ _tag: "TickTimeout", silentMillis: 60_000 })
      yield* settle
      const status = yield* statusOf
      const breaker = status?.breaker.state
      expect(breaker?._tag).toBe("Open")
      expect(status?.state).toMatchObject({ _tag: "Down", nextAttempt: breaker?._tag === "Open" && breaker.until })
      // Of the background's own attempts only the pauses grow.
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBeGreaterThanOrEqual(20)
      expect(world.attempts).toBeLessThanOrEqual(50)
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "HalfOpen" }, counts: { opened: 1 } })
      world.refuses = undefined
      while ((yield* stateOf)?._tag !== "Up") yield* TestClock.adjust("1 second")
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "Closed" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
