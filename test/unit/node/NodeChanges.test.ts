import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Nodes } from "../../../src/node/Nodes.ts"
import type { NodeChange } from "../../../src/node/NodeState.ts"
import { name, refused, lost, makeWorld, stateOf, pauseOf, use, settle, changesSeen } from "../../support/FakeWorld.ts"

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
      const seen = yield* changesSeen
      world.entries = [{ name }]
      yield* nodes.connect(name)
      world.entries = []
      yield* world.lose(lost)
      yield* settle
      expect(seen.at(-1)).toMatchObject({
        _tag: "Down",
        notAgain: expect.stringContaining("no longer in the configuration")
      })
      expect(seen.at(-1)).not.toHaveProperty("nextAttempt")
      // So is who looks, then and later, and still told when and why it was lost.
      const since = (yield* stateOf)!.since
      yield* TestClock.adjust("1 hour")
      const down = yield* stateOf
      expect(down).toMatchObject({
        since,
        why: { reason: lost, message: expect.stringMatching(/went down.*no longer in the configuration/u) }
      })
      expect(down).not.toHaveProperty("nextAttempt")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
