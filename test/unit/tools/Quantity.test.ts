import { describe, expect, it } from "vitest"
import { agree, amount, bytes, duration } from "../../../src/tools/Quantity.ts"

describe("a quantity in a sentence", () => {
  it.each([
    [0, "0 processes were"],
    [1, "1 process was"],
    [2, "2 processes were"],
    [12_345, "12,345 processes were"]
  ])("%i has its noun and its verb", (count, said) => {
    expect(amount(count, "process was", "processes were")).toBe(said)
    expect(`${count.toLocaleString("en-US")} ${agree(count, "process was", "processes were")}`).toBe(said)
  })

  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [1023, "1,023 bytes"],
    [1024, "1.0 KiB"],
    [1536 * 1024 ** 3, "1.5 TiB"]
  ])("%i bytes", (count, said) => {
    expect(bytes(count)).toBe(said)
  })

  it.each([
    [999, "less than a second"],
    [1_000, "1 second"],
    [61_000, "1 minute 1 second"],
    [180_000_000, "2 days 2 hours"]
  ])("%i milliseconds", (millis, said) => {
    expect(duration(millis)).toBe(said)
  })
})
