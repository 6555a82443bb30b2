import { Effect, Schema } from "effect"
import { microstateAccounting } from "../../beam/MicrostateAccounting.ts"
import { runtimeStats } from "../../beam/RuntimeStats.ts"
import { type SchedulerKind, schedulerUsage, type SchedulerUse } from "../../beam/Schedulers.ts"
import { visible } from "../../syntax/Escape.ts"
import { scanMillis, whyLate } from "../Deadline.ts"
import { amount, bytes, percent } from "../Quantity.ts"
import * as Tool from "../Tool.ts"
import { normalWindow, throughWindow, windowTimeoutMillis } from "../Window.ts"

const shared = {
  toolset: "system",
  target: "connected",
  timeoutMillis: windowTimeoutMillis,
  input: { window_ms: normalWindow }
} as const

const inPercent = (part: number): number => percent(part, 1)

/** What part of the time all of these together were busy, in percent; of none, nothing. */
const mean = (uses: ReadonlyArray<SchedulerUse>): number | undefined =>
  uses.length === 0 ? undefined : percent(busyTime(uses), uses.length)

const busyTime = (uses: ReadonlyArray<SchedulerUse>): number => uses.reduce((sum, { busy }) => sum + busy, 0)

const getSchedulerUsage = Tool.make({
  ...shared,
  access: "inspect",
  cost: "cheap",
  name: "get_scheduler_usage",
  title: "How busy the schedulers are",
  description:
    "Percent of a window that each scheduler was at work, the busiest first, while the call waits. Next: top_processes with window_ms.",
  output: {
    window_ms: Schema.Int,
    percent: Schema.Struct({
      weighted: Schema.Finite,
      normal: Schema.Finite,
      dirty_cpu: Schema.optionalKey(Schema.Finite),
      dirty_io: Schema.optionalKey(Schema.Finite)
    }),
    idle: Schema.Int,
    offline: Schema.optionalKey(Schema.Int),
    schedulers: Schema.optionalKey(
      Schema.Array(Schema.Struct({ id: Schema.Int, kind: Schema.String, percent: Schema.Finite }))
    )
  },
  run: Effect.fnUntraced(function* ({ window_ms }, node) {
    const { processors, schedulers, windowMillis } = yield* throughWindow("get_scheduler_usage", window_ms, () =>
      schedulerUsage(node, window_ms)
    )
    const online = schedulers.filter((it) => it.online)
    const of = (kind: SchedulerKind) => online.filter((it) => it.kind === kind)
    const normal = of("normal")
    const working = [...normal, ...of("dirty_cpu")]
    const weighted = Math.min(100, percent(busyTime(working), processors ?? normal.length))
    const busy = schedulers
      .filter((it) => inPercent(it.busy) > 0)
      .toSorted((a, b) => b.busy - a.busy || a.id - b.id)
      .map((it) => ({ id: it.id, kind: it.kind, percent: inPercent(it.busy) }))
    const offline = schedulers.length - online.length
    return {
      summary: `The schedulers were busy for ${mean(normal) ?? 0} % of ${Math.round(windowMillis)} ms; with dirty work ${weighted} % of what the ${processors === undefined ? "schedulers" : amount(processors, "processor")} can give.`,
      data: {
        window_ms: Math.round(windowMillis),
        percent: {
          weighted,
          normal: mean(normal) ?? 0,
          dirty_cpu: mean(of("dirty_cpu")),
          dirty_io: mean(of("dirty_io"))
        },
        idle: online.filter((it) => inPercent(it.busy) === 0).length,
        offline: offline === 0 ? undefined : offline,
        schedulers: busy
      },
      page: { rows: "schedulers" } as const,
      hints: [`top_processes {"sort_by": "reductions", "window_ms": ${window_ms}}`]
    }
  })
})

