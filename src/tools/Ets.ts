import { Effect, Schema } from "effect"
import {
  type NoTable,
  protections,
  type Refused,
  type RowsQuery,
  sampleTable,
  selectFromTable,
  type Table,
  type TableFilter,
  tableGrowth,
  type TableGrowth,
  tableInfo,
  type TableName,
  type TableRows,
  tables
} from "../beam/Ets.ts"
import { atom, binary, isAtom, isTuple, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { visible } from "../syntax/Escape.ts"
import { excerpt, listed } from "../syntax/Excerpt.ts"
import { parseReference } from "../syntax/Identifier.ts"
import { atomsOf, parseTerm } from "../syntax/ParseTerm.ts"
import { NameText, TermText } from "./ArgumentText.ts"
import { atomName, namePart } from "./AtomName.ts"
import { shareOfTime, whyLate } from "./Deadline.ts"
import { didYouMean } from "./DidYouMean.ts"
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
  pageOf,
  toPosition,
  shownOf,
  sortBy
} from "./Listing.ts"
import { resolveProcess } from "./ProcessArgument.ts"
import { amount, bytes, duration } from "./Quantity.ts"
import { redacted } from "./Secrets.ts"
import { currentSyntax } from "./Session.ts"
import { type Terms, termsOf } from "./Terms.ts"
import * as Tool from "./Tool.ts"
import { ToolError, type ToolErrorCode } from "./ToolError.ts"
import { optionalWindow, throughWindow } from "./Window.ts"

const shared = { toolset: "ets", access: "inspect", target: "connected" } as const

const invalid = (message: string) => new ToolError({ code: "invalid_input", message, retryable: false })

const tableFields = {
  table: Schema.String,
  name: Schema.optionalKey(Schema.String),
  objects: Schema.Int,
  memory_bytes: Schema.Int,
  type: Schema.String,
  protection: Schema.String,
  owner: Schema.String,
  owner_name: Schema.optionalKey(Schema.String),
  application: Schema.optionalKey(Schema.String)
}

/** A table as an argument takes it. */
const idOf = ({ id }: Table, terms: Terms): string => ("text" in id ? terms.atom(id.text) : terms.print(id))

/** A table as a summary calls it. */
const called = (table: Table, terms: Terms): string =>
  table.isNamed ? idOf(table, terms) : `${terms.atom(table.name)} (${idOf(table, terms)})`

const named = (name: string | undefined, terms: Terms): string | undefined =>
  name === undefined ? undefined : terms.atom(name)

const showTable = (table: Table, terms: Terms) => ({
  table: idOf(table, terms),
  name: table.isNamed ? undefined : terms.atom(table.name),
  objects: table.objects,
  memory_bytes: table.memoryBytes,
  type: visible(table.type),
  protection: visible(table.protection),
  owner: terms.print(table.owner),
  owner_name: named(table.ownerName, terms),
  application: named(table.application, terms)
})

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

const listEtsTables = Tool.make({
  ...shared,
  name: "list_ets_tables",
  title: "ETS tables",
  description:
    "ETS tables with their size, memory and owner, in the order of a value; with window_ms those that grew most while the call waits. Next: get_ets_table_info, sample_ets_table.",
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
        tableGrowth(node, { sort, windowMillis: window_ms, limit, deadlineMillis: beside * shareOfTime, filter })
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
      notes: incomplete.length === 0 ? [] : [late],
      data: { total, matched, tables: rows.map(({ row }) => showTable(row, terms)) },
      page: pageOf("tables", page),
      hints: first === undefined ? [] : [inspect(first, terms)]
    }
  })
})

const sized = ({ memoryBytes, objects }: Table): string => `${amount(objects, "object")} in ${bytes(memoryBytes)}`

const inspect = (table: Table, terms: Terms): string =>
  `get_ets_table_info ${JSON.stringify({ table: idOf(table, terms) })}`

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

const table = NameText.annotate({ description: "A name, or a reference such as #Ref<0.1.2.3>" })

