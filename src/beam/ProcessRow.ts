import { Atom, isAtom, isTuple, listItems, Pid, type Term } from "../etf/Term.ts"
import type { Mfa } from "../syntax/Mfa.ts"

/** What processes can be ranked by: bytes of memory, reductions, messages, words of heap. */
export type ProcessKey = "memory" | "reductions" | "message_queue_len" | "total_heap_size"

/** One process among many. What is `undefined` is not known, or was not read. */
export interface ProcessRow {
  readonly pid: Pid
  readonly registeredName: string | undefined
  readonly currentFunction: Mfa | undefined
  /** The callback of an OTP process where it can be seen, else the function that it was spawned with. */
  readonly initialCall: Mfa | undefined
  /** Cut where it is large. `unread`: the queue is long, or the heap large that it lies on. `late`: there was no time. */
  readonly label: { readonly term: Term } | "unread" | "late" | undefined
  readonly application: string | undefined
  /** Whether it works for us. */
  readonly own: boolean
  readonly status: string | undefined
  readonly messageQueueLength: number | undefined
  readonly reductions: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
  /** Words. */
  readonly totalHeapSize: number | undefined
}

/** The items that a row is made of, by the names that the agent and `process_info/2` have for them. */
export const rowItems = [
  "registered_name",
  "current_function",
  "initial_call",
  "label",
  "application",
  "own",
  "status",
  "message_queue_len",
  "reductions",
  "memory",
  "total_heap_size"
] as const
export type RowItem = (typeof rowItems)[number]

/** `{M, F, A}`. */
export const readMfa = (term: Term | undefined): Mfa | undefined =>
  isTuple(term) && term[0] instanceof Atom && term[1] instanceof Atom && typeof term[2] === "number"
    ? { module: term[0].text, name: term[1].text, arity: term[2] }
    : undefined

/** A non-negative integer; one beyond 2^53 loses its last digits. */
export const readCount = (term: Term | undefined): number | undefined =>
  typeof term === "number" || typeof term === "bigint" ? Number(term) : undefined

const readName = (term: Term | undefined): string | undefined =>
  term instanceof Atom && term.text !== "undefined" ? term.text : undefined

/** A label as the agent gives it. */
export const readLabel = (term: Term | undefined): ProcessRow["label"] => {
  if (isTuple(term, "term") && term[1] !== undefined) return { term: term[1] }
  if (isAtom(term, "late")) return "late"
  return isAtom(term, "unread") ? "unread" : undefined
}

/** A row from the values of its items, each of them `undefined` (or that atom) where it is not known. */
export const readRow = (pid: Pid, value: (item: RowItem) => Term | undefined): ProcessRow => ({
  pid,
  registeredName: readName(value("registered_name")),
  currentFunction: readMfa(value("current_function")),
  initialCall: readMfa(value("initial_call")),
  label: readLabel(value("label")),
  application: readName(value("application")),
  own: isAtom(value("own"), "true"),
  status: readName(value("status")),
  messageQueueLength: readCount(value("message_queue_len")),
  reductions: readCount(value("reductions")),
  memory: readCount(value("memory")),
  totalHeapSize: readCount(value("total_heap_size"))
})

/** The value in a row that it was ranked by. */
export const rankOf = (row: ProcessRow, key: ProcessKey): number | undefined => {
  switch (key) {
    case "memory":
      return row.memory
    case "reductions":
      return row.reductions
    case "message_queue_len":
      return row.messageQueueLength
    case "total_heap_size":
      return row.totalHeapSize
  }
}

/** The pids in a list. */
export const readPids = (term: Term): ReadonlyArray<Pid> | undefined => {
  const items = listItems(term)
  return items?.every((item) => item instanceof Pid) === true ? items : undefined
}
