import { Effect } from "effect"
import * as Tunnel from "../../src/launch/Tunnel.ts"

// A program of its own, because tests kill it: opens a tunnel by the command in its arguments, says so, and keeps it.
const command = process.argv.slice(2)
await Effect.gen(function* () {
  const { port } = yield* Tunnel.open({
    to: "a node",
    commandOf: (port) => command.map((word) => word.replaceAll("{port}", String(port))),
    timeoutMillis: 20_000,
    clean: (text) => text
  })
  process.stdout.write(`${port}\n`)
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.runPromise)
