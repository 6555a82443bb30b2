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
  MapTerm,
  Pid,
  type Term
} from "../etf/Term.ts"
import type { AgentFunction } from "../node/Agent.ts"
import { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { withoutAgent } from "../node/WithoutAgent.ts"
import {
  type Growth,
  type GroupsQuery,
  type GrowthQuery,
  type Incomplete,
  isProcessName,
  longQueue,
  type PageQuery,
  type ProcessFilter,
  type ProcessGroup,
  type ProcessGroups,
  type ProcessGrowth,
  type ProcessPage,
  type ScanLimits,
  type Scanned
} from "./ProcessQuery.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { type ProcessRow, readCount, readLabel, readRow, rowItems } from "./ProcessRow.ts"
import { scanGrowth, scanPage } from "./ProcessScan.ts"
import { nameOf } from "./Reading.ts"
import { readPacked } from "./Reply.ts"

/** Milliseconds for which the scan rests after every thousand processes. */
const pauseMillis = 1

/**
 * A page of the node's processes. The agent picks the rows where the processes are; without the agent all values that
 * decide travel here, in bounded batches.
 */
export const processPage = (node: ErlangNode, query: PageQuery): Effect.Effect<ProcessPage, CallError> =>
  ask(node, "beamscope_processes:page", pageSpec(query)).pipe(
    Effect.flatMap(readPacked(node, "beamscope_processes:page/1", readPage(query.sort))),
    withoutAgent(() => scanPage(node, query))
  )

/** The processes that grew most in a window of time, which the call waits for. */
export const processGrowth = (node: ErlangNode, query: GrowthQuery): Effect.Effect<ProcessGrowth, CallError> =>
  ask(node, "beamscope_process_growth:top", growthSpec(query)).pipe(
    Effect.flatMap(readPacked(node, "beamscope_process_growth:top/1", readGrowth)),
    withoutAgent(() => scanGrowth(node, query))
  )

/** Groups of processes, the greatest first. Only where the agent may run. */
export const processGroups = (node: ErlangNode, query: GroupsQuery): Effect.Effect<ProcessGroups, CallError> =>
  ask(node, "beamscope_process_groups:top", groupsSpec(query)).pipe(
    Effect.flatMap(readPacked(node, "beamscope_process_groups:top/1", readGroups(query.order)))
  )

/** Where a filter names a module or an application that is no atom on the node, the agent raises that name. */
const ask = (node: ErlangNode, func: AgentFunction, spec: Term): Effect.Effect<Term, CallError> =>
  node.runAgent(func, spec).pipe(
    Effect.catchReason("CallError", "Raised", ({ reason }, error) => {
      const name = isTuple(reason, "unknown_atom") ? reason[1] : undefined
      if (!(name instanceof Binary)) return Effect.fail(error)
      return Effect.fail(
        new CallError({ node: node.name, target: error.target, reason: { _tag: "UnknownAtom", text: name.text() } })
      )
    })
  )

type Pairs = ReadonlyArray<readonly [Term, Term]>

const pair = (key: string, value: Term | undefined): Pairs => (value === undefined ? [] : [[atom(key), value]])

const mfaTerm = ({ arity, module, name }: Mfa): Term => [binary(module), binary(name), arity]

const filterPairs = (filter: ProcessFilter): Pairs => [
  ...pair("name", filter.name === undefined ? undefined : binary(filter.name)),
  // As binaries: the agent looks them up among the atoms that exist.
  ...pair("module", filter.module === undefined ? undefined : binary(filter.module)),
  ...pair("behaviours", filter.behaviours && list(filter.behaviours.map((name) => binary(name)))),
  ...pair("initial_call", filter.initialCall && mfaTerm(filter.initialCall)),
  ...pair("pids", filter.pids && list(filter.pids)),
  ...pair("application", filter.application === undefined ? undefined : binary(filter.application)),
  ...pair("status", filter.status === undefined ? undefined : atom(filter.status)),
  ...pair("label", filter.label === undefined ? undefined : binary(filter.label.pattern)),
  ...pair("min_memory", filter.minMemory),
  ...pair("min_message_queue_len", filter.minMessageQueueLength),
  ...pair("min_reductions", filter.minReductions)
]

const limitPairs = ({ deadlineMillis, filter, limit }: ScanLimits): Pairs => [
  [atom("limit"), limit],
  [atom("long_queue"), longQueue],
  [atom("deadline_ms"), Math.floor(deadlineMillis)],
  [atom("pause_ms"), pauseMillis],
  ...filterPairs(filter)
]

const items: Pairs = [[atom("items"), list(rowItems.map(atom))]]

const pageSpec = (query: PageQuery): Term => {
  const { after, sort } = query
  return map([
    [atom("sort"), atom(sort)],
    ...pair("order", isProcessName(sort) ? atom("ascending") : undefined),
    ...pair("after", after && ("pid" in after ? [after.value ?? after.pid, after.pid] : new Binary(after))),
    ...items,
    ...limitPairs(query)
  ])
}

const growthSpec = (query: GrowthQuery): Term =>
  map([[atom("sort"), atom(query.sort)], [atom("window_ms"), query.windowMillis], ...items, ...limitPairs(query)])

const groupsSpec = (query: GroupsQuery): Term =>
  map([
    [atom("by"), atom(query.by)],
    [atom("order"), atom(query.order)],
    ...pair("after", query.after && new Binary(query.after)),
    ...limitPairs(query)
  ])

const reasons: ReadonlySet<string> = new Set<Incomplete>([
  "deadline",
  "rows",
  "long_queue",
  "large_heap",
  "late",
  "initial_call",
  "label"
])

const isIncomplete = (text: string): text is Incomplete => reasons.has(text)

const readScanned = (
  reply: Term,
  what: "rows" | "groups" = "rows"
): (Scanned & { readonly reply: MapTerm; readonly rows: ReadonlyArray<Term> }) | undefined => {
  if (!(reply instanceof MapTerm)) return undefined
  const rows = listItems(reply.atomKey(what))
  const seen = readCount(reply.atomKey("seen"))
  const matched = readCount(reply.atomKey("matched"))
  const gone = readCount(reply.atomKey("gone"))
  const unmeasured = reply.atomKey("unmeasured")
  const incomplete = listItems(reply.atomKey("incomplete"))
  if (rows === undefined || seen === undefined || matched === undefined || gone === undefined) return undefined
  if (!isTuple(unmeasured) || incomplete === undefined) return undefined
  const longest = (listItems(unmeasured[1]) ?? []).flatMap((item) =>
    isTuple(item) && typeof item[0] === "number" && item[1] instanceof Pid ? [{ messages: item[0], pid: item[1] }] : []
  )
  return {
    reply,
    rows,
    seen,
    matched,
    gone,
    unmeasured: { count: readCount(unmeasured[0]) ?? 0, longest },
    large: readCount(reply.atomKey("large")) ?? 0,
    undecided: readUndecided(reply.atomKey("undecided")),
    incomplete: incomplete.flatMap((why) => (why instanceof Atom && isIncomplete(why.text) ? [why.text] : []))
  }
}

const readUndecided = (term: Term | undefined): Scanned["undecided"] => {
  const [count, first] = isTuple(term) ? term : []
  return {
    count: readCount(count) ?? 0,
    first: (listItems(first) ?? []).flatMap((item) => {
      const [pid, name] = isTuple(item) ? item : []
      return pid instanceof Pid ? [{ pid, name: nameOf(name) }] : []
    })
  }
}

/** The part of a row tuple that the items stand in begins at `from`. */
const readItems = (tuple: Term, from: number): ProcessRow | undefined => {
  if (!isTuple(tuple) || tuple.length !== from + rowItems.length || !(tuple[0] instanceof Pid)) return undefined
  return readRow(tuple[0], (item) => tuple[from + rowItems.indexOf(item)])
}

const readPage =
  (sort: PageQuery["sort"]) =>
  (term: Term): ProcessPage | undefined => {
    const scanned = readScanned(term)
    if (scanned === undefined) return undefined
    const { reply, rows, ...told } = scanned
    const read = rows.map((row) => readItems(row, 1))
    const total = readCount(reply.atomKey("total"))
    if (!read.every((row) => row !== undefined) || total === undefined) return undefined
    const next = reply.atomKey("next")
    if (isProcessName(sort)) {
      const places = (listItems(reply.atomKey("places")) ?? []).map((place) => encode(place))
      if (places.length !== read.length) return undefined
      return { ...told, total, rows: read, places, ...(isTuple(next) && { next: encode(next) }) }
    }
    if (!isTuple(next) || !(next[1] instanceof Pid)) return { ...told, total, rows: read }
    const value = readCount(next[0])
    return { ...told, total, rows: read, next: { pid: next[1], ...(value !== undefined && { value }) } }
  }

const readGrowth = (term: Term): ProcessGrowth | undefined => {
  const scanned = readScanned(term)
  if (scanned === undefined) return undefined
  const { reply, rows, ...told } = scanned
  const read = rows.map((tuple): Growth | undefined => {
    const row = readItems(tuple, 5)
    if (row === undefined || !isTuple(tuple)) return undefined
    const [, value, growth, perSecond, born] = tuple
    const rate = typeof perSecond === "object" && "value" in perSecond ? perSecond.value : perSecond
    if (readCount(value) === undefined || readCount(growth) === undefined || typeof rate !== "number") return undefined
    return { row, value: Number(value), growth: Number(growth), perSecond: rate, born: isAtom(born, "true") }
  })
  const born = readCount(reply.atomKey("born"))
  const compared = readCount(reply.atomKey("compared"))
  const windows = reply.atomKey("windows")
  if (!read.every((row) => row !== undefined) || born === undefined || compared === undefined) return undefined
  const [least, most] = isTuple(windows) ? windows.map(readCount) : []
  if (least === undefined || most === undefined) return { ...told, rows: read, born, compared }
  return { ...told, rows: read, born, compared, measuredMillis: { least: least / 1000, most: most / 1000 } }
}

const readKey = (term: Term | undefined): ProcessGroup["key"] | undefined => {
  if (isAtom(term, "none")) return "none"
  if (isAtom(term, "other")) return "other"
  if (isAtom(term, "own")) return "own"
  const label = readLabel(term)
  return label === "late" ? "unread" : label
}

const readGroup =
  (order: GroupsQuery["order"]) =>
  (tuple: Term): ProcessGroup | undefined => {
    if (!isTuple(tuple)) return undefined
    const key = readKey(tuple[0])
    const sums = tuple.slice(1).map(readCount)
    if (key === undefined || sums.length !== 5 || !sums.every((sum) => sum !== undefined)) return undefined
    const [count, messages, reductions, memory, unmeasured] = sums as [number, number, number, number, number]
    const ranked = { count, message_queue_len: messages, reductions, memory }[order]
    return { key, count, messages, reductions, memory, unmeasured, place: encode([ranked, tuple[0]!]) }
  }

const readGroups =
  (order: GroupsQuery["order"]) =>
  (term: Term): ProcessGroups | undefined => {
    const scanned = readScanned(term, "groups")
    if (scanned === undefined) return undefined
    const { reply, rows, ...told } = scanned
    const groups = rows.map(readGroup(order))
    const groupCount = readCount(reply.atomKey("group_count"))
    const total = readCount(reply.atomKey("total"))
    const next = reply.atomKey("next")
    if (!groups.every((group) => group !== undefined) || groupCount === undefined || total === undefined) {
      return undefined
    }
    return { ...told, groups, groupCount, total, ...(isTuple(next) && { next: encode(next) }) }
  }
