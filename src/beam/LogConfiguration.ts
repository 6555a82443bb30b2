import type { Effect } from "effect"
import { atom, Atom, isTuple, listItems, map, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** How a node logs. Source: `logger` of kernel. */
export interface LogConfiguration {
  readonly primary: {
    readonly level: string
    readonly filterDefault: string
    readonly filters: ReadonlyArray<Term>
    readonly metadata: Term | undefined
  }
  /** Modules that have a level of their own, by that level and their application. */
  readonly levels: ReadonlyArray<{
    readonly level: string
    readonly application: string | undefined
    /** The first of them. */
    readonly modules: ReadonlyArray<string>
    readonly count: number
  }>
  readonly handlers: ReadonlyArray<LogHandler>
}

export interface LogHandler {
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

/** The configuration, with at most `limit` modules named of each level and application. */
export const logConfiguration = (node: ErlangNode, limit: number): Effect.Effect<LogConfiguration, CallError> =>
  askAgent(node, "beamscope_logs:configuration", map([[atom("limit"), limit]]), readConfiguration)

const nameOf = (term: Term | undefined): string | undefined =>
  term instanceof Atom && term.text !== "undefined" ? term.text : undefined

const filtersOf = (term: Term | undefined): ReadonlyArray<Term> =>
  (listItems(term) ?? []).flatMap((filter) => (isTuple(filter) ? [filter[0]!] : []))

const readConfiguration = (answer: MapTerm): LogConfiguration | undefined => {
  const primary = answer.atomKey("primary")
  const levels = listItems(answer.atomKey("levels"))
  const handlers = listItems(answer.atomKey("handlers"))
  if (!(primary instanceof MapTerm) || levels === undefined || handlers === undefined) return undefined
  return {
    primary: {
      level: nameOf(primary.atomKey("level")) ?? "",
      filterDefault: nameOf(primary.atomKey("filter_default")) ?? "",
      filters: filtersOf(primary.atomKey("filters")),
      metadata: primary.atomKey("metadata")
    },
    levels: levels.flatMap((group) => {
      if (!isTuple(group)) return []
      const [level, application, modules, count] = group
      return [
        {
          level: nameOf(level) ?? "",
          application: nameOf(application),
          modules: (listItems(modules) ?? []).flatMap((module) => (module instanceof Atom ? [module.text] : [])),
          count: readCount(count) ?? 0
        }
      ]
    }),
    handlers: handlers.flatMap((handler) => (handler instanceof MapTerm ? [readHandler(handler)] : []))
  }
}

const readHandler = (handler: MapTerm): LogHandler => {
  const pid = handler.atomKey("process")
  const queue = handler.atomKey("message_queue_len")
  return {
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
