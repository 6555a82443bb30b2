import { Effect, Schema } from "effect"
import { processGrowth, processPage } from "../../beam/Processes.ts"
import { findNames } from "../../beam/ProcessNames.ts"
import {
  groupings,
  type GrowthQuery,
  isProcessName,
  type PagePlace,
  type PageQuery,
  type ProcessGrowth,
  type ProcessName,
  type ProcessPage
} from "../../beam/ProcessQuery.ts"
import { type ProcessKey, type ProcessRow, rankOf } from "../../beam/ProcessRow.ts"
import type { Pid } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { withoutAgent } from "../../node/WithoutAgent.ts"
import type { Answer } from "../Answer.ts"
import { namePart } from "../AtomName.ts"
import { remainingMillis, scanMillis, whyLate } from "../Deadline.ts"
import type { Failure } from "../Failure.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  ofItsMoment,
  shownOf,
  sortBy,
  toPosition as namePosition
} from "../Listing.ts"
import { localPid } from "../ProcessArgument.ts"
import { Filter, guessedBehaviours, laterCallbacks, noLabels, none, toFilter } from "./ProcessFilter.ts"
import { answerGroups, groupsOutput } from "./ProcessGroups.ts"
import {
  nameOf,
  othersOf,
  Row,
  rowFields,
  say,
  scanNotes,
  showRow,
  spoken,
  unreadLabels,
  withLimits
} from "./ProcessRows.ts"
import { amount } from "../Quantity.ts"
import type { Session } from "../Session.ts"
import { knownPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"
import { optionalWindow, throughWindow } from "../Window.ts"

const shared = {
  toolset: "processes",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  // To be asked for its memory or heap a process has to have its turn; a limit spares no process the question.
  ifLate:
    "A smaller limit does not help, since all processes are asked: sort by message_queue or reductions, which are read at once"
} as const

/** What clients call the values that processes are ranked by. */
const sortKeys = {
  memory: "memory",
  reductions: "reductions",
  message_queue: "message_queue_len",
  heap: "total_heap_size"
} as const satisfies Record<string, ProcessKey>
type SortName = keyof typeof sortKeys
const sortNames = Object.keys(sortKeys) as ReadonlyArray<SortName>

const isSortName = (name: string): name is SortName => name in sortKeys

const byDefault = { description: "Default memory", default: "memory" } as const
const byMemory = Effect.succeed("memory" as const)

/** `sort_by` of a list of processes, and what it stands for. */
export const processSort = {
  schema: Schema.Literals([...sortNames, "pid"])
    .annotate(byDefault)
    .pipe(Schema.withDecodingDefaultKey(byMemory)),
  keyOf: (name: SortName | "pid"): ProcessKey | "pid" => (isSortName(name) ? sortKeys[name] : "pid")
}

const PidNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))

/** Behind which process a page begins; see {@link PagePlace}. */
export const position = Schema.Struct({ id: PidNumber, serial: PidNumber, value: Schema.optionalKey(Schema.Int) })
type Position = typeof position.Type

/** The same, or behind which name. */
const anyPosition = Schema.Union([ListPosition, position])

/** What is said of a later page in an order by what moves; by reductions the look itself moves those that it is at. */
const laterPage = (after: object | undefined, sort: PageQuery["sort"], steady: string): ReadonlyArray<string> =>
  sort !== "status" && isProcessName(sort)
    ? []
    : ofItsMoment(
        after,
        sort,
        "process",
        sort === "pid" ? ["pid"] : [steady],
        sort === "reductions" ? "reductions change, to which each look adds," : "figures change"
      )

