import { Effect, Schema } from "effect"
import { Deadline, remainingMillis } from "./Deadline.ts"
import { Progress } from "./Progress.ts"
import { agree } from "./Quantity.ts"
import { ToolError } from "./ToolError.ts"

/** Milliseconds of the time of a call that are not for its window. */
const besideWindow = 1_000

/** What must be left of that when the window opens; the rest may have gone for connecting and for waiting one's turn. */
const behindWindow = 500

const range = { minimum: 100, maximum: 60_000 }
const Millis = Schema.Int.check(Schema.isBetween(range))
const bounds = `${range.minimum} to ${range.maximum}`
const mustEnd = "must end a second before timeout_ms"
const normalMillis = 1_000

/** `window_ms` of a tool that looks twice where it is given, and once where not. */
export const optionalWindow = Schema.optionalKey(Millis.annotate({ description: `${bounds}; ${mustEnd}` }))

/** `window_ms` of a tool that always looks twice. */
export const normalWindow = Millis.annotate({
  description: `${bounds}, default ${normalMillis}; ${mustEnd}`,
  default: normalMillis
}).pipe(Schema.withDecodingDefaultKey(Effect.succeed(normalMillis)))

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
      message: `${tool}: of the ${millis} ms of this call only ${left} ${agree(left, "was", "were")} left once it was connected and its turn had come, too little for a window of ${windowMillis} ms. Set timeout_ms higher.`,
      retryable: true
    })
  }
  return left - windowMillis
})

/** Milliseconds that a call may take by default, with a window of some seconds in it. */
export const windowTimeoutMillis = 15_000

/**
 * What `measure` finds in a window, with a word every second of how far it has come; refused where it does not fit.
 * `measure` is told the milliseconds that are left beside the window.
 */
export const throughWindow = <A, E, R>(
  tool: string,
  window: number,
  measure: (besideMillis: number) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ToolError, R> =>
  Effect.flatMap(timeBeside(tool, window), (beside) => Effect.raceFirst(measure(beside), reports(window)))

const secondMillis = 1_000

const reports = (window: number): Effect.Effect<never> =>
  Effect.gen(function* () {
    const report = yield* Progress
    for (let passed = secondMillis; passed <= window; passed += secondMillis) {
      yield* Effect.sleep(secondMillis)
      yield* report({ progress: passed, total: window, message: `${passed / 1000} of ${window / 1000} seconds` })
    }
    yield* Effect.sleep(secondMillis)
    yield* report({ progress: window, message: "the window is over; the node has yet to say what it found" })
    return yield* Effect.never
  })
