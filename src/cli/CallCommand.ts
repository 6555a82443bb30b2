import { Console, Effect, Layer, Option, Predicate } from "effect"
import * as Beamscope from "../Beamscope.ts"
import { load } from "../config/Config.ts"
import { errorText } from "../mcp/ErrorText.ts"
import { reporting } from "../mcp/Reporting.ts"
import * as Logging from "../serve/Logging.ts"
import { Catalogue, type ToolListing } from "../tools/Catalogue.ts"
import type { ProgressReport } from "../tools/Progress.ts"
import { Session } from "../tools/Session.ts"
import { CommandError, usageError } from "./CommandError.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { untilTold } from "./Signals.ts"

/** Links close at once; a node that does not answer is not waited for longer than this. */
const cleanUpMillis = 2_000

/** A mistake is not quoted: a cookie may stand in the input. */
const notAnObject = usageError("the input must be a JSON object, like '{\"limit\": 5}'")

const parsedInput = (json: string) =>
  Effect.try({ try: () => JSON.parse(json) as unknown, catch: () => notAnObject }).pipe(
    Effect.filterOrFail(Predicate.isReadonlyObject, () => notAnObject)
  )

/** The input with the one node of `--node`, for a tool that takes a node and was given none. */
const withNode = (
  input: Readonly<Record<string, unknown>>,
  node: string | undefined,
  tool: ToolListing | undefined
): Readonly<Record<string, unknown>> => {
  const takesNode = Object.hasOwn(Object(tool?.inputSchema["properties"]), "node")
  return node === undefined || !takesNode ? input : { node, ...input }
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
    const input = yield* parsedInput(Option.getOrElse(options.input, () => "{}"))
    // A short name is for the tool to make sense of; only a full one can be configured.
    const asked = given.flags.nodes ?? []
    const flags = { ...given.flags, nodes: asked.filter((name) => name.includes("@")) }
    const config = yield* load({ ...given, flags, environment: process.env })
    const call = Effect.gen(function* () {
      const { call, tools } = yield* Catalogue
      const [node, ...others] = asked.length > 0 ? asked : config.nodes.map(({ name }) => name)
      const only = others.length === 0 ? node : undefined
      const listing = tools.find(({ name }) => name === tool)
      return yield* reporting(call(tool, withNode(input, only, listing)), showProgress).pipe(
        Effect.ensuring(clearProgress)
      )
    }).pipe(
      Effect.provideServiceEffect(Session, Session.make(config)),
      Effect.scoped,
      Effect.provide(Beamscope.fromConfig(config).pipe(Layer.provideMerge(Logging.layer(config.logLevel))))
    )
    const { structured, text } = yield* untilTold(call, cleanUpMillis)
    yield* Console.log(options.json ? JSON.stringify(structured, null, 2) : text)
  },
  Effect.catchTags({
    ToolError: (error) => Effect.fail(new CommandError({ exitCode: 1, message: errorText(error) })),
    ConfigError: ({ message }) => Effect.fail(usageError(message)),
    CatalogueError: ({ message }) => Effect.fail(usageError(message))
  })
)
