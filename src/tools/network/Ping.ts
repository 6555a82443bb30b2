import { Effect, Schema } from "effect"
import { limitUpTo } from "../Listing.ts"
import { amount } from "../Quantity.ts"
import * as Tool from "../Tool.ts"

const rounded = (millis: number): number => Math.round(millis * 1000) / 1000

/** The value that this part of all is no greater than; `sorted` ascends and is not empty. */
const quantile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)]!

const pingNode = Tool.make({
  toolset: "network",
  access: "inspect",
  target: "connected",
  cost: "cheap",
  name: "ping_node",
  title: "Ping a node",
  description:
    "How long a call to the node takes, there and back, over several calls one after the other: fastest, median, 95th percentile, slowest. Slow or uneven: busy schedulers or network; see get_scheduler_usage.",
  input: { count: limitUpTo(100, 10) },
  output: {
    count: Schema.Int,
    min_ms: Schema.Finite,
    p50_ms: Schema.Finite,
    p95_ms: Schema.Finite,
    max_ms: Schema.Finite
  },
  run: Effect.fnUntraced(function* ({ count }, node) {
    const millis = yield* Effect.forEach(Array.from({ length: count }), () => node.roundTrip())
    const sorted = millis.toSorted((a, b) => a - b)
    const [p50, p95] = [quantile(sorted, 0.5), quantile(sorted, 0.95)]
    return {
      summary: `${amount(count, "call")} to ${node.name} took ${rounded(p50)} ms in the middle, ${rounded(p95)} ms at the 95th percentile.`,
      data: {
        count,
        min_ms: rounded(sorted[0]!),
        p50_ms: rounded(p50),
        p95_ms: rounded(p95),
        max_ms: rounded(sorted.at(-1)!)
      }
    }
  })
})

/** The tools of the network toolset that measure the way to a node. */
export const pingTools: ReadonlyArray<Tool.Tool> = [pingNode]
