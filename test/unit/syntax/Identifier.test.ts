import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { atom, Pid, Port, Reference } from "../../../src/etf/Term.ts"
import { parsePid, parsePort, parseReference } from "../../../src/syntax/Identifier.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { anyText } from "./anyText.ts"

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const node = fc.oneof(
  fc.constantFrom("a@h", "my-app@10.0.0.1", "a@::1", "0", "1@2", "we ird", "x>.1.2", "it's", "ähm@host", "a@b@c"),
  anyText(20).filter((text) => text !== "")
)
const syntax = fc.constantFrom(...Object.values(syntaxes))

describe("parsePid", () => {
  it.each([
    ["<0.90.0>", { _tag: "Pid", id: 90, serial: 0 }],
    [" <0.90.1>\n", { _tag: "Pid", id: 90, serial: 1 }],
    ["#PID<0.90.0>", { _tag: "Pid", id: 90, serial: 0 }],
    ["0.90.0", { _tag: "Pid", id: 90, serial: 0 }],
    ["<0.4294967295.4294967295>", { _tag: "Pid", id: 4294967295, serial: 4294967295 }],
    ["<a@h.90.0>", { _tag: "Pid", node: "a@h", id: 90, serial: 0 }],
    ["#PID<a@10.0.0.1.90.0>", { _tag: "Pid", node: "a@10.0.0.1", id: 90, serial: 0 }],
    ["<'0'.90.0>", { _tag: "Pid", node: "0", id: 90, serial: 0 }],
    ["<9012.90.0>", { _tag: "Foreign", first: 9012 }],
    ["9012.90.0", { _tag: "Foreign", first: 9012 }],
    ["worker", { _tag: "Name", name: "worker" }],
    ["my_worker@1", { _tag: "Name", name: "my_worker@1" }],
    [":worker", { _tag: "Name", name: "worker" }],
    [":valid?", { _tag: "Name", name: "valid?" }],
    ["'quoted name'", { _tag: "Name", name: "quoted name" }],
    ["'it\\'s \\x{202E}\\x41\\101\\^A\\n\\s'", { _tag: "Name", name: "it's \u202eAA\x01\n " }],
    ["''", { _tag: "Name", name: "" }],
    [':"quoted name"', { _tag: "Name", name: "quoted name" }],
    [':"a\\"\\u202E\\u{E0041}\\x41\\#{x}"', { _tag: "Name", name: 'a"\u202e\u{e0041}A#{x}' }],
    [":'single'", { _tag: "Name", name: "single" }],
    [":+", { _tag: "Name", name: "+" }],
    ["My.Server", { _tag: "Name", name: "Elixir.My.Server" }],
    ["Elixir.My.Server", { _tag: "Name", name: "Elixir.My.Server" }],
    ["Server", { _tag: "Name", name: "Elixir.Server" }],
    ["Elixir", { _tag: "Name", name: "Elixir" }],
    ["ärger", { _tag: "Name", name: "ärger" }]
  ] as const)("reads %s", (text, expected) => {
    expect(parsePid(text)).toEqual(expected)
  })

  it.each([
    "",
    "<>",
    "<0.90>",
    "<0.90.0",
    "<0.-1.0>",
    "<0.4294967296.0>",
    "<0.0.4294967296>",
    "<4294967296.1.1>",
    "<0.1.99999999999999999999>",
    "#PID<0.1.2>x",
    "two words",
    '"string"',
    "'open",
    ':"open',
    "'a'b",
    ':"\\x80"',
    ':"\\uD800"',
    ':"#{code}"',
    "'\\x{110000}'",
    "My.lower",
    "a.b",
    ":",
    "42",
    "{a}",
    "a\u202eb",
    "a".repeat(256),
    `<${"1.".repeat(100_000)}0>`
  ])("refuses %j and says what is accepted", (text) => {
    const result = parsePid(text)
    expect(result._tag).toBe("Invalid")
    if (result._tag !== "Invalid") return
    expect(result.problem).toContain("<0.90.0>")
    expect(result.problem).not.toContain("\u202e")
    expect(result.problem.length).toBeLessThan(500)
  })

  it("reads back every pid as it is printed, in every syntax", () => {
    fc.assert(
      fc.property(syntax, node, word, word, fc.boolean(), ({ print }, name, id, serial, own) => {
        const { text } = print(new Pid(atom(name), id, serial, 1), own ? { node: name } : {})
        expect(parsePid(text)).toEqual({ _tag: "Pid", ...(own ? {} : { node: name }), id, serial })
      })
    )
  })

  it("reads back every registered name as it is printed, in every syntax", () => {
    fc.assert(
      fc.property(syntax, anyText(20), (one, name) => {
        expect(parsePid(one.atom(name))).toEqual({ _tag: "Name", name })
      })
    )
  })

  it("answers any text", () => {
    fc.assert(
      fc.property(anyText(30), (text) => {
        expect(parsePid(text)._tag).toMatch(/^(?:Pid|Name|Foreign|Invalid)$/u)
      })
    )
  })
})

