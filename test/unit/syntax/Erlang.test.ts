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
import { erlang } from "../../../src/syntax/Erlang.ts"
import { here, ownFun, ownPid, printing, there } from "../../support/printing.ts"

const bytes = (...values: ReadonlyArray<number>): Binary => new Binary(Uint8Array.from(values))
const text = printing(erlang)

describe("Erlang", () => {
  it.each<[string, Term]>([
    ["0", 0],
    ["-1", -1],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["1267650600228229401496703205376", integer(2n ** 100n)],
    ["-1267650600228229401496703205376", integer(-(2n ** 100n))],
    ["1.0", float(1)],
    ["-0.0", float(-0)],
    ["0.1", 0.1],
    ["1.0e3", float(1000)],
    ["123456789.0", float(123_456_789)],
    ["1.2345e-4", 0.00012345],
    ["0.0001", 0.0001],
    ["9007199254740991.0", float(2 ** 53 - 1)],
    ["9.007199254740992e15", float(2 ** 53)],
    ["5.0e-324", 5e-324],
    ["1.7976931348623157e308", float(Number.MAX_VALUE)]
  ])("prints the number %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each([
    ["ok", "ok"],
    ["a@b_C1", "a@b_C1"],
    ["ärger", "ärger"],
    ["''", ""],
    ["'Upper'", "Upper"],
    ["'_x'", "_x"],
    ["'a-b'", "a-b"],
    ["'a.b'", "a.b"],
    ["'1a'", "1a"],
    ["'with space'", "with space"],
    ["'Élan'", "Élan"],
    ["'日本'", "日本"],
    ["'Elixir.My.Mod'", "Elixir.My.Mod"],
    ["'it\\'s'", "it's"],
    ["'say \"x\"'", 'say "x"'],
    ["'back\\\\slash'", "back\\slash"],
    ["'\\n\\t\\e\\d\\000\\200'", "\n\t\x1b\x7f\0\x80"],
    ["'end'", "end"],
    ["'maybe'", "maybe"],
    ["'else'", "else"],
    ["'andalso'", "andalso"],
    ["'a\\x{202E}b'", "a\u202eb"],
    ["'\\x{E0041}'", "\u{e0041}"],
    ["'\\x{D800}'", "\ud800"]
  ])("prints the atom %s", (expected, name) => {
    expect(erlang.atom(name)).toBe(expected)
    expect(text(atom(name))).toBe(expected)
  })

  it.each<[string, Term]>([
    ["{}", []],
    ["{a,{b},1}", [atom("a"), [atom("b")], 1]],
    ["[]", nil],
    ["[]", new ByteList(new Uint8Array(0))],
    ["[1,2]", list([1, 2])],
    ["[1,2]", new ByteList(Uint8Array.of(1, 2))],
    ["[[],[[]]]", list([nil, list([nil])])],
    ["[1,2|3]", new List([1, 2], 3)],
    ["[104,105|x]", new List([104, 105], atom("x"))],
    ["#{}", map([])],
    [
      '#{a => 1,<<"k">> => [b],{} => #{}}',
      map([
        [atom("a"), 1],
        [binary("k"), list([atom("b")])],
        [[], map([])]
      ])
    ]
  ])("prints the collection %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ['"hello"', charlist("hello")],
    ['"hello"', new ByteList(Buffer.from("hello"))],
    ['"éÿ"', charlist("éÿ")],
    ["[233,8364,128512]", charlist("é€😀")],
    ["[256]", list([256])],
    ["[5672,15672,25672]", list([5672, 15672, 25672])],
    ['"é"', new ByteList(Uint8Array.of(233))],
    ['"a\\"b\'c\\\\"', charlist("a\"b'c\\")],
    ['"\\n\\r\\t\\v\\b\\f\\e"', charlist("\n\r\t\v\b\f\x1b")],
    ["[7]", charlist("\x07")],
    ["[127]", charlist("\x7f")],
    ["[97,0]", charlist("a\0")],
    ["[128]", charlist("\x80")],
    ["[55296]", list([0xd800])],
    ["[1114112]", list([0x110000])],
    ["[97,-1]", list([97, -1])],
    ["[97,98.5]", list([97, 98.5])],
    ['"ab\\x{AD}"', charlist("ab\u00ad")]
  ])("prints the charlist %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["<<>>", binary("")],
    ['<<"hello">>', binary("hello")],
    ['<<"a\\"b\\n\\\\">>', binary('a"b\n\\')],
    ['<<"é€😀"/utf8>>', binary("é€😀")],
    ['<<"é">>', bytes(233)],
    ["<<195,169,7>>", bytes(195, 169, 7)],
    ["<<0,255>>", bytes(0, 255)],
    ["<<127>>", bytes(127)],
    ['<<"\\x{FEFF}a"/utf8>>', bytes(0xef, 0xbb, 0xbf, 97)],
    ['<<"a\\x{202E}b"/utf8>>', binary("a\u202eb")],
    ["<<5:3>>", new BitString(Uint8Array.of(0b1010_0000), 0, 1, 3)],
    ["<<1,1:1>>", new BitString(Uint8Array.of(9, 1, 128, 9), 1, 2, 1)]
  ])("prints the binary %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["<0.90.1>", ownPid],
    ["<there@host.90.1>", new Pid(there, 90, 1, 7)],
    ["<'0'.90.1>", new Pid(atom("0"), 90, 1, 7)],
    ["<'x>,{y@z'.90.1>", new Pid(atom("x>,{y@z"), 90, 1, 7)],
    ["#Port<0.18446744073709551615>", new Port(here, 2n ** 64n - 1n, 7)],
    ["#Port<there@host.6>", new Port(there, 6n, 7)],
    ["#Ref<0.3.2.1>", new Reference(here, 7, [1, 2, 3])],
    ["#Ref<there@host.3.2.1>", new Reference(there, 7, [1, 2, 3])],
    ["#Fun<lists.2.53383825>", ownFun("lists")],
    ["#Fun<Elixir.My.Mod.2.53383825>", ownFun("Elixir.My.Mod")],
    ["#Fun<'x>,{y'.2.53383825>", ownFun("x>,{y")],
    ["fun lists:map/2", new ExternalFun(atom("lists"), atom("map"), 2)],
    ["fun 'A b':'end'/0", new ExternalFun(atom("A b"), atom("end"), 0)]
  ])("prints the identifier %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it("names the node of every identifier when it does not know where the term came from", () => {
    expect(erlang.print(ownPid).text).toBe("<here@host.90.1>")
  })

  it.each([
    ["lists:map/2", "lists", "map", 2],
    ["'Elixir.My.Mod':run/0", "Elixir.My.Mod", "run", 0],
    ["m:'-fun/1-lc$^0/1-0-'/1", "m", "-fun/1-lc$^0/1-0-", 1],
    ["erlang:'+'/2", "erlang", "+", 2]
  ] as const)("prints the function %s", (expected, module, name, arity) => {
    expect(erlang.mfa(module, name, arity)).toBe(expected)
  })
})
