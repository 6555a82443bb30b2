import { deflateSync } from "node:zlib"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode, decodeNext } from "../../../src/etf/Decode.ts"
import { defaultLimits, type Limits } from "../../../src/etf/Limits.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { EtfError, type EtfReason } from "../../../src/etf/EtfError.ts"
import { skip } from "../../../src/etf/Scan.ts"
import {
  Atom,
  atom,
  Binary,
  BitString,
  ByteList,
  float,
  Float,
  List,
  list,
  MapTerm,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"

/** Numbers are bytes, texts are their UTF-8. */
const bytes = (...parts: ReadonlyArray<number | string | Uint8Array>): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : Buffer.from(part))))

const u32 = (value: number): Uint8Array => bytes(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)

const bare = (...parts: ReadonlyArray<number | string | Uint8Array>): Term => decode(bytes(131, ...parts))

const reasonOf = (run: () => unknown): EtfReason => {
  try {
    run()
  } catch (error) {
    if (error instanceof EtfError) return error.reason
    throw error
  }
  throw new Error("it was accepted")
}

const refusal = (input: Uint8Array, limits?: Partial<Limits>): EtfReason => reasonOf(() => decode(input, limits))

const compressed = (term: Uint8Array, claim: number = term.length): Uint8Array =>
  bytes(131, 80, u32(claim), deflateSync(term))

const names = (prefix: string): Uint8Array => encode(list(Array.from({ length: 10 }, (_, i) => atom(`${prefix}${i}`))))

const node = bytes(119, 3, "a@b")

describe("forms that no node writes any more", () => {
  const owner = atom("a@b")

  it.each<[string, Uint8Array, Term]>([
    ["ATOM_EXT", bytes(100, 0, 2, 0xfc, 0x78), atom("üx")],
    ["SMALL_ATOM_EXT", bytes(115, 2, 0xfc, 0x78), atom("üx")],
    ["PID_EXT", bytes(103, node, u32(7), u32(1), 3), new Pid(owner, 7, 1, 3)],
    ["PORT_EXT", bytes(102, node, u32(7), 3), new Port(owner, 7n, 3)],
    ["NEW_PORT_EXT", bytes(89, node, u32(7), u32(300)), new Port(owner, 7n, 300)],
    ["V4_PORT_EXT", bytes(120, node, u32(1), u32(7), u32(300)), new Port(owner, 2n ** 32n + 7n, 300)],
    ["REFERENCE_EXT", bytes(101, node, u32(9), 3), new Reference(owner, 3, [9])],
    ["NEW_REFERENCE_EXT", bytes(114, 0, 2, node, 3, u32(9), u32(8)), new Reference(owner, 3, [9, 8])],
    ["a node in Latin-1", bytes(88, 100, 0, 3, "a@b", u32(7), u32(1), u32(3)), new Pid(owner, 7, 1, 3)],
    ["LARGE_TUPLE_EXT of two", bytes(105, u32(2), 97, 1, 97, 2), [1, 2]],
    ["LIST_EXT of bytes", bytes(108, u32(2), 97, 1, 97, 2, 106), list([1, 2])],
    ["an empty STRING_EXT", bytes(107, 0, 0), nil],
    ["an empty LIST_EXT", bytes(108, u32(0), 106), nil],
    ["an empty LIST_EXT with a tail", bytes(108, u32(0), 97, 1), 1],
    ["a tail that is a list", bytes(108, u32(1), 97, 1, 108, u32(1), 97, 2, 106), list([1, 2])],
    ["a tail that is a string", bytes(108, u32(1), 97, 1, 107, 0, 2, 2, 3), list([1, 2, 3])],
    ["a tail behind a tail", bytes(108, u32(1), 97, 1, 108, u32(1), 97, 2, 97, 3), new List([1, 2], 3)],
    ["an integer in many bytes", bytes(110, 9, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0), -5],
    ["an integer in a large form", bytes(111, u32(1), 0, 5), 5],
    ["an integer without bytes", bytes(110, 0, 1), 0],
    ["minus zero of the integers", bytes(110, 1, 1, 0), 0],
    ["a bit string of whole bytes", bytes(77, u32(1), 8, 5), new Binary(bytes(5))],
    ["a bit string of nothing", bytes(77, u32(0), 0), new Binary(bytes())],
    ["FLOAT_EXT", bytes(99, "1.50000000000000000000e+00", 0, 0, 0, 0, 0), 1.5]
  ])("%s", (_, encoded, term) => {
    const decoded = bare(encoded)
    expect(equal(decoded, term)).toBe(true)
    expect(Object.is(decoded, -0)).toBe(false)
    expect(skip(encoded, 0)).toBe(encoded.length)
  })
})

