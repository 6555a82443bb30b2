/** A program that has a worker sleep on a node, says so, and waits to be killed. */
import { Effect, Redacted } from "effect"
import { env, stdout } from "node:process"
import { joinNode } from "../../src/node/index.ts"

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const us = yield* joinNode({
        name: env["NODE_NAME"]!,
        cookie: Redacted.make(env["NODE_COOKIE"]!),
        epmdPort: Number(env["ERL_EPMD_PORT"])
      })
      yield* Effect.forkChild(us.call("timer", "sleep", [600_000], { timeoutMillis: 600_000 }), {
        startImmediately: true
      })
      // A reply to a later call proves that the worker of the earlier one has started.
      yield* us.call("erlang", "abs", [1])
      stdout.write("sleeping\n")
      yield* Effect.never
    })
  )
)
