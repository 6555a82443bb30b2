import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Binary, binary, isTuple, List, type Term } from "../../../src/etf/Term.ts"
import { escape, escaper } from "../../../src/syntax/Escape.ts"
import { print, type PrintOptions, type Shaper } from "../../../src/syntax/Syntax.ts"

/**
 * A syntax made for reading back what was cut: numbers in angle quotes, tuples and lists in brackets of their own, an
 * improper list with a bar, binaries as text in single quotes.
 */
const quotes = escaper("['%]", (char) => `%${char === "'" ? "q" : char === "%" ? "p" : "x"}`)
const shaper: Shaper = (term) => {
  if (term instanceof Binary) {
    return {
      open: "'",
      close: "'",
      cut: (left) => `'~${left}~`,
      text: term.text(),
      size: term.length,
      measure: (text) => Buffer.byteLength(text),
      escaper: quotes
    }
  }
  if (term instanceof List) {
    const { items, tail } = term
    return {
      open: "[",
      close: "]",
      separator: "; ",
      ...(tail === undefined ? {} : { lastSeparator: " | " }),
      size: items.length + (tail === undefined ? 0 : 1),
      element: (index) => [items[index] ?? tail!]
    }
  }
  return isTuple(term)
    ? { open: "<(", close: ")>", separator: ";", size: term.length, element: (index) => ["-", term[index]!, "-"] }
    : `«${String(term)}»`
}

const term = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "medium" },
    fc.integer(),
    fc.array(fc.constantFrom("a", "é", "😀", "'", "%", "\n"), { maxLength: 60 }).map((text) => binary(text.join(""))),
    fc.array(tie("term"), { maxLength: 8 }),
    fc.array(tie("term"), { maxLength: 8 }).map((items) => new List(items)),
    fc.array(tie("term"), { minLength: 1, maxLength: 8 }).map((items) => new List(items, 7))
  )
})).term

/** Reads a printed text along the term that it was printed from; fails at the first character that is not right. */
class Reading {
  private at = 0
  /** Levels, elements and units that the text says are left out. */
  cuts = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  whole(it: Term): void {
    this.term(it)
    expect(this.at).toBe(this.text.length)
  }

  private term(it: Term): void {
    if (it instanceof Binary) this.literal(it.text())
    else if (it instanceof List)
      this.elements("[", it.tail === undefined ? it.items : [...it.items, it.tail], "; ", "", "]")
    else if (isTuple(it)) this.elements("<(", it, ";", "-", ")>")
    else this.take(`«${String(it)}»`)
  }

  private elements(open: string, items: ReadonlyArray<Term>, separator: string, around: string, close: string): void {
    this.take(open)
    for (let index = 0; index < items.length; index++) {
      const mark = `${index === 0 ? "" : separator}... ${items.length - index} more${close}`
      if (this.text.startsWith(mark, this.at)) {
        this.cuts += 1
        this.take(mark)
        return
      }
      if (index > 0) this.take(this.text.startsWith(" | ", this.at) && index + 1 === items.length ? " | " : separator)
      this.take(around)
      this.term(items[index]!)
      this.take(around)
    }
    this.take(close)
  }

  private literal(text: string): void {
    const [shown] = /^'[^']*'/u.exec(this.text.slice(this.at)) ?? [""]
    const characters = Array.from(text)
    const taken = characters.findIndex((_, index) => this.text.startsWith(this.cutAt(characters, index), this.at))
    if (taken > 0) {
      this.cuts += 1
      this.take(this.cutAt(characters, taken))
      return
    }
    expect(shown).toBe(`'${escape(text, quotes)}'`)
    this.take(shown)
  }

  private cutAt(characters: ReadonlyArray<string>, index: number): string {
    const [shown, left] = [characters.slice(0, index).join(""), characters.slice(index).join("")]
    return `'${escape(shown, quotes)}'~${Buffer.byteLength(left)}~`
  }

  private take(token: string): void {
    expect(this.text.slice(this.at, this.at + token.length)).toBe(token)
    this.at += token.length
  }
}

const limits = fc.record(
  { depth: fc.nat(4), width: fc.nat(6), maxCharacters: fc.nat(300) },
  { requiredKeys: [] }
) as fc.Arbitrary<PrintOptions>

describe("print", () => {
  it("cuts between tokens only, and says of every cut how much it left out", () => {
    fc.assert(
      fc.property(term, limits, (it, options) => {
        const { complete, text } = print(it, shaper, options)
        expect(text.length).toBeLessThanOrEqual(Math.max(options.maxCharacters ?? Infinity, 3))
        if (text === "..." && !complete) return
        const reading = new Reading(text)
        reading.whole(it)
        expect(reading.cuts === 0).toBe(complete)
      }),
      { numRuns: 1000 }
    )
  })

  it("cuts nothing that fits", () => {
    fc.assert(
      fc.property(term, (it) => {
        const whole = print(it, shaper, {})
        expect(whole.complete).toBe(true)
        expect(print(it, shaper, { maxCharacters: whole.text.length, depth: 100, width: 100 })).toEqual(whole)
        const less = print(it, shaper, { maxCharacters: whole.text.length - 1 })
        expect(less.complete).toBe(false)
      })
    )
  })

  it("leaves half of the room to what follows a long string", () => {
    const long = binary("a".repeat(1000))
    const { text } = print([long, long, 1], shaper, { maxCharacters: 400 })
    const shown = text.match(/a+/gu)!.map(({ length }) => length)
    expect(shown[0]).toBeGreaterThan(150)
    expect(shown[1]).toBeGreaterThan(70)
    expect(text).toContain("«1»")
  })

  it("takes back an element that was begun and does not fit", () => {
    expect(print([1, 22_222_222, 3], shaper, { maxCharacters: 25 }).text).toBe("<(-«1»-;... 2 more)>")
  })
})
