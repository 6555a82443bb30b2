import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Deadlines } from "../../../src/node/Deadlines.ts"

const addTo = (deadlines: Deadlines, millis: number, expire: () => void) =>
  deadlines.add(performance.now() + millis, { expire })

describe("Deadlines", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

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
    for (let millis = 10_000; millis < 20_000; millis += 10) addTo(deadlines, millis, () => {})
    for (let millis = 10_000; millis > 0; millis -= 10) addTo(deadlines, millis, () => {})
    expect(vi.getTimerCount()).toBe(1)
  })

  it("are looked at together where they come close on each other", () => {
    const deadlines = new Deadlines()
    const set = vi.spyOn(globalThis, "setTimeout")
    let expired = 0
    for (let millis = 1; millis <= 1_600; millis++) addTo(deadlines, millis, () => expired++)
    vi.advanceTimersByTime(2_000)
    expect(expired).toBe(1_600)
    expect(set.mock.calls.length).toBeLessThanOrEqual(101)
  })

  it.each([100, 10.5])("are looked at once, when they have passed: %d ms", (millis) => {
    const deadlines = new Deadlines()
    const set = vi.spyOn(globalThis, "setTimeout")
    let expired = 0
    addTo(deadlines, millis, () => expired++)
    vi.advanceTimersByTime(200)
    expect(expired).toBe(1)
    expect(set).toHaveBeenCalledTimes(1)
  })

  it("may be over when they are added", () => {
    const deadlines = new Deadlines()
    const set = vi.spyOn(globalThis, "setTimeout")
    let expired = 0
    addTo(deadlines, -50, () => expired++)
    vi.advanceTimersByTime(16)
    expect(expired).toBe(1)
    // Node warns of a time below 0.
    expect(set.mock.calls[0]![1]).toBeGreaterThanOrEqual(0)
  })

  it("may be further away than a timer can be set for", () => {
    const deadlines = new Deadlines()
    const expired: Array<number> = []
    const set = vi.spyOn(globalThis, "setTimeout")
    addTo(deadlines, 2 ** 32, () => expired.push(performance.now()))
    const end = performance.now() + 2 ** 32
    vi.advanceTimersByTime(1_000)
    // Node takes a time that is too long for one of a millisecond.
    expect(set).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(2 ** 32)
    expect(expired).toHaveLength(1)
    expect(expired[0]).toBeGreaterThanOrEqual(end)
  })

  it("that are all dropped leave no timer behind, and those that come after expire", () => {
    const deadlines = new Deadlines()
    const expired: Array<string> = []
    addTo(deadlines, 100, () => expired.push("before"))
    deadlines.clear()
    expect(vi.getTimerCount()).toBe(0)
    addTo(deadlines, 200, () => expired.push("after"))
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual(["after"])
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
