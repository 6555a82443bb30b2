import { Effect, Schema } from "effect"
import { persistentKeys, persistentTerms, persistentTermsInfo, persistentValue } from "../beam/PersistentTerms.ts"
import { equal } from "../etf/Equal.ts"
import { isTuple, type Term } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import { parseTerm } from "../syntax/ParseTerm.ts"
import { TermText } from "./ArgumentText.ts"
import { whyLate } from "./Deadline.ts"
import { didYouMean } from "./DidYouMean.ts"
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
} from "./Listing.ts"
import { amount, bytes } from "./Quantity.ts"
import { currentSyntax } from "./Session.ts"
import { type Terms, termsOf } from "./Terms.ts"
import * as Tool from "./Tool.ts"
import { ToolError } from "./ToolError.ts"

/** Bytes of a value that is shown. */
const maxValueBytes = 1024 * 1024

const maxKeyCharacters = 200

/** A value under a key that may name a secret anywhere in a tuple, `{my_app, api_key}`. */
const valueText = (key: Term, value: Term, terms: Terms, characters: number): string => {
  const texts = (isTuple(key) ? [...key, key] : [key]).map((part) => terms.value(part, value, characters))
  return texts.find((text) => text === "[redacted]") ?? texts[0]!
}

const oneTerm = Effect.fnUntraced(function* (node: ErlangNode, text: string, measure: boolean, terms: Terms) {
  const { bytes: total, count } = yield* persistentTermsInfo(node)
  const named = (yield* persistentKeys(node)).map((key) => ({ key, text: terms.print(key) }))
  const wanted = text.trim()
  const { name } = yield* currentSyntax
  const parsed = parseTerm(wanted, name, { node: node.name, creation: node.creation })
  const found =
    named.find((it) => it.text === wanted) ??
    (parsed._tag === "Term" ? named.find((it) => equal(it.key, parsed.term)) : undefined)
  const value = found && (yield* persistentValue(node, found.key, { maxBytes: maxValueBytes, measure }))
  if (found === undefined || value === undefined) {
    return yield* new ToolError({
      code: "not_found",
      message: `${node.name} has no persistent term under the key ${excerpt(wanted)}${parsed._tag === "Mistake" ? ` (${parsed.message})` : ""}. Write it as the list shows it.`,
      retryable: false,
      next: "get_persistent_terms",
      didYouMean: didYouMean(
        wanted,
        named.map((it) => it.text).filter((it) => it.length <= maxKeyCharacters)
      )
    })
  }
  if (value._tag === "Unmeasured") {
    return yield* new ToolError({
      code: "too_large",
      message: `The persistent terms of ${node.name} take ${bytes(value.totalBytes)}, and this one may be much of it: to see how large it is would hold a scheduler for long. measure_all does it all the same.`,
      retryable: false,
      next: `get_persistent_terms ${JSON.stringify({ key: wanted, measure_all: true })}`
    })
  }
  const isLarge = value._tag === "Large"
  return {
    summary: `${terms.print(found.key, maxKeyCharacters)} has a value of ${bytes(value.bytes)}.`,
    complete: !isLarge,
    notes: isLarge ? [`The value is not read: it is larger than ${bytes(maxValueBytes)}.`] : [],
    data: (characters: number) => ({
      total: count,
      matched: 1,
      total_bytes: total,
      terms: [
        {
          key: terms.print(found.key, characters),
          value_bytes: value.bytes,
          value: value._tag === "Found" ? valueText(found.key, value.value, terms, characters) : undefined
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
    "Keys of the persistent terms, that of the largest value first, and how much memory they take; with `key`, its value. Measuring walks each value; above 64 MiB in all only with measure_all.",
  input: {
    key: Schema.optionalKey(TermText.annotate({ description: "As the list shows it" })),
    sort_by: sortBy(["size", "key"], "size"),
    filter: Schema.optionalKey(FilterText.annotate({ description: "Part of the key, as Erlang writes it" })),
    measure_all: Schema.optionalKey(Schema.Boolean),
    limit: limitUpTo(200, 20),
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
  run: Effect.fnUntraced(function* ({ filter, key, limit, measure_all, sort_by }, node, after) {
    const terms = yield* termsOf(node)
    if (key !== undefined) return yield* oneTerm(node, key, measure_all === true, terms)
    const bounds = yield* listBounds(limit, after)
    const [info, listed] = yield* Effect.all(
      [
        persistentTermsInfo(node),
        persistentTerms(node, {
          ...bounds,
          sort: sort_by,
          ...(filter !== undefined && { contains: filter }),
          ...(measure_all !== undefined && { measure: measure_all })
        })
      ],
      { concurrency: "unbounded" }
    )
    const { incomplete, matched, rows, total } = listed
    const first = rows[0]?.row
    const notes = [
      ...(incomplete.includes("unmeasured")
        ? [
            `They are not measured one by one, and come by key: to walk ${bytes(info.bytes)} would hold a scheduler for long. measure_all does it all the same.`
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
        `${amount(info.count, "persistent term")} of ${bytes(info.bytes)}; ${shownOf(shown, matched, "key")} by ${sort_by}${after === undefined ? largest : ""}.`,
      complete: notes.length === 0,
      notes,
      data: (characters: number) => ({
        total,
        matched,
        total_bytes: info.bytes,
        terms: rows.map(({ row }) => ({
          key: terms.print(row.key, Math.min(characters, maxKeyCharacters)),
          value_bytes: row.bytes
        }))
      }),
      page: pageOf("terms", listed),
      hints:
        first === undefined
          ? []
          : [`get_persistent_terms ${JSON.stringify({ key: terms.print(first.key, maxKeyCharacters) })}`]
    }
  })
})

export const systemPersistentTermTools: ReadonlyArray<Tool.Tool> = [getPersistentTerms]
