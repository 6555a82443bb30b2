import { Effect, Schema } from "effect"
import {
  type Application,
  applicationEnvironment,
  applicationInfo,
  type ApplicationKey,
  applicationNames,
  applications,
  applicationState,
  applicationStates
} from "../../beam/Applications.ts"
import type { CallError } from "../../node/CallError.ts"
import { processPage } from "../../beam/Processes.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { atomName, namePart } from "../AtomName.ts"
import { remainingMillis, scanMillis, whyLate } from "../Deadline.ts"
import { countCut, cutNote } from "../CutValues.ts"
import { didYouMean } from "../DidYouMean.ts"
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
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { Filter, toFilter } from "../processes/ProcessFilter.ts"
import { answerPage, pageOutput, position, processSort, ranking } from "../processes/Processes.ts"
import { agree, amount, bytes } from "../Quantity.ts"
import { partPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"
import { left, leftNote, unanswered } from "../Unanswered.ts"

const shared = { toolset: "otp", access: "inspect", cost: "moderate", target: "connected" } as const

const timeoutMillis = 15_000

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const rowFields = {
  application: Schema.String,
  state: Schema.Literals(applicationStates),
  version: Text,
  description: Text,
  start_type: Text,
  processes: Schema.Int,
  memory_bytes: Schema.Int
}

const showApplication = (application: Application, terms: Terms) => ({
  application: terms.atom(application.name),
  state: application.state,
  version: visible(application.version),
  description: visible(application.description),
  start_type: application.startType && visible(application.startType),
  processes: application.processes,
  memory_bytes: application.memory
})

/** What the agent could not see, in words. */
const note = (why: string, stuck = "its application master"): string => {
  switch (why) {
    case "controller":
      return unanswered(
        "application_controller",
        "how applications were started is not known, nor which of those without processes run; it may be stopping one"
      )
    case "deadline":
      return `Time ran out before all processes were counted. Allow more with timeout_ms. ${whyLate}`
    case "sizes":
      return `Time ran out before the size of all values was read: the others are left out. Allow more with timeout_ms. ${whyLate}`
    case "long_queue":
      return "Processes with more than 10000 messages count, but were not asked for their memory, since that walks the queue."
    case "directory":
      return unanswered("code_server", "the directory is not known")
    case left:
      return leftNote
    default:
      return unanswered(stuck, "the supervisor is not known")
  }
}

const input = (tool: string, value: Readonly<Record<string, unknown>>): string => `${tool} ${JSON.stringify(value)}`

/** Who is first, and by how much. */
const leading = (application: Application, sort: ApplicationKey, terms: Terms): string => {
  const name = terms.atom(application.name)
  switch (sort) {
    case "name":
      return name
    case "processes":
      return `${name} with ${amount(application.processes, "process", "processes")}`
    case "memory":
      return `${name} with ${bytes(application.memory)}`
  }
}

const listApplications = Tool.make({
  ...shared,
  name: "list_applications",
  title: "List applications",
  description:
    "Applications that are loaded, starting or running: version, start type, number of processes and their memory.",
  timeoutMillis,
  input: {
    sort_by: sortBy(["name", "processes", "memory"], "memory"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        state: Schema.optionalKey(Schema.Literals(applicationStates))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: { ...listOutput, applications: Schema.optionalKey(Schema.Array(Schema.Struct(rowFields))) },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const bounds = yield* listBounds(limit, after)
    const listed = yield* applications(node, {
      ...bounds,
      sort,
      name: filter.name && namePart(filter.name),
      state: filter.state
    })
    const { incomplete, matched, rows, total } = listed
    const [first] = rows
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, "application")} by ${sort}${ledBy(first && leading(first.row, sort, terms), after)}.`,
      complete: incomplete.length === 0,
      notes: [...ofItsMoment(after, sort, "application", ["name"]), ...incomplete.map((why) => note(why))],
      data: { total, matched, applications: rows.map(({ row }) => showApplication(row, terms)) },
      page: pageOf("applications", listed),
      hints: first === undefined ? [] : [input("get_application_info", { application: terms.atom(first.row.name) })]
    }
  })
})

const ApplicationName = FilterText

/** What is asked of the application of a name; the failure where none is loaded says which was perhaps meant. */
const ofLoaded = Effect.fnUntraced(function* <A extends object>(
  node: ErlangNode,
  given: string,
  ask: (name: string, deadlineMillis: number) => Effect.Effect<A | { readonly names: ReadonlyArray<string> }, CallError>
): Effect.fn.Return<A, ToolError | CallError> {
  const info = yield* ask(atomName(given), scanMillis(yield* remainingMillis))
  if (!("names" in info)) return info
  return yield* new ToolError({
    code: "not_found",
    message: `No application '${excerpt(given)}' is loaded on ${node.name}.`,
    retryable: false,
    next: "list_applications",
    didYouMean: didYouMean(given, info.names).map(visible)
  })
})

/** Modules and registered names that are told of an application where others are shown page by page. */
const namedItems = 20

/** What a page of an application's lists shows, as a summary says it. */
const showing = (shown: number, matched: number, show: "environment" | "modules" | "registered"): string => {
  switch (show) {
    case "environment":
      return `${shownOf(shown, matched, "setting")} of its environment`
    case "modules":
      return shownOf(shown, matched, "module")
    case "registered":
      return shownOf(shown, matched, "registered name")
  }
}

const getApplicationInfo = Tool.make({
  ...shared,
  name: "get_application_info",
  title: "An application",
  description: "One application: state, supervisor, needs; page by page its environment, or what else to show.",
  timeoutMillis,
  input: {
    application: ApplicationName,
    show: Schema.Literals(["environment", "modules", "registered"])
      .annotate({ description: "Default environment", default: "environment" })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed("environment" as const))),
    sort_by: sortBy(["name", "bytes"], "name"),
    filter: Schema.optionalKey(FilterText),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    ...rowFields,
    state: Schema.String,
    start_module: Text,
    supervisor: Text,
    directory: Text,
    needs: Texts,
    optional: Texts,
    included: Texts,
    needed_by: Texts,
    registered_count: Schema.Int,
    registered: Texts,
    module_count: Schema.Int,
    modules: Texts,
    ...listOutput,
    environment: Schema.optionalKey(
      Schema.Array(Schema.Struct({ key: Schema.String, bytes: Schema.optionalKey(Schema.Int), value: Text }))
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ application, filter, limit, show, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    if (show !== "environment" && sort === "bytes")
      return yield* new ToolError({
        code: "invalid_input",
        message: `get_application_info: \`sort_by\`: bytes are those of values of the environment; ${show} are sorted by name.`,
        retryable: false
      })
    const info = yield* ofLoaded(node, application, (name, deadlineMillis) =>
      applicationInfo(node, name, { deadlineMillis, limit: namedItems })
    )
    const bounds = yield* listBounds(limit, after)
    const settings =
      show === "environment"
        ? yield* applicationEnvironment(node, info.name, {
            ...bounds,
            sort,
            pattern: filter && (yield* partPattern(node, filter))
          })
        : undefined
    const listed =
      settings ??
      (yield* applicationNames(node, info.name, {
        ...bounds,
        list: show === "modules" ? "modules" : "registered",
        part: filter && namePart(filter)
      }))
    const rows = settings?.rows ?? []
    const named = listed.rows.flatMap(({ row }) => (typeof row === "string" ? [row] : []))
    const { matched, total } = listed
    const incomplete = [...info.incomplete, ...listed.incomplete.map((why) => (why === "deadline" ? "sizes" : why))]
    const unread = rows.filter(({ row }) => row.value === undefined).length
    const [largest] = sort === "bytes" ? rows : []
    const { state } = info
    const called = terms.atom(info.name)
    const supervisor = info.supervisor && terms.print(info.supervisor)
    const names = (all: ReadonlyArray<string>) => all.map(terms.atom)
    return {
      summary: (shown: number) =>
        `${called} ${visible(info.version)} is ${state}, with ${amount(info.processes, "process", "processes")} of ${bytes(info.memory)}; ${showing(shown, matched, show)} here${ledBy(largest && `${terms.print(largest.row.key)} with ${largest.row.bytes === undefined ? "more than can be read" : bytes(largest.row.bytes)}`, after)}.`,
      complete: incomplete.length === 0 && unread === 0,
      notes: [
        ...(unread > 0
          ? [
              `${amount(unread, "value is", "values are")} not read: the node cannot copy ${agree(unread, "it", "them")} within ${bytes(64 * 1024 * 1024)} of heap, or all environments together take more than 128.0 MiB, of which ${agree(unread, "it", "they")} may be much. Nor is the size known: without bytes and value here, and first by bytes.`
            ]
          : []),
        ...incomplete.map((why) => note(why, info.stuck && terms.print(info.stuck))),
        ...(state === "running" && info.startModule === undefined
          ? ["A library: it has no callback module, and so no processes of its own."]
          : [])
      ],
      cut: (characters: number, shown: number) => {
        const visibleRows = rows.slice(0, shown).filter(({ row: { key: name, value } }) => !terms.isHidden(name, value))
        const [cutThere, whole] = [
          visibleRows.filter(({ row }) => row.isCut),
          visibleRows.filter(({ row }) => !row.isCut)
        ]
        const prints = whole.map(
          ({ row: { key: name, value } }) =>
            (most?: number) =>
              value === undefined ? "" : terms.value(name, value, most)
        )
        return cutNote(cutThere.length + countCut(prints, characters), "value")
      },
      data: (characters: number) => ({
        ...showApplication(info, terms),
        start_module: info.startModule && terms.atom(info.startModule),
        supervisor,
        directory: info.directory && visible(info.directory),
        needs: names(info.applications),
        optional: names(info.optional),
        included: names(info.included),
        needed_by: names(info.neededBy),
        registered_count: info.registered.count,
        registered: names(show === "registered" ? named : info.registered.first),
        module_count: info.modules.count,
        modules: names(show === "modules" ? named : info.modules.first),
        total,
        matched,
        environment: rows.map(({ row }) => ({
          key: terms.print(row.key, characters),
          bytes: row.bytes,
          value: row.value === undefined ? undefined : terms.value(row.key, row.value, characters)
        }))
      }),
      page: pageOf(show, listed),
      hints: [
        ...(supervisor === undefined ? [] : [input("get_supervision_tree", { root: supervisor })]),
        ...(info.processes > 0 ? [input("list_application_processes", { application: called })] : []),
        ...(info.modules.count > info.modules.first.length
          ? [input("list_modules", { filter: { application: called } })]
          : [])
      ]
    }
  })
})

