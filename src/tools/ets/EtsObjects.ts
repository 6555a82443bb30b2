import { Effect, Schema } from "effect"
import { type Refused, type RowOrder, type RowsQuery, sampleTable, type TableRows } from "../../beam/Ets.ts"
import { atom, binary, isTuple, type Term } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { NameText } from "../ArgumentText.ts"
import { whyLate } from "../Deadline.ts"
import { called, idOf, inspect, noTable, shared, sized, tableName } from "./EtsTable.ts"
import { cursor, FilterText, limitUpTo, listBounds, ListPosition, shownOf, sortBy, toPosition } from "../Listing.ts"
import { amount, bytes, withArticle } from "../Quantity.ts"
import { redacted } from "../SecretShapes.ts"
import { partPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError, type ToolErrorCode } from "../ToolError.ts"

/**
 * Bytes of the average object above which none is read. The node copies an object whole before anybody can tell how
 * large it is, and a worker has 64 MiB.
 */
const maxObjectBytes = 4 * 1024 * 1024

const told = (code: ToolErrorCode, message: string, next?: string): ToolError =>
  new ToolError({ code, message, retryable: false, ...(next !== undefined && { next }) })

/** Why objects of a table are not read. */
export const refusal = (node: ErlangNode, { objects, table: about, why }: Refused, terms: Terms): ToolError => {
  const name = called(about, terms)
  const owner = about.ownerName === undefined ? "" : ` (${terms.atom(about.ownerName)})`
  switch (why) {
    case "private":
      return told(
        "unsupported",
        `The table ${name} of ${node.name} is private: only its owner, ${terms.print(about.owner)}${owner}, can read it.`,
        inspect(about, terms)
      )
    case "secret":
      return told(
        "unsupported",
        `The objects of ${name} are not read: its owner${owner} keeps cookies or private keys in its tables.`,
        inspect(about, terms)
      )
    case "pattern":
      return told(
        "invalid_input",
        "select_ets_table: `match`: ETS takes no such pattern. What is left open can stand for an element or a value, not for the key of a map."
      )
    case "large":
      return told(
        "too_large",
        `The objects of ${name} are not read: it has ${sized(about)}, ${bytes(about.memoryBytes / about.objects)} each, and the node would copy them whole (limit: ${bytes(maxObjectBytes)}). Its keys can be had with keys_only.`,
        `sample_ets_table ${JSON.stringify({ table: idOf(about, terms), keys_only: true })}`
      )
    case "many": {
      const size = bytes((objects ?? 0) * (about.memoryBytes / Math.max(1, about.objects)))
      return told(
        "too_large",
        `The ${amount(objects ?? 0, "object that this asks for is", "objects that this asks for are")} not read: ${name} is a ${visible(about.type)}, so the node would copy those of one key all at once, about ${size} (limit: ${bytes(maxObjectBytes)}). Ask for fewer with a pattern for match that says more of their values.`,
        inspect(about, terms)
      )
    }
    case "gone":
      return told("not_found", `The table ${name} of ${node.name} was deleted while it was read.`, "list_ets_tables")
    case "moved":
      return told(
        "invalid_input",
        `The key that this page of ${name} begins behind was deleted meanwhile, and a ${visible(about.type)} has no order to find its place by. Leave the cursor out to start over.`
      )
  }
}

const rowFields = {
  value: Schema.String,
  bytes: Schema.optionalKey(Schema.Int),
  cut_from_bytes: Schema.optionalKey(Schema.Int),
  unread_objects: Schema.optionalKey(Schema.Int)
}

/** Objects, and the table that they are of. */
export const rowsOutput = {
  table: Schema.String,
  type: Schema.String,
  key_position: Schema.Int,
  total: Schema.Int,
  matched: Schema.Int,
  looked_at: Schema.optionalKey(Schema.Int),
  rows: Schema.optionalKey(Schema.Array(Schema.Struct(rowFields)))
}

/** What bounds a question for objects. */
export const rowsBounds = Effect.fnUntraced(function* (
  node: ErlangNode,
  text: string,
  { limit, sort }: Pick<RowsQuery, "limit" | "sort">,
  after: ListPosition | undefined
): Effect.fn.Return<RowsQuery, ToolError> {
  return { table: yield* tableName(node, text), sort, maxObjectBytes, ...(yield* listBounds(limit, after)) }
})

