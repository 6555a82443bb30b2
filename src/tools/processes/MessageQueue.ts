import { Effect, Schema } from "effect"
import {
  largeQueue,
  maxMarked,
  messageQueue,
  type MessageQueue,
  type MessageShape,
  type MessagesQuery,
  type ReadMessages,
  type RefusedMessages,
  usualQueue
} from "../../beam/MessageQueue.ts"
import { atom, type Pid } from "../../etf/Term.ts"
import type { CallError } from "../../node/CallError.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { withoutSecrets } from "../Cleaning.ts"
import { cutNote } from "../CutValues.ts"
import { remainingMillis, shareOfTime } from "../Deadline.ts"
import { cursor, limitUpTo, listOutput, shownOf, sortBy } from "../Listing.ts"
import { TermText } from "../ArgumentText.ts"
import { called, nameText, pid } from "./OneProcess.ts"
import { ended, resolveProcess } from "../ProcessArgument.ts"
import { amount, bytes, percent } from "../Quantity.ts"
import { maybeSecretName } from "../SecretNames.ts"
import { redacted } from "../SecretShapes.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

/** Kinds of messages that are told. */
const maxShapes = 20

export const Message = Schema.Struct({
  at: Schema.Int,
  bytes: Schema.Int,
  cut: Schema.optionalKey(Schema.Boolean),
  message: Schema.String
})

/** Messages of a queue, as a result shows them; `at` is their place in it, from 1 on. */
export const showMessages = ({ messages }: ReadMessages, terms: Terms, characters: number) =>
  messages.map(({ bytes: size, isCut, place, term }) => ({
    at: place,
    bytes: size,
    cut: isCut ? true : undefined,
    message: terms.print(term, characters)
  }))

/** What is said of messages that are shown cut, here or by the node. */
export const cutMessages = (read: ReadMessages, terms: Terms, characters: number): string | undefined => {
  const whole = showMessages(read, terms, Infinity)
  const cut = showMessages(read, terms, characters).filter(
    ({ cut: isCut, message }, at) => isCut === true || message !== whole[at]!.message
  )
  return cutNote(cut.length, "message")
}

/** What is said where there are more messages than are shown. */
export const moreMessages = (count: number, limit: number): ReadonlyArray<string> =>
  count > limit ? [`The first ${amount(limit, "message is", "messages are")} shown (limit).`] : []

/** A part of a process's queue, within what may be read of one. */
export const readQueue = (
  node: ErlangNode,
  process: Pid,
  query: Pick<MessagesQuery, "limit"> & Partial<MessagesQuery>
): Effect.Effect<MessageQueue | undefined, CallError> =>
  Effect.flatMap(remainingMillis, (left) =>
    messageQueue(node, process, {
      sort: "arrival",
      shape: undefined,
      secret: maybeSecretName,
      skip: 0,
      marked: 1,
      shapes: maxShapes,
      bounds: usualQueue,
      deadlineMillis: left * shareOfTime,
      ...query
    })
  )

/** A pattern rather than a term: types stand where values differ. */
const shapeText = (shape: MessageShape, terms: Terms): string => {
  switch (shape._tag) {
    case "Atom":
      return terms.atom(shape.name)
    case "Tuple": {
      const [key] = shape.elements
      // What may have an atom in it, and the rest says nothing but its type.
      const isHidden = (element: MessageShape) =>
        key?._tag === "Atom" &&
        (element._tag === "Atom"
          ? terms.isHidden(atom(key.name), atom(element.name))
          : element._tag === "Tuple" && terms.isHidden(atom(key.name)))
      return `{${shape.elements.map((it, at) => (at > 0 && isHidden(it) ? redacted : shapeText(it, terms))).join(", ")}}`
    }
    case "Sized":
      return `tuple of ${shape.arity}`
    case "Struct":
      return `struct ${terms.atom(shape.name)}`
    case "Type":
      return visible(shape.type.replace("_", " "))
  }
}

/** Why messages are not read, with the figure. */
export const whyRefused = ({ for: what, limit, value }: RefusedMessages): string =>
  what === "messages"
    ? `It has ${amount(value, "message")}; to let any be read it would have to copy them all, and stand still meanwhile. Up to ${amount(limit, "message")} are read`
    : `Its messages may take ${bytes(value)}, all of which it would have to copy. Up to ${bytes(limit)} are read`

