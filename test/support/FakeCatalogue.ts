import { Deferred, Effect, Layer, Ref } from "effect"
import { Catalogue, type ToolListing, type ToolResult } from "../../src/tools/Catalogue.ts"
import { Progress } from "../../src/tools/Progress.ts"
import { Session } from "../../src/tools/Session.ts"
import { ToolError } from "../../src/tools/ToolError.ts"

const listing = (name: string, access: ToolListing["access"], properties: object = {}): ToolListing => ({
  name,
  title: `Title of ${name}`,
  description: `What ${name} does.`,
  toolset: "fake",
  access,
  cost: "cheap",
  inputSchema: { type: "object", properties, additionalProperties: false },
  outputSchema: {
    type: "object",
    properties: { summary: { type: "string" }, got: {} },
    required: ["summary"],
    additionalProperties: false
  }
})

const result = (summary: string, got: unknown = null): ToolResult => ({ structured: { summary, got }, text: summary })

/** What a test can see of a catalogue that stands in for the real one. */
export interface Traces {
  /** Names of `slow` calls that were interrupted, with their finalizers run. */
  readonly interrupted: Array<string>
  /** Done when a `slow` call has started. */
  readonly started: Deferred.Deferred<void>
}

const tools: ReadonlyArray<ToolListing> = [
  listing("echo", "inspect", { node: { type: "string" } }),
  listing("slow", "observe"),
  listing("reports", "control"),
  listing("fails", "eval"),
  listing("breaks", "inspect"),
  listing("mode", "inspect")
]

/** A catalogue without nodes: one tool for each way in which a call can go. */
export const layer = (traces: Traces): Layer.Layer<Catalogue> =>
  Layer.succeed(
    Catalogue,
    Catalogue.of({
      tools,
      listed: tools,
      listings: (of) => Effect.succeed(tools.filter(({ name }) => of.some((tool) => tool.name === name))),
      call: (name, input) => {
        switch (name) {
          case "echo":
            return Effect.succeed(result("echoed", input))
          case "slow":
            return Deferred.succeed(traces.started, undefined).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Effect.sync(() => traces.interrupted.push(name)))
            )
          case "reports":
            return Effect.gen(function* () {
              const report = yield* Progress
              for (const progress of [1, 2, 3]) {
                yield* report({ progress, total: 3, message: `step ${progress}` })
                yield* Effect.sleep(300)
              }
              return result("reported")
            })
          case "fails":
            return Effect.fail(
              new ToolError({
                code: "not_found",
                message: "There is no process 'cahce'.",
                retryable: false,
                next: "find_process",
                didYouMean: ["cache"]
              })
            )
          case "breaks":
            return Effect.die(new Error("a bug with a secret in it"))
          case "mode":
            return Effect.gen(function* () {
              const { mode } = yield* Session
              const before = yield* Ref.getAndSet(mode, "erlang")
              return result(before)
            })
          default:
            return Effect.fail(
              new ToolError({ code: "unknown_tool", message: `There is no tool '${name}'.`, retryable: false })
            )
        }
      }
    })
  )

export const traces: Effect.Effect<Traces> = Effect.map(Deferred.make<void>(), (started) => ({
  interrupted: [],
  started
}))
