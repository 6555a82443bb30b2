import { Clock, Context, Effect } from "effect"
import type { CallOptions } from "../node/Call.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"

/** The moment by which the running tool must be done, in milliseconds since the Unix epoch. */
export const Deadline = Context.Reference<number>("beamscope/tools/Deadline", { defaultValue: () => Infinity })

/** Milliseconds that the running tool has left, at least 1. */
export const remainingMillis: Effect.Effect<number> = Effect.gen(function* () {
  return Math.max(1, (yield* Deadline) - (yield* Clock.currentTimeMillis))
})

const bounded = (options?: CallOptions) =>
  Effect.map(remainingMillis, (left) => ({
    ...options,
    timeoutMillis: Math.min(options?.timeoutMillis ?? Infinity, left)
  }))

/** A node whose calls all end by the tool's deadline, so that many calls keep one deadline, here and on the node. */
export const keepingDeadline = (node: ErlangNode): ErlangNode => ({
  ...node,
  call: (module, func, args, options) =>
    Effect.flatMap(bounded(options), (within) => node.call(module, func, args, within)),
  runAgent: (func, argument, options) =>
    Effect.flatMap(bounded(options), (within) => node.runAgent(func, argument, within))
})
