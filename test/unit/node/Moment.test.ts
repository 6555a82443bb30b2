import { Clock, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { makeNow, onTheWall } from "../../../src/node/Moment.ts"

/** Clocks that show what a test says. */
const clocks = () => {
  const shown = { wall: 1_000, steady: 5 }
  const clock: Clock.Clock = {
    ...Effect.runSync(Clock.Clock),
    currentTimeMillisUnsafe: () => Math.floor(shown.wall),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(shown.steady * 1e6))
  }
  return { shown, now: makeNow(clock) }
}

describe("a time that is told by the wall clock", () => {
  it("is the same each time, though that clock shows whole milliseconds only", () => {
    const { now, shown } = clocks()
    const told = Array.from({ length: 1_000 }, () => {
      shown.wall += 7.31
      shown.steady += 7.31
      return onTheWall(now(), 60_000)
    })
    expect(new Set(told)).toEqual(new Set([60_995]))
  })

  it("goes by that clock as it is set now", () => {
    const { now, shown } = clocks()
    expect(onTheWall(now(), 60_000)).toBe(60_995)
    shown.wall += 3_600_000
    expect(onTheWall(now(), 60_000)).toBe(3_660_995)
  })
})
