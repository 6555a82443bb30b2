import { Effect } from "effect"
import { atom, ExternalFun, isAtom, list, listItems, Pid, type Term } from "../etf/Term.ts"
import type { CallOptions } from "../node/Call.ts"
import { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { steadyMillis } from "../node/Moment.ts"
import { moduleOf } from "./Callback.ts"
import { copiedHeapWords } from "./CopiedHeap.ts"
import { atomText, callbackItem, type Facts, readFacts } from "./ProcessFacts.ts"
import {
  type GrowthQuery,
  isProcessName,
  longQueue,
  type PageQuery,
  type ProcessFilter,
  type ProcessGrowth,
  type ProcessPage,
  type ScanLimits,
  type Scanned
} from "./ProcessQuery.ts"
import { type ProcessKey, type ProcessRow, type RowItem, readCount, readMfa, readPids, readRow } from "./ProcessRow.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { readReply } from "./Reply.ts"

/**
 * Scans of all processes with plain calls alone, for nodes where the agent may not run: a list of the pids, then
 * `process_info/2` for a thousand of them in each call.
 */

/** Processes asked in one call. */
const batchSize = 1_000

/** Of the time for the scan, what the rows of an answer may take besides. */
const shareOfRows = 1 / 6

/** Milliseconds for the labels of processes that are asked one by one. */
const singlyMillis = 1_000

/** Calls in flight at a time. */
const concurrency = 2

interface Candidate {
  readonly pid: Pid
  readonly value: number
}

const processInfo = new ExternalFun(atom("erlang"), atom("process_info"), 2)

/** The same items of many processes, in one worker; `undefined` for one that has ended. */
const ask = (
  node: ErlangNode,
  pids: ReadonlyArray<Pid>,
  items: ReadonlyArray<Term>,
  options?: CallOptions
): Effect.Effect<ReadonlyArray<Facts | undefined>, CallError> => {
  if (pids.length === 0) return Effect.succeed([])
  const question = list(items)
  return Effect.flatMap(
    node.call("lists", "zipwith", [processInfo, list(pids), list(pids.map(() => question))], options),
    readReply(node, "erlang:process_info/2", (reply) => {
      const answers = listItems(reply)
      return answers?.length === pids.length ? answers.map(readFacts) : undefined
    })
  )
}

const allPids = (node: ErlangNode): Effect.Effect<ReadonlyArray<Pid>, CallError> =>
  Effect.flatMap(node.call("erlang", "processes", []), readReply(node, "erlang:processes/0", readPids))

/** Items that cost the process nothing, whatever its queue. */
const filterItems = (filter: ProcessFilter, callbacks: ReadonlyArray<Term>): ReadonlyArray<Term> => [
  ...(filter.name === undefined ? [] : [atom("registered_name")]),
  ...(filter.module === undefined && filter.initialCall === undefined
    ? []
    : [atom("current_function"), atom("initial_call"), ...callbacks]),
  ...(filter.status === undefined ? [] : [atom("status")])
]

/** The modules that a process can be found by. */
const modulesOf = (facts: Facts): ReadonlyArray<string> =>
  ["current_function", "initial_call", "$initial_call"].flatMap((item) => {
    const call = readMfa(facts.get(item))
    if (call === undefined) return []
    return item === "$initial_call" ? [call.module, moduleOf(call)] : [call.module]
  })

const isCalled = (wanted: Mfa, facts: Facts): boolean =>
  ["initial_call", "$initial_call"].some((item) => {
    const call = readMfa(facts.get(item))
    return call?.module === wanted.module && call.name === wanted.name && call.arity === wanted.arity
  })

const passes = (filter: ProcessFilter, facts: Facts): boolean =>
  (filter.name === undefined ||
    atomText(facts.get("registered_name")).toLowerCase().includes(filter.name.toLowerCase())) &&
  (filter.module === undefined || modulesOf(facts).includes(filter.module)) &&
  (filter.initialCall === undefined || isCalled(filter.initialCall, facts)) &&
  (filter.status === undefined || isAtom(facts.get("status"), filter.status)) &&
  (readCount(facts.get("message_queue_len")) ?? 0) >= (filter.minMessageQueueLength ?? 0) &&
  (readCount(facts.get("reductions")) ?? 0) >= (filter.minReductions ?? 0)

interface Measured extends Omit<Scanned, "matched"> {
  readonly candidates: ReadonlyArray<Candidate>
}

/** The processes that pass the filter, with the value that they are ranked by. */
const measure = Effect.fnUntraced(function* (
  node: ErlangNode,
  pids: ReadonlyArray<Pid>,
  { deadlineMillis, filter, sort }: ScanLimits & { readonly sort: ProcessKey | "pid" }
) {
  if (filter.label !== undefined || filter.application !== undefined || filter.behaviours !== undefined) {
    return yield* new CallError({
      node: node.name,
      target: "erlang:process_info/2",
      reason: {
        _tag: "Unsupported",
        detail: "labels, applications and behaviours can be searched only where the agent may run"
      }
    })
  }
  const until = (yield* steadyMillis) + deadlineMillis
  const walking = [
    ...(sort === "memory" || sort === "total_heap_size" ? [atom(sort)] : []),
    ...(filter.minMemory === undefined || sort === "memory" ? [] : [atom("memory")])
  ]
  const callbacks = node.capabilities.dictionaryKey ? [callbackItem] : []
  const cheap = [atom("message_queue_len"), atom("reductions"), ...filterItems(filter, callbacks)]
  const candidates: Array<Candidate> = []
  const long: Array<{ readonly pid: Pid; readonly messages: number }> = []
  let seen = 0
  let gone = 0
  const batches = Array.from({ length: Math.ceil(pids.length / batchSize) }, (_, at) =>
    pids.slice(at * batchSize, (at + 1) * batchSize)
  )
  yield* Effect.forEach(
    batches,
    Effect.fnUntraced(function* (batch) {
      if ((yield* steadyMillis) >= until) return
      seen += batch.length
      const left: Array<readonly [Pid, Facts]> = []
      for (const [at, facts] of (yield* ask(node, batch, cheap)).entries()) {
        if (facts === undefined) gone++
        else if (passes(filter, facts)) {
          const messages = readCount(facts.get("message_queue_len")) ?? 0
          if (walking.length > 0 && messages > longQueue) long.push({ pid: batch[at]!, messages })
          else left.push([batch[at]!, facts])
        }
      }
      const more = yield* ask(node, walking.length === 0 ? [] : left.map(([pid]) => pid), walking)
      for (const [at, [pid, facts]] of left.entries()) {
        const walked = walking.length === 0 ? facts : more[at]
        if (walked === undefined) gone++
        else if ((readCount(walked.get("memory")) ?? 0) >= (filter.minMemory ?? 0)) {
          candidates.push({ pid, value: sort === "pid" ? 0 : (readCount(walked.get(sort) ?? facts.get(sort)) ?? 0) })
        }
      }
    }),
    { concurrency }
  )
  const measured: Measured = {
    candidates,
    seen,
    gone,
    undecided: undefined,
    large: 0,
    unmeasured: { count: long.length, longest: long.toSorted((a, b) => b.messages - a.messages).slice(0, 10) },
    incomplete: [
      ...(seen < pids.length ? (["deadline"] as const) : []),
      ...(long.length > 0 ? (["long_queue"] as const) : []),
      ...((filter.module ?? filter.initialCall) === undefined || callbacks.length > 0
        ? []
        : (["initial_call"] as const))
    ]
  }
  return measured
})

/** Whether a candidate comes before another one in a page: greater values first, then greater pids. */
const order = (a: Candidate, b: Candidate): number =>
  b.value - a.value || b.pid.serial - a.pid.serial || b.pid.id - a.pid.id

const late = (pids: ReadonlyArray<Pid>) => pids.map((pid) => [pid, atom("late")] as const)

/**
 * The labels of processes in the form that the agent gives them, `late` for each that there was no time for until then, but
 * for those that are too large when copied.
 */
const readLabels = Effect.fnUntraced(function* (
  node: ErlangNode,
  pids: ReadonlyArray<Pid>,
  until: number
): Effect.fn.Return<ReadonlyArray<readonly [Pid, Term | undefined]>, CallError> {
  /** Nothing where one of them is too large. */
  const read = Effect.fnUntraced(function* (some: ReadonlyArray<Pid>, before: number) {
    const timeoutMillis = before - (yield* steadyMillis)
    if (timeoutMillis <= 0) return late(some)
    return yield* ask(node, some, [atom("label")], { timeoutMillis }).pipe(
      Effect.map((facts) => some.map((pid, at) => [pid, labelOf(facts[at]?.get("label"))] as const)),
      Effect.catchReasons("CallError", {
        HeapLimit: () => Effect.undefined,
        ReplyTooLarge: () => Effect.undefined,
        DeadlineExceeded: () => Effect.succeed(late(some))
      })
    )
  })
  const all = yield* read(pids, until)
  if (all !== undefined) return all
  const soon = Math.min(until, (yield* steadyMillis) + singlyMillis)
  return (yield* Effect.forEach(pids, (pid) => read([pid], soon))).flatMap((label) => label ?? [])
})

/** What a page shows of the processes on it. */
const rowsOf = Effect.fnUntraced(function* (
  node: ErlangNode,
  top: ReadonlyArray<Candidate>,
  { deadlineMillis, sort }: { readonly deadlineMillis: number; readonly sort: ProcessKey | "pid" }
): Effect.fn.Return<ReadonlyArray<ProcessRow | undefined>, CallError> {
  const until = (yield* steadyMillis) + deadlineMillis * shareOfRows
  const { dictionaryKey, processInfoItems } = node.capabilities
  const cheap = ["registered_name", "current_function", "initial_call", "message_queue_len", "reductions"].map(atom)
  const facts = yield* ask(
    node,
    top.map(({ pid }) => pid),
    dictionaryKey ? [...cheap, callbackItem] : cheap
  )
  const short = top.flatMap(({ pid }, at) =>
    (readCount(facts[at]?.get("message_queue_len")) ?? Infinity) <= longQueue ? [pid] : []
  )
  const walked = yield* ask(node, short, [atom("memory"), atom("total_heap_size")])
  const memories = new Map(short.map((pid, at) => [pid, walked[at]?.get("memory")]))
  const small = short.filter((_, at) => (readCount(walked[at]?.get("total_heap_size")) ?? Infinity) <= copiedHeapWords)
  const labels = new Map(processInfoItems.has("label") ? yield* readLabels(node, small, until) : [])
  const unread = processInfoItems.has("label") ? atom("unread") : undefined
  return top.map(({ pid, value }, at) => {
    const read = facts[at]
    return (
      read &&
      readRow(pid, (item) => {
        if (item === sort) return value
        if (item === "memory") return memories.get(pid)
        if (item === "label") return labels.has(pid) ? labels.get(pid) : unread
        return factOf(read, item)
      })
    )
  })
})

/** `rows` where a row lacks what there was no time for. */
const lateRows = (rows: ReadonlyArray<ProcessRow | undefined>): ReadonlyArray<"rows"> =>
  rows.some((row) => row?.label === "late") ? ["rows"] : []

/** An item in the form that the agent gives it. */
const factOf = (facts: Facts, item: RowItem): Term | undefined => {
  if (item === "initial_call") return readMfa(facts.get("$initial_call")) ? facts.get("$initial_call") : facts.get(item)
  return facts.get(item)
}

/** A label in the form that the agent gives it. */
const labelOf = (label: Term | undefined): Term | undefined =>
  label === undefined || isAtom(label, "undefined") ? undefined : [atom("term"), label]

/** See `processPage`. */
export const scanPage = Effect.fnUntraced(function* (
  node: ErlangNode,
  query: PageQuery
): Effect.fn.Return<ProcessPage, CallError> {
  const { after, limit, sort } = query
  if (isProcessName(sort) || (after !== undefined && !("pid" in after))) {
    return yield* new CallError({
      node: node.name,
      target: "erlang:process_info/2",
      reason: { _tag: "Unsupported", detail: "processes can be sorted by names only where the agent may run" }
    })
  }
  const pids = yield* allPids(node)
  const { candidates, ...told } = yield* measure(node, query.filter.pids ?? pids, { ...query, sort })
  const last = after === undefined ? undefined : { pid: after.pid, value: after.value ?? 0 }
  const behind = candidates.filter((it) => last === undefined || order(last, it) < 0).toSorted(order)
  const page = behind.slice(0, limit)
  const rows = yield* rowsOf(node, page, { ...query, sort })
  const end = behind.length > limit ? page.at(-1) : undefined
  const shown = rows.filter((row) => row !== undefined)
  return {
    ...told,
    incomplete: [...told.incomplete, ...lateRows(rows)],
    gone: told.gone + rows.length - shown.length,
    total: query.filter.pids === undefined ? pids.length - told.gone : pids.length,
    matched: candidates.length,
    rows: shown,
    ...(end !== undefined && { next: sort === "pid" ? { pid: end.pid } : end })
  }
})

/** See `processGrowth`. */
export const scanGrowth = Effect.fnUntraced(function* (
  node: ErlangNode,
  query: GrowthQuery
): Effect.fn.Return<ProcessGrowth, CallError> {
  const { deadlineMillis, limit, windowMillis } = query
  const half = { ...query, deadlineMillis: deadlineMillis / 2 }
  const start = yield* steadyMillis
  const old = yield* allPids(node)
  const before = yield* measure(node, old, half)
  yield* Effect.sleep(Math.max(0, windowMillis - ((yield* steadyMillis) - start)))
  const now = yield* allPids(node)
  const after = yield* measure(node, now, half)
  const millis = Math.max(1, (yield* steadyMillis) - start)
  const seconds = millis / 1000
  const known = new Set(old.map(keyOf))
  const values = new Map(before.candidates.map(({ pid, value }) => [keyOf(pid), value]))
  const compared = after.candidates.filter(({ pid }) => values.has(keyOf(pid))).length
  const grown = after.candidates.flatMap(({ pid, value }) => {
    const key = keyOf(pid)
    const born = !known.has(key)
    const from = born ? 0 : values.get(key)
    return from !== undefined && value > from ? [{ pid, value: value - from, now: value, born }] : []
  })
  const top = grown.toSorted(order).slice(0, limit)
  const rows = yield* rowsOf(
    node,
    top.map(({ now: value, pid }) => ({ pid, value })),
    query
  )
  const living = new Set(now.map(keyOf))
  return {
    seen: after.seen,
    matched: grown.length,
    compared,
    ...(compared > 0 && { measuredMillis: { least: millis, most: millis } }),
    born: now.filter((pid) => !known.has(keyOf(pid))).length,
    gone: old.filter((pid) => !living.has(keyOf(pid))).length,
    unmeasured: after.unmeasured,
    large: after.large,
    undecided: after.undecided,
    incomplete: [...new Set([...before.incomplete, ...after.incomplete]), ...lateRows(rows)],
    rows: top.flatMap(({ born, now: value, value: growth }, at) => {
      const row = rows[at]
      return row === undefined ? [] : [{ row, value, growth, perSecond: growth / seconds, born }]
    })
  }
})

const keyOf = ({ id, serial }: Pid): string => `${id}.${serial}`
