import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeNext } from "../../../src/etf/Decode.ts"
import { Encoded } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { EtfError } from "../../../src/etf/EtfError.ts"
import { arityAt, isAtomAt, listElements, lookup, tupleElements } from "../../../src/etf/Scan.ts"
import { atom, binary, charlist, list, List, map, type Term } from "../../../src/etf/Term.ts"
import { arbitraryAtom, arbitraryTerm } from "../../support/arbitraryTerm.ts"

const bytesOf = (term: Term): Uint8Array => Encoded.of(term).bytes
const at = (bytes: Uint8Array, offset: number): Term => decodeNext(bytes, { offset })
const all = (bytes: Uint8Array, offsets: Iterable<number>): ReadonlyArray<Term> =>
  Array.from(offsets, (offset) => at(bytes, offset))
const same = (found: ReadonlyArray<Term>, terms: ReadonlyArray<Term>): boolean => equal([...found], [...terms])

describe("the elements", () => {
  it("of tuples and lists are where they decode", () => {
    fc.assert(
      fc.property(fc.array(arbitraryTerm, { maxLength: 4 }), (terms) => {
        const tuple = bytesOf(terms)
        expect(arityAt(tuple, 0)).toBe(terms.length)
        expect(same(all(tuple, tupleElements(tuple, 0)), terms)).toBe(true)
        const proper = bytesOf(list(terms))
        expect(same(all(proper, listElements(proper, 0)), terms)).toBe(true)
      })
    )
  })

  it("of a large tuple", () => {
    const bytes = bytesOf(Array.from({ length: 300 }, (_, i) => i))
    expect(arityAt(bytes, 0)).toBe(300)
    expect(Array.from(tupleElements(bytes, 0))).toHaveLength(300)
  })

  it("of an improper list end before its tail", () => {
    const bytes = bytesOf(new List([1, 2], atom("tail")))
    expect(all(bytes, listElements(bytes, 0))).toEqual([1, 2])
  })

  it("of a list whose tail is a list go on there", () => {
    const bytes = Uint8Array.of(108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106)
    expect(all(bytes, listElements(bytes, 0))).toEqual([1, 2])
  })

  it.each<[string, Uint8Array]>([
    ["an atom", bytesOf(atom("ok"))],
    ["bytes", Uint8Array.of(107, 0, 1, 7)],
    ["a list that ends in bytes", Uint8Array.of(108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 7)],
    ["a list without an end", Uint8Array.of(108, 0, 0, 0, 1, 97, 1)],
    ["nothing", new Uint8Array(0)]
  ])("of %s are an error", (_, bytes) => {
    expect(() => Array.from(listElements(bytes, 0))).toThrow(EtfError)
    expect(() => Array.from(tupleElements(bytes, 0))).toThrow(EtfError)
  })
})

describe("looking up", () => {
  it("finds in a map what the map has", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(arbitraryAtom, arbitraryTerm), {
          selector: ([key]) => key.text,
          minLength: 1,
          maxLength: 5
        }),
        arbitraryAtom,
        (pairs, other) => {
          const term = map([[binary("first"), 1], ...pairs])
          const bytes = bytesOf(term)
          const properties = bytesOf(list([atom("flag"), [1, 2], [binary("first"), 1], ...pairs]))
          for (const key of [...pairs.map(([key]) => key.text), other.text]) {
            const expected = term.atomKey(key)
            for (const source of [bytes, properties]) {
              const offset = lookup(source, 0, key)
              if (expected === undefined) expect(offset).toBeUndefined()
              else expect(equal(at(source, offset!), expected)).toBe(true)
            }
          }
        }
      )
    )
  })

  it("takes the first of several properties", () => {
    const bytes = bytesOf(
      list<Term>([
        [atom("a"), 1],
        [atom("a"), 2]
      ])
    )
    expect(at(bytes, lookup(bytes, 0, "a")!)).toBe(1)
  })

  it("tells atoms by the whole name, in either encoding", () => {
    expect(isAtomAt(bytesOf(atom("abc")), 0, "ab")).toBe(false)
    expect(isAtomAt(bytesOf(atom("ab")), 0, "abc")).toBe(false)
    expect(isAtomAt(bytesOf(charlist("ab")), 0, "ab")).toBe(false)
    expect(isAtomAt(Uint8Array.of(100, 0, 1, 0xfc), 0, "ü")).toBe(true)
    expect(isAtomAt(bytesOf(atom("ü")), 0, "ü")).toBe(true)
    expect(isAtomAt(bytesOf(atom("aü")), 0, "aö")).toBe(false)
  })

  it("ends in an EtfError or a place in the bytes, whatever they are", () => {
    const noise = fc
      .tuple(fc.constantFrom(104, 105, 107, 108, 116, 119), fc.uint8Array({ maxLength: 30 }))
      .map(([tag, rest]) => Uint8Array.of(tag, ...rest))
    fc.assert(
      fc.property(noise, (bytes) => {
        try {
          const offset = lookup(bytes, 0, "ok")
          if (offset !== undefined) expect(offset).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(EtfError)
        }
      }),
      { numRuns: 5_000 }
    )
  })
})
