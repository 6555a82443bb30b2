import { Effect, Layer } from "effect"
import * as Beamscope from "../Beamscope.ts"
import * as Logging from "../serve/Logging.ts"
import { serve } from "../serve/Stdio.ts"
import { usageError } from "./CommandError.ts"
import { readConfig } from "./ReadConfig.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { exitWithin, told } from "./Signals.ts"

/** Hosts kill a server that is still there two seconds after they closed its input. */
const cleanUpMillis = 1_000

/** `beamscope`: the MCP server on stdin and stdout, until the host is gone or the process is told to end. */
export const serverCommand = Effect.fnUntraced(
  function* (given: ServerFlags) {
    const config = yield* readConfig(given)
    // Whatever a dependency prints must not end up between the messages of the protocol.
    // oxlint-disable-next-line no-console
    console.log = console.info = console.debug = console.error
    if (process.stdin.isTTY) {
      process.stderr.write("beamscope speaks MCP on stdin and stdout, and waits for a client; see beamscope --help\n")
    }
    yield* Effect.gen(function* () {
      yield* Effect.raceFirst(serve({ input: process.stdin, output: process.stdout, mode: config.mode }), told)
      yield* exitWithin(cleanUpMillis, 0)
    }).pipe(
      Effect.scoped,
      Effect.provide(Beamscope.fromConfig(config).pipe(Layer.provideMerge(Logging.layer(config.logLevel ?? "info"))))
    )
  },
  Effect.catchTag(["ConfigError", "CatalogueError"], ({ message }) => Effect.fail(usageError(message)))
)
