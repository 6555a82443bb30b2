import { Effect, Schema } from "effect"
import { Deadline, remainingMillis } from "./Deadline.ts"
import { Progress } from "./Progress.ts"
import { ToolError } from "./ToolError.ts"

/** Milliseconds of the time of a call that are not for its window. */
const besideWindow = 1_000

/** What must be left of that when the window opens; the rest may have gone for connecting and for waiting one's turn. */
const behindWindow = 500

/** `window_ms`: what a call waits for between two looks. */
export const WindowMillis = Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 60_000 })).annotate({
  description: "100 to 60000; must end a second before timeout_ms"
})

/** Fails where a window does not fit into the time of the call of `tool`; else milliseconds that are left beside it. */
export const timeBeside = Effect.fnUntraced(function* (
  tool: string,
  windowMillis: number
): Effect.fn.Return<number, ToolError> {
  const { millis } = yield* Deadline
  const left = yield* remainingMillis
  if (windowMillis > millis - besideWindow) {
    return yield* new ToolError({
      code: "invalid_input",
      message: `${tool}: \`window_ms\`: a window of ${windowMillis} ms does not fit into the ${millis} ms that this call has. Set timeout_ms to ${windowMillis + besideWindow} or more.`,
      retryable: false
    })
  }
  if (left - windowMillis < behindWindow) {
    return yield* new ToolError({
      code: "timeout",
      message: `${tool}: of the ${millis} ms of this call only ${left} were left once it was connected and its turn had come, too little for a window of ${windowMillis} ms. Set timeout_ms higher.`,
      retryable: true
    })
  }
  return left - windowMillis
})

/** Milliseconds that a call may take by default, with a window of some seconds in it. */
export const windowTimeoutMillis = 15_000

/** `window_ms` of a tool that always looks twice. */
export const windowMillis = Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 60_000 }))
  .annotate({ description: "100 to 60000, default 1000; must end a second before timeout_ms", default: 1_000 })
  .pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000)))

/** What `measure` finds in a window, with a word every second of how far it has come; refused where it does not fit. */
export const throughWindow = <A, E, R>(
  tool: string,
  window: number,
  measure: Effect.Effect<A, E, R>
): Effect.Effect<A, E | ToolError, R> =>
  Effect.andThen(timeBeside(tool, window), Effect.raceFirst(measure, reports(window)))

const secondMillis = 1_000

const reports = (window: number): Effect.Effect<never> =>
  Effect.gen(function* () {
    const report = yield* Progress
    for (let passed = secondMillis; passed <= window; passed += secondMillis) {
      yield* Effect.sleep(secondMillis)
      yield* report({ progress: passed, total: window, message: `${passed / 1000} of ${window / 1000} seconds` })
    }
    return yield* Effect.never
  })
