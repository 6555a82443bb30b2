import { Effect, Schedule } from "effect"

/** Waits until something has become true; fails when it has not within ten seconds. */
export const eventually = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E | Error, R> =>
  condition.pipe(
    Effect.flatMap((holds) => (holds ? Effect.void : Effect.fail(new Error("it did not become true")))),
    Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "10 seconds" })))
  )
