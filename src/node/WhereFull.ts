import { Effect, Semaphore } from "effect"
import type { Term } from "../etf/Term.ts"
import type { Call } from "./Call.ts"
import type { CallError } from "./CallError.ts"

/** Milliseconds to wait, each time, before a call is made again that a node had no process for. */
const pauses = [5, 20, 100, 200]

/**
 * Calls that are made again, a few times and one after the other, where the process table of the node is so full that it
 * can start no worker: a tool that asks several things at a time gets them all where there is room for one worker.
 */
export const waitingForRoom = (call: Call): Call => {
  const turns = Semaphore.makeUnsafe(1)
  return (module, func, args, options) => {
    const ask = call(module, func, args, options)
    const again = (tries: number): Effect.Effect<Term, CallError> =>
      Effect.andThen(
        Effect.sleep(pauses[tries]!),
        tries + 1 === pauses.length ? ask : whereFull(ask, () => again(tries + 1))
      )
    return whereFull(ask, () => turns.withPermits(1)(again(0)))
  }
}

/** Where the node could not start the worker; one that has begun is not begun again. */
const whereFull = (ask: Effect.Effect<Term, CallError>, otherwise: () => Effect.Effect<Term, CallError>) =>
  Effect.catchReason(ask, "CallError", "ProcessTableFull", ({ hasBegun }, error) =>
    hasBegun ? Effect.fail(error) : otherwise()
  )
