import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlist,
  List,
  list,
  map,
  nil,
  type Term
} from "../../../src/etf/Term.ts"
import type { PrintOptions, Syntax } from "../../../src/syntax/Syntax.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { anyTerm } from "./anyTerm.ts"
import { anyText } from "./anyText.ts"

const { elixir, erlang, gleam, lfe } = syntaxes
const every = Object.values(syntaxes)

const term = anyTerm(
  anyText(8).map((text) => atom(`n${text}@host`)),
  false
)

const mark = /\.\.\. [1-9]\d* more(?: bytes)?/u

/** What remains of a text without its literals and identifiers: brackets, separators, numbers, names. */
const skeleton: Readonly<Record<Syntax["name"], (text: string) => string>> = {
  erlang: (text) =>
    text
      .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gu, "_")
      .replaceAll(" => ", ",")
      .replace(identifier, "_"),
  elixir: (text) =>
    text
      .replace(/"(?:[^"\\]|\\.)*"/gu, "_")
      // Functions have the names of operators without quotes, &:n.>/2, atoms too, :>.
      .replace(/(?<=[.:])[<>=!~|&^+*/-]+(?=\/\d|[\s,)\]}:]|$)/gu, "_")
      .replace(/ (?:=>|<>) /gu, ",")
      .replace(identifier, "_"),
  gleam: (text) =>
    text
      .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gu, "_")
      .replaceAll(" <> ", ",")
      .replace(identifier, "_"),
  // A bare symbol holds anything but these.
  lfe: (text) => text.replace(/"(?:[^"\\]|\\.)*"|\|(?:[^|\\]|\\.)*\|/gu, "_").replace(/[^\s()"|\\]+/gu, "_")
}
const identifier = /#?[A-Za-z]*(?<!<)<(?!<)[^<>]*>/gu

const pairs: Readonly<Record<string, string>> = { "[": "]", "{": "}", "(": ")", "<<": ">>" }

const isBalanced = (text: string): boolean => {
  const open: Array<string> = []
  for (const [bracket] of text.matchAll(/<<|>>|[[\]{}()]/gu)) {
    const closes = pairs[bracket]
    if (closes !== undefined) open.push(closes)
    else if (open.pop() !== bracket) return false
  }
  return open.length === 0
}