const ProcessFilter = Schema.Struct({
  name: Filter.fields.name,
  module: Filter.fields.module,
  min_memory_bytes: Filter.fields.min_memory_bytes,
  min_message_queue_length: Filter.fields.min_message_queue_length
})

const listApplicationProcesses = Tool.make({
  ...shared,
  name: "list_application_processes",
  title: "Processes of an application",
  description: "The processes of an application (by group leader).",
  timeoutMillis,
  input: {
    application: ApplicationName,
    sort_by: processSort.schema,
    filter: Schema.optionalKey(ProcessFilter),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: pageOutput,
  position,
  run: Effect.fnUntraced(function* ({ application, filter: wanted = {}, limit, sort_by }, node, after) {
    const terms = yield* termsOf(node)
    const sort = processSort.keyOf(sort_by)
    const { incomplete, name, state } = yield* ofLoaded(node, application, (called, deadlineMillis) =>
      applicationState(node, called, { deadlineMillis })
    )
    const filter = { ...(yield* toFilter(wanted, node, terms)), application: name }
    const shown = yield* answerPage(node, { sort, limit, filter }, after, ranking(sort, node, after))
    // The processes that there are here are those of the application: where others pass no filter, they are counted apart.
    const all = isFiltering(wanted)
      ? yield* processPage(node, {
          sort: "pid",
          limit: 1,
          filter: { application: name },
          deadlineMillis: scanMillis(yield* remainingMillis)
        })
      : undefined
    const isCounted = all?.incomplete.includes("deadline") !== true
    const page = {
      ...shown,
      complete: shown.complete && isCounted,
      notes: [
        ...shown.notes,
        ...(isCounted
          ? []
          : [
              "Time ran out before all processes of the application were counted: total is too low. Allow more with timeout_ms."
            ])
      ],
      data: { ...shown.data, total: Math.max(all?.matched ?? 0, shown.data.matched) }
    }
    if (page.data.matched > 0 || isFiltering(wanted)) return page
    const why = state === "running" ? "a library, or one whose processes have ended" : `it is ${state}, not running`
    return {
      ...page,
      complete: page.complete && incomplete.length === 0,
      notes: [...page.notes, ...incomplete.map((missing) => note(missing))],
      summary: `${terms.atom(name)} has no processes: ${why}.`
    }
  })
})

/** The tools about applications. */
export const applicationTools: ReadonlyArray<Tool.Tool> = [
  listApplications,
  getApplicationInfo,
  listApplicationProcesses
]
