import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Deadline } from "../../../src/tools/Deadline.ts"
import { Progress, type ProgressReport } from "../../../src/tools/Progress.ts"
import { throughWindow, timeBeside } from "../../../src/tools/Window.ts"

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

  it.effect("tells how far it has come, and of a node that is late with its answer that it is", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const report = ({ message }: ProgressReport) => Effect.sync(() => void told.push(message))
      const call = throughWindow("look", 2_000, () => Effect.sleep(5_000)).pipe(
        Effect.provideService(Progress, report),
        Effect.provideService(Deadline, { at: 10_000, millis: 10_000 })
      )
      const fiber = yield* Effect.forkChild(call)
      yield* TestClock.adjust(5_000)
      yield* Fiber.join(fiber)
      expect(told).toEqual(["1 of 2 seconds", "2 of 2 seconds", expect.stringContaining("has yet to say")])
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
