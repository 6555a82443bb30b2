import { Effect, Function } from "effect"
import * as BenchNode from "./BenchNode.ts"
import { onAnother, onOne } from "./Processors.ts"
import { takeTurns } from "./Rounds.ts"
import { compare, median, type Row } from "./Row.ts"

/** Where something runs: see `Processors`. */
type Place = typeof onOne

/** Calls in a turn of one after the other: turns are short, so that in each round all meet the same. */
const latencyCalls = 50
const latencyTurns = 300
const inFlight = 256
/** Of each of those in flight, in a turn: eight thousand in all, lest its beginning and end, with few in flight, count. */
const callsEach = 32
const throughputTurns = 40

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

/**
 * `erlang:abs/1`, called by us and by a hidden BEAM node with `erpc:call/4`, one call after the other.
 *
 * Where the system places the processes decides more than anything else: whoever shares a processor with the node is
 * answered four times as fast as who must first wake another one up, and the system leaves them where they once are.
 * So we place them, both callers alike: beside the node, and away from it.
 */
const oneInFlight = (where: string, node: Place) =>
  Effect.gen(function* () {
    const { beam, name, us } = yield* contestants(node)
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
const manyInFlight = (where: string, options: Pick<Row, "goal">) =>
  Effect.gen(function* () {
    const { beam, name, us } = yield* contestants(Function.identity)
    const rate = yield* takeTurns(
      throughputTurns,
      {
        ours: throughput(us),
        beam: beam.bench("throughput", name, "erpc", inFlight, callsEach),
        bounded: beam.bench("throughput", name, "bounded", inFlight, callsEach)
      },
      { uncounted: 5 }
    )
    const what = `calls, ${inFlight} in flight, ${where}`
    return [
      compare(what, "calls/s", rate.ours, "erpc:call/4", rate.beam, options),
      compare("the same", "calls/s", rate.ours, "workers bounded like ours", rate.bounded)
    ]
  }).pipe(Effect.scoped)

const contestants = Effect.fnUntraced(function* (node: Place) {
  const target = yield* node(BenchNode.start("target"))
  const beam = yield* BenchNode.start("beam", { hidden: true })
  return { beam, us: yield* BenchNode.join(target), name: BenchNode.nameOf(target) }
})

export const calls = Effect.gen(function* () {
  return [
    yield* onOne(oneInFlight("beside the node", onOne)),
    yield* onAnother(oneInFlight("away from it", onOne)),
    ...(yield* manyInFlight("as it comes", { goal: ["≥", 1] })),
    ...(yield* onOne(manyInFlight("one processor", {})))
  ]
})
