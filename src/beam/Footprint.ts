import type { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, listItems, map, type MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** What Beamscopes have on a node. */
export interface Footprint {
  /** Connected nodes that are Beamscopes, as far as their names tell. */
  readonly links: ReadonlyArray<{ readonly node: string; readonly isOurs: boolean }>
  /** Processes that bear a name of ours: they mind a module or a flag, and outlive the call that started them. */
  readonly named: ReadonlyArray<{ readonly name: string; readonly pid: Pid }>
  /** The first of those that work for a Beamscope at this moment. */
  readonly workers: ReadonlyArray<{ readonly pid: Pid; readonly link: string }>
  readonly workerCount: number
  readonly modules: ReadonlyArray<LoadedModule>
  /** Flags of the whole node that tools look at or switch. */
  readonly flags: ReadonlyArray<NodeFlag>
  /** Whether time ran out before all processes had been looked at. */
  readonly isIncomplete: boolean
}

export interface LoadedModule {
  readonly module: string
  /** The process that removes it when its last user goes; without one, nobody will. */
  readonly minder: Pid | undefined
  readonly hasOldCode: boolean
}

export interface NodeFlag {
  readonly flag: string
  readonly isOn: boolean
  /** Our process that switches it off again when nobody of ours needs it. */
  readonly keeper: Pid | undefined
}

/** Everything of ours, and at most `limit` workers. */
export const footprint = (
  node: ErlangNode,
  { deadlineMillis, limit }: { readonly limit: number; readonly deadlineMillis: number }
): Effect.Effect<Footprint, CallError> =>
  askAgent(
    node,
    "beamscope_footprint:everything",
    map([
      [atom("limit"), limit],
      [atom("deadline_ms"), Math.floor(deadlineMillis)]
    ]),
    readFootprint
  )

/** Takes off what no living process minds. */
export const removeFootprint = (
  node: ErlangNode
): Effect.Effect<{ readonly removed: ReadonlyArray<string>; readonly running: ReadonlyArray<string> }, CallError> =>
  askAgent(node, "beamscope_footprint:remove", map([]), (answer) => {
    const removed = listItems(answer.atomKey("removed"))
    const running = listItems(answer.atomKey("running"))
    return removed && running && { removed: names(removed), running: names(running) }
  })

const names = (terms: ReadonlyArray<Term>): ReadonlyArray<string> =>
  terms.flatMap((term) => (term instanceof Atom ? [term.text] : []))

const tuples = (term: Term | undefined): ReadonlyArray<ReadonlyArray<Term>> | undefined =>
  listItems(term)?.flatMap((item) => (isTuple(item) ? [item] : []))

const readFootprint = (answer: MapTerm): Footprint | undefined => {
  const [links, named, workers, modules, flags] = ["links", "named", "workers", "modules", "flags"].map((key) =>
    tuples(answer.atomKey(key))
  )
  const workerCount = readCount(answer.atomKey("worker_count"))
  if (links === undefined || named === undefined || workers === undefined || modules === undefined) return undefined
  if (flags === undefined || workerCount === undefined) return undefined
  return {
    links: links.flatMap(([node, isOurs]) =>
      node instanceof Atom ? [{ node: node.text, isOurs: isAtom(isOurs, "true") }] : []
    ),
    // One that ended in between has a name and no pid.
    named: named.flatMap(([name, pid]) =>
      name instanceof Atom && pid instanceof Pid ? [{ name: name.text, pid }] : []
    ),
    workers: workers.flatMap(([pid, link]) =>
      pid instanceof Pid && link instanceof Atom ? [{ pid, link: link.text }] : []
    ),
    workerCount,
    modules: modules.flatMap(([module, minder, hasOldCode]) =>
      module instanceof Atom
        ? [
            {
              module: module.text,
              minder: minder instanceof Pid ? minder : undefined,
              hasOldCode: isAtom(hasOldCode, "true")
            }
          ]
        : []
    ),
    flags: flags.flatMap(([flag, isOn, keeper]) =>
      flag instanceof Atom
        ? [{ flag: flag.text, isOn: isAtom(isOn, "true"), keeper: keeper instanceof Pid ? keeper : undefined }]
        : []
    ),
    isIncomplete: isAtom(answer.atomKey("incomplete"), "true")
  }
}