describe.each(every)("the limits of $name", ({ name, print }) => {
  it("change nothing while nothing exceeds them", () => {
    fc.assert(
      fc.property(term, fc.nat(50), (it, spare) => {
        const whole = print(it)
        expect(whole.complete).toBe(true)
        const options = { depth: 100, width: 100, maxCharacters: whole.text.length + spare }
        expect(print(it, options)).toEqual(whole)
      })
    )
  })

  it("are kept, and the text is cut between tokens only", () => {
    fc.assert(
      fc.property(
        term,
        fc.record(
          { depth: fc.nat(4), width: fc.nat(4), maxCharacters: fc.nat(200) },
          { requiredKeys: [] }
        ) as fc.Arbitrary<PrintOptions>,
        (it, options) => {
          const whole = print(it)
          const { complete, text } = print(it, options)
          expect(text.length).toBeLessThanOrEqual(Math.max(options.maxCharacters ?? Infinity, 3))
          if (complete) {
            expect(text).toBe(whole.text)
            return
          }
          expect(text).toMatch(text === "..." ? /^/u : mark)
          const bare = skeleton[name](text)
          expect(bare, text).not.toMatch(/["'\\]|(?<!<)<(?!<)|(?<!>)>(?!>)/u)
          expect(isBalanced(bare), text).toBe(true)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("look at no more of a term than could be shown", () => {
    let reads = 0
    const endless = (value: Term): ReadonlyArray<Term> =>
      new Proxy<ReadonlyArray<Term>>([], {
        get: (target, property) => {
          if (property === "length") return 1e9
          if (typeof property !== "string" || !/^\d+$/u.test(property)) return Reflect.get(target, property)
          reads += 1
          return value
        }
      })
    const options = { maxCharacters: 500 }
    for (const value of [1, 97, atom("a"), [atom("a"), 1], binary("x"), nil]) {
      for (const it of [endless(value), new List(endless(value)), new List(endless(value), 1)]) {
        reads = 0
        const { complete, text } = print(list([1, it, it]), options)
        expect(complete).toBe(false)
        expect(text.length).toBeLessThanOrEqual(500)
        expect(reads).toBeLessThan(5_000)
      }
    }
  })

  it("hold for a hundred thousand levels, and the levels print without limits", () => {
    let tuples: Term = nil
    let lists: Term = nil
    let maps: Term = nil
    for (let level = 0; level < 100_000; level++) {
      tuples = [tuples]
      lists = list([1, lists])
      maps = map([[maps, maps instanceof List ? 1 : nil]])
    }
    const level = print([nil]).text.split(print(nil).text) as [string, string]
    expect(print(tuples).text).toBe(level[0].repeat(100_000) + print(nil).text + level[1].repeat(100_000))
    expect(print(lists)).toMatchObject({ complete: true })
    expect(print(maps)).toMatchObject({ complete: true })
    expect(print(tuples, { maxCharacters: 100 }).text.length).toBeLessThanOrEqual(100)
    expect(print(maps, { depth: 50 })).toMatchObject({ complete: false })
  })

  it("hold for binaries and integers of any size", () => {
    const zeros = new Uint8Array(64 * 1024 * 1024)
    const text = new Uint8Array(64 * 1024 * 1024).fill(97)
    for (const it of [new Binary(zeros), new Binary(text), new ByteList(zeros), new ByteList(text)]) {
      for (const wrapped of [it, [atom("data"), it, atom("end")]] as ReadonlyArray<Term>) {
        const printed = print(wrapped, { maxCharacters: 200 })
        expect(printed.complete).toBe(false)
        expect(printed.text.length).toBeLessThanOrEqual(200)
        expect(printed.text.length).toBeGreaterThan(80)
        expect(printed.text).toMatch(/\.\.\. \d{8} more/u)
      }
    }
    expect(print([atom("n"), 1n << 1_000_000n], { maxCharacters: 100 }).text).toMatch(/\.\.\. 1 more/u)
    expect(print(10n ** 99n, { maxCharacters: 100 })).toEqual({ text: `1${"0".repeat(99)}`, complete: true })
    expect(print(10n ** 100n, { maxCharacters: 100 })).toEqual({ text: "...", complete: false })
  })
})

const numbers = list(Array.from({ length: 1000 }, (_, index) => index))
const state: Term = [atom("state"), numbers, binary("x".repeat(1000)), atom("stop")]

describe("what is cut is counted", () => {
  it.each<[Term, PrintOptions, string, string]>([
    [numbers, { width: 3 }, "[0, 1, 2, ... 997 more]", "(0 1 2 ... 997 more)"],
    [[1, [2, [3]]], { depth: 1 }, "#(1, #(... 2 more))", "#(1 #(... 2 more))"],
    [[atom("user"), 1, 2, 3], { width: 1 }, "User(1, ... 2 more)", "#(user ... 3 more)"],
    [new List([1, 2, 3], 4), { width: 2 }, "//erl([1, 2, ... 2 more])", "(1 2 ... 2 more)"],
    [
      map([
        [1, 2],
        [3, 4]
      ]),
      { width: 1 },
      "dict.from_list([#(1, 2), ... 1 more])",
      "#M(1 2 ... 1 more)"
    ],
    [binary("x".repeat(100)), { maxCharacters: 30 }, '"xxxxxx" <> ... 94 more bytes', '#"xxxxxxxxx"... 91 more bytes'],
    // What was cut before it came here ends in dots: how much of that is missing is not known.
    [
      binary(`${"x".repeat(100)}...`),
      { maxCharacters: 30 },
      '"xxxxxxxxxxxxxxxxxxxxx" <> ...',
      '#"xxxxxxxxxxxxxxxxxxxxxxxx"...'
    ],
    [
      charlist(`${"x".repeat(100)}...`),
      { maxCharacters: 50 },
      'charlist.from_string("xxxxxxxxxxxxxxxxxxx" <> ...)',
      `"${"x".repeat(45)}"...`
    ],
    [
      charlist("x".repeat(100)),
      { maxCharacters: 50 },
      'charlist.from_string("xxxxxxxxxx" <> ... 90 more)',
      `"${"x".repeat(36)}"... 64 more`
    ]
  ])("in Gleam and LFE, %#", (it, options, inGleam, inLfe) => {
    expect(gleam.print(it, options)).toEqual({ text: inGleam, complete: false })
    expect(lfe.print(it, options)).toEqual({ text: inLfe, complete: false })
  })

  it.each<[Term, PrintOptions, string, string]>([
    [numbers, { width: 3 }, "[0,1,2,... 997 more]", "[0, 1, 2, ... 997 more]"],
    [numbers, { width: 0 }, "[... 1000 more]", "[... 1000 more]"],
    [numbers, { depth: 0 }, "[... 1000 more]", "[... 1000 more]"],
    [[1, [2, [3, [], 4]]], { depth: 2 }, "{1,{2,{... 3 more}}}", "{1, {2, {... 3 more}}}"],
    [[[], [2, [3]]], { depth: 1 }, "{{},{... 2 more}}", "{{}, {... 2 more}}"],
    [new List([1, 2, 3], 4), { width: 2 }, "[1,2,... 2 more]", "[1, 2, ... 2 more]"],
    [new List([1, 2, 3], 4), { width: 3 }, "[1,2,3,... 1 more]", "[1, 2, 3, ... 1 more]"],
    [
      map([
        [atom("a"), 1],
        [atom("b"), 2],
        [atom("c"), 3]
      ]),
      { width: 1 },
      "#{a => 1,... 2 more}",
      "%{a: 1, ... 2 more}"
    ],
    [
      map([
        [atom("__struct__"), atom("Elixir.User")],
        [atom("a"), 1],
        [atom("b"), 2]
      ]),
      { width: 1 },
      "#{'__struct__' => 'Elixir.User',... 2 more}",
      "%User{a: 1, ... 1 more}"
    ],
    [new Binary(Uint8Array.of(1, 2, 3, 4)), { width: 2 }, "<<1,2,... 2 more>>", "<<1, 2, ... 2 more>>"],
    [new BitString(Uint8Array.of(1, 2, 128), 0, 3, 1), { width: 2 }, "<<1,2,... 1 more>>", "<<1, 2, ... 1 more>>"],
    [binary("x".repeat(100)), { maxCharacters: 30 }, '<<"xxxxxx"... 94 more bytes>>', '"xxxxxx" <> ... 94 more bytes'],
    [
      binary(`${"x".repeat(100)}...`),
      { maxCharacters: 30 },
      '<<"xxxxxxxxxxxxxxxxxxxxx"...>>',
      '"xxxxxxxxxxxxxxxxxxxxx" <> ...'
    ],
    [
      charlist(`${"x".repeat(100)}...`),
      { maxCharacters: 30 },
      '"xxxxxxxxxxxxxxxxxxxxxxxxx"...',
      '~c"xxxxxxxxxxxxxxxxxxx" ++ ...'
    ],
    [
      binary("é".repeat(100)),
      { maxCharacters: 36 },
      '<<"ééééééé"/utf8... 186 more bytes>>',
      '"éééééééééééé" <> ... 176 more bytes'
    ],
    [charlist("x".repeat(100)), { maxCharacters: 24 }, '"xxxxxxxxxx"... 90 more', '~c"xxxx" ++ ... 96 more'],
    [
      binary("\n".repeat(100)),
      { maxCharacters: 32 },
      '<<"\\n\\n\\n\\n"... 96 more bytes>>',
      '"\\n\\n\\n\\n" <> ... 96 more bytes'
    ],
    [
      state,
      { maxCharacters: 60 },
      "{state,[0,1,2,3,4,5,6,7,8,9,10,11,... 988 more],... 2 more}",
      "{:state, [0, 1, 2, 3, 4, 5, 6, 7, ... 992 more], ... 2 more}"
    ],
    [state, { maxCharacters: 10 }, "...", "..."],
    [state, { maxCharacters: 12 }, "{... 4 more}", "{... 4 more}"],
    [
      [binary("x".repeat(1000)), 1, 2],
      { maxCharacters: 100 },
      `{<<"${"x".repeat(18)}"... 982 more bytes>>,1,2}`,
      `{"${"x".repeat(18)}" <> ... 982 more bytes, 1, 2}`
    ]
  ])("%#", (it, options, inErlang, inElixir) => {
    expect(erlang.print(it, options)).toEqual({ text: inErlang, complete: false })
    expect(elixir.print(it, options)).toEqual({ text: inElixir, complete: false })
  })

  it("adds up: shown and left out are the whole", () => {
    for (const { print } of every) {
      for (let maxCharacters = 20; maxCharacters < 400; maxCharacters++) {
        const { text } = print(numbers, { maxCharacters })
        const [, left] = /\.\.\. (\d+) more/u.exec(text)!
        const shown = text.slice(0, text.indexOf("...")).match(/\d+/gu)?.length ?? 0
        expect(shown + Number(left)).toBe(1000)
      }
    }
  })
})
