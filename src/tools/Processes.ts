import { Effect, Schema } from "effect"
import { processGrowth, processPage } from "../beam/Processes.ts"
import {
  longQueue,
  type PagePlace,
  type PageQuery,
  type ProcessFilter,
  type ProcessPage,
  processStatuses,
  type Scanned
} from "../beam/ProcessQuery.ts"
import { type ProcessKey, type ProcessRow, rankOf } from "../beam/ProcessRow.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readAtom } from "../syntax/AtomText.ts"
import { visible } from "../syntax/Escape.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import type { Undefinable } from "./Answer.ts"
import { remainingMillis, shareOfTime, whyLate } from "./Deadline.ts"
import type { Failure } from "./Failure.ts"
import { cursor, limitUpTo, shownOf } from "./Listing.ts"
import { localPid } from "./ProcessArgument.ts"
import { amount, bytes } from "./Quantity.ts"
import { type Terms, termsOf } from "./Terms.ts"
import * as Tool from "./Tool.ts"
import { ToolError } from "./ToolError.ts"
import { timeBeside, WindowMillis } from "./Window.ts"

const shared = { toolset: "processes", access: "inspect", cost: "moderate", target: "connected" } as const

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

const rowFields = {
  pid: Schema.String,
  name: Schema.optionalKey(Schema.String),
  label: Schema.optionalKey(Schema.String),
  application: Schema.optionalKey(Schema.String),
  initial_call: Schema.optionalKey(Schema.String),
  current_function: Schema.optionalKey(Schema.String),
  message_queue_length: Schema.optionalKey(Schema.Int),
  reductions: Schema.optionalKey(Schema.Int),
  memory_bytes: Schema.optionalKey(Schema.Int),
  heap_bytes: Schema.optionalKey(Schema.Int),
  beamscope: Schema.optionalKey(Schema.Boolean)
}
const Row = Schema.Struct(rowFields)

/** A row as it is shown. `heap_bytes` only where it decides the order. */
const showRow = (
  row: ProcessRow,
  terms: Terms,
  wordBytes: number,
  sort: ProcessKey | "pid"
): Undefinable<typeof Row.Type> => ({
  pid: terms.print(row.pid),
  // The empty atom is a name, too.
  name: row.registeredName === undefined ? undefined : terms.atom(row.registeredName),
  label: showLabel(row.label, terms),
  application: row.application === undefined ? undefined : terms.atom(row.application),
  initial_call: row.initialCall && terms.mfa(row.initialCall),
  current_function: row.currentFunction && terms.mfa(row.currentFunction),
  message_queue_length: row.messageQueueLength,
  reductions: row.reductions,
  memory_bytes: row.memory,
  heap_bytes: sort === "total_heap_size" && row.totalHeapSize !== undefined ? row.totalHeapSize * wordBytes : undefined,
  beamscope: row.own ? true : undefined
})

const maxLabelCharacters = 100

const showLabel = (label: ProcessRow["label"], terms: Terms): string | undefined => {
  if (label === undefined || label === "unread") return undefined
  if ("term" in label) return terms.print(label.term, maxLabelCharacters)
  const characters = Array.from(label.text)
  if (characters.length <= maxLabelCharacters) return visible(label.text)
  // The dots are what a secret is known by that was cut here.
  return visible(`${characters.slice(0, maxLabelCharacters - 3).join("")}...`)
}

/** A process as a summary calls it. */
const nameOf = ({ pid, registeredName }: ProcessRow, terms: Terms): string =>
  registeredName === undefined ? terms.print(pid) : terms.atom(registeredName)

/** A value that processes are ranked by, as a summary says it. */
const say = (value: number, key: ProcessKey, wordBytes: number): string => {
  switch (key) {
    case "memory":
      return bytes(value)
    case "total_heap_size":
      return `${bytes(value * wordBytes)} of heap`
    case "message_queue_len":
      return amount(value, "message")
    case "reductions":
      return amount(value, "reduction")
  }
}

const spoken = {
  memory: "memory",
  reductions: "reductions",
  message_queue_len: "message queue",
  total_heap_size: "heap"
} as const

