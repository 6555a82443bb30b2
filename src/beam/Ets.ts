import { Effect } from "effect"
import { encode } from "../etf/Encode.ts"
import {
  Atom,
  atom,
  Binary,
  binary,
  isAtom,
  isTuple,
  list,
  listItems,
  map,
  type MapTerm,
  Pid,
  Reference,
  type Term
} from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, askList, type Listed, type ListQuery, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** What a table is called on its node: its name, or the reference of one that has none. */
export type TableId = Atom | Reference

/** How a question names a table: as the text of its reference, or by names that are tried one after the other. */
export type TableName = { readonly reference: string } | { readonly names: ReadonlyArray<string> }

export const protections = ["public", "protected", "private"] as const

/** An ETS table, without its objects. */
export interface Table {
  readonly id: TableId
  /** What it was made under; it is known by that only where `isNamed`. */
  readonly name: string
  readonly isNamed: boolean
  readonly type: string
  readonly protection: string
  /** The position of the key in an object. */
  readonly keyPosition: number
  readonly objects: number
  /** Without binaries of more than 64 bytes, which lie outside of the table. */
  readonly memoryBytes: number
  readonly owner: Pid
  readonly ownerName: string | undefined
  readonly application: string | undefined
}

export interface TableFilter {
  /** Part of the name, in any case. */
  readonly name?: string
  readonly owner?: Pid
  /** Of the owner. */
  readonly application?: string
  readonly protection?: (typeof protections)[number]
  readonly minMemory?: number
}

type Bounds = Pick<ListQuery, "after" | "deadlineMillis" | "limit">

export interface TableQuery extends Bounds {
  readonly sort: "memory" | "size" | "name"
  readonly filter: TableFilter
}

const filters = ({
  application,
  minMemory,
  name,
  owner,
  protection
}: TableFilter): Readonly<Record<string, Term | string | undefined>> => ({
  name,
  owner,
  application,
  protection: protection === undefined ? undefined : atom(protection),
  min_memory: minMemory
})

const text = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

const readTable = (row: MapTerm): Table | undefined => {
  const [id, owner] = [row.atomKey("id"), row.atomKey("owner")]
  const [name, type, protection] = [row.atomKey("name"), row.atomKey("type"), row.atomKey("protection")].map(text)
  const [keyPosition, objects, memoryBytes] = [row.atomKey("keypos"), row.atomKey("size"), row.atomKey("memory")].map(
    readCount
  )
  if (!(id instanceof Atom || id instanceof Reference) || !(owner instanceof Pid)) return undefined
  if (name === undefined || type === undefined || protection === undefined) return undefined
  if (keyPosition === undefined || objects === undefined || memoryBytes === undefined) return undefined
  return {
    id,
    name,
    isNamed: isAtom(row.atomKey("named_table"), "true"),
    type,
    protection,
    keyPosition,
    objects,
    memoryBytes,
    owner,
    ownerName: text(row.atomKey("owner_name")),
    application: text(row.atomKey("application"))
  }
}

/** A page of the node's tables. Names ascend, sizes descend. */
export const tables = (
  node: ErlangNode,
  { filter, sort, ...query }: TableQuery
): Effect.Effect<Listed<Table>, CallError> =>
  askList(
    node,
    "beamscope_ets:tables",
    { ...query, sort, order: sort === "name" ? "ascending" : "descending", filters: filters(filter) },
    readTable
  )

export interface TableGrowth {
  readonly table: Table
  readonly memoryBytes: number
  readonly objects: number
  /** Whether it was made in the window, so that it grew from nothing. */
  readonly isNew: boolean
}

/** What became of the tables in a window of time: those that grew, and how many were made and deleted. */
export interface TablesGrowth extends Listed<TableGrowth> {
  readonly born: number
  readonly gone: number
}

