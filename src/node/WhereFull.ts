import { Deferred, Effect } from "effect"
import type { Term } from "../etf/Term.ts"
import type { Call } from "./Call.ts"
import type { CallError } from "./CallError.ts"
import { defaults } from "./PendingCall.ts"

/** Milliseconds to wait, each time, before a call is made again that a node had no process for. */
const pauses = [5, 20, 100, 200]

/** Milliseconds, at most, that a call waits for the one before it: that may take long, and need not be what fills the table. */
const turnMillis = 500

/**
 * Calls that are made again, a few times and one after the other, where the process table of the node is so full that it
 * can start no worker: a tool that asks several things at a time gets them all where there is room for one worker. All of
 * it happens within the call's own time; where too little of that is left, the call fails with what the node said last.
 */
export const waitingForRoom = (call: Call): Call => {
  let last: Effect.Effect<void> = Effect.void
  const inTurn = (self: Effect.Effect<Term, CallError>, patienceMillis: number) => {
    const before = last
    const done = Deferred.makeUnsafe<void>()
    last = Deferred.await(done)
    return Effect.timeoutOption(before, patienceMillis).pipe(
      Effect.andThen(self),
      Effect.ensuring(Deferred.succeed(done, undefined))
    )
  }
  return (module, func, args, options) =>
    Effect.suspend(() => {
      const end = performance.now() + (options?.timeoutMillis ?? defaults.timeoutMillis)
      const left = () => end - performance.now()
      const again = (full: CallError, tries: number): Effect.Effect<Term, CallError> => {
        const pause = pauses[tries]
        if (pause === undefined || pause >= left()) return Effect.fail(full)
        const ask = Effect.suspend(() =>
          call(module, func, args, { ...options, timeoutMillis: Math.max(1, Math.ceil(left())) })
        )
        return Effect.andThen(
          Effect.sleep(pause),
          whereFull(ask, (stillFull) => again(stillFull, tries + 1))
        )
      }
      return whereFull(call(module, func, args, options), (full) =>
        inTurn(
          Effect.suspend(() => again(full, 0)),
          Math.min(turnMillis, left() / 2)
        )
      )
    })
}

/** Where the node could not start the worker; one that has begun is not begun again. */
const whereFull = (
  ask: Effect.Effect<Term, CallError>,
  otherwise: (full: CallError) => Effect.Effect<Term, CallError>
) =>
  Effect.catchReason(ask, "CallError", "ProcessTableFull", ({ hasBegun }, full) =>
    hasBegun ? Effect.fail(full) : otherwise(full)
  )