/** What a scan could not see, in words; nothing when it is complete. */
const scanNotes = (scanned: Scanned, rows: ReadonlyArray<ProcessRow>, terms: Terms): ReadonlyArray<string> => [
  ...scanned.incomplete.map((why) => {
    switch (why) {
      case "deadline":
        return `Time ran out after ${amount(scanned.seen, "process", "processes")}; the others were not looked at. Allow more with timeout_ms. ${whyLate}`
      case "long_queue": {
        const { count, longest } = scanned.unmeasured
        const named = longest.slice(0, 5).map(({ messages, pid }) => `${terms.print(pid)} (${messages} messages)`)
        return `${amount(count, "process", "processes")} with more than ${longQueue} messages were left out, since looking at their heap would walk the queue: ${named.join(", ")}. Sort by message_queue to see them.`
      }
      case "initial_call":
        return "This release hides the callback modules of processes with a long queue or a large heap: of those, only current functions and initial calls were compared."
      case "large_heap":
        return "Labels on heaps of more than a million words are not read: whether those match is not known."
      case "label":
        return "Labels cannot be searched on this release, so none was compared."
    }
  }),
  ...unreadLabels(rows.filter(({ label }) => label === "unread").map((row) => nameOf(row, terms)))
]

const unreadLabels = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (names.length === 0) return []
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ""
  return [
    `Labels are not read where the queue is long or the heap large that they lie on: ${names.slice(0, 5).join(", ")}${more}. get_process_info reads one.`
  ]
}

const descending = { description: "Descending; default memory", default: "memory" } as const
const byMemory = Effect.succeed("memory" as const)

/** `sort_by` of a list of processes, and what it stands for. */
export const processSort = {
  schema: Schema.Literals([...sortNames, "pid"])
    .annotate(descending)
    .pipe(Schema.withDecodingDefaultKey(byMemory)),
  keyOf: (name: SortName | "pid"): ProcessKey | "pid" => (isSortName(name) ? sortKeys[name] : "pid")
}

const PidNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))

/** Behind which process a page begins; see {@link PagePlace}. */
export const position = Schema.Struct({ id: PidNumber, serial: PidNumber, value: Schema.optionalKey(Schema.Int) })
type Position = typeof position.Type

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Name = Schema.NonEmptyString.check(Schema.isMaxLength(255))

const Filter = Schema.Struct({
  application: Schema.optionalKey(Name),
  module: Schema.optionalKey(Name.annotate({ description: "Of the current function, initial call or callback" })),
  status: Schema.optionalKey(Schema.Literals(processStatuses)),
  min_memory_bytes: Schema.optionalKey(Count),
  min_message_queue_length: Schema.optionalKey(Count),
  min_reductions: Schema.optionalKey(Count)
})

/** The name of an atom that is written in the way of a language, or bare. */
export const atomName = (text: string): string => {
  const read = readAtom(text.trim(), 0)
  return read?.end === text.trim().length ? read.name : text
}

const toFilter = ({ application, module, status, ...least }: typeof Filter.Type): ProcessFilter => ({
  ...(application !== undefined && { application: atomName(application) }),
  ...(module !== undefined && { module: atomName(module) }),
  ...(status !== undefined && { status }),
  ...(least.min_memory_bytes !== undefined && { minMemory: least.min_memory_bytes }),
  ...(least.min_message_queue_length !== undefined && { minMessageQueueLength: least.min_message_queue_length }),
  ...(least.min_reductions !== undefined && { minReductions: least.min_reductions })
})

/** What is said where no process passes a filter. */
const none = (filter: ProcessFilter, { seen }: Scanned, terms: Terms): string => {
  const { application, label, module, name } = filter
  const wanted = [
    ...(name === undefined ? [] : [`a registered name with '${excerpt(name)}' in it`]),
    ...(module === undefined ? [] : [`the module ${terms.atom(module)}`]),
    ...(label === undefined ? [] : [`a label with '${excerpt(label)}' in it`]),
    ...(application === undefined ? [] : [`the application ${terms.atom(application)}`])
  ]
  const others = Object.keys(filter).length > wanted.length
  const looked = name === undefined ? `None of ${amount(seen, "process", "processes")}` : "No process"
  if (seen === 0 && name === undefined) return "No process was looked at."
  if (wanted.length === 0) return `${looked} passes the filter.`
  return `${looked} has ${wanted.join(" and ")}${others ? " and passes the rest of the filter" : ""}.`
}