/** One page of processes as an answer. */
export const answerPage = Effect.fnUntraced(function* (
  node: ErlangNode,
  query: Omit<PageQuery, "deadlineMillis" | "after">,
  after: typeof anyPosition.Type | undefined,
  summary: (page: ProcessPage, shown: number, terms: Terms) => string,
  /** Where processes were looked for by name: that name, and the names that they are known by. */
  known?: { readonly name: string; readonly names: (pid: Pid) => string },
  /** The order in which each comes once, and where to have it if that is not here. */
  steady = "pid"
) {
  const terms = yield* termsOf(node)
  const { sort } = query
  const { wordBytes } = node.capabilities
  const { deadlineMillis, ...behind } = yield* listBounds(query.limit, after && "at" in after ? after : undefined)
  const place = after && "id" in after ? { after: yield* toPlace(node, after) } : {}
  const page = yield* processPage(node, { ...query, ...behind, ...place, deadlineMillis })
  if (page.incomplete.includes("label")) return yield* noLabels(node)
  const { matched, next, rows } = page
  const notes = [...scanNotes(page, rows, terms, node), ...guessedBehaviours(query.filter)]
  const unread = unreadLabels(rows, node)
  const [first] = rows
  const nothing = matched === 0 ? none(query.filter, page, terms, known?.name) : `None of ${matched} is left here.`
  return {
    summary: (shown: number) => withLimits(first === undefined ? nothing : summary(page, shown, terms), page),
    // A row says of itself that its label was not read; where labels are the order, it has no place in it either.
    complete: notes.length === 0 && (sort !== "label" || unread.length === 0),
    notes: [...laterPage(after, sort, steady), ...notes, ...laterCallbacks(query.filter), ...unread],
    data: {
      total: page.total,
      matched,
      processes: rows.map((row) =>
        Object.assign(showRow(row, terms, wordBytes, sort), known && { known_as: known.names(row.pid) })
      )
    },
    page: {
      rows: "processes",
      next: next && ("pid" in next ? toPosition(next) : namePosition(next)),
      after: (at: number) => {
        if (isProcessName(sort)) return namePosition(page.places![at]!)
        const { pid, ...row } = rows[at]!
        return toPosition({ pid, ...(sort !== "pid" && { value: rankOf({ pid, ...row }, sort) ?? 0 }) })
      }
    } as const,
    hints: inspecting(rows, terms)
  }
})

const toPosition = ({ pid: { id, serial }, value }: PagePlace): Position => ({
  id,
  serial,
  ...(value !== undefined && { value })
})

const toPlace = (node: ErlangNode, { id, serial, value }: Position): Effect.Effect<PagePlace, Failure> =>
  Effect.map(localPid(node, id, serial), (pid) => ({ pid, ...(value !== undefined && { value }) }))

/** To look at the first of these that is no worker of ours. */
const inspecting = (rows: ReadonlyArray<ProcessRow>, terms: Terms): ReadonlyArray<string> =>
  othersOf(rows)
    .slice(0, 1)
    .map((row) => `get_process_info ${JSON.stringify({ pid: nameOf(row, terms) })}`)

/** Milliseconds for a tool that asks all processes: a tenth of a second does on an idle node, and seconds on a busy one. */
const scanTimeoutMillis = 15_000

/** Says how many processes are shown, in which order, and which is the first of all: not behind the cursor `after`. */
export const ranking =
  (sort: PageQuery["sort"], { capabilities }: ErlangNode, after: object | undefined) =>
  ({ incomplete, matched, rows }: ProcessPage, shown: number, terms: Terms): string => {
    const [first] = othersOf(rows)
    if (sort === "pid" || isProcessName(sort))
      return `${shownOf(shown, matched, "process", "processes")} by ${sort.replace("_", " ")}.`
    const value = first === undefined ? undefined : rankOf(first, sort)
    if (first === undefined && rows.length > 0)
      return `${shownOf(shown, matched, "process", "processes")} by ${spoken[sort]}, at work for Beamscope.`
    if (first === undefined || value === undefined)
      return `${shownOf(shown, matched, "process", "processes")} by ${sort}.`
    if (value === 0 && rows[0] === first)
      return `${shownOf(shown, matched, "process", "processes")} by ${spoken[sort]}; all${after === undefined && incomplete.length === 0 ? "" : " here"} have 0.`
    const leading = `${nameOf(first, terms)} with ${say(value, sort, capabilities.wordBytes)}`
    return `${shownOf(shown, matched, "process", "processes")} by ${spoken[sort]}${ledBy(leading, after)}.`
  }

/** The data of {@link answerPage}. */
export const pageOutput = { ...listOutput, processes: Schema.optionalKey(Schema.Array(Row)) }

const listed = Schema.Struct({ ...pageOutput, ...groupsOutput })
type ListOutput = typeof listed.Type

