import { describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { atom, binary, charlist, float, list, map, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"

import { termPattern } from "../../../src/tools/TermPattern.ts"
import { ownPid, printing } from "../../support/printing.ts"

/** As `re:run/3` of a node does it, with the options of `holds/2`. */
const isFound = (pattern: string, text: string): boolean => new RegExp(pattern, "iu").test(text)

const word = fc.stringMatching(/^[a-zé]{1,3}(?:[ _.-]?[A-Za-zž0-9]){0,3}$/u)
const leaf: fc.Arbitrary<Term> = fc.oneof(
  fc.integer({ min: -5, max: 3_000_000_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }).map(float),
  fc.constantFrom("ok", "nil", "true", "Elixir.My.Keys", "not_found").map(atom),
  word.map(atom),
  word.map(binary),
  fc.stringMatching(/^[a-z]{1,6}$/u).map(charlist),
  fc.constant(ownPid)
)
const { term: anyName } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("term"), { minLength: 1, maxLength: 4 }),
    fc.array(tie("term"), { maxLength: 3 }).map((items) => list([binary("list"), ...items])),
    fc.array(fc.tuple(word.map(atom), tie("term")), { maxLength: 3 }).map(list),
    fc.array(tie("term"), { maxLength: 3 }).map((values) => map(values.map((value, key) => [key, value])))
  )
}))

/** What a language writes in one piece: a quoted text with its mark, a local identifier, a word, brackets. */
const tokens =
  /(?:~c|#B?|:)?"(?:\\.|[^"\\])*"(?::(?= ))?|'(?:\\.|[^'\\])*'|\|(?:\\.|[^|\\])*\||(?:\/\/erl\(|#PID|#Pid)?<\d+\.\d+\.\d+>\)?|(?:atom\.create|charlist\.from_string|dict\.from_list)\(|#?[BM]?\(|%\{|#\{|<<|>>|=>|:?'?-?[\w.\u0080-\u{10ffff}-]+:?|\s+|./gu

/** Tokens that have letters, but say nothing of a term. */
const markOnly = /#[BM]\(|\b(?:atom\.create|charlist\.from_string|dict\.from_list)\(|\/\/erl/gu

describe("termPattern", () => {
  it.each(["erlang", "elixir", "gleam", "lfe"] as const)(
    "finds every piece of what is printed in %s, cut between tokens",
    (name) => {
      const print = printing(syntaxes[name])
      const erlang = printing(syntaxes.erlang)
      fc.assert(
        fc.property(anyName, fc.nat(), fc.nat(), (term, from, size) => {
          const printed = print(term).match(tokens)!
          const start = from % printed.length
          const piece = printed.slice(start, start + 1 + (size % (printed.length - start))).join("")
          fc.pre(/[\p{L}\p{N}]/u.test(piece.replaceAll(markOnly, "")))
          const pattern = termPattern(piece, name)
          if (!isFound(pattern, erlang(term))) {
            throw new Error(`${piece} is not found in ${erlang(term)}, printed ${print(term)}, by ${pattern}`)
          }
        }),
        { numRuns: 3_000 }
      )
    }
  )
})
