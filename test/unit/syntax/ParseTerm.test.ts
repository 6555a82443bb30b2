import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { equal } from "../../../src/etf/Equal.ts"
import {
  atom,
  Binary,
  binary,
  BitString,
  charlist,
  ExternalFun,
  integer,
  List,
  list,
  map,
  nil,
  Pid,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import { atomsOf, identifiersOf, parseTerm } from "../../../src/syntax/ParseTerm.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { anyTerm } from "./anyTerm.ts"
import { anyText } from "./anyText.ts"

const owner = { node: "n@h", creation: 3 }

const read = (text: string, syntax: SyntaxName, wildcards = false): Term => {
  const parsed = parseTerm(text, syntax, { ...owner, wildcards })
  if (parsed._tag === "Mistake") throw new Error(parsed.message)
  return parsed.term
}

const refusal = (text: string, syntax: SyntaxName): { readonly message: string; readonly offset: number } => {
  const parsed = parseTerm(text, syntax, owner)
  if (parsed._tag === "Term") throw new Error(`${text} is read`)
  return parsed
}

const show = (term: Term): string => syntaxes.erlang.print(term).text

const expectTerm = (actual: Term, expected: Term): void => {
  expect(equal(actual, expected), `${show(actual)} instead of ${show(expected)}`).toBe(true)
}

/** Both spellings of what the languages spell differently; the expected term in Erlang, as printed. */
const inErlang: ReadonlyArray<readonly [string, string]> = [
  ["{ok, [1 , 2]} .", "{ok,[1,2]}"],
  ["-16#fF_0", "-4080"],
  ["36#z", "35"],
  ["1_000", "1000"],
  ["+1", "1"],
  ["- 1.5e3", "-1.5e3"],
  ["$a", "97"],
  [String.raw`{$\n,$\x{1F600},$\\,$ }`, "{10,128512,92,32}"],
  [String.raw`"a\"b" "\x{e9}\^A\101"`, "[97,34,98,233,1,65]"],
  [String.raw`'it\'s'`, String.raw`'it\'s'`],
  ["[a|[b|[c|d]]]", "[a,b,c|d]"],
  ["[a|[]]", "[a]"],
  ['[a|[b,[c|[d]]|[e,f|"g"]]]', "[a,b,[c,d],e,f,103]"],
  ["[{[a|[b]]}|[[c]|[d|e]]]", "[{[a,b]},[c],d|e]"],
  ["#{a => 1,a => 2,#{} => 3}", "#{a => 2,#{} => 3}"],
  ["#{1 => a,1.0 => b}", "#{1 => a,1.0 => b}"],
  ["% why\n{%\na}", "{a}"],
  [`<<"ab",1,2:4,3:4>>`, "<<97,98,1,35>>"],
  [`<<"é"/utf8, "a"/utf16-little, $é/utf8>>`, "<<195,169,97,0,195,169>>"],
  ["<<1:16/little,-1,258>>", "<<1,0,255,2>>"],
  ["<<1:2/unit:8>>", "<<0,1>>"],
  ["<<16#abc:12/little>>", "<<188,10:4>>"],
  ["<<1.5/float, 1:32/float>>", "<<63,248,0,0,0,0,0,0,63,128,0,0>>"],
  ["<0.90.1>", "<n@h.90.1>"],
  ["<n@h.90.1>", "<n@h.90.1>"],
  ["#Ref<0.1.2.3>", "#Ref<n@h.1.2.3>"],
  ["#Port<0.6>", "#Port<n@h.6>"],
  ["fun 'A b':'+'/2", "fun 'A b':'+'/2"],
  [`~"é"`, `<<"é"/utf8>>`],
  [String.raw`~S"a\n"`, String.raw`"a\\n"`],
  ["{'_','$1'}", "{'_','$1'}"]
]

const inElixir: ReadonlyArray<readonly [string, string]> = [
  ["{:ok, [1, 2,],}", "{:ok, [1, 2]}"],
  ["{0xFF, 0b101, 0o17, 1_000, -1.5e3, ?a, ?\\n}", "{255, 5, 15, 1000, -1500.0, 97, 10}"],
  ['{nil, true, My.Mod, Elixir.A, :+, :..//, :{}, :a?, :"a b"}', '{nil, true, My.Mod, A, :+, :..//, :{}, :a?, :"a b"}'],
  ["[1, a: 2]", "[1, {:a, 2}]"],
  ["{1, a: 2, b: 3}", "{1, [a: 2, b: 3]}"],
  ['%{"k" => 1, a: 2}', '%{"k" => 1, :a => 2}'],
  ['["a b": 1, +: 2, nil: 3]', '["a b": 1, +: 2, nil: 3]'],
  ["[1 | [2 | 3]]", "[1, 2 | 3]"],
  ['%User{name: "A"}', '%User{name: "A"}'],
  ["{ # why\n 1}", "{1}"],
  [String.raw`"a\u00e9\x41\e\#{x}"`, String.raw`"aéA\e\#{x}"`],
  ["'abc'", '~c"abc"'],
  [String.raw`~c(a\n)`, String.raw`~c"a\n"`],
  [String.raw`~S(a\n#{x})`, String.raw`"a\\n\#{x}"`],
  ["{~w(a b), ~w[a b]a, ~W/a b/c}", '{["a", "b"], [:a, :b], [~c"a", ~c"b"]}'],
  ['"""\n  a\n   b\n  """', String.raw`"a\n b\n"`],
  [
    "{~D[2020-02-29], ~T[12:00:05,12], ~N[2020-02-29T12:00:05], ~U[-0001-01-01 00:00:00.0Z]}",
    "{~D[2020-02-29], ~T[12:00:05.12], ~N[2020-02-29 12:00:05], ~U[-0001-01-01 00:00:00.0Z]}"
  ],
  ["{1..3, 3..1, 1..9//2}", "{1..3, 3..1//-1, 1..9//2}"],
  ["#PID<0.90.1>", "#PID<n@h.90.1>"],
  ["#Reference<0.1.2.3>", "#Reference<n@h.1.2.3>"],
  ['{&Enum.map/2, &:erlang.//2, &:lists.map/2, &M."a b"/0}', '{&Enum.map/2, &:erlang.//2, &:lists.map/2, &M."a b"/0}'],
  ['<<1, 2::4, 3::size(4), "é", "é"::utf16, 1.5::float-32>>', "<<1, 35, 195, 169, 0, 233, 63, 192, 0, 0>>"],
  ["MapSet.new([1, :a])", "MapSet.new([1, :a])"],
  ['{:_, :"$1"}', '{:_, :"$1"}']
]

/**
 * Not so with marks in front of terms. Nor is it looked for where a function has a quote in its name: what is a string is
 * not known then without reading.
 */
const isSaidByLfe = (it: Term): boolean => {
  const { text } = syntaxes.lfe.print(it)
  return !(/#'[^\s()]*"/u.test(text) || /(?:^|[ (])['`,](?!')/u.test(text.replaceAll(/"(?:[^"\\]|\\.)*"/gsu, "")))
}

/** Functions have no name there, and constructors no line in front of a digit. */
const isSaidByGleam = (it: Term): boolean => !/\/\/fn|[A-Z]\w*\d/u.test(syntaxes.gleam.print(it).text)

/** What values begin with, and what stands between them. */
const oddCharacters = [..."1aZ_#<>.-+:'|\\\"@?,%&/{( é"]
const oddPairs = oddCharacters.flatMap((first) => oddCharacters.map((second) => first + second))

/** Names of atoms that could be taken for something else: all of one to three of these characters, and some more. */
const oddNames = [
  "",
  ..."16#ff 2#1 -2#1 36#zz 1#0 <0.1.0> <a.b.1> <<>> <<a #Ref<0.1.2.3> 1e5 -1.0e5 1_000 ... .... 0x1f 0b1 #b101".split(
    " "
  ),
  ..."fun end when nil true do and not quote Elixir Elixir.Foo Elixir.foo Elixir.nil Elixir.A. 日本 ß".split(" "),
  ...oddCharacters,
  ...oddPairs,
  ...oddPairs.flatMap((pair) => oddCharacters.map((last) => pair + last))
]

describe("a term that was typed", () => {
  it.each(inErlang)("is read from Erlang's %s", (text, expected) => {
    expect(syntaxes.erlang.print(read(text, "erlang")).text).toBe(expected)
  })

  it.each(inElixir)("is read from Elixir's %s", (text, expected) => {
    expect(syntaxes.elixir.print(read(text, "elixir")).text).toBe(expected)
  })

  it.each([
    ["1.14.5", [[atom("version"), 2] as const]],
    ["1.15.0", []],
    ["1.18.4", []],
    [undefined, []]
  ])("is a set as Elixir %s makes it", (elixirVersion, fields) => {
    const set = (items: ReadonlyArray<Term>) =>
      map([
        [atom("__struct__"), atom("Elixir.MapSet")],
        [atom("map"), map(items.map((item) => [item, nil] as const))],
        ...fields
      ])
    const options = { ...owner, ...(elixirVersion !== undefined && { elixirVersion }) }
    for (const [text, items] of [
      ["MapSet.new([1, :a])", [1, atom("a")]],
      ["MapSet.new()", []]
    ] as const) {
      const parsed = parseTerm(text, "elixir", options)
      if (parsed._tag === "Mistake") throw new Error(parsed.message)
      expectTerm(parsed.term, set(items))
    }
  })

  it("is what the text spells, in the kinds that print alike", () => {
    expectTerm(read('"ab"', "erlang"), charlist("ab"))
    expectTerm(read('"ab"', "elixir"), binary("ab"))
    expectTerm(read('""', "erlang"), nil)
    expectTerm(read("<<>>", "erlang"), new Binary(new Uint8Array(0)))
    expectTerm(read("{a,1}", "lfe"), [atom("a"), 1])
    expectTerm(read("{:a, 1}", "gleam"), [atom("a"), 1])
    expectTerm(read("<0.1.2>", "erlang"), new Pid(atom("n@h"), 1, 2, 3))
    expectTerm(read("#Ref<0.1.2.3>", "elixir"), new Reference(atom("n@h"), 3, [3, 2, 1]))
    expectTerm(read("170141183460469231731687303715884105728", "erlang"), integer(2n ** 127n))
    expectTerm(
      read("~U[2020-01-01 00:00:00Z]", "elixir"),
      map([
        ...Object.entries({
          year: 2020,
          month: 1,
          day: 1,
          hour: 0,
          minute: 0,
          second: 0,
          utc_offset: 0,
          std_offset: 0
        }).map(([key, value]) => [atom(key), value] as const),
        [atom("__struct__"), atom("Elixir.DateTime")],
        [atom("calendar"), atom("Elixir.Calendar.ISO")],
        [atom("microsecond"), [0, 0]],
        [atom("time_zone"), binary("Etc/UTC")],
        [atom("zone_abbr"), binary("UTC")]
      ])
    )
  })

  it.each(["erlang", "elixir"] as const)("has wildcards in %s where they are asked for", (syntax) => {
    expectTerm(read("{_, [_]}", syntax, true), [atom("_"), list([atom("_")])])
    expect(refusal("{_, 1}", syntax).offset).toBe(1)
    expect(() => read("_x", syntax, true)).toThrow("variable")
  })

  it.each([
    ["erlang", owner],
    ["elixir", owner]
  ] as const)("is the term that was printed in %s", (syntax, { node }) => {
    fc.assert(
      fc.property(anyTerm(fc.constant(atom(node)), true), fc.boolean(), (term, named) => {
        expectTerm(read(syntaxes[syntax].print(term, named ? { node } : {}).text, syntax), term)
      }),
      { numRuns: 1000 }
    )
  })

  it("is what LFE and Gleam print, where that says which term it is", () => {
    for (const [syntax, isSaid] of [
      ["lfe", isSaidByLfe],
      ["gleam", isSaidByGleam]
    ] as const) {
      fc.assert(
        fc.property(anyTerm(fc.constant(atom("n@h")), true).filter(isSaid), fc.boolean(), (term, named) => {
          expectTerm(read(syntaxes[syntax].print(term, named ? { node: "n@h" } : {}).text, syntax), term)
        }),
        { numRuns: 250 }
      )
    }
  })

  it.each(["erlang", "elixir", "gleam", "lfe"] as const)(
    "is the atom that was printed in %s, whatever its name",
    (syntax) => {
      for (const name of oddNames) {
        const term = [atom(name), atom(name), 1]
        expectTerm(read(syntaxes[syntax].print(term).text, syntax), term)
        expectTerm(read(syntaxes[syntax].print(term[0]!).text, syntax), term[0]!)
      }
    }
  )

  it.each<[SyntaxName, string, Term]>([
    ["lfe", "#(a |b c| #Pid<0.1.2>)", [atom("a"), atom("b c"), new Pid(atom("n@h"), 1, 2, 3)]],
    ["lfe", "(1 2 . 3)", new List([1, 2], 3)],
    ["lfe", '#M(#"k" (404 500))', map([[binary("k"), list([404, 500])]])],
    ["lfe", "#B(1 (5 (size 3)))", new BitString(Uint8Array.of(1, 0b1010_0000), 0, 2, 3)],
    ["lfe", "#($1 _)", [atom("$1"), atom("_")]],
    ["lfe", "<<1,2>>", new Binary(Uint8Array.of(1, 2))],
    ["lfe", "<0.1.2>", new Pid(atom("n@h"), 1, 2, 3)],
    ["lfe", "16#ff", 255],
    ["lfe", "0#", atom("0#")],
    ["gleam", 'atom.create("$primary_config$")', atom("$primary_config$")],
    ["gleam", 'charlist.from_string("os_mon")', charlist("os_mon")],
    ["gleam", "NotFound(1, Nil)", [atom("not_found"), 1, atom("nil")]],
    ["gleam", "//erl([1, 2 | Ok])", new List([1, 2], atom("ok"))],
    [
      "gleam",
      'dict.from_list([#("a", 1), #(#(Ok), [])])',
      map([
        [binary("a"), 1],
        [[atom("ok")], nil]
      ])
    ],
    [
      "gleam",
      "#(//erl(<0.1.2>), <<1, 5:size(3)>>)",
      [new Pid(atom("n@h"), 1, 2, 3), new BitString(Uint8Array.of(1, 0b1010_0000), 0, 2, 3)]
    ],
    ["gleam", "MyApp.Worker", atom("Elixir.MyApp.Worker")],
    ["gleam", ":a", atom("a")],
    ["elixir", "&nil.run/2", new ExternalFun(atom("nil"), atom("run"), 2)],
    ["gleam", "my_server", atom("my_server")],
    ["gleam", "'odd name'", atom("odd name")]
  ])("is read in %s: %s", (syntax, text, term) => {
    expectTerm(read(text, syntax), term)
  })

  it.each<[SyntaxName, string, string]>([
    ["lfe", "#M(a)", "expected a term"],
    ["lfe", "#(a b", "the text ends"],
    ["gleam", "dict.from_list([1])", "tuples of a key and its value"],
    ["gleam", '#("a" <> ... 4 more bytes)', "expected"],
    ["gleam", 'charlist.from_string("\\q")', "an escape that there is not"]
  ])("tells the mistake in %s: %s", (syntax, text, problem) => {
    expect(refusal(text, syntax).message).toContain(problem)
  })

  it.each([
    ["lfe", "(", ")", "#(a "],
    ["gleam", "[", "]", "#(Ok, "]
  ] as const)(
    "may be a hundred thousand levels deep in %s, and a string of a million characters",
    (syntax, open, close, tuple) => {
      const depth = 100_000
      expect(syntaxes.erlang.print(read(open.repeat(depth) + close.repeat(depth), syntax)).text.length).toBe(2 * depth)
      expect(refusal(tuple.repeat(depth), syntax).message).toContain("the text ends")
      expect(read(`"${"x".repeat(999_998)}"`, syntax)).toBeDefined()
    }
  )

  it.each(["erlang", "elixir"] as const)("may be a hundred thousand levels deep in %s", (syntax) => {
    const depth = 100_000
    const term = read("[".repeat(depth) + "]".repeat(depth), syntax)
    expect(syntaxes.erlang.print(term).text.length).toBe(2 * depth)
    const opens = syntax === "erlang" ? "#{" : "%{"
    expect(read(opens.repeat(depth) + "} => 1".repeat(depth).replace(/ => 1$/u, ""), syntax)).toBeDefined()
    expect(refusal("{".repeat(depth), syntax).message).toContain("the text ends")
  })

  it.each(["erlang", "elixir"] as const)("may have a hundred thousand tails inside each other in %s", (syntax) => {
    const depth = 100_000
    const nested = (end: string) => read(`${"[1|".repeat(depth)}${end}${"]".repeat(depth)}`, syntax)
    expect(nested("[]")).toEqual(list(Array<Term>(depth).fill(1)))
    const end = syntax === "erlang" ? '"ab"' : "~c(ab)"
    expect(nested(end)).toEqual(list([...Array<Term>(depth).fill(1), 97, 98]))
    expect(nested("[2|[{3}|4]]")).toEqual(new List([...Array<Term>(depth).fill(1), 2, [3]], 4))
  })
})

describe("a mistake", () => {
  it("is shown where it is", () => {
    expect(refusal("{ok, a)", "erlang")).toEqual({
      _tag: "Mistake",
      offset: 6,
      message: "column 7: expected , or } but found ')'\n  {ok, a)\n        ^"
    })
    expect(refusal("{:ok,\n  é, foo}", "elixir")).toMatchObject({
      offset: 8,
      message: expect.stringMatching(/^line 2, column 3: 'é' is a variable[^\n]*\n {4}é, foo\}\n {4}\^$/u) as string
    })
    const long = refusal(`{${"1,".repeat(200)})${" ".repeat(200)}}`, "erlang")
    expect(long.message.split("\n").map((line) => line.length < 100)).toEqual([true, true, true])
  })

  it.each([
    ["1+1", 1, "nothing is evaluated"],
    ["self()", 0, "nothing is evaluated"],
    ["lists:map(x)", 0, "nothing is evaluated"],
    ["X", 0, "variable"],
    ["", 0, "the text ends"],
    ["{a", 2, "expected , or } but the text ends"],
    ["[a|b|c]", 4, "expected ]"],
    ["[1,]", 3, "expected a term"],
    ["#{a}", 3, "expected =>"],
    ["{ok, ... 3 more}", 5, "left out"],
    ["{if, 1}", 1, "'if' in quotes"],
    ["#user{a = 1}", 0, "record"],
    ["#Fun<a.1.2>", 0, "environment"],
    ["fun foo/1", 0, "fun Module:Name/Arity"],
    ["fun a:b/256", 0, "fun Module:Name/Arity"],
    ["<5.1.2>", 0, "one shell"],
    ["<x@y.1.2>", 0, "belongs to x@y"],
    ["<0.268435456.0>", 0, "no node gives out"],
    ["#Ref<0.1.2.262144>", 0, "no node gives out"],
    ['"abc', 0, "closing"],
    [String.raw`"a\x{110000}"`, 2, "escape"],
    ["1.0e999", 0, "too large"],
    ["1a", 1, "the number to end"],
    ["2#12", 0, "no digit in base 2"],
    ["37#1", 0, "base from 2 to 36"],
    ["<<1:99999999>>", 2, "bits"],
    ["<<1.5>>", 2, "float"],
    [`<<"日">>`, 2, "/utf8"],
    ["<<1/foo>>", 2, "'foo'"],
    ["<<1/constructor>>", 2, "'constructor'"],
    ["\ud800", 0, "surrogate"],
    ["9".repeat(10_001), 0, "10000 digits"],
    ["a".repeat(256), 0, "255"]
  ])("is refused in Erlang: %s", (text, offset, message) => {
    const found = refusal(text, "erlang")
    expect(found.message).toContain(message)
    expect(found.offset).toBe(offset)
  })

  it.each([
    ["1 + 1", 2, "nothing is evaluated"],
    ["foo", 0, "with a colon in front"],
    ["constructor", 0, "with a colon in front"],
    ["{toString, 1}", 1, "with a colon in front"],
    ["<<1::constructor>>", 2, "'constructor'"],
    ["My.Mod.run(1)", 0, "nothing is evaluated"],
    ['"a" <> "b"', 4, "nothing is evaluated"],
    ['"#{x}"', 1, "code"],
    ["[a: 1, 2]", 7, "keywords come last"],
    ["{a:1}", 1, "a space is missing"],
    ["a: 1", 0, "inside a list"],
    ["%{a: 1", 6, "expected , or }"],
    ["%{m | a: 1}", 2, "variable"],
    ["~D[2021-02-29]", 0, "no date"],
    ["~T[25:00:00]", 0, "no time"],
    ["~r/a/", 0, "regular expression"],
    ["~s(a", 0, "closing )"],
    ["&(&1 + 1)", 0, "&Module.name/arity"],
    ["#Function<1.2/1 in M>", 0, "environment"],
    ["1..3//0", 6, "not 0"],
    [String.raw`"\xff"`, 1, "escape"]
  ])("is refused in Elixir: %s", (text, offset, message) => {
    const found = refusal(text, "elixir")
    expect(found.message).toContain(message)
    expect(found.offset).toBe(offset)
  })

  it("is a value whatever the text, and shows nothing hidden", () => {
    fc.assert(
      fc.property(anyText(30), fc.constantFrom("erlang" as const, "elixir" as const), (text, syntax) => {
        const parsed = parseTerm(text, syntax, owner)
        if (parsed._tag === "Term") return
        expect(parsed.offset).toBeLessThanOrEqual(text.length)
        // oxlint-disable-next-line no-control-regex
        expect(parsed.message).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202e\u{e0041}]/u)
      }),
      { numRuns: 2000 }
    )
  })

  it("is said of a text that nobody typed", () => {
    expect(refusal(" ".repeat(1_000_001), "erlang").message).toContain("1000000")
  })
})

describe("what a term names", () => {
  it("is its atoms, each once, and its identifiers", () => {
    const term = read("{a, #{b => [a, c|d]}, fun m:f/1, <0.1.2>, #Port<0.3>}", "erlang")
    expect(atomsOf(term).toSorted()).toEqual(["a", "b", "c", "d", "f", "m"])
    expect(identifiersOf(term).map((it) => syntaxes.erlang.print(it).text)).toEqual(["<n@h.1.2>", "#Port<n@h.3>"])
  })
})
