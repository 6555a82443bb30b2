import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode, decodeNext } from "../../../src/etf/Decode.ts"
import { encode, Encoded, encodeInto } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { skip } from "../../../src/etf/Scan.ts"
import { List, list, MapTerm, type Term } from "../../../src/etf/Term.ts"
import { Writer } from "../../../src/etf/Writer.ts"
import { arbitraryTerm } from "../../support/arbitraryTerm.ts"

describe("any term", () => {
  it("comes back as it went out", () => {
    fc.assert(
      fc.property(arbitraryTerm, (term) => {
        const bytes = encode(term)
        const back = decode(bytes)
        expect(equal(back, term)).toBe(true)
        expect(encode(back)).toEqual(bytes)
      }),
      { numRuns: 2_000 }
    )
  })

  it("ends where the scanner says, whatever follows", () => {
    fc.assert(
      fc.property(fc.array(arbitraryTerm, { minLength: 1, maxLength: 4 }), (terms) => {
        const writer = new Writer()
        const ends = terms.map((term) => {
          encodeInto(writer, term)
          return writer.length
        })
        const bytes = writer.take()
        const cursor = { offset: 0 }
        for (const [i, term] of terms.entries()) {
          expect(skip(bytes, cursor.offset)).toBe(ends[i])
          expect(equal(decodeNext(bytes, cursor), term)).toBe(true)
          expect(cursor.offset).toBe(ends[i])
        }
      })
    )
  })

  it("does not depend on where in a buffer it lies", () => {
    fc.assert(
      fc.property(arbitraryTerm, fc.nat({ max: 9 }), (term, offset) => {
        const bytes = encode(term)
        const buffer = Buffer.alloc(bytes.length + offset + 3, 0xff)
        buffer.set(bytes, offset)
        const back = decode(buffer.subarray(offset, offset + bytes.length))
        expect(equal(back, term)).toBe(true)
      })
    )
  })

  it("can be a part that was encoded before", () => {
    fc.assert(
      fc.property(arbitraryTerm, (term) => {
        const whole: Term = [list([term, 1]), term]
        expect(encode([list([Encoded.of(term), 1]), Encoded.of(term)])).toEqual(encode(whole))
      })
    )
  })
})

const nest = (wrap: (inner: Term) => Term): Term => {
  let term: Term = 1
  for (let i = 0; i < 100_000; i++) term = wrap(term)
  return term
}

describe("a hundred thousand levels", () => {
  it.each<[string, (inner: Term) => Term]>([
    ["tuples", (inner) => [inner]],
    ["lists", (inner) => list([inner])],
    ["lists of tuples", (inner) => list([[0, inner]])],
    ["values of maps", (inner) => new MapTerm([0, inner])],
    ["keys of maps", (inner) => new MapTerm([inner, 0])],
    ["keys of maps of two", (inner) => new MapTerm([inner, 0, 2, 0])],
    ["tails", (inner) => new List([0], [inner])]
  ])("of %s", (_, wrap) => {
    const term = nest(wrap)
    const bytes = encode(term)
    const back = decode(bytes)
    expect(skip(bytes, 1)).toBe(bytes.length)
    expect(equal(back, term)).toBe(true)
    expect(equal(back, wrap(term))).toBe(false)
  })
})
