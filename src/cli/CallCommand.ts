import { Console, Effect, Layer, Option, Predicate } from "effect"
import { text } from "node:stream/consumers"
import * as Beamscope from "../Beamscope.ts"
import type { Config } from "../config/Config.ts"
import { parseJson } from "../config/JsonMistake.ts"
import { reporting } from "../mcp/Reporting.ts"
import * as Logging from "../serve/Logging.ts"
import { listed } from "../syntax/Excerpt.ts"
import { Catalogue, type ToolListing } from "../tools/Catalogue.ts"
import type { ProgressReport } from "../tools/Progress.ts"
import { Session } from "../tools/Session.ts"
import { type CommandError, failingAs, toolFailure, usageError } from "./CommandError.ts"
import { readConfig } from "./ReadConfig.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { untilTold } from "./Signals.ts"

/** Links close at once; a node that does not answer is not waited for longer than this. */
const cleanUpMillis = 2_000

const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  return Array.isArray(value) ? "an array" : `a ${typeof value}`
}

const noInput = (why: string) =>
  Effect.fail(usageError(`the input must be a JSON object, like '{"limit": 5}', but it ${why}`))

/** A mistake is not quoted: a cookie may stand in the input. */
const parsedInput = (json: string): Effect.Effect<Readonly<Record<string, unknown>>, CommandError> => {
  if (json.trim() === "") return noInput("is empty")
  return Effect.fromResult(parseJson(json)).pipe(
    Effect.catch(noInput),
    Effect.flatMap((value) =>
      Predicate.isReadonlyObject(value) && !Array.isArray(value)
        ? Effect.succeed(value as Readonly<Record<string, unknown>>)
        : noInput(`is ${kindOf(value)}`)
    )
  )
}

/** The input as text: what was typed, or with `-` what stdin has, where no list of processes shows a cookie in it. */
const inputText = (given: Option.Option<string>): Effect.Effect<string> => {
  const typed = Option.getOrElse(given, () => "{}")
  return typed === "-" ? Effect.promise(() => text(process.stdin)) : Effect.succeed(typed)
}

/** A tool asks one node: the one that its input names, else the one that is configured. */
const checkNode = (
  input: Readonly<Record<string, unknown>>,
  tool: ToolListing | undefined,
  config: Config
): Effect.Effect<void, CommandError> => {
  const takesNode = Object.hasOwn(Object(tool?.inputSchema["properties"]), "node")
  const [first, ...others] = config.nodes.map(({ name }) => name)
  if (!takesNode || Object.hasOwn(input, "node") || (first !== undefined && others.length === 0)) return Effect.void
  if (first === undefined) {
    const example = JSON.stringify({ node: "name@host" })
    return Effect.fail(
      usageError(
        `${tool!.name} asks a node, and none is configured. Give one with --node, or in the input: '${example}'`
      )
    )
  }
  return Effect.fail(
    usageError(
      `${config.nameOf("nodes")}: ${tool!.name} asks one node, and these are ${others.length + 1}: ${listed([first, ...others])}. ` +
        `Give one with --node, or in the input: '${JSON.stringify({ node: first })}'`
    )
  )
}

const progressText = ({ message, progress, total }: ProgressReport): string =>
  total === undefined ? message : `${Math.floor((100 * progress) / total)}% ${message}`

/** One line that changes on a terminal, a line each elsewhere. */
const showProgress = (report: ProgressReport): Effect.Effect<void> =>
  Effect.sync(() => {
    const text = progressText(report)
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
  })

const clearProgress = Effect.sync(() => {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K")
})

/** `beamscope call`: runs one tool and prints its text, or with `json` its structured result. */
export const callCommand = Effect.fnUntraced(
  function* (options: {
    readonly tool: string
    readonly input: Option.Option<string>
    readonly json: boolean
    readonly given: ServerFlags
  }) {
    const { given, tool } = options
    const input = yield* parsedInput(yield* inputText(options.input))
    const config = yield* readConfig(given)
    const call = Effect.gen(function* () {
      const { call, listings, tools } = yield* Catalogue
      const [listing] = yield* listings(tools.filter(({ name }) => name === tool))
      yield* checkNode(input, listing, config)
      return yield* reporting(call(tool, input), showProgress).pipe(Effect.ensuring(clearProgress))
    }).pipe(
      Effect.provideServiceEffect(Session, Session.make(config)),
      Effect.scoped,
      Effect.provide(Beamscope.fromConfig(config).pipe(Layer.provideMerge(Logging.layer(config.logLevel ?? "error"))))
    )
    const result = yield* untilTold(call, cleanUpMillis)
    yield* Console.log(options.json ? JSON.stringify(result.structured, null, 2) : result.text)
  },
  Effect.catchTags({
    ToolError: (error) => Effect.fail(toolFailure(error)),
    ConfigError: ({ message }) => Effect.fail(usageError(message)),
    CatalogueError: ({ message }) => Effect.fail(usageError(message))
  }),
  (command, { json }) => failingAs(json)(command)
)
