/** A program that loads the agent on a node and has a worker sleep there, says so, and waits to be killed. */
import { Effect, Redacted } from "effect"
import { env, stdout } from "node:process"
import { atom, list, map } from "../../src/etf/Term.ts"
import { joinNode } from "../../src/node/index.ts"

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const us = yield* joinNode({
        name: env["NODE_NAME"]!,
        cookie: Redacted.make(env["NODE_COOKIE"]!),
        epmdPort: Number(env["ERL_EPMD_PORT"]),
        agent: "load"
      })
      yield* us.runAgent(
        "beamscope_processes:page",
        map([
          [atom("sort"), atom("memory")],
          [atom("limit"), 1],
          [atom("items"), list([])],
          [atom("long_queue"), 10_000],
          [atom("deadline_ms"), 5_000]
        ])
      )
      yield* Effect.forkChild(us.call("timer", "sleep", [600_000], { timeoutMillis: 600_000 }), {
        startImmediately: true
      })
      // A reply to a later call proves that the worker of the earlier one has started.
      yield* us.call("erlang", "abs", [1])
      stdout.write("sleeping\n")
      return yield* Effect.never
    })
  )
)
