import type { Effect } from "effect"
import { atom, Binary, listItems, map, MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { readCpuMillis } from "./OsProcess.ts"
import { readCount } from "./ProcessRow.ts"

/** What a node got done in a window. */
export interface RuntimeStats {
  readonly windowMillis: number
  /**
   * Of the processes that live at its end, but for the one that asks. To ask very many of them takes time in which they go on, so
   * each is counted by the time that passed between the two looks at it.
   */
  readonly reductionsPerSecond: number
  readonly collections: number
  readonly reclaimedBytes: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly contextSwitches: number
  /** Of all threads; `undefined` where there is no `/proc`. */
  readonly cpu: { readonly user: number; readonly system: number } | undefined
  /** Who waits at its end: for each normal scheduler, for the dirty CPU ones, for the dirty I/O ones. */
  readonly runQueues: ReadonlyArray<number>
  /** Whether time ran out before all processes were asked. */
  readonly isLate: boolean
}

/** Milliseconds to rest after every thousand processes. */
const pauseMillis = 1

/**
 * Two looks at counters that only grow. Those of `erlang:statistics/1` that start over with each look (reductions,
 * runtime, wall_clock) are left alone: somebody else on the node may be reading them. So reductions are counted by
 * process, and time of CPU comes from Linux.
 */
export const runtimeStats = (
  node: ErlangNode,
  { deadlineMillis, windowMillis }: { readonly windowMillis: number; readonly deadlineMillis: number }
): Effect.Effect<RuntimeStats, CallError> => {
  const question = map([
    [atom("window_ms"), windowMillis],
    [atom("deadline_ms"), Math.floor(deadlineMillis)],
    [atom("pause_ms"), pauseMillis]
  ])
  return askAgent(node, "beamscope_runtime:growth", question, (answer) => {
    const [first, second] = [readSample(answer.atomKey("first")), readSample(answer.atomKey("second"))]
    const queues = listItems(answer.atomKey("run_queues"))?.map(readCount)
    const perSecond = readCount(answer.atomKey("reductions_per_second"))
    const incomplete = listItems(answer.atomKey("incomplete"))
    if (first === undefined || second === undefined || !queues?.every((it) => it !== undefined)) return undefined
    if (perSecond === undefined || incomplete === undefined) return undefined
    return {
      windowMillis: (second.microseconds - first.microseconds) / 1000,
      reductionsPerSecond: perSecond,
      collections: second.collections - first.collections,
      reclaimedBytes: (second.reclaimed_words - first.reclaimed_words) * node.capabilities.wordBytes,
      inputBytes: second.input_bytes - first.input_bytes,
      outputBytes: second.output_bytes - first.output_bytes,
      contextSwitches: second.context_switches - first.context_switches,
      cpu:
        first.cpu === undefined || second.cpu === undefined
          ? undefined
          : { user: second.cpu.user - first.cpu.user, system: second.cpu.system - first.cpu.system },
      runQueues: queues,
      isLate: incomplete.length > 0
    }
  })
}

const counters = [
  "microseconds",
  "collections",
  "reclaimed_words",
  "input_bytes",
  "output_bytes",
  "context_switches"
] as const

const readSample = (term: Term | undefined) => {
  if (!(term instanceof MapTerm)) return undefined
  const read = counters.map((key) => [key, readCount(term.atomKey(key))] as const)
  if (read.some(([, count]) => count === undefined)) return undefined
  const stat = term.atomKey("stat")
  return {
    ...(Object.fromEntries(read) as Record<(typeof counters)[number], number>),
    cpu: stat instanceof Binary ? readCpuMillis(stat.text()) : undefined
  }
}
