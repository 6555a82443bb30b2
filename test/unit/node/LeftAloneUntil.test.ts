import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { isOver, leave, type Leave, once, stillLeft } from "../../../src/node/LeftAlone.ts"

const at = (steady: number) => ({ steady, wall: steady, offset: 0 })

/** What is left of it after each of these answers of EPMD, had at these times. */
const after = (...answers: ReadonlyArray<readonly [number, boolean | "gone" | "unknown"]>) =>
  Effect.gen(function* () {
    let told: boolean | "gone" | "unknown" = false
    let left: Leave | undefined = leave({ _tag: "Processes" }, () => Effect.sync(() => told), at(0))
    for (const [steady, answer] of answers) {
      told = answer
      left = left && (yield* stillLeft(left, () => at(steady), 1_000))
    }
    return left
  })

describe("a node that is left alone", () => {
  it.effect("has ended where EPMD has another port for it, or no such name for longer than a new EPMD has none", () =>
    Effect.gen(function* () {
      expect(yield* after([1, true])).toBeUndefined()
      expect(yield* after([1_000, "gone"], [5_999, "gone"])).toBeDefined()
      expect(yield* after([1_000, "gone"], [6_000, "gone"])).toBeUndefined()
      expect(yield* after([1_000, false], [600_000, false])).toMatchObject({ endsAt: undefined })
      // Had it been back meanwhile, or nobody been there to tell, the time begins anew.
      for (const answer of [false, "unknown"] as const) {
        const twice = [
          [1_000, "gone"],
          [2_000, answer],
          [3_000, "gone"],
          [4_000, answer]
        ] as const
        expect(yield* after(...twice, [60_000, "gone"], [64_999, "gone"])).toBeDefined()
        expect(yield* after(...twice, [60_000, "gone"], [65_000, "gone"])).toBeUndefined()
      }
    })
  )

  it.effect("is so for ten minutes more where it may be the one that went on, or another", () =>
    Effect.gen(function* () {
      for (const answer of ["gone", "unknown"] as const) {
        const left = yield* after([1_000, answer], [2_000, false], [9_000, answer], [9_500, false])
        expect(left?.endsAt).toBe(answer === "gone" ? 602_000 : 601_000)
      }
    })
  )

  it("is tried once each time that is over", () => {
    const left = leave({ _tag: "Processes" }, undefined, at(0))
    expect([isOver(left, 599_999), isOver(left, 600_000)]).toEqual([false, true])
    expect(once(left, 599_999)).toBe(left)
    expect(once(left, 700_000)).toMatchObject({ endsAt: 1_300_000 })
  })
})
