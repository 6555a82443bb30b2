import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted } from "effect"
import { TestConsole } from "effect/testing"
import * as fc from "fast-check"
import { inspect } from "node:util"
import { TargetError } from "../../../src/node/Targets.ts"
import * as CleanLog from "../../../src/tools/CleanLog.ts"
import { targetsOf } from "../../support/targetsOf.ts"

/** Where a word of somebody else's may stand in what is logged. */
const places: Readonly<Record<string, (text: string) => Effect.Effect<void>>> = {
  "a message": (text) => Effect.logWarning(text),
  "one of several": (text) => Effect.logInfo("app@host", text),
  "an error": (text) => Effect.logError("could not be tried", new Error(text)),
  "an error behind an error": (text) => Effect.logError(new Error("outer", { cause: new Error(text) })),
  "a failure": (text) => Effect.logError("failed", Cause.fail(new TargetError({ node: "app@host", message: text }))),
  "a defect": (text) => Effect.logError("has a bug", Cause.die(text)),
  "a defect with its stack": (text) =>
    Effect.logError(
      "has a bug",
      Cause.die(Object.assign(new Error("outer"), { stack: `Error: outer\n    at ${text}` }))
    ),
  "a field of an error": (text) =>
    Effect.logError("call failed", Object.assign(new Error("outer"), { reason: { _tag: "Raised", reason: [text] } })),
  "errors beside each other": (text) => Effect.logError(new AggregateError([new Error(text)], "several")),
  "what an error has behind it": (text) => Effect.logError(new Error("outer", { cause: { told: text } })),
  "an object": (text) => Effect.logInfo({ node: "app@host", said: [{ text }] }),
  "a map": (text) => Effect.logInfo(new Map([["said", text]])),
  bytes: (text) => Effect.logInfo({ said: new TextEncoder().encode(text) }),
  "several causes": (text) => Effect.logError(Cause.fail(new Error("first")), Cause.die({ message: text }))
}

const loggers: Readonly<Record<string, Logger.Logger<unknown, unknown>>> = {
  logfmt: Logger.withConsoleError(Logger.formatLogFmt),
  simple: Logger.withConsoleError(Logger.formatSimple),
  JSON: Logger.withConsoleError(Logger.formatJson),
  pretty: Logger.consolePretty({ colors: false, mode: "tty" }),
  "Effect's own": Logger.defaultLogger
}

/** All that a logger prints of an event while these cookies are secret. */
const printed = (
  event: Effect.Effect<void>,
  logger: Logger.Logger<unknown, unknown>,
  cookies: Effect.Effect<ReadonlyArray<Redacted.Redacted>>
) => {
  const targets = targetsOf({ epmdPort: 1, resolve: () => Effect.never, cookies })
  const layer = CleanLog.layer.pipe(Layer.provide(targets), Layer.provide(Logger.layer([logger])))
  return Effect.gen(function* () {
    yield* Effect.provide(event, layer)
    return [...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)].join("\n")
  }).pipe(Effect.provide(TestConsole.layer), Effect.runSync)
}

const using = (...cookies: ReadonlyArray<string>) => Effect.succeed(cookies.map((cookie) => Redacted.make(cookie)))

const raise = (): never => {
  throw new Error("no")
}

