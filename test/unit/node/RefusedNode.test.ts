import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { TargetError } from "../../../src/node/Targets.ts"
import {
  changesSeen,
  name,
  refused,
  lost,
  closedInHandshake,
  overdue,
  makeWorld,
  pauseOf,
  stateOf,
  statusOf,
  useOf,
  use,
  settle
} from "../../support/FakeWorld.ts"

/** Also where that may end the node. */
const insisting = { insists: true }

describe("a node that had no process left when it was heard last", () => {
  const full = { _tag: "LeftAlone", message: expect.stringContaining("its process table was full") }
  const given = { cookie: Redacted.make("given") }

  /** Connects, and loses the link when the node has not one process left. */
  const loseFull = Effect.fnUntraced(function* (world: ReturnType<typeof makeWorld>["world"]) {
    const nodes = yield* Nodes
    const { localName } = yield* nodes.connect(name, given)
    world.hasRoom = false
    yield* world.lose(lost)
    yield* settle
    return localName
  })

  it.effect("is left alone when its link is lost, until somebody insists", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen = yield* changesSeen
      world.whereabouts = "same"
      const localName = yield* loseFull(world)
      yield* TestClock.adjust("1 hour")
      const down = yield* stateOf
      expect(down).toMatchObject({
        _tag: "Down",
        why: { reason: lost, message: expect.stringMatching(/its process table was full .* may end the node\.$/u) }
      })
      expect(down).not.toHaveProperty("nextAttempt")
      expect(seen.at(-1)).toMatchObject({ _tag: "Down", notAgain: expect.stringContaining("nor for a call:") })
      expect(seen.at(-1)).not.toHaveProperty("nextAttempt")
      // Whatever cookie it would be shown.
      for (let call = 0; call < 10; call++) expect(yield* Effect.flip(use)).toMatchObject(full)
      expect((yield* nodes.approach(name)).leftAlone).toMatchObject({ ...full, at: 0 })
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "Closed" })
      // Nor does it count for nothing where what became of requests is forgotten.
      yield* nodes.reset(name)
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(yield* Effect.flip(Effect.scoped(nodes.connect(name)))).toMatchObject(full)
      expect(world.attempts).toBe(1)
      world.hasRoom = true
      yield* nodes.connect(name, insisting)
      expect((yield* nodes.approach(name)).leftAlone).toBeUndefined()
      // By one connection, as it was.
      expect(world.joinedAs).toEqual([undefined, localName])
      yield* world.lose(lost)
      yield* TestClock.adjust("1 second")
      expect(world.attempts).toBe(3)
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is left alone where that showed as it was joined, too", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.hasRoom = false
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "ProcessTableFull" } })
      world.hasRoom = true
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(world.attempts).toBe(1)
      yield* (yield* Nodes).connect(name, insisting)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is connected again by itself, and by a call, once EPMD tells that it has ended", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.whereabouts = "same"
      const scope = yield* Scope.make()
      yield* Scope.provide(loseFull(world), scope)
      yield* TestClock.adjust("1 hour")
      expect(world.attempts).toBe(1)
      world.whereabouts = "moved"
      world.hasRoom = true
      yield* TestClock.adjust("1 minute")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.attempts).toBe(2)
      // And where nobody keeps it.
      yield* Scope.close(scope, Exit.void)
      world.whereabouts = "same"
      world.hasRoom = false
      yield* world.lose(lost)
      yield* settle
      expect(yield* Effect.flip(use)).toMatchObject(full)
      world.whereabouts = "moved"
      world.hasRoom = true
      yield* use
      expect(world.attempts).toBe(3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect(
    "is looked for at once when its link is lost, so that it is known to have ended before it is there anew",
    () => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        const seen = yield* changesSeen
        world.whereabouts = "moved"
        yield* use
        world.hasRoom = false
        yield* world.lose(lost)
        yield* settle
        expect(world.questions.count).toBe(1)
        expect(seen.at(-1)).not.toHaveProperty("notAgain")
        // What EPMD tells by now.
        world.whereabouts = "same"
        world.hasRoom = true
        yield* use
        expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("is left alone for ten minutes where nobody can be asked whether it has ended", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* loseFull(world)
      const until = 600_000
      expect(yield* stateOf).toMatchObject({ _tag: "Down", nextAttempt: until })
      yield* TestClock.adjust(until - 1)
      expect(yield* Effect.flip(use)).toMatchObject({ ...full, until })
      expect(world.attempts).toBe(1)
      // Still full: another ten.
      yield* TestClock.adjust(1)
      expect(world.attempts).toBe(2)
      expect(yield* Effect.flip(use)).toMatchObject({ ...full, until: 2 * until })
      world.hasRoom = true
      yield* TestClock.adjust(until)
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.attempts).toBe(3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is left alone for ten minutes from when EPMD was found to be gone", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.whereabouts = "same"
      yield* loseFull(world)
      yield* TestClock.adjust("1 hour")
      expect(yield* Effect.flip(use)).not.toHaveProperty("until")
      world.whereabouts = "unknown"
      expect(yield* Effect.flip(use)).toMatchObject({ ...full, until: 4_200_000 })
      yield* TestClock.adjust("9 minutes")
      expect(yield* Effect.flip(use)).toMatchObject({ ...full, until: 4_200_000 })
      expect(world.attempts).toBe(1)
      world.hasRoom = true
      yield* TestClock.adjust("2 minutes")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect(
    "is left alone whatever it refuses, until EPMD has had no such name for longer than a new EPMD has none",
    () => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        const nodes = yield* Nodes
        world.whereabouts = "same"
        yield* loseFull(world)
        const byName = Effect.scoped(nodes.connect(name, { ...insisting, cookie: Redacted.make("wrong") }))
        world.refuses = { _tag: "CookieRejected" }
        for (let times = 0; times < 3; times++) yield* Effect.flip(byName)
        expect(world.attempts).toBe(4)
        expect(yield* Effect.flip(use)).toMatchObject(full)
        expect(world.attempts).toBe(4)
        world.refuses = refused
        yield* Effect.flip(byName)
        world.whereabouts = "gone"
        yield* TestClock.adjust("4999 millis")
        expect(yield* Effect.flip(use)).toMatchObject(full)
        world.refuses = undefined
        world.hasRoom = true
        yield* TestClock.adjust(1)
        yield* use
        expect(world.attempts).toBe(6)
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("is left alone where nothing listens at its address, since a forwarded port refuses, too", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* loseFull(world)
      world.refuses = { _tag: "PortRefused", at: "127.0.0.1:1", from: "address" }
      yield* Effect.flip(Effect.scoped(nodes.connect(name, insisting)))
      world.refuses = undefined
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  /** Finds the node full, and lets the time pass for which it is left alone. */
  const untilOver = Effect.fnUntraced(function* (world: ReturnType<typeof makeWorld>["world"]) {
    world.hasRoom = false
    yield* Effect.flip(use)
    yield* TestClock.adjust("10 minutes")
  })

  it.effect("is let through to once where its time is over, be it for a link of somebody's own", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { approach } = yield* Nodes
      yield* untilOver(world)
      expect((yield* approach(name)).leftAlone).toBeUndefined()
      expect((yield* approach(name)).leftAlone).toMatchObject({ ...full, until: 1_200_000 })
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(world.attempts).toBe(1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is left alone no more once a link of somebody's own has found it well", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { approach } = yield* Nodes
      yield* untilOver(world)
      const { tell } = yield* approach(name)
      world.hasRoom = true
      expect(yield* Effect.flip(use)).toMatchObject(full)
      tell("room")
      expect((yield* approach(name)).leftAlone).toBeUndefined()
      yield* use
      expect(world.attempts).toBe(2)
      // What is found out later says nothing of another time.
      world.hasRoom = false
      yield* world.lose(lost)
      yield* settle
      tell("room")
      tell("nothing")
      expect(yield* Effect.flip(use)).toMatchObject({ ...full, until: 1_200_000 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("may be tried by the next where nobody was sent to it", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { approach } = yield* Nodes
      yield* untilOver(world)
      const { tell } = yield* approach(name)
      tell("nothing")
      world.wayless = new TargetError({ node: name, message: "there is no cookie.", lacksCookie: true })
      for (let call = 0; call < 3; call++) expect(yield* Effect.flip(use)).toBe(world.wayless)
      world.wayless = undefined
      for (const reason of [refused, { _tag: "HostUnresolved", host: "host" } as const]) {
        world.refuses = reason
        expect(yield* Effect.flip(use)).toMatchObject({ reason })
      }
      world.refuses = undefined
      world.hasRoom = true
      yield* use
    }).pipe(Effect.provide(layer))
  })

  it.effect("may be tried by the next where it has refused the cookie before, and is not shown it again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "CookieRejected" }
      for (let times = 0; times < 2; times++) yield* Effect.flip(use)
      world.refuses = undefined
      world.hasRoom = false
      yield* Effect.flip(Effect.scoped(nodes.connect(name, given)))
      yield* TestClock.adjust("10 minutes")
      const { attempts } = world
      for (let call = 0; call < 3; call++)
        expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "CookieRejected" } })
      expect(world.attempts).toBe(attempts)
      expect((yield* nodes.approach(name)).leftAlone).toBeUndefined()
    }).pipe(Effect.provide(layer))
  })

  it.effect("is tried again after pauses where nobody was sent to it once its time was over", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* loseFull(world)
      world.refuses = { _tag: "EpmdRefused", host: "host", port: 4369 }
      yield* TestClock.adjust("10 minutes")
      const { attempts } = world
      expect(attempts).toBeGreaterThan(1)
      const pause = yield* pauseOf
      expect(pause).toBeGreaterThan(0)
      expect(pause).toBeLessThan(60_000)
      yield* TestClock.adjust(pause)
      expect(world.attempts).toBe(attempts + 1)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is tried by a tunnel once, also where that does not open, and by nobody while it does", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { approach } = yield* Nodes
      world.tunnel = { program: "ssh", said: Effect.succeed(""), ended: Effect.undefined }
      yield* untilOver(world)
      const gate = yield* Deferred.make<void>()
      world.resolving = Deferred.await(gate)
      const call = yield* Effect.forkChild(Effect.flip(use))
      yield* settle
      expect((yield* approach(name)).leftAlone).toMatchObject(full)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(call)
      yield* TestClock.adjust("10 minutes")
      world.wayless = new TargetError({ node: name, message: "the tunnel ended." })
      const { attempts } = world
      expect(yield* Effect.flip(use)).toBe(world.wayless)
      for (let again = 0; again < 20; again++) expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(world.attempts).toBe(attempts + 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has ended only once EPMD was looked at all the time, which goes on when nobody asks", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.whereabouts = "same"
      yield* use
      world.hasRoom = false
      yield* world.lose(lost)
      yield* settle
      // EPMD is started anew twice, and asked by a call each time.
      for (let time = 0; time < 2; time++) {
        world.whereabouts = "gone"
        expect(yield* Effect.flip(use)).toMatchObject(full)
        yield* TestClock.adjust("1 second")
        world.whereabouts = "same"
        yield* TestClock.adjust("1 minute")
        expect(yield* Effect.flip(use)).toMatchObject(full)
      }
      const { count } = world.questions
      yield* TestClock.adjust("1 minute")
      expect(world.questions.count).toBe(count)
      expect(world.attempts).toBe(1)
      world.whereabouts = "gone"
      yield* Effect.flip(use)
      yield* TestClock.adjust("5 seconds")
      world.whereabouts = "same"
      world.hasRoom = true
      yield* use
      expect(world.attempts).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is left alone anew, whatever EPMD says late of the time before", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.whereabouts = "same"
      yield* loseFull(world)
      const gate = yield* Deferred.make<void>()
      world.asking = Deferred.await(gate)
      world.whereabouts = "moved"
      const late = yield* Effect.forkChild(nodes.approach(name))
      yield* settle
      world.asking = Effect.void
      yield* Effect.flip(Effect.scoped(nodes.connect(name, insisting)))
      yield* Deferred.succeed(gate, undefined)
      expect((yield* Fiber.join(late)).leftAlone).toMatchObject(full)
      world.whereabouts = "same"
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("has not ended where EPMD lists the name that it denies", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.whereabouts = "same"
      yield* loseFull(world)
      world.refuses = { ...refused, registered: ["app"] } as DistReason
      for (let second = 0; second < 7; second++) {
        yield* Effect.flip(Effect.scoped(nodes.connect(name)))
        yield* TestClock.adjust("1 second")
      }
      expect(yield* Effect.flip(use)).not.toHaveProperty("until")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is asked at once where it is configured another way", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* loseFull(world)
      world.hasRoom = true
      world.address = "elsewhere"
      expect((yield* (yield* Nodes).approach(name)).leftAlone).toBeUndefined()
      // By ourselves, too.
      yield* TestClock.adjust("1 minute")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is remembered, however many others that are merely not there are named", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.hasRoom = false
      yield* Effect.flip(use)
      world.refuses = refused
      for (let other = 0; other < 60; other++) yield* Effect.flip(useOf(`other${other}@host`))
      expect(yield* Effect.flip(use)).toMatchObject(full)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has refused the cookie that it refused before", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "CookieRejected" }
      for (let times = 0; times < 2; times++) yield* Effect.flip(use)
      world.refuses = undefined
      yield* Effect.scoped(nodes.connect(name, given))
      world.hasRoom = false
      yield* world.lose(lost)
      yield* settle
      world.hasRoom = true
      yield* Effect.scoped(nodes.connect(name, { ...given, ...insisting }))
      yield* nodes.disconnect(name)
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "CookieRejected", isCertain: true } })
      expect(world.attempts).toBe(4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is asked EPMD for no longer than whoever waits has time", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.whereabouts = "same"
      yield* loseFull(world)
      expect(world.questions.millis).toBe(Infinity)
      yield* Effect.flip(Effect.scoped(nodes.get(name, { timeoutMillis: 200 })))
      expect(world.questions.millis).toBeLessThanOrEqual(200)
      yield* nodes.approach(name, { timeoutMillis: 300 })
      expect(world.questions.millis).toBe(300)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("has no way opened to it, which by a tunnel is a connection to it", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* loseFull(world)
      let ways = 0
      world.resolving = Effect.sync(() => void ways++)
      expect(yield* Effect.flip(use)).toMatchObject(full)
      expect(ways).toBe(0)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not asked for any more once its entry is gone", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.whereabouts = "same"
      world.nodes = world.entries = [{ name }]
      yield* loseFull(world)
      yield* TestClock.adjust("1 hour")
      const { count } = world.questions
      expect(count).toBeGreaterThan(60)
      world.nodes = world.entries = []
      yield* TestClock.adjust("1 hour")
      expect(world.questions.count).toBe(count)
      expect(yield* stateOf).toMatchObject({
        why: { message: expect.stringContaining("no longer in the configuration") }
      })
      expect(yield* stateOf).not.toHaveProperty("nextAttempt")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not let go of for want of use, and is looked at, until it has one again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* use
      world.hasRoom = false
      yield* TestClock.adjust("1 hour")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      const { samples } = world
      yield* TestClock.adjust("1 minute")
      expect(world.samples).toBeGreaterThan(samples)
      world.hasRoom = true
      yield* TestClock.adjust("5 minutes")
      expect(yield* stateOf).toMatchObject({ _tag: "Down", why: { reason: { _tag: "Disconnected" } } })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not known by a link that is closed at once, which is made again as it was, and not otherwise", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const { localName } = yield* nodes.connect(name)
      world.refuses = closedInHandshake
      yield* world.lose(lost)
      // The next but one is due 750 ms after the loss at the earliest.
      yield* TestClock.adjust("500 millis")
      // Who asks for it wants to know, too, whether it is another by now.
      yield* Effect.flip(use)
      expect(world.joinedAs).toEqual([undefined, localName, undefined])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

describe("a node with hardly an atom left", () => {
  const scarce = { reason: { _tag: "AtomsScarce" } }

  it.effect("is asked once when its link is lost, and then told of as of then, until somebody insists", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.whereabouts = "same"
      yield* nodes.connect(name)
      world.isScarce = true
      yield* world.lose(lost)
      yield* TestClock.adjust("1 hour")
      const down = yield* stateOf
      expect(down).toMatchObject({ _tag: "Down", why: scarce })
      expect(down).not.toHaveProperty("nextAttempt")
      expect(yield* Effect.flip(use)).toMatchObject({
        _tag: "LeftAlone",
        lack: { _tag: "Atoms", left: 9, limit: 32_768 },
        at: down!.since
      })
      expect(world.attempts).toBe(2)
      expect(yield* Effect.flip(Effect.scoped(nodes.connect(name, insisting)))).toMatchObject(scarce)
      expect(world.attempts).toBe(3)
      world.isScarce = false
      yield* nodes.connect(name, insisting)
      yield* use
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is connected again once EPMD tells that it has ended", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.whereabouts = "same"
      yield* (yield* Nodes).connect(name)
      world.isScarce = true
      yield* world.lose(lost)
      yield* TestClock.adjust("1 hour")
      expect(world.attempts).toBe(2)
      world.isScarce = false
      world.whereabouts = "moved"
      yield* TestClock.adjust("1 minute")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.attempts).toBe(3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

describe("a node that refused us", () => {
  it.effect("is told as of when it did, by the calls that do not try it again", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "CookieRejected" }
      yield* Effect.flip(use)
      yield* Effect.flip(use)
      const [first] = yield* nodes.list
      yield* TestClock.adjust("1 hour")
      const error = yield* Effect.flip(use)
      expect(error).toMatchObject({ reason: { _tag: "CookieRejected", at: first!.state.since } })
      expect(error.message).toContain(`That was at ${new Date(first!.state.since).toISOString()}, and`)
      expect((yield* nodes.list)[0]!.state.since).toBe(first!.state.since)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("by closing the connection is believed the second time in a row, and says so", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const rejected: DistReason = { _tag: "CookieRejected" }
      world.refuses = rejected
      expect(yield* Effect.flip(use)).toMatchObject({ reason: rejected, message: expect.stringContaining("try again") })
      // Another cookie is another matter.
      const other = Effect.scoped(nodes.connect(name, { cookie: Redacted.make("other") }))
      expect(yield* Effect.flip(other)).toMatchObject({ reason: rejected })
      expect(yield* Effect.flip(use)).toMatchObject({ reason: rejected })
      const certain = {
        reason: { isCertain: true },
        message: expect.stringContaining("It is not tried again by itself")
      }
      expect(yield* Effect.flip(use)).toMatchObject(certain)
      expect(world.attempts).toBe(4)
      yield* Effect.flip(use)
      expect(world.attempts).toBe(4)
      expect((yield* statusOf)?.breaker.counts.failures).toBe(0)
      // Once it is taken, a new suspicion begins anew.
      world.refuses = undefined
      yield* Effect.scoped(nodes.connect(name))
      yield* nodes.disconnect(name)
      world.refuses = rejected
      expect(yield* Effect.flip(use)).toMatchObject({ message: expect.stringContaining("try again") })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is believed of that cookie, however often it lets us in by another", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "CookieRejected" }
      for (let times = 0; times < 2; times++) yield* Effect.flip(use)
      world.refuses = undefined
      yield* Effect.scoped(nodes.connect(name, { cookie: Redacted.make("given") }))
      const target = { name, cookie: Redacted.make("configured") }
      expect(yield* nodes.refusal(target)).toMatchObject({ reason: { _tag: "CookieRejected", isCertain: true } })
      yield* nodes.disconnect(name)
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "CookieRejected", isCertain: true } })
      expect(world.cookies).toEqual(["configured", "configured", "given"])
      // Whoever wants it by name has it tried again.
      yield* Effect.scoped(nodes.connect(name))
      expect(yield* nodes.refusal(target)).toBeUndefined()
    }).pipe(Effect.provide(layer))
  })

  it.effect("although it has taken the same cookie before, is in trouble, until that is believed", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* use
      yield* nodes.disconnect(name)
      world.refuses = { _tag: "CookieRejected" }
      for (const failures of [1, 2, 2, 2]) {
        expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "CookieRejected" } })
        expect((yield* statusOf)?.breaker.counts).toMatchObject({ failures })
      }
      // The last time nothing was tried.
      expect(world.attempts).toBe(4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("because our name is taken there is told that it was ours, and until when", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.ourName = "ours@box"
      yield* use
      yield* TestClock.adjust("2 seconds")
      yield* world.lose(lost)
      yield* settle
      world.refuses = { _tag: "NameInUse", name: "ours@box" }
      yield* TestClock.adjust("2 seconds")
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "NameInUse", endedAt: 2_000 } })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is remembered, however many others that are merely not there are named", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "NotAllowed" }
      yield* Effect.flip(use)
      world.refuses = refused
      for (let other = 0; other < 60; other++) yield* Effect.flip(useOf(`other${other}@host`))
      expect(yield* nodes.list).toHaveLength(50)
      const { attempts } = world
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "NotAllowed" } })
      expect(world.attempts).toBe(attempts)
    }).pipe(Effect.provide(layer))
  })
})