describe("parsePort", () => {
  it.each([
    ["#Port<0.6>", { _tag: "Port", id: 6n }],
    ["#Port<0.18446744073709551615>", { _tag: "Port", id: 2n ** 64n - 1n }],
    ["#Port<a@h.6>", { _tag: "Port", node: "a@h", id: 6n }],
    ["#Port<9012.6>", { _tag: "Foreign", first: 9012 }]
  ])("reads %s", (text, expected) => {
    expect(parsePort(text)).toEqual(expected)
  })

  it.each(["#Port<0.18446744073709551616>", "#Port<6>", "<0.6>", "#Port<two words.6>", ""])("refuses %j", (text) => {
    expect(parsePort(text)).toMatchObject({ _tag: "Invalid", problem: expect.stringContaining("#Port<0.6>") })
  })

  it("reads back every port as it is printed, in every syntax", () => {
    fc.assert(
      fc.property(syntax, node, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), ({ print }, name, id) => {
        expect(parsePort(print(new Port(atom(name), id, 1)).text)).toEqual({ _tag: "Port", node: name, id })
      })
    )
  })
})

describe("parseReference", () => {
  it.each([
    ["#Ref<0.3.2.1>", { _tag: "Reference", words: [1, 2, 3] }],
    ["#Reference<0.3.2.1>", { _tag: "Reference", words: [1, 2, 3] }],
    ["#Ref<a@10.0.0.1.3.2.1>", { _tag: "Reference", node: "a@10.0.0.1", words: [1, 2, 3] }],
    ["#Ref<9012.3.2.1>", { _tag: "Foreign", first: 9012 }]
  ])("reads %s", (text, expected) => {
    expect(parseReference(text)).toEqual(expected)
  })

  it.each(["#Ref<0.1.2>", "#Ref<0.4294967296.2.3>", "#Ref<two words.1.2.3>", "0.1.2.3", ""])("refuses %j", (text) => {
    expect(parseReference(text)).toMatchObject({ _tag: "Invalid", problem: expect.stringContaining("#Ref<0.1.2.3>") })
  })

  it("reads back every reference as it is printed, in every syntax", () => {
    fc.assert(
      fc.property(syntax, node, fc.tuple(word, word, word), ({ print }, name, words) => {
        const { text } = print(new Reference(atom(name), 1, words))
        expect(parseReference(text)).toEqual({ _tag: "Reference", node: name, words })
      })
    )
  })
})

/** One of each kind, of a node's incarnation. */
const identifiersOf = (creation: number) => {
  const owner = atom("a@h")
  return [
    new Pid(owner, 90, 1, creation),
    new Port(owner, 6n, creation),
    new Reference(owner, creation, [3, 2, 1])
  ] as const
}

describe("what belongs to an earlier incarnation of the node that a term came from", () => {
  const home = { node: "a@h", creation: 8 }
  it.each(Object.values(syntaxes))("is marked by $name, and cannot be pasted back", ({ print }) => {
    const [pid, port, reference] = identifiersOf(7).map((term) => print(term, home).text)
    expect(pid).toContain("<0.90.1 of an earlier incarnation>")
    expect(port).toContain("#Port<0.6 of an earlier incarnation>")
    expect(reference).toContain("<0.1.2.3 of an earlier incarnation>")
    expect(parsePid(pid!)._tag).toBe("Invalid")
    expect(parsePort(port!)._tag).toBe("Invalid")
    expect(parseReference(reference!)._tag).toBe("Invalid")
  })

  it.each(Object.values(syntaxes))("is told by $name from what any incarnation may have", ({ print }) => {
    for (const [creation, from] of [
      [8, home],
      [0, home],
      [7, { node: "a@h" }],
      [7, { node: "b@h", creation: 8 }]
    ] as const)
      for (const term of identifiersOf(creation)) expect(print(term, from).text).not.toContain("earlier")
  })
})