/** How the node is asked for the table that a text names. */
const tableName = (node: ErlangNode, text: string): Effect.Effect<TableName, ToolError> => {
  const verbatim = text.trim()
  if (verbatim.startsWith("#Ref")) {
    const parsed = parseReference(verbatim)
    switch (parsed._tag) {
      case "Invalid":
        return Effect.fail(invalid(parsed.problem))
      case "Foreign":
        return Effect.fail(
          invalid(`${excerpt(text)} is how one shell names a reference of another node. Ask that node for #Ref<0.…>.`)
        )
      case "Reference":
        return parsed.node === undefined || parsed.node === node.name
          ? Effect.succeed({ reference: `#Ref<0.${parsed.words.toReversed().join(".")}>` })
          : Effect.fail(invalid(`${excerpt(text)} is a table of ${excerpt(parsed.node)}, not of ${node.name}.`))
    }
  }
  // As it is written, or as an atom is; an alias to Elixir is perhaps a name whose quotes were left out.
  return Effect.succeed({ names: [...new Set([atomName(text), verbatim, text])] })
}

const noTable = (node: ErlangNode, text: string, { named: names, unnamed }: NoTable, terms: Terms): ToolError =>
  new ToolError({
    code: "not_found",
    message:
      unnamed.length > 1
        ? `Several tables of ${node.name} were made under the name '${excerpt(text)}' and none is registered under it: say which by its reference, such as ${unnamed.map((id) => terms.print(id)).join(", ")}.`
        : `There is no ETS table ${excerpt(text)} on ${node.name} (any more).`,
    retryable: false,
    next: "list_ets_tables",
    didYouMean: didYouMean(text, names).map(terms.atom)
  })

const Switch = Schema.optionalKey(Schema.Boolean)

const getEtsTableInfo = Tool.make({
  ...shared,
  name: "get_ets_table_info",
  title: "One ETS table",
  description:
    "What is known of one ETS table without its objects: size, memory, owner, heir, options, who has fixed it, and how full its buckets are. Next: sample_ets_table.",
  cost: "cheap",
  input: { table },
  output: {
    ...tableFields,
    key_position: Schema.Int,
    bytes_per_object: Schema.optionalKey(Schema.Int),
    heir: Schema.optionalKey(Schema.String),
    options: Schema.Struct({
      compressed: Switch,
      read_concurrency: Switch,
      write_concurrency: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String])),
      decentralized_counters: Switch
    }),
    fixed: Schema.optionalKey(
      Schema.Struct({ for_ms: Schema.Int, process_count: Schema.Int, by: Schema.Array(Schema.String) })
    ),
    buckets: Schema.optionalKey(
      Schema.Struct({ count: Schema.Int, average_objects: Schema.Finite, most_objects: Schema.Int })
    )
  },
  run: Effect.fnUntraced(function* ({ table: text }, node) {
    const terms = yield* termsOf(node)
    const info = yield* tableInfo(node, yield* tableName(node, text))
    if (info._tag === "NoTable") return yield* noTable(node, text, info, terms)
    const { chains, fixed } = info
    const owner = info.ownerName === undefined ? terms.print(info.owner) : terms.atom(info.ownerName)
    return {
      summary: `${called(info, terms)} is a ${visible(info.protection)} ${visible(info.type)} of ${owner} with ${sized(info)}.`,
      notes: [
        "memory_bytes has no binaries of more than 64 bytes: those lie outside of the table.",
        ...(fixed !== undefined && fixed.millis > longFixed
          ? [
              `It has been fixed for ${duration(fixed.millis)}: while somebody walks it, what is deleted still takes room.`
            ]
          : [])
      ],
      data: {
        ...showTable(info, terms),
        key_position: info.keyPosition,
        bytes_per_object: info.objects === 0 ? undefined : Math.round(info.memoryBytes / info.objects),
        heir: info.heir && terms.print(info.heir),
        options: {
          compressed: info.compressed,
          read_concurrency: info.readConcurrency,
          write_concurrency:
            typeof info.writeConcurrency === "string" ? visible(info.writeConcurrency) : info.writeConcurrency,
          decentralized_counters: info.decentralizedCounters
        },
        fixed: fixed && {
          for_ms: fixed.millis,
          process_count: fixed.count,
          by: fixed.by.map((pid) => terms.print(pid))
        },
        buckets: chains && {
          count: chains.buckets,
          average_objects: Math.round(chains.average * 100) / 100,
          most_objects: chains.longest
        }
      },
      hints: [
        info.protection === "private"
          ? `get_process_info ${JSON.stringify({ pid: terms.print(info.owner) })}`
          : `sample_ets_table ${JSON.stringify({ table: idOf(info, terms) })}`
      ]
    }
  })
})

/** Milliseconds for which a walk may fix a table before that is worth a word. */
const longFixed = 10_000

/**
 * Bytes of the average object above which none is read. The node copies an object whole before anybody can tell how
 * large it is, and a worker has 64 MiB.
 */
