import type { Effect } from "effect"
import { Atom, atom, isAtom, listItems, map, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount, readMfa } from "./ProcessRow.ts"

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
  | Leftover
  /** A loaded module, and the process that removes it when its last user goes; without one, nobody will. */
  | { readonly kind: "module"; readonly name: string; readonly minder: Pid | undefined }
  /**
   * A flag of the whole node that tools look at or switch, and our process that switches it off again when nobody of ours
   * needs it.
   */
  | { readonly kind: "flag"; readonly name: string; readonly isOn: boolean; readonly minder: Pid | undefined }

/**
 * A process with the group leader of the Beamscope of that name, which no worker of a call under way holds. It may be
 * what a call left behind, what the node's own code started within one and needs, or at work for a call all the same: a
 * group leader is inherited, and tells where a process comes from, not whose it is.
 */
export interface Leftover {
  readonly kind: "leftover"
  readonly name: string
  readonly pid: Pid
  readonly registeredName: string | undefined
  /** What it runs: its callback where it tells that, else the function that it was spawned with. */
  readonly initialCall: Mfa | undefined
  /** The first of the processes and ports that are linked to it. */
  readonly links: ReadonlyArray<Term>
  readonly linkCount: number
  /** The first of those that monitor it. */
  readonly monitoredBy: ReadonlyArray<Term>
  readonly monitoredByCount: number
}

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
    /** Part of the name, or of that which a process is registered under, in any case. */
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
      return pid instanceof Pid ? { kind: "leftover", ...named, pid, ...readHolders(row) } : undefined
    case "module":
      return { kind: "module", ...named, minder }
    case "flag":
      return { kind: "flag", ...named, isOn: isAtom(row.atomKey("on"), "true"), minder }
    default:
      return undefined
  }
}

const readHolders = (row: MapTerm): Omit<Leftover, "kind" | "name" | "pid"> => {
  const registered = row.atomKey("registered")
  const [links, monitoredBy] = ["links", "monitored_by"].map((key) => listItems(row.atomKey(key)) ?? [])
  return {
    registeredName: registered instanceof Atom ? registered.text : undefined,
    initialCall: readMfa(row.atomKey("runs")),
    links: links!,
    linkCount: readCount(row.atomKey("link_count")) ?? 0,
    monitoredBy: monitoredBy!,
    monitoredByCount: readCount(row.atomKey("monitor_count")) ?? 0
  }
}

/** Takes off modules of ours that no living process minds; those that one still runs stay. */
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