/** What clients call the names that processes are sorted by. */
const nameKeys = {
  name: "registered_name",
  module: "module",
  initial_call: "initial_call",
  label: "label",
  application: "application",
  status: "status"
} as const satisfies Record<string, ProcessName>
const nameSorts = Object.keys(nameKeys) as ReadonlyArray<keyof typeof nameKeys>
const isNameSort = (name: string): name is keyof typeof nameKeys => name in nameKeys

const listProcesses = Tool.make({
  ...shared,
  name: "list_processes",
  title: "List processes",
  description:
    "Processes; with group_by how many are alike, and their sums. Growth: top_processes; one by name: find_process.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    sort_by: Schema.optionalKey(
      Schema.Literals([...sortNames, "pid", ...nameSorts, "count"]).annotate({
        description: "Default memory, with min_message_queue_length message_queue; count of groups"
      })
    ),
    group_by: Schema.optionalKey(Schema.Literals(groupings)),
    filter: Schema.optionalKey(Filter.annotate({ description: "All hold; names in part" })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: listed.fields,
  // Of groups, and of processes.
  position: anyPosition,
  run: Effect.fnUntraced(function* (
    // Who looks for long queues means those, too, that are not asked for their memory because of it.
    { filter: wanted = {}, group_by, limit, sort_by = wanted.min_message_queue_length ? "message_queue" : "memory" },
    node,
    after
  ): Effect.fn.Return<Answer<ListOutput>, Failure, Session> {
    const filter = yield* toFilter(wanted, node, yield* termsOf(node))
    if (group_by !== undefined) {
      const grouped = { by: group_by, sort: sort_by, limit, filter }
      return yield* answerGroups(node, grouped, after !== undefined && "at" in after ? after : undefined)
    }
    if (sort_by === "count") {
      return yield* new ToolError({
        code: "invalid_input",
        message: "`sort_by`: only groups have a count. Say `group_by` too, or sort by another value.",
        retryable: false
      })
    }
    const sort = isNameSort(sort_by) ? nameKeys[sort_by] : processSort.keyOf(sort_by)
    return yield* answerPage(node, { sort, limit, filter }, after, ranking(sort, node, after))
  })
})

/** What keeps a search for a name from being whole, in words. */
const whyUnnamed = {
  deadline: `Time ran out while names were looked at. Allow more with timeout_ms. ${whyLate}`,
  many: "There are more names than are looked at, or more that match than the thousand that are followed. Say more of the name.",
  long: "Of names above 1,000 bytes only the beginning was looked at."
} as const

/** Processes that are known by names in which a regular expression finds something, those names in hand. */
const knownAs = Effect.fnUntraced(function* (node: ErlangNode, pattern: string, terms: Terms) {
  const found = yield* findNames(node, pattern, scanMillis(yield* remainingMillis))
  const names = new Map<string, Array<string>>()
  for (const { known, pid } of found.names) {
    const key = terms.print(pid)
    const text = terms.print(known.term, maxNameCharacters)
    names.set(key, [...(names.get(key) ?? []), text])
  }
  const pids = new Map(found.names.map(({ pid }) => [terms.print(pid), pid]))
  return {
    filter: { pids: [...pids.values()] },
    names: (pid: Pid) => {
      const all = names.get(terms.print(pid)) ?? []
      const more = all.length > maxNamesShown ? ` and ${all.length - maxNamesShown} more` : ""
      return all.slice(0, maxNamesShown).join(", ") + more
    },
    notes: found.incomplete.map((why) => whyUnnamed[why])
  }
})

const maxNameCharacters = 200
/** Names of one process: it may be in many groups. */
const maxNamesShown = 5

/** What else may hold of those that are looked for. */
const FindFilter = Schema.Struct({
  min_memory_bytes: Filter.fields.min_memory_bytes,
  min_message_queue_length: Filter.fields.min_message_queue_length
})

