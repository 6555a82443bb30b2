import type { BreakerCounts, BreakerState } from "./Breaker.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import type { Condition, NodeHealth } from "./Health.ts"
import type { Lack } from "./LeftAlone.ts"
import type { NodeError } from "./NodeError.ts"

/** A link that there was. Times are milliseconds since the Unix epoch. */
export interface FormerLink {
  /** The incarnation that it led to. */
  readonly creation: number
  readonly until: number
  readonly why: NodeError
}

/** Where a node stands with us. Times are milliseconds since the Unix epoch. */
export type NodeState =
  | { readonly _tag: "Connecting"; readonly since: number }
  /** `former`: the link before this one; with another creation, the node was restarted in between. */
  | { readonly _tag: "Up"; readonly since: number; readonly node: ErlangNode; readonly former?: FormerLink }
  /** `nextAttempt`: when it is tried again, where something keeps it. `former`: the last link, if there ever was one. */
  | {
      readonly _tag: "Down"
      readonly since: number
      readonly why: NodeError
      readonly nextAttempt?: number
      readonly former?: FormerLink
    }

/** A node that is known by name, as it is now. */
export interface NodeStatus {
  readonly name: string
  readonly state: NodeState
  /** Whether requests are let through to it, and what became of those that there were. */
  readonly breaker: { readonly state: BreakerState; readonly counts: BreakerCounts }
  /** What it lacks, so that a connection may end it: of one that is left alone, or whose link has told so. */
  readonly lack?: Lack
  /** While it is connected, and was looked at lately. */
  readonly health?: NodeHealth
}

/** Whether a name stands for a node, or may do so yet: not one that was tried in vain, and has never led to any. */
export const isOfNode = ({ lack, state }: NodeStatus): boolean =>
  state._tag !== "Down" || state.former !== undefined || lack !== undefined

/** A link that came up or went down. */
export type NodeChange = { readonly name: string; readonly at: number; readonly creation: number } & (
  | { readonly _tag: "Up"; readonly former?: FormerLink }
  /** `notAgain`: why it is not tried again all the same, though something keeps it or asks for it: a sentence. */
  | { readonly _tag: "Down"; readonly why: NodeError; readonly nextAttempt?: number; readonly notAgain?: string }
)

/** A connected node that came to another condition. */
export interface HealthChange {
  readonly name: string
  readonly at: number
  readonly before: Condition
  readonly health: NodeHealth
}

/** Whether the node was restarted since the link before this one. */
export const isRestarted = (now: { readonly creation: number }, former: FormerLink | undefined): boolean =>
  former !== undefined && former.creation !== now.creation
