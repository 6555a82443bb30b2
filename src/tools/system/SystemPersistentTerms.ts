import { Effect, Schema } from "effect"
import { persistentKeys, persistentTerms, persistentTermsInfo, persistentValue } from "../../beam/PersistentTerms.ts"
import type { Term } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parseTerm } from "../../syntax/ParseTerm.ts"
import { TermText } from "../ArgumentText.ts"
import { remainingMillis, scanMillis, whyLate } from "../Deadline.ts"
import { countCut, countCutValues, cutNote } from "../CutValues.ts"
import { didYouMean } from "../DidYouMean.ts"
import {
  cursor,
  FilterText,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount, bytes } from "../Quantity.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import { termOwner } from "../TermOwner.ts"
import { partPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

/** Bytes of a value that is shown. */
const maxValueBytes = 1024 * 1024

const maxKeyCharacters = 200

/** Keys that are looked at where one is not found as it is written: by how they print, or to suggest one. */
const maxKeys = 1_000

const normalLimit = 20
const normalSort = "size"

/**
 * The key that a text stands for, and what is under it. A text that cannot be read, or is in Gleam or LFE and was read
 * as Elixir or Erlang, is perhaps just how the session shows a key: it is compared with how keys print.
 */
const lookUp = Effect.fnUntraced(function* (node: ErlangNode, text: string, terms: Terms) {
  const bounds = { maxBytes: maxValueBytes, deadlineMillis: scanMillis(yield* remainingMillis) / 2 }
  const { name } = yield* currentSyntax
  const parsed = parseTerm(text, name, termOwner(node))
  if (parsed._tag === "Term") {
    const value = yield* persistentValue(node, parsed.term, bounds)
    if (value !== undefined) return { key: parsed.term, value }
  }
  const { isMore, keys } = yield* persistentKeys(node, maxKeys)
  const printed = keys.map((key) => ({ key, text: terms.print(key, maxKeyCharacters) }))
  const isAsRead = parsed._tag === "Term" && (name === "elixir" || name === "erlang")
  const [shown, ...others] = isAsRead ? [] : printed.filter((it) => it.text === text)
  // Long keys that begin alike look alike.
  const value = shown && others.length === 0 ? yield* persistentValue(node, shown.key, bounds) : undefined
  if (shown !== undefined && value !== undefined) return { key: shown.key, value }
  const why = parsed._tag === "Mistake" ? ` (${parsed.message})` : ""
  const compared = isMore && !isAsRead ? ` It was compared with ${amount(keys.length, "key")}, not with all.` : ""
  return yield* new ToolError({
    code: "not_found",
    message: `${node.name} has no persistent term under the key ${excerpt(text)}${why}.${compared} Write it as the list shows it.`,
    retryable: false,
    next: "get_persistent_terms",
    didYouMean: didYouMean(
      text,
      printed.map((it) => it.text)
    )
  })
})

const oneTerm = Effect.fnUntraced(function* (node: ErlangNode, text: string, terms: Terms) {
  const wanted = text.trim()
  const { bytes: total, count } = yield* persistentTermsInfo(node)
  const { key, value } = yield* lookUp(node, wanted, terms)
  if (value._tag === "Unmeasured") {
    return yield* new ToolError({
      code: "too_large",
      message: `The value of ${excerpt(wanted)} on ${node.name} is not read: it has millions of parts, also where it refers to the same ones again and again, and to tell its size would hold a scheduler for long; or there was no time. All persistent terms together take ${bytes(total)} without large binaries.`,
      retryable: false
    })
  }
  const isLarge = value._tag === "Large"
  return {
    summary: `${terms.print(key, maxKeyCharacters)} has a value of ${bytes(value.bytes)}.`,
    complete: !isLarge,
    notes: isLarge ? [`The value is not read: it is larger than ${bytes(maxValueBytes)}.`] : [],
    cut: (characters: number) =>
      value._tag === "Found" && countCutValues([[key, value.value]], terms, characters) > 0
        ? "The value is shown cut: ... stands for what is left out. No path leads into a persistent term."
        : undefined,
    data: (characters: number) => ({
      total: count,
      matched: 1,
      total_bytes: total,
      terms: [
        {
          key: terms.print(key, characters),
          value_bytes: value.bytes,
          value: value._tag === "Found" ? terms.value(key, value.value, characters) : undefined
        }
      ]
    }),
    page: { rows: "terms", next: undefined, after: () => ({ at: "" }) } as const
  }
})

const getPersistentTerms = Tool.make({
  toolset: "system",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  name: "get_persistent_terms",
  title: "Persistent terms",
  description:
    "Keys of the persistent terms, largest value first, and their memory; with `key`, its value. Values of millions of parts are not measured; they come first.",
  input: {
    key: Schema.optionalKey(TermText.annotate({ description: "As the list shows it; without filter, limit, sort_by" })),
    sort_by: sortBy(["size", "key"], normalSort),
    filter: Schema.optionalKey(FilterText.annotate({ description: "Part of the key" })),
    limit: limitUpTo(200, normalLimit),
    cursor
  },
  output: {
    ...listOutput,
    total_bytes: Schema.Int,
    terms: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          key: Schema.String,
          value_bytes: Schema.optionalKey(Schema.Int),
          value: Schema.optionalKey(Schema.String)
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter, key, limit, sort_by }, node, after) {
    const terms = yield* termsOf(node)
    if (key !== undefined) {
      if (filter !== undefined || limit !== normalLimit || sort_by !== normalSort) {
        return yield* new ToolError({
          code: "invalid_input",
          message:
            "get_persistent_terms: `key` shows one term; `filter`, `limit` and `sort_by` are for the list. Leave one or the other out.",
          retryable: false
        })
      }
      return yield* oneTerm(node, key, terms)
    }
    const bounds = yield* listBounds(limit, after)
    const [info, listed] = yield* Effect.all(
      [
        persistentTermsInfo(node),
        persistentTerms(node, {
          ...bounds,
          sort: sort_by,
          ...(filter !== undefined && { pattern: yield* partPattern(node, filter) })
        })
      ],
      { concurrency: "unbounded" }
    )
    const { incomplete, matched, rows, total } = listed
    const first = rows[0]?.row
    const keyText = (key: Term, characters: number) => terms.print(key, Math.min(characters, maxKeyCharacters))
    const whole = rows.find(({ row }) => keyText(row.key, Infinity) === terms.print(row.key))?.row.key
    const notes = [
      ...(incomplete.includes("unmeasured")
        ? [
            "Rows without value_bytes, first by size, are not measured: their values have millions of parts, also where one refers to the same ones again and again, and to tell the size would hold a scheduler for long; or time was short."
          ]
        : []),
      ...(incomplete.includes("deadline")
        ? [`Time ran out before all were looked at. Allow more with timeout_ms. ${whyLate}`]
        : [])
    ]
    const largest =
      first?.bytes === undefined
        ? ""
        : `; the largest value is that of ${terms.print(first.key, maxKeyCharacters)} with ${bytes(first.bytes)}`
    return {
      summary: (shown: number) =>
        `${amount(info.count, "persistent term")} of ${bytes(info.bytes)} without large binaries; ${shownOf(shown, matched, "key")} by ${sort_by}${after === undefined ? largest : ""}.`,
      complete: notes.length === 0,
      notes,
      cut: (characters: number, shown: number) => {
        const prints = rows.slice(0, shown).map(
          ({ row }) =>
            (most?: number) =>
              most === undefined ? terms.print(row.key) : keyText(row.key, most)
        )
        const note = cutNote(countCut(prints, characters), "key")
        return note && `${note} \`key\` takes only a whole one.`
      },
      data: (characters: number) => ({
        total,
        matched,
        total_bytes: info.bytes,
        terms: rows.map(({ row }) => ({
          key: keyText(row.key, characters),
          value_bytes: row.bytes
        }))
      }),
      page: pageOf("terms", listed),
      hints: whole === undefined ? [] : [`get_persistent_terms ${JSON.stringify({ key: terms.print(whole) })}`]
    }
  })
})

export const systemPersistentTermTools: ReadonlyArray<Tool.Tool> = [getPersistentTerms]
