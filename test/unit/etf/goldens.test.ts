import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { EtfError } from "../../../src/etf/EtfError.ts"
import { skip } from "../../../src/etf/Scan.ts"
import {
  atom,
  Binary,
  binary,
  BitString,
  charlist,
  ExternalFun,
  float,
  Fun,
  isAtom,
  isTuple,
  List,
  list,
  listItems,
  map,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"

interface Golden {
  readonly name: string
  readonly text: string
  readonly hex: string
}

const folder = new URL("../../fixtures/etf/", import.meta.url)
const releases: ReadonlyArray<{ readonly otp: string; readonly goldens: ReadonlyArray<Golden> }> = readdirSync(
  folder
).map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")))

const bytesOf = (golden: Golden): Uint8Array => Buffer.from(golden.hex, "hex")

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

const expected: Readonly<Record<string, Term>> = {
  zero: 0,
  byte: 255,
  "two bytes": 256,
  "minus one": -1,
  "largest of 32 bits": 2 ** 31 - 1,
  "smallest of 32 bits": -(2 ** 31),
  "beyond 32 bits": 2 ** 31,
  "beyond 32 bits, negative": -(2 ** 31) - 1,
  "largest safe": Number.MAX_SAFE_INTEGER,
  "beyond safe": 2n ** 53n,
  "smallest safe": Number.MIN_SAFE_INTEGER,
  "beyond safe, negative": -(2n ** 53n),
  "seven bytes": 2n ** 56n - 1n,
  "eight bytes": 2n ** 64n - 1n,
  "nine bytes, negative": -(2n ** 64n),
  "255 bytes": 2n ** 2040n - 1n,
  "256 bytes": 2n ** 2040n,
  one: float(1),
  "minus nothing": float(-0),
  "one and a half": 1.5,
  tenth: 0.1,
  huge: float(1e308),
  least: 5e-324,
  "float as text": -1.5,
  "integral float as text": float(3),
  atom: atom("ok"),
  "empty atom": atom(""),
  "atom of words": atom("hello world"),
  "name of a prototype": atom("__proto__"),
  "Latin-1 atom": atom("üni"),
  "Latin-1 atom in UTF-8": atom("üni"),
  "Japanese atom": atom("日本"),
  "longest atom": atom("x".repeat(255)),
  "longest atom in bytes": atom("😀".repeat(255)),
  "empty binary": new Binary(new Uint8Array(0)),
  text: binary("text"),
  "three bits": new BitString(Uint8Array.of(0b1010_0000), 0, 1, 3),
  "bits behind bytes": new BitString(Uint8Array.of(1, 2, 3, 0), 0, 4, 5),
  nil,
  string: charlist("abc"),
  "list of larger integers": list([256, 257]),
  "improper list": new List([atom("a")], atom("b")),
  "longer improper list": new List([1, 2], 3),
  "lists in a list": list<Term>([nil, list([1]), list([list([atom("a")])])]),
  compressed: list(upTo(400).map(() => atom("a"))),
  "empty tuple": [],
  tuple: [atom("ok"), 1],
  "tuple of 300": upTo(300),
  "empty map": map([]),
  map: map([
    [atom("a"), map([])],
    [1, float(1)],
    [binary("k"), nil],
    [[atom("t")], charlist("v")]
  ]),
  "map of 40": map(upTo(40).map((i) => [i, -i])),
  "external fun": new ExternalFun(atom("lists"), atom("map"), 2)
}

/** What `~w` prints an identifier as on its own node; the node's own number is 0. */
const localText = (term: Term): string => {
  if (term instanceof Pid) return `<0.${term.id}.${term.serial}>`
  if (term instanceof Port) return `#Port<0.${term.id}>`
  if (term instanceof Reference) return `#Ref<0.${term.words.toReversed().join(".")}>`
  if (term instanceof Fun) return `#Fun<${term.module.text}.${term.index}.${term.oldUnique}>`
  throw new Error("no identifier")
}

const identifiers = ["pid", "reference", "port", "fun"]
const composed = ["identifiers in UTF-8", "process information", "the format of one node"]

describe.each(releases)("terms from OTP $otp", ({ goldens, otp }) => {
  it("are all expected", () => {
    const known = new Set([...Object.keys(expected), ...identifiers, ...composed])
    expect(goldens.length).toBeGreaterThan(50)
    expect(goldens.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
  })

  it.each(goldens.filter(({ name }) => name in expected))("$name", (golden) => {
    const term = decode(bytesOf(golden))
    expect(equal(term, expected[golden.name]!), golden.text).toBe(true)
    expect(equal(decode(encode(term)), term)).toBe(true)
  })

  it.each(goldens.filter(({ name }) => identifiers.includes(name)))("$name", (golden) => {
    const term = decode(bytesOf(golden))
    expect(localText(term)).toBe(golden.text)
    expect(equal(decode(encode(term)), term)).toBe(true)
  })

  it("identifiers in a tuple", () => {
    const golden = goldens.find(({ name }) => name === "identifiers in UTF-8")!
    const term = decode(bytesOf(golden))
    if (!isTuple(term)) throw new Error(golden.text)
    expect(`{${term.map(localText).join()}}`).toBe(golden.text)
    for (const part of term) expect((part as Pid | Port | Reference).node.text).toBe("nonode@nohost")
  })

  it("process information", () => {
    const golden = goldens.find(({ name }) => name === "process information")!
    const items = listItems(decode(bytesOf(golden))) ?? []
    expect(items.map((item) => isTuple(item) && item.length)).toEqual([2, 2, 2, 2])
    expect(isAtom((items[0] as ReadonlyArray<Term>)[1], "kernel_sup")).toBe(true)
    const links = listItems((items[1] as ReadonlyArray<Term>)[1]) ?? []
    expect(golden.text).toContain(`{links,[${links.map(localText).join()}]}`)
  })

  it.skipIf(Number(otp) < 26)("the format of one node is refused by name", () => {
    const golden = goldens.find(({ name }) => name === "the format of one node")!
    expect(() => decode(bytesOf(golden))).toThrow(/LOCAL_EXT/)
  })

  // Older releases wrote atoms in Latin-1 here. Old forms do not come back, and ports stay readable for OTP 23.
  const rewritten = new Set([
    "float as text",
    "integral float as text",
    "compressed",
    "port",
    "identifiers in UTF-8",
    "the format of one node"
  ])

  it.skipIf(Number(otp) < 26)("are written as the node writes them", () => {
    for (const golden of goldens) {
      if (rewritten.has(golden.name)) continue
      expect(Buffer.from(encode(decode(bytesOf(golden)))).toString("hex"), golden.name).toBe(golden.hex)
    }
  })

  it("end where the scanner says", () => {
    for (const golden of goldens) {
      const bytes = bytesOf(golden)
      if (bytes[1] === 80 || golden.name === "the format of one node") continue
      expect(skip(bytes, 1), golden.name).toBe(bytes.length)
    }
  })

  it("cut anywhere are an error", () => {
    for (const golden of goldens) {
      const bytes = bytesOf(golden)
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decode(bytes.subarray(0, length)), `${golden.name}, ${length} bytes`).toThrow(EtfError)
      }
    }
  })

  it("with any bit turned are a term or an error", () => {
    for (const golden of goldens) {
      const bytes = bytesOf(golden)
      for (let bit = 0; bit < Math.min(bytes.length * 8, 2_000); bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        try {
          const term = decode(bytes)
          expect(equal(term, decode(bytes))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(EtfError)
        }
        try {
          expect(skip(bytes, 1)).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(EtfError)
        }
        bytes[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  })
})
