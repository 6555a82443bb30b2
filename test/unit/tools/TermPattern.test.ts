import { describe, expect, it } from "@effect/vitest"
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
    fc.array(tie("term"), { maxLength: 3 }).map((values) => map(values.map((value, key) => [key, value]))),
    fc
      .tuple(fc.constantFrom("Elixir.My.User", "Elixir.Order"), fc.array(tie("term"), { maxLength: 3 }), fc.nat(3))
      .map(([name, values, place]) => {
        // A node has the keys in the order of their names, or from OTP 26 on in that of their atoms.
        const entries = values.map((value, at): readonly [Term, Term] => [atom(`key_${at}`), value])
        return map(entries.toSpliced(place, 0, [atom("__struct__"), atom(name)]))
      })
  )
}))

/** What a language writes in one piece: a quoted text with its mark, a local identifier, a word, a bracket, a mark. */
const tokens =
  /(?:~c|#B?|:)?"(?:\\.|[^"\\])*"(?::(?= ))?|'(?:\\.|[^'\\])*'|\|(?:\\.|[^|\\])*\||(?:\/\/erl\(|#PID|#Pid)?<\d+\.\d+\.\d+>\)?|(?:atom\.create|charlist\.from_string|dict\.from_list)\(|#[BM]\(|<<|>>|=>|:?'?-?[\w.\u0080-\u{10ffff}-]+:?|\s+|./gu

/** Two values that differ in a sign, a digit or a mark within, as no other part of a generated term does. */
const twoValues: fc.Arbitrary<readonly [Term, Term]> = fc.oneof(
  fc
    .integer({ min: 7_000_000, max: 9_000_000 })
    .chain((number) =>
      fc.constantFrom<readonly [Term, Term]>(
        [number, -number],
        [-number, number],
        [number, number * 10 + 1],
        [number * 10 + 1, number],
        [float(number + 0.5), number * 10 + 5],
        [float(number + 0.5), float(-number - 0.5)],
        [float(number + 0.5), [number, 5]]
      )
    ),
  fc
    .tuple(
      fc.constantFrom(atom, binary, charlist),
      fc.shuffledSubarray(["-", ".", "", " ", ",", ":", "_", "@", "/", "|", "%", "#", "\\", "=>", "}", "5"], {
        minLength: 2,
        maxLength: 2
      })
    )
    .map(([make, [one, other]]): readonly [Term, Term] => [make(`qq${one}zz`), make(`qq${other}zz`)])
)

/** One of two values in a term, at a place that is the same for both. */
const around: fc.Arbitrary<(value: Term) => Term> = fc
  .array(
    fc
      .tuple(fc.array(anyName, { maxLength: 2 }), fc.array(anyName, { maxLength: 2 }), fc.boolean())
      .map(([before, after, isList]) => (value: Term): Term => {
        const items = [...before, value, ...after]
        return isList ? list([...items, atom("last")]) : items
      }),
    { minLength: 1, maxLength: 3 }
  )
  .map((layers) => (value) => layers.reduce((inner, layer) => layer(inner), value))

/** Where two lists of tokens differ: how many are the same before that, and behind it. */
const differing = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): readonly [number, number] => {
  const most = Math.min(one.length, other.length)
  let before = 0
  while (before < most && one[before] === other[before]) before += 1
  let behind = 0
  while (behind < most - before && one.at(-1 - behind) === other.at(-1 - behind)) behind += 1
  return [before, behind]
}

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

  it.each(["erlang", "elixir", "gleam", "lfe"] as const)(
    "finds no other value by a piece that has one, in %s: not by its sign, its digits, nor a mark inside of a name",
    (name) => {
      const print = printing(syntaxes[name])
      const erlang = printing(syntaxes.erlang)
      fc.assert(
        fc.property(around, twoValues, fc.nat(), fc.nat(), (within, [one, other], front, back) => {
          // Names are compared in any case, and Gleam writes `qq_zz` as `QqZz`.
          fc.pre(print(within(one)).toLowerCase() !== print(within(other)).toLowerCase())
          const printed = print(within(one)).match(tokens)!
          const otherwise = print(within(other)).match(tokens)!
          const [before, behind] = differing(printed, otherwise)
          // With a token at either side, so that no end of it is open.
          const start = before <= 1 ? 0 : front % before
          const end = printed.length - (behind <= 1 ? 0 : back % behind)
          const piece = printed.slice(start, end).join("")
          const pattern = termPattern(piece, name)
          expect(isFound(pattern, erlang(within(one))), `${piece} in ${erlang(within(one))}, by ${pattern}`).toBe(true)
          expect(isFound(pattern, erlang(within(other))), `${piece} in ${erlang(within(other))}, by ${pattern}`).toBe(
            false
          )
        }),
        { numRuns: 3_000 }
      )
    }
  )
})
