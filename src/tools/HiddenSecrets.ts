import { Effect } from "effect"
import { Reveal } from "./Reveal.ts"
import { cookies, secrets, type Secrets } from "./Secrets.ts"

/** What of a term is kept from sight here. */
export const hiddenSecrets: Effect.Effect<Secrets> = Effect.gen(function* () {
  return (yield* Reveal) ? cookies : secrets
})
