import { Effect, type Redacted } from "effect"
import { Targets } from "../node/Targets.ts"
import { visible } from "../syntax/Escape.ts"
import { redactor } from "./Redaction.ts"
import { Reveal } from "./Reveal.ts"
import { withoutShapes } from "./SecretShapes.ts"
import { ToolError } from "./ToolError.ts"

/** Takes out of a text the cookies in use, and what has the shape of a secret. */
export const withoutSecrets = Effect.gen(function* () {
  const redact = redactor(yield* (yield* Targets).cookies)
  const reveal = yield* Reveal
  return (text: string) => redact(reveal ? text : withoutShapes(text))
})

/** A text, line by line, with nothing in it that hides or reorders what is seen. */
const plain = (text: string): string => text.split("\n").map(visible).join("\n")

/** The last look at every text that leaves: no secrets, and nothing that hides or reorders what is seen. */
export const cleaner = Effect.map(withoutSecrets, (secretless) => (text: string) => secretless(plain(text)))

/**
 * The same for what is kept, such as the log: nothing that is a secret by its shape, whatever the operator lets be shown to
 * those who ask.
 */
export const keptCleaner = (cookies: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const clean = rawCleaner(cookies)
  return (text) => clean(plain(text))
}

/** The same for a text that is still as somebody else has said it, line by line. */
export const rawCleaner = (cookies: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const redact = redactor(cookies)
  return (text) => redact(withoutShapes(text))
}

/** Characters of a name that is suggested, and of a call that is: a longer one is of no use. */
const maxSuggestion = 200

/** Characters that an error has beside its message and its suggestions: their labels, the code. */
const errorFrame = 100

/** The last look at an error, which has no more characters than a result may have. */
export const cleaned = (error: ToolError, clean: (text: string) => string, budget: number) => {
  const { code, retryable } = error
  const useful = (texts: ReadonlyArray<string> = []) => texts.map(clean).filter((it) => it.length <= maxSuggestion)
  const [next] = useful(error.next === undefined ? [] : [error.next])
  const didYouMean = useful(error.didYouMean)
  const room = budget - errorFrame - [next ?? "", ...didYouMean].join(", ").length
  const message = clean(error.message)
  return new ToolError({
    code,
    message: message.length > room ? `${message.slice(0, room - 1)}…` : message,
    retryable,
    ...(next !== undefined && { next }),
    ...(didYouMean.length > 0 && { didYouMean })
  })
}
