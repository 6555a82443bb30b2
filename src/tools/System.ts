import { Effect, Schema } from "effect"
import { memory } from "../beam/Memory.ts"
import { system, type Usage } from "../beam/System.ts"
import { visible } from "../syntax/Escape.ts"
import { amount, bytes, duration, percent } from "./Quantity.ts"
import * as Tool from "./Tool.ts"

const shared = { toolset: "system", access: "inspect", cost: "cheap", target: "connected", input: {} } as const

const table = "process_table"

const getMemoryInfo = Tool.make({
  ...shared,
  name: "get_memory_info",
  title: "Memory of a node",
  description:
    "Memory that the node has allocated, by what for, in bytes and percent of the total: one consistent snapshot. Next: top_processes by memory.",
  output: {
    total_bytes: Schema.Int,
    areas: Schema.Array(
      Schema.Struct({
        area: Schema.String,
        bytes: Schema.Int,
        percent: Schema.Finite,
        used_bytes: Schema.optionalKey(Schema.Int)
      })
    )
  },
  run: Effect.fnUntraced(function* (_input, node) {
    const read = yield* memory(node)
    const { atom, atomUsed, binary, code, ets, processes, processesUsed, processTable, system: whole, total } = read
    const area = (name: string, size: number, used?: number) => ({
      area: name,
      bytes: size,
      percent: percent(size, total),
      used_bytes: used
    })
    const ranked = [
      area("processes", processes, processesUsed),
      area(table, processTable),
      area("binary", binary),
      area("ets", ets),
      area("code", code),
      area("atom", atom, atomUsed),
      area("other_system", Math.max(0, whole - atom - binary - code - ets))
    ].toSorted((a, b) => b.bytes - a.bytes)
    const [first, second] = ranked
    return {
      summary: `${bytes(total)} allocated, most of it for ${first!.area} (${first!.percent} %) and ${second!.area} (${second!.percent} %).`,
      notes:
        first!.area === table
          ? [`${table} is room for ${amount(read.processLimit, "process", "processes")}, as many as +P allows for.`]
          : [],
      data: { total_bytes: total, areas: ranked },
      hints: [first!.area === "processes" ? 'top_processes {"sort_by": "memory"}' : "get_system_info"]
    }
  })
})

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
    "Release, uptime, schedulers, run queue, and for processes, ports, atoms and ETS tables how many there are of how many there can be, with a warning above 80 %. A good first call.",
  output: {
    warnings: Schema.optionalKey(Schema.Array(Schema.String)),
    otp_release: Schema.Int,
    erts_version: Schema.String,
    elixir_version: Schema.optionalKey(Schema.String),
    architecture: Schema.String,
    started_at: Schema.String,
    uptime_seconds: Schema.Int,
    run_queue: Schema.Int,
    schedulers_online: Schema.Int,
    schedulers: Schema.Int,
    dirty_cpu_schedulers_online: Schema.Int,
    dirty_cpu_schedulers: Schema.Int,
    dirty_io_schedulers: Schema.Int,
    logical_processors_available: Schema.optionalKey(Schema.Int),
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
    const info = yield* system(node)
    const { elixirVersion, ertsVersion, otpRelease } = node.capabilities
    const limits = [
      limited("processes", info.processes),
      limited("ports", info.ports),
      limited("atoms", info.atoms),
      { resource: "ets_tables", count: info.etsTables }
    ]
    const warnings = limits.flatMap((row) =>
      "percent" in row && row.percent > warnFrom
        ? [
            `${row.resource}: ${row.count} of ${row.limit} (${row.percent} %) are used; at the limit ${atLimit[row.resource]}.`
          ]
        : []
    )
    const runs = `OTP ${otpRelease}${elixirVersion === undefined ? "" : `, Elixir ${visible(elixirVersion)}`}`
    return {
      summary: `${runs}, up ${duration(info.uptimeMillis)}, ${amount(info.processes.count, "process", "processes")} on ${amount(info.schedulers.online, "scheduler")}, ${warnings.length === 0 ? "no limit near" : amount(warnings.length, "warning")}.`,
      data: {
        warnings,
        otp_release: otpRelease,
        erts_version: visible(ertsVersion),
        elixir_version: elixirVersion && visible(elixirVersion),
        architecture: visible(info.architecture),
        started_at: new Date(info.systemTimeMillis - info.uptimeMillis).toISOString(),
        uptime_seconds: Math.floor(info.uptimeMillis / 1000),
        run_queue: info.runQueue,
        schedulers_online: info.schedulers.online,
        schedulers: info.schedulers.total,
        dirty_cpu_schedulers_online: info.dirtyCpuSchedulers.online,
        dirty_cpu_schedulers: info.dirtyCpuSchedulers.total,
        dirty_io_schedulers: info.dirtyIoSchedulers,
        logical_processors_available: info.logicalProcessorsAvailable,
        limits
      },
      hints: ["get_memory_info", 'top_processes {"sort_by": "reductions", "window_ms": 1000}']
    }
  })
})

/** The system toolset. */
export const systemTools: ReadonlyArray<Tool.Tool> = [getMemoryInfo, getSystemInfo]
