import { atom, Fun, Pid, type Term } from "../../src/etf/Term.ts"
import type { Syntax } from "../../src/syntax/Syntax.ts"

/** The node that terms are printed for, and another one. */
export const here = atom("here@host")
export const there = atom("there@host")

/** A process of {@link here}. */
export const ownPid = new Pid(here, 90, 1, 7)

/** A fun of {@link here} without an environment. */
export const ownFun = (module: string, arity: number = 1): Fun =>
  new Fun(arity, new Uint8Array(16), 3, atom(module), 2, 53_383_825, ownPid, [])

/** Prints terms of {@link here} in a syntax. */
export const printing =
  ({ print }: Syntax) =>
  (term: Term): string =>
    print(term, { node: here.text }).text
