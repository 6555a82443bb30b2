import { Effect, Schema } from "effect"
import {
  logConfiguration,
  type LogHandler,
  logKinds,
  logSorts,
  type ModuleLevels
} from "../../beam/LogConfiguration.ts"
import type { Term } from "../../etf/Term.ts"
import { namePart } from "../AtomName.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const Entry = Schema.Struct({
  kind: Schema.Literals(logKinds),
  name: Text,
  level: Text,
  module_count: Schema.optionalKey(Schema.Int),
  modules: Texts,
  error: Text,
  module: Text,
  filters: Texts,
  filter_default: Text,
  formatter: Text,
  config: Text,
  process: Text,
  mode: Text,
  message_queue_length: Schema.optionalKey(Schema.Int)
})

const showHandler = (handler: LogHandler, terms: Terms, characters: number) => {
  const { load } = handler
  const shown = (term: Term | undefined) => (term === undefined ? undefined : terms.print(term, characters))
  return {
    kind: handler.kind,
    name: terms.atom(handler.id),
    level: handler.level,
    error: shown(handler.error),
    module: handler.module && terms.atom(handler.module),
    filters: handler.filters.map((id) => terms.print(id, 100)),
    filter_default: handler.filterDefault,
    formatter: shown(handler.formatter),
    config: shown(handler.config),
    process: load && terms.print(load.pid),
    mode: load?.mode,
    message_queue_length: load?.messageQueueLength
  }
}

const showModules = ({ application, count, kind, level, modules }: ModuleLevels, terms: Terms) => ({
  kind,
  name: application && terms.atom(application),
  level,
  module_count: count,
  modules: modules.map(terms.atom)
})

const getLogConfiguration = Tool.make({
  toolset: "logs",
  access: "inspect",
  cost: "cheap",
  target: "connected",
  name: "get_log_configuration",
  title: "How a node logs",
  description:
    "Levels, filters, and handlers: files, formatters, whether they keep up. Modules with a level of their own by application; with filter.name one by one.",
  input: {
    sort_by: sortBy(logSorts, "kind"),
    filter: Schema.optionalKey(
      Schema.Struct({
        kind: Schema.optionalKey(Schema.Literals(logKinds)),
        name: Schema.optionalKey(FilterText),
        level: Schema.optionalKey(FilterText)
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    primary: Schema.Struct({ level: Schema.String, filters: Texts, filter_default: Schema.String, metadata: Text }),
    ...listOutput,
    entries: Schema.optionalKey(Schema.Array(Entry))
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const read = yield* logConfiguration(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      kind: filter.kind,
      level: filter.level,
      name: filter.name && namePart(filter.name)
    })
    const { handlerCount, late, matched, mute, primary, rows, total } = read
    const told = late.map(({ id, mode }) => `${terms.atom(id)} is in ${mode} mode`)
    const summary = `Events of level ${primary.level} and above go to ${amount(handlerCount, "handler")}; ${told.length === 0 ? "none is overloaded" : told.join(", ")}.`
    return {
      summary: (shown: number) => {
        if (shown === total && !isFiltering(filter)) return summary
        return `${summary} ${shown === 0 ? noneOf(read, isFiltering(filter), "entry", "entries") : `${shownOf(shown, matched, "entry", "entries")} listed.`}`
      },
      complete: mute.length === 0,
      notes: [
        ...(filter.name !== undefined && rows.some(({ row }) => row.kind === "modules")
          ? ["With filter.name modules stand one by one, and matched counts them so; total counts them by application."]
          : []),
        ...mute.map((id) => `Handler ${terms.atom(id)} does not tell its configuration: see its error.`),
        ...late.map(({ id, mode }) =>
          mode === "drop"
            ? `Handler ${terms.atom(id)} cannot keep up: events are being thrown away.`
            : `Handler ${terms.atom(id)} is late: whoever logs waits until it has written.`
        )
      ],
      data: (characters: number) => ({
        primary: {
          level: primary.level,
          filters: primary.filters.map((id) => terms.print(id, 100)),
          filter_default: primary.filterDefault,
          metadata: primary.metadata === undefined ? undefined : terms.print(primary.metadata, characters)
        },
        total,
        matched,
        entries: rows.map(({ row }) =>
          row.kind === "handler" ? showHandler(row, terms, characters) : showModules(row, terms)
        )
      }),
      page: pageOf("entries", read),
      hints: late.map(({ pid }) => `get_process_info ${JSON.stringify({ pid: terms.print(pid) })}`)
    }
  })
})

/** The logs toolset. */
export const logTools: ReadonlyArray<Tool.Tool> = [getLogConfiguration]
