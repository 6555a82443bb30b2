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
import { atom, type Pid, type Term } from "../../etf/Term.ts"
import type { CallError } from "../../node/CallError.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { withoutSecrets } from "../Cleaning.ts"
import { cutNote } from "../CutValues.ts"
import { remainingMillis, scanMillis } from "../Deadline.ts"
import { cursor, limitUpTo, listOutput, shownOf, sortBy } from "../Listing.ts"
import { TermText } from "../ArgumentText.ts"
import { called, nameText, pid } from "./OneProcess.ts"
import { ended, resolveProcess } from "../ProcessArgument.ts"
import { amount, bytes, percent } from "../Quantity.ts"
import { redacted } from "../SecretShapes.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

/** Kinds of messages that are told, and that a filter is compared with: all of a queue that is read without override. */
const maxKinds = 20
const maxCompared = usualQueue.messages

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
      shaped: undefined,
      skip: 0,
      marked: 1,
      shapes: maxCompared,
      bounds: usualQueue,
      deadlineMillis: scanMillis(left),
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

/** The messages that look the same to who may see them. */
interface Kind {
  readonly text: string
  readonly count: number
  readonly first: number
  readonly known: ReadonlyArray<Term>
}

/** Of shapes that differ in nothing but what is not shown one is made, so that none can be told from another by a filter. */
const kindsOf = ({ shapes }: ReadMessages, terms: Terms, clean: (text: string) => string): ReadonlyArray<Kind> => {
  const kinds = new Map<string, Kind>()
  for (const { count, first, known, shape } of shapes) {
    const text = clean(shapeText(shape, terms))
    const same = kinds.get(text)
    kinds.set(text, {
      text,
      count: count + (same?.count ?? 0),
      first: Math.min(first, same?.first ?? Infinity),
      known: [...(same?.known ?? []), known]
    })
  }
  return [...kinds.values()].toSorted((one, other) => other.count - one.count || one.first - other.first)
}

