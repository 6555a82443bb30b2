import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { visible } from "../../../src/syntax/Escape.ts"
import { excerpt, listed } from "../../../src/syntax/Excerpt.ts"
import { anyText } from "./anyText.ts"

describe("an excerpt", () => {
  it.each([
    ["", ""],
    ["short", "short"],
    ["x".repeat(60), "x".repeat(60)],
    ["x".repeat(61), `${"x".repeat(60)}…`],
    [`${"x".repeat(59)}\n`, `${"x".repeat(59)}…`],
    [`${"x".repeat(59)}😀`, `${"x".repeat(59)}…`],
    ["a\u202eb\n", "a\\u{202E}b\\n"]
  ])("of %j is %j", (text, expected) => expect(excerpt(text)).toBe(expected))

  it("is short and visible, whatever the text, and all of it where that is short", () => {
    fc.assert(
      fc.property(anyText(100), (text) => {
        const shown = excerpt(text)
        expect(shown.length).toBeLessThanOrEqual(61)
        expect(visible(shown)).toBe(shown)
        if (visible(text).length <= 60) expect(shown).toBe(visible(text))
        else expect(visible(text).startsWith(shown.slice(0, -1))).toBe(true)
      })
    )
  })
})

describe("names in a sentence", () => {
  it.each([
    [0, ""],
    [1, "n0"],
    [2, "n0, n1"],
    [20, Array.from({ length: 20 }, (_, at) => `n${at}`).join(", ")],
    [23, `${Array.from({ length: 20 }, (_, at) => `n${at}`).join(", ")} and 3 more`]
  ])("are %d", (length, expected) => expect(listed(Array.from({ length }, (_, at) => `n${at}`))).toBe(expected))

  it("are whole up to the length of an atom", () => {
    expect(listed(["a".repeat(255), "b".repeat(256)])).toBe(`${"a".repeat(255)}, ${"b".repeat(255)}…`)
  })
})
