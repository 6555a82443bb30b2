import { describe, expect, it } from "vitest"
import { placeOf } from "../../../src/config/JsonPlace.ts"

const text = `  {
  "a": [1, "],[{", {"b": {"c": null}, "d\\u0041": "\\""}, [[], [true]]],\r
  "e": {},   "a2": [ ]
}`

/** The text from the place on. */
const from = (path: ReadonlyArray<unknown>): string | undefined => {
  const place = placeOf(text, path)
  return place && text.split("\n")[place.line - 1]!.slice(place.column - 1)
}

describe("the place of a value in JSON", () => {
  it.each([
    [[], "{"],
    [["a"], '"a": ['],
    [["a", 0], "1, "],
    [["a", 1], '"],[{", '],
    [["a", 2], '{"b"'],
    [["a", 2, "b", "c"], '"c": null'],
    [["a", 2, "dA"], '"d\\u0041": '],
    [["a", 3], "[[], "],
    [["a", 3, 0], "[], "],
    [["a", 3, 1, 0], "true"],
    [["e"], '"e": {}'],
    [["a2"], '"a2": [ ]']
  ])("%j", (path, start) => {
    expect(from(path)?.startsWith(start)).toBe(true)
  })

  it("is none of what is not there", () => {
    expect([["b"], ["a", 4], ["a", 0, 0], ["a2", 0]].map((path) => placeOf(text, path))).toEqual(
      Array.from({ length: 4 })
    )
  })
})