/** The tables that grew most, in bytes or objects, in a window that the call waits for. */
export const tableGrowth = (
  node: ErlangNode,
  query: {
    readonly sort: "memory" | "size"
    readonly windowMillis: number
    readonly limit: number
    readonly deadlineMillis: number
    readonly filter: TableFilter
  }
): Effect.Effect<TablesGrowth, CallError> =>
  Effect.gen(function* () {
    const count = readCount(yield* node.call("erlang", "system_info", [atom("ets_count")])) ?? 0
    return yield* askAgent(
      node,
      "beamscope_ets:growth",
      question({
        ...filters(query.filter),
        sort: atom(query.sort),
        order: atom("descending"),
        limit: query.limit,
        window_ms: query.windowMillis,
        deadline_ms: Math.floor(query.deadlineMillis)
      }),
      (answer) => {
        const listed = readListed(answer, readGrowth)
        const [born, gone] = [readCount(answer.atomKey("born")), readCount(answer.atomKey("gone"))]
        return listed === undefined || born === undefined || gone === undefined ? undefined : { ...listed, born, gone }
      },
      { maxHeapWords: minHeapWords + heapWordsPerTable * count }
    )
  })

/** What the figures of all tables take while two looks are compared: measured with 100,000 tables (OTP 25). */
const minHeapWords = 8 * 1024 * 1024
const heapWordsPerTable = 120

const readGrowth = (row: MapTerm): TableGrowth | undefined => {
  const table = readTable(row)
  const memoryBytes = readCount(row.atomKey("growth_memory"))
  const objects = readCount(row.atomKey("growth_size"))
  return table === undefined || memoryBytes === undefined || objects === undefined
    ? undefined
    : { table, memoryBytes, objects, isNew: isAtom(row.atomKey("new"), "true") }
}

const question = (words: Readonly<Record<string, Term | string | undefined>>): Term =>
  map(
    Object.entries(words).flatMap(([name, value]) =>
      value === undefined ? [] : [[atom(name), typeof value === "string" ? binary(value) : value] as const]
    )
  )

const sought = (name: TableName): Term =>
  "reference" in name ? [atom("reference"), binary(name.reference)] : [atom("name"), list(name.names.map(binary))]

/** There is no such table. */
export interface NoTable {
  readonly _tag: "NoTable"
  /** Names of tables that there are, some hundreds at most: one of them was perhaps meant. */
  readonly named: ReadonlyArray<string>
  /** Several tables that were made under the name, and are not known by it. */
  readonly unnamed: ReadonlyArray<Reference>
}

const readNoTable = (answer: MapTerm): NoTable | undefined => {
  const [absent, unnamed] = [listItems(answer.atomKey("absent")), listItems(answer.atomKey("unnamed"))]
  if (absent === undefined || unnamed === undefined) return undefined
  return {
    _tag: "NoTable",
    named: absent.flatMap((name) => (name instanceof Atom ? [name.text] : [])),
    unnamed: unnamed.filter((id) => id instanceof Reference)
  }
}

/** All that is known of one table. Switches that the release does not have are absent. */
export interface TableInfo extends Table {
  readonly _tag: "TableInfo"
  readonly heir: Pid | undefined
  readonly readConcurrency: boolean | undefined
  readonly writeConcurrency: boolean | string | undefined
  readonly decentralizedCounters: boolean | undefined
  readonly compressed: boolean | undefined
  /** That it is being walked, so that what is deleted from it still takes room. */
  readonly fixed: { readonly millis: number; readonly count: number; readonly by: ReadonlyArray<Pid> } | undefined
  /** Of a hash table of up to {@link maxWalked} objects: its buckets, and the objects in one. */
  readonly chains: { readonly buckets: number; readonly average: number; readonly longest: number } | undefined
}

const readSwitch = (term: Term | undefined): boolean | undefined =>
  isAtom(term, "true") ? true : isAtom(term, "false") ? false : undefined

const readFixed = (term: Term | undefined): TableInfo["fixed"] => {
  if (!isTuple(term)) return undefined
  const [millis, count, by] = [readCount(term[0]), readCount(term[1]), listItems(term[2])]
  if (millis === undefined || count === undefined || by === undefined) return undefined
  return { millis, count, by: by.filter((pid) => pid instanceof Pid) }
}

const readNumber = (term: Term | undefined): number | undefined =>
  typeof term === "object" && "value" in term ? term.value : readCount(term)

