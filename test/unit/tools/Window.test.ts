import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deadline } from "../../../src/tools/Deadline.ts"
import { timeBeside } from "../../../src/tools/Window.ts"

/** In a call of two seconds, of which some have gone by when the window is to open. */
const beside = (windowMillis: number, gone: number) =>
  Effect.andThen(TestClock.adjust(gone), timeBeside("look", windowMillis)).pipe(
    Effect.provideService(Deadline, { at: 2_000, millis: 2_000 })
  )

describe("a window", () => {
  it.effect("may end a second before the time of the call is over, whatever getting there took", () =>
    Effect.gen(function* () {
      expect(yield* beside(1_000, 400)).toBe(600)
    })
  )

  it.effect("that ends later is refused, with the time that it takes", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(beside(1_001, 0))
      expect(error).toMatchObject({ code: "invalid_input", retryable: false })
      expect(error.message).toContain("Set timeout_ms to 2001 or more.")
    })
  )

  it.effect("cannot open when too little is left", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(beside(1_000, 501))
      expect(error).toMatchObject({ code: "timeout", retryable: true })
      expect(error.message).toContain("of the 2000 ms of this call only 1499 were left")
    })
  )
})
