import { Data } from "effect"

/**
 * How a command ends that does not end well. `message` goes to stderr, where there is one. Exit codes: 1 the command
 * failed, 2 it was called wrongly, 128 + n it was ended by signal n.
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly exitCode: number
  readonly message: string
}> {}

/** The command line, the environment or the configuration file asks for something that does not exist. */
export const usageError = (message: string): CommandError => new CommandError({ exitCode: 2, message })
