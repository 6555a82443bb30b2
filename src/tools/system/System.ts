import { Effect, Schema } from "effect"
import { emulator } from "../../beam/Emulator.ts"
import { system, type Usage } from "../../beam/System.ts"
import { visible } from "../../syntax/Escape.ts"
import { amount, duration, percent } from "../Quantity.ts"
import { systemActivityTools } from "./SystemActivity.ts"
import { systemEnvironmentTools } from "./SystemEnvironment.ts"
import { systemMemoryTools } from "./SystemMemory.ts"
import { systemPersistentTermTools } from "./SystemPersistentTerms.ts"
import { systemTimerTools } from "./SystemTimers.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "system", access: "inspect", cost: "cheap", target: "connected", input: {} } as const

/** What becomes of a node where the limit is reached. */
const atLimit = {
  processes: "no process can be spawned",
  ports: "no port can be opened, and so no socket and no program",
  atoms: "the node crashes"
} as const

const limited = (resource: keyof typeof atLimit, { count, limit }: Usage) => ({
  resource,
  count,
  limit,
  percent: percent(count, limit)
})

/** Percent of a limit from which on it is told as a warning. */
const warnFrom = 80

const getSystemInfo = Tool.make({
  ...shared,
  name: "get_system_info",
  title: "What a node is and how full it is",
  description:
    "Release, uptime, schedulers, run queue, and how many processes, ports, atoms and ETS tables there are of how many there can be; warns above 80 %. A good first call.",
  output: {
    warnings: Schema.optionalKey(Schema.Array(Schema.String)),
    otp_release: Schema.Int,
    erts_version: Schema.String,
    elixir_version: Schema.optionalKey(Schema.String),
    architecture: Schema.String,
    word_bytes: Schema.Int,
    emulator: Schema.optionalKey(Schema.String),
    emulator_flags: Schema.optionalKey(Schema.String),
    code_loading: Schema.optionalKey(Schema.String),
    creation: Schema.Int,
    distribution_buffer_bytes: Schema.optionalKey(Schema.Int),
    started_at: Schema.String,
    uptime_seconds: Schema.Int,
    run_queue: Schema.Int,
    schedulers: Schema.Struct({
      normal: Schema.Int,
      normal_online: Schema.Int,
      dirty_cpu: Schema.Int,
      dirty_cpu_online: Schema.Int,
      dirty_io: Schema.Int,
      logical_processors_available: Schema.optionalKey(Schema.Int),
      bind_type: Schema.optionalKey(Schema.String)
    }),
    limits: Schema.Array(
      Schema.Struct({
        resource: Schema.String,
        count: Schema.Int,
        limit: Schema.optionalKey(Schema.Int),
        percent: Schema.optionalKey(Schema.Finite)
      })
    )
  },
  run: Effect.fnUntraced(function* (_input, node) {
    // One after the other: work of ours would count in the run queue.
    const info = yield* system(node)
    const built = yield* emulator(node)
    const { elixirVersion, ertsVersion, otpRelease, wordBytes } = node.capabilities
    const limits = [
      limited("processes", info.processes),
      limited("ports", info.ports),
      limited("atoms", info.atoms),
      { resource: "ets_tables", count: info.etsTables }
    ]
    const nearLimit = limits.flatMap((row) =>
      "percent" in row && row.percent > warnFrom
        ? [
            `${row.resource}: ${row.count} of ${row.limit} (${row.percent} %) are used; at the limit ${atLimit[row.resource]}.`
          ]
        : []
    )
    const { multiScheduling = "enabled" } = built
    const warnings = [
      ...nearLimit,
      ...(multiScheduling === "enabled"
        ? []
        : [`Multi-scheduling is ${visible(multiScheduling)}: somebody has stopped all normal schedulers but one.`])
    ]
    const runs = `OTP ${otpRelease}${elixirVersion === undefined ? "" : `, Elixir ${visible(elixirVersion)}`}`
    return {
      summary: `${runs}, up ${duration(info.uptimeMillis)}, ${amount(info.processes.count, "process", "processes")} on ${amount(info.schedulers.online, "scheduler")}, ${warnings.length === 0 ? "no limit near" : amount(warnings.length, "warning")}.`,
      data: {
        warnings,
        otp_release: otpRelease,
        erts_version: visible(ertsVersion),
        elixir_version: elixirVersion && visible(elixirVersion),
        architecture: visible(info.architecture),
        word_bytes: wordBytes,
        emulator: built.flavor && visible(built.flavor),
        emulator_flags: built.flags && visible(built.flags),
        code_loading: built.codeLoading && visible(built.codeLoading),
        creation: node.creation,
        distribution_buffer_bytes: built.distBufferBytes,
        started_at: new Date(info.systemTimeMillis - info.uptimeMillis).toISOString(),
        uptime_seconds: Math.floor(info.uptimeMillis / 1000),
        run_queue: info.runQueue,
        schedulers: {
          normal: info.schedulers.total,
          normal_online: info.schedulers.online,
          dirty_cpu: info.dirtyCpuSchedulers.total,
          dirty_cpu_online: info.dirtyCpuSchedulers.online,
          dirty_io: info.dirtyIoSchedulers,
          logical_processors_available: info.logicalProcessorsAvailable,
          bind_type: built.schedulerBindType && visible(built.schedulerBindType)
        },
        limits
      },
      hints: ["get_memory_info", 'top_processes {"sort_by": "reductions", "window_ms": 1000}']
    }
  })
})

/** The system toolset. */
export const systemTools: ReadonlyArray<Tool.Tool> = [
  getSystemInfo,
  ...systemMemoryTools,
  ...systemActivityTools,
  ...systemEnvironmentTools,
  ...systemTimerTools,
  ...systemPersistentTermTools
]