/** That none was found would say that there is none. */
const noLabels = ({ capabilities, name }: ErlangNode) =>
  new ToolError({
    code: "unsupported",
    message: `${name} runs OTP ${capabilities.otpRelease}, where labels of processes cannot be searched: that takes 26.2 or later. Look by name, module or application.`,
    retryable: false,
    next: "find_process"
  })

/** One page of processes as an answer. */
export const answerPage = Effect.fnUntraced(function* (
  node: ErlangNode,
  query: Omit<PageQuery, "deadlineMillis" | "after">,
  after: Position | undefined,
  summary: (page: ProcessPage, shown: number, terms: Terms) => string
) {
  const terms = yield* termsOf(node)
  const { sort } = query
  const { wordBytes } = node.capabilities
  const place = after === undefined ? {} : { after: yield* toPlace(node, after) }
  const deadlineMillis = (yield* remainingMillis) * shareOfTime
  const page = yield* processPage(node, { ...query, ...place, deadlineMillis })
  if (page.incomplete.includes("label")) return yield* noLabels(node)
  const { matched, next, rows } = page
  const notes = scanNotes(page, rows, terms)
  const [first] = rows
  const nothing = matched === 0 ? none(query.filter, page, terms) : `None of ${matched} is left here.`
  return {
    summary: (shown: number) => (first === undefined ? nothing : summary(page, shown, terms)),
    complete: notes.length === 0,
    notes,
    data: { matched, processes: rows.map((row) => showRow(row, terms, wordBytes, sort)) },
    page: {
      rows: "processes",
      next: next && toPosition(next),
      after: (at: number) => {
        const { pid, ...row } = rows[at]!
        return toPosition({ pid, ...(sort !== "pid" && { value: rankOf({ pid, ...row }, sort) ?? 0 }) })
      }
    } as const,
    hints: first === undefined ? [] : [inspect(first, terms)]
  }
})

const toPosition = ({ pid: { id, serial }, value }: PagePlace): Position => ({
  id,
  serial,
  ...(value !== undefined && { value })
})

const toPlace = (node: ErlangNode, { id, serial, value }: Position): Effect.Effect<PagePlace, Failure> =>
  Effect.map(localPid(node, id, serial), (pid) => ({ pid, ...(value !== undefined && { value }) }))

const inspect = (row: ProcessRow, terms: Terms): string =>
  `get_process_info ${JSON.stringify({ pid: nameOf(row, terms) })}`

/** Milliseconds for a tool that asks all processes: a tenth of a second does on an idle node, and seconds on a busy one. */
const scanTimeoutMillis = 15_000

/** Says how many processes are shown, in which order, and which is the first. */
export const ranking =
  (sort: ProcessKey | "pid", { capabilities }: ErlangNode) =>
  ({ matched, rows: [first] }: ProcessPage, shown: number, terms: Terms): string => {
    const value = first === undefined || sort === "pid" ? undefined : rankOf(first, sort)
    if (first === undefined || value === undefined || sort === "pid")
      return `${shownOf(shown, matched, "process", "processes")} by ${sort}.`
    if (value === 0) return `${shownOf(shown, matched, "process", "processes")} by ${spoken[sort]}; all have 0.`
    const leading = `${nameOf(first, terms)} with ${say(value, sort, capabilities.wordBytes)}`
    return `${shownOf(shown, matched, "process", "processes")} by ${spoken[sort]}; first ${leading}.`
  }

/** The data of {@link answerPage}. */
export const pageOutput = { matched: Schema.Int, processes: Schema.optionalKey(Schema.Array(Row)) }

