import { describe, expect, it } from "vitest"
import { decode } from "../../../src/etf/Decode.ts"
import { encode, Encoded, encodeInto, type Encodable } from "../../../src/etf/Encode.ts"
import { EtfError } from "../../../src/etf/EtfError.ts"
import {
  Atom,
  atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  Float,
  Fun,
  List,
  list,
  MapTerm,
  Pid,
  Port,
  Reference
} from "../../../src/etf/Term.ts"
import { Writer } from "../../../src/etf/Writer.ts"

const hex = (term: Encodable): string => Buffer.from(encode(term)).toString("hex")

const node = atom("a@b")
const pid = new Pid(node, 1, 2, 3)
const fun = (changes: Partial<Fun>): Fun => {
  const whole = {
    arity: 1,
    unique: new Uint8Array(16),
    index: 0,
    module: node,
    oldIndex: 0,
    oldUnique: 0,
    pid,
    free: []
  }
  const { arity, free, index, module, oldIndex, oldUnique, pid: owner, unique } = { ...whole, ...changes }
  return new Fun(arity, unique, index, module, oldIndex, oldUnique, owner, free)
}

describe("forms", () => {
  it.each<[string, Encodable, string]>([
    ["an ASCII atom", atom("ok"), "8377026f6b"],
    ["an atom of many bytes", atom("é".repeat(200)), `83760190${"c3a9".repeat(200)}`],
    ["a port that OTP 23 can read", new Port(node, 7n, 1), "83597703614062 00000007 00000001"],
    ["a port that needs more", new Port(node, 2n ** 28n, 1), "83787703614062 0000000010000000 00000001"],
    ["bytes", new ByteList(Uint8Array.of(1, 2)), "836b00020102"],
    ["no bytes", new ByteList(new Uint8Array(0)), "836a"],
    ["a list of bytes", list([1, 2]), "836c00000002610161026a"],
    ["a bigint that is small", 5n, "836105"],
    ["a list that is only its tail", new List([], 5), "836105"]
  ])("%s", (_, term, expected) => {
    expect(hex(term)).toBe(expected.replaceAll(" ", ""))
  })

  it("of more bytes than STRING_EXT holds are those of a list", () => {
    const most = new Uint8Array(0xffff).fill(7)
    expect(encode(new ByteList(most))).toHaveLength(1 + 3 + 0xffff)
    const more = new Uint8Array(0x1_0000).fill(7)
    expect(encode(new ByteList(more))).toEqual(encode(list(Array.from(more))))
  })
})

describe("what is no term", () => {
  const cases: ReadonlyArray<[string, unknown]> = [
    ["not a number", NaN],
    ["infinity", -Infinity],
    ["a boxed infinity", new Float(Infinity)],
    ["an integer that may have lost digits", 2 ** 53],
    ["undefined", undefined],
    ["null", null],
    ["a text", "text"],
    ["a truth value", true],
    ["an object", {}],
    ["an atom of 256 characters", atom("x".repeat(256))],
    ["an atom of 256 wide characters", atom("😀".repeat(256))],
    ["an atom with half of a surrogate pair", atom("\ud800")],
    ["a pid with a negative id", new Pid(node, -1, 0, 1)],
    ["a pid with a long serial", new Pid(node, 0, 2 ** 32, 1)],
    ["a pid with a broken creation", new Pid(node, 0, 0, 1.5)],
    ["a port with a long id", new Port(node, 2n ** 64n, 1)],
    ["a port with a negative id", new Port(node, -1n, 1)],
    ["a reference of no words", new Reference(node, 1, [])],
    ["a reference of six words", new Reference(node, 1, [1, 2, 3, 4, 5, 6])],
    ["a reference with a long word", new Reference(node, 1, [2 ** 32])],
    ["a fun of 256 arguments", new ExternalFun(node, node, 256)],
    ["a fun with another digest", fun({ unique: new Uint8Array(15) })],
    ["a fun with a long index", fun({ index: 2 ** 32 })],
    ["a fun with a long old index", fun({ oldIndex: 2 ** 31 })],
    ["eight bits in the last byte", new BitString(Uint8Array.of(1), 0, 1, 8)],
    ["bits without bytes", new BitString(Uint8Array.of(1), 0, 0, 3)],
    ["a binary beyond its bytes", new Binary(Uint8Array.of(1, 2), 1, 2)],
    ["a map with a key only", new MapTerm([1])],
    ["a map with a key twice", new MapTerm([1, 2, 3, 4, 1, 5])],
    ["a map with a list twice", new MapTerm([list([1]), 2, new ByteList(Uint8Array.of(1)), 4])],
    ["a map with a map twice", new MapTerm([new MapTerm([1, 2, 3, 4]), 2, new MapTerm([3, 4, 1, 2]), 4])],
    ["a map with a key that is no term", new MapTerm([1, 2, "key" as unknown as Atom, 4])]
  ]

  it.each(cases)("%s is refused, and nothing of it is written", (_, value) => {
    const writer = new Writer()
    writer.uint8(1)
    // The types keep most of these out; what comes from outside the types must not get through either.
    const term = [list([1]), value as Encodable]
    expect(() => encodeInto(writer, term)).toThrow(EtfError)
    expect([...writer.take()]).toEqual([1])
  })

  it("keys that only look alike are fine", () => {
    const term = new MapTerm([1, 0, new Float(1), 0, atom("1"), 0, list([1]), 0, [1], 0, new List([1], 1), 0])
    expect((decode(encode(term)) as MapTerm).size).toBe(6)
  })
})

describe("a writer", () => {
  it("grows, and hands over what is the caller's alone", () => {
    const writer = new Writer()
    const chunks = [10, 1_000, 100_000, 10].map((size, i) => {
      writer.bytes(new Uint8Array(size).fill(i))
      return writer.take()
    })
    expect(chunks.map((chunk) => [chunk.length, new Set(chunk)])).toEqual([
      [10, new Set([0])],
      [1_000, new Set([1])],
      [100_000, new Set([2])],
      [10, new Set([3])]
    ])
  })

  it("patches and truncates", () => {
    const writer = new Writer()
    writer.uint32(0)
    encodeInto(writer, Encoded.of(atom("ok")))
    writer.patchUint32(0, writer.length - 4)
    const length = writer.length
    writer.uint16(0xffff)
    writer.truncate(length)
    expect(Buffer.from(writer.take()).toString("hex")).toBe("0000000477026f6b")
    expect(writer.length).toBe(0)
  })
})
