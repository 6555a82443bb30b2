import type { Effect } from "effect"
import { Atom, atom, isAtom, listItems, map, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** What a Beamscope may have on a node, in the order of lists. */
export const footprintKinds = ["link", "process", "worker", "leftover", "module", "flag"] as const

/** What Beamscopes have on a node: a page of it, and how much there is of all. */
export interface Footprint extends Listed<FootprintRow> {
  readonly counts: {
    readonly link: number
    readonly process: number
    readonly worker: number
    readonly leftover: number
    readonly module: number
    /** Links of other Beamscopes. */
    readonly others: number
    /** Modules that nobody minds. */
    readonly orphans: number
  }
}

export type FootprintRow =
  /** A connected node that is a Beamscope, as far as its name tells. */
  | { readonly kind: "link"; readonly name: string; readonly isOurs: boolean }
  /** A process that bears a name of ours: it minds a module or a flag, and outlives the call that started it. */
  | { readonly kind: "process"; readonly name: string; readonly pid: Pid; readonly mindsModule: boolean }
  /** One that works for the Beamscope of that name at this moment. */
  | { readonly kind: "worker"; readonly name: string; readonly pid: Pid }
  /**
   * One that a call of the Beamscope of that name started and that outlived it. An orphan is one of ours, or of a
   * Beamscope that is gone.
   */
  | { readonly kind: "leftover"; readonly name: string; readonly pid: Pid; readonly isOrphan: boolean }
  /** A loaded module, and the process that removes it when its last user goes; without one, nobody will. */
  | { readonly kind: "module"; readonly name: string; readonly minder: Pid | undefined }
  /**
   * A flag of the whole node that tools look at or switch, and our process that switches it off again when nobody of ours
   * needs it.
   */
  | { readonly kind: "flag"; readonly name: string; readonly isOn: boolean; readonly minder: Pid | undefined }

/** Everything of ours, page by page. */
export const footprint = (
  node: ErlangNode,
  {
    kind,
    name,
    ...query
  }: Pick<ListQuery, "after" | "deadlineMillis" | "limit"> & {
    readonly sort: "kind" | "name"
    readonly kind: (typeof footprintKinds)[number] | undefined
    /** Part of the name, in any case. */
    readonly name: string | undefined
  }
): Effect.Effect<Footprint, CallError> =>
  askAgent(
    node,
    "beamscope_footprint:everything",
    questionOf({ ...query, order: "ascending", filters: { name, kind: kind && atom(kind) } }),
    (answer) => {
      const listed = readListed(answer, readRow)
      const counts = answer.atomKey("counts")
      if (listed === undefined || !(counts instanceof MapTerm)) return undefined
      const of = (key: string) => readCount(counts.atomKey(key)) ?? 0
      const [link, process, worker, leftover] = [of("link"), of("process"), of("worker"), of("leftover")]
      const [module, others, orphans] = [of("module"), of("others"), of("orphans")]
      return { ...listed, counts: { link, process, worker, leftover, module, others, orphans } }
    }
  )

const readRow = (row: MapTerm): FootprintRow | undefined => {
  const [kind, name, pid, minding] = ["kind", "name", "pid", "minder"].map((key) => row.atomKey(key))
  if (!(kind instanceof Atom) || !(name instanceof Atom)) return undefined
  const named = { name: name.text }
  const minder = minding instanceof Pid ? minding : undefined
  switch (kind.text) {
    case "link":
      return { kind: "link", ...named, isOurs: isAtom(row.atomKey("own"), "true") }
    case "process":
      return pid instanceof Pid
        ? { kind: "process", ...named, pid, mindsModule: isAtom(row.atomKey("minds"), "true") }
        : undefined
    case "worker":
      return pid instanceof Pid ? { kind: "worker", ...named, pid } : undefined
    case "leftover":
      return pid instanceof Pid
        ? { kind: "leftover", ...named, pid, isOrphan: isAtom(row.atomKey("orphan"), "true") }
        : undefined
    case "module":
      return { kind: "module", ...named, minder }
    case "flag":
      return { kind: "flag", ...named, isOn: isAtom(row.atomKey("on"), "true"), minder }
    default:
      return undefined
  }
}

/** What was taken off a node, and what of ours had to stay. */
export interface Removal {
  readonly removed: ReadonlyArray<string>
  /** Modules that some process still runs. */
  readonly running: ReadonlyArray<string>
  /** The first of the processes that were ended. */
  readonly ended: ReadonlyArray<Pid>
  readonly endedCount: number
  /** The first of those that stay, since others are linked to them and might end, too. */
  readonly linked: ReadonlyArray<Pid>
  readonly linkedCount: number
  /** Why there may be more: as of a list. */
  readonly incomplete: ReadonlyArray<string>
}

/** Takes off modules that nobody minds, and ends what calls of ours, or of Beamscopes that are gone, left behind. */
export const removeFootprint = (
  node: ErlangNode,
  { deadlineMillis, limit }: { readonly limit: number; readonly deadlineMillis: number }
): Effect.Effect<Removal, CallError> =>
  askAgent(
    node,
    "beamscope_footprint:remove",
    map([
      [atom("limit"), limit],
      [atom("deadline_ms"), Math.floor(deadlineMillis)]
    ]),
    (answer) => {
      const [removed, running, ended, linked, incomplete] = ["removed", "running", "ended", "linked", "incomplete"].map(
        (key) => listItems(answer.atomKey(key))
      )
      const endedCount = readCount(answer.atomKey("ended_count"))
      const linkedCount = readCount(answer.atomKey("linked_count"))
      if (!removed || !running || !ended || !linked || !incomplete) return undefined
      if (endedCount === undefined || linkedCount === undefined) return undefined
      return {
        removed: names(removed),
        running: names(running),
        ended: pids(ended),
        endedCount,
        linked: pids(linked),
        linkedCount,
        incomplete: names(incomplete)
      }
    }
  )

const pids = (terms: ReadonlyArray<Term>): ReadonlyArray<Pid> =>
  terms.flatMap((term) => (term instanceof Pid ? [term] : []))

const names = (terms: ReadonlyArray<Term>): ReadonlyArray<string> =>
  terms.flatMap((term) => (term instanceof Atom ? [term.text] : []))
