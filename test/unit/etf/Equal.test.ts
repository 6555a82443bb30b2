import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { Identities } from "../../../src/etf/Identity.ts"
import {
  atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlist,
  ExternalFun,
  Float,
  float,
  Fun,
  List,
  list,
  map,
  MapTerm,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import { arbitraryTerm } from "../../support/arbitraryTerm.ts"

const node = atom("a@b")
const pid = new Pid(node, 1, 2, 3)
const fun = (owner: Pid, free: ReadonlyArray<Term>, index = 1): Fun =>
  new Fun(1, new Uint8Array(16), index, node, 1, 2, owner, free)
const bits = (...bytes: ReadonlyArray<number>): BitString => new BitString(Uint8Array.from(bytes), 0, bytes.length, 3)

describe("equal", () => {
  it.each<[string, Term, Term]>([
    ["a list and its bytes", charlist("abc"), new ByteList(Buffer.from("abc"))],
    ["a list and its bytes within a tuple", [charlist("abc")], [new ByteList(Buffer.from("abc"))]],
    ["the empty list and no bytes", nil, new ByteList(new Uint8Array(0))],
    ["views of different bytes", new Binary(Buffer.from("xabcx"), 1, 3), binary("abc")],
    ["bit strings by their bits", bits(1, 0b1010_0000), bits(1, 0b1011_1111)],
    [
      "maps in another order",
      map([
        [1, 2],
        [3, 4]
      ]),
      map([
        [3, 4],
        [1, 2]
      ])
    ],
    [
      "maps of maps in another order",
      map([
        [
          map([
            [1, 2],
            [3, 4]
          ]),
          1
        ],
        [5, 6]
      ]),
      map([
        [5, 6],
        [
          map([
            [3, 4],
            [1, 2]
          ]),
          1
        ]
      ])
    ],
    [
      "maps with lists for keys",
      map([
        [charlist("a"), 1],
        [5, 6]
      ]),
      map([
        [5, 6],
        [new ByteList(Buffer.from("a")), 1]
      ])
    ],
    ["a float, boxed or not", new Float(1.5), 1.5],
    ["funs made by different processes", fun(pid, [1]), fun(new Pid(node, 9, 9, 9), [1])]
  ])("%s", (_, a, b) => {
    expect([equal(a, b), equal(b, a)]).toEqual([true, true])
  })

  it("is every term to what it decodes to", () => {
    fc.assert(fc.property(arbitraryTerm, (term) => equal(term, decode(encode(term)))))
  })

  it("agrees with identity", () => {
    fc.assert(
      fc.property(arbitraryTerm, arbitraryTerm, (a, b) => {
        const identities = new Identities()
        const copy = decode(encode(a))
        expect(identities.of(a)).toBe(identities.of(copy))
        expect(equal(a, b)).toBe(identities.of(a) === identities.of(b))
      }),
      { numRuns: 1_000 }
    )
  })
})

describe("not equal", () => {
  const distinct: ReadonlyArray<Term> = [
    1,
    float(1),
    float(0),
    float(-0),
    0,
    2n ** 64n,
    float(2 ** 64),
    atom("1"),
    binary("1"),
    charlist("1"),
    nil,
    [],
    [nil],
    map([]),
    [1],
    list([1]),
    new List([1], 1),
    new List([1], atom("1")),
    list([1, 1]),
    map([[1, 1]]),
    map([[1, 2]]),
    map([
      [1, 1],
      [2, 2]
    ]),
    map([
      [1, 2],
      [2, 1]
    ]),
    map([
      [1, 1],
      [float(2), 2]
    ]),
    map([
      [[1], 1],
      [2, 2]
    ]),
    map([
      [[1], 2],
      [2, 1]
    ]),
    bits(1),
    bits(0xff),
    new BitString(Uint8Array.of(0xff), 0, 1, 4),
    new Binary(Uint8Array.of(0xff)),
    pid,
    new Pid(atom("c@d"), 1, 2, 3),
    new Pid(node, 2, 2, 3),
    new Pid(node, 1, 3, 3),
    new Pid(node, 1, 2, 4),
    new Port(node, 1n, 3),
    new Port(node, 1n, 4),
    new Reference(node, 3, [1]),
    new Reference(node, 3, [1, 2]),
    new Reference(node, 3, [2, 1]),
    new ExternalFun(atom("a"), atom("bc"), 1),
    new ExternalFun(atom("ab"), atom("c"), 1),
    new ExternalFun(atom("a"), atom("bc"), 2),
    fun(pid, []),
    fun(pid, [1]),
    fun(pid, [2]),
    fun(pid, [1], 2)
  ]

  it("are any two of these, alone or as parts", () => {
    for (const [i, a] of distinct.entries()) {
      for (const [j, b] of distinct.entries()) {
        const wraps: ReadonlyArray<(term: Term) => Term> = [
          (term) => term,
          (term) => [term],
          (term) => list([atom("x"), term]),
          (term) => new MapTerm([atom("x"), term]),
          (term) => new MapTerm([term, atom("x"), [atom("y")], 1])
        ]
        for (const wrap of wraps) expect(equal(wrap(a), wrap(b)), `${i} and ${j}`).toBe(i === j)
      }
    }
  })
})
