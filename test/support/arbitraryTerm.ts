import * as fc from "fast-check"
import { equal } from "../../src/etf/Equal.ts"
import {
  Atom,
  atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  float,
  Fun,
  integer,
  List,
  list,
  map,
  Pid,
  Port,
  Reference,
  type Term
} from "../../src/etf/Term.ts"

const uint32 = fc.nat({ max: 0xffff_ffff })

const arbitraryInteger: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(integer),
  // Around the sizes at which the format and our own representation change.
  fc
    .tuple(
      fc.constantFrom(8n, 31n, 32n, 48n, 53n, 56n, 64n, 128n, 2040n, 2048n),
      fc.integer({ min: -2, max: 2 }),
      fc.boolean()
    )
    .map(([bits, near, negative]) => integer((negative ? -1n : 1n) * (2n ** bits + BigInt(near))))
)

const arbitraryFloat = fc
  .oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(0, -0, 1e300, 2 ** 53, Number.MIN_VALUE, Number.MAX_VALUE)
  )
  .map(float)

/** Any atom that a node can have. */
export const arbitraryAtom: fc.Arbitrary<Atom> = fc
  .oneof(
    fc.constantFrom(
      "ok",
      "error",
      "undefined",
      "true",
      "nil",
      "",
      "__proto__",
      "constructor",
      "Elixir.Enum",
      "a b",
      "ü",
      "日本"
    ),
    fc.string({ maxLength: 12 }),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("x", "é", "😀").map((character) => character.repeat(255))
  )
  .map(atom)

const arbitraryNode = fc.constantFrom("nonode@nohost", "a@b.example", "löwe@zoo").map(atom)
// 0 stands for whatever node the reader is.
const arbitraryCreation = uint32.map((creation) => creation || 1)

const arbitraryPid = fc
  .tuple(arbitraryNode, uint32, uint32, arbitraryCreation)
  .map(([node, id, serial, creation]) => new Pid(node, id, serial, creation))

const arbitraryPort = fc
  .tuple(arbitraryNode, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), arbitraryCreation)
  .map(([node, id, creation]) => new Port(node, id, creation))

const arbitraryReference = fc
  .tuple(arbitraryNode, arbitraryCreation, fc.nat({ max: 0x3ffff }), fc.array(uint32, { maxLength: 2 }))
  .map(([node, creation, first, more]) => new Reference(node, creation, [first, ...more]))

const arbitraryExternalFun = fc
  .tuple(arbitraryAtom, arbitraryAtom, fc.nat({ max: 255 }))
  .map(([module, name, arity]) => new ExternalFun(module, name, arity))

const arbitraryBytes = fc.uint8Array({ maxLength: 40 })

const arbitraryBits = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 7 }))
  .map(([bytes, lastBits]) => new BitString(bytes, 0, bytes.length, lastBits))

const { term } = fc.letrec<{ term: Term; tail: Atom | Binary | number | Pid }>((tie) => ({
  tail: fc.oneof(
    arbitraryAtom,
    arbitraryBytes.map((bytes) => new Binary(bytes)),
    fc.integer(),
    arbitraryPid
  ),
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { arbitrary: arbitraryInteger, weight: 3 },
    { arbitrary: arbitraryAtom, weight: 3 },
    { arbitrary: arbitraryBytes.map((bytes) => new Binary(bytes)), weight: 2 },
    arbitraryFloat,
    arbitraryBits,
    arbitraryPid,
    arbitraryPort,
    arbitraryReference,
    arbitraryExternalFun,
    arbitraryBytes.map((bytes) => (bytes.length === 0 ? list([]) : new ByteList(bytes))),
    fc.array(fc.nat({ max: 255 }), { maxLength: 5 }).map((bytes) => list(bytes)),
    { arbitrary: fc.array(tie("term"), { maxLength: 5 }), weight: 3 },
    { arbitrary: fc.array(tie("term"), { maxLength: 5 }).map((items) => list(items)), weight: 3 },
    fc
      .tuple(fc.array(tie("term"), { minLength: 1, maxLength: 3 }), tie("tail"))
      .map(([items, tail]) => new List(items, tail)),
    {
      arbitrary: fc
        .uniqueArray(fc.tuple(tie("term"), tie("term")), { selector: ([key]) => key, comparator: equal, maxLength: 5 })
        .map(map),
      weight: 3
    },
    fc
      .tuple(
        arbitraryAtom,
        arbitraryPid,
        uint32,
        fc.nat({ max: 255 }),
        fc.integer(),
        fc.array(tie("term"), { maxLength: 3 })
      )
      .map(
        ([module, pid, index, arity, oldUnique, free]) =>
          new Fun(arity, new Uint8Array(16).fill(index), index, module, 7, oldUnique, pid, free)
      )
  )
}))

/**
 * Any Erlang term, funs with environments and improper lists included, all in canonical form. What a node makes of it
 * is the same term (but not every node knows ids as large as these).
 */
export const arbitraryTerm: fc.Arbitrary<Term> = term