const findProcess = Tool.make({
  ...shared,
  name: "find_process",
  title: "Find processes",
  description:
    "Processes by part of a name (registered, :global, Registry, pg group, gproc, syn) or label (OTP 27+), by module (current, initial or callback) or application; all must hold.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    name: Schema.optionalKey(FilterText),
    module: Schema.optionalKey(FilterText),
    label: Schema.optionalKey(FilterText),
    application: Schema.optionalKey(FilterText),
    filter: Schema.optionalKey(FindFilter),
    sort_by: sortBy([...sortNames, "pid"], "message_queue"),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    processes: Schema.optionalKey(
      Schema.Array(Schema.Struct({ ...rowFields, known_as: Schema.optionalKey(Schema.String) }))
    )
  },
  position,
  run: Effect.fnUntraced(function* ({ filter: least = {}, limit, name, sort_by, ...others }, node, after) {
    const { application, label, module } = others
    if ((name ?? application ?? label ?? module) === undefined) {
      return yield* new ToolError({
        code: "invalid_input",
        message: "find_process: say what to look for: `name`, `module`, `label` or `application`.",
        retryable: false,
        next: "list_processes"
      })
    }
    const terms = yield* termsOf(node)
    const rest = yield* toFilter(
      {
        ...(application !== undefined && { application }),
        ...(label !== undefined && { label }),
        ...(module !== undefined && { module }),
        ...least
      },
      node,
      terms
    )
    const known =
      name === undefined
        ? undefined
        : yield* knownAs(node, yield* knownPattern(node, name), terms).pipe(
            withoutAgent(() =>
              Effect.succeed({ filter: { name: namePart(name) }, names: undefined, notes: [registeredOnly] })
            )
          )
    const filter = { ...rest, ...known?.filter }
    const answer = yield* answerPage(
      node,
      { sort: processSort.keyOf(sort_by), limit, filter },
      after,
      ({ matched, rows }, shown) => {
        const names = othersOf(rows)
          .slice(0, 3)
          .map((row) => nameOf(row, terms))
        const found = `Found ${shownOf(shown, matched, "process", "processes")}`
        if (names.length === 0) return `${found}, at work for Beamscope.`
        return `${found}: ${names.join(", ")}${rows.length > names.length ? ", …" : ""}.`
      },
      name === undefined || known?.names === undefined ? undefined : { name: namePart(name), names: known.names }
    )
    const unnamed = known?.notes ?? []
    return { ...answer, complete: answer.complete && unnamed.length === 0, notes: [...unnamed, ...answer.notes] }
  })
})

const registeredOnly = "Only registered names were looked at: the others are read where the agent may run."

/** What one looks at the busiest of. */
const TopFilter = Schema.Struct({
  application: Filter.fields.application,
  module: Filter.fields.module,
  behaviour: Schema.optionalKey(FilterText)
})

/** Rows of a page of {@link topProcesses}. */
const maxTop = 100

const topProcesses = Tool.make({
  ...shared,
  name: "top_processes",
  title: "Top processes",
  description:
    "Processes with most memory, reductions, messages or heap; with window_ms those that grew most in it. Who is busy now: reductions, window_ms 1000.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    sort_by: Schema.Literals(sortNames).annotate(byDefault).pipe(Schema.withDecodingDefaultKey(byMemory)),
    window_ms: optionalWindow,
    filter: Schema.optionalKey(TopFilter),
    limit: limitUpTo(maxTop, 10),
    cursor
  },
  position,
  output: {
    total: Schema.optionalKey(Schema.Int),
    matched: Schema.Int,
    window_ms: Schema.optionalKey(Schema.Int),
    born: Schema.optionalKey(Schema.Int),
    gone: Schema.optionalKey(Schema.Int),
    processes: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          ...rowFields,
          growth: Schema.optionalKey(Schema.Int),
          growth_per_second: Schema.optionalKey(Schema.Finite),
          new: Schema.optionalKey(Schema.Boolean)
        })
      )
    )
  },
  run: Effect.fnUntraced(function* ({ filter: wanted = {}, limit, sort_by, window_ms }, node, after) {
    const sort = sortKeys[sort_by]
    const filter = yield* toFilter(wanted, node, yield* termsOf(node))
    // What grows in a window has one page: in the next window, others do.
    if (window_ms === undefined) {
      const steady = "pid in list_processes"
      return yield* answerPage(node, { sort, limit, filter }, after, ranking(sort, node, after), undefined, steady)
    }
    return yield* throughWindow("top_processes", window_ms, (beside) =>
      answerGrowth(node, {
        sort,
        limit,
        filter,
        windowMillis: window_ms,
        deadlineMillis: scanMillis(beside)
      })
    )
  })
})

