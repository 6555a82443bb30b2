import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Whereabouts } from "../../../src/dist/Link.ts"
import { isOver, leave, leftAfter, type Leave, once, toldOf } from "../../../src/node/LeftAlone.ts"

const at = (steady: number) => ({ steady, wall: steady, offset: 0 })

const begun = leave({ _tag: "Processes" }, () => Effect.succeed("same"), at(0))

/** What is left of it after each of these answers of EPMD, had at these times. */
const after = (...answers: ReadonlyArray<readonly [number, Whereabouts]>): Leave | undefined =>
  answers.reduce<Leave | undefined>((left, [now, answer]) => left && leftAfter(left, answer, now), begun)

/** Answers that EPMD has no such name, every second from one time to another. */
const gone = (from: number, to: number): ReadonlyArray<readonly [number, Whereabouts]> =>
  Array.from({ length: Math.floor((to - from) / 1_000) + 1 }, (_, second) => [from + second * 1_000, "gone"])

describe("a node that is left alone", () => {
  it("has ended where EPMD has another port for it, or no such name for longer than a new EPMD has none", () => {
    expect(after([1, "moved"])).toBeUndefined()
    expect(after(...gone(1_000, 5_000), [5_999, "gone"])).toBeDefined()
    expect(after(...gone(1_000, 6_000))).toBeUndefined()
    expect(after([1_000, "same"], [600_000, "same"])).toMatchObject({ endsAt: undefined })
    // Had it been back meanwhile, or nobody been there to tell, the time begins anew.
    for (const answer of ["same", "unknown"] as const) {
      const twice = [
        [1_000, "gone"],
        [2_000, answer],
        [3_000, "gone"],
        [4_000, answer]
      ] as const
      expect(after(...twice, ...gone(60_000, 64_000), [64_999, "gone"])).toBeDefined()
      expect(after(...twice, ...gone(60_000, 65_000))).toBeUndefined()
    }
  })

  it("may have been back where nobody has looked for more than two seconds", () => {
    expect(after([1_000, "gone"], [3_600_000, "gone"])).toMatchObject({ gone: { since: 3_600_000 } })
    expect(after(...gone(1_000, 5_000), ...gone(7_001, 12_000))).toBeDefined()
    expect(after([1_000, "gone"], [3_000, "gone"], [5_000, "gone"], [6_000, "gone"])).toBeUndefined()
  })

  it("is so for ten minutes more where it may be the one that went on, or another", () => {
    for (const answer of ["gone", "unknown"] as const) {
      const left = after([1_000, answer], [2_000, "same"], [9_000, answer], [9_500, "same"])
      expect(left?.endsAt).toBe(answer === "gone" ? 602_000 : 601_000)
    }
  })

  it("is tried once each time that is over", () => {
    const left = leave({ _tag: "Processes" }, undefined, at(0))
    expect([isOver(left, 599_999), isOver(left, 600_000)]).toEqual([false, true])
    expect(once(left, 599_999)).toBe(left)
    expect(once(left, 700_000)).toMatchObject({ endsAt: 1_300_000 })
  })

  it("says who may tell that it has ended, and until when it is so where that may be nobody", () => {
    const told = (left: Leave | undefined) => toldOf("a@h", left!, at(0)).message
    const byEpmd = "before EPMD says that it has ended, by having no such name for five seconds or another port for it"
    expect(told(begun)).toContain(`${byEpmd}.`)
    expect(told(after([1_000, "unknown"], [2_000, "same"]))).toContain(
      `${byEpmd}, or 1970-01-01T00:10:01.000Z, since EPMD`
    )
    expect(told(leave({ _tag: "Processes" }, undefined, at(0)))).toMatch(
      /is sent there, before 1970-01-01T00:10:00.000Z, since nobody/u
    )
  })
})
