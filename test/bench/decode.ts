import { Effect } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decode as decodeTerm } from "../../src/etf/Decode.ts"
import * as BenchNode from "./BenchNode.ts"
import { takeTurns } from "./Rounds.ts"
import { compare, median } from "./Row.ts"

const ours = (bytes: Uint8Array, times: number): Effect.Effect<number> =>
  Effect.sync(() =>
    median(
      Float64Array.from({ length: times }, () => {
        const start = performance.now()
        decodeTerm(bytes)
        return performance.now() - start
      })
    )
  )

/** Terms as they come from nodes, decoded here and by `binary_to_term/1` on the node that made them. */
export const decode = Effect.gen(function* () {
  const node = yield* BenchNode.start("decode", { args: ["+P", "300000"] })
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "beamscope-bench-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )
  const race = Effect.fnUntraced(function* (file: string, rounds: number, times: number) {
    const path = join(folder, file)
    const bytes = yield* Effect.promise(() => readFile(path))
    return yield* takeTurns(rounds, {
      ours: ours(bytes, times),
      beam: Effect.map(node.bench("decode", JSON.stringify(path), times), (micros) => micros / 1000)
    })
  })
  const small = yield* node.bench("process_data", JSON.stringify(join(folder, "small")))
  const large = yield* node.bench("proplists", JSON.stringify(join(folder, "large")), 100_000)
  const smallRace = yield* race("small", 9, 50)
  const largeRace = yield* race("large", 5, 3)
  const faster = "reference/ours"
  return [
    compare(
      `decode process data, ${(small / 1e3).toFixed(0)} KB`,
      "ms",
      smallRace.ours,
      "binary_to_term/1",
      smallRace.beam,
      {
        ratio: faster,
        goal: ["≥", 2]
      }
    ),
    compare(
      `decode property lists, ${(large / 1e6).toFixed(0)} MB`,
      "ms",
      largeRace.ours,
      "binary_to_term/1",
      largeRace.beam,
      {
        ratio: faster,
        goal: ["≥", 0.8]
      }
    )
  ]
})
