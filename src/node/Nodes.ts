import { Context, type Effect, type Redacted, type Scope } from "effect"
import type { DistError } from "../dist/DistError.ts"
import type { CallError } from "./CallError.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import type { NodeTarget, TargetError } from "./Targets.ts"

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
>()("beamscope/node/Nodes") {}

export type { NodeTarget, TargetError }