describe("values", () => {
  it("are numbers while these are exact, and bigints beyond", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 140n), max: 2n ** 140n }), (value) => {
        const decoded = decode(encode(value))
        const safe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
        expect(decoded).toBe(safe ? Number(value) : value)
      })
    )
  })

  it("keep floats apart from integers", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const decoded = decode(encode(float(value)))
        expect(decoded instanceof Float).toBe(Number.isInteger(value))
        expect(decoded instanceof Float ? decoded.value : decoded).toBe(value)
      })
    )
  })

  it("view the message", () => {
    const message = encode([
      new Binary(bytes("text")),
      new ByteList(bytes("list")),
      new BitString(bytes(0x80), 0, 1, 1)
    ])
    const [binary, string, bits] = decode(message) as [Binary, ByteList, BitString]
    expect([binary.bytes, string.bytes, bits.bytes].every((source) => source === message)).toBe(true)
  })

  it("share their atoms", () => {
    const [first, second] = decode(encode([atom("shared"), atom("shared")])) as [Atom, Atom]
    expect(first).toBe(second)
    expect(decode(encode(atom("shared")))).toBe(first)
  })

  it("tell atoms apart whose names share a slot of the table", () => {
    const names = Array.from({ length: 30_000 }, (_, i) => `name_${i}`)
    const decoded = decode(encode(list(names.map(atom)))) as List
    expect(decoded.items.map((item) => (item as Atom).text)).toEqual(names)
  })

  it("tell Latin-1 from UTF-8", () => {
    const latin1 = bare(100, 0, 2, 0xc3, 0xbc)
    const utf8 = bare(119, 2, 0xc3, 0xbc)
    expect([latin1, utf8].map((term) => (term as Atom).text)).toEqual(["Ã¼", "ü"])
  })
})

