import { Effect } from "effect"
import { constants } from "node:os"
import { CommandError } from "./CommandError.ts"
import { endProcess } from "./EndProcess.ts"

type Signal = "SIGINT" | "SIGTERM"

const listen = (): Promise<Signal> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(signal))
  })

let signalled: Promise<Signal> | undefined

/**
 * Ends when the process gets a SIGINT or SIGTERM. Once this runs, none of them kills the process any more: a launcher
 * like npm passes on a Ctrl-C that the terminal has sent already, and the second must not cut the cleaning up short.
 */
export const told: Effect.Effect<Signal> = Effect.promise(() => (signalled ??= listen()))

/** From now on the process has so long to clean up; past it, it ends as it is. */
export const exitWithin = (millis: number, exitCode: number): Effect.Effect<void> =>
  Effect.sync(() => void setTimeout(() => endProcess(exitCode), millis).unref())

/** Runs a command until it ends or the process is told to end; then what it started is undone, in `millis` at most. */
export const untilTold = <A, E, R>(
  command: Effect.Effect<A, E, R>,
  millis: number
): Effect.Effect<A, E | CommandError, R> =>
  Effect.raceFirst(
    command,
    Effect.gen(function* () {
      const exitCode = 128 + constants.signals[yield* told]
      yield* exitWithin(millis, exitCode)
      return yield* new CommandError({ exitCode, message: "" })
    })
  )
