import type { Effect } from "effect"
import { atom, Atom, isTuple, listItems, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** How a node logs. Source: `logger` of kernel. */
export interface LogConfiguration extends Listed<LogHandler | ModuleLevels> {
  readonly primary: {
    readonly level: string
    readonly filterDefault: string
    readonly filters: ReadonlyArray<Term>
    readonly metadata: Term | undefined
  }
  /** Of all handlers, whether they are on the page or not: how many there are, */
  readonly handlerCount: number
  /** which do not keep up: who logs waits for them (`sync`), or what is logged is lost (`drop`); */
  readonly late: ReadonlyArray<{ readonly id: string; readonly mode: string; readonly pid: Pid }>
  /** and which did not tell their configuration. */
  readonly mute: ReadonlyArray<string>
}

/** Modules that have a level of their own: those of one level and application, or a single one. */
export interface ModuleLevels {
  readonly kind: "modules"
  readonly level: string
  readonly application: string | undefined
  /** The first of them. */
  readonly modules: ReadonlyArray<string>
  readonly count: number
}

export interface LogHandler {
  readonly kind: "handler"
  readonly id: string
  /** Why it does not tell the rest, if it does not. */
  readonly error: Term | undefined
  readonly module: string | undefined
  readonly level: string | undefined
  readonly filterDefault: string | undefined
  readonly filters: ReadonlyArray<Term>
  /** `{Module, Config}`. */
  readonly formatter: Term | undefined
  /** The handler's own. */
  readonly config: Term | undefined
  /** Present where the handler has a process of its own that is protected from overload (`logger_olp`). */
  readonly load: HandlerLoad | undefined
}

/** How a handler copes with what is logged. */
export interface HandlerLoad {
  readonly pid: Pid
  /** `async`: events are cast to it. `sync`: who logs waits. `drop`: events are thrown away. */
  readonly mode: string
  readonly messageQueueLength: number | undefined
}

/** By kind; by name, of handlers and applications; or the most verbose first. */
export const logSorts = ["kind", "name", "level"] as const

/** What decides over what is logged. */
export const logKinds = ["handler", "modules"] as const

/** The configuration, with a page of handlers and of modules that have a level of their own. */
export const logConfiguration = (
  node: ErlangNode,
  {
    kind,
    level,
    name,
    ...query
  }: Pick<ListQuery, "after" | "deadlineMillis" | "limit"> & {
    readonly sort: (typeof logSorts)[number]
    readonly kind: (typeof logKinds)[number] | undefined
    /** Part of the level. */
    readonly level: string | undefined
    /** Part of the name of a handler, module or application, in any case; then modules are told one by one. */
    readonly name: string | undefined
  }
): Effect.Effect<LogConfiguration, CallError> =>
  askAgent(
    node,
    "beamscope_logs:configuration",
    questionOf({
      ...query,
      order: query.sort === "level" ? "descending" : "ascending",
      filters: { level, name, kind: kind && atom(kind) }
    }),
    readConfiguration
  )

const nameOf = (term: Term | undefined): string | undefined =>
  term instanceof Atom && term.text !== "undefined" ? term.text : undefined

const filtersOf = (term: Term | undefined): ReadonlyArray<Term> =>
  (listItems(term) ?? []).flatMap((filter) => (isTuple(filter) ? [filter[0]!] : []))

const readConfiguration = (answer: MapTerm): LogConfiguration | undefined => {
  const listed = readListed(answer, readRow)
  const primary = answer.atomKey("primary")
  const handlerCount = readCount(answer.atomKey("handlers"))
  if (listed === undefined || !(primary instanceof MapTerm) || handlerCount === undefined) return undefined
  return {
    ...listed,
    primary: {
      level: nameOf(primary.atomKey("level")) ?? "",
      filterDefault: nameOf(primary.atomKey("filter_default")) ?? "",
      filters: filtersOf(primary.atomKey("filters")),
      metadata: primary.atomKey("metadata")
    },
    handlerCount,
    late: (listItems(answer.atomKey("late")) ?? []).flatMap((handler) => {
      const [id, mode, pid] = isTuple(handler) ? handler : []
      return id instanceof Atom && mode instanceof Atom && pid instanceof Pid
        ? [{ id: id.text, mode: mode.text, pid }]
        : []
    }),
    mute: (listItems(answer.atomKey("mute")) ?? []).flatMap((id) => (id instanceof Atom ? [id.text] : []))
  }
}

const readRow = (row: MapTerm): LogHandler | ModuleLevels | undefined => {
  const modules = listItems(row.atomKey("modules"))
  if (modules === undefined) return readHandler(row)
  return {
    kind: "modules",
    level: nameOf(row.atomKey("level")) ?? "",
    application: nameOf(row.atomKey("application")),
    modules: modules.flatMap((module) => (module instanceof Atom ? [module.text] : [])),
    count: readCount(row.atomKey("count")) ?? 0
  }
}

const readHandler = (handler: MapTerm): LogHandler => {
  const pid = handler.atomKey("process")
  const queue = handler.atomKey("message_queue_len")
  return {
    kind: "handler",
    id: nameOf(handler.atomKey("id")) ?? "",
    error: handler.atomKey("error"),
    module: nameOf(handler.atomKey("module")),
    level: nameOf(handler.atomKey("level")),
    filterDefault: nameOf(handler.atomKey("filter_default")),
    filters: filtersOf(handler.atomKey("filters")),
    formatter: handler.atomKey("formatter"),
    config: handler.atomKey("config"),
    load:
      pid instanceof Pid
        ? {
            pid,
            mode: nameOf(handler.atomKey("mode")) ?? "async",
            messageQueueLength: isTuple(queue) ? readCount(queue[1]) : undefined
          }
        : undefined
  }
}
