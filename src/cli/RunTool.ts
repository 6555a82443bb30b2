import { Effect, Layer } from "effect"
import * as Beamscope from "../Beamscope.ts"
import type { Config } from "../config/Config.ts"
import { reporting } from "../mcp/Reporting.ts"
import * as Logging from "../serve/Logging.ts"
import { listed } from "../syntax/Excerpt.ts"
import { Catalogue, type ToolListing, type ToolResult } from "../tools/Catalogue.ts"
import type { ProgressReport } from "../tools/Progress.ts"
import { distinctNodes } from "../tools/SameNode.ts"
import { Session } from "../tools/Session.ts"
import { type CommandError, toolFailure, usageError } from "./CommandError.ts"
import { readConfig } from "./ReadConfig.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { untilTold } from "./Signals.ts"

/** Links close at once; a node that does not answer is not waited for longer than this. */
const cleanUpMillis = 2_000

/** A tool asks one node: the one that its input names, else the one that is configured. */
const checkNode = (
  input: Readonly<Record<string, unknown>>,
  tool: ToolListing | undefined,
  config: Config
): Effect.Effect<void, CommandError> => {
  const takesNode = Object.hasOwn(Object(tool?.inputSchema["properties"]), "node")
  const [first, ...others] = distinctNodes(config.nodes, config.policy.hostNames)
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

/**
 * Runs one tool in a session of its own, with its progress on stderr, until it is done or the process is told to end.
 * `namedNode` is one that may be connected to beside those of the configuration.
 */
export const runTool = (
  tool: string,
  input: Readonly<Record<string, unknown>>,
  given: ServerFlags,
  namedNode?: string
): Effect.Effect<ToolResult, CommandError> =>
  Effect.gen(function* () {
    const read = yield* readConfig(given)
    const config = namedNode === undefined ? read : { ...read, policy: { ...read.policy, namedNode } }
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
    return yield* untilTold(call, cleanUpMillis)
  }).pipe(
    Effect.catchTags({
      ToolError: (error) => Effect.fail(toolFailure(error)),
      ConfigError: ({ message }) => Effect.fail(usageError(message)),
      CatalogueError: ({ message }) => Effect.fail(usageError(message))
    })
  )