const listProcesses = Tool.make({
  ...shared,
  name: "list_processes",
  title: "List processes",
  description:
    "Processes page by page, in the order of a value. To see each of them once, sort by pid: other values change between pages. For the largest alone, or for growth, use top_processes; to look for one, find_process.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    sort_by: processSort.schema,
    filter: Schema.optionalKey(Filter.annotate({ description: "All that are given must hold" })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: pageOutput,
  position,
  run: ({ filter = {}, limit, sort_by }, node, after) => {
    const sort = processSort.keyOf(sort_by)
    return answerPage(node, { sort, limit, filter: toFilter(filter) }, after, ranking(sort, node))
  }
})

const findProcess = Tool.make({
  ...shared,
  name: "find_process",
  title: "Find processes",
  description:
    "Looks for processes by name, module, label or application; at least one, and all that are given must hold. Longest message queue first. Next: get_process_info.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    name: Schema.optionalKey(Name.annotate({ description: "Part of the registered name, in any case" })),
    module: Schema.optionalKey(Name.annotate({ description: "Of the current function, initial call or callback" })),
    label: Schema.optionalKey(Name.annotate({ description: "Part of the label, in any case (OTP 27+)" })),
    application: Schema.optionalKey(Name),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: pageOutput,
  position,
  run: ({ application, label, limit, module, name }, node, after) => {
    const filter = {
      ...toFilter({ ...(application !== undefined && { application }), ...(module !== undefined && { module }) }),
      ...(name !== undefined && { name: atomName(name).replace(/^Elixir\./u, "") }),
      ...(label !== undefined && { label })
    }
    return Object.keys(filter).length === 0
      ? Effect.fail(
          new ToolError({
            code: "invalid_input",
            message: "find_process: say what to look for: `name`, `module`, `label` or `application`.",
            retryable: false,
            next: "list_processes"
          })
        )
      : answerPage(node, { sort: "message_queue_len", limit, filter }, after, ({ matched, rows }, shown, terms) => {
          const names = rows.slice(0, 3).map((row) => nameOf(row, terms))
          return `Found ${shownOf(shown, matched, "process", "processes")}: ${names.join(", ")}${rows.length > names.length ? ", …" : ""}.`
        })
  }
})

const topProcesses = Tool.make({
  ...shared,
  name: "top_processes",
  title: "Top processes",
  description:
    "The processes with the most memory, reductions (work done), messages or heap: since they started, or with window_ms those that grew most while the call waits. For who is busy now: reductions with a window of 1000.",
  timeoutMillis: scanTimeoutMillis,
  input: {
    sort_by: Schema.Literals(sortNames).annotate(descending).pipe(Schema.withDecodingDefaultKey(byMemory)),
    window_ms: Schema.optionalKey(WindowMillis),
    limit: limitUpTo(100, 10)
  },
  output: {
    matched: Schema.Int,
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
  run: Effect.fnUntraced(function* ({ limit, sort_by, window_ms }, node) {
    const sort = sortKeys[sort_by]
    if (window_ms === undefined) {
      const { page, ...answer } = yield* answerPage(node, { sort, limit, filter: {} }, undefined, ranking(sort, node))
      return { ...answer, page: { rows: page.rows } }
    }
    const beside = yield* timeBeside("top_processes", window_ms)
    return yield* answerGrowth(node, sort, limit, window_ms, beside * shareOfTime)
  })
})

const answerGrowth = Effect.fnUntraced(function* (
  node: ErlangNode,
  sort: ProcessKey,
  limit: number,
  windowMillis: number,
  deadlineMillis: number
) {
  const terms = yield* termsOf(node)
  const grown = yield* processGrowth(node, { sort, limit, windowMillis, deadlineMillis, filter: {} })
  const { born, gone, matched, rows } = grown
  const notes = scanNotes(
    grown,
    rows.map(({ row }) => row),
    terms
  )
  const [first] = rows
  const { wordBytes } = node.capabilities
  const unit = sort === "total_heap_size" ? wordBytes : 1
  return {
    summary: (shown: number) =>
      first === undefined
        ? `No process grew in ${spoken[sort]} in ${windowMillis} ms.`
        : `${shownOf(shown, matched, "process", "processes")} grew in ${spoken[sort]} in ${windowMillis} ms; first ${nameOf(first.row, terms)}, by ${say(first.growth, sort, wordBytes)}.`,
    complete: notes.length === 0,
    notes,
    data: {
      matched,
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
    hints: first === undefined ? [] : [inspect(first.row, terms)]
  }
})

/** The tools of the processes toolset that look at many. */
export const processTools: ReadonlyArray<Tool.Tool> = [listProcesses, topProcesses, findProcess]
