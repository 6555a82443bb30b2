import { Effect } from "effect"
import type { CallError } from "./CallError.ts"

/**
 * What the agent was to be asked, in another way where it may not run, by the operator's word or for the atoms that it
 * takes. What cannot be had that way either fails with why the agent did not run.
 */
export const withoutAgent =
  <B, R>(plain: () => Effect.Effect<B, CallError, R>) =>
  <A, S>(asked: Effect.Effect<A, CallError, S>): Effect.Effect<A | B, CallError, R | S> =>
    asked.pipe(
      Effect.catchReason("CallError", "AtomsScarce", (_, scarce) =>
        Effect.catchReason(plain(), "CallError", "Unsupported", () => Effect.fail(scarce))
      ),
      Effect.catchReason("CallError", "Unsupported", plain)
    )
