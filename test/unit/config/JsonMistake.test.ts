import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { jsonMistake } from "../../../src/config/JsonMistake.ts"

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe("a mistake in JSON", () => {
  it.each([
    ["", 1, 1, "a value"],
    ["{", 1, 2, "a key in double quotes or }"],
    ['{\n  "a": 1,\n}', 3, 1, "a key in double quotes"],
    ['{\r\n"a": 1\r\n"b": 2}', 3, 1, "a comma or }"],
    ["{ // why\n}", 1, 3, "a key in double quotes or }"],
    ["{'a': 1}", 1, 2, "a key in double quotes or }"],
    ['{"a" 1}', 1, 6, "a colon"],
    ['{"a": }', 1, 7, "a value"],
    ["[1,]", 1, 4, "a value"],
    ["[1 2]", 1, 4, "a comma or ]"],
    ["[1}", 1, 3, "a comma or ]"],
    ["[01]", 1, 2, "a value or ]"],
    ["[True]", 1, 2, "a value or ]"],
    ['{"a": "b\n"}', 1, 7, "a string without line breaks that ends with a double quote"],
    ["{} {}", 1, 4, "nothing more"]
  ])("in %j is at line %d, column %d", (text, line, column, expected) => {
    expect(jsonMistake(text)).toEqual({ what: "is not JSON", line, column, expected })
  })

  it.each([
    ['{"a": 1, "a": 2}', 1, 10],
    ['{"a": 1,\n "\\u0061": 2}', 2, 2],
    ['[{"b": {}, "a": {"a": 1},\n"b": 2}]', 2, 1]
  ])("in %j is a key that stands twice in one object", (text, line, column) => {
    const expected = "a key that its object does not have yet"
    expect(jsonMistake(text)).toEqual({ what: "has a key twice", line, column, expected })
  })

  it.each(['{"a": {"a": 1}, "b": {"a": 1}}', '[{"a": 1}, {"a": 1}]', '{"__proto__": 1}'])(
    "is none in %j, where each object has each key once",
    (text) => {
      expect(jsonMistake(text)).toBeUndefined()
    }
  )

  it("is there just where JSON.parse finds one, but for keys that stand twice", () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.nat(3),
        fc.constantFrom("", ",", "}", "]", ":", '"', "\\", "1", "e", "-", " ", "\n")
      )
      .map(([text, at, removed, added]) => {
        const start = at % (text.length + 1)
        return text.slice(0, start) + added + text.slice(start + removed)
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.json(), fc.string()), (text) => {
        const mistake = jsonMistake(text)
        if (mistake?.what !== "has a key twice") expect(mistake === undefined).toBe(isJson(text))
      }),
      { numRuns: 2_000 }
    )
  })
})
