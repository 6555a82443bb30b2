import { ExternalFun, atom, list, listItems, type Term } from "../etf/Term.ts"
import { CallError } from "../node/CallError.ts"
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
