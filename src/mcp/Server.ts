import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  type CallToolResult,
  ErrorCode,
  type ListToolsResult,
  type LoggingLevel,
  McpError,
  type ToolAnnotations
} from "@modelcontextprotocol/sdk/types.js"
import { Cause, Effect, Exit, FiberSet, Option, Predicate, type Scope, Semaphore } from "effect"
import type { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import { Catalogue, type ToolListing, type ToolResult } from "../tools/Catalogue.ts"
import { brief } from "../tools/JsonSchema.ts"
import type { ProgressReport } from "../tools/Progress.ts"
import { CharacterBudget } from "../tools/CharacterBudget.ts"
import { Session } from "../tools/Session.ts"
import { ToolError } from "../tools/ToolError.ts"
import { version } from "./Version.ts"
import { errorText } from "./ErrorText.ts"
import { instructions } from "./Instructions.ts"
import { isWanted, levelIn } from "./LogLevel.ts"
import { reporting } from "./Reporting.ts"

export type { Transport }

/**
 * What hosts are told about a tool's effects; they let tools run unasked on the strength of it. Of a tool that only
 * reads nothing more need be said.
 */
const annotations: { readonly [Access in ToolListing["access"]]: ToolAnnotations } = {
  inspect: { readOnlyHint: true, openWorldHint: false },
  observe: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  control: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  eval: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true }
}

const listingOf = (tools: ReadonlyArray<ToolListing>): ListToolsResult => ({
  tools: tools.map(({ access, description, inputSchema, name, outputSchema, title }) => ({
    name,
    title,
    description,
    inputSchema: { ...brief(inputSchema), type: "object" },
    outputSchema: { ...outputSchema, type: "object" },
    annotations: annotations[access]
  }))
})

const succeeded = ({ structured, text }: ToolResult): CallToolResult => ({
  content: [{ type: "text", text }],
  structuredContent: structured
})

/**
 * A failed call. No structured content: clients check that against the tool's output schema, also in errors. The facts
 * stand in the text, and once more in `_meta` for programs.
 */
const failed = (error: ToolError): CallToolResult => {
  const { code, didYouMean, next, retryable } = error
  return {
    isError: true,
    content: [{ type: "text", text: errorText(error) }],
    _meta: { "beamscope/error": { code, retryable, ...(next && { next }), ...(didYouMean && { didYouMean }) } }
  }
}

const internalError = new ToolError({
  code: "internal",
  message: "Beamscope has a fault that this call brought out. Its log on stderr has the details.",
  retryable: false
})

/** Calls that one client may have under way. */
const maxCalls = 256

const tooManyCalls = failed(
  new ToolError({
    code: "too_busy",
    message: `${maxCalls} calls of this client are under way, and it may have no more. Try again when some are done.`,
    retryable: true
  })
)

/** A client that is being served. */
export interface ServedClient {
  /** Ends when no call is running. */
  readonly idle: Effect.Effect<void>
}

/**
 * Serves the catalogue to the client at the other end of `transport`, in a session of its own, until the scope closes:
 * calls that still run then are interrupted, and their cleaning up on the node is waited for. A client that sets a level
 * (`logging/setLevel`) is told when links to nodes that it has asked are lost and made again, and when such a node answers no more.
 */
