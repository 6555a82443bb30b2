import { afterEach, describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { atom, list, type Term } from "../../../src/etf/Term.ts"
import type { Verdict } from "../../../src/node/Breaker.ts"
import { CallError, type CallReason } from "../../../src/node/CallError.ts"
import type { ErlangNode } from "../../../src/node/ErlangNode.ts"
import type { NodeError } from "../../../src/node/NodeError.ts"
import { type ConnectOptions, Nodes } from "../../../src/node/Nodes.ts"
import type { HealthChange, NodeChange } from "../../../src/node/NodeState.ts"
import { type KnownNode, TargetError } from "../../../src/node/Targets.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"

afterEach(() => void vi.restoreAllMocks())

const name = "app@host"

const refused: DistReason = { _tag: "NameNotRegistered", name: "app", host: "host", port: 4369, registered: [] }
const lost: DistReason = { _tag: "LinkClosed", detail: "the node went down" }
/** As of a port forward whose other end is not there. */
const closedInHandshake: DistReason = { _tag: "ClosedInHandshake", stage: "status" }
const overdue: DistReason = { _tag: "Timeout", phase: "handshake", millis: 7_000, waitingFor: "waiting for its status" }

/** A node as a test wants it, and what became of the attempts to join it. */
const makeWorld = () => {
  const world = {
    /** Why it cannot be joined. */
    refuses: undefined as DistReason | undefined,
    /** Why there is not even a way to it. */
    wayless: undefined as TargetError | undefined,
    /** Where it is, as the configuration has it. */
    address: "there",
    /** The nodes and the entries of the configuration. */
    nodes: [] as ReadonlyArray<KnownNode>,
    entries: [] as ReadonlyArray<KnownNode>,
    /** What we have to be called there, as the configuration has it. */
    ourName: undefined as string | undefined,
    /** The way to it is known when this ends. */
    resolving: Effect.void as Effect.Effect<void>,
    /** Attempts end when this does. */
    gate: Effect.void as Effect.Effect<void>,
    creation: 1,
    /** What a sample of its health comes to. */
    sample: { after: 0 as number | Effect.Effect<void>, fails: undefined as CallReason | undefined },
    attempts: 0,
    cookies: [] as Array<string>,
    samples: 0,
    /** How often it was asked for its tick time. */
    tickTimes: 0,
    /** Since anything came from it. */
    silentMillis: () => 7,
    /** Links that are open. */
    open: 0,
    /** What the way there says of the end of a link is known when this ends. */
    words: Effect.void as Effect.Effect<void>,
    /** How often links were told to close. */
    closed: 0,
    lose: (_reason: DistReason): Effect.Effect<unknown> => Effect.void,
    hear: (_verdict: Verdict): void => {}
  }
  const queue: Term = list([list([1, 2, 0]), 2])
  const join: Parameters<typeof Nodes.layerOf>[0] = (target, { onStage, onVerdict }) =>
    Effect.gen(function* () {
      world.attempts++
      world.cookies.push(Redacted.value(target.cookie))
      world.hear = (verdict) => onVerdict?.(verdict)
      onStage?.("status")
      yield* world.gate
      if (world.refuses !== undefined) return yield* new DistError({ node: name, reason: world.refuses })
      const end = yield* Deferred.make<DistError>()
      yield* Effect.acquireRelease(
        Effect.sync(() => world.open++),
        () => Effect.sync(() => world.open--)
      )
      world.lose = (reason) => Deferred.succeed(end, new DistError({ node: name, reason }))
      const call: ErlangNode["call"] = (_module, _func, _args, options) =>
        Effect.gen(function* () {
          world.samples++
          const { after, fails } = world.sample
          yield* typeof after === "number" ? Effect.sleep(after) : after
          if (options?.isLook !== true) onVerdict?.(fails?._tag === "DeadlineExceeded" ? "failure" : "success")
          if (fails !== undefined)
            return yield* new CallError({ node: name, target: "lists:zipwith3/4", reason: fails })
          return queue
        })
      const node: ErlangNode = {
        ...fakeNode({ name }),
        call,
        roundTrip: () => Effect.as(call("erlang", "self", []), 1),
        creation: world.creation,
        lost: Deferred.await(end),
        askTickTime: Effect.sync(() => void world.tickTimes++),
        whyLost: (why) => Effect.as(world.words, new DistError({ ...why, through: "It said: Killed." })),
        disconnect: Effect.suspend(() => {
          world.closed++
          return Effect.asVoid(Deferred.succeed(end, new DistError({ node: name, reason: { _tag: "Disconnected" } })))
        }),
        silentMillis: () => world.silentMillis()
      }
      return node
    })
  const targets = targetsOf({
    epmdPort: 1,
    nodes: Effect.sync(() => world.nodes),
    entries: Effect.sync(() => world.entries),
    way: (node) => Effect.sync(() => ({ name: node, address: world.address })),
    resolve: (node, options) =>
      Effect.suspend(() => {
        if (world.wayless === undefined)
          return Effect.as(world.resolving, {
            name: node,
            cookie: options?.cookie ?? Redacted.make("configured"),
            ...(world.ourName !== undefined && { ourName: world.ourName })
          })
        world.attempts++
        return Effect.fail(world.wayless)
      })
  })
  return { world, layer: Nodes.layerOf(join).pipe(Layer.provide(targets)) }
}

const statusOf = Effect.gen(function* () {
  return (yield* (yield* Nodes).list).find((node) => node.name === name)
})

const stateOf = Effect.map(statusOf, (status) => status?.state)

/** Milliseconds until a node that is down is tried again. */
const pauseOf = Effect.gen(function* () {
  const state = yield* stateOf
  return state?._tag === "Down" ? (state.nextAttempt ?? Infinity) - (yield* Clock.currentTimeMillis) : 0
})

/** A call that uses a node and lets go of it. */
const useOf = (node: string) => Effect.scoped(Effect.flatMap(Nodes, (nodes) => nodes.get(node)))

const use = useOf(name)

/** Lets all that is due happen. */
const settle = TestClock.adjust(0)

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
      expect(down).toMatchObject({ _tag: "Down", why: { reason: lost } })
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
      for (let call = 0; call < 3; call++) expect(yield* Effect.flip(use)).toBe(world.wayless)
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

describe("the log", () => {
  it.effect("tells a link that we closed from one that was never made", () => {
    const { layer, world } = makeWorld()
    const logged: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      yield* use
      yield* settle
      yield* nodes.disconnect(name)
      yield* settle
      world.gate = Effect.never
      yield* Fiber.interrupt(yield* Effect.forkChild(use, { startImmediately: true }))
      yield* settle
      expect(logged).toEqual([
        `${name}: connected as beamscope@localhost`,
        `${name}: disconnected`,
        `${name}: connecting was given up`
      ])
    }).pipe(
      Effect.provide(Layer.provideMerge(layer, logger)),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
  })
})

