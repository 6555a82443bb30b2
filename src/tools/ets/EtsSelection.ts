import { Effect, Schema } from "effect"
import { selectFromTable } from "../../beam/Ets.ts"
import { isAtom, isTuple, type Term } from "../../etf/Term.ts"
import type { CallError } from "../../node/CallError.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { listed } from "../../syntax/Excerpt.ts"
import { atomsOf, parseTerm } from "../../syntax/ParseTerm.ts"
import { NameText, TermText } from "../ArgumentText.ts"
import {
  aboutRows,
  firstOf,
  lookedAt,
  refusal,
  rowOrder,
  rowsBounds,
  rowsOutput,
  showRows,
  tooLarge
} from "./EtsObjects.ts"
import { called, idOf, invalid, noTable, shared } from "./EtsTable.ts"
import { cursor, limitUpTo, ListPosition, shownOf } from "../Listing.ts"
import { amount } from "../Quantity.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import { termOwner } from "../TermOwner.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

export const selectEtsTable = Tool.make({
  ...shared,
  name: "select_ets_table",
  title: "Search an ETS table",
  description:
    "Objects by `key`, or like the pattern `match`: {_, :ok, _}, in an Erlang or LFE session {_, ok, _}. Without the whole key it walks the table.",
  cost: "heavy",
  timeoutMillis: 10_000,
  input: {
    table: NameText,
    key: Schema.optionalKey(TermText),
    match: Schema.optionalKey(TermText),
    sort_by: rowOrder,
    limit: limitUpTo(100, 10),
    cursor
  },
  output: rowsOutput,
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ key, limit, match, sort_by: sort, table: text }, node, after) {
    const terms = yield* termsOf(node)
    const wanted = yield* wantedTerm(node, key, match)
    const query = yield* rowsBounds(node, text, { limit, sort }, after)
    const selected = yield* selectFromTable(node, { ...query, wanted }).pipe(
      Effect.catchReason("CallError", "HeapLimit", tooLarge(text, false))
    )
    switch (selected._tag) {
      case "NoTable":
        return yield* noTable(node, text, selected, terms)
      case "Refused":
        return yield* refusal(node, selected, terms)
      case "UnknownTerms":
        return yield* yield* unknownTerms(node, "key" in wanted ? wanted.key : wanted.match, terms)
    }
    const { isMore, isPart, matched, table: from } = selected
    const { rows, ...shownRows } = showRows(selected, false, sort, terms)
    const found = "key" in wanted ? "with this key" : "like this"
    return {
      ...shownRows,
      summary: (shown: number) =>
        shown === 0
          ? `No object ${found} ${isMore === "deadline" || isPart ? "was found in time" : after === undefined ? "is" : "is left"} in ${called(from, terms)}, which has ${amount(from.objects, "object")}${lookedAt(selected, false)}.`
          : `${shownOf(shown, matched, "object")} ${found} in ${called(from, terms)}${lookedAt(selected, false)}${firstOf(selected, sort)}.`,
      data: (characters: number) => ({ ...aboutRows(selected, terms), rows: rows(characters) }),
      hints: selected.rows.length === 0 ? [`sample_ets_table ${JSON.stringify({ table: idOf(from, terms) })}`] : []
    }
  })
})

/** The term that is looked for, out of the text of one of the two arguments. */
const wantedTerm = Effect.fnUntraced(function* (node: ErlangNode, key: string | undefined, match: string | undefined) {
  const text = key ?? match
  if (text === undefined || (key !== undefined && match !== undefined)) {
    return yield* invalid("select_ets_table: say what to look for, by `key` or by `match`, one of the two.")
  }
  const { name } = yield* currentSyntax
  const parsed = parseTerm(text, name, { ...termOwner(node), wildcards: match !== undefined })
  if (parsed._tag === "Mistake") {
    return yield* invalid(`select_ets_table: \`${match === undefined ? "key" : "match"}\`: ${parsed.message}`)
  }
  const { term } = parsed
  if (match === undefined) return { key: term }
  return isTuple(term) || isAtom(term, "_")
    ? { match: term }
    : yield* invalid(
        `select_ets_table: \`match\`: objects are tuples, so the pattern is one, such as ${name === "erlang" || name === "lfe" ? "{_, ok, _}" : "{_, :ok, _}"}.`
      )
})

/** Atoms that are looked for on the node to find the one that it does not have. */
const maxAsked = 50

/** Which part of a term it is that the node does not have, so that no object there can hold it. */
const unknownTerms = Effect.fnUntraced(function* (
  node: ErlangNode,
  term: Term,
  terms: Terms
): Effect.fn.Return<ToolError, CallError> {
  const names = atomsOf(term).slice(0, maxAsked)
  const known = yield* Effect.forEach(
    names,
    (name) =>
      node.existingAtom(name).pipe(
        Effect.as(true),
        Effect.catchReason("CallError", "UnknownAtom", () => Effect.succeed(false))
      ),
    { concurrency: 8 }
  )
  const unknown = names.filter((_, at) => !known[at]).map(terms.atom)
  const what = unknown.length > 0 ? `the atom ${listed(unknown)}` : "a pid, port or reference of this"
  return new ToolError({
    code: "not_found",
    message: `${node.name} does not have ${what}, so no object there holds it. Check the spelling.`,
    retryable: false
  })
})
