import { describe, expect, it } from "vitest"
import { Breaker } from "../../../src/node/Breaker.ts"

/** Without jitter: a pause is as long as it says. */
const breaker = () => new Breaker(() => 0.5)

const opened = () => {
  const it = breaker()
  for (let at = 0; at < 3; at++) it.record(at, "failure")
  return it
}

describe("a closed breaker", () => {
  it("opens at the third failure, if half of what happened are failures", () => {
    const it = breaker()
    it.record(0, "failure")
    it.record(1, "failure")
    expect(it.admit(2)).toEqual({ _tag: "Pass" })
    it.record(2, "failure")
    expect(it.state(2)).toEqual({ _tag: "Open", since: 2, until: 2_002 })
  })

  it("stays closed while most requests are answered", () => {
    const it = breaker()
    for (let at = 0; at < 4; at++) it.record(at, "success")
    for (let at = 4; at < 7; at++) it.record(at, "failure")
    expect(it.state(7)).toEqual({ _tag: "Closed" })
    it.record(8, "failure")
    expect(it.state(8)._tag).toBe("Open")
  })

  it("opens at the fifth failure in a row, however much went well before", () => {
    const it = breaker()
    for (let at = 0; at < 100; at++) it.record(at, "success")
    for (let at = 100; at < 104; at++) it.record(at, "failure")
    it.record(104, "success")
    for (let at = 105; at < 109; at++) it.record(at, "failure")
    expect(it.state(109)).toEqual({ _tag: "Closed" })
    it.record(109, "failure")
    expect(it.state(109)._tag).toBe("Open")
  })

  it("forgets what is a minute old", () => {
    const it = breaker()
    it.record(0, "failure")
    it.record(1, "failure")
    it.record(60_001, "failure")
    expect(it.state(60_001)).toEqual({ _tag: "Closed" })
  })
})

describe("an open breaker", () => {
  it("lets nothing through before its time, and says when it will", () => {
    const it = opened()
    expect(it.admit(3)).toEqual({ _tag: "Rejected", since: 2, until: 2_002, isProbing: false })
    expect(it.counts()).toEqual({ successes: 0, failures: 3, rejected: 1, opened: 1, closed: 0 })
  })

  it("does not count what we would have done by ourselves as refused", () => {
    const it = opened()
    expect(it.admit(3, { isOurs: true })).toMatchObject({ _tag: "Rejected", isProbing: false })
    it.admit(2_002)
    expect(it.admit(2_003, { isOurs: true })).toMatchObject({ _tag: "Rejected", isProbing: true })
    expect(it.counts().rejected).toBe(0)
  })

  it("is not kept open by what was under way when it opened, nor closed by it", () => {
    const it = opened()
    it.record(100, "failure")
    it.record(101, "success")
    expect(it.state(102)).toEqual({ _tag: "Open", since: 2, until: 2_002 })
  })

  it("lets one request through then, and closes if that is answered", () => {
    const it = opened()
    expect(it.admit(2_002)).toEqual({ _tag: "Probe", number: 1 })
    expect(it.admit(2_003)).toEqual({ _tag: "Rejected", since: 2_002, until: 32_002, isProbing: true })
    it.record(2_004, "success")
    expect(it.state(2_004)).toEqual({ _tag: "Closed" })
    expect(it.admit(2_005)).toEqual({ _tag: "Pass" })
    expect(it.counts()).toMatchObject({ opened: 1, closed: 1 })
    it.record(2_006, "failure")
    expect(it.state(2_006)).toEqual({ _tag: "Closed" })
  })

  it("stays open twice as long each time that the probe fails, up to a minute", () => {
    const it = opened()
    let now = 2
    const pauses = Array.from({ length: 7 }, () => {
      const state = it.state(now)
      if (state._tag !== "Open") throw new Error(`it is ${state._tag}`)
      const pause = state.until - now
      now = state.until
      expect(it.admit(now)).toMatchObject({ _tag: "Probe" })
      it.record(now, "failure")
      return pause
    })
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  })

  it("lets another through where the probe came to no request", () => {
    const it = opened()
    expect(it.admit(2_002)).toEqual({ _tag: "Probe", number: 1 })
    it.release(1)
    expect(it.admit(2_003)).toEqual({ _tag: "Probe", number: 2 })
    // What was given back before gives back nothing that came later.
    it.release(1)
    expect(it.admit(2_004)).toMatchObject({ _tag: "Rejected" })
  })

  it("keeps its longer pause after a probe that went well, until a minute without failure", () => {
    const it = opened()
    const pauseAfter = (closedAt: number, failsAt: number) => {
      it.admit(closedAt)
      it.record(closedAt, "success")
      for (let count = 0; count < 3; count++) it.record(failsAt, "failure")
      const state = it.state(failsAt)
      return state._tag === "Open" ? state.until - failsAt : undefined
    }
    expect(pauseAfter(10_000, 20_000)).toBe(4_000)
    expect(pauseAfter(30_000, 89_999)).toBe(8_000)
    expect(pauseAfter(100_000, 160_000)).toBe(2_000)
  })

  it("takes a failure for that of the probe only while there is one", () => {
    const it = opened()
    expect(it.state(2_002)._tag).toBe("HalfOpen")
    it.record(2_003, "failure")
    expect(it.state(2_003)._tag).toBe("HalfOpen")
    it.admit(2_004)
    it.record(2_005, "failure")
    expect(it.state(2_005)).toEqual({ _tag: "Open", since: 2_005, until: 6_005 })
  })

  it("goes on with its pause where somebody who knew better made no request", () => {
    const it = opened()
    const probe = it.admit(3, { isWanted: true })
    if (probe._tag === "Probe") it.release(probe.number)
    expect(it.state(4)).toEqual({ _tag: "Open", since: 2, until: 2_002 })
    expect(it.admit(2_002)).toEqual({ _tag: "Probe", number: 2 })
  })

  it("does not wait for ever for a probe of which nothing is heard", () => {
    const it = opened()
    it.admit(2_002)
    expect(it.admit(32_001)).toMatchObject({ _tag: "Rejected" })
    expect(it.admit(32_002)).toEqual({ _tag: "Probe", number: 2 })
  })

  it("lets somebody through who knows better, one at a time", () => {
    const it = opened()
    expect(it.admit(3, { isWanted: true })).toEqual({ _tag: "Probe", number: 1 })
    expect(it.admit(4, { isWanted: true })).toMatchObject({ _tag: "Rejected", isProbing: true })
    it.record(5, "success")
    expect(it.state(5)).toEqual({ _tag: "Closed" })
  })

  it("varies its pause, so that several do not come back in step", () => {
    const pauses = [0, 1].map((random) => {
      const it = new Breaker(() => random)
      for (let count = 0; count < 3; count++) it.record(0, "failure")
      const state = it.state(0)
      return state._tag === "Open" ? state.until : undefined
    })
    expect(pauses).toEqual([1_500, 2_500])
  })

  it("is closed by a reset, with its counts at zero", () => {
    const it = opened()
    it.reset()
    expect(it.admit(3)).toEqual({ _tag: "Pass" })
    expect(it.counts()).toEqual({ successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 })
  })
})