const tooLarge = (refused: RefusedMessages, name: string, override: boolean): ToolError => {
  const wider = largeQueue[refused.for]
  const insist = refused.for === "messages" ? amount(wider, "message") : bytes(wider)
  const more = override || refused.value > wider ? "" : `, with override: true up to ${insist}`
  return new ToolError({
    code: "too_large",
    message: `The queue of ${name} is left alone. ${whyRefused(refused)}${more}.`,
    retryable: false,
    next: `get_process_stacktrace ${JSON.stringify({ pid: name })}`
  })
}

/**
 * How many messages the pages before have shown, and what shows whether the queue is still the one that they are of: how
 * many matched, and what so many of the last ones shown are known by.
 */
const position = Schema.Struct({
  at: Schema.Int,
  mark: Schema.Int,
  marked: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxMarked })),
  count: Schema.Int
})

/** Whether messages were taken out since the page before. Those that come go behind all others, but for the order by size. */
const hasMoved = ({ count, mark }: typeof position.Type, read: ReadMessages): boolean =>
  read.matched < count || read.mark !== mark

/** Why none of the messages of a process is shown. */
const hiddenMessages =
  "The process shows none of its messages: it is sensitive (process_flag), and the node hides messages, dictionary, label and binaries of such from everybody."

type Choice = Pick<MessagesQuery, "shape" | "sort">

/** What a page says that was not the first, where the queue is not the one that the page before was of. */
const moved = ({ shape, sort }: Choice): string =>
  sort === "arrival" && shape === undefined
    ? "The process has taken messages out since the page before, and the others moved up: as many may be passed over here. Leave the cursor out to start over."
    : "The queue has changed since the page before, or less of it was looked at in time: messages may be passed over here, or come again. Leave the cursor out to start over."

/** How it is known that the queue is still that one. */
const unmoved = ({ sort }: Choice, marked: number): string =>
  `That ${sort === "size" ? "the order is that of the page before" : "no message was taken out since the page before"} is judged by the last ${marked} that it showed, and by their number: where messages repeat, some may be passed over all the same.`

/** Which messages are told, as a summary says it; nothing where each is, as they came. */
const chosen = ({ matched }: ReadMessages, { shape, sort }: Choice, shown: number): string => {
  if (matched === 0) return shape === undefined ? "" : "; none that was looked at has this in its shape"
  const [having, order] = [shape !== undefined && " with this in the shape", sort === "size" && ", the largest first"]
  return having || order ? `; ${shownOf(shown, matched, "message")}${having || ""}${order || ""}` : ""
}

/**
 * Whether the mark of these messages, a digest of them, could be used to try guesses at what is not shown of one, whatever
 * of the others is.
 */
const hidesAny = ({ messages }: ReadMessages, terms: Terms, clean: (text: string) => string): boolean =>
  messages.some(({ isCut, term }) => {
    const text = terms.print(term)
    return isCut || text.includes(redacted) || clean(text) !== text
  })