const getRuntimeStats = Tool.make({
  ...shared,
  access: "inspect",
  cost: "moderate",
  name: "get_runtime_stats",
  title: "What a node gets done",
  description:
    "Reductions (of processes that live at the end), garbage collections, I/O, context switches, CPU time (Linux) in a window while the call waits, and run queues. Asks each process twice.",
  output: {
    window_ms: Schema.Int,
    reductions: Schema.Int,
    reductions_per_second: Schema.Int,
    gc_count: Schema.Int,
    gc_reclaimed_bytes: Schema.Int,
    input_bytes: Schema.Int,
    output_bytes: Schema.Int,
    context_switches: Schema.Int,
    cpu: Schema.optionalKey(Schema.Struct({ user_ms: Schema.Int, system_ms: Schema.Int, percent: Schema.Finite })),
    run_queues: Schema.Struct({
      total: Schema.Int,
      normal: Schema.Array(Schema.Int),
      dirty_cpu: Schema.Int,
      dirty_io: Schema.Int
    })
  },
  run: Effect.fnUntraced(function* ({ window_ms }, node) {
    const stats = yield* throughWindow("get_runtime_stats", window_ms, (beside) =>
      runtimeStats(node, { windowMillis: window_ms, deadlineMillis: scanMillis(beside) })
    )
    const { cpu, isLate, reductionsPerSecond, runQueues } = stats
    const waiting = runQueues.reduce((sum, length) => sum + length, 0)
    const used = cpu && {
      user_ms: Math.round(cpu.user),
      system_ms: Math.round(cpu.system),
      percent: percent(cpu.user + cpu.system, stats.windowMillis)
    }
    return {
      summary: `In ${Math.round(stats.windowMillis)} ms: ${isLate ? "at least " : ""}${amount(reductionsPerSecond, "reduction")} a second, ${amount(stats.collections, "garbage collection")}, ${bytes(stats.inputBytes)} in and ${bytes(stats.outputBytes)} out${used === undefined ? "" : `, ${used.percent} % of one processor`}; ${amount(waiting, "process", "processes")} waiting to run.`,
      complete: !isLate && cpu !== undefined,
      notes: [
        ...(isLate
          ? [`Time ran out before the reductions of all processes were read. Allow more with timeout_ms. ${whyLate}`]
          : []),
        ...(cpu === undefined ? ["CPU time is unknown: the node's system has no /proc/self/stat."] : [])
      ],
      data: {
        window_ms: Math.round(stats.windowMillis),
        reductions: Math.round((reductionsPerSecond * stats.windowMillis) / 1000),
        reductions_per_second: reductionsPerSecond,
        gc_count: stats.collections,
        gc_reclaimed_bytes: stats.reclaimedBytes,
        input_bytes: stats.inputBytes,
        output_bytes: stats.outputBytes,
        context_switches: stats.contextSwitches,
        cpu: used,
        run_queues: {
          total: waiting,
          normal: runQueues.slice(0, -2),
          dirty_cpu: runQueues.at(-2) ?? 0,
          dirty_io: runQueues.at(-1) ?? 0
        }
      },
      hints: [`top_processes {"sort_by": "reductions", "window_ms": ${window_ms}}`, "get_scheduler_usage"]
    }
  })
})

const getMicrostateAccounting = Tool.make({
  ...shared,
  access: "observe",
  cost: "cheap",
  name: "get_microstate_accounting",
  title: "What the threads do with their time",
  description:
    "Percent of a window by thread type and state (emulator: running Erlang, gc, port, check_io, sleep, …) while the call waits. On for the whole node meanwhile, for some percent of its speed.",
  output: {
    window_ms: Schema.Int,
    was_on: Schema.Boolean,
    thread_types: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          type: Schema.String,
          threads: Schema.Int,
          percent: Schema.Record(Schema.String, Schema.Finite)
        })
      )
    )
  },
  run: Effect.fnUntraced(function* ({ window_ms }, node) {
    const { types, wasOn, windowMillis } = yield* throughWindow("get_microstate_accounting", window_ms, () =>
      microstateAccounting(node, window_ms)
    )
    const ranked = types
      .map(({ states, threads, type }) => ({
        type: visible(type),
        threads,
        percent: Object.fromEntries(
          Array.from(states, ([state, part]) => [visible(state), inPercent(part)] as const)
            .filter(([, part]) => part > 0)
            .toSorted((a, b) => b[1] - a[1])
        )
      }))
      .toSorted((a, b) => (a.percent["sleep"] ?? 0) - (b.percent["sleep"] ?? 0))
    const schedulers = ranked.find(({ type }) => type === "scheduler")
    const millis = Math.round(windowMillis)
    const states = Object.entries(schedulers?.percent ?? {}).slice(0, 3)
    return {
      summary:
        states.length === 0
          ? `In ${millis} ms no time of the schedulers was accounted for.`
          : `In ${millis} ms the schedulers spent ${states.map(([state, part]) => `${part} % in ${state}`).join(", ")}.`,
      complete: states.length > 0,
      data: { window_ms: millis, was_on: wasOn, thread_types: ranked },
      hints: ["get_scheduler_usage"]
    }
  })
})

export const systemActivityTools: ReadonlyArray<Tool.Tool> = [
  getSchedulerUsage,
  getRuntimeStats,
  getMicrostateAccounting
]