const maxObjectBytes = 4 * 1024 * 1024

const told = (code: ToolErrorCode, message: string, next?: string): ToolError =>
  new ToolError({ code, message, retryable: false, ...(next !== undefined && { next }) })

const refusal = (node: ErlangNode, { objects, table: about, why }: Refused, terms: Terms): ToolError => {
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
        `The ${amount(objects ?? 0, "object")} that this asks for are not read: ${name} is a ${visible(about.type)}, so the node would copy those of one key all at once, about ${size} (limit: ${bytes(maxObjectBytes)}). Ask for fewer with a pattern for match that says more of their values.`,
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
  cut_from_bytes: Schema.optionalKey(Schema.Int),
  unread_objects: Schema.optionalKey(Schema.Int)
}

const rowsOutput = {
  table: Schema.String,
  type: Schema.String,
  key_position: Schema.Int,
  total: Schema.Int,
  rows: Schema.optionalKey(Schema.Array(Schema.Struct(rowFields)))
}

/** What bounds a question for objects. */
const rowsBounds = Effect.fnUntraced(function* (
  node: ErlangNode,
  text: string,
  limit: number,
  after: ListPosition | undefined
): Effect.fn.Return<RowsQuery, ToolError> {
  return { table: yield* tableName(node, text), maxObjectBytes, ...(yield* listBounds(limit, after)) }
})

/** That a worker outgrew its heap means one thing here. */
const tooLarge = (text: string) => () =>
  Effect.fail(
    new ToolError({
      code: "too_large",
      message: `The worker that read ${excerpt(text)} outgrew its heap and was ended: there are objects in it that are too large to copy. Ask for keys_only, for fewer, or with a pattern that leaves them out.`,
      retryable: false,
      next: `sample_ets_table ${JSON.stringify({ table: text, keys_only: true })}`
    })
  )

/** Rows as they are shown, and what is to be said of them. */
const showRows = (selected: TableRows, areKeys: boolean, terms: Terms) => {
  const { isMore, rows, table: from } = selected
  const cut = rows.filter(({ cutFrom }) => cutFrom > 0).length
  const crowded = rows.filter(({ unread }) => unread !== undefined).length
  const last = rows.at(-1)
  const isPaged = rows.every(({ place }) => place !== undefined)
  const isUnordered = from.type !== "ordered_set"
  return {
    complete: crowded === 0 && (isMore === false || (isMore === true && isPaged)),
    notes: [
      ...(crowded > 0
        ? [
            `Where it says unread_objects, value is a key with so many objects that they are not read: a ${visible(from.type)} gives those of one key only all at once (limit: about ${bytes(maxObjectBytes)}).`
          ]
        : []),
      ...(cut > 0 ? [`${amount(cut, "row")} too large to travel: cut on the node, where it says ... or '...'.`] : []),
      ...(isMore === true && isUnordered && isPaged
        ? [`A ${visible(from.type)} has no order: what changes between pages may be missed, or seen twice.`]
        : []),
      ...(isMore !== false && !isPaged ? ["There is no next page: a key here is too large to go on behind."] : []),
      ...(isMore === "deadline"
        ? [`Time ran out before the whole table was looked through. Allow more with timeout_ms. ${whyLate}`]
        : [])
    ],
    rows: (characters: number) =>
      rows.map((row) => ({
        value:
          areKeys || row.unread !== undefined
            ? terms.print(row.term, characters)
            : showObject(row.term, selected, terms, characters),
        cut_from_bytes: row.cutFrom > 0 ? row.cutFrom : undefined,
        unread_objects: row.unread
      })),
    page: {
      rows: "rows",
      next: isMore !== false && isPaged && last?.place !== undefined ? toPosition(last.place) : undefined,
      ...(isPaged && { after: (row: number) => toPosition(rows[row]!.place!) })
    } as const
  }
}

/** An object; what its key, or the name of a field, says is a secret is left out. A pair says so by itself. */
const showObject = (term: Term, { fields, table: from }: TableRows, terms: Terms, characters: number): string => {
  if (!isTuple(term)) return terms.print(term, characters)
  if (fields.length > 0 && term.length === fields.length + 1) {
    const shown = term.map((value, at) => {
      const field = fields[at - 1]
      return field !== undefined && terms.value(atom(field), value, secretCharacters) === redacted
        ? binary(redacted)
        : value
    })
    return terms.print(shown, characters)
  }
  const key = term[from.keyPosition - 1]
  const isPair = term.length === 2 && from.keyPosition === 1
  return key === undefined || isPair ? terms.print(term, characters) : terms.value(key, term, characters)
}