/** That a worker outgrew its heap means one thing here. */
export const tooLarge = (text: string, areKeys: boolean) => () =>
  Effect.fail(
    new ToolError({
      code: "too_large",
      message: `The worker that read ${excerpt(text)} outgrew its heap and was ended: there is ${areKeys ? "a key" : "an object, or a key,"} in it that is too large to copy.${areKeys ? "" : " Ask for keys_only, or with a pattern that leaves it out."}`,
      retryable: false,
      next: areKeys
        ? `get_ets_table_info ${JSON.stringify({ table: text })}`
        : `sample_ets_table ${JSON.stringify({ table: text, keys_only: true })}`
    })
  )

/** Rows as they are shown, and what is to be said of them. */
export const showRows = (selected: TableRows, areKeys: boolean, sort: RowOrder, terms: Terms) => {
  const { isMore, isPart, rows, table: from, window } = selected
  const crowded = rows.filter(({ unread }) => unread !== undefined).length
  const last = rows.at(-1)
  const next = window === undefined ? last?.place : window.next
  const isPaged =
    rows.every(({ place }) => place !== undefined) && (window === undefined || isMore !== true || next !== undefined)
  const isUnordered = from.type !== "ordered_set"
  const keyField = selected.fields[from.keyPosition - 2]
  const valueOf = ({ term, unread }: TableRows["rows"][number], characters = Infinity): string =>
    areKeys || unread !== undefined ? terms.print(term, characters) : showObject(term, selected, terms, characters)
  return {
    complete:
      crowded === 0 &&
      (window?.unsure ?? 0) === 0 &&
      (isMore === false || (isMore === true && isPaged)) &&
      // The pages of an order have all of it, or it is not the one that was asked for.
      !(isPart && sort === "size"),
    notes: [
      ...(crowded > 0
        ? [
            `Where it says unread_objects, value is a key with so many objects that they are not read: a ${visible(from.type)} gives those of one key only all at once (limit: about ${bytes(maxObjectBytes)}).`
          ]
        : []),
      ...partNotes(selected, areKeys, sort, isPaged && next !== undefined),
      ...(isMore === true && isUnordered && isPaged
        ? [`A ${visible(from.type)} has no order: what changes between pages may be missed, or seen twice.`]
        : []),
      ...(isMore !== false && !isPaged ? ["There is no next page: a key here is too large to go on behind."] : []),
      ...(isMore === "deadline"
        ? [`Time ran out before the whole table was looked through. Allow more with timeout_ms. ${whyLate}`]
        : [])
    ],
    cut: (characters: number, shown: number) => {
      const cut = rows.slice(0, shown).filter((row) => row.cutFrom > 0 || valueOf(row) !== valueOf(row, characters))
      return cut.length === 0
        ? undefined
        : `${amount(cut.length, "row is", "rows are")} too large to be shown whole: ... stands for what is left out; cut_from_bytes says how large one was that the node has cut.`
    },
    rows: (characters: number) =>
      rows.map((row) => ({
        value: valueOf(row, characters),
        bytes: row.bytes,
        cut_from_bytes: row.cutFrom > 0 ? row.cutFrom : undefined,
        unread_objects: row.unread
      })),
    page: {
      rows: "rows",
      next: isMore !== false && isPaged && next !== undefined ? toPosition(next) : undefined,
      ...(isPaged && { after: (row: number) => toPosition(rows[row]!.place!) }),
      isHiding: keyField !== undefined && terms.isHidden(atom(keyField))
    } as const
  }
}

/** What is to be said where not all of a table was looked at, or not all of a key. */
const partNotes = (rows: TableRows, areKeys: boolean, sort: RowOrder, hasNext: boolean): ReadonlyArray<string> => {
  const { isMore, isPart, matched, table: from, window } = rows
  if (isMore === "deadline") return []
  const unsure = window?.unsure ?? 0
  const areAll = matched === from.objects
  const ofThese =
    sort === "table"
      ? areAll
        ? undefined
        : "matched is"
      : areAll
        ? "the order by size is"
        : "matched, and the order by size, are"
  const rest = window?.isBeyond === true && hasNext ? " The pages go on through the rest of the table." : ""
  return [
    ...(isPart && ofThese !== undefined
      ? [
          `One look takes in as much of the table as there is time for, here ${looked(rows, areKeys)}: ${ofThese} of these.${rest} Allow more with timeout_ms.`
        ]
      : []),
    ...(unsure > 0
      ? [
          `${amount(unsure, "key is", "keys are")} so large that only a part was looked through for the text: more may hold it than are told.`
        ]
      : [])
  ]
}

