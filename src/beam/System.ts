import { Effect } from "effect"
import { atom, charlistText, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { mapOver, readReply, unreadable } from "./Reply.ts"

/** How many of something there are, and how many there can be. */
export interface Usage {
  readonly count: number
  readonly limit: number
}

/** What a node is, and how full it is. Source of each: `erlang:system_info/1`, `erlang:statistics/1`. */
export interface System {
  readonly architecture: string
  /** Without the worker that counts them. */
  readonly processes: Usage
  readonly ports: Usage
  readonly atoms: Usage
  /** Without a limit: what OTP calls one (`ets_limit`) is none since the tables are bounded by memory alone. */
  readonly etsTables: number
  readonly schedulers: SchedulerCounts
  readonly dirtyCpuSchedulers: SchedulerCounts
  readonly dirtyIoSchedulers: number
  /** `undefined` where the operating system does not tell. */
  readonly logicalProcessorsAvailable: number | undefined
  /** Processes and ports that are ready to run and wait for a scheduler, those for dirty schedulers included. */
  readonly runQueue: number
  /** The node's own clock, in milliseconds since the Unix epoch. */
  readonly systemTimeMillis: number
  readonly uptimeMillis: number
}

export interface SchedulerCounts {
  readonly total: number
  readonly online: number
}

/** Every OTP release from 23 on knows these. */
const items = [
  "process_count",
  "process_limit",
  "port_count",
  "port_limit",
  "atom_count",
  "atom_limit",
  "ets_count",
  "schedulers",
  "schedulers_online",
  "dirty_cpu_schedulers",
  "dirty_cpu_schedulers_online",
  "dirty_io_schedulers"
] as const

/**
 * A handful of calls at once, constant in cost. `statistics(wall_clock)` would be shorter for the uptime, but it resets
 * a counter that somebody else on the node may be reading.
 */
export const system = (node: ErlangNode): Effect.Effect<System, CallError> =>
  Effect.gen(function* () {
    /** Native times do not fit a number. */
    const integer = (func: string, args: ReadonlyArray<Term>) =>
      Effect.flatMap(node.call("erlang", func, args), readReply(node, `erlang:${func}/${args.length}`, bigintOf))
    // By itself: each call has a worker on the node, and that is one process more.
    const info = yield* mapOver(
      node,
      "system_info",
      [...items, "start_time", "system_architecture", "logical_processors_available"].map(atom)
    )
    // So too: the workers of other calls would wait in the queues that it counts.
    const runQueue = yield* integer("statistics", [atom("total_run_queue_lengths_all")])
    const [systemTimeMillis, monotonicTime, ticksPerSecond] = yield* Effect.all(
      [
        integer("system_time", [atom("millisecond")]),
        integer("monotonic_time", []),
        integer("convert_time_unit", [1, atom("second"), atom("native")])
      ],
      { concurrency: "unbounded" }
    )
    const counts: Partial<Record<(typeof items)[number], number>> = {}
    for (const [at, item] of items.entries()) {
      const value = info[at]
      if (typeof value !== "number") return yield* unreadable(node, `erlang:system_info(${item})`)
      counts[item] = value
    }
    const of = counts as Record<(typeof items)[number], number>
    const [startTime, architecture, processors] = info.slice(items.length)
    const started = bigintOf(startTime)
    if (started === undefined) return yield* unreadable(node, "erlang:system_info(start_time)")
    if (ticksPerSecond <= 0n) return yield* unreadable(node, "erlang:convert_time_unit/3")
    return {
      architecture: charlistText(architecture) ?? "",
      processes: { count: of.process_count - 1, limit: of.process_limit },
      ports: { count: of.port_count, limit: of.port_limit },
      atoms: { count: of.atom_count, limit: of.atom_limit },
      etsTables: of.ets_count,
      schedulers: { total: of.schedulers, online: of.schedulers_online },
      dirtyCpuSchedulers: { total: of.dirty_cpu_schedulers, online: of.dirty_cpu_schedulers_online },
      dirtyIoSchedulers: of.dirty_io_schedulers,
      logicalProcessorsAvailable: typeof processors === "number" ? processors : undefined,
      runQueue: Number(runQueue),
      systemTimeMillis: Number(systemTimeMillis),
      uptimeMillis: Number(((monotonicTime - started) * 1000n) / ticksPerSecond)
    }
  })

const bigintOf = (term: Term | undefined): bigint | undefined =>
  typeof term === "number" || typeof term === "bigint" ? BigInt(term) : undefined
