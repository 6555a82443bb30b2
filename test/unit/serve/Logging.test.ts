import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import { TestConsole } from "effect/testing"
import * as Logging from "../../../src/serve/Logging.ts"

const logged = (log: Effect.Effect<void>) =>
  Effect.gen(function* () {
    yield* log.pipe(Effect.provide(Logging.layer("info")))
    return yield* TestConsole.errorLines
  })

describe("the log", () => {
  it.effect("shows what would steer a terminal or hide, wherever in an event it stands", () =>
    Effect.gen(function* () {
      const hostile = "a\u{202e}b\u{9b}31mc\u{1b}[2Jd\u{200b}e"
      const lines = yield* logged(
        Effect.logWarning(hostile, Cause.fail(new Error(hostile))).pipe(
          Effect.annotateLogs({ [`key${hostile}`]: hostile }),
          Effect.withLogSpan(hostile)
        )
      )
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toMatch(/\p{C}/u)
      expect(lines[0]).toContain(String.raw`a\u{202E}b\u{9B}31mc`)
    })
  )

  it.effect("has one line for an event of many", () =>
    Effect.gen(function* () {
      const [line, ...more] = yield* logged(Effect.logError("one\ntwo\r\nthree\u{2028}four"))
      expect(more).toEqual([])
      expect(line).not.toMatch(/[\n\r\u{2028}]/u)
      expect(line).toContain("one")
      expect(line).toContain("four")
    })
  )
})
