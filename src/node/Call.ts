import type { Effect } from "effect"
import type { Term } from "../etf/Term.ts"
import type { CallError } from "./CallError.ts"

/** How one call is bounded. What is left out has the default. */
export interface CallOptions {
  /** Milliseconds from now until the worker is killed and the call fails with `DeadlineExceeded`. Default 5,000. */
  readonly timeoutMillis?: number
  /** Bytes of the reply on the wire; past it the reply is dropped. Default 16 MiB. */
  readonly maxReplyBytes?: number
  /** Words of heap that the worker may use before the node kills it. Default 8 Mi words (64 MiB). */
  readonly maxHeapWords?: number
  /**
   * Whether large binaries count as part of that heap (from OTP 27 on; before, they never do). Default true. False for what
   * reads terms of others: their binaries are shared with the worker, not copied, and may be of any size.
   */
  readonly countsBinaries?: boolean
  /** Whether it is a look of our own, that nobody asked for: how it ends is heard by who makes it alone. Default false. */
  readonly isLook?: boolean
}

/**
 * Calls `module:func(args…)` on a node in a worker of its own: low priority, its heap capped, killed when the deadline
 * passes, when the caller is interrupted or when the link goes. Module and function must be names from our own source;
 * a name that a user gave goes through `existingAtom` first. Fails with the reason that fits; arguments that are no terms are
 * a defect, as the types say.
 */
export type Call = (
  module: string,
  func: string,
  args: ReadonlyArray<Term>,
  options?: CallOptions
) => Effect.Effect<Term, CallError>
