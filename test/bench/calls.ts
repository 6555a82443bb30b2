import { Effect } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import * as BenchNode from "./BenchNode.ts"
import { takeTurns } from "./Rounds.ts"
import { compare, median } from "./Row.ts"

/**
 * Calls in a turn of one after the other. To be woken costs a process some 30 us where the processor has gone to sleep
 * with it, and next to nothing where something else keeps that busy: one series of calls costs 20 us each, the next 50
 * or 80. So turns are short, that in each round all meet the same, and we keep awake in ours: a BEAM node looks for news
 * for a while before it sleeps. What is left of the two modes, in threads of the target that sleep nevertheless, shows
 * in the spread of the ratios. What it is like when we sleep is a row of its own.
 */
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

/** Runs a turn while this process looks for news again and again, as a BEAM node does by default, and never sleeps. */
const awake = <A, E, R>(turn: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      let isOver = false
      const look = () => void (isOver || setImmediate(look))
      look()
      return () => void (isOver = true)
    }),
    () => turn,
    (stop) => Effect.sync(stop)
  )

/** The least that a call can take: as many bytes there and back over a bare socket. */
const pingPong = Effect.fnUntraced(function* (port: number) {
  const socket = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  const ping = new Uint8Array(64)
  return Effect.callback<number>((resume) => {
    const micros: Array<number> = []
    let start = performance.now()
    socket.on("data", () => {
      micros.push((performance.now() - start) * 1000)
      if (micros.length < latencyCalls) {
        start = performance.now()
        socket.write(ping)
      } else {
        socket.removeAllListeners("data")
        resume(Effect.succeed(median(micros)))
      }
    })
    socket.write(ping)
  })
})

/** `erlang:abs/1`, called by us and by a hidden BEAM node with `erpc:call/4`. */
export const calls = Effect.gen(function* () {
  const target = yield* BenchNode.start("target")
  const awakeTarget = yield* BenchNode.start("awake", { args: ["+sbwt", "very_long"] })
  const beam = yield* BenchNode.start("beam", { hidden: true })
  const us = yield* BenchNode.join(target)
  const usAwake = yield* BenchNode.join(awakeTarget)
  const socket = yield* pingPong(yield* awakeTarget.bench("echo"))
  const name = BenchNode.nameOf(target)
  const alone = yield* takeTurns(
    latencyTurns,
    {
      ours: awake(latency(usAwake)),
      beam: beam.bench("latency", BenchNode.nameOf(awakeTarget), latencyCalls),
      socket: awake(socket)
    },
    { uncounted: 50 }
  )
  const sleepy = yield* takeTurns(
    latencyTurns,
    { ours: latency(us), beam: beam.bench("latency", name, latencyCalls) },
    { uncounted: 50 }
  )
  const many = yield* takeTurns(
    throughputTurns,
    { ours: throughput(us), beam: beam.bench("throughput", name, inFlight, callsEach) },
    { uncounted: 10 }
  )
  return [
    compare("call, 1 in flight, p50, awake", "us", alone.ours, "erpc:call/4", alone.beam, { goal: ["≤", 1.25] }),
    compare("the same", "us", alone.ours, "TCP ping-pong, BEAM echo", alone.socket, { goal: ["≤", 2] }),
    compare("the same, where we sleep", "us", sleepy.ours, "erpc:call/4", sleepy.beam, { goal: ["≤", 1.25] }),
    compare(`calls, ${inFlight} in flight`, "calls/s", many.ours, "erpc:call/4", many.beam, { goal: ["≥", 1] })
  ]
})
