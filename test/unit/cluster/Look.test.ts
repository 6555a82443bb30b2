import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { lookAtEach, together } from "../../../src/cluster/Look.ts"

const parts = Array.from({ length: 40 }, (_, at) => `part ${at}`)

const seen = (part: string) => ({ sightings: [{ node: `${part}@h`, part }], failures: [] })

/** Looks at parts that never tell anything, and counts them. */
const lookInVain = (until: number) => {
  const asked: Array<number> = []
  const look = lookAtEach(parts, { until }, String, (_part, millis) =>
    Effect.suspend(() => {
      asked.push(millis)
      return Effect.never
    })
  )
  return { asked, look }
}

describe("the parts of a source", () => {
  it.effect("are asked some at once, each for no longer than one may take", () =>
    Effect.gen(function* () {
      const { asked, look } = lookInVain(60_000)
      const looking = yield* Effect.forkChild(look, { startImmediately: true })
      yield* TestClock.adjust(0)
      expect(asked).toEqual(Array(16).fill(2_000))
      yield* TestClock.adjust("1 minute")
      const { failures } = yield* Fiber.join(looking)
      expect(asked).toHaveLength(40)
      expect(failures.map(({ part }) => part)).toEqual(parts)
      expect(failures[0]?.message).toBe("part 0 had told nothing after 2000 ms.")
    })
  )

  it.effect("are not asked once the time for all is over, which is told of each", () =>
    Effect.gen(function* () {
      const { asked, look } = lookInVain(3_000)
      const looking = yield* Effect.forkChild(look, { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const { failures } = yield* Fiber.join(looking)
      expect(asked.length).toBe(32)
      expect(Math.max(...asked.slice(16))).toBeLessThan(1_000)
      expect(failures).toHaveLength(40)
      expect(failures.at(-1)).toEqual({ part: "part 39", message: "part 39 was not asked: time was over before." })
    })
  )

  it.effect("tell together what each tells", () =>
    Effect.gen(function* () {
      const told = yield* lookAtEach(["a", "b"], { until: 1_000 }, String, (part) => Effect.succeed(seen(part)))
      expect(told).toEqual(together([seen("a"), seen("b")]))
    })
  )
})
