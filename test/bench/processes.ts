import { Effect } from "effect"
import { Socket } from "node:net"
import { rowItems } from "../../src/beam/ProcessRow.ts"
import { longQueue } from "../../src/beam/ProcessQuery.ts"
import { Transport } from "../../src/dist/Transport.ts"
import { atom, list, map } from "../../src/etf/Term.ts"
import { syntaxes } from "../../src/syntax/index.ts"
import * as BenchNode from "./BenchNode.ts"
import { millisOf, takeTurns } from "./Rounds.ts"
import { compare, type Row } from "./Row.ts"

const count = 100_000

/** What `top_processes` asks for, without the rests that spare a node: those would be most of the time. */
const top10 = map([
  [atom("sort"), atom("memory")],
  [atom("limit"), 10],
  [atom("items"), list(rowItems.map(atom))],
  [atom("long_queue"), longQueue],
  [atom("deadline_ms"), 30_000]
])

const page = (us: BenchNode.ErlangNode) => us.runAgent("beamscope_processes:page", top10, { timeoutMillis: 30_000 })

/** The top 10 of many processes by memory, picked on the node by our agent. */
export const processes = Effect.gen(function* () {
  const target = yield* BenchNode.start("target", { args: ["+P", "300000"] })
  const beam = yield* BenchNode.start("beam", { hidden: true })
  yield* target.bench("populate", count)
  yield* Effect.promise(() => target.evaluate("beamscope_bench:watch_gc(20)"))

  const dialer = yield* Transport
  const sockets: Array<Socket> = []
  const loaded = yield* BenchNode.join(target, "load").pipe(
    Effect.provideService(Transport, {
      ...dialer,
      dial: (address, timeoutMillis) =>
        Effect.tap(dialer.dial(address, timeoutMillis), (stream) =>
          Effect.sync(() => stream instanceof Socket && sockets.push(stream))
        )
    })
  )
  const interpreted = yield* BenchNode.join(target, "eval")
  const received = () => sockets.reduce((sum, socket) => sum + socket.bytesRead, 0)
  yield* page(loaded)
  const before = received()
  yield* page(loaded)
  const bytes = received() - before

  // Loaded by us; the judge looks it up.
  const ours = `hd([Module || {Module, "beamscope"} <- code:all_loaded(), lists:prefix("beamscope_processes", atom_to_list(Module))])`
  const module = yield* Effect.promise(() => target.evaluate(ours))
  const spec = syntaxes.erlang.print(top10).text
  const races = yield* takeTurns(9, {
    loaded: millisOf(page(loaded)),
    beam: Effect.map(beam.bench("page", BenchNode.nameOf(target), module, spec), (micros) => micros / 1000),
    interpreted: millisOf(page(interpreted))
  })
  const rows: ReadonlyArray<Row> = [
    compare("top 10 of 100,000 processes, loaded", "ms", races.loaded, "the same by erpc:call/4", races.beam, {
      goal: ["≤", 1.3]
    }),
    compare("the same, interpreted", "ms", races.interpreted, "the same by erpc:call/4", races.beam, {
      goal: ["≤", 2.5]
    }),
    { what: "its reply on the wire", ours: bytes, unit: "B", goal: ["≤", 1024] },
    { what: "long_gc (20 ms) on the node meanwhile", ours: yield* target.bench("long_gcs"), unit: "", goal: ["≤", 0] }
  ]
  return rows
})
