import { Context, Effect, Scope } from "effect"
import type { CallOptions } from "../node/Call.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { steadyMillis } from "../node/Moment.ts"

/** How long the running tool may take, in milliseconds, and when that is over, by the steady clock. */
export const Deadline = Context.Reference<{ readonly at: number; readonly millis: number }>(
  "beamscope/tools/Deadline",
  { defaultValue: () => ({ at: Infinity, millis: Infinity }) }
)

/** Milliseconds that the running tool has left, at least 1. */
export const remainingMillis: Effect.Effect<number> = Effect.gen(function* () {
  return Math.max(1, (yield* Deadline).at - (yield* steadyMillis))
})

/** Milliseconds that a step leaves of the tool's time, so that its own reason is told and not that time ran out. */
const besideStep = 200

/** Milliseconds for a step of the running tool that knows best why it takes so long. */
export const stepMillis: Effect.Effect<number> = Effect.map(remainingMillis, (left) =>
  Math.max(left / 2, left - besideStep)
)

/** As `Effect.scoped`, but nobody waits for the end of the scope: it may wait for others, such as a tunnel's command. */
export const scopedApart = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.onExit(restore(Scope.provide(effect, scope)), (exit) => Effect.forkDetach(Scope.close(scope, exit)))
    )
  )

/** Of the time that is left, what is kept for what comes behind a scan: a quarter, of little at least so much. */
const besideScan = 1_000

/**
 * Of so many milliseconds, what a scan on the node may take before it ends with what it has. The rest is for the way there
 * and back, for the rows that are shown, which have half of it at most, and for a node so busy that a worker of low priority
 * waits long for its next turn.
 */
export const scanMillis = (left: number): number => Math.max(left / 2, Math.min(left * 0.75, left - besideScan))

/** What keeps a node from an answer that costs it little. */
export const whyLate =
  "Work of ours has low priority there and waits where the schedulers are busy (run_queue in get_system_info); a node that answers nothing at all may be frozen, or the way to it dead (round_trip_ms in list_nodes; connect_node with reset makes a silent link anew)."

const bounded = (options: CallOptions = {}) =>
  Effect.map(remainingMillis, (left) => ({
    ...options,
    timeoutMillis: Math.min(options.timeoutMillis ?? Infinity, left)
  }))

/** A node whose calls all end by the tool's deadline, so that many calls keep one deadline, here and on the node. */
export const keepingDeadline = (node: ErlangNode): ErlangNode => ({
  ...node,
  call: (module, func, args, options) =>
    Effect.flatMap(bounded(options), (within) => node.call(module, func, args, within)),
  runAgent: (func, argument, options) =>
    Effect.flatMap(bounded(options), (within) => node.runAgent(func, argument, within)),
  existingAtom: (text, patience) => Effect.flatMap(bounded(patience), (within) => node.existingAtom(text, within)),
  roundTrip: (patience) => Effect.flatMap(bounded(patience), node.roundTrip)
})
