import { Effect } from "effect"
import { atom, ExternalFun, list, listItems, type Term } from "../etf/Term.ts"
import { type AtomRoom, readRoom, roomItems } from "./AtomRoom.ts"
import type { Call, CallOptions } from "./Call.ts"
import type { CallError } from "./CallError.ts"

/** How much there is on a node, and how much of it waits. `undefined`: the node's answer was no number. */
export interface Load {
  readonly processes: number | undefined
  /** Processes and ports that wait to run, for each scheduler online. */
  readonly runQueue: number | undefined
  readonly atoms: AtomRoom | undefined
}

const erlang = atom("erlang")

/** `erlang:apply/3` over a list of functions and one of arguments: five questions in one call. */
const questions: ReadonlyArray<Term> = [
  new ExternalFun(erlang, atom("apply"), 3),
  list([erlang, erlang, erlang, erlang, erlang]),
  list([atom("statistics"), ...Array.from({ length: 4 }, () => atom("system_info"))]),
  list(
    [atom("run_queue_lengths"), atom("schedulers_online"), atom("process_count"), ...roomItems].map((it) => list([it]))
  )
]

/** Asks a node for its load: one call, constant in cost. */
export const askLoad = (call: Call, options?: CallOptions): Effect.Effect<Load, CallError> =>
  Effect.map(call("lists", "zipwith3", questions, options), (answer) => {
    const [lengths, online, processes, atoms, atomLimit] = listItems(answer) ?? []
    const waiting = (listItems(lengths) ?? []).reduce<number>((sum, it) => (typeof it === "number" ? sum + it : NaN), 0)
    return {
      processes: typeof processes === "number" ? processes : undefined,
      runQueue: typeof online === "number" && online > 0 && waiting >= 0 ? waiting / online : undefined,
      atoms: readRoom(atoms, atomLimit)
    }
  })
