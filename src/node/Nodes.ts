import { Clock, Context, Effect, Exit, Layer, RcMap, type Redacted, Scope } from "effect"
import { DistError } from "../dist/DistError.ts"
import type { CallError } from "./CallError.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import { type TargetError, Targets } from "./Targets.ts"

/** Why there is no connected node. */
export type NodeError = TargetError | DistError | CallError

/** Where a node stands with us. Times are milliseconds since the Unix epoch. */
export type NodeState =
  | { readonly _tag: "Connecting"; readonly since: number }
  | { readonly _tag: "Up"; readonly since: number; readonly node: ErlangNode }
  | { readonly _tag: "Down"; readonly since: number; readonly why: NodeError }

export interface NodeStatus {
  readonly name: string
  readonly state: NodeState
}

/**
 * The nodes of this process: one link a node, shared by all who use it, each held for the scope that asked. A node
 * that was connected by `connect` stays until `disconnect`, the loss of its link, or the end of the layer.
 */
export class Nodes extends Context.Service<
  Nodes,
  {
    /** The connected node of this name, connecting first where needed. Released with the scope. */
    readonly get: (name: string) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>
    /** Connects and holds. With `cookie`, this cookie in place of the configured one, for this connection. */
    readonly connect: (
      name: string,
      options?: { readonly cookie?: Redacted.Redacted }
    ) => Effect.Effect<ErlangNode, NodeError>
    /** Lets go of a node; its link closes at once, whoever uses it. Tells whether there was one. */
    readonly disconnect: (name: string) => Effect.Effect<boolean>
    /** Every node that was connected or tried since the start, by name. */
    readonly list: Effect.Effect<ReadonlyArray<NodeStatus>>
  }
>()("beamscope/node/Nodes") {
  static readonly layer: Layer.Layer<Nodes, never, Targets> = Layer.effect(
    Nodes,
    Effect.gen(function* () {
      const targets = yield* Targets
      const scope = yield* Effect.scope
      const states = new Map<string, NodeState>()
      /** The scopes that hold what `connect` connected. */
      const held = new Map<string, Scope.Closeable>()
      const cookies = new Map<string, Redacted.Redacted>()

      const setDown = (name: string, why: NodeError) =>
        Effect.map(Clock.currentTimeMillis, (since) => void states.set(name, { _tag: "Down", since, why }))
      const letGo = (name: string) =>
        Effect.suspend(() => {
          const holder = held.get(name)
          held.delete(name)
          cookies.delete(name)
          return holder === undefined ? Effect.void : Scope.close(holder, Exit.void)
        })

      const links: RcMap.RcMap<string, ErlangNode, NodeError> = yield* RcMap.make({
        idleTimeToLive: idleTimeToLive,
        lookup: (name: string) =>
          Effect.gen(function* () {
            states.set(name, { _tag: "Connecting", since: yield* Clock.currentTimeMillis })
            const cookie = cookies.get(name)
            const target = yield* targets.resolve(name, cookie === undefined ? {} : { cookie })
            // Loaded with the first connection: a server that is started and not asked has no need of any of it.
            const { joinNode } = yield* Effect.promise(() => import("./ErlangNode.ts"))
            const node = yield* joinNode(target)
            states.set(name, { _tag: "Up", since: yield* Clock.currentTimeMillis, node })
            // Lost or let go: the next one to ask gets a new link, and who asks about this one learns why it ended.
            yield* Effect.addFinalizer(() => {
              const state = states.get(name)
              return state?._tag === "Up" && state.node === node
                ? setDown(name, new DistError({ node: name, reason: { _tag: "Disconnected" } }))
                : Effect.void
            })
            yield* node.lost.pipe(
              Effect.tap((why) => setDown(name, why)),
              Effect.andThen(RcMap.invalidate(links, name)),
              Effect.andThen(letGo(name)),
              Effect.forkIn(scope)
            )
            return node
          }).pipe(Effect.tapError((why) => Effect.andThen(setDown(name, why), RcMap.invalidate(links, name))))
      })

      return Nodes.of({
        get: (name) => RcMap.get(links, name),
        connect: Effect.fnUntraced(function* (name, options) {
          const holder = held.get(name) ?? (yield* Scope.fork(scope))
          if (options?.cookie !== undefined && !held.has(name)) cookies.set(name, options.cookie)
          return yield* RcMap.get(links, name).pipe(
            Scope.provide(holder),
            Effect.tap(() => Effect.sync(() => held.set(name, holder))),
            Effect.onError(() => Effect.andThen(letGo(name), Scope.close(holder, Exit.void)))
          )
        }),
        disconnect: Effect.fnUntraced(function* (name) {
          const state = states.get(name)
          const wasUp = state?._tag === "Up"
          if (wasUp) yield* state.node.disconnect
          yield* letGo(name)
          yield* RcMap.invalidate(links, name)
          return wasUp
        }),
        list: Effect.sync(() => Array.from(states, ([name, state]) => ({ name, state })))
      })
    })
  )
}

/** How long a link that nobody uses is kept: long enough to serve the next call of a conversation. */
const idleTimeToLive = "5 minutes"
