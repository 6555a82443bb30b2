import { Clock, Deferred, Effect, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DistError, type DistReason } from "../../src/dist/DistError.ts"
import type { Whereabouts } from "../../src/dist/Link.ts"
import { list, type Term } from "../../src/etf/Term.ts"
import type { Verdict } from "../../src/node/Breaker.ts"
import { CallError, type CallReason } from "../../src/node/CallError.ts"
import type { ErlangNode } from "../../src/node/ErlangNode.ts"
import { Nodes } from "../../src/node/Nodes.ts"
import type { NodeChange } from "../../src/node/NodeState.ts"
import { type KnownNode, TargetError } from "../../src/node/Targets.ts"
import type { TunnelCommand } from "../../src/node/Tunnelled.ts"
import { fakeNode } from "./FakeNodes.ts"
import { targetsOf } from "./targetsOf.ts"

/** The node that a {@link makeWorld} has. */
export const name = "app@host"

export const refused: DistReason = { _tag: "NameNotRegistered", name: "app", host: "host", port: 4369, registered: [] }
export const lost: DistReason = { _tag: "LinkClosed", detail: "the node went down" }
/** As of a port forward whose other end is not there. */
export const closedInHandshake: DistReason = { _tag: "ClosedInHandshake", stage: "status" }
export const overdue: DistReason = {
  _tag: "Timeout",
  phase: "handshake",
  millis: 7_000,
  waitingFor: "waiting for its status"
}

/** A node as a test wants it, and what became of the attempts to join it. */
export const makeWorld = () => {
  const world = {
    /** Why it cannot be joined. */
    refuses: undefined as DistReason | undefined,
    /** The tunnel that leads to it. */
    tunnel: undefined as TunnelCommand | undefined,
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
    /** Whether its process table has room: for the latest worker, and for the first of a link. */
    hasRoom: true,
    /** Whether it has hardly an atom left. */
    isScarce: false,
    /** Where it is by now, as EPMD says, where that is asked. */
    whereabouts: undefined as Whereabouts | undefined,
    /** EPMD answers that when this ends. */
    asking: Effect.void as Effect.Effect<void>,
    /** How often EPMD was asked that, and in how many milliseconds at most, the last time. */
    questions: { count: 0, millis: NaN },
    /** For each attempt, our name on the link before, as far as it was told to be as that was. */
    joinedAs: [] as Array<string | undefined>,
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
  const join: Parameters<typeof Nodes.layerOf>[0] = (target, { joinedAs, onPlace, onStage, onVerdict }) =>
    Effect.gen(function* () {
      world.attempts++
      world.joinedAs.push(joinedAs)
      world.cookies.push(Redacted.value(target.cookie))
      world.hear = (verdict) => onVerdict?.(verdict)
      if (world.whereabouts !== undefined)
        onPlace?.((millis) =>
          Effect.suspend(() => {
            world.questions = { count: world.questions.count + 1, millis }
            return Effect.as(world.asking, world.whereabouts ?? "same")
          })
        )
      onStage?.("status")
      yield* world.gate
      if (world.refuses !== undefined) return yield* new DistError({ node: name, reason: world.refuses })
      if (!world.hasRoom) {
        const reason = { _tag: "ProcessTableFull", limit: 1_024, hasBegun: false } as const
        return yield* new CallError({ node: name, target: "lists:map/2", reason })
      }
      if (world.isScarce) {
        const reason = { _tag: "AtomsScarce", left: 9, limit: 32_768, needed: 64, maker: "joining" } as const
        return yield* new CallError({ node: name, target: "connecting", reason })
      }
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
        silentMillis: () => world.silentMillis(),
        hasRoom: () => world.hasRoom
      }
      return node
    })
  const targets = targetsOf({
    epmdPort: 1,
    nodes: Effect.sync(() => world.nodes),
    entries: Effect.sync(() => world.entries),
    way: (node) =>
      Effect.sync(() => ({
        name: node,
        address: world.address,
        ...(world.tunnel !== undefined && { tunnel: world.tunnel })
      })),
    resolve: (node, options) =>
      Effect.suspend(() => {
        if (world.wayless === undefined)
          return Effect.as(world.resolving, {
            name: node,
            cookie: options?.cookie ?? Redacted.make("configured"),
            ...(world.ourName !== undefined && { ourName: world.ourName }),
            ...(world.tunnel !== undefined && { tunnel: world.tunnel })
          })
        world.attempts++
        return Effect.fail(world.wayless)
      })
  })
  return { world, layer: Nodes.layerOf(join).pipe(Layer.provide(targets)) }
}

export const statusOf = Effect.gen(function* () {
  return (yield* (yield* Nodes).list).find((node) => node.name === name)
})

export const stateOf = Effect.map(statusOf, (status) => status?.state)

/** Milliseconds until a node that is down is tried again. */
export const pauseOf = Effect.gen(function* () {
  const state = yield* stateOf
  return state?._tag === "Down" ? (state.nextAttempt ?? Infinity) - (yield* Clock.currentTimeMillis) : 0
})

/** A call that uses a node and lets go of it. */
export const useOf = (node: string) => Effect.scoped(Effect.flatMap(Nodes, (nodes) => nodes.get(node)))

export const use = useOf(name)

/** Lets all that is due happen. */
export const settle = TestClock.adjust(0)

/** The changes of nodes from now on, as they are told. */
export const changesSeen = Effect.gen(function* () {
  const seen: Array<NodeChange> = []
  yield* Effect.forkChild(
    Stream.runForEach(yield* (yield* Nodes).changes, (change) => Effect.sync(() => seen.push(change))),
    { startImmediately: true }
  )
  return seen
})
