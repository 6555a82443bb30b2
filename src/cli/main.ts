import { Cause, Effect, Exit, Option } from "effect"
import { keptCleaner } from "../tools/Cleaning.ts"
import type { CommandError } from "./CommandError.ts"
import { endProcess } from "./EndProcess.ts"
import { serverCommand } from "./ServerCommand.ts"
import { serverFlags } from "./ServerFlags.ts"

/** Told by the stream itself to whoever writes; here only so that it ends nothing before its time. */
const ignoreError = () => {}

/** The exit code where stdout did not take everything; that nobody reads any more (`| head`) is no failure. */
const outcome = (exitCode: number, error: Error | null | undefined): number => {
  if (!error || (error as NodeJS.ErrnoException).code === "EPIPE") return exitCode
  process.stderr.write(`beamscope: the output could not be written: ${error.message}\n`)
  return exitCode === 0 ? 1 : exitCode
}

/** Ends the process once stdout has taken everything; not by falling off the end, where an open handle would hold it. */
const exit = (exitCode: number) => {
  process.exitCode = exitCode
  const finish = () => endProcess(outcome(exitCode, process.stdout.errored))
  if (process.stdout.writable) process.stdout.write("", finish)
  else finish()
}

const report = (cause: Cause.Cause<CommandError>): number => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error === undefined) {
    process.stderr.write(`beamscope has a fault:\n${keptCleaner([])(Cause.pretty(cause))}\n`)
    return 1
  }
  if (error.message !== "") process.stderr.write(`beamscope: ${error.message}\n`)
  return error.exitCode
}

/** Runs what a command line asks for, and ends the process. */
export const main = (args: ReadonlyArray<string>): void => {
  process.stdout.on("error", ignoreError)
  process.stderr.on("error", ignoreError)
  const server = serverFlags(args)
  const command =
    server === undefined
      ? // What only a person at a terminal uses is not loaded for a host.
        Effect.flatMap(
          Effect.promise(() => import("./Commands.ts")),
          ({ run }) => run(args)
        )
      : serverCommand(server)
  Effect.runFork(command).addObserver((result) => exit(Exit.isSuccess(result) ? 0 : report(result.cause)))
}
