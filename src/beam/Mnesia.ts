import type { Effect } from "effect"
import {
  Atom,
  atom,
  Binary,
  binary,
  charlistText,
  isAtom,
  isTuple,
  listItems,
  map,
  type MapTerm,
  type Term
} from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** Where a node has its copy of a table; `unknown`: nowhere. */
export const storages = ["ram_copies", "disc_copies", "disc_only_copies", "unknown"] as const

/** A table of Mnesia, as one node sees it. */
export interface MnesiaTable {
  readonly name: string
  readonly type: string
  /** Of the copy on this node; see {@link storages}. A backend of somebody else has a name of its own. */
  readonly storage: string
  /** Absent where the node has no copy, or its keeper was busy. */
  readonly objects: number | undefined
  readonly memoryBytes: number | undefined
  /** Of a table on disc alone. */
  readonly fileBytes: number | undefined
  readonly ramCopies: ReadonlyArray<string>
  readonly discCopies: ReadonlyArray<string>
  readonly discOnlyCopies: ReadonlyArray<string>
  /** `nowhere` where it is not loaded on any node that can be reached. */
  readonly readFrom: string | undefined
  readonly writeTo: ReadonlyArray<string>
  /** The tables with the highest are loaded first. */
  readonly loadOrder: number | undefined
  readonly attributes: ReadonlyArray<string>
  /** Positions in a record, from 2 on for the key. */
  readonly indexes: ReadonlyArray<number>
  readonly recordName: string | undefined
  readonly majority: boolean
  readonly accessMode: string | undefined
  readonly checkpoints: number
  readonly masterNodes: ReadonlyArray<string>
}

/** Mnesia on one node. Transactions are counted since it started. */
export interface Mnesia {
  readonly _tag: "Running"
  readonly tables: Listed<MnesiaTable>
  readonly nodes: ReadonlyArray<string>
  readonly runningNodes: ReadonlyArray<string>
  readonly usesDisc: boolean
  readonly directory: string | undefined
  readonly commits: number | undefined
  readonly failures: number | undefined
  readonly restarts: number | undefined
  readonly logWrites: number | undefined
  readonly heldLocks: number | undefined
  readonly waitingLocks: number | undefined
  /** Messages that wait for its processes. */
  readonly queues: ReadonlyArray<{ readonly process: string; readonly messages: number }>
}

export interface NotRunning {
  readonly _tag: "NotRunning"
  readonly state: "no" | "starting" | "stopping"
}

export interface MnesiaQuery extends Pick<ListQuery, "after" | "deadlineMillis" | "limit"> {
  readonly sort: "memory" | "size" | "name"
  readonly name?: string
  readonly storage?: (typeof storages)[number]
}

/** Mnesia and a page of its tables, where it runs. */
export const mnesia = (
  node: ErlangNode,
  { after, deadlineMillis, limit, name, sort, storage }: MnesiaQuery
): Effect.Effect<Mnesia | NotRunning, CallError> =>
  askAgent(
    node,
    "beamscope_mnesia:tables",
    map([
      [atom("sort"), atom(sort)],
      [atom("order"), atom(sort === "name" ? "ascending" : "descending")],
      [atom("limit"), limit],
      [atom("deadline_ms"), Math.floor(deadlineMillis)],
      ...(after === undefined ? [] : [[atom("after"), new Binary(after)] as const]),
      ...(name === undefined ? [] : [[atom("name"), binary(name)] as const]),
      ...(storage === undefined ? [] : [[atom("storage"), atom(storage)] as const])
    ]),
    readMnesia
  )

const text = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

const texts = (term: Term | undefined): ReadonlyArray<string> =>
  (listItems(term) ?? []).flatMap((item) => (item instanceof Atom ? [item.text] : []))

const readMnesia = (answer: MapTerm): Mnesia | NotRunning | undefined => {
  const state = text(answer.atomKey("state"))
  if (state === "no" || state === "starting" || state === "stopping") return { _tag: "NotRunning", state }
  const tables = readListed(answer, readTable)
  if (tables === undefined) return undefined
  return {
    _tag: "Running",
    tables,
    nodes: texts(answer.atomKey("db_nodes")),
    runningNodes: texts(answer.atomKey("running_db_nodes")),
    usesDisc: isAtom(answer.atomKey("use_dir"), "true"),
    directory: charlistText(answer.atomKey("directory")),
    commits: readCount(answer.atomKey("transaction_commits")),
    failures: readCount(answer.atomKey("transaction_failures")),
    restarts: readCount(answer.atomKey("transaction_restarts")),
    logWrites: readCount(answer.atomKey("transaction_log_writes")),
    heldLocks: readCount(answer.atomKey("held_locks")),
    waitingLocks: readCount(answer.atomKey("waiting_locks")),
    queues: (listItems(answer.atomKey("queues")) ?? []).flatMap((pair) => {
      const [process, messages] = isTuple(pair) ? [text(pair[0]), readCount(pair[1])] : []
      return process === undefined || messages === undefined ? [] : [{ process, messages }]
    })
  }
}

const readTable = (row: MapTerm): MnesiaTable | undefined => {
  const [name, type, storage] = [row.atomKey("name"), row.atomKey("type"), row.atomKey("storage_type")]
  if (!(name instanceof Atom) || !(type instanceof Atom)) return undefined
  return {
    name: name.text,
    type: type.text,
    // A backend of somebody else: `{ext, Alias, Module}`.
    storage: text(storage) ?? (isTuple(storage, "ext") ? text(storage[1]) : undefined) ?? "unknown",
    objects: readCount(row.atomKey("size")),
    memoryBytes: readCount(row.atomKey("memory")),
    fileBytes: readCount(row.atomKey("file")),
    ramCopies: texts(row.atomKey("ram_copies")),
    discCopies: texts(row.atomKey("disc_copies")),
    discOnlyCopies: texts(row.atomKey("disc_only_copies")),
    readFrom: text(row.atomKey("where_to_read")),
    writeTo: texts(row.atomKey("where_to_write")),
    loadOrder: readCount(row.atomKey("load_order")),
    attributes: texts(row.atomKey("attributes")),
    indexes: (listItems(row.atomKey("index")) ?? []).flatMap((at) => readCount(at) ?? []),
    recordName: text(row.atomKey("record_name")),
    majority: isAtom(row.atomKey("majority"), "true"),
    accessMode: text(row.atomKey("access_mode")),
    checkpoints: listItems(row.atomKey("checkpoints"))?.length ?? 0,
    masterNodes: texts(row.atomKey("master_nodes"))
  }
}