const getMessageQueue = Tool.make({
  name: "get_message_queue",
  title: "Message queue",
  description: `Messages, and counts by shape; filter: part of a shape; values are not looked at. The process copies its whole queue: refused above ${usualQueue.messages} or ${bytes(usualQueue.bytes)} (override: ${largeQueue.messages} or ${bytes(largeQueue.bytes)}).`,
  toolset: "processes",
  access: "inspect",
  cost: "heavy",
  target: "connected",
  input: {
    pid,
    sort_by: sortBy(["arrival", "size"], "arrival"),
    filter: Schema.optionalKey(TermText),
    limit: limitUpTo(100, 10),
    cursor,
    override: Schema.optionalKey(Schema.Boolean)
  },
  output: {
    pid: Schema.String,
    name: Schema.optionalKey(Schema.String),
    status: Schema.String,
    message_queue_length: Schema.Int,
    ...listOutput,
    looked_at: Schema.optionalKey(Schema.Int),
    shape_count: Schema.Int,
    shapes: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ count: Schema.Int, percent: Schema.Finite, first_at: Schema.Int, shape: Schema.String })
      )
    ),
    messages: Schema.optionalKey(Schema.Array(Message))
  },
  position,
  run: Effect.fnUntraced(function* ({ filter, limit, override = false, pid: text, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    if (override)
      yield* Effect.logWarning(`get_message_queue overrides its limits for ${terms.print(process)} on ${node.name}`)
    const query = { sort, shape: filter }
    const queue = yield* readQueue(node, process, {
      ...query,
      limit,
      bounds: override ? largeQueue : usualQueue,
      skip: after?.at ?? 0,
      marked: after?.marked ?? 1
    })
    if (queue === undefined) return yield* ended(node, process, terms)
    const { count, read, registeredName, status } = queue
    const pidText = terms.print(process)
    if (read._tag === "Refused") return yield* tooLarge(read, pidText, override)
    const { matched, messages, seen, shapeCount, shapes, skipped } = read
    const isMoved = after !== undefined && hasMoved(after, read)
    const isBySize = query.sort === "size"
    // Else all messages can be had, page by page.
    const isOfLooked = isBySize || query.shape !== undefined
    const placeBehind = (row: number) => ({
      at: skipped + row + 1,
      mark: messages[row]!.mark,
      marked: Math.min(row + 1, maxMarked),
      count: matched
    })
    const clean = yield* withoutSecrets
    const isMore = skipped + messages.length < matched
    const [first] = shapes
    // Nobody can look at what is hidden.
    const isPart = seen < count && !read.isHidden
    const looked = isPart ? `; the first ${amount(seen, "is", "are")}` : ","
    const kinds =
      first &&
      `${looked} of ${amount(shapeCount, "shape")}, ${shapeCount === 1 ? "" : `${first.count.toLocaleString("en-US")} of them `}${shapeText(first.shape, terms)}`
    return {
      summary: (shown: number) =>
        `${called(registeredName, pidText, terms)} has ${amount(count, "message")} waiting${kinds ?? ""}${read.isHidden ? `, which ${count === 1 ? "is" : "are"} hidden` : chosen(read, query, shown)}${after === undefined ? "" : shown === 0 ? `; none is left behind the first ${skipped}` : `; here those from ${skipped + 1} on`}.`,
      complete: seen === count && !isMoved,
      notes: [
        ...(after === undefined ? [] : [isMoved ? moved(query) : unmoved(query, after.marked)]),
        ...(read.isHidden ? [hiddenMessages] : []),
        ...(isPart
          ? [
              `The shapes${isBySize ? ", matched and the order by size" : isOfLooked ? " and matched" : ""} are those of the first ${amount(seen, "message")}.`
            ]
          : []),
        ...(shapeCount > shapes.length ? [`Of ${shapeCount} shapes the ${shapes.length} most frequent are told.`] : []),
        ...(isMore && !isMoved
          ? [
              `The others are told page by page; what ${isBySize ? "comes and goes meanwhile moves them" : "the process takes out meanwhile moves them up"}.`
            ]
          : [])
      ],
      cut: (characters: number) => cutMessages(read, terms, characters),
      data: (characters: number) => ({
        pid: pidText,
        name: nameText(registeredName, terms),
        status: visible(status),
        message_queue_length: count,
        total: count,
        matched,
        looked_at: isOfLooked ? seen : undefined,
        shape_count: shapeCount,
        shapes: shapes.map(({ count: times, first: firstAt, shape }) => ({
          count: times,
          percent: percent(times, seen),
          first_at: firstAt,
          shape: shapeText(shape, terms)
        })),
        messages: showMessages(read, terms, characters)
      }),
      page: {
        rows: "messages" as const,
        next: isMore && messages.length > 0 ? placeBehind(messages.length - 1) : undefined,
        after: placeBehind,
        isHiding: hidesAny(read, terms, clean)
      },
      hints: [`get_process_stacktrace ${JSON.stringify({ pid: pidText })}`]
    }
  })
})

/** The tools of the processes toolset that look at messages. */
export const messageQueueTools: ReadonlyArray<Tool.Tool> = [getMessageQueue]