describe("nodes that are down", () => {
  const others = Array.from({ length: 60 }, (_, at) => `other${at}@host`)

  it.effect("are told behind those that are up, and those are forgotten first that were lost first", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const names = Effect.map(nodes.list, (all) => all.map((node) => node.name))
      world.refuses = refused
      for (const other of others.slice(0, 50)) yield* Effect.flip(useOf(other))
      yield* Effect.flip(useOf(others[0]!))
      yield* Effect.flip(useOf(others[50]!))
      expect(yield* names).toEqual([...others.slice(2, 50), others[0], others[50]])
      world.refuses = undefined
      yield* use
      expect((yield* names)[0]).toBe(name)
    }).pipe(Effect.provide(layer))
  })

  it.effect("are remembered where they are left in peace, however many others are named", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.refuses = overdue
      for (let call = 0; call < 3; call++) yield* Effect.flip(use)
      world.refuses = refused
      for (const other of others) yield* Effect.flip(useOf(other))
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("are no more than a bound, also those that refused who joined them by a link of his own", () => {
    const { layer } = makeWorld()
    return Effect.gen(function* () {
      const { refusal, refused } = yield* Nodes
      const targets = others.map((other) => ({ name: other, cookie: Redacted.make("configured"), epmdPort: 1 }))
      const reason: DistReason = { _tag: "NotAllowed" }
      for (const target of targets) yield* refused(target, new DistError({ node: target.name, reason }))
      const remembered = yield* Effect.filter(targets, (target) =>
        Effect.map(refusal(target), (why) => why !== undefined)
      )
      expect(remembered).toEqual(targets.slice(10))
    }).pipe(Effect.provide(layer))
  })
})

