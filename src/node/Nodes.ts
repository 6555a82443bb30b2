import { Clock, Context, Deferred, Effect, FiberMap, Layer, Scope, type Stream } from "effect"
import type { Changes } from "./Changes.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import type { NodeHealth } from "./Health.ts"
import type { NodeError } from "./NodeError.ts"
import type { HealthChange, NodeChange, NodeStatus } from "./NodeState.ts"
import { type Disconnection, type Join, type Look, Registry } from "./Registry.ts"
import type { Approach } from "./Sparing.ts"
import { type NodeTarget, Targets } from "./Targets.ts"
import type { ConnectOptions } from "./Wish.ts"

export type { ConnectOptions, Disconnection, Look }

/** The nodes of this process: one link a node, shared by all who use it, each held for the scope that asked. */
export class Nodes extends Context.Service<
  Nodes,
  {
    /**
     * The connected node of this name, connecting first where needed. Released with the scope. A node that refused our
     * cookie, or does not know it itself, is not tried with the same one again: each try is an error report in a node's
     * log, and one more digest for a stranger. That a cookie is refused is believed the second time, and of one that was
     * taken before the third: a network that fails at that moment looks the same. A node that did not answer lately is
     * left in peace: `BreakerOpen`; one that a connection may end is left alone: `LeftAlone`.
     */
    readonly get: (
      name: string,
      options?: Pick<ConnectOptions, "timeoutMillis">
    ) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>
    /**
     * Connects, and keeps the link for the scope: should it be lost, it is made again in the background. Tries also
     * where the node has refused us, where an attempt that was under way, with another cookie or less time, has failed,
     * and where the node is left in peace, unless somebody is trying just then: a node that is connected, and left in
     * peace all the same, is asked for a sign of life, and fails this with what becomes of that. Where the node is left
     * alone, since a connection may end it, it is tried only if that is asked for (`insists`).
     */
    readonly connect: (name: string, options?: ConnectOptions) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>
    /**
     * Closes the link to a node at once, whoever uses it or waits for it, unless a scope keeps it by `connect`. Tells
     * whether it was closed, is kept, or was not there.
     */
    readonly disconnect: (name: string) => Effect.Effect<Disconnection>
    /** The nodes that are connected or being connected, and the latest that were or could not be, by name. */
    readonly list: Effect.Effect<ReadonlyArray<NodeStatus>>
    /** How a connected node fares; `undefined` also where it was not looked at for a while. */
    readonly health: (name: string) => Effect.Effect<NodeHealth | undefined>
    /**
     * How the node has refused to be joined so, where that is remembered and believed, and would come of it again: for
     * who joins it by a link of his own.
     */
    readonly refusal: (target: NodeTarget) => Effect.Effect<NodeError | undefined>
    /**
     * Whether a node may be approached by who joins it by a link of his own, before he opens a way to it, since a tunnel's is
     * a connection already; `leftAlone`: why not. Of one that is left alone, once its time is over, this is the one
     * attempt, for all, and what came of it is to be told. EPMD, where it is asked whether the node has ended, has
     * `timeoutMillis` to say so, and 2,000 at most.
     */
    readonly approach: (name: string, options?: Pick<ConnectOptions, "timeoutMillis">) => Effect.Effect<Approach>
    /** Remembers that the node has refused to be joined so, on a link of somebody's own. */
    readonly refused: (target: NodeTarget, why: NodeError) => Effect.Effect<void>
    /**
     * Forgets what became of earlier requests, so that the node is asked again, and counts from zero. A link through
     * which nothing comes, though it is asked, is given up after two seconds, or `timeoutMillis`, so that the next
     * request makes it anew: for how many milliseconds it was silent, if there was one.
     */
    readonly reset: (name: string, options?: Pick<ConnectOptions, "timeoutMillis">) => Effect.Effect<number | undefined>
    /** Asks a connected node for a sign of life; no request to the breaker, which it may close. */
    readonly look: (name: string, timeoutMillis: number) => Effect.Effect<Look | undefined>
    /**
     * The stream of links that come up and go down, `yield* nodes.changes`: from when it is run. Who does not keep up
     * misses the oldest.
     */
    readonly changes: Effect.Effect<Stream.Stream<NodeChange>>
    /** Connected nodes that come to another condition, likewise. */
    readonly healthChanges: Effect.Effect<Stream.Stream<HealthChange>>
  }
>()("beamscope/node/Nodes") {
  /** The registry over any way to join a node. */
  static readonly layerOf = (join: Join): Layer.Layer<Nodes, never, Targets> =>
    Layer.effect(
      Nodes,
      Effect.gen(function* () {
        const changes = yield* announcing<NodeChange>()
        const healthChanges = yield* announcing<HealthChange>()
        const registry = new Registry({
          targets: yield* Targets,
          join,
          scope: yield* Effect.scope,
          clock: yield* Clock.Clock,
          fork: Effect.runForkWith(yield* Effect.context<never>()),
          reconnecting: yield* FiberMap.make<string>(),
          changed: changes.publish,
          healthChanged: healthChanges.publish
        })
        return Nodes.of({
          get: (name, options) =>
            Effect.flatMap(registry.hold(name, options, "call"), ({ node }) => Deferred.await(node)),
          connect: (name, options) =>
            registry.hold(name, options, "wish").pipe(
              Effect.tap((connection) => registry.keep(connection)),
              Effect.flatMap(({ node }) => Deferred.await(node))
            ),
          disconnect: (name) => Effect.suspend(() => registry.disconnect(name)),
          list: Effect.sync(() => registry.list()),
          health: (name) => Effect.sync(() => registry.health(name)),
          refusal: (target) => registry.refusal(target),
          approach: (name, options) => registry.approach(name, options),
          refused: (target, why) => registry.refused(target, why),
          reset: (name, options) => registry.reset(name, options),
          look: (name, timeoutMillis) => registry.look(name, timeoutMillis),
          changes: changes.stream,
          healthChanges: healthChanges.stream
        })
      })
    )

  static readonly layer: Layer.Layer<Nodes, never, Targets> = Nodes.layerOf((target, options) =>
    // Loaded with the first connection: a server that is started and not asked has no need of any of it.
    Effect.flatMap(
      Effect.promise(() => import("./ErlangNode.ts")),
      ({ joinNode }) => joinNode(target, options)
    )
  )
}

/** Changes for which nothing is read or kept before somebody asks for them: a host that starts us waits for no streams. */
const announcing = Effect.fnUntraced(function* <A>() {
  const scope = yield* Effect.scope
  let changes: Changes<A> | undefined
  const asked = yield* Effect.cached(
    Effect.promise(() => import("./Changes.ts")).pipe(
      Effect.flatMap(({ makeChanges }) => makeChanges<A>()),
      Effect.tap((made) => Effect.sync(() => (changes = made))),
      Scope.provide(scope)
    )
  )
  return {
    publish: (change: A): void => changes?.publish(change),
    stream: Effect.map(asked, ({ stream }) => stream)
  }
})
