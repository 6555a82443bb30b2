import { Cause, Effect, Exit, Layer, Logger } from "effect"
import { Targets } from "../node/Targets.ts"
import { keptCleaner } from "./Cleaning.ts"
import { cleanValue } from "./CleanValue.ts"

/** `undefined` where an error in it raises another when it is printed. */
const printed = (cause: Cause.Cause<unknown>): string | undefined => {
  try {
    return Cause.pretty(cause)
  } catch {
    return undefined
  }
}

const unprintable = "What failed is left out: it raises another error when it is printed."

/** A cause as it is where there is nothing to hide in it, else one that is printed as what may be seen of it. */
const cleanCause = (cause: Cause.Cause<unknown>, clean: (text: string) => string): Cause.Cause<unknown> => {
  const text = printed(cause)
  if (text === undefined) return Cause.die(new Error(unprintable))
  const shown = clean(text)
  // Loggers may print more of an error than that.
  const isClean = cause.reasons.every((reason) => cleanValue(reason, clean) === reason)
  if (shown === text && isClean) return cause
  const { message = shown, name = "Error" } = /^(?<name>\w{1,100}): (?<message>[^\n]*)/u.exec(shown)?.groups ?? {}
  return Cause.die(Object.assign(new Error(message), { name, stack: shown }))
}

const unknown = "What was to be told here is left out: which cookies must not stand in it could not be told at once."

/** What the logger is told is what answers may say: see {@link layer}. */
const cleaned = <Output>(
  logger: Logger.Logger<unknown, Output>,
  { cookies }: Targets["Service"]
): Logger.Logger<unknown, Output> =>
  Logger.make((event) => {
    // Asked for each event: cookies come and go with connections.
    const known = Effect.runSyncExitWith(event.fiber.context)(cookies)
    if (Exit.isFailure(known)) return logger.log({ ...event, message: [unknown], cause: Cause.empty })
    const clean = keptCleaner(known.value)
    const parts = Array.isArray(event.message) ? event.message : [event.message]
    return logger.log({
      ...event,
      message: parts.map((part) => cleanValue(part, clean)),
      cause: cleanCause(event.cause, clean)
    })
  })

/**
 * Takes the cookies in use and what has the shape of a secret out of all messages, errors and causes that are logged above
 * it, and escapes what would steer a terminal, whichever loggers there are: what nodes, tunnels and whoever listens in their
 * place say stands in the log as well as in answers, and a log is kept in files. Annotations and spans are whose program
 * sets them; ours sets none.
 */
export const layer: Layer.Layer<never, never, Targets> = Layer.effect(
  Logger.CurrentLoggers,
  Effect.gen(function* () {
    const targets = yield* Targets
    return new Set(Array.from(yield* Logger.CurrentLoggers, (logger) => cleaned(logger, targets)))
  })
)
