import { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, list, listItems, map, MapTerm, type Pid, type Term } from "../etf/Term.ts"
import { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { atomText } from "./ProcessFacts.ts"
import { readCount } from "./ProcessRow.ts"

/** What a message looks like: an atom as it is, a tuple of such, or of which type it is. */
export type MessageShape =
  | { readonly _tag: "Atom"; readonly name: string }
  | { readonly _tag: "Tuple"; readonly elements: ReadonlyArray<MessageShape> }
  /** Too deep or too large to tell its elements. */
  | { readonly _tag: "Sized"; readonly arity: number }
  | { readonly _tag: "Struct"; readonly name: string }
  /** `pid`, `binary`, `empty_list`, … */
  | { readonly _tag: "Type"; readonly type: string }

export interface QueuedMessage {
  /** `...` stands where something was cut on the node. */
  readonly term: Term
  /** In external format, before it was cut. */
  readonly bytes: number
  readonly isCut: boolean
  /** In the queue, from 1 on. */
  readonly place: number
  /**
   * By what it can be known again, together with those in front of it on the page, {@link maxMarked} in all: see
   * {@link ReadMessages.mark}.
   */
  readonly mark: number
}

/** The message queue of a process. */
export interface MessageQueue {
  readonly registeredName: string | undefined
  readonly status: string
  /** Messages in it. */
  readonly count: number
  /** What was read; or why nothing was. */
  readonly read: ReadMessages | RefusedMessages
}

export interface ReadMessages {
  readonly _tag: "Read"
  /** Whether it has messages and shows none, as a sensitive process does: the rest says nothing of them. */
  readonly isHidden: boolean
  /** Those behind `skipped`, in the order that was asked for. */
  readonly messages: ReadonlyArray<QueuedMessage>
  /** Messages in front of these that were passed by. */
  readonly skipped: number
  /** Messages of all pages: all that wait, or those of `seen` that are filtered or sorted. */
  readonly matched: number
  /** By what the last of those that were passed by can be known again; `undefined` where the queue is not that long. */
  readonly mark: number | undefined
  /** Messages that were looked at: the first ten thousand, or fewer where time ran out. */
  readonly seen: number
  /** The most frequent first, of which up to 200 kB are told. */
  readonly shapes: ReadonlyArray<CountedShape>
  /** How many shapes there are, with those that are not told. */
  readonly shapeCount: number
}

export interface CountedShape {
  readonly shape: MessageShape
  readonly count: number
  /** The place in the queue of the first message of the shape, from 1 on. */
  readonly first: number
  /** The shape as the node knows it again: see {@link MessagesQuery.shaped}. */
  readonly known: Term
}

export interface RefusedMessages {
  readonly _tag: "Refused"
  /** `bytes`: of memory, any part of which its messages may take. */
  readonly for: "messages" | "bytes"
  readonly value: number
  readonly limit: number
}

/**
 * Up to how many messages and bytes a queue is read. There is no way to read a part of one: the process makes a copy of
 * all of it, and does nothing else meanwhile (a million messages: 0.3 to 0.9 s, and 300 MB).
 */
export interface QueueBounds {
  readonly messages: number
  readonly bytes: number
  /** Words of heap that the asking process gets. */
  readonly heapWords: number
}

export const usualQueue: QueueBounds = { messages: 1_000, bytes: 16 * 1024 * 1024, heapWords: 8 * 1024 * 1024 }

/** For who insists. */
export const largeQueue: QueueBounds = { messages: 100_000, bytes: 256 * 1024 * 1024, heapWords: 64 * 1024 * 1024 }

/** Bytes of external format that messages travel with, all together, and one of them. */
const allBytes = 60_000
const messageBytes = 4_000

/** Messages at most that a mark is of. */
export const maxMarked = 10

/** OTP 24.0 crashes as a whole, now and then, where somebody reads the messages of a process. */
const crashes = /^12\.0(?:\.|$)/u

/** `arrival`: those that wait longest first. `size`: the largest first, in external format. */
export type MessageOrder = "arrival" | "size"

/** Which messages of a queue are meant, and what reading them may cost. */
export interface MessagesQuery {
  readonly sort: MessageOrder
  /** The shapes of those that are meant, as an answer before has told them; all messages without. */
  readonly shaped: ReadonlyArray<Term> | undefined
  readonly limit: number
  /** Messages to pass by. */
  readonly skip: number
  /** How many of these the mark is of: as many as that of the page before. */
  readonly marked: number
  readonly shapes: number
  readonly bounds: QueueBounds
  readonly deadlineMillis: number
}

/** The message queue of a process; `undefined` when there is no such process (any more). */
export const messageQueue = (
  node: ErlangNode,
  pid: Pid,
  { bounds, deadlineMillis, limit, marked, shaped, shapes, skip, sort }: MessagesQuery
): Effect.Effect<MessageQueue | undefined, CallError> => {
  if (crashes.test(node.capabilities.ertsVersion)) {
    return Effect.fail(
      new CallError({
        node: node.name,
        target: "erlang:process_info/2",
        reason: { _tag: "Unsupported", detail: "to read messages can crash OTP 24.0; later releases are safe" }
      })
    )
  }
  const question = map([
    [atom("pid"), pid],
    [atom("sort"), atom(sort)],
    ...(shaped === undefined ? [] : [[atom("shaped"), list(shaped)] as const]),
    [atom("limit"), limit],
    [atom("skip"), skip],
    [atom("marked"), marked],
    [atom("shapes"), shapes],
    [atom("max_messages"), bounds.messages],
    [atom("max_bytes"), bounds.bytes],
    [atom("message_bytes"), Math.min(messageBytes, Math.ceil(allBytes / Math.max(1, limit)))],
    [atom("deadline_ms"), Math.floor(deadlineMillis)]
  ])
  const options = { maxHeapWords: bounds.heapWords, countsBinaries: false }
  return askAgent(
    node,
    "beamscope_message_queue:messages",
    question,
    (answer) => readQueue(answer, bounds, skip),
    options
  ).pipe(Effect.map(({ queue }) => queue))
}

const readQueue = (
  answer: MapTerm,
  bounds: QueueBounds,
  skipped: number
): { readonly queue: MessageQueue | undefined } | undefined => {
  if (answer.atomKey("gone") !== undefined) return { queue: undefined }
  const count = readCount(answer.atomKey("count"))
  const read = readRead(answer, bounds, skipped)
  if (count === undefined || read === undefined) return undefined
  const name = answer.atomKey("name")
  return {
    queue: {
      registeredName: name instanceof Atom ? name.text : undefined,
      status: atomText(answer.atomKey("status")),
      count,
      read
    }
  }
}

const readRead = (answer: MapTerm, bounds: QueueBounds, skipped: number): MessageQueue["read"] | undefined => {
  const refused = atomText(answer.atomKey("refused"))
  if (refused === "messages" || refused === "bytes") {
    const value = readCount(answer.atomKey(refused === "messages" ? "count" : "bytes"))
    return value === undefined ? undefined : { _tag: "Refused", for: refused, value, limit: bounds[refused] }
  }
  const rows = listItems(answer.atomKey("rows"))
  const marks = listItems(answer.atomKey("marks"))
  const places = listItems(answer.atomKey("places"))
  const matched = readCount(answer.atomKey("matched"))
  const shapes = listItems(answer.atomKey("shapes"))
  const seen = readCount(answer.atomKey("seen"))
  const shapeCount = readCount(answer.atomKey("shape_count"))
  if (
    rows === undefined ||
    marks === undefined ||
    places === undefined ||
    matched === undefined ||
    shapes === undefined ||
    seen === undefined ||
    shapeCount === undefined
  )
    return undefined
  return {
    _tag: "Read",
    isHidden: isAtom(answer.atomKey("hidden"), "true"),
    messages: rows.flatMap((row, at) =>
      isTuple(row)
        ? [
            {
              term: row[0]!,
              bytes: readCount(row[1]) ?? 0,
              isCut: isAtom(row[2], "true"),
              place: readCount(places[at]) ?? 0,
              mark: readCount(marks[at]) ?? 0
            }
          ]
        : []
    ),
    skipped,
    matched,
    mark: readCount(answer.atomKey("mark")),
    seen,
    shapes: shapes.flatMap((row) =>
      isTuple(row)
        ? [{ count: readCount(row[0]) ?? 0, first: readCount(row[1]) ?? 0, shape: readShape(row[2]), known: row[2]! }]
        : []
    ),
    shapeCount
  }
}

const readShape = (term: Term | undefined): MessageShape => {
  if (term instanceof Atom) return { _tag: "Atom", name: term.text }
  const elements = listItems(term)
  if (elements !== undefined) return { _tag: "Tuple", elements: elements.map(readShape) }
  if (isTuple(term, "tuple")) return { _tag: "Sized", arity: readCount(term[1]) ?? 0 }
  if (isTuple(term, "struct")) return { _tag: "Struct", name: atomText(term[1]) }
  return { _tag: "Type", type: isTuple(term) ? atomText(term[0]) : "other" }
}
