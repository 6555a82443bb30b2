import { Effect } from "effect"
import { execFile } from "node:child_process"

/** Runs a program to its end, without input: what it wrote to standard output, or, if it failed, all that it said. */
export const execute = (
  program: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv }
): Effect.Effect<string, string> =>
  Effect.callback((resume) => {
    const child = execFile(program, args, options, (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.fail(stdout + stderr || error.message))
    )
    child.stdin?.end()
    return Effect.sync(() => child.kill())
  })
