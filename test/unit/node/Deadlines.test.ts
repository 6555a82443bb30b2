import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Deadlines } from "../../../src/node/Deadlines.ts"

const addTo = (deadlines: Deadlines, millis: number, expire: () => void) =>
  deadlines.add(performance.now() + millis, { expire })

describe("Deadlines", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
  afterEach(() => void vi.useRealTimers())

  it("expire in their order, never early, at most 16 ms late", () => {
    const deadlines = new Deadlines()
    const expired: Array<readonly [number, number]> = []
    for (const millis of [500, 20, 100, 0, 100_000])
      addTo(deadlines, millis, () => expired.push([millis, performance.now()]))
    const start = performance.now()
    vi.advanceTimersByTime(200_000)
    expect(expired.map(([millis]) => millis)).toEqual([0, 20, 100, 500, 100_000])
    for (const [millis, at] of expired) {
      expect(at - start).toBeGreaterThanOrEqual(millis)
      expect(at - start).toBeLessThanOrEqual(millis + 17)
    }
  })

  it("do not expire once they are dropped, and leave no timer behind", () => {
    const deadlines = new Deadlines()
    const expired: Array<string> = []
    const dropped = addTo(deadlines, 100, () => expired.push("dropped"))
    addTo(deadlines, 100, () => expired.push("kept"))
    deadlines.drop(dropped)
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual(["kept"])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("share one timer", () => {
    const deadlines = new Deadlines()
    for (let millis = 0; millis < 10_000; millis += 10) addTo(deadlines, millis, () => {})
    expect(vi.getTimerCount()).toBe(1)
  })

  it("may be added while others expire", () => {
    const deadlines = new Deadlines()
    const expired: Array<string> = []
    addTo(deadlines, 50, () => {
      expired.push("first")
      addTo(deadlines, 50, () => expired.push("second"))
    })
    vi.advanceTimersByTime(200)
    expect(expired).toEqual(["first", "second"])
  })
})
