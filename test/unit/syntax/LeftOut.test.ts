import { describe, expect, it } from "@effect/vitest"
import { atom, binary, ByteList, charlist, list, map, type Term } from "../../../src/etf/Term.ts"
import { parseTerm } from "../../../src/syntax/ParseTerm.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { secrets } from "../../../src/tools/Secrets.ts"

const mark = atom("$beamscope_cut")
const names = ["erlang", "elixir", "gleam", "lfe"] as const
const ofText = "hello...$beamscope_cut:990"

const cut: ReadonlyArray<readonly [string, Term, Readonly<Record<(typeof names)[number], string>>]> = [
  ["a term", mark, { erlang: "...", elixir: "...", gleam: "...", lfe: "..." }],
  [
    "a list",
    list<Term>([1000, atom("a"), [mark, 49_969]]),
    {
      erlang: "[1000,a,... 49969 more]",
      elixir: "[1000, :a, ... 49969 more]",
      gleam: "[1000, A, ... 49969 more]",
      lfe: "(1000 a ... 49969 more)"
    }
  ],
  [
    "all of a list",
    list<Term>([[mark, 3]]),
    { erlang: "[... 3 more]", elixir: "[... 3 more]", gleam: "[... 3 more]", lfe: "(... 3 more)" }
  ],
  [
    "keywords",
    list<Term>([
      [atom("a"), 1],
      [mark, 3]
    ]),
    {
      erlang: "[{a,1},... 3 more]",
      elixir: "[a: 1, ... 3 more]",
      gleam: "[A(1), ... 3 more]",
      lfe: "(#(a 1) ... 3 more)"
    }
  ],
  [
    "a tuple",
    [atom("x"), mark, [mark, 2]],
    {
      erlang: "{x,...,... 2 more}",
      elixir: "{:x, ..., ... 2 more}",
      gleam: "X(..., ... 2 more)",
      lfe: "#(x ... ... 2 more)"
    }
  ],
  [
    "a map",
    map([
      [atom("a"), 1],
      [[mark, 7], mark]
    ]),
    {
      erlang: "#{a => 1,... 7 more}",
      elixir: "%{a: 1, ... 7 more}",
      gleam: "dict.from_list([#(A, 1), ... 7 more])",
      lfe: "#M(a 1 ... 7 more)"
    }
  ],
  [
    "a text",
    binary(ofText),
    {
      erlang: '<<"hello"... 990 more bytes>>',
      elixir: '"hello" <> ... 990 more bytes',
      gleam: '"hello" <> ... 990 more bytes',
      lfe: '#"hello"... 990 more bytes'
    }
  ],
  [
    "characters",
    charlist(ofText),
    {
      erlang: '"hello"... 990 more',
      elixir: '~c"hello" ++ ... 990 more',
      gleam: 'charlist.from_string("hello" <> ... 990 more)',
      lfe: '"hello"... 990 more'
    }
  ],
  [
    "bytes that are no text",
    binary("...$beamscope_cut:100000"),
    {
      erlang: "<<... 100000 more>>",
      elixir: "<<... 100000 more>>",
      gleam: "<<... 100000 more>>",
      lfe: "#B(... 100000 more)"
    }
  ]
]

const printed = (term: Term) => syntaxes.erlang.print(term, { mask: secrets.masked }).text

describe("what the node has left out of a term", () => {
  describe.each(names)("in %s", (name) => {
    it.each(cut)("is told as what is cut here: %s", (_, term, expected) => {
      expect(syntaxes[name].print(term)).toEqual({ text: expected[name], complete: false })
      // Inside of another term, and where it is cut further.
      const within = syntaxes[name].print([atom("in"), term, 1])
      expect(within.complete).toBe(false)
      expect(within.text).toContain(expected[name])
      for (const maxCharacters of [3, 10, 20, 30])
        expect(syntaxes[name].print(term, { maxCharacters }).text.length).toBeLessThanOrEqual(maxCharacters)
    })

    it.each(cut)("is no term that could be given back: %s", (_, term) => {
      const { text } = syntaxes[name].print(term)
      expect(parseTerm(text, name, { node: "app@localhost", creation: 42 })._tag).toBe("Mistake")
    })

    it("is told apart from a term of the node that looks like it", () => {
      for (const term of [atom("..."), [atom("..."), 5], binary("hello..."), charlist("hello...")])
        expect(syntaxes[name].print(term).complete).toBe(true)
    })
  })

  it("is known in a list of bytes too", () => {
    const bytes = new ByteList(Buffer.from(ofText))
    expect(syntaxes.erlang.print(bytes).text).toBe('"hello"... 990 more')
  })

  it("gives away no more of a secret", () => {
    const password = binary("tr0ub4dor...$beamscope_cut:990")
    expect(printed([atom("password"), password])).toBe('{password,<<"[redacted]">>}')
    expect(printed([atom("config"), 1, atom("password"), charlist("tr0ub4dor...$beamscope_cut:990")])).not.toContain(
      "tr0"
    )
    expect(printed(binary("PASSWORD=tr0ub4dor...$beamscope_cut:990"))).not.toMatch(/tr0|990/u)
    expect(printed(list([atom("password"), mark]))).toBe("[password,...]")
  })
})
