import * as fc from "fast-check"
import { equal } from "../../../src/etf/Equal.ts"
import {
  type Atom,
  atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlist,
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
} from "../../../src/etf/Term.ts"
import { anyText } from "./anyText.ts"

const bytes = fc.uint8Array({ maxLength: 24 })
const name = anyText(4).map((text) => atom(`n${text}`))

const uniqueMap = (key: fc.Arbitrary<Term>, value: fc.Arbitrary<Term>): fc.Arbitrary<ReadonlyArray<[Term, Term]>> =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength: 5, comparator: equal, selector: ([it]) => it })

/**
 * Terms of every kind, those of a node of `node`. `written`: of those that can be written down, so no fun with an
 * environment; but atoms of any name, operators that look like brackets among them.
 */
export const anyTerm = (node: fc.Arbitrary<Atom>, written: boolean): fc.Arbitrary<Term> => {
  const leaf: fc.Arbitrary<Term> = fc.oneof(
    fc.integer(),
    fc.bigInt().map(integer),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
    fc.constantFrom("ok", "nil", "true", "Elixir.My.Mod", "__struct__").map(atom),
    anyText(10).map((text) => atom(`n${text}`)),
    anyText(30).map(binary),
    anyText(30).map(charlist),
    bytes.map((it) => new Binary(it)),
    bytes.map((it) => new ByteList(it)),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 7 }))
      .map(([it, bits]) => new BitString(it, 0, it.length, bits)),
    node.map((it) => new Pid(it, 1, 2, 3)),
    node.map((it) => new Port(it, 1n, 3)),
    node.map((it) => new Reference(it, 3, [1, 2, 3])),
    fc.tuple(name, anyText(8)).map(([module, text]) => new ExternalFun(module, atom(text), 2)),
    written
      ? anyText(10).map(atom)
      : node.map((it) => new Fun(1, new Uint8Array(16), 1, it, 1, 2, new Pid(it, 1, 2, 3), []))
  )
  const { term } = fc.letrec<{ term: Term }>((tie) => ({
    term: fc.oneof(
      { depthSize: "medium" },
      leaf,
      fc.array(tie("term"), { maxLength: 6 }),
      fc.array(tie("term"), { maxLength: 6 }).map(list),
      fc.array(tie("term"), { minLength: 1, maxLength: 4 }).map((items) => new List(items, atom("tail"))),
      fc.array(fc.tuple(name, tie("term")), { maxLength: 5 }).map(list),
      uniqueMap(tie("term"), tie("term")).map(map),
      uniqueMap(name, tie("term")).map((fields) => map([[atom("__struct__"), atom("Elixir.User")], ...fields]))
    )
  }))
  return term
}
