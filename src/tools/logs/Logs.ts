import { Effect, Schema } from "effect"
import { logConfiguration, type LogHandler } from "../../beam/LogConfiguration.ts"
import type { Term } from "../../etf/Term.ts"
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

/** Modules that are named of each level and application. */
const namedModules = 10

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const Handler = Schema.Struct({
  id: Schema.String,
  error: Text,
  module: Text,
  level: Text,
  filters: Texts,
  filter_default: Text,
  formatter: Text,
  config: Text,
  process: Text,
  mode: Text,
  message_queue_length: Schema.optionalKey(Schema.Int)
})

/** A handler that does not keep up: who logs waits for it, or what is logged is lost. */
const isOverloaded = ({ load }: LogHandler): boolean => load?.mode === "sync" || load?.mode === "drop"

const showHandler = (handler: LogHandler, terms: Terms, characters: number) => {
  const { load } = handler
  const shown = (term: Term | undefined) => (term === undefined ? undefined : terms.print(term, characters))
  return {
    id: terms.atom(handler.id),
    error: shown(handler.error),
    module: handler.module && terms.atom(handler.module),
    level: handler.level,
    filters: handler.filters.map((id) => terms.print(id, 100)),
    filter_default: handler.filterDefault,
    formatter: shown(handler.formatter),
    config: shown(handler.config),
    process: load && terms.print(load.pid),
    mode: load?.mode,
    message_queue_length: load?.messageQueueLength
  }
}

const getLogConfiguration = Tool.make({
  toolset: "logs",
  access: "inspect",
  cost: "cheap",
  target: "connected",
  name: "get_log_configuration",
  title: "How a node logs",
  description:
    "Levels (primary, of modules and applications), filters, and handlers with their formatters, files, and whether they keep up or drop events.",
  input: {},
  output: {
    primary_level: Schema.String,
    primary_filters: Texts,
    primary_filter_default: Schema.String,
    primary_metadata: Text,
    module_levels: Schema.optionalKey(
      Schema.Array(Schema.Struct({ level: Schema.String, application: Text, module_count: Schema.Int, modules: Texts }))
    ),
    handlers: Schema.optionalKey(Schema.Array(Handler))
  },
  run: Effect.fnUntraced(function* (_input, node) {
    const terms = yield* termsOf(node)
    const { handlers, levels, primary } = yield* logConfiguration(node, namedModules)
    const late = handlers.filter(isOverloaded)
    const unread = handlers.filter(({ error }) => error !== undefined)
    const told = late.map(({ id, load }) => `${terms.atom(id)} is in ${load!.mode} mode`)
    return {
      summary: `Events of level ${primary.level} and above go to ${amount(handlers.length, "handler")}; ${told.length === 0 ? "none is overloaded" : told.join(", ")}.`,
      complete: unread.length === 0,
      notes: [
        ...unread.map(({ id }) => `Handler ${terms.atom(id)} does not tell its configuration: see its error.`),
        ...late.map(({ id, load }) =>
          load!.mode === "drop"
            ? `Handler ${terms.atom(id)} cannot keep up: events are being thrown away.`
            : `Handler ${terms.atom(id)} is late: whoever logs waits until it has written.`
        )
      ],
      data: (characters: number) => ({
        primary_level: primary.level,
        primary_filters: primary.filters.map((id) => terms.print(id, 100)),
        primary_filter_default: primary.filterDefault,
        primary_metadata: primary.metadata === undefined ? undefined : terms.print(primary.metadata, characters),
        module_levels: levels.map(({ application, count, level, modules }) => ({
          level,
          application: application && terms.atom(application),
          module_count: count,
          modules: modules.map(terms.atom)
        })),
        handlers: handlers.map((handler) => showHandler(handler, terms, characters))
      }),
      hints: late.flatMap(({ load }) => [`get_process_info ${JSON.stringify({ pid: terms.print(load!.pid) })}`])
    }
  })
})

/** The logs toolset. */
export const logTools: ReadonlyArray<Tool.Tool> = [getLogConfiguration]