export const connect = Effect.fnUntraced(function* (
  transport: Transport,
  options: { readonly mode: SyntaxName }
): Effect.fn.Return<ServedClient, never, Catalogue | Nodes | Targets | Scope.Scope> {
  const catalogue = yield* Catalogue
  const session = yield* Session.make(options)
  const calls = yield* FiberSet.make<CallToolResult>()
  const run = yield* FiberSet.runtime(calls)()
  const places = yield* Semaphore.make(maxCalls)
  let level: LoggingLevel | undefined
  const telling = yield* Effect.cached(
    Effect.promise(() => import("./NodeMessages.ts")).pipe(
      Effect.flatMap((messages) =>
        messages.telling((of, data) =>
          isWanted(of, level)
            ? Effect.ignore(
                Effect.tryPromise(() =>
                  server.notification({
                    method: "notifications/message",
                    params: { level: of, logger: "beamscope", data }
                  })
                )
              )
            : Effect.void
        )
      ),
      Effect.provideService(Session, session),
      Effect.provideContext(yield* Effect.context<Nodes | Targets | Scope.Scope>())
    )
  )

  const call = (
    name: string,
    input: unknown,
    notify: ((report: ProgressReport) => Effect.Effect<void>) | undefined
  ) => {
    // Before the first link that could be lost.
    const told = level === undefined ? Effect.void : telling
    const work = Effect.andThen(told, catalogue.call(name, input))
    return (notify === undefined ? work : reporting(work, notify)).pipe(
      Effect.provideService(Session, session),
      Effect.match({ onSuccess: succeeded, onFailure: failed }),
      places.withPermitsIfAvailable(1),
      Effect.map(Option.getOrElse(() => tooManyCalls)),
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.as(Effect.logError(`${name} failed`, cause), failed(internalError))
      ),
      Effect.tap(({ isError }) => (isError === true ? Effect.void : Effect.logDebug(`${excerpt(name)} answered`))),
      Effect.withLogSpan("after")
    )
  }

  const server = new Server(
    { name: "beamscope", title: "Beamscope", version },
    {
      capabilities: { tools: {}, logging: {} },
      instructions: instructions({ ...catalogue, maxCharacters: yield* CharacterBudget }),
      // Takes a user's answer as it is: whoever asks decodes it, by the schema that made the question. So the SDK's
      // own validator is of no use, and the bundle, which starts the faster for it, is without.
      jsonSchemaValidator: {
        getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined })
      }
    }
  )
  const services = yield* Effect.context<never>()
  const runPromise = Effect.runPromiseWith(services)
  let listing: ListToolsResult | undefined
  // The SDK's own sends everything to a client that has set no level.
  server.removeRequestHandler("logging/setLevel")

  // Requests come here undecoded: the catalogue decodes arguments itself, with better words than the SDK's, and what
  // it returns needs no second look.
  server.fallbackRequestHandler = async ({ method, params }, { _meta, sendNotification, signal }) => {
    if (method === "tools/list") {
      // All tools stand on one page, so no cursor is ours.
      if (Predicate.isReadonlyObject(params) && params["cursor"] !== undefined) {
        throw new McpError(ErrorCode.InvalidParams, "tools/list has one page: there is no such cursor")
      }
      return (listing ??= listingOf(await runPromise(catalogue.listings(catalogue.listed))))
    }
    if (method === "logging/setLevel") {
      level = levelIn(params)
      // Without a node that was asked there is nothing to tell, and nothing to read for it.
      if (session.asked.size > 0) await runPromise(telling)
      return {}
    }
    if (method !== "tools/call")
      throw new McpError(ErrorCode.MethodNotFound, `there is no method ${excerpt(method)} here`)
    if (!Predicate.isReadonlyObject(params) || typeof params["name"] !== "string") {
      throw new McpError(ErrorCode.InvalidParams, "tools/call needs the name of a tool")
    }
    const progressToken = _meta?.progressToken
    const notify =
      progressToken === undefined
        ? undefined
        : (report: ProgressReport) =>
            Effect.ignore(
              Effect.tryPromise(() =>
                sendNotification({ method: "notifications/progress", params: { ...report, progressToken } })
              )
            )
    const fiber = run(call(params["name"], params["arguments"] ?? {}, notify), { signal })
    return new Promise((resolve, reject) =>
      fiber.addObserver((exit) =>
        Exit.isSuccess(exit)
          ? resolve(exit.value)
          : reject(new McpError(ErrorCode.ConnectionClosed, "the call was stopped"))
      )
    )
  }

  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's server is no EventTarget
  server.onerror = (error) => Effect.runForkWith(services)(Effect.logDebug("MCP protocol error", error.message))
  yield* Effect.acquireRelease(
    Effect.promise(() => server.connect(transport)),
    () => Effect.promise(() => server.close())
  )
  return { idle: FiberSet.awaitEmpty(calls) }
})
