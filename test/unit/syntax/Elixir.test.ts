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
  type MapTerm,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import { elixir } from "../../../src/syntax/Elixir.ts"
import { here, ownFun, ownPid, printing, there } from "../../support/printing.ts"

const bytes = (...values: ReadonlyArray<number>): Binary => new Binary(Uint8Array.from(values))
const text = printing(elixir)

const struct = (module: string, fields: Readonly<Record<string, Term>>): MapTerm =>
  map([
    [atom("__struct__"), atom(module)],
    ...Object.entries(fields).map(([name, value]) => [atom(name), value] as const)
  ])
const iso = { calendar: atom("Elixir.Calendar.ISO") }
const day = { ...iso, year: 2020, month: 2, day: 29 }
const noon = { ...iso, hour: 12, minute: 0, second: 5, microsecond: [120_000, 3] }
const zone = (name: string, abbreviation: string, utc: number, standard: number) => ({
  time_zone: binary(name),
  zone_abbr: binary(abbreviation),
  utc_offset: utc,
  std_offset: standard
})
const regex = (source: string, opts: Term): MapTerm => struct("Elixir.Regex", { source: binary(source), opts })

describe("Elixir", () => {
  it.each<[string, Term]>([
    ["0", 0],
    ["-1", -1],
    ["1267650600228229401496703205376", integer(2n ** 100n)],
    ["1.0", float(1)],
    ["0.0", float(0)],
    ["-0.0", float(-0)],
    ["10000000000.0", float(1e10)],
    ["9007199254740992.0", float(2 ** 53)],
    ["1.0e16", float(1e16)],
    ["0.1", 0.1],
    ["1.5e-7", 1.5e-7],
    ["123456.5", 123_456.5]
  ])("prints the number %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each([
    // As a term, as a key, as a function's name behind its module.
    [":ok", "ok:", "ok", "ok"],
    ["nil", "nil:", "nil", "nil"],
    ["true", "true:", "true", "true"],
    [":valid?", "valid?:", "valid?", "valid?"],
    [":save!", "save!:", "save!", "save!"],
    [':"a?b"', '"a?b":', '"a?b"', "a?b"],
    [":_x", "_x:", "_x", "_x"],
    [":a@b", "a@b:", '"a@b"', "a@b"],
    [":Foo", "Foo:", '"Foo"', "Foo"],
    [":É", "É:", '"É"', "É"],
    [":naïve", "naïve:", "naïve", "naïve"],
    [":end", "end:", "end", "end"],
    [':"with space"', '"with space":', '"with space"', "with space"],
    [':""', '"":', '""', ""],
    [':"1a"', '"1a":', '"1a"', "1a"],
    [':"日本"', '"日本":', '"日本"', "日本"],
    [":+", "+:", "+", "+"],
    [":>>>", ">>>:", ">>>", ">>>"],
    [":@", "@:", "@", "@"],
    [":..//", "..//:", '"..//"', "..//"],
    [":%{}", "%{}:", '"%{}"', "%{}"],
    [":<<>>", "<<>>:", '"<<>>"', "<<>>"],
    [":...", "...:", '"..."', "..."],
    [':"::"', '"::":', "::", "::"],
    [':"~~~"', '"~~~":', "~~~", "~~~"],
    [':"=>"', '"=>":', '"=>"', "=>"],
    ["Elixir", '"Elixir":', '"Elixir"', "Elixir"],
    [':"say \\"x\\" \\#{y}\\\\"', '"say \\"x\\" \\#{y}\\\\":', '"say \\"x\\" \\#{y}\\\\"', 'say "x" #{y}\\'],
    [
      ':"\\0\\x01\\n\\e\\d\\u0080"',
      '"\\0\\x01\\n\\e\\d\\u0080":',
      '"\\0\\x01\\n\\e\\d\\u0080"',
      "\0\x01\n\x1b\x7f\x80"
    ],
    [':"\\u202E\\u{E0041}"', '"\\u202E\\u{E0041}":', '"\\u202E\\u{E0041}"', "\u202e\u{e0041}"]
  ])("prints the atom %s", (literal, key, name, atomText) => {
    expect(elixir.atom(atomText)).toBe(literal)
    expect(text(atom(atomText))).toBe(literal)
    expect(text(list([[atom(atomText), 1]]))).toBe(`[${key} 1]`)
    expect(text(map([[atom(atomText), 1]]))).toBe(`%{${key} 1}`)
    expect(elixir.mfa("m", atomText, 1)).toBe(`:m.${name}/1`)
  })

  it.each([
    ["My.Mod", "Elixir.My.Mod"],
    ["A_1", "Elixir.A_1"],
    ["Elixir.Elixir", "Elixir.Elixir"],
    ["Elixir.Elixir.A", "Elixir.Elixir.A"],
    [':"Elixir.foo"', "Elixir.foo"],
    [':"Elixir.A.b"', "Elixir.A.b"],
    [':"Elixir."', "Elixir."],
    [':"Elixir.É"', "Elixir.É"]
  ])("prints the module %s, which is no keyword", (expected, name) => {
    expect(text(atom(name))).toBe(expected)
    expect(text(list([[atom(name), 1]]))).toBe(`[{${expected}, 1}]`)
    expect(text(map([[atom(name), 1]]))).toBe(`%{${expected} => 1}`)
  })

  it.each<[string, Term]>([
    ["{}", []],
    ["{:a, {:b}, 1}", [atom("a"), [atom("b")], 1]],
    ["[]", nil],
    ["[]", new ByteList(new Uint8Array(0))],
    ["[1, 2]", new ByteList(Uint8Array.of(1, 2))],
    ["[1, 2 | 3]", new List([1, 2], 3)],
    ["[{:a, 1} | :b]", new List([[atom("a"), 1]], atom("b"))],
    [
      "[a: 1, b: [c: 2]]",
      list([
        [atom("a"), 1],
        [atom("b"), list([[atom("c"), 2]])]
      ])
    ],
    ["[{:a, 1}, 2]", list([[atom("a"), 1], 2])],
    ["[{:a, 1, 2}]", list([[atom("a"), 1, 2]])],
    ["%{}", map([])],
    [
      '%{1 => 2, :a => 1, "k" => %{b: 1}}',
      map([
        [1, 2],
        [atom("a"), 1],
        [binary("k"), map([[atom("b"), 1]])]
      ])
    ]
  ])("prints the collection %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ['""', binary("")],
    ['"hello"', binary("hello")],
    ['"é€😀"', binary("é€😀")],
    ['"a\\"b\'\\#{c}#d\\\\"', binary("a\"b'#{c}#d\\")],
    ['"\\a\\b\\d\\e\\f\\n\\r\\t\\v"', binary("\x07\b\x7f\x1b\f\n\r\t\v")],
    ["<<0>>", bytes(0)],
    ["<<233>>", bytes(233)],
    ["<<194, 128>>", bytes(194, 128)],
    ['"a\\u202Eb\\u{E0041}\\uFEFF"', binary("a\u202eb\u{e0041}\ufeff")],
    ['"\\u{111C3}\\u0D4E"', binary("\u{111c3}\u0d4e")],
    ["<<5::size(3)>>", new BitString(Uint8Array.of(0b1010_0000), 0, 1, 3)],
    ["<<1, 1::size(1)>>", new BitString(Uint8Array.of(1, 128), 0, 2, 1)],
    ['~c"hello"', charlist("hello")],
    ['~c"hello"', new ByteList(Buffer.from("hello"))],
    ['~c"\\"\'\\#{\\\\\\a\\e"', charlist("\"'#{\\\x07\x1b")],
    ["[233]", charlist("é")],
    ["[127]", charlist("\x7f")]
  ])("prints the text %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["#PID<0.90.1>", ownPid],
    ["#PID<there@host.90.1>", new Pid(there, 90, 1, 7)],
    ['#PID<:"0".90.1>', new Pid(atom("0"), 90, 1, 7)],
    ["#Port<0.6>", new Port(here, 6n, 7)],
    ["#Reference<0.3.2.1>", new Reference(here, 7, [1, 2, 3])],
    ["#Reference<there@host.3.2.1>", new Reference(there, 7, [1, 2, 3])],
    ["#Function<3.53383825/1 in My.Mod>", ownFun("Elixir.My.Mod")],
    ["&:lists.map/2", new ExternalFun(atom("lists"), atom("map"), 2)],
    ['&My.Mod."a b"/0', new ExternalFun(atom("Elixir.My.Mod"), atom("a b"), 0)]
  ])("prints the identifier %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ['%User{name: "A", age: 3}', struct("Elixir.User", { name: binary("A"), age: 3 })],
    ["%User{}", struct("Elixir.User", {})],
    ["%{__struct__: :user, a: 1}", struct("user", { a: 1 })],
    [
      '%RuntimeError{message: "x"}',
      struct("Elixir.RuntimeError", { __exception__: atom("true"), message: binary("x") })
    ],
    ["%{__struct__: nil, a: 1}", struct("nil", { a: 1 })],
    ["%{__struct__: 1}", map([[atom("__struct__"), 1]])],
    [
      "%{:__struct__ => User, 1 => 2}",
      map([
        [atom("__struct__"), atom("Elixir.User")],
        [1, 2]
      ])
    ],
    ["~D[2020-02-29]", struct("Elixir.Date", day)],
    ["~D[-0005-02-01]", struct("Elixir.Date", { ...day, year: -5, day: 1 })],
    ["~T[12:00:05.120]", struct("Elixir.Time", noon)],
    ["~T[12:00:05]", struct("Elixir.Time", { ...noon, microsecond: [0, 0] })],
    ["~N[2020-02-29 12:00:05.120]", struct("Elixir.NaiveDateTime", { ...day, ...noon })],
    ["~U[2020-02-29 12:00:05.120Z]", struct("Elixir.DateTime", { ...day, ...noon, ...zone("Etc/UTC", "UTC", 0, 0) })],
    [
      "#DateTime<2020-02-29 12:00:05.120+02:00 CEST Europe/Warsaw>",
      struct("Elixir.DateTime", { ...day, ...noon, ...zone("Europe/Warsaw", "CEST", 3600, 3600) })
    ],
    [
      "#DateTime<2020-02-29 12:00:05.120-03:30 -0330 America/St_Johns>",
      struct("Elixir.DateTime", { ...day, ...noon, ...zone("America/St_Johns", "-0330", -12_600, 0) })
    ],
    ["1..3", struct("Elixir.Range", { first: 1, last: 3, step: 1 })],
    ["1..10//2", struct("Elixir.Range", { first: 1, last: 10, step: 2 })],
    ["3..1//1", struct("Elixir.Range", { first: 3, last: 1, step: 1 })],
    ["3..1//-1", struct("Elixir.Range", { first: 3, last: 1, step: -1 })],
    [
      "MapSet.new([1, :a])",
      struct("Elixir.MapSet", {
        map: map([
          [1, nil],
          [atom("a"), nil]
        ]),
        version: 2
      })
    ],
    ["MapSet.new([a: 1])", struct("Elixir.MapSet", { map: map([[[atom("a"), 1], nil]]) })],
    ["MapSet.new([])", struct("Elixir.MapSet", { map: map([]) })],
    ["MapSet.new([[97, 98]])", struct("Elixir.MapSet", { map: map([[charlist("ab"), nil]]) })],
    ["~r/a\\/b\\d\\n/iu", regex("a/b\\d\n", binary("iu"))],
    ["~r/\\//", regex("\\/", binary(""))],
    ["~r/\\\\\\#{x}/", regex("\\\\#{x}", binary(""))],
    [
      "~r/a/siu",
      regex(
        "a",
        list([atom("unicode"), atom("ucp"), atom("caseless"), atom("dotall"), [atom("newline"), atom("anycrlf")]])
      )
    ],
    ['Regex.compile!("a", [:anchored])', regex("a", list([atom("anchored")]))],
    ['Regex.compile!("a", [:constructor])', regex("a", list([atom("constructor")]))],
    ['Regex.compile!("\\u202E", "u")', regex("\u202e", binary("u"))]
  ])("prints the struct %s", (expected, term) => {
    expect(text(term)).toBe(expected)
  })

  it.each<[string, Term]>([
    ["Date", struct("Elixir.Date", { ...day, day: 30 })],
    ["Date", struct("Elixir.Date", { ...day, year: 10_000 })],
    ["Date", struct("Elixir.Date", { ...day, calendar: atom("Elixir.Other") })],
    ["Date", struct("Elixir.Date", { year: 2020 })],
    ["Time", struct("Elixir.Time", { ...noon, microsecond: 3 })],
    ["Time", struct("Elixir.Time", { ...noon, hour: 24 })],
    ["Time", struct("Elixir.Time", { ...noon, microsecond: [1, 7] })],
    ["DateTime", struct("Elixir.DateTime", { ...day, ...noon, ...zone("X>, {:forged", "UTC", 0, 0) })],
    ["Range", struct("Elixir.Range", { first: 1, last: 3, step: 0 })],
    ["Range", struct("Elixir.Range", { first: atom("a"), last: 3, step: 1 })],
    ["MapSet", struct("Elixir.MapSet", { map: 1 })],
    ["Regex", struct("Elixir.Regex", { source: 1, opts: 2 })]
  ])("prints a %s that is not what its module makes as any other struct", (module, term) => {
    expect(text(term)).toMatch(new RegExp(`^%${module}\\{\\w+: `, "u"))
  })

  it.each([
    ["My.Mod.run/1", "Elixir.My.Mod", "run", 1],
    [":lists.map/2", "lists", "map", 2],
    [':"a b".c/0', "a b", "c", 0],
    [":erlang.+/2", "erlang", "+", 2],
    ['My.Mod."-fun/1-lc$^0/1-0-"/1', "Elixir.My.Mod", "-fun/1-lc$^0/1-0-", 1],
    // Not as `anonymous fn/2 in My.Mod.run/1`: that is the same for all in there, and nobody can ask for it.
    ['My.Mod."-run/1-fun-0-"/2', "Elixir.My.Mod", "-run/1-fun-0-", 2]
  ] as const)("prints the function %s", (expected, module, name, arity) => {
    expect(elixir.mfa(module, name, arity)).toBe(expected)
  })
})