/** How much of a table was looked at. */
const looked = ({ looked: count = 0, table: from }: TableRows, areKeys: boolean): string =>
  amount(count, areKeys || from.type.endsWith("bag") ? "key" : "object")

/** Of how much of the table rows are, as a summary says it. */
export const lookedAt = (rows: TableRows, areKeys: boolean): string =>
  rows.isPart ? `, among ${looked(rows, areKeys)} looked at` : ""

/** Which rows come first, as a summary says it. */
export const firstOf = ({ isPart }: TableRows, sort: RowOrder): string =>
  sort === "table" ? "" : `; the largest ${isPart ? "of these " : ""}first`

/** An object, without what its key, or the name of a field, says is a secret. */
const showObject = (term: Term, { fields, table: from }: TableRows, terms: Terms, characters: number): string => {
  if (!isTuple(term)) return terms.print(term, characters)
  const hasFields = fields.length > 0 && term.length === fields.length + 1
  const keyAt = from.keyPosition - 1
  const shown = term.map((value, at) => {
    const field = hasFields ? fields[at - 1] : undefined
    const isHidden =
      field === undefined ? at !== keyAt && terms.isHidden(term[keyAt], value) : terms.isHidden(atom(field), value)
    return isHidden ? binary(redacted) : value
  })
  return terms.print(shown, characters)
}

/** `sort_by` of objects. */
export const rowOrder = sortBy(["table", "size"], "table")

export const sampleEtsTable = Tool.make({
  ...shared,
  name: "sample_ets_table",
  title: "ETS objects",
  description: "Objects, or keys_only; filter: part of a key. By size it walks all. By value: select_ets_table.",
  cost: "moderate",
  timeoutMillis: 10_000,
  input: {
    table: NameText,
    keys_only: Schema.optionalKey(Schema.Boolean),
    sort_by: rowOrder,
    filter: Schema.optionalKey(FilterText),
    limit: limitUpTo(100, 10),
    cursor
  },
  output: rowsOutput,
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter, keys_only = false, limit, sort_by: sort, table: text }, node, after) {
    const terms = yield* termsOf(node)
    const query = yield* rowsBounds(node, text, { limit, sort }, after)
    const pattern = filter && (yield* partPattern(node, filter))
    const sampled = yield* sampleTable(node, { ...query, pattern, what: keys_only ? "keys" : "objects" }).pipe(
      Effect.catchReason("CallError", "HeapLimit", tooLarge(text, keys_only))
    )
    if (sampled._tag === "NoTable") return yield* noTable(node, text, sampled, terms)
    if (sampled._tag === "Refused") return yield* refusal(node, sampled, terms)
    const { matched, table: from } = sampled
    const { rows, ...shownRows } = showRows(sampled, keys_only, sort, terms)
    const what = keys_only ? "key" : "object"
    const found = filter === undefined ? "" : keys_only ? " with this" : " with this in the key"
    return {
      ...shownRows,
      summary: (shown: number) =>
        `${shownOf(shown, matched, what)}${found} of ${called(from, terms)}, ${withArticle(visible(from.type))} with ${sized(from)}${lookedAt(sampled, keys_only)}${firstOf(sampled, sort)}.`,
      data: (characters: number) => ({ ...aboutRows(sampled, terms), rows: rows(characters) }),
      hints: [inspect(from, terms)]
    }
  })
})

/** The table that rows are of, and how many there are. */
export const aboutRows = ({ looked: count, matched, table: from }: TableRows, terms: Terms) => ({
  table: idOf(from, terms),
  type: visible(from.type),
  key_position: from.keyPosition,
  total: from.objects,
  matched,
  looked_at: count
})
