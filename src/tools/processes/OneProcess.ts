import type { Mfa } from "../../syntax/Mfa.ts"
import { NameText } from "../ArgumentText.ts"
import type { Terms } from "../Terms.ts"

/**
 * The argument that names a process; `resolveProcess` finds out which it is. What it may be is told once for all tools,
 * in the instructions.
 */
export const pid = NameText

/** How a process is called in a summary: its name and its pid. */
export const called = (name: string | undefined, pidText: string, terms: Terms): string =>
  name === undefined ? pidText : `${terms.atom(name)} (${pidText})`

/** A name as an argument takes it. The empty one, `''`, is one too. */
export const nameText = (name: string | undefined, terms: Terms): string | undefined =>
  name === undefined ? undefined : terms.atom(name)

/** A function where there is one. */
export const mfaText = (mfa: Mfa | undefined, terms: Terms): string | undefined => mfa && terms.mfa(mfa)