describe("what is no term", () => {
  it("leaves the decoder as it was", () => {
    const cursor = { offset: 1 }
    const input = bytes(131, 108, u32(3), 104, 2, 112)
    expect(() => decodeNext(input, cursor)).toThrow(EtfError)
    expect(cursor.offset).toBe(1)
    expect(decode(encode([atom("ok"), list([1])]))).toEqual([atom("ok"), list([1])])
  })

  it.each<[string, Uint8Array, EtfReason["_tag"]]>([
    ["nothing", bytes(), "Truncated"],
    ["another version", bytes(130, 97, 1), "Malformed"],
    ["a term and a byte", bytes(131, 97, 1, 0), "Malformed"],
    ["an unknown tag", bytes(131, 1), "UnknownTag"],
    ["an atom that is not UTF-8", bytes(131, 119, 2, 0xc3, 0x28), "Malformed"],
    ["half of a surrogate pair", bytes(131, 119, 3, 0xed, 0xa0, 0x80), "Malformed"],
    ["an atom of 256 characters", bytes(131, 100, 1, 0, "x".repeat(256)), "Malformed"],
    ["an atom of 256 wide characters", bytes(131, 118, 4, 0, "😀".repeat(256)), "Malformed"],
    ["a float that is infinite", bytes(131, 70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0), "Malformed"],
    ["a float that is none", bytes(131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), "Malformed"],
    ["a float of words", bytes(131, 99, "one and a half", new Uint8Array(17)), "Malformed"],
    ["a float too large", bytes(131, 99, "1.0e+999", new Uint8Array(23)), "Malformed"],
    ["a pid of a number", bytes(131, 88, 97, 1, new Uint8Array(12)), "Malformed"],
    ["a reference of no words", bytes(131, 90, 0, 0, node, u32(1)), "Malformed"],
    ["a reference of six words", bytes(131, 90, 0, 6, node, new Uint8Array(28)), "Malformed"],
    ["nine bits in a byte", bytes(131, 77, u32(1), 9, 5), "Malformed"],
    ["three bits of nothing", bytes(131, 77, u32(0), 3), "Malformed"],
    ["a fun whose arity is large", bytes(131, 113, node, node, 98, u32(300)), "Malformed"],
    ["a fun of no process", bytes(131, 112, u32(0), 1, new Uint8Array(24), node, 97, 1, 97, 1, 106), "Malformed"]
  ])("%s", (_, input, tag) => {
    expect(refusal(input)._tag).toBe(tag)
  })

  it.each([
    [80, "compressed"],
    [82, "ATOM_CACHE_REF"],
    [117, "FUN_EXT"],
    [121, "LOCAL_EXT"]
  ])("is named where it is tag %i", (tag, name) => {
    expect(() => decode(bytes(131, 104, 1, tag, new Uint8Array(40)))).toThrow(name)
  })

  it("never ends in anything but an EtfError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const input = bytes(131, noise)
        for (const read of [() => decode(input), () => skip(input, 1)]) {
          try {
            read()
          } catch (error) {
            expect(error).toBeInstanceOf(EtfError)
          }
        }
      }),
      { numRuns: 5_000 }
    )
  })
})

describe("claims", () => {
  // Nothing may be made ahead for these: the arrays alone would take gigabytes.
  it.each([
    ["a list of four billion", bytes(131, 108, u32(0xffff_ffff))],
    ["a tuple of four billion", bytes(131, 105, u32(0xffff_ffff))],
    ["a map of four billion pairs", bytes(131, 116, u32(0xffff_ffff))],
    ["a binary of four gigabytes", bytes(131, 109, u32(0xffff_ffff))],
    ["an integer of four gigabytes", bytes(131, 111, u32(0xffff_ffff), 0)],
    ["a fun with four billion variables", bytes(131, 112, u32(30), 1, new Uint8Array(20), u32(0xffff_ffff), node)],
    ["a tail of four billion", bytes(131, 108, u32(1), 97, 1, 108, u32(0xffff_ffff))],
    [
      "lists in lists, each as long as all the bytes",
      bytes(131, ...Array.from({ length: 100_000 }, () => bytes(108, u32(499_000))))
    ],
    ["tuples in tuples, each as large as can be", bytes(131, ...Array.from({ length: 100_000 }, () => bytes(104, 255)))]
  ])("%s", (_, input) => {
    expect(refusal(input)._tag).toBe("Truncated")
    expect(reasonOf(() => skip(input, 1))._tag).toBe("Truncated")
  })
})

const allowing = <K extends keyof Limits>(limit: K, allowed: number): EtfReason => ({
  _tag: "LimitExceeded",
  limit,
  allowed
})

