import { Effect } from "effect"
import * as BenchNode from "./BenchNode.ts"
import { onOneProcessor } from "./OneProcessor.ts"
import { takeTurns } from "./Rounds.ts"
import { compare, median } from "./Row.ts"

/** Calls in a turn of one after the other: turns are short, so that in each round all meet the same. */
const latencyCalls = 50
const latencyTurns = 300
const inFlight = 256
/** Of each of those in flight, in a turn: some two thousand calls in all. */
const callsEach = 8
const throughputTurns = 60

/** Microseconds, the median of calls one after the other. */
const latency = Effect.fnUntraced(function* (us: BenchNode.ErlangNode) {
  const micros = new Float64Array(latencyCalls)
  for (let call = 0; call < latencyCalls; call++) {
    const start = performance.now()
    yield* us.call("erlang", "abs", [-1])
    micros[call] = (performance.now() - start) * 1000
  }
  return median(micros)
})

const throughput = Effect.fnUntraced(function* (us: BenchNode.ErlangNode) {
  const start = performance.now()
  const caller = Effect.gen(function* () {
    for (let call = 0; call < callsEach; call++) yield* us.call("erlang", "abs", [-1])
  })
  yield* Effect.all(
    Array.from({ length: inFlight }, () => caller),
    { concurrency: "unbounded", discard: true }
  )
  return (inFlight * callsEach) / ((performance.now() - start) / 1000)
})

/** `erlang:abs/1`, called by us and by a hidden BEAM node with `erpc:call/4`, one call after the other. */
const oneInFlight = (where: string) =>
  Effect.gen(function* () {
    const { beam, name, us } = yield* contestants
    const micros = yield* takeTurns(
      latencyTurns,
      { ours: latency(us), beam: beam.bench("latency", name, latencyCalls) },
      { uncounted: 50 }
    )
    return compare(`call, 1 in flight, p50, ${where}`, "us", micros.ours, "erpc:call/4", micros.beam, {
      goal: ["≤", 1.25]
    })
  }).pipe(Effect.scoped)

/**
 * The same with many in flight; beside it, what a BEAM node makes of calls like ours, whose workers are linked, of low
 * priority and capped in heap.
 */
const manyInFlight = (where: string) =>
  Effect.gen(function* () {
    const { beam, name, us } = yield* contestants
    const rate = yield* takeTurns(
      throughputTurns,
      {
        ours: throughput(us),
        beam: beam.bench("throughput", name, "erpc", inFlight, callsEach),
        bounded: beam.bench("throughput", name, "bounded", inFlight, callsEach)
      },
      { uncounted: 10 }
    )
    const what = `calls, ${inFlight} in flight, ${where}`
    return [
      compare(what, "calls/s", rate.ours, "erpc:call/4", rate.beam, { goal: ["≥", 1] }),
      compare("the same", "calls/s", rate.ours, "workers bounded like ours", rate.bounded)
    ]
  }).pipe(Effect.scoped)

const contestants = Effect.gen(function* () {
  const target = yield* BenchNode.start("target")
  const beam = yield* BenchNode.start("beam", { hidden: true })
  return { beam, us: yield* BenchNode.join(target), name: BenchNode.nameOf(target) }
})

export const calls = Effect.gen(function* () {
  return [
    yield* onOneProcessor(oneInFlight("one processor")),
    yield* oneInFlight("as it comes"),
    ...(yield* onOneProcessor(manyInFlight("one processor"))),
    ...(yield* manyInFlight("as it comes"))
  ]
})
