import { Console, Data, Effect } from "effect"
import { errorText } from "../mcp/ErrorText.ts"
import type { ToolError, ToolErrorCode } from "../tools/ToolError.ts"

/**
 * How a command ends that does not end well. `message` goes to stderr, where there is one. Exit codes: 1 the command
 * failed, 2 it was called wrongly, 128 + n it was ended by signal n.
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly exitCode: number
  readonly message: string
  /** The failure of the tool that it ran, where it is one. */
  readonly tool?: ToolError
}> {}

/** The command line, the environment or the configuration file asks for something that does not exist. */
export const usageError = (message: string): CommandError => new CommandError({ exitCode: 2, message })

/** What the command line asked a tool for, and there is not. */
const wrongCalls: ReadonlySet<ToolErrorCode> = new Set(["invalid_input", "unknown_tool"])

export const toolFailure = (tool: ToolError): CommandError =>
  new CommandError({ exitCode: wrongCalls.has(tool.code) ? 2 : 1, message: errorText(tool), tool })

/** Fields that are not there are left out. */
const told = ({ message, tool }: CommandError) =>
  tool === undefined
    ? { code: "usage", message, retryable: false }
    : {
        code: tool.code,
        message: tool.message,
        retryable: tool.retryable,
        ...(tool.next !== undefined && { next: tool.next }),
        ...(tool.didYouMean !== undefined && tool.didYouMean.length > 0 && { did_you_mean: tool.didYouMean })
      }

/**
 * With `--json`, a failure is on stdout too, as `{"error": {…}}`, so that a program that reads stdout finds its code
 * there; its text stays on stderr.
 */
export const failingAs =
  (json: boolean) =>
  <A, R>(command: Effect.Effect<A, CommandError, R>): Effect.Effect<A, CommandError, R> =>
    json
      ? Effect.tapError(command, (error) =>
          error.message === "" ? Effect.void : Console.log(JSON.stringify({ error: told(error) }, null, 2))
        )
      : command
