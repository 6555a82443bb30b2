import type { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, listItems, map, MapTerm } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** The threads of one type, together. */
export interface ThreadStates {
  /** `scheduler`, `dirty_cpu_scheduler`, `dirty_io_scheduler`, `async`, `aux`, `poll`. */
  readonly type: string
  readonly threads: number
  /** What part of their time they were in each state, 0 to 1; the names are the emulator's own. */
  readonly states: ReadonlyMap<string, number>
}

export interface MicrostateAccounting {
  /** How long the window was. */
  readonly windowMillis: number
  readonly types: ReadonlyArray<ThreadStates>
  /** Whether somebody had switched the accounting on before us; it then stays on. */
  readonly wasOn: boolean
}

/**
 * What the threads did while the call waits: `statistics(microstate_accounting)`, twice. The accounting is switched on
 * for the window; a process on the node, `beamscope_microstate_keeper`, switches it off again however we end.
 */
export const microstateAccounting = (
  node: ErlangNode,
  windowMillis: number
): Effect.Effect<MicrostateAccounting, CallError> =>
  askAgent(node, "beamscope_microstates:states", map([[atom("window_ms"), windowMillis]]), readStates)

const readStates = (answer: MapTerm): MicrostateAccounting | undefined => {
  const sums = new Map<string, { threads: number; readonly states: Map<string, number> }>()
  const rows = listItems(answer.atomKey("threads"))
  const micros = readCount(answer.atomKey("micros"))
  if (rows === undefined || micros === undefined) return undefined
  for (const row of rows) {
    if (!isTuple(row) || !(row[0] instanceof Atom) || !(row[2] instanceof MapTerm)) return undefined
    const type = row[0].text
    const sum = sums.get(type) ?? { threads: 0, states: new Map<string, number>() }
    sums.set(type, sum)
    sum.threads += 1
    const { entries } = row[2]
    for (let at = 0; at < entries.length; at += 2) {
      const state = entries[at]
      const time = readCount(entries[at + 1])
      if (!(state instanceof Atom) || time === undefined) return undefined
      sum.states.set(state.text, (sum.states.get(state.text) ?? 0) + time)
    }
  }
  return {
    windowMillis: micros / 1000,
    wasOn: isAtom(answer.atomKey("was_on"), "true"),
    types: Array.from(sums, ([type, { states, threads }]) => {
      const all = Array.from(states.values()).reduce((sum, time) => sum + time, 0)
      return {
        type,
        threads,
        states: new Map(Array.from(states, ([state, time]) => [state, all > 0 ? time / all : 0]))
      }
    })
  }
}
