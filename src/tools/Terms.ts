import { Effect } from "effect"
import type { Term } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { currentSyntax } from "./CurrentSyntax.ts"
import { hiddenSecrets } from "./HiddenSecrets.ts"
import { redacted } from "./SecretShapes.ts"
import type { Secrets } from "./Secrets.ts"
import type { Session } from "./Session.ts"

/** How this session shows what comes from one node. */
export interface Terms {
  readonly print: (term: Term, maxCharacters?: number) => string
  /** The value that stands under a key which is shown beside it. */
  readonly value: (key: Term, value: Term, maxCharacters?: number) => string
  /** Whether the node has left nothing out of a term. */
  readonly isWhole: (term: Term) => boolean
  /** Whether a value under this key is kept from sight; without a value, whether all that lies under the key is. */
  readonly isHidden: (key: Term | undefined, value?: Term) => boolean
  /** Whether a value is kept from sight because of what stands in front of it. */
  readonly isHiddenBehind: Secrets["isSecretBehind"]
  readonly atom: (name: string) => string
  readonly mfa: (mfa: Mfa) => string
}

export const termsOf = (node: ErlangNode): Effect.Effect<Terms, never, Session> =>
  Effect.gen(function* () {
    const { atom, mfa, print } = yield* currentSyntax
    const { isSecret, isSecretBehind, isSecretKey } = yield* hiddenSecrets
    const printed = (term: Term, maxCharacters = Infinity): string =>
      print(term, { node: node.name, creation: node.creation, maxCharacters }).text
    const isHidden: Terms["isHidden"] = (key, value) => (value === undefined ? isSecretKey(key) : isSecret(key, value))
    return {
      print: printed,
      value: (key, value, maxCharacters) => (isHidden(key, value) ? redacted : printed(value, maxCharacters)),
      isWhole: (term) => print(term, { node: node.name, creation: node.creation }).complete,
      isHidden,
      isHiddenBehind: isSecretBehind,
      atom,
      mfa: ({ arity, module, name }) => mfa(module, name, arity)
    }
  })
