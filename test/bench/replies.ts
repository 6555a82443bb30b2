import { Effect, Fiber } from "effect"
import { atom, Binary } from "../../src/etf/Term.ts"
import * as BenchNode from "./BenchNode.ts"
import { millisOf, takeTurns } from "./Rounds.ts"
import { compare } from "./Row.ts"

const bytes = 64 * 1024 * 1024

/** A binary that the node holds already: what is measured is how it gets here. */
const fetch = (us: BenchNode.ErlangNode) =>
  us
    .call("persistent_term", "get", [atom("beamscope_bench")], {
      maxReplyBytes: bytes,
      maxHeapWords: 2 * bytes,
      timeoutMillis: 30_000
    })
    .pipe(
      Effect.filterOrElse(
        (reply) => reply instanceof Binary && reply.length === bytes,
        () => Effect.die("not the binary that was asked for")
      )
    )

/** Milliseconds that the longest of the small calls takes that are made one after the other while the binary comes. */
const overtaken = (us: BenchNode.ErlangNode) =>
  Effect.gen(function* () {
    const large = yield* Effect.forkChild(fetch(us), { startImmediately: true })
    let longest = 0
    while (large.pollUnsafe() === undefined) {
      longest = Math.max(longest, yield* millisOf(us.call("erlang", "abs", [-1])))
    }
    yield* Fiber.join(large)
    return longest
  })

/** A large reply, and small ones while it is on its way. */
export const replies = Effect.gen(function* () {
  const target = yield* BenchNode.start("target")
  const beam = yield* BenchNode.start("beam", { hidden: true })
  const us = yield* BenchNode.join(target)
  yield* Effect.promise(() => target.evaluate(`beamscope_bench:hold(${bytes})`))
  const name = BenchNode.nameOf(target)
  const millis = Effect.map((micros: number) => micros / 1000)
  const whole = yield* takeTurns(11, { ours: millisOf(fetch(us)), beam: millis(beam.bench("fetch", name, bytes)) })
  const small = yield* takeTurns(9, { ours: overtaken(us), beam: millis(beam.bench("overtaken", name, bytes)) })
  return [
    compare("reply of 64 MB", "ms", whole.ours, "erpc:call/4", whole.beam, { goal: ["≤", 1.5] }),
    compare("small call meanwhile, longest", "ms", small.ours, "erpc:call/4", small.beam)
  ]
})
