import { Schema } from "effect"
import { copiedHeapWords } from "../../beam/CopiedHeap.ts"
import { longQueue, type PageQuery, type Scanned } from "../../beam/ProcessQuery.ts"
import type { ProcessKey, ProcessRow } from "../../beam/ProcessRow.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { notRead, type Undefinable } from "../Answer.ts"
import { whyLate } from "../Deadline.ts"
import { agree, amount, bytes, percent } from "../Quantity.ts"
import type { Terms } from "../Terms.ts"

/** What is told of a process among many. */
export const rowFields = {
  pid: Schema.String,
  name: Schema.optionalKey(Schema.String),
  label: Schema.optionalKey(Schema.String),
  application: Schema.optionalKey(Schema.String),
  initial_call: Schema.optionalKey(Schema.String),
  current_function: Schema.optionalKey(Schema.String),
  message_queue_length: Schema.optionalKey(Schema.Int),
  reductions: Schema.optionalKey(Schema.Int),
  memory_bytes: Schema.optionalKey(Schema.Int),
  heap_bytes: Schema.optionalKey(Schema.Int),
  status: Schema.optionalKey(Schema.String),
  beamscope: Schema.optionalKey(Schema.Boolean)
}
export const Row = Schema.Struct(rowFields)

/** A row as it is shown. `heap_bytes` and `status` only where they decide the order. */
export const showRow = (
  row: ProcessRow,
  terms: Terms,
  wordBytes: number,
  sort: PageQuery["sort"]
): Undefinable<typeof Row.Type> => ({
  pid: terms.print(row.pid),
  // The empty atom is a name, too.
  name: row.registeredName === undefined ? undefined : terms.atom(row.registeredName),
  label: showLabel(row.label, terms),
  application: row.application === undefined ? undefined : terms.atom(row.application),
  initial_call: row.initialCall && terms.mfa(row.initialCall),
  current_function: row.currentFunction && terms.mfa(row.currentFunction),
  message_queue_length: row.messageQueueLength,
  reductions: row.reductions,
  memory_bytes: row.memory,
  heap_bytes: sort === "total_heap_size" && row.totalHeapSize !== undefined ? row.totalHeapSize * wordBytes : undefined,
  status: sort === "status" ? row.status : undefined,
  beamscope: row.own ? true : undefined
})

const maxLabelCharacters = 100

/** A word stands where it was not read: there may be one, which no order or filter hangs on if it is not by label. */
export const showLabel = (label: ProcessRow["label"], terms: Terms): string | undefined => {
  if (label === undefined) return undefined
  return label === "unread" || label === "late" ? notRead : terms.print(label.term, maxLabelCharacters)
}

/** A process as a summary calls it. */
export const nameOf = ({ pid, registeredName }: ProcessRow, terms: Terms): string =>
  registeredName === undefined ? terms.print(pid) : terms.atom(registeredName)

/** What stands for the group, or the stack, of all processes that work for Beamscope but the one that asks. */
export const ownWork = "(at work for Beamscope)"

/**
 * Rows without those of what Beamscope itself runs on the node: what is asked at the same time may be the busiest of all,
 * and is gone a moment later. Its rows are marked; what is said first, and hinted at, is of others.
 */
export const othersOf = (rows: ReadonlyArray<ProcessRow>): ReadonlyArray<ProcessRow> => rows.filter(({ own }) => !own)

/** A value that processes are ranked by, as a summary says it. */
export const say = (value: number, key: ProcessKey, wordBytes: number): string => {
  switch (key) {
    case "memory":
      return bytes(value)
    case "total_heap_size":
      return `${bytes(value * wordBytes)} of heap`
    case "message_queue_len":
      return amount(value, "message")
    case "reductions":
      return amount(value, "reduction")
  }
}

export const spoken = {
  memory: "memory",
  reductions: "reductions",
  message_queue_len: "message queue",
  total_heap_size: "heap"
} as const

/** How many processes there are, where that is known. */
interface OfAll {
  readonly total?: number
}

/** How many processes were looked at, and which share of all. */
const seenOf = ({ seen, total = 0 }: Pick<Scanned, "seen"> & OfAll): string =>
  seen < total
    ? `${seen.toLocaleString("en-US")} of ${amount(total, "process", "processes")} (${percent(seen, total)} %)`
    : amount(seen, "process", "processes")

