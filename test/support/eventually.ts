import { type Cause, Effect, Schedule } from "effect"

/** Waits until something has become true; fails when it has not within ten seconds. */
export const eventually = <E, R>(
  condition: Effect.Effect<boolean, E, R>
): Effect.Effect<void, E | Cause.TimeoutError, R> =>
  condition.pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("10 seconds"),
    Effect.asVoid
  )
