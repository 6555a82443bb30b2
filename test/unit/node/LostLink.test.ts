import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { DistReason } from "../../../src/dist/DistError.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { TargetError } from "../../../src/node/Targets.ts"
import {
  name,
  refused,
  lost,
  closedInHandshake,
  overdue,
  makeWorld,
  statusOf,
  stateOf,
  pauseOf,
  useOf,
  use,
  settle
} from "../../support/FakeWorld.ts"

describe("a link that is lost", () => {
  it.effect("is made again in the background while somebody keeps it, after pauses that grow", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.refuses = refused
      yield* world.lose(lost)
      yield* settle
      const down = yield* stateOf
      expect(down).toMatchObject({
        _tag: "Down",
        why: { reason: lost },
        former: { creation: 1, why: { reason: lost } }
      })
      const next = down?._tag === "Down" ? down.nextAttempt! : 0
      expect(next).toBeGreaterThanOrEqual(250)
      expect(next).toBeLessThanOrEqual(500)
      expect(world.attempts).toBe(1)
      // 0.5 + 1 + 2 + … + 16 s at most, and half of it at least.
      yield* TestClock.adjust("31500 millis")
      expect(world.attempts).toBeGreaterThanOrEqual(7)
      expect(world.attempts).toBeLessThanOrEqual(8)
      const before = world.attempts
      // Every 15 to 30 s from then on.
      yield* TestClock.adjust("5 minutes")
      expect(world.attempts - before).toBeGreaterThanOrEqual(9)
      expect(world.attempts - before).toBeLessThanOrEqual(20)
      world.refuses = undefined
      yield* TestClock.adjust("30 seconds")
      expect(yield* stateOf).toMatchObject({ _tag: "Up", former: { creation: 1, why: { reason: lost } } })
      expect(yield* nodes.disconnect(name)).toBe("kept")
      // Nobody uses it, and somebody keeps it.
      yield* TestClock.adjust("1 hour")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.open).toBe(1)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is made again with the cookie that those gave who keep it, and with no other once they are gone", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const scope = yield* Scope.make()
      yield* Scope.provide(nodes.connect(name, { cookie: Redacted.make("given") }), scope)
      yield* world.lose(lost)
      yield* TestClock.adjust("1 second")
      yield* world.lose(lost)
      yield* use
      expect(world.cookies).toEqual(["given", "given", "given"])
      yield* Scope.close(scope, Exit.void)
      yield* nodes.disconnect(name)
      yield* use
      expect(world.cookies.at(-1)).toBe("configured")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is made again with the cookie that was right last, where several were given", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name, { cookie: Redacted.make("old") })
      world.refuses = { _tag: "PeerCookieWrong" }
      yield* world.lose(lost)
      yield* TestClock.adjust("1 minute")
      expect(yield* stateOf).toMatchObject({ _tag: "Down" })
      world.refuses = undefined
      // Somebody else keeps it still.
      yield* nodes.connect(name, { cookie: Redacted.make("new") })
      yield* world.lose(lost)
      yield* TestClock.adjust("1 second")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.cookies).toEqual(["old", "old", "new", "new"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect(
    "is made again also where an attempt comes to nothing by a fault of ours, which is not told as our wish",
    () => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        const nodes = yield* Nodes
        yield* nodes.connect(name)
        world.gate = Effect.die(new Error("a fault"))
        yield* world.lose(lost)
        yield* TestClock.adjust("1 second")
        expect(yield* stateOf).toMatchObject({
          _tag: "Down",
          why: { reason: { _tag: "Fault" } },
          nextAttempt: expect.any(Number)
        })
        world.gate = Effect.void
        yield* TestClock.adjust("1 minute")
        expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("is made again as before for those who are left of several who keep it", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const scope = yield* Scope.make()
      for (const each of [scope, yield* Effect.scope])
        yield* Scope.provide(nodes.connect(name, { cookie: Redacted.make("given") }), each)
      yield* world.lose(lost)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      expect(world.cookies).toEqual(["given", "given"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect.each(["nodes", "entries"] as const)(
    "is not made again by itself once it is none of the configured %s any more, but by who asks for it",
    (kind) => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        const nodes = yield* Nodes
        world[kind] = [{ name }]
        yield* nodes.connect(name)
        world[kind] = []
        yield* world.lose(lost)
        yield* TestClock.adjust("1 minute")
        expect(world.attempts).toBe(1)
        expect(yield* stateOf).toMatchObject({
          _tag: "Down",
          why: { message: expect.stringContaining("no longer in the configuration") }
        })
        yield* use
        expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("is made with the configured cookie by who asks for it and gives none", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name, { cookie: Redacted.make("given") })
      yield* world.lose(lost)
      yield* settle
      yield* nodes.connect(name)
      yield* world.lose(lost)
      yield* TestClock.adjust("1 second")
      expect(world.cookies).toEqual(["given", "configured", "configured"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is made again more and more seldom while it never stands for long", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      const pauseAfterLoss = Effect.gen(function* () {
        yield* world.lose(lost)
        yield* settle
        return yield* pauseOf
      })
      for (let times = 0; times < 9; times++) {
        const pause = yield* pauseAfterLoss
        const longest = Math.min(500 * 2 ** times, 30_000)
        expect(pause, `loss ${times}`).toBeGreaterThanOrEqual(longest / 2)
        expect(pause, `loss ${times}`).toBeLessThanOrEqual(longest)
        yield* TestClock.adjust(pause)
        yield* TestClock.adjust("59 seconds")
        expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      }
      // These are no pauses of the breaker's.
      expect((yield* statusOf)?.breaker.counts).toMatchObject({ opened: 0 })
      // After a link that stood for a minute they begin anew.
      yield* TestClock.adjust("1 second")
      expect(yield* pauseAfterLoss).toBeLessThanOrEqual(500)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is made again after short pauses once more when somebody knows that the node is well", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.refuses = refused
      yield* world.lose(lost)
      yield* TestClock.adjust("5 minutes")
      const { attempts } = world
      yield* nodes.reset(name)
      yield* TestClock.adjust(yield* pauseOf)
      expect(world.attempts).toBe(attempts + 1)
      expect(yield* pauseOf).toBeLessThanOrEqual(500)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is made again after short pauses for who keeps it when those who did before are gone", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const scope = yield* Scope.make()
      yield* Scope.provide(nodes.connect(name), scope)
      world.refuses = refused
      yield* world.lose(lost)
      yield* TestClock.adjust("5 minutes")
      yield* Scope.close(scope, Exit.void)
      world.refuses = undefined
      yield* nodes.connect(name)
      yield* world.lose(lost)
      yield* settle
      expect(yield* pauseOf).toBeLessThanOrEqual(500)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not tried in the background while it is left in peace, and that is no request refused", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      world.refuses = overdue
      yield* world.lose(lost)
      yield* settle
      // Its time has been decided by now.
      for (let call = 0; call < 2; call++) expect(yield* Effect.flip(use)).toMatchObject({ reason: overdue })
      yield* TestClock.adjust("1 second")
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Open" }, counts: { rejected: 0 } })
      expect(world.attempts).toBe(3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not made again when the link itself was told to close", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      yield* world.lose(lost)
      yield* settle
      yield* Effect.scoped(Effect.flatMap(nodes.get(name), ({ disconnect }) => disconnect))
      yield* TestClock.adjust("1 minute")
      const state = yield* stateOf
      expect(state).toMatchObject({ _tag: "Down", why: { reason: { _tag: "Disconnected" } } })
      expect(state).not.toHaveProperty("nextAttempt")
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not made again when nobody keeps it, or it was closed by us", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* use
      yield* world.lose(lost)
      yield* TestClock.adjust("1 minute")
      expect(world.attempts).toBe(1)
      yield* Effect.scoped(nodes.connect(name))
      expect(yield* nodes.disconnect(name)).toBe("closed")
      yield* TestClock.adjust("1 minute")
      expect(world.attempts).toBe(2)
      expect(world.open).toBe(0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not made again once the last who kept it lets go, also in the middle of an attempt", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      for (const gate of [Effect.void, Effect.never]) {
        world.gate = Effect.void
        world.refuses = undefined
        const scope = yield* Scope.make()
        yield* Scope.provide(nodes.connect(name), scope)
        world.gate = gate
        world.refuses = refused
        yield* world.lose(lost)
        yield* TestClock.adjust("2 seconds")
        yield* Scope.close(scope, Exit.void)
        const state = yield* stateOf
        expect(state).toMatchObject({ _tag: "Down" })
        expect(state).not.toHaveProperty("nextAttempt")
        const { attempts } = world
        yield* TestClock.adjust("5 minutes")
        expect(world.attempts).toBe(attempts)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect.each<DistReason>([
    { _tag: "NotAllowed" },
    { _tag: "PeerCookieWrong" },
    { _tag: "TlsClientCertificateRefused", detail: "it has expired" },
    { _tag: "TlsCertificate", problem: "unknown_authority", detail: "for app" },
    { _tag: "TlsVersion" },
    { _tag: "WantsTls" },
    { _tag: "WantsPlain" },
    { _tag: "MissingFlags", missing: ["SPAWN"] }
  ])("is not made again after $_tag", (reason) => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      world.refuses = reason
      yield* world.lose(lost)
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBe(2)
      const state = yield* stateOf
      expect(state).toMatchObject({ _tag: "Down", why: { reason } })
      expect(state).not.toHaveProperty("nextAttempt")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not made again once there is no way to it, unless that may pass", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      world.wayless = new TargetError({ node: name, message: "its cookie file is readable by others" })
      yield* world.lose(lost)
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBe(2)
      world.wayless = undefined
      yield* nodes.connect(name)
      world.wayless = new TargetError({ node: name, message: "its tunnel ended", isPassing: true })
      yield* world.lose(lost)
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBeGreaterThan(8)
      // The way to it is in trouble, and rests as a node does.
      expect((yield* statusOf)?.breaker.state).toEqual({ _tag: "Closed" })
      const ended = world.wayless
      // What this machine lacks is no trouble of the way's.
      world.wayless = new TargetError({ ...ended, message: "EMFILE", isShortage: true })
      for (let call = 0; call < 20; call++) expect(yield* Effect.flip(use)).toBe(world.wayless)
      world.wayless = ended
      for (let call = 0; call < 3; call++) expect(yield* Effect.flip(use)).toBe(ended)
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
      world.wayless = undefined
      while ((yield* stateOf)?._tag !== "Up") yield* TestClock.adjust("1 second")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is made again also where it was lost before it was kept, and many others are remembered", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "NotAllowed" }
      for (let other = 0; other < 50; other++) yield* Effect.flip(useOf(`other${other}@host`))
      world.refuses = undefined
      yield* use
      const run = Effect.runSyncWith(yield* Effect.context<never>())
      yield* nodes.connect(name, { onShared: () => void run(nodes.disconnect(name)) })
      for (const round of [1, 2]) {
        yield* TestClock.adjust("3 seconds")
        expect(yield* stateOf, `round ${round}`).toMatchObject({ _tag: "Up" })
        yield* world.lose(lost)
      }
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is kept as it is now, where it was made anew before it was kept", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      world.refuses = { _tag: "NotAllowed" }
      for (let other = 0; other < 50; other++) yield* Effect.flip(useOf(`other${other}@host`))
      world.refuses = undefined
      yield* use
      const { attempts } = world
      const run = Effect.runSyncWith(yield* Effect.context<never>())
      const anew = Effect.andThen(
        nodes.disconnect(name),
        Effect.forkDetach(Effect.scoped(nodes.get(name)), { startImmediately: true })
      )
      yield* nodes.connect(name, { onShared: () => void run(anew) })
      yield* TestClock.adjust("1 minute")
      expect(world).toMatchObject({ attempts: attempts + 1, open: 1 })
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("believes only the third time that a cookie which the node has taken is refused", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* nodes.connect(name)
      for (const times of [2, 3]) {
        world.refuses = { _tag: "CookieRejected" }
        const { attempts } = world
        yield* world.lose(lost)
        while (world.attempts < attempts + times) yield* TestClock.adjust("1 second")
        if (times === 2) world.refuses = undefined
        yield* TestClock.adjust("10 minutes")
        expect(world.attempts).toBe(attempts + 3)
      }
      expect(yield* stateOf).toMatchObject({ _tag: "Down", why: { reason: { _tag: "CookieRejected" } } })
      world.refuses = undefined
      expect(yield* Effect.flip(use)).toMatchObject({ reason: { _tag: "CookieRejected" } })
      yield* nodes.reset(name)
      yield* use
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("does not keep a call waiting for the pause", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      yield* world.lose(lost)
      yield* settle
      expect(yield* stateOf).toMatchObject({ _tag: "Down" })
      yield* use
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
      // Nothing is left of the pause.
      for (let call = 0; call < 3; call++) world.hear("failure")
      yield* TestClock.adjust("1 second")
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Open" }, counts: { rejected: 0 } })
      expect(world.attempts).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("makes no call wait because of the attempts in the background, and none is refused", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      world.refuses = closedInHandshake
      yield* world.lose(lost)
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBeGreaterThan(20)
      // The link that was lost; nobody asked for what came then.
      expect((yield* statusOf)?.breaker).toEqual({
        state: { _tag: "Closed" },
        counts: { successes: 1, failures: 1, rejected: 0, opened: 0, closed: 0 }
      })
      world.refuses = undefined
      yield* use
      expect(yield* stateOf).toMatchObject({ _tag: "Up" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("makes no call wait because of links that were made in the background and lost unused", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      for (let times = 0; times < 6; times++) {
        yield* world.lose(lost)
        yield* settle
        while ((yield* stateOf)?._tag !== "Up") yield* TestClock.adjust("1 second")
      }
      expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Closed" }, counts: { failures: 1 } })
      // One that somebody has used counts.
      for (let times = 0; times < 6 && (yield* statusOf)?.breaker.state._tag === "Closed"; times++) {
        yield* use
        yield* world.lose(lost)
        yield* settle
      }
      expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect(
    "is left in peace where calls at it are in vain, and for no longer by the attempts in the background",
    () => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        yield* (yield* Nodes).connect(name)
        world.refuses = closedInHandshake
        yield* world.lose(lost)
        yield* settle
        // With the one that lost the link.
        for (let call = 0; call < 2; call++)
          expect(yield* Effect.flip(use)).toMatchObject({ reason: closedInHandshake })
        const { attempts } = world
        for (let call = 0; call < 100; call++) expect(yield* Effect.flip(use)).toMatchObject({ _tag: "BreakerOpen" })
        expect(world.attempts).toBe(attempts)
        yield* TestClock.adjust("1 minute")
        expect(world.attempts).toBeGreaterThan(attempts)
        expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "HalfOpen" }, counts: { opened: 1 } })
        // Of a herd that comes now, one is let through, or none tries more than the attempt that is under way.
        const before = world.attempts
        const gate = yield* Deferred.make<void>()
        world.gate = Deferred.await(gate)
        const herd = yield* Effect.forkChild(
          Effect.forEach(Array(100).keys(), () => Effect.flip(use), { concurrency: 100 })
        )
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(herd)
        expect(world.attempts).toBe(before + 1)
        expect((yield* statusOf)?.breaker).toMatchObject({ state: { _tag: "Open" }, counts: { opened: 2 } })
        world.gate = Effect.void
        world.refuses = undefined
        // Nothing but its own pause, of 4 s or a quarter more, keeps it from going well.
        yield* TestClock.adjust("5 seconds")
        yield* use
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("counts an attempt in the background that somebody waited for", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect(name)
      yield* TestClock.adjust("2 minutes")
      world.refuses = closedInHandshake
      yield* world.lose(lost)
      yield* settle
      for (const failures of [2, 3]) {
        const gate = yield* Deferred.make<void>()
        world.gate = Deferred.await(gate)
        while ((yield* stateOf)?._tag !== "Connecting") yield* TestClock.adjust("100 millis")
        const waiting = yield* Effect.forkChild(Effect.flip(use), { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        expect(yield* Fiber.join(waiting)).toMatchObject({ reason: closedInHandshake })
        expect((yield* statusOf)?.breaker.counts).toMatchObject({ failures })
      }
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not looked at any more when the registry ends", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* (yield* Nodes).connect(name)
        yield* TestClock.adjust("20 seconds")
      }).pipe(Effect.scoped, Effect.provide(layer))
      expect(world.samples).toBe(1)
      yield* TestClock.adjust("1 minute")
      expect(world.samples).toBe(1)
      expect(world.open).toBe(0)
    })
  })

  it.effect("leaves nothing running when the registry ends", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* (yield* Nodes).connect(name)
        world.gate = Effect.never
        yield* world.lose(lost)
        yield* TestClock.adjust("2 seconds")
        expect(yield* stateOf).toMatchObject({ _tag: "Connecting" })
      }).pipe(Effect.scoped, Effect.provide(layer))
      const { attempts } = world
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toBe(attempts)
      expect(world.open).toBe(0)
    })
  })
})

describe("a link that nobody uses", () => {
  it.effect("is closed five minutes after its last use", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      for (let times = 0; times < 3; times++) {
        yield* use
        yield* TestClock.adjust("299 seconds")
      }
      expect(world).toMatchObject({ attempts: 1, open: 1, closed: 0 })
      yield* TestClock.adjust("1 second")
      expect(world).toMatchObject({ attempts: 1, open: 0, closed: 1 })
      expect(yield* stateOf).toMatchObject({ _tag: "Down", why: { reason: { _tag: "Disconnected" } } })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not closed under who comes in the moment in which its time is over", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const coming = Effect.andThen(Effect.sleep("5 minutes"), nodes.get(name))
      yield* Effect.forkChild(Effect.scoped(Effect.andThen(coming, Effect.never)), { startImmediately: true })
      yield* use
      yield* TestClock.adjust("5 minutes")
      expect(world).toMatchObject({ attempts: 1, open: 1 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not closed once more where it was lost meanwhile", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const scope = yield* Scope.make()
      yield* Scope.provide(nodes.get(name), scope)
      yield* world.lose(lost)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 minutes")
      expect(world).toMatchObject({ open: 0, closed: 0 })
      expect(yield* stateOf).toMatchObject({ why: { reason: lost } })
    }).pipe(Effect.provide(layer))
  })
})