const readChains = (term: Term | undefined): TableInfo["chains"] => {
  const [buckets, average, longest] = isTuple(term) ? term.map(readNumber) : []
  return buckets === undefined || average === undefined || longest === undefined
    ? undefined
    : { buckets, average, longest }
}

/** Objects of a hash table that is walked to count what is in its buckets, at most: `COUNTED` of `beamscope_ets`. */
export const maxWalked = 10_000

/** Everything about one table. Constant in cost, but for a walk through a hash table of up to {@link maxWalked} objects. */
export const tableInfo = (node: ErlangNode, name: TableName): Effect.Effect<TableInfo | NoTable, CallError> =>
  askAgent(node, "beamscope_ets:table", question({ table: sought(name) }), (answer) => {
    const table = readTable(answer)
    if (table === undefined) return readNoTable(answer)
    const heir = answer.atomKey("heir")
    const write = answer.atomKey("write_concurrency")
    return {
      _tag: "TableInfo",
      ...table,
      heir: heir instanceof Pid ? heir : undefined,
      readConcurrency: readSwitch(answer.atomKey("read_concurrency")),
      writeConcurrency: readSwitch(write) ?? text(write),
      decentralizedCounters: readSwitch(answer.atomKey("decentralized_counters")),
      compressed: readSwitch(answer.atomKey("compressed")),
      fixed: readFixed(answer.atomKey("fixed")),
      chains: readChains(answer.atomKey("chains"))
    }
  })

/** An object, or a key. */
export interface TableRow {
  readonly term: Term
  /** Bytes in external format where the term is cut; else 0. */
  readonly cutFrom: number
  /**
   * Present where the term is the key of so many objects in a bag that they are not read: how many. The node could copy
   * them only all at once.
   */
  readonly unread: number | undefined
  /** In external format; told where rows are put in order by it. */
  readonly bytes: number | undefined
  /** What to say `after` to go on behind this row; absent where its key is too large for that. */
  readonly place: Uint8Array | undefined
}

export interface TableRows {
  readonly _tag: "TableRows"
  readonly table: Table
  /** What the elements behind the first are called, where Mnesia keeps the table. */
  readonly fields: ReadonlyArray<string>
  readonly rows: ReadonlyArray<TableRow>
  /** Whether there are more; `deadline`: perhaps, for time ran out. */
  readonly isMore: boolean | "deadline"
  /** How many there are on all pages; where not all of the table was looked at for them, among those that were. */
  readonly matched: number
  /** How many objects were looked at to count them: keys in a bag, or where only these are asked for. */
  readonly looked: number | undefined
  /** Whether the table has more than what was looked at. */
  readonly isPart: boolean
  /**
   * Present where rows are put in order, or looked for by a part of the key: then they are those of a window of the table,
   * and `isMore` also where only the next window has more.
   */
  readonly window: TableWindow | undefined
}

/** A part of a table that is looked at in one go: as much as there is time for. */
export interface TableWindow {
  /** Keys that are so large that only a part of them was looked through for a text, and had it not. */
  readonly unsure: number
  /** Whether it has more behind the window. */
  readonly isBeyond: boolean
  /** What to say `after` to go on: in this window, or in the next one. */
  readonly next: Uint8Array | undefined
}

/** `table`: the order that it has, if any. `size`: the largest first. */
export type RowOrder = "table" | "size"

/** Why the objects of a table are not read. */
export interface Refused {
  readonly _tag: "Refused"
  readonly table: Table
  /**
   * `secret`: the owner keeps cookies or private keys there. `large`: the objects are. `many`: the key of a bag has so
   * many objects that together they are, and the node could copy them only all at once. `moved`: the key that the page
   * begins behind is not in the table any more. `pattern`: what was to be matched is none.
   */
  readonly why: "private" | "secret" | "large" | "many" | "gone" | "moved" | "pattern"
  /** With `many`, how many. */
  readonly objects: number | undefined
}

/** The question holds atoms, or identifiers, that the node does not have. */
export interface UnknownTerms {
  readonly _tag: "UnknownTerms"
}

