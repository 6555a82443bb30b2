import { Effect, Ref } from "effect"
import type { Syntax } from "../syntax/Syntax.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"
import { hiddenSecrets } from "./HiddenSecrets.ts"
import { Session } from "./Session.ts"

/** The syntax that the session's terms are printed in, without what is kept from sight of them. */
export const currentSyntax: Effect.Effect<Syntax, never, Session> = Effect.gen(function* () {
  const syntax = syntaxes[yield* Ref.get((yield* Session).mode)]
  const { masked: mask } = yield* hiddenSecrets
  return { ...syntax, print: (term, options) => syntax.print(term, { ...options, mask }) }
})
