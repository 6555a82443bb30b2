import { describe, expect, it } from "@effect/vitest"
import { Atom, atom } from "../../../src/etf/Term.ts"
import { consultText } from "../../../src/syntax/Consult.ts"

const consult = (text: string, maxTerms = 100) => consultText(text, maxTerms, { node: "nonode@nohost", creation: 0 })

describe("a text of terms", () => {
  it("has a dot behind each, and dots in quotes, strings, characters and comments that end none", () => {
    const text = `%% The hosts. As they are.
      'a.example.com'.  % first. one
      'it\\'s. b'. "c. d".
      {$., 1.5, <<"e. ">>}.
      last.`
    const consulted = consult(text)
    if (consulted._tag === "Mistake") throw new Error(consulted.message)
    expect(consulted.terms.map((term) => (term instanceof Atom ? term.text : "other"))).toEqual([
      "a.example.com",
      "it's. b",
      "other",
      "other",
      "last"
    ])
  })

  it.each(["", " \n\t", "% nothing. here\n", "%"])("may be empty: %j", (text) => {
    expect(consult(text)).toEqual({ _tag: "Terms", terms: [] })
  })

  it("is refused with the line of the mistake", () => {
    expect(consult("one.\n\n'two.\nthree.")).toEqual({ _tag: "Mistake", message: expect.stringContaining("line 3") })
    expect(consult("one.\ntwo")).toEqual({ _tag: "Mistake", message: "there is no dot behind the last term" })
    expect(consult("one.\ntwo. f(x).")).toEqual({
      _tag: "Mistake",
      message: expect.stringContaining("line 2, column 6")
    })
  })

  it("is read up to a number of terms", () => {
    expect(consult("a. b.", 2)).toEqual({ _tag: "Terms", terms: [atom("a"), atom("b")] })
    expect(consult("a. {b}. c.", 2)).toEqual({ _tag: "Mistake", message: "there are more than 2 terms" })
  })
})