/** A summary that also says, in its sentence, what a scan did not come to and what it could not measure. */
export const withLimits = (summary: string, scanned: Scanned & OfAll): string => {
  const {
    incomplete,
    seen,
    unmeasured: { count }
  } = scanned
  const limits = [
    ...(incomplete.includes("deadline") && seen > 0
      ? [`only ${seenOf(scanned)} ${agree(seen, "was", "were")} looked at before time ran out`]
      : []),
    ...(count > 0
      ? [
          `${amount(count, "process with a long message queue was", "processes with long message queues were")} not measured`
        ]
      : [])
  ]
  return limits.length === 0 ? summary : `${[summary.replace(/\.$/u, ""), ...limits].join("; ")}.`
}

/** What a scan could not see, in words; nothing when it is complete. */
export const scanNotes = (
  scanned: Scanned & OfAll,
  rows: ReadonlyArray<ProcessRow>,
  terms: Terms,
  { capabilities }: ErlangNode
): ReadonlyArray<string> => [
  ...scanned.incomplete.map((why) => {
    switch (why) {
      case "deadline":
        return `Time ran out after ${seenOf(scanned)}; the others were not looked at. Allow more with timeout_ms. ${whyLate}`
      case "rows":
        return `Time ran out while the processes that are shown were asked the rest; some of what they answer themselves (current function, label, memory) is missing. Allow more with timeout_ms, or show fewer. ${whyLate}`
      case "long_queue": {
        const { count, longest } = scanned.unmeasured
        const named = longest
          .slice(0, 5)
          .map(({ messages, pid }) => `${terms.print(pid)} (${amount(messages, "message")})`)
        return `${amount(count, "process", "processes")} with more than ${longQueue} messages ${agree(count, "was", "were")} left out, since looking at ${agree(count, "its heap", "their heaps")} would walk the queue: ${named.join(", ")}. Sort by message_queue to see them.`
      }
      case "initial_call":
        return undecidedNote(scanned.undecided, terms)
      case "large_heap":
        return `${amount(scanned.large, "process was", "processes were")} left out, whatever the label: it is not read on heaps of more than ${copiedHeap(capabilities.wordBytes)}, nor where it is larger than a reply when copied (what is shared in it is copied for each reference).`
      case "late":
        return `Time ran out while processes were asked what they copy themselves, labels or callbacks: where it was not read, a filter that asks for it leaves them out, an order has them last, groups have them apart as not read. Allow more with timeout_ms. ${whyLate}`
      case "label":
        return "Labels cannot be searched on this release, so none was compared."
    }
  }),
  ...unreadCalls(
    capabilities,
    rows.filter(isUnread).map((row) => nameOf(row, terms))
  )
]

const undecidedNote = (undecided: Scanned["undecided"], terms: Terms): string => {
  const why = "Before OTP 26.2 a callback module is read with the whole process dictionary"
  if (undecided === undefined)
    return `${why}, by the agent alone: only current functions and initial calls were compared.`
  const { count, first } = undecided
  const names = first.slice(0, 5).map(({ name, pid }) => (name === undefined ? terms.print(pid) : terms.atom(name)))
  const more = count > names.length ? ` and ${count - names.length} more` : ""
  return `The callback of ${amount(count, "process", "processes")} could not be read: ${names.join(", ")}${more}. A filter that asks for it leaves ${agree(count, "it", "them")} out, an order has ${agree(count, "it", "them")} last, groups have ${agree(count, "it", "them")} apart. ${why}, and not where the queue is long, or the heap or the dictionary huge.`
}

/** Whether all that is known is what every process begins with that OTP's modules start. */
export const isUnread = ({ initialCall }: Pick<ProcessRow, "initialCall">): boolean =>
  initialCall?.module === "proc_lib" && initialCall.name === "init_p"

/** Why of processes of such names no callback is told, where it is not that they have none. */
export const unreadCalls = (
  { dictionaryKey }: Pick<ErlangNode["capabilities"], "dictionaryKey">,
  names: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (dictionaryKey || names.length === 0) return []
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ""
  return [
    `What these run is not known: ${names.slice(0, 5).join(", ")}${more}. Before OTP 26.2 that is read with the whole process dictionary: by the agent alone, and not where the queue is long, or the heap or the dictionary huge.`
  ]
}

const copiedHeap = (wordBytes: number): string => bytes(copiedHeapWords * wordBytes)

/** Why rows have no label but a word, where time was not all that they lacked. */
export const unreadLabels = (rows: ReadonlyArray<ProcessRow>, { capabilities }: ErlangNode): ReadonlyArray<string> =>
  rows.some(({ label }) => label === "unread")
    ? [
        `Labels are not read on heaps of more than ${copiedHeap(capabilities.wordBytes)}, behind more than ${longQueue} messages, or where they are larger than a reply when copied; get_process_info reads one (max_heap_mb).`
      ]
    : []
