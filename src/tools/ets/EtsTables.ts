import { Effect, Schema } from "effect"
import { protections, type TableFilter, tableGrowth, type TableGrowth, tables } from "../../beam/Ets.ts"
import type { CallError } from "../../node/CallError.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { atomName, namePart } from "../AtomName.ts"
import { scanMillis, whyLate } from "../Deadline.ts"
import { called, inspect, invalid, shared, showTable, sized, tableFields } from "./EtsTable.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { resolveProcess } from "../ProcessArgument.ts"
import { amount, bytes } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"
import { optionalWindow, throughWindow } from "../Window.ts"

const Filter = Schema.Struct({
  name: Schema.optionalKey(FilterText),
  owner: Schema.optionalKey(FilterText),
  application: Schema.optionalKey(FilterText),
  protection: Schema.optionalKey(Schema.Literals(protections)),
  min_memory_bytes: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
})

const toFilter = Effect.fnUntraced(function* (
  node: ErlangNode,
  { application, min_memory_bytes, name, owner, protection }: typeof Filter.Type,
  terms: Terms
): Effect.fn.Return<TableFilter, ToolError | CallError> {
  return {
    ...(name !== undefined && { name: namePart(name) }),
    ...(owner !== undefined && { owner: yield* resolveProcess(node, owner, terms) }),
    ...(application !== undefined && { application: atomName(application) }),
    ...(protection !== undefined && { protection }),
    ...(min_memory_bytes !== undefined && { minMemory: min_memory_bytes })
  }
})

const late = `Time ran out before all tables were looked at. Allow more with timeout_ms. ${whyLate}`

export const listEtsTables = Tool.make({
  ...shared,
  name: "list_ets_tables",
  title: "ETS tables",
  description:
    "ETS tables with size, memory and owner, in order of a value; with window_ms those that grew most while the call waits.",
  cost: "moderate",
  timeoutMillis: 15_000,
  input: {
    sort_by: sortBy(["memory", "size", "name"], "memory"),
    filter: Schema.optionalKey(Filter),
    window_ms: optionalWindow,
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    born: Schema.optionalKey(Schema.Int),
    gone: Schema.optionalKey(Schema.Int),
    tables: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          ...tableFields,
          memory_growth_bytes: Schema.optionalKey(Schema.Int),
          object_growth: Schema.optionalKey(Schema.Int),
          new: Schema.optionalKey(Schema.Boolean)
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter: given = {}, limit, sort_by: sort, window_ms }, node, after) {
    const terms = yield* termsOf(node)
    const filter = yield* toFilter(node, given, terms)
    if (window_ms !== undefined) {
      if (sort === "name") return yield* invalid("list_ets_tables: with window_ms, sort_by is memory or size.")
      const grown = yield* throughWindow("list_ets_tables", window_ms, (beside) =>
        tableGrowth(node, { sort, windowMillis: window_ms, limit, deadlineMillis: scanMillis(beside), filter })
      )
      return answerGrowth(grown, isFiltering(filter), sort, window_ms, terms)
    }
    const page = yield* tables(node, { sort, filter, ...(yield* listBounds(limit, after)) })
    const { incomplete, matched, rows, total } = page
    const first = rows[0]?.row
    const leading = ledBy(first && `${called(first, terms)} with ${sized(first)}`, after)
    return {
      summary: (shown: number) =>
        first === undefined
          ? noneOf(page, isFiltering(filter), "table")
          : `${shownOf(shown, matched, "table")} by ${sort}${leading}.`,
      complete: incomplete.length === 0,
      notes: [...ofItsMoment(after, sort, "table", ["name"]), ...(incomplete.length === 0 ? [] : [late])],
      data: { total, matched, tables: rows.map(({ row }) => showTable(row, terms)) },
      page: pageOf("tables", page),
      hints: first === undefined ? [] : [inspect(first, terms)]
    }
  })
})

const answerGrowth = (
  { born, gone, incomplete, matched, rows, total }: Effect.Success<ReturnType<typeof tableGrowth>>,
  isFiltered: boolean,
  sort: "memory" | "size",
  windowMillis: number,
  terms: Terms
) => {
  const first = rows[0]?.row
  const by = ({ memoryBytes, objects }: TableGrowth) =>
    sort === "memory" ? bytes(memoryBytes) : amount(objects, "object")
  return {
    summary: (shown: number) =>
      first === undefined
        ? `No table${isFiltered ? " that passes the filter" : ""}${incomplete.length > 0 ? " of those that were looked at in time" : ""} grew in ${sort} in ${windowMillis} ms.`
        : `${shownOf(shown, matched, "table")} grew in ${sort} in ${windowMillis} ms; first ${called(first.table, terms)}, by ${by(first)}.`,
    complete: incomplete.length === 0,
    notes: incomplete.length === 0 ? [] : [late],
    data: {
      total,
      matched,
      born,
      gone,
      tables: rows.map(({ row: { isNew, memoryBytes, objects, table } }) =>
        Object.assign(showTable(table, terms), {
          memory_growth_bytes: memoryBytes,
          object_growth: objects,
          new: isNew ? true : undefined
        })
      )
    },
    page: { rows: "tables" } as const,
    hints: first === undefined ? [] : [inspect(first.table, terms)]
  }
}