const answerGrowth = Effect.fnUntraced(function* (node: ErlangNode, query: GrowthQuery) {
  const terms = yield* termsOf(node)
  const { sort, windowMillis } = query
  const grown = yield* processGrowth(node, query)
  const { born, compared, gone, incomplete, matched, measuredMillis, rows } = grown
  const told = rows.map(({ row }) => row)
  const isLate = incomplete.includes("deadline")
  const notes = [
    ...(isLate ? [comparedInTime(grown, isFiltering(query.filter))] : []),
    ...scanNotes({ ...grown, incomplete: incomplete.filter((why) => why !== "deadline") }, told, terms, node),
    ...guessedBehaviours(query.filter)
  ]
  const [first] = rows
  const leading = rows.find(({ row }) => !row.own)
  const { wordBytes } = node.capabilities
  const unit = sort === "total_heap_size" ? wordBytes : 1
  const within = spokenWindow(measuredMillis ?? { least: windowMillis, most: windowMillis })
  return {
    summary: (shown: number) =>
      first === undefined
        ? isLate
          ? noneKnown(compared, spoken[sort], within)
          : `No process${isFiltering(query.filter) ? " that passes the filter" : ""}${incomplete.length > 0 ? " of those that were compared" : ""} grew in ${spoken[sort]} in ${within}.`
        : withLimits(
            `${shownOf(shown, matched, "process", "processes")} grew in ${spoken[sort]} in ${within}${leading === undefined ? ", at work for Beamscope" : `; first ${nameOf(leading.row, terms)}, by ${say(leading.growth, sort, wordBytes)}`}.`,
            { ...grown, seen: compared + born }
          ),
    complete: notes.length === 0,
    notes: [
      ...notes,
      ...laterCallbacks(query.filter),
      ...unreadLabels(told, node),
      ...moreGrew(matched - query.limit, query.limit)
    ],
    data: {
      matched,
      window_ms: Math.round(measuredMillis?.most ?? 0) || undefined,
      born,
      gone,
      processes: rows.map(({ born: isNew, growth, perSecond, row }) =>
        Object.assign(showRow(row, terms, wordBytes, sort), {
          growth: growth * unit,
          growth_per_second: Math.round(perSecond * unit),
          new: isNew ? true : undefined
        })
      )
    },
    page: { rows: "processes" } as const,
    hints: inspecting(told, terms)
  }
})

/** The time between two looks, which may differ from process to process. */
const spokenWindow = ({ least, most }: { readonly least: number; readonly most: number }): string =>
  Math.round(least) === Math.round(most) ? `${Math.round(most)} ms` : `${Math.round(least)} to ${Math.round(most)} ms`

/** What is said where none is known to have grown, and time ran out: who was not compared may have. */
const noneKnown = (compared: number, what: string, within: string): string =>
  compared === 0
    ? `Time ran out before any process was looked at a second time: which of them grew in ${what} is not known.`
    : `Time ran out: of ${amount(compared, "process that was", "processes that were")} looked at twice, in ${within}, none grew in ${what}; whether others did is not known.`

const comparedInTime = ({ compared, seen }: ProcessGrowth, isFiltered: boolean): string =>
  `Time ran out: ${amount(seen, "process was", "processes were")} looked at, ${compared} ${isFiltered ? "that pass the filter " : ""}twice; whether others grew is not known. Allow more with timeout_ms. ${whyLate}`

/** How to see who grew, too, and is in no row: there is no cursor into a window that is over. */
const moreGrew = (left: number, limit: number): ReadonlyArray<string> =>
  left <= 0
    ? []
    : [
        `${left} more grew; a window has one page: ${limit < maxTop ? `to see more of the next, ask again with a greater limit (up to ${maxTop}), or filter` : "to see others, filter"}.`
      ]

/** The tools of the processes toolset that look at many. */
export const processTools: ReadonlyArray<Tool.Tool> = [listProcesses, topProcesses, findProcess]
