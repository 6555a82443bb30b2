import { Effect } from "effect"
import type { Term } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { currentSyntax, type Session } from "./Session.ts"

/** How this session shows what comes from one node. */
export interface Terms {
  readonly print: (term: Term, maxCharacters?: number) => string
  readonly atom: (name: string) => string
  readonly mfa: (mfa: Mfa) => string
}

export const termsOf = (node: ErlangNode): Effect.Effect<Terms, never, Session> =>
  Effect.map(currentSyntax, ({ atom, mfa, print }) => ({
    print: (term, maxCharacters = Infinity) => print(term, { node: node.name, maxCharacters }).text,
    atom,
    mfa: ({ arity, module, name }) => mfa(module, name, arity)
  }))
