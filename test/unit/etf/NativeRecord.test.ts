import { describe, expect, it } from "vitest"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { EtfError } from "../../../src/etf/EtfError.ts"
import { skip } from "../../../src/etf/Scan.ts"
import { atom, binary, list, map, NativeRecord, type Term } from "../../../src/etf/Term.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { secrets } from "../../../src/tools/Secrets.ts"

const record = (name: string, isExported: boolean, fields: Readonly<Record<string, Term>>) =>
  new NativeRecord(atom("nt"), atom(name), isExported, Object.keys(fields).map(atom), Object.values(fields))

/** `#nt:st{a = #nt:empty{}, b = [x]}` as `term_to_binary/1` of OTP 29 has it, of which `st` is exported alone. */
const bytes = Uint8Array.from([
  131, 67, 0, 0, 0, 2, 1, 119, 2, 110, 116, 119, 2, 115, 116, 119, 1, 97, 119, 1, 98, 67, 0, 0, 0, 0, 0, 119, 2, 110,
  116, 119, 5, 101, 109, 112, 116, 121, 108, 0, 0, 0, 1, 119, 1, 120, 106
])
const term = record("st", true, { a: record("empty", false, {}), b: list([atom("x")]) })

describe("a native record", () => {
  it("is read and written as nodes do it", () => {
    expect(equal(decode(bytes), term)).toBe(true)
    expect(Uint8Array.from(encode(term))).toEqual(bytes)
    expect(skip(bytes, 1)).toBe(bytes.length)
    const around = [map([[term, list([term, term])]]), term]
    expect(equal(decode(encode(around)), around)).toBe(true)
  })

  it("that is cut anywhere is no term", () => {
    for (let length = 1; length < bytes.length; length++) {
      const front = bytes.slice(0, length)
      for (const read of [() => decode(front), () => skip(front, 1)]) expect(read, `${length} bytes`).toThrow(EtfError)
    }
  })

  it("that claims more than it has is refused before there is room for it", () => {
    const claiming = bytes.slice()
    claiming.fill(0xff, 2, 6)
    for (const read of [() => decode(claiming), () => skip(claiming, 1)]) expect(read).toThrow(EtfError)
  })

  it("is another with another name, field, value, or where its definition is exported", () => {
    const others = [
      record("st", true, { a: record("empty", true, {}), b: list([atom("x")]) }),
      record("st", true, { a: record("empty", false, {}), c: list([atom("x")]) }),
      record("st", true, { a: record("empty", false, {}), b: list([atom("y")]) }),
      record("ts", true, { a: record("empty", false, {}), b: list([atom("x")]) }),
      [atom("st"), record("empty", false, {}), list([atom("x")])]
    ]
    for (const other of others) {
      expect(equal(term, other)).toBe(false)
      expect(equal(map([[term, 1]]), map([[other, 1]]))).toBe(false)
    }
    expect(() => encode(new NativeRecord(atom("nt"), atom("st"), true, [atom("a")], []))).toThrow(EtfError)
  })

  const odd = record("B c", true, { "a b": 1, c: binary("x") })

  it.each<[SyntaxName, string, string, string]>([
    ["erlang", "#nt:st{a = #nt:empty{},b = [x]}", "#nt:'B c'{'a b' = 1,c = <<\"x\">>}", "#nt:st{a = #nt:empty{},...}"],
    [
      "elixir",
      "#Record<:nt, :st, [a: #Record<:nt, :empty, []>, b: [:x]]>",
      '#Record<:nt, :"B c", ["a b": 1, c: "x"]>',
      ""
    ],
    ["gleam", "//erl(#nt:st{a: //erl(#nt:empty{}), b: [X]})", "//erl(#nt:'B c'{'a b': 1, c: \"x\"})", ""],
    ["lfe", "#R(nt:st a #R(nt:empty) b (x))", '#R(nt:|B c| |a b| 1 c #"x")', ""]
  ])("is told by its fields in %s", (name, shown, shownOdd) => {
    expect(syntaxes[name].print(term).text).toBe(shown)
    expect(syntaxes[name].print(odd).text).toBe(shownOdd)
  })

  it("keeps from sight what stands in fields that are named as secrets", () => {
    const user = record("user", true, { name: binary("bob"), password: binary("hunter2") })
    const { text } = syntaxes.erlang.print(secrets.masked(user, 100))
    expect(text).toBe('#nt:user{name = <<"bob">>,password = <<"[redacted]">>}')
    expect(secrets.masked(term, 100)).toBe(term)
  })
})