const reasons: ReadonlySet<string> = new Set<Refused["why"]>([
  "private",
  "secret",
  "large",
  "many",
  "gone",
  "moved",
  "pattern"
])
const isReason = (why: string | undefined): why is Refused["why"] => why !== undefined && reasons.has(why)

const readRows = (answer: MapTerm): TableRows | Refused | NoTable | undefined => {
  const table = readTable(answer)
  if (table === undefined) return readNoTable(answer)
  const why = text(answer.atomKey("refused"))
  if (isReason(why)) return { _tag: "Refused", table, why, objects: readCount(answer.atomKey("objects")) }
  const more = text(answer.atomKey("is_more"))
  const rows = listItems(answer.atomKey("rows"))?.map((row): TableRow | undefined => {
    if (!isTuple(row)) return undefined
    const [place, term, size, bytes] = row
    // Or `{objects, Count}`.
    const unread = isTuple(size) ? readCount(size[1]) : undefined
    const cutFrom = unread === undefined ? readCount(size) : 0
    if (place === undefined || term === undefined || cutFrom === undefined) return undefined
    return {
      term,
      cutFrom,
      unread,
      bytes: readCount(bytes),
      place: isAtom(place, "undefined") ? undefined : encode(place)
    }
  })
  if (rows === undefined || !rows.every((row) => row !== undefined)) return undefined
  const isMore = more === "deadline" ? more : more === "true"
  const fields = (listItems(answer.atomKey("fields")) ?? []).flatMap((field) => text(field) ?? [])
  const [matched, unsure] = [readCount(answer.atomKey("matched")), readCount(answer.atomKey("unsure"))]
  const next = answer.atomKey("next")
  if (matched === undefined) return undefined
  return {
    _tag: "TableRows",
    table,
    fields,
    rows,
    isMore,
    matched,
    looked: readCount(answer.atomKey("looked")),
    isPart: isAtom(answer.atomKey("is_part"), "true"),
    window:
      unsure === undefined
        ? undefined
        : {
            unsure,
            isBeyond: isAtom(answer.atomKey("is_beyond"), "true"),
            next: next === undefined || isAtom(next, "undefined") ? undefined : encode(next)
          }
  }
}

export interface RowsQuery extends Bounds {
  readonly table: TableName
  readonly sort: RowOrder
  /** Bytes: where the average object is larger, none is read; where those of one key of a bag are, those are not. */
  readonly maxObjectBytes: number
}

const rowsQuestion = (query: RowsQuery, words: Parameters<typeof question>[0]): Term =>
  question({
    table: sought(query.table),
    sort: atom(query.sort),
    limit: query.limit,
    deadline_ms: Math.floor(query.deadlineMillis),
    max_object: query.maxObjectBytes,
    after: query.after && new Binary(query.after),
    ...words
  })

/**
 * The first objects of a table, or keys. The node copies whole objects, one after the other; what is too large to
 * travel is cut there.
 */
export const sampleTable = (
  node: ErlangNode,
  {
    pattern,
    what,
    ...query
  }: RowsQuery & {
    readonly what: "objects" | "keys"
    /** Finds something in the key as Erlang prints it. */
    readonly pattern: string | undefined
  }
): Effect.Effect<TableRows | Refused | NoTable, CallError> =>
  askAgent(node, "beamscope_ets_objects:sample", rowsQuestion(query, { what: atom(what), pattern }), readRows, {
    countsBinaries: false
  })

/** The objects of a key, or those that match a pattern (with `_` and `$1` as in `ets:match_object/2`). */
export const selectFromTable = (
  node: ErlangNode,
  { wanted, ...query }: RowsQuery & { readonly wanted: { readonly key: Term } | { readonly match: Term } }
): Effect.Effect<TableRows | Refused | NoTable | UnknownTerms, CallError> =>
  askAgent(
    node,
    "beamscope_ets_objects:select",
    // In external format: the node decodes it without making atoms.
    rowsQuestion(
      query,
      "key" in wanted ? { key: new Binary(encode(wanted.key)) } : { match: new Binary(encode(wanted.match)) }
    ),
    (answer) => (isAtom(answer.atomKey("unknown"), "true") ? { _tag: "UnknownTerms" } : readRows(answer)),
    { countsBinaries: false }
  )
