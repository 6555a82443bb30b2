import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { escape, escaper, escapeWithin, visible } from "../../../src/syntax/Escape.ts"
import { anyText } from "./anyText.ts"

describe("visible", () => {
  it.each([
    ["plain", "plain"],
    ["Ärger, Ελλάδα, 日本, עברית, 😀", "Ärger, Ελλάδα, 日本, עברית, 😀"],
    ["C:\\dir", "C:\\dir"],
    ["two\nlines\r\n\tand a tab", "two\\nlines\\r\\n\\tand a tab"],
    ["\x1b[31mred\x1b[0m", "\\u{1B}[31mred\\u{1B}[0m"],
    ["\0\x07\x7f\x85", "\\u{0}\\u{7}\\u{7F}\\u{85}"],
    ["abc\u202Edef\u2066\u2069\u200E", "abc\\u{202E}def\\u{2066}\\u{2069}\\u{200E}"],
    ["a\u200Bb\u200Dc\uFEFFd\u00ADe\u2060", "a\\u{200B}b\\u{200D}c\\u{FEFF}d\\u{AD}e\\u{2060}"],
    ["\u{E0041}\u{E0001}\u{E007F}", "\\u{E0041}\\u{E0001}\\u{E007F}"],
    ["\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["a b\u00A0c\u2003d\u3000e\uFFFC", "a b\\u{A0}c\\u{2003}d\\u{3000}e\\u{FFFC}"],
    ["\uD800x\uDC00", "\\u{D800}x\\u{DC00}"],
    ["\uFE0F\u{E0100}\u3164\u115F\u034F", "\\u{FE0F}\\u{E0100}\\u{3164}\\u{115F}\\u{34F}"],
    ["\uE000\uFFFF", "\\u{E000}\\u{FFFF}"]
  ])("shows %j", (text, expected) => {
    expect(visible(text)).toBe(expected)
  })

  it("changes nothing in what it made visible", () => {
    fc.assert(
      fc.property(anyText(30), (text) => {
        expect(visible(visible(text))).toBe(visible(text))
      })
    )
  })
})

describe("escapeWithin", () => {
  const doubling = escaper("[aé😀]|bc", (match) => `<${match.toUpperCase()}>`)

  it("takes as much as fits, and never half of a character or an escape", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "bc", "b", "c", "x", "é", "😀", "🎉", "\u202e", "\ud800")),
        fc.integer({ min: 0, max: 40 }),
        (parts, room) => {
          const text = parts.join("")
          const { escaped, taken } = escapeWithin(text, doubling, room)
          expect(escaped.length).toBeLessThanOrEqual(room)
          expect(text.startsWith(taken)).toBe(true)
          expect(escaped).toBe(escape(taken, doubling))
          const split = /[\ud800-\udbff]$/u.test(taken) && /^[\udc00-\udfff]/u.test(text.slice(taken.length))
          expect(split).toBe(false)
          if (escape(text, doubling).length <= room) expect(taken).toBe(text)
        }
      )
    )
  })
})
