import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { describe, expect, it } from "@effect/vitest"
import { reporting } from "../../../src/mcp/Reporting.ts"
import { Progress, type ProgressReport } from "../../../src/tools/Progress.ts"

const recording = <A, E, R>(call: Effect.Effect<A, E, R>) => {
  const seen: Array<ProgressReport> = []
  return { seen, call: reporting(call, (report) => Effect.sync(() => void seen.push(report))) }
}

describe("a call that says nothing of itself", () => {
  it.effect("gives a sign of life for each second", () =>
    Effect.gen(function* () {
      const { call, seen } = recording(Effect.as(Effect.sleep(3_500), "done"))
      const fiber = yield* Effect.forkChild(call)
      yield* TestClock.adjust(900)
      expect(seen).toEqual([])
      yield* TestClock.adjust(2_600)
      expect(yield* Fiber.join(fiber)).toBe("done")
      expect(seen.map(({ progress }) => progress)).toEqual([1, 2, 3])
      expect(seen.at(-1)?.message).toBe("still running after 3 s")
    })
  )

  it.effect("gives none when it is quick, and none once it has ended", () =>
    Effect.gen(function* () {
      const { call, seen } = recording(Effect.sleep(500))
      const fiber = yield* Effect.forkChild(call)
      yield* TestClock.adjust(10_000)
      yield* Fiber.join(fiber)
      expect(seen).toEqual([])
    })
  )
})

describe("a call that reports", () => {
  it.effect("is heard four times a second at most", () =>
    Effect.gen(function* () {
      const { call, seen } = recording(
        Effect.gen(function* () {
          const report = yield* Progress
          for (let at = 1; at <= 100; at++) {
            yield* report({ progress: at, total: 100, message: `row ${at}` })
            yield* Effect.sleep(10)
          }
        })
      )
      const fiber = yield* Effect.forkChild(call)
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(fiber)
      expect(seen.length).toBe(4)
    })
  )

  it.effect("is spoken for while it is silent, with its own figures, and never goes back", () =>
    Effect.gen(function* () {
      const { call, seen } = recording(
        Effect.gen(function* () {
          const report = yield* Progress
          yield* Effect.sleep(2_500)
          yield* report({ progress: 1, total: 10, message: "one" })
          yield* Effect.sleep(2_500)
          yield* report({ progress: 5, total: 10, message: "five" })
        })
      )
      const fiber = yield* Effect.forkChild(call)
      yield* TestClock.adjust(5_000)
      yield* Fiber.join(fiber)
      const progress = seen.map((report) => report.progress)
      expect(progress).toEqual(progress.toSorted((a, b) => a - b))
      expect(new Set(progress).size).toBe(progress.length)
      expect(seen.map(({ message }) => message)).toEqual([
        "still running after 1 s",
        "still running after 2 s",
        "one",
        "one",
        "one",
        "five"
      ])
      expect(seen.at(-1)).toEqual({ progress: 5, total: 10, message: "five" })
    })
  )
})
