import { Effect, Ref } from "effect"
import type { Syntax } from "../syntax/Syntax.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"
import { Reveal } from "./Reveal.ts"
import { masked } from "./Secrets.ts"
import { Session } from "./Session.ts"

/**
 * The syntax that the session's terms are printed in. Values whose keys say that they are secrets are left out, unless
 * the operator wants to see them.
 */
export const currentSyntax: Effect.Effect<Syntax, never, Session> = Effect.gen(function* () {
  const syntax = syntaxes[yield* Ref.get((yield* Session).mode)]
  return (yield* Reveal)
    ? syntax
    : { ...syntax, print: (term, options) => syntax.print(term, { ...options, mask: masked }) }
})
