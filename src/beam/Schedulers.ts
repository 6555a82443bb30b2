import type { Effect } from "effect"
import { atom, isTuple, listItems, map, type MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

export type SchedulerKind = "normal" | "dirty_cpu" | "dirty_io"

export interface SchedulerUse {
  readonly id: number
  readonly kind: SchedulerKind
  /** What part of the window it was at work, 0 to 1. */
  readonly busy: number
  /** Whether it takes work now. */
  readonly online: boolean
}

export interface SchedulerUsage {
  /** How long the window was. */
  readonly windowMillis: number
  /** By id. */
  readonly schedulers: ReadonlyArray<SchedulerUse>
  /** `undefined` where the operating system does not tell. */
  readonly processors: number | undefined
}

/**
 * How busy each scheduler was while the call waits: `statistics(scheduler_wall_time_all)`, twice. The measurement is
 * switched on for the window; OTP keeps it on for others who want it, and takes it off for us however we end.
 */
export const schedulerUsage = (node: ErlangNode, windowMillis: number): Effect.Effect<SchedulerUsage, CallError> =>
  askAgent(node, "beamscope_schedulers:usage", map([[atom("window_ms"), windowMillis]]), readUsage)

const readUsage = (answer: MapTerm): SchedulerUsage | undefined => {
  const count = (key: string) => readCount(answer.atomKey(key))
  const [normal, normalOnline, dirtyCpu, dirtyCpuOnline] = [
    count("normal"),
    count("normal_online"),
    count("dirty_cpu"),
    count("dirty_cpu_online")
  ]
  const micros = count("micros")
  if (normal === undefined || normalOnline === undefined || micros === undefined) return undefined
  if (dirtyCpu === undefined || dirtyCpuOnline === undefined) return undefined
  const place = (id: number): Pick<SchedulerUse, "kind" | "online"> => {
    if (id <= normal) return { kind: "normal", online: id <= normalOnline }
    if (id <= normal + dirtyCpu) return { kind: "dirty_cpu", online: id <= normal + dirtyCpuOnline }
    return { kind: "dirty_io", online: true }
  }
  const schedulers = listItems(answer.atomKey("schedulers"))?.map((row: Term): SchedulerUse | undefined => {
    if (!isTuple(row)) return undefined
    const [id, active, total] = row.map(readCount)
    if (id === undefined || active === undefined || total === undefined) return undefined
    const { kind, online } = place(id)
    return { id, kind, online, busy: total <= 0 ? 0 : Math.min(1, Math.max(0, active / total)) }
  })
  if (!schedulers?.every((it) => it !== undefined)) return undefined
  return { windowMillis: micros / 1000, schedulers, processors: count("processors") }
}
