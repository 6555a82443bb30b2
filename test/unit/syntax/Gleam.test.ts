import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlist,
  ExternalFun,
  float,
  integer,
  List,
  list,
  map,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import { gleam } from "../../../src/syntax/Gleam.ts"
import { parseTerm } from "../../../src/syntax/ParseTerm.ts"
import { here, ownFun, ownPid, printing, there } from "../../support/printing.ts"

const text = printing(gleam)

describe("Gleam", () => {
  it.each<[string, Term]>([
    ["-1", -1],
    ["1267650600228229401496703205376", integer(2n ** 100n)],
    ["1.0", float(1)],
    ["-0.0", float(-0)],
    ["1.0e16", float(1e16)],
    ["0.1", 0.1]
  ])("prints the number %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each([
    ["True", "true"],
    ["False", "false"],
    ["Nil", "nil"],
    ["None", "none"],
    ["Ok", "ok"],
    ["NotFound", "not_found"],
    ["Utf8", "utf8"],
    ["A1B2", "a1_b2"],
    ['atom.create("utf_8")', "utf_8"],
    ['atom.create("rmq_1_file_2")', "rmq_1_file_2"],
    ["Rmq1File2", "rmq1_file2"],
    ['atom.create("x_1")', "x_1"],
    ['atom.create("")', ""],
    ['atom.create("_x")', "_x"],
    ['atom.create("x_")', "x_"],
    ['atom.create("a__b")', "a__b"],
    ['atom.create("1a")', "1a"],
    ['atom.create("Upper")', "Upper"],
    ['atom.create("gleam@list")', "gleam@list"],
    ['atom.create("Elixir.My.Mod")', "Elixir.My.Mod"],
    ['atom.create("é")', "é"],
    ['atom.create("say \\"x\\"\\\\ \\n\\u{0000}\\u{202E}\\u{E0041}")', 'say "x"\\ \n\0\u202e\u{e0041}']
  ])("prints the atom %s", (expected, name) => {
    expect(text(atom(name))).toBe(expected)
  })

  it.each<[string, Term]>([
    ["Ok(1)", [atom("ok"), 1]],
    ["NotFound(1)", [atom("not_found"), 1]],
    ["Error(Nil)", [atom("error"), atom("nil")]],
    ['Some(User("x", 1))', [atom("some"), [atom("user"), binary("x"), 1]]],
    ["#(Ok)", [atom("ok")]],
    ['#(atom.create("sha_256"), 1)', [atom("sha_256"), 1]],
    ["#(Nil, 1)", [atom("nil"), 1]],
    ["#(True, 1)", [atom("true"), 1]],
    ['#(atom.create("Elixir.A"), 1)', [atom("Elixir.A"), 1]],
    ["#(1, 2)", [1, 2]],
    ["#()", []],
    ["[]", nil],
    ["[]", new ByteList(new Uint8Array(0))],
    ["[1, [2]]", list([1, list([2])])],
    ["//erl([1, 2 | 3])", new List([1, 2], 3)],
    ["dict.from_list([])", map([])],
    [
      'dict.from_list([#("k", Ok(1)), #(#(1), dict.from_list([#(1, 2)]))])',
      map([
        [binary("k"), [atom("ok"), 1]],
        [[1], map([[1, 2]])]
      ])
    ],
    [
      'dict.from_list([#(atom.create("__struct__"), atom.create("Elixir.User"))])',
      map([[atom("__struct__"), atom("Elixir.User")]])
    ]
  ])("prints the collection %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ['""', binary("")],
    ['"é€😀 \\"\\\\\\n\\r\\t\\f"', binary('é€😀 "\\\n\r\t\f')],
    ['"a\\u{202E}b"', binary("a\u202eb")],
    ["<<0, 255>>", new Binary(Uint8Array.of(0, 255))],
    ['"\\u{0000}\\u{001B}\\u{007F}\\u{0085}"', binary("\0\x1b\x7f\x85")],
    ["<<226, 130>>", new Binary(Uint8Array.of(226, 130))],
    ["<<1, 5:size(3)>>", new BitString(Uint8Array.of(1, 0b1010_0000), 0, 2, 3)],
    ['charlist.from_string("a\\"b\\\\")', charlist('a"b\\')],
    ['charlist.from_string(" ~")', charlist(" ~")],
    ["[127]", charlist("\x7f")],
    ["[97, 0.5]", list([97, 0.5])],
    ['charlist.from_string("ab")', new ByteList(Buffer.from("ab"))],
    ["[233]", charlist("é")],
    ["[10]", charlist("\n")]
  ])("prints the text %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["//erl(<0.90.1>)", ownPid],
    ["//erl(<there@host.90.1>)", new Pid(there, 90, 1, 7)],
    ["//erl(#Port<0.6>)", new Port(here, 6n, 7)],
    ["//erl(#Ref<0.3.2.1>)", new Reference(here, 7, [1, 2, 3])],
    ["//fn() { ... }", ownFun("m", 0)],
    ["//fn(a, b) { ... }", new ExternalFun(atom("lists"), atom("map"), 2)],
    [`//fn(${Array.from("abcdefghijklmnopqrstuvwxyz").join(", ")}, a1) { ... }`, ownFun("m", 27)]
  ])("prints the identifier %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it("names a module and its function as the runtime does", () => {
    expect(gleam.mfa("gleam@list", "map", 2)).toBe("gleam@list.map/2")
    expect(gleam.mfa("m", "-run/1-fun-0-", 1)).toBe("m.'-run/1-fun-0-'/1")
    expect(gleam.atom("my_server")).toBe("my_server")
  })

  it("prints no two atoms alike: each reads back as the one that it was, alone and in front of a tuple", () => {
    const name = fc.oneof(
      fc
        .array(fc.constantFrom("a", "b", "z", "_", "0", "1", "B"), { minLength: 1, maxLength: 8 })
        .map((it) => it.join("")),
      fc.string({ unit: "binary", maxLength: 20 })
    )
    fc.assert(
      fc.property(name, (letters) => {
        for (const term of [atom(letters), [atom(letters), 1]])
          expect(parseTerm(text(term), "gleam", { node: here.text, creation: 7 })).toEqual({ _tag: "Term", term })
      }),
      { numRuns: 500 }
    )
  })
})
