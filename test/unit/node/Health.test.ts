import { describe, expect, it } from "vitest"
import { HealthRecord, type Sample } from "../../../src/node/Health.ts"

const quick: Sample = { roundTripMillis: 2, runQueue: 0 }
const slow: Sample = { roundTripMillis: 1_200, runQueue: 0 }
const busy: Sample = { roundTripMillis: 2, runQueue: 12.4 }
/** Nothing but that it cannot. */
const full: Sample = { roundTripMillis: 2, runQueue: undefined, problem: "its process table is full" }
/** Neither good nor poor. */
const middling: Sample = { roundTripMillis: 700, runQueue: 0 }

/** The condition after each of the samples, which come a second apart. */
const conditions = (...samples: ReadonlyArray<Sample>) => {
  const record = new HealthRecord(0)
  return samples.map((sample, at) => {
    record.record(at * 1_000, sample)
    return record.condition
  })
}

describe("the condition of a node", () => {
  it("is degraded by the second poor answer in a row, not by one", () => {
    expect(conditions(slow, quick, busy, slow)).toEqual(["up", "up", "up", "degraded"])
  })

  it("is degraded by one sample that is missed, and down at the third in a row", () => {
    expect(conditions("missed", "missed", "missed")).toEqual(["degraded", "degraded", "down"])
    expect(conditions("missed", "missed", quick, "missed", "missed").at(-1)).toBe("degraded")
  })

  it("comes back by one answer from down, and to up by three good ones in a row", () => {
    const down: ReadonlyArray<Sample> = ["missed", "missed", "missed"]
    expect(conditions(...down, quick, quick, quick).slice(3)).toEqual(["degraded", "degraded", "up"])
    expect(conditions(...down, quick, quick, middling, quick, quick, quick).slice(3)).toEqual([
      "degraded",
      "degraded",
      "degraded",
      "degraded",
      "degraded",
      "up"
    ])
  })

  it("is degraded by the second answer in a row that it can run nothing, which is none that was missed", () => {
    const record = new HealthRecord(0)
    expect([quick, full, full].map((sample, at) => record.record(at, sample))).toEqual([false, false, true])
    expect(record.health(0)).toMatchObject({ condition: "degraded", missed: 0, why: ["its process table is full"] })
    expect(conditions(full, full, full, full, full).at(-1)).toBe("degraded")
  })

  it("stays as it is in between", () => {
    expect(conditions(middling, middling, middling)).toEqual(["up", "up", "up"])
    expect(conditions(slow, slow, middling, middling, middling).at(-1)).toBe("degraded")
  })
})

describe("an answer", () => {
  it.each([
    { roundTripMillis: 1_000, runQueue: 0 },
    { roundTripMillis: 0, runQueue: 10 }
  ])("is poor from %j on", (sample) => {
    expect(conditions(sample, sample)).toEqual(["up", "degraded"])
    const less = {
      roundTripMillis: Math.max(0, sample.roundTripMillis - 1),
      runQueue: Math.max(0, sample.runQueue - 1)
    }
    expect(conditions(less, less)).toEqual(["up", "up"])
  })

  it.each([
    { roundTripMillis: 499, runQueue: 0 },
    { roundTripMillis: 0, runQueue: 4 },
    { roundTripMillis: 0, runQueue: undefined }
  ])("is good up to %j", (sample) => {
    expect(conditions("missed", sample, sample, sample).at(-1)).toBe("up")
  })

  it.each([
    { roundTripMillis: 500, runQueue: 0 },
    { roundTripMillis: 0, runQueue: 5 }
  ])("is not good from %j on", (sample) => {
    expect(conditions("missed", sample, sample, sample).at(-1)).toBe("degraded")
  })
})

describe("the health of a node", () => {
  it("says what is wrong and since when, and nothing when it is well again", () => {
    const record = new HealthRecord(5)
    expect(record.health(3)).toEqual({ condition: "up", since: 5, why: [], missed: 0, silentMillis: 3 })
    expect(record.record(10, busy)).toBe(false)
    expect(record.record(20, { roundTripMillis: 1_499.6, runQueue: 12.4 })).toBe(true)
    expect(record.health(0)).toMatchObject({
      condition: "degraded",
      since: 20,
      sampledAt: 20,
      why: ["a round trip of 1500 ms", "12 processes waiting to run for each scheduler"],
      runQueue: 12.4
    })
    // Not well again yet, and for the same reason.
    record.record(25, middling)
    expect(record.health(0)).toMatchObject({ why: [expect.stringContaining("1500 ms"), expect.any(String)] })
    record.record(30, "missed")
    expect(record.health(0)).toMatchObject({ since: 20, sampledAt: 30, why: ["no answer within 5000 ms"], missed: 1 })
    for (const at of [40, 50, 60]) record.record(at, quick)
    expect(record.health(0)).toMatchObject({ condition: "up", since: 60, why: [], runQueue: 0 })
  })

  it("has percentiles of the latest twenty samples that were answered", () => {
    const record = new HealthRecord(0)
    for (let at = 0; at < 15; at++) record.record(at, { roundTripMillis: 10_000, runQueue: undefined })
    for (let at = 1; at <= 19; at++) record.record(at, { roundTripMillis: at, runQueue: undefined })
    record.record(20, "missed")
    expect(record.health(0)).toMatchObject({ roundTrip: { p50: 10, p95: 19, samples: 19 }, missed: 1 })
    expect(record.health(0)).not.toHaveProperty("runQueue")
  })
})
