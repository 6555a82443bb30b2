import { Effect } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import * as BenchNode from "./BenchNode.ts"
import { takeTurns } from "./Rounds.ts"
import { compare, median } from "./Row.ts"

const latencyCalls = 2_000
const inFlight = 256
const callsEach = 60

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
  const beam = yield* BenchNode.start("beam", { hidden: true })
  const us = yield* BenchNode.join(target)
  const socket = yield* pingPong(yield* target.bench("echo"))
  const name = BenchNode.nameOf(target)
  const alone = yield* takeTurns(9, {
    ours: latency(us),
    beam: beam.bench("latency", name, latencyCalls),
    socket
  })
  const many = yield* takeTurns(9, {
    ours: throughput(us),
    beam: beam.bench("throughput", name, inFlight, callsEach)
  })
  return [
    compare("call, 1 in flight, p50", "us", alone.ours, "erpc:call/4", alone.beam, { goal: ["≤", 1.25] }),
    compare("the same", "us", alone.ours, "TCP ping-pong, BEAM echo", alone.socket, { goal: ["≤", 2] }),
    compare(`calls, ${inFlight} in flight`, "calls/s", many.ours, "erpc:call/4", many.beam, { goal: ["≥", 1] })
  ]
})
