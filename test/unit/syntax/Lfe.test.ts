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
import { lfe } from "../../../src/syntax/Lfe.ts"
import { here, ownFun, ownPid, printing, there } from "../../support/printing.ts"

const text = printing(lfe)

describe("LFE", () => {
  it.each<[string, Term]>([
    ["-1", -1],
    ["1267650600228229401496703205376", integer(2n ** 100n)],
    ["1.0", float(1)],
    ["-0.0", float(-0)],
    ["1.0e300", float(1e300)]
  ])("prints the number %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each([
    ["ok", "ok"],
    ["not-found", "not-found"],
    ["Upper", "Upper"],
    ["+", "+"],
    ["1+", "1+"],
    ["a'b#c,`", "a'b#c,`"],
    ["ärger日本", "ärger日本"],
    ["Elixir.My.Mod", "Elixir.My.Mod"],
    ["||", ""],
    ["|.|", "."],
    ["|1|", "1"],
    ["|-1.5e3|", "-1.5e3"],
    ["|#a|", "#a"],
    ["|'a|", "'a"],
    ["|`a|", "`a"],
    ["|,a|", ",a"],
    ["|with space|", "with space"],
    ["|a(b|", "a(b"],
    ["|a;b|", "a;b"],
    ['|a"b|', 'a"b'],
    ["|a\\|b\\\\|", "a|b\\"],
    ["|+1|", "+1"],
    ["|1.0e-5|", "1.0e-5"],
    ["1e5", "1e5"],
    ["1.", "1."],
    ["..", ".."],
    ["\u00a1", "\u00a1"],
    ["|\\n\\t\\e\\d\\x0;\\x202E;\\xE0041;|", "\n\t\x1b\x7f\0\u202e\u{e0041}"]
  ])("prints the symbol %s", (expected, name) => {
    expect(text(atom(name))).toBe(expected)
  })

  it.each<[string, Term]>([
    ["#(ok 1)", [atom("ok"), 1]],
    ["#()", []],
    ["()", nil],
    ["()", new ByteList(new Uint8Array(0))],
    ["(1 2 (a))", list([1, 2, list([atom("a")])])],
    ["(1 2 . 3)", new List([1, 2], 3)],
    ["'a", list([atom("quote"), atom("a")])],
    ["''(1 2)", list([atom("quote"), list([atom("quote"), list([1, 2])])])],
    [
      "(`a ,b ,@c)",
      list(
        [
          ["backquote", "a"],
          ["comma", "b"],
          ["comma-at", "c"]
        ].map((it) => list(it.map(atom)))
      )
    ],
    ["(quote)", list([atom("quote")])],
    ["(quote a b)", list(["quote", "a", "b"].map(atom))],
    ["(quote . a)", new List([atom("quote")], atom("a"))],
    ["(quote a . b)", new List([atom("quote"), atom("a")], atom("b"))],
    ["#(quote a)", [atom("quote"), atom("a")]],
    ["(1 2)", new ByteList(Uint8Array.of(1, 2))],
    ["#M()", map([])],
    [
      '#M(a 1 #"k" #M(#(1) ()))',
      map([
        [atom("a"), 1],
        [binary("k"), map([[[1], nil]])]
      ])
    ],
    ["#M(__struct__ Elixir.User)", map([[atom("__struct__"), atom("Elixir.User")]])]
  ])("prints the collection %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ['#""', binary("")],
    ['#"é€😀 \\"\\\\\\n"', binary('é€😀 "\\\n')],
    ['#"a\\x202E;b"', binary("a\u202eb")],
    ["#B(0 255)", new Binary(Uint8Array.of(0, 255))],
    ["#B(1 (5 (size 3)))", new BitString(Uint8Array.of(1, 0b1010_0000), 0, 2, 3)],
    ['"a\\"b|c"', charlist('a"b|c')],
    ['"\\b\\t\\n\\v\\f\\r\\e"', charlist("\b\t\n\v\f\r\x1b")],
    ["(127)", charlist("\x7f")],
    ["#B(127)", binary("\x7f")],
    ['"é"', new ByteList(Uint8Array.of(233))],
    ["(97 0)", charlist("a\0")],
    ["(256)", list([256])],
    ["(404 500 503)", list([404, 500, 503])]
  ])("prints the text %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["#Pid<0.90.1>", ownPid],
    ["#Pid<there@host.90.1>", new Pid(there, 90, 1, 7)],
    ["#Pid<|0|.90.1>", new Pid(atom("0"), 90, 1, 7)],
    ["#Port<0.6>", new Port(here, 6n, 7)],
    ["#Ref<0.3.2.1>", new Reference(here, 7, [1, 2, 3])],
    ["#Fun<lists.2.53383825/1>", ownFun("lists")],
    ["#Fun<|x> (y|.2.53383825/1>", ownFun("x> (y")],
    ["#'lists:map/2", new ExternalFun(atom("lists"), atom("map"), 2)],
    ["#'|A b|:|+|/2", new ExternalFun(atom("A b"), atom("+"), 2)]
  ])("prints the identifier %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it("says behind a mark that what it stands in front of is left out", () => {
    const term = list([atom("quote"), list([atom("quote"), binary("x".repeat(99))])])
    expect(lfe.print(term, { maxCharacters: 20 })).toEqual({ text: "''... 1 more", complete: false })
    expect(lfe.print(term, { maxCharacters: 30 }).text).toBe("''#\"xxxxxxxx\"... 91 more bytes")
  })
})