describe("the log warns", () => {
  /** What is logged at which level while something goes on. */
  const logging = Effect.fnUntraced(function* (
    { layer }: Pick<ReturnType<typeof makeWorld>, "layer">,
    going: Effect.Effect<unknown, unknown, Nodes>
  ) {
    const logged: Array<string> = []
    const logger = Logger.layer([Logger.make(({ logLevel }) => void logged.push(logLevel))])
    yield* Effect.andThen(going, settle).pipe(
      Effect.provide(Layer.provideMerge(layer, logger)),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
    return logged
  })

  it.effect("of an attempt that was in vain, but not of one that was none, nor of a name that was a guess", () => {
    const made = makeWorld()
    const { world } = made
    return Effect.gen(function* () {
      const failing = Effect.suspend(() => {
        world.refuses = { _tag: "NotAllowed" }
        return Effect.andThen(Effect.flip(use), Effect.flip(use))
      })
      expect(yield* logging(made, failing)).toEqual(["Warn", "Debug"])
      const guessing = Effect.suspend(() => {
        world.refuses = { _tag: "WrongNode", actual: "x@y" }
        return Effect.flip(use)
      })
      expect(yield* logging(made, guessing)).toEqual(["Debug"])
    })
  })

  it.effect("of a link that is lost, and of what keeps it from being made again, but of no attempt on the way", () => {
    const made = makeWorld()
    const { world } = made
    return Effect.gen(function* () {
      const losing = Effect.gen(function* () {
        yield* (yield* Nodes).connect(name)
        world.refuses = refused
        yield* world.lose(lost)
        yield* settle
        yield* TestClock.adjust(yield* pauseOf)
        world.refuses = { _tag: "NotAllowed" }
        yield* TestClock.adjust(yield* pauseOf)
      })
      expect(yield* logging(made, Effect.scoped(losing))).toEqual(["Debug", "Warn", "Debug", "Warn"])
    })
  })
})

describe("the changes of nodes", () => {
  it.effect("are told as they happen, with the incarnation, why, and when it is tried next", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen: Array<NodeChange> = []
      const watching = yield* Effect.forkChild(
        Stream.runForEach(yield* nodes.changes, (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true }
      )
      yield* nodes.connect(name)
      world.creation = 2
      yield* world.lose(lost)
      yield* TestClock.adjust("1 second")
      expect(seen).toMatchObject([
        { _tag: "Up", name, creation: 1 },
        { _tag: "Down", name, creation: 1, why: { reason: lost }, nextAttempt: expect.any(Number) },
        { _tag: "Up", name, creation: 2, former: { creation: 1, why: { reason: lost } } }
      ])
      expect(seen[0]).not.toHaveProperty("former")
      yield* Fiber.interrupt(watching)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect(
    "are told with what the way there says of the end, but before the next begins, which waits for no words",
    () => {
      const { layer, world } = makeWorld()
      return Effect.gen(function* () {
        const nodes = yield* Nodes
        const seen: Array<NodeChange> = []
        yield* Effect.forkChild(
          Stream.runForEach(yield* nodes.changes, (change) => Effect.sync(() => seen.push(change))),
          { startImmediately: true }
        )
        const words = yield* Deferred.make<void>()
        world.words = Deferred.await(words)
        yield* use
        yield* world.lose(lost)
        yield* settle
        expect(yield* stateOf).toMatchObject({ _tag: "Down", why: { reason: lost } })
        expect(seen).toMatchObject([{ _tag: "Up" }])
        yield* use
        yield* settle
        expect(seen).toMatchObject([{ _tag: "Up" }, { _tag: "Down" }, { _tag: "Up" }])
        yield* world.lose(lost)
        yield* settle
        yield* Deferred.succeed(words, undefined)
        yield* settle
        const why = { reason: lost, through: "It said: Killed." }
        expect(seen.slice(3)).toMatchObject([{ _tag: "Down", why }])
        expect(yield* stateOf).toMatchObject({ _tag: "Down", why })
      }).pipe(Effect.scoped, Effect.provide(layer))
    }
  )

  it.effect("promise no other attempt where the entry of the node is gone", () => {
    const { layer, world } = makeWorld()
    return Effect.gen(function* () {
      const nodes = yield* Nodes
      const seen: Array<NodeChange> = []
      yield* Effect.forkChild(
        Stream.runForEach(yield* nodes.changes, (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true }
      )
      world.entries = [{ name }]
      yield* nodes.connect(name)
      world.entries = []
      yield* world.lose(lost)
      yield* settle
      expect(seen.at(-1)).toMatchObject({ _tag: "Down", isDropped: true })
      expect(seen.at(-1)).not.toHaveProperty("nextAttempt")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

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
      const seen: Array<NodeChange> = []
      yield* Effect.forkChild(
        Stream.runForEach(yield* nodes.changes, (change) => Effect.sync(() => seen.push(change))),
        { startImmediately: true }
      )
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
})
