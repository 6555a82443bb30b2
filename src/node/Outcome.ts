import { decodeNext } from "../etf/Decode.ts"
import { EtfError } from "../etf/EtfError.ts"
import type { Term } from "../etf/Term.ts"
import type { Verdict } from "./Breaker.ts"
import type { CallReason } from "./CallError.ts"
import { readStack } from "./StackFrame.ts"

/** How a call ends, unless whoever made it gives it up. */
export type Outcome =
  | { readonly _tag: "Value"; readonly value: Term }
  | { readonly _tag: "Failure"; readonly reason: CallReason }

export const value = (value: Term): Outcome => ({ _tag: "Value", value })

export const failure = (reason: CallReason): Outcome => ({ _tag: "Failure", reason })

/** The function raised. */
export const raised = (kind: "error" | "exit" | "throw", reason: Term, stack?: Term): Outcome =>
  failure({ _tag: "Raised", class: kind, reason, stack: readStack(stack) ?? [] })

/**
 * What the end of a call says of the node's health: whatever answer came, it came from a node that answers. That the
 * link was lost is counted once, not for each call that waited.
 */
export const verdictOf = (outcome: Outcome): Verdict | undefined => {
  if (outcome._tag === "Value") return "success"
  switch (outcome.reason._tag) {
    case "DeadlineExceeded":
      return "failure"
    case "LinkLost":
      return undefined
    default:
      return "success"
  }
}

/**
 * Terms that a reply may hold, however few its bytes are: as many take some 60 MB here at worst (empty maps). A call
 * that allows more bytes than the default allows more terms, too.
 */
const leastTerms = 524_288
const bytesPerTerm = 32

/** Room on the wire for what stands around a value: the result tuple, a stack trace. */
export const envelopeBytes = 64 * 1024

/** The outcome that `read` finds in a reply, a bare term, of whose value `limitBytes` are allowed. */
export const readReply = (payload: Uint8Array, limitBytes: number, read: (term: Term) => Outcome): Outcome => {
  const limitTerms = Math.max(leastTerms, Math.ceil(limitBytes / bytesPerTerm))
  try {
    return read(decodeNext(payload, { offset: 0 }, { bytes: limitBytes + envelopeBytes, cells: limitTerms }))
  } catch (error) {
    if (!(error instanceof EtfError)) throw error
    return failure(
      error.reason._tag === "LimitExceeded" && error.reason.limit === "cells"
        ? { _tag: "ReplyTooLarge", limitBytes, limitTerms }
        : { _tag: "UndecodableReply", detail: error.message }
    )
  }
}
