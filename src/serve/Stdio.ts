import { Deferred, Effect, Option } from "effect"
import type { Readable, Writable } from "node:stream"
import { connect } from "../mcp/Server.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { stdioTransport } from "./StdioTransport.ts"

/** Calls that run when the input ends may still finish for this long: `echo … | beamscope` gets its answer. */
const graceMillis = 500

/**
 * Serves the one client on a pair of streams until it is gone; the connection itself ends with the scope. Touches no
 * node before the first call of a tool.
 */
export const serve = Effect.fnUntraced(function* (options: {
  readonly input: Readable
  readonly output: Writable
  readonly mode: SyntaxName
}) {
  const ended = yield* Deferred.make<"input" | "output">()
  const transport = stdioTransport(options.input, options.output, (of) =>
    Deferred.doneUnsafe(ended, Effect.succeed(of))
  )
  const { idle } = yield* connect(transport, options)
  if ((yield* Deferred.await(ended)) === "output") return
  const finished = yield* Effect.timeoutOption(idle, graceMillis)
  if (Option.isNone(finished))
    yield* Effect.logWarning("stdin ended with calls under way; they are stopped, and nobody hears of what they found")
  // The answer to a call is written a turn after the call ends.
  yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
})
