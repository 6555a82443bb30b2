import type { Effect } from "effect"
import type { DistError } from "../dist/DistError.ts"
import type { Atom, Term } from "../etf/Term.ts"
import type { AgentFunction } from "./Agent.ts"
import type { CallError } from "./CallError.ts"
import type { Capabilities } from "./Capabilities.ts"

/** How one call is bounded. What is left out has the node's defaults. */
export interface CallOptions {
  /** Milliseconds from now until the worker is killed and the call fails with `DeadlineExceeded`. Default 5,000. */
  readonly timeoutMillis?: number
  /** Bytes of the reply on the wire; past it the reply is dropped. Default 16 MiB. */
  readonly maxReplyBytes?: number
  /** Words of heap that the worker may use before the node kills it. Default 8 Mi words (64 MiB). */
  readonly maxHeapWords?: number
}

/** A node that we are connected to. Valid for as long as the scope that it was got in. */
export interface ErlangNode {
  /** The node's full name, `name@host`. */
  readonly name: string
  /** The node's incarnation; a restarted node has the same name and another creation. */
  readonly creation: number
  /** Our own name towards this node. */
  readonly localName: string
  readonly capabilities: Capabilities
  /**
   * Calls `module:function(args…)` on the node in a worker of its own: low priority, its heap capped, killed when the
   * deadline passes, when the caller is interrupted or when the link goes. Module and function must be names from our
   * own source; a name that a user gave goes through `existingAtom` first.
   */
  readonly call: (
    module: string,
    func: string,
    args: ReadonlyArray<Term>,
    options?: CallOptions
  ) => Effect.Effect<Term, CallError>
  /** Runs a function of the agent, interpreted or loaded as the node's setting and size ask for. */
  readonly runAgent: (
    func: AgentFunction,
    args: ReadonlyArray<Term>,
    options?: CallOptions
  ) => Effect.Effect<Term, CallError>
  /** The atom of this name if the node has one, so that no text from a user adds to its atom table. */
  readonly existingAtom: (text: string) => Effect.Effect<Atom, CallError>
  /** Milliseconds from a request to its reply, measured now. */
  readonly roundTrip: Effect.Effect<number, CallError>
  /** Ends when the link does, with why. */
  readonly lost: Effect.Effect<DistError>
}
