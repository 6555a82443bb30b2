import { Effect, Redacted } from "effect"
import { once } from "node:events"
import * as DemoNode from "../../src/launch/DemoNode.ts"
import * as Erlang from "../../src/launch/Erlang.ts"

// A program of its own, because tests kill it: starts a demo node, prints how to reach it, and ends when its standard
// input does; with the argument `keep` at once, without the node.
const keep = process.argv[2] === "keep"
await Effect.gen(function* () {
  const node = yield* DemoNode.start({ erlang: yield* Erlang.find, keep })
  process.stdout.write(JSON.stringify({ ...node, cookie: Redacted.value(node.cookie) }))
  if (!keep) yield* Effect.promise(() => once(process.stdin.resume(), "end"))
}).pipe(Effect.scoped, Effect.runPromise)