describe("a node that is configured another way", () => {
  it.effect("is asked at once, although it refused us on the last one", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.refuses = { _tag: "NotAllowed" }
      for (let call = 0; call < 2; call++) expect(yield* Effect.flip(use)).toMatchObject({ reason: world.refuses })
      expect(world.attempts).toBe(1)
      world.refuses = undefined
      world.address = "elsewhere"
      yield* use
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not told to have refused who joins it by a link of his own, as it did on the last one", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const { refusal, refused } = yield* Nodes
      const target = { name, cookie: Redacted.make("configured"), epmdPort: 1 }
      world.refuses = { _tag: "NotAllowed" }
      yield* Effect.flip(use)
      expect(yield* refusal(target)).toMatchObject({ reason: world.refuses })
      expect(yield* refusal({ ...target, cookie: Redacted.make("other") })).toBeUndefined()
      world.address = "elsewhere"
      expect(yield* refusal(target)).toBeUndefined()
      const shown = { ...target, cookieSource: "the entry" }
      const reason: DistReason = { _tag: "CookieRejected" }
      yield* refused(shown, new DistError({ node: name, reason }))
      // Not believed yet.
      expect(yield* refusal(shown)).toBeUndefined()
      yield* refused(shown, new DistError({ node: name, reason }))
      expect(yield* refusal(shown)).toMatchObject({
        reason: { ...reason, isCertain: true, source: "the entry", at: 0 }
      })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is asked at once, although it was left in peace on the last one", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      world.refuses = overdue
      for (let call = 0; call < 3; call++) expect(yield* Effect.flip(use)).toMatchObject({ reason: overdue })
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
      world.refuses = undefined
      world.address = "elsewhere"
      yield* use
    }).pipe(Effect.provide(layer))
  })

  it.effect("is tried there by who came while an attempt at the last was under way", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      world.gate = Deferred.await(gate)
      world.refuses = refused
      const first = yield* Effect.forkChild(Effect.flip(use))
      while (world.attempts === 0) yield* settle
      world.address = "elsewhere"
      const second = yield* Effect.forkChild(use, { startImmediately: true })
      world.gate = Effect.sync(() => (world.refuses = undefined))
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(first)).toMatchObject({ reason: refused })
      yield* Fiber.join(second)
      expect(world.attempts).toBe(2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is still left in peace as long as the link of the last one stands", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* use
      for (let call = 0; call < 5; call++) {
        world.hear("failure")
        yield* TestClock.adjust(1)
      }
      world.address = "elsewhere"
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
    }).pipe(Effect.provide(layer))
  })
})
