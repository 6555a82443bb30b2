import { Console, Effect, Option, Predicate } from "effect"
import { text } from "node:stream/consumers"
import { parseJson } from "../config/JsonMistake.ts"
import { type CommandError, failingAs, usageError } from "./CommandError.ts"
import { runTool } from "./RunTool.ts"
import type { ServerFlags } from "./ServerFlags.ts"

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

/** `beamscope call`: runs one tool and prints its text, or with `json` its structured result. */
export const callCommand = Effect.fnUntraced(
  function* (options: {
    readonly tool: string
    readonly input: Option.Option<string>
    readonly json: boolean
    readonly given: ServerFlags
  }) {
    const input = yield* parsedInput(yield* inputText(options.input))
    const result = yield* runTool(options.tool, input, options.given)
    yield* Console.log(options.json ? JSON.stringify(result.structured, null, 2) : result.text)
  },
  (command, { json }) => failingAs(json)(command)
)
