import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { Data, Effect, type Scope } from "effect"
import { version } from "./Version.ts"

/** The server could not be started, or did not answer as MCP has it. */
export class ClientError extends Data.TaggedError("ClientError")<{ readonly message: string }> {}

const attempt = <A>(what: string, request: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, ClientError> =>
  Effect.tryPromise({
    try: request,
    catch: (error) => new ClientError({ message: `${what}: ${error instanceof Error ? error.message : String(error)}` })
  })

/** What a server answered to a call: its facts, or as text alone why there are none. */
export interface Answer {
  readonly text: string
  readonly structured: Readonly<Record<string, unknown>>
}

export interface LocalServer {
  readonly call: (name: string, input: Readonly<Record<string, unknown>>) => Effect.Effect<Answer, ClientError>
}

/**
 * Starts an MCP server as a host does, a child process behind pipes, and talks to it over the protocol. The server ends
 * with the scope. Of our own environment it gets what is in `env`, and what every program needs (`PATH`, `HOME`).
 */
export const startServer = Effect.fnUntraced(function* (server: {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}): Effect.fn.Return<LocalServer, ClientError, Scope.Scope> {
  // Like the server's: the SDK's own validator is not in the bundle.
  const jsonSchemaValidator = {
    getValidator: () => (data: unknown) => ({ valid: true as const, data: data as never, errorMessage: undefined })
  }
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => new Client({ name: "beamscope-demo", version }, { jsonSchemaValidator })),
    (client) => Effect.promise(() => client.close())
  )
  const transport = new StdioClientTransport({ ...server, args: [...server.args], stderr: "inherit" })
  yield* attempt("the server did not start", () => client.connect(transport))
  return {
    call: (name, input) =>
      Effect.map(
        attempt(name, (signal) => client.callTool({ name, arguments: input }, undefined, { signal })),
        ({ content, structuredContent }) => {
          const [first] = content as ReadonlyArray<{ readonly text?: unknown }>
          return {
            text: String(first?.text ?? ""),
            structured: (structuredContent ?? {}) as Readonly<Record<string, unknown>>
          }
        }
      )
  }
})
