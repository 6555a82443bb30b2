import { describe, expect, it } from "vitest"
import { describeClock } from "../../../src/node/ClockDifference.ts"

describe("a node's clock", () => {
  it.each([
    [0, 1, "Its clock is as ours, within a second."],
    [-900, 100, "Its clock is as ours, within a second."],
    [
      2_000,
      1_500,
      "Its clock may be as ours: it differs by 3.5 s at most, and an answer that took 3.0 s tells no more."
    ],
    [-1_000, 40, "Its clock may be as ours: it differs by 1.1 s at most, and an answer that took 0.1 s tells no more."],
    [0, 6_000, "Its clock may be as ours: it differs by 6.0 s at most, and an answer that took 12 s tells no more."]
  ])("that seems %i ms ahead, %i ms more or less, is not said to differ", (aheadMillis, marginMillis, found) => {
    expect(describeClock({ aheadMillis, marginMillis })).toEqual({ found })
  })

  it.each([
    [1_050, 40, "1.1 s ahead of ours"],
    [-65_000, 99, "65 s behind ours"],
    [5_000, 1_500, "5.0 s ahead of ours, give or take 1.5 s"]
  ])("that is %i ms ahead, %i ms more or less, differs", (aheadMillis, marginMillis, differs) => {
    expect(describeClock({ aheadMillis, marginMillis })).toEqual({ found: `Its clock is ${differs}.`, differs })
  })
})
