import { Cause, Effect, Exit, Option } from "effect"
import type { CommandError } from "./CommandError.ts"
import { serverCommand } from "./ServerCommand.ts"
import { serverFlags } from "./ServerFlags.ts"

/** Nobody reads what we would say about that. */
const ignoreBrokenPipe = () => {}

/** Ends the process once stdout has taken everything; not by falling off the end, where an open handle would hold it. */
const exit = (exitCode: number) => {
  process.exitCode = exitCode
  if (!process.stdout.writable) process.exit(exitCode)
  process.stdout.write("", () => process.exit(exitCode))
}

const report = (cause: Cause.Cause<CommandError>): number => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error === undefined) {
    process.stderr.write(`beamscope has a fault:\n${Cause.pretty(cause)}\n`)
    return 1
  }
  if (error.message !== "") process.stderr.write(`beamscope: ${error.message}\n`)
  return error.exitCode
}

/** Runs what a command line asks for, and ends the process. */
export const main = (args: ReadonlyArray<string>): void => {
  process.stdout.on("error", ignoreBrokenPipe)
  process.stderr.on("error", ignoreBrokenPipe)
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