describe("limits", () => {
  it("on bytes", () => {
    const term = new Binary(new Uint8Array(95))
    expect(equal(decode(encode(term), { bytes: 100 }), term)).toBe(true)
    expect(refusal(encode(term), { bytes: 99 })).toEqual(allowing("bytes", 99))
    expect(refusal(compressed(encode(term).subarray(1)), { bytes: 9 })).toEqual(allowing("bytes", 9))
  })

  it("on bytes leaves a term alone that others follow", () => {
    const cursor = { offset: 0 }
    expect(decodeNext(bytes(97, 1, 97, 2), cursor, { bytes: 2 })).toBe(1)
    expect(decodeNext(bytes(97, 1, 97, 2), cursor, { bytes: 2 })).toBe(2)
  })

  it("on depth", () => {
    expect(decode(encode([list([[1]])]), { depth: 3 })).toEqual([list([[1]])])
    expect(refusal(encode([list([[1]])]), { depth: 2 })).toEqual(allowing("depth", 2))
    const million = bytes(131, Buffer.alloc(2_000_000, bytes(104, 1)), 97, 1)
    expect(refusal(million)).toEqual(allowing("depth", defaultLimits.depth))
    expect(skip(million, 1)).toBe(million.length)
  })

  it("on atoms counts those that have to be made", () => {
    expect(refusal(names("never_met_"), { atoms: 9 })).toEqual(allowing("atoms", 9))
    expect(decode(names("not_met_yet_"), { atoms: 10 })).toBeInstanceOf(List)
    expect(decode(names("not_met_yet_"), { atoms: 0 })).toBeInstanceOf(List)
  })

  it("on cells counts the places in whatever holds terms", () => {
    const reference = new Reference(atom("a@b"), 1, [1, 2, 3])
    const terms: ReadonlyArray<[Term, number]> = [
      [list([[], [], []]), 3],
      [[[1, 2], 3], 4],
      [new MapTerm([1, 2, 3, 4]), 4],
      [reference, 3],
      [list([reference]), 4]
    ]
    for (const [term, cells] of terms) {
      expect(equal(decode(encode(term), { cells }), term)).toBe(true)
      expect(refusal(encode(term), { cells: cells - 1 })).toEqual(allowing("cells", cells - 1))
    }
    const tails = bytes(131, 108, u32(1), 97, 1, 108, u32(1), 97, 2, 107, 0, 2, 2, 3)
    expect(equal(decode(tails, { cells: 4 }), list([1, 2, 2, 3]))).toBe(true)
    expect(refusal(tails, { cells: 3 })).toEqual(allowing("cells", 3))
    expect(refusal(tails, { cells: 1 })).toEqual(allowing("cells", 1))
  })

  it("on what a compressed term unpacks to", () => {
    const zeros = bytes(109, u32(1_000_000), new Uint8Array(1_000_000))
    expect((decode(compressed(zeros)) as Binary).length).toBe(1_000_000)
    expect(refusal(compressed(zeros), { inflatedBytes: 999_999 })).toEqual(allowing("inflatedBytes", 999_999))
  })

  it("say which they are and how to go on", () => {
    expect(() => decode(encode([[1]]), { depth: 1 })).toThrow(/deeper than 1 levels\. .*`depth`/)
  })
})

describe("compressed terms", () => {
  const term = bytes(107, 0, 200, new Uint8Array(200))

  it("are unpacked", () => {
    expect(equal(decode(compressed(term)), list(Array.from({ length: 200 }, () => 0)))).toBe(true)
  })

  it.each([
    ["claim less than there is", compressed(term, 100)],
    ["claim more than there is", compressed(term, 300)],
    ["claim nothing", compressed(term, 0)],
    ["are damaged", bytes(131, 80, u32(203), "no zlib")],
    ["are cut", compressed(term).subarray(0, 12)],
    ["have something behind them", bytes(compressed(term), 0)],
    ["have something behind the term in them", compressed(bytes(term, 0))],
    ["hold a compressed term", compressed(compressed(term).subarray(1))],
    ["hold the version byte again", compressed(bytes(131, term))]
  ])("are refused when they %s", (_, input) => {
    expect(() => decode(input)).toThrow(EtfError)
  })

  it("cannot unpack to more than they claim", () => {
    // A hundred megabytes in a hundred kilobytes.
    const bomb = deflateSync(new Uint8Array(100_000_000))
    expect(refusal(bytes(131, 80, u32(1_000), bomb))._tag).toBe("Malformed")
    expect(refusal(bytes(131, 80, u32(100_000_000), bomb))._tag).toBe("LimitExceeded")
  })
})

describe("maps", () => {
  it("take names of prototypes as keys", () => {
    const term = decode(encode(new MapTerm([atom("__proto__"), 1, atom("constructor"), 2]))) as MapTerm
    expect([term.atomKey("__proto__"), term.atomKey("constructor"), term.atomKey("toString")]).toEqual([
      1,
      2,
      undefined
    ])
  })
})
