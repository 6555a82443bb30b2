import { Effect } from "effect"
import { atom, Atom, Binary, isAtom, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { atomText } from "./ProcessFacts.ts"
import { readCount, readMfa } from "./ProcessRow.ts"

/** What tells one process from another. */
export interface Identity {
  readonly registeredName: string | undefined
  /** The callback of an OTP process where it can be seen, else the function that it was spawned with. */
  readonly initialCall: Mfa | undefined
  readonly currentFunction: Mfa | undefined
}

/** A process of a tree. */
export interface Descendant extends Identity {
  readonly pid: Pid
  /** 0 for the process that the tree begins with. */
  readonly depth: number
  readonly parent: Pid | undefined
  /** `undefined` where its dictionary was not read: before OTP 26.2 that would copy a large heap. */
  readonly isSupervisor: boolean | undefined
  /** How many children it has, shown or not. */
  readonly children: number
}

/**
 * `spawned`: whom a process spawned, as OTP 25 on tells; before, whom it spawned with `proc_lib` and is linked to.
 * `supervised`: the children of supervisors, of OTP's and others', by link and ancestry: no supervisor is asked. Those of
 * the process that the tree begins with are told whatever it is, and those of who may be a supervisor.
 */
export type TreeKind = "spawned" | "supervised"

/** Why a tree may lack something. */
export type TreeIncomplete =
  | "deadline"
  /** The release does not tell who spawned whom. */
  | "parent"
  /** Some dictionary was too large to look for an ancestor or a callback. */
  | "dictionary"
  /** Only the first thousand links of some process were looked at. */
  | "links"

const treeReasons: ReadonlySet<string> = new Set<TreeIncomplete>(["deadline", "parent", "dictionary", "links"])
const isTreeReason = (text: string): text is TreeIncomplete => treeReasons.has(text)

export interface ProcessTree extends Omit<Listed<Descendant>, "incomplete"> {
  /** The process itself, which is no row. */
  readonly root: Descendant
  /** Processes known to be on these levels that were not looked at: they are in `total`, and on no page. */
  readonly leftOut: number
  readonly incomplete: ReadonlyArray<TreeIncomplete>
}

/** `tree`: each process in front of its children; `depth`: level by level; `children`: by how many there are. */
export const treeSorts = ["tree", "depth", "name", "children"] as const

/** Milliseconds for which a scan rests after every thousand processes. */
const pauseMillis = 1

/** The tree below a process, of which the node looks at 5,000; `undefined` when there is no such process (any more). */
export const processTree = (
  node: ErlangNode,
  pid: Pid,
  query: Pick<ListQuery, "limit" | "after" | "deadlineMillis"> & { readonly sort: (typeof treeSorts)[number] },
  scope: {
    readonly tree: TreeKind
    readonly depth: number
    /** Part of the registered name, in any case. */
    readonly name: string | undefined
    /** Of the current function, the initial call or the callback. */
    readonly module: string | undefined
  }
): Effect.Effect<ProcessTree | undefined, CallError> =>
  askAgent(
    node,
    "beamscope_process:children",
    questionOf({
      ...query,
      order: query.sort === "children" ? "descending" : "ascending",
      filters: { ...scope, pid, tree: atom(scope.tree), pause_ms: pauseMillis }
    }),
    readTree
  ).pipe(Effect.map(({ tree }) => tree))

const readTree = (answer: MapTerm): { readonly tree: ProcessTree | undefined } | undefined => {
  if (answer.atomKey("gone") !== undefined) return { tree: undefined }
  const listed = readListed(answer, readDescendant)
  const root = readDescendant(answer.atomKey("root"))
  const leftOut = readCount(answer.atomKey("left_out"))
  if (listed === undefined || root === undefined || leftOut === undefined) return undefined
  return { tree: { ...listed, root, leftOut, incomplete: listed.incomplete.filter(isTreeReason) } }
}

const readDescendant = (row: Term | undefined): Descendant | undefined => {
  if (!(row instanceof MapTerm)) return undefined
  const pid = row.atomKey("pid")
  const parent = row.atomKey("parent")
  const depth = readCount(row.atomKey("depth"))
  const children = readCount(row.atomKey("children"))
  if (!(pid instanceof Pid) || depth === undefined || children === undefined) return undefined
  return {
    ...readIdentity(row),
    pid,
    depth,
    parent: parent instanceof Pid ? parent : undefined,
    isSupervisor: readTruth(row.atomKey("supervisor")),
    children
  }
}

const readTruth = (term: Term | undefined): boolean | undefined =>
  isAtom(term, "true") ? true : isAtom(term, "false") ? false : undefined

const readIdentity = (row: MapTerm): Identity => {
  const name = row.atomKey("name")
  return {
    registeredName: name instanceof Atom ? name.text : undefined,
    initialCall: readMfa(row.atomKey("initial_call")),
    currentFunction: readMfa(row.atomKey("current_function"))
  }
}

export const relations = ["link", "monitors", "monitored_by"] as const
export type Relation = (typeof relations)[number]
const isRelation = (text: string): text is Relation => (relations as ReadonlyArray<string>).includes(text)

/** A link or a monitor between a process and something else. */
export interface Relative extends Identity {
  /** 1: of the process that was asked for; 2: of a neighbour of it. */
  readonly depth: number
  readonly from: Term
  readonly relation: Relation
  /** A process, a port, `{Name, Node}` for a process that is monitored by its name, or whatever else monitors. */
  readonly to: Term
  /** The other node that it lives on. */
  readonly otherNode: string | undefined
  /** What a port was opened for. */
  readonly port: string | undefined
  /** How many monitors the row stands for: of one process by another there may be several, and one is enough. */
  readonly count: number
  readonly isGone: boolean
}

/** `to`: by the other end, as Erlang orders terms. */
export const relationSorts = ["depth", "relation", "to"] as const

/** A page of links and monitors, those that are equal in one row. */
export interface Relations extends Listed<Relative> {
  /** How many the rows that match stand for. */
  readonly sum: number
}

/** Links and monitors of a process, and with `depth` 2 of its neighbours; `incomplete: ["neighbours"]` says: not of all. */
export const processRelations = (
  node: ErlangNode,
  pid: Pid,
  query: Pick<ListQuery, "limit" | "after" | "deadlineMillis"> & { readonly sort: (typeof relationSorts)[number] },
  scope: { readonly depth: number; readonly relation: Relation | undefined }
): Effect.Effect<Relations, CallError> =>
  askAgent(
    node,
    "beamscope_process:links",
    questionOf({
      ...query,
      order: "ascending",
      filters: { pid, depth: scope.depth, relation: scope.relation && atom(scope.relation) }
    }),
    (answer) => {
      const listed = readListed(answer, (row) => readRelative(row, node.name))
      const sum = readCount(answer.atomKey("sum"))
      return listed && sum !== undefined ? { ...listed, sum } : undefined
    }
  )

const readRelative = (row: MapTerm, here: string): Relative | undefined => {
  const depth = readCount(row.atomKey("depth"))
  const from = row.atomKey("from")
  const to = row.atomKey("to")
  const relation = atomText(row.atomKey("relation"))
  if (depth === undefined || from === undefined || to === undefined || !isRelation(relation)) return undefined
  const otherNode = row.atomKey("node")
  const port = row.atomKey("port")
  return {
    ...readIdentity(row),
    depth,
    from,
    relation,
    to,
    otherNode: otherNode instanceof Atom && otherNode.text !== here ? otherNode.text : undefined,
    port: port instanceof Binary ? port.text() : undefined,
    count: readCount(row.atomKey("count")) ?? 1,
    isGone: isAtom(row.atomKey("gone"), "true")
  }
}