describe("the log", () => {
  // As long as are looked for within words, and of what stands in no frame of a logger's.
  const cookies = fc
    .string({ unit: fc.constantFrom(...'ABCDEFGHJKMNQVWXZ0123456789"\\{$.#'), minLength: 8, maxLength: 40 })
    .filter((cookie) => /[A-Z].*[A-Z]/u.test(cookie))
  const around = fc.string({ unit: fc.constantFrom("a", " ", "\n", '"', "\\", "=", "é", "\u001b"), maxLength: 12 })

  it.each(Object.keys(places))("holds no cookie that is in use in %s, whoever prints it", (place) => {
    fc.assert(
      fc.property(
        cookies,
        around,
        around,
        fc.constantFrom(...Object.values(loggers)),
        (cookie, before, after, logger) => {
          const text = printed(places[place]!(before + cookie + after), logger, using("ANOTHERCOOKIE", cookie))
          expect(text).not.toContain(cookie)
          expect(text).not.toContain(JSON.stringify(cookie).slice(1, -1))
        }
      ),
      { numRuns: 200 }
    )
  })

  it.each(Object.keys(places))(
    "holds no secret that is known by its shape, and nothing that steers, in %s",
    (place) => {
      for (const [name, logger] of Object.entries(loggers)) {
        const text = printed(
          places[place]!("password=hunter2supersecret\nghp_abcdefghijklmnopqrstuvwxyz0123456789 a\u{1b}[2J\u{202e}b"),
          logger,
          using()
        )
        expect(text, name).not.toMatch(/hunter2|ghp_abc/u)
        expect(text.replaceAll("\n", ""), name).not.toMatch(/\p{C}/u)
      }
      // Not all print all of it.
      const texts = Object.values(loggers).map((logger) =>
        printed(places[place]!("it said SECRETWORD to a\u{1b}[2Jb"), logger, using("SECRETWORD"))
      )
      expect(texts.join("\n")).toMatch(/it said \[redacted\] to a\\+u\{1B\}\[2Jb/u)
    }
  )

  it("goes by the cookies of the moment", () => {
    let inUse: ReadonlyArray<Redacted.Redacted> = []
    const cookies = Effect.sync(() => inUse)
    const event = Effect.logWarning("it said SECRETWORD")
    expect(printed(event, loggers["logfmt"]!, cookies)).toContain("SECRETWORD")
    inUse = [Redacted.make("SECRETWORD")]
    expect(printed(event, loggers["logfmt"]!, cookies)).toContain("it said [redacted]")
  })

  it("shows nothing while nobody can tell which they are", () => {
    const text = printed(
      Effect.logWarning("it said SECRETWORD", Cause.die("SECRETWORD")),
      loggers["logfmt"]!,
      Effect.never
    )
    expect(text).toContain("left out")
    expect(text).not.toContain("SECRETWORD")
  })

  it("is as it was where there is nothing to hide", () => {
    const cause = Cause.fail(new Error("plain"))
    const parts = ["words", { password: "of the program's own" }, 7, new Error("told")]
    const seen: Array<unknown> = []
    const logger = Logger.make(({ cause, message }) => void seen.push(...(message as ReadonlyArray<unknown>), cause))
    printed(Effect.logError(...parts, cause), logger, using("SECRETWORD"))
    expect(seen).toHaveLength(parts.length + 1)
    seen.forEach((part, at) => expect(part).toBe([...parts, cause][at]))
  })

  it.each(Object.entries(loggers))("goes on behind what raises when it is printed: %s", (_name, logger) => {
    const values: ReadonlyArray<object> = [
      { toJSON: raise, toString: raise, [inspect.custom]: raise },
      Object.defineProperty({}, "toString", { get: raise }),
      Object.defineProperty({}, "field", { get: raise, enumerable: true }),
      Object.defineProperty(new Error("a"), "message", { get: raise }),
      Object.defineProperty(new Error("a"), "stack", { get: raise })
    ]
    for (const value of values) {
      // Effect looks at what is logged itself, unless it is within something.
      const mute = new Proxy({}, { has: raise, ownKeys: raise, get: raise })
      const events = [Effect.logError("one", value, { value, mute }), Effect.logError("two", Cause.die(value))]
      const text = printed(Effect.andThen(Effect.all(events), Effect.logError("three")), logger, using("SECRETWORD"))
      for (const word of ["one", "two", "three"]) expect(text).toContain(word)
    }
  })

  it("hands no logger a failure with such a field", () => {
    const seen: Array<unknown> = []
    const logger = Logger.make(({ cause }) => void seen.push(...cause.reasons))
    const failure = Object.assign(new Error("outer"), { reason: { of: "SECRETWORD" } })
    printed(Effect.logError("call failed", Cause.fail(failure)), logger, using("SECRETWORD"))
    expect(seen).toHaveLength(1)
    expect(inspect(seen, { depth: 9 })).not.toContain("SECRETWORD")
  })

  it("ends where an error stands behind itself", () => {
    const error = new Error("outer SECRETWORD")
    error.cause = error
    for (const [name, logger] of Object.entries(loggers))
      expect(printed(Effect.logError(error, Cause.fail(error)), logger, using("SECRETWORD")), name).not.toContain(
        "SECRETWORD"
      )
  })

  it("prints what is left of a cause as that was printed", () => {
    const error = new Error("first\nit said SECRETWORD", { cause: new RangeError("behind it") })
    let left: Cause.Cause<unknown> = Cause.empty
    const logger = Logger.make(({ cause }) => void (left = cause))
    const cause = Cause.die(error)
    printed(Effect.logError(cause), logger, using("SECRETWORD"))
    expect(Cause.pretty(left)).toBe(Cause.pretty(cause).replace("SECRETWORD", "[redacted]"))
    expect(Exit.isFailure(Exit.failCause(left))).toBe(true)
  })
})
