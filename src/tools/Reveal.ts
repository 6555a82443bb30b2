import { Context, Effect } from "effect"
import { cookies, secrets, type Secrets } from "./Secrets.ts"

/**
 * Whether secrets that are known by the name of their key or by their shape are shown after all: the operator's
 * `--reveal`. Cookies are never shown.
 */
export const Reveal = Context.Reference<boolean>("beamscope/tools/Reveal", { defaultValue: () => false })

/** What of a term is kept from sight here. */
export const hiddenSecrets: Effect.Effect<Secrets> = Effect.gen(function* () {
  return (yield* Reveal) ? cookies : secrets
})