/** A text without what the languages differ in. */
const bare = (text: string): string => text.replaceAll(/Elixir\.|[ _:'"|\\]/gu, "").toLowerCase()

/**
 * The kinds that a filter means: the one that is shown so; else those of which it is a piece, in any case; else those of
 * which it would be one in another language. Nothing but what is shown is compared: what is not could else be found out,
 * letter by letter, by what is found.
 */
const meant = (kinds: ReadonlyArray<Kind>, filter: string): ReadonlyArray<Kind> => {
  const [lower, plain] = [filter.toLowerCase(), bare(filter)]
  const ways: ReadonlyArray<(text: string) => boolean> = [
    (text) => text === filter,
    (text) => text.toLowerCase().includes(lower),
    (text) => plain !== "" && bare(text).includes(plain)
  ]
  return ways.map((isMeant) => kinds.filter(({ text }) => isMeant(text))).find(({ length }) => length > 0) ?? []
}

/** How many messages are of these kinds. */
const countOf = (kinds: ReadonlyArray<Kind>): number => kinds.reduce((sum, { count }) => sum + count, 0)

/** What is not looked at when nothing of a queue is meant. */
const none = { messages: [], matched: 0, mark: undefined }

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

interface Choice {
  readonly sort: MessagesQuery["sort"]
  readonly filter: string | undefined
}

/** What a page says that was not the first, where the queue is not the one that the page before was of. */
const moved = ({ filter, sort }: Choice): string =>
  sort === "arrival" && filter === undefined
    ? "The process has taken messages out since the page before, and the others moved up: as many may be passed over here. Leave the cursor out to start over."
    : "The queue has changed since the page before, or less of it was looked at in time: messages may be passed over here, or come again. Leave the cursor out to start over."

/** How it is known that the queue is still that one. */
const unmoved = ({ sort }: Choice, marked: number): string =>
  `That ${sort === "size" ? "the order is that of the page before" : "no message was taken out since the page before"} is judged by the last ${marked} that it showed, and by their number: where messages repeat, some may be passed over all the same.`

/** Which messages are told, as a summary says it; nothing where each is, as they came. */
const chosen = ({ matched }: ReadMessages, { filter, sort }: Choice, shown: number): string => {
  if (matched === 0) return filter === undefined ? "" : "; none that was looked at has this in its shape"
  const [having, order] = [filter !== undefined && " with this in the shape", sort === "size" && ", the largest first"]
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
    const clean = yield* withoutSecrets
    const query = { sort, filter }
    const bounds = override ? largeQueue : usualQueue
    const page = { sort, limit, bounds, skip: after?.at ?? 0, marked: after?.marked ?? 1 }
    const kindsMeant = ({ read }: MessageQueue) =>
      filter === undefined || read._tag === "Refused" ? [] : meant(kindsOf(read, terms, clean), filter)
    // What a shape looks like is known here alone, so that the node is asked for all of them first.
    const all = yield* readQueue(node, process, filter === undefined ? page : { bounds, limit: 0 })
    const shaped = all === undefined ? [] : kindsMeant(all).flatMap(({ known }) => known)
    const queue =
      shaped.length > 0
        ? yield* readQueue(node, process, { ...page, shaped })
        : filter === undefined || all?.read._tag !== "Read"
          ? all
          : { ...all, read: { ...all.read, ...none, skipped: page.skip } }
    if (queue === undefined) return yield* ended(node, process, terms)
    const { count, read, registeredName, status } = queue
    const pidText = terms.print(process)
    if (read._tag === "Refused") return yield* tooLarge(read, pidText, override)
    const { matched, messages, seen, shapeCount, shapes, skipped } = read
    const isMoved = after !== undefined && hasMoved(after, read)
    const isBySize = query.sort === "size"
    // Else all messages can be had, page by page.
    const isOfLooked = isBySize || filter !== undefined
    const kinds = kindsOf(read, terms, clean)
    // Shapes that are one to who may see them are counted as one.
    const kindCount = shapeCount - shapes.length + kinds.length
    const isNotCompared = filter !== undefined && shapeCount > shapes.length
    const isOtherCome = filter !== undefined && countOf(kindsMeant(queue)) !== matched
    const placeBehind = (row: number) => ({
      at: skipped + row + 1,
      mark: messages[row]!.mark,
      marked: Math.min(row + 1, maxMarked),
      count: matched
    })
    const isMore = skipped + messages.length < matched
    const [first] = kinds
    // Nobody can look at what is hidden.
    const isPart = seen < count && !read.isHidden
    const looked = isPart ? `; the first ${amount(seen, "is", "are")}` : ","
    const ofKinds =
      first &&
      `${looked} of ${amount(kindCount, "shape")}, ${kindCount === 1 ? "" : `${first.count.toLocaleString("en-US")} of them `}${first.text}`
    return {
      summary: (shown: number) =>
        `${called(registeredName, pidText, terms)} has ${amount(count, "message")} waiting${ofKinds ?? ""}${read.isHidden ? `, which ${count === 1 ? "is" : "are"} hidden` : chosen(read, query, shown)}${after === undefined ? "" : shown === 0 ? `; none is left behind the first ${skipped}` : `; here those from ${skipped + 1} on`}.`,
      complete: seen === count && !isMoved && !isNotCompared && !isOtherCome,
      notes: [
        ...(after === undefined ? [] : [isMoved ? moved(query) : unmoved(query, after.marked)]),
        ...(read.isHidden ? [hiddenMessages] : []),
        ...(isPart
          ? [
              `The shapes${isBySize ? ", matched and the order by size" : isOfLooked ? " and matched" : ""} are those of the first ${amount(seen, "message")}.`
            ]
          : []),
        ...(isOtherCome ? ["Messages of other shapes that have this in them came while it was read: ask again."] : []),
        ...(isNotCompared
          ? [`The filter was compared with the ${shapes.length} most frequent of ${kindCount} shapes alone.`]
          : []),
        ...(kindCount > maxKinds ? [`Of ${kindCount} shapes the ${maxKinds} most frequent are told.`] : []),
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
        shape_count: kindCount,
        shapes: kinds.slice(0, maxKinds).map(({ count: times, first: firstAt, text: shape }) => ({
          count: times,
          percent: percent(times, seen),
          first_at: firstAt,
          shape
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