/** Enough to tell whether a value is left out. */
const secretCharacters = redacted.length + 3

const sampleEtsTable = Tool.make({
  ...shared,
  name: "sample_ets_table",
  title: "Objects of an ETS table",
  description:
    "The first objects of an ETS table that is not private, or with keys_only its keys, page by page; the node copies whole objects. To look for some, use select_ets_table.",
  cost: "moderate",
  input: {
    table,
    keys_only: Schema.optionalKey(Schema.Boolean),
    limit: limitUpTo(100, 10),
    cursor
  },
  output: rowsOutput,
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ keys_only = false, limit, table: text }, node, after) {
    const terms = yield* termsOf(node)
    const query = yield* rowsBounds(node, text, limit, after)
    const sampled = yield* sampleTable(node, { ...query, what: keys_only ? "keys" : "objects" }).pipe(
      Effect.catchReason("CallError", "HeapLimit", tooLarge(text))
    )
    if (sampled._tag === "NoTable") return yield* noTable(node, text, sampled, terms)
    if (sampled._tag === "Refused") return yield* refusal(node, sampled, terms)
    const { table: from } = sampled
    const { rows, ...shownRows } = showRows(sampled, keys_only, terms)
    const what = keys_only ? "key" : "object"
    return {
      ...shownRows,
      summary: (shown: number) =>
        `${amount(shown, what)} of ${called(from, terms)}, a ${visible(from.type)} with ${sized(from)}.`,
      data: (characters: number) => ({ ...aboutRows(from, terms), rows: rows(characters) }),
      hints: [inspect(from, terms)]
    }
  })
})

const aboutRows = (from: Table, terms: Terms) => ({
  table: idOf(from, terms),
  type: visible(from.type),
  key_position: from.keyPosition,
  total: from.objects
})

const selectEtsTable = Tool.make({
  ...shared,
  name: "select_ets_table",
  title: "Look for objects in an ETS table",
  description:
    "Objects of an ETS table by `key`, or those like the pattern `match`: {_, :ok, _} in an Elixir or Gleam session, {_, ok, _} in an Erlang or LFE one. Without the whole key, a match walks the table. Next: get_ets_table_info.",
  cost: "heavy",
  timeoutMillis: 10_000,
  input: {
    table,
    key: Schema.optionalKey(TermText),
    match: Schema.optionalKey(TermText),
    limit: limitUpTo(100, 10),
    cursor
  },
  output: { ...rowsOutput, matched: Schema.optionalKey(Schema.Int) },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ key, limit, match, table: text }, node, after) {
    const terms = yield* termsOf(node)
    const wanted = yield* wantedTerm(node, key, match)
    const query = yield* rowsBounds(node, text, limit, after)
    const selected = yield* selectFromTable(node, { ...query, wanted }).pipe(
      Effect.catchReason("CallError", "HeapLimit", tooLarge(text))
    )
    switch (selected._tag) {
      case "NoTable":
        return yield* noTable(node, text, selected, terms)
      case "Refused":
        return yield* refusal(node, selected, terms)
      case "UnknownTerms":
        return yield* yield* unknownTerms(node, "key" in wanted ? wanted.key : wanted.match, terms)
    }
    const { isMore, matched, table: from } = selected
    const { rows, ...shownRows } = showRows(selected, false, terms)
    const found = "key" in wanted ? "with this key" : "like this"
    return {
      ...shownRows,
      summary: (shown: number) =>
        shown === 0
          ? `No object ${found} ${isMore === "deadline" ? "was found in time" : after === undefined ? "is" : "is left"} in ${called(from, terms)}, which has ${amount(from.objects, "object")}.`
          : `${matched === undefined ? amount(shown, "object") : shownOf(shown, matched, "object")} ${found} in ${called(from, terms)}${isMore === true && matched === undefined ? ", and there are more" : ""}.`,
      data: (characters: number) => ({ ...aboutRows(from, terms), matched, rows: rows(characters) }),
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
  const parsed = parseTerm(text, name, {
    node: node.name,
    creation: node.creation,
    wildcards: match !== undefined
  })
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

/** The ETS toolset. */
export const etsTools: ReadonlyArray<Tool.Tool> = [listEtsTables, getEtsTableInfo, sampleEtsTable, selectEtsTable]
