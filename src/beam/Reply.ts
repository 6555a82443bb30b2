import { decode } from "../etf/Decode.ts"
import { EtfError } from "../etf/EtfError.ts"
import { atom, Binary, ExternalFun, list, listItems, type Term } from "../etf/Term.ts"
import { CallError, type CallReason } from "../node/CallError.ts"
import type { CallOptions } from "../node/Call.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { Effect } from "effect"

/** A reply that is not of the form that OTP documents. `target` as `module:function/arity`. */
export const unreadable = (node: ErlangNode, target: string): CallError =>
  new CallError({
    node: node.name,
    target,
    reason: { _tag: "UndecodableReply", detail: "it does not have the form that OTP documents" }
  })

/** What `read` makes of a reply; a failure of its own where that is `undefined`. */
export const readReply = <A>(
  node: ErlangNode,
  target: string,
  read: (reply: Term) => A | undefined
): ((reply: Term) => Effect.Effect<A, CallError>) => {
  return (reply) => {
    const value = read(reply)
    return value === undefined ? Effect.fail(unreadable(node, target)) : Effect.succeed(value)
  }
}

/** Bytes that a packed answer may unpack to. A thousand rows of processes are 131 kB, with all names short. */
const maxUnpackedBytes = 4 * 1024 * 1024
const maxUnpackedTerms = 512 * 1024

/**
 * What `read` makes of an answer that our agent has packed: a binary that holds a term in external format, compressed
 * or not. Fails as {@link readReply} does, and where the answer would unpack to more than an answer may have.
 */
export const readPacked = <A>(
  node: ErlangNode,
  target: string,
  read: (answer: Term) => A | undefined
): ((reply: Term) => Effect.Effect<A, CallError>) => {
  const readAnswer = readReply(node, target, read)
  return (reply) => {
    if (!(reply instanceof Binary)) return Effect.fail(unreadable(node, target))
    try {
      const limits = { bytes: maxUnpackedBytes, inflatedBytes: maxUnpackedBytes, cells: maxUnpackedTerms }
      return readAnswer(decode(reply.view(), limits))
    } catch (error) {
      if (!(error instanceof EtfError)) throw error
      return Effect.fail(new CallError({ node: node.name, target, reason: whyPacked(error) }))
    }
  }
}

const whyPacked = ({ message, reason }: EtfError): CallReason => {
  const limit = reason._tag === "LimitExceeded" ? reason.limit : undefined
  if (limit === "bytes" || limit === "inflatedBytes") return { _tag: "ReplyTooLarge", limitBytes: maxUnpackedBytes }
  if (limit === "cells") return { _tag: "ReplyTooLarge", limitBytes: maxUnpackedBytes, limitTerms: maxUnpackedTerms }
  return { _tag: "UndecodableReply", detail: message }
}

/** Calls `erlang:func/1` on the node for each argument, in one worker: one round trip, one moment in time. */
export const mapOver = (
  node: ErlangNode,
  func: "system_info" | "statistics",
  args: ReadonlyArray<Term>,
  options?: CallOptions
): Effect.Effect<ReadonlyArray<Term>, CallError> =>
  Effect.flatMap(
    node.call("lists", "map", [new ExternalFun(atom("erlang"), atom(func), 1), list(args)], options),
    readReply(node, `erlang:${func}/1`, (reply) => {
      const items = listItems(reply)
      return items?.length === args.length ? items : undefined
    })
  )
