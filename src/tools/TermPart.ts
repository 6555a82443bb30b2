import { Effect } from "effect"
import { Atom, Binary, isAtom, isTuple, type Term, utf8Text } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { namePart } from "./AtomName.ts"
import { parseTerm } from "../syntax/ParseTerm.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { currentSyntax } from "./CurrentSyntax.ts"
import type { Session } from "./Session.ts"
import { termOwner } from "./TermOwner.ts"

/** A bare word that is an atom, if it is all of it: more often it is a part of a name. */
const isBareWord = (text: string, { text: name }: Atom): boolean => name === text || name === `Elixir.${text}`

/** What Gleam prints an atom as, and no abbreviation that stands in a name: `NotFound`. */
const isConstructor = (text: string): boolean => /^(?:[A-Z][a-z\d]+)+$/u.test(text)

/** The term that a text is as a whole in the session's syntax; `undefined` where it is more likely a part of one. */
const wholeTerm = (node: ErlangNode, text: string, syntax: SyntaxName): Term | undefined => {
  const parsed = parseTerm(text, syntax, termOwner(node))
  if (parsed._tag === "Mistake" || typeof parsed.term === "number") return undefined
  const { term } = parsed
  const trimmed = text.trim()
  if (!(term instanceof Atom)) return term
  if (isBareWord(trimmed, term)) return undefined
  return /^[A-Z]\w*$/u.test(trimmed) && !isConstructor(trimmed) ? undefined : term
}

/**
 * A part of a term as the node compares it, which is as Erlang prints it. A whole term, in the way of the session's
 * language, is printed so; every other text is left as it is. `within`: what of the term is compared.
 */
export const termPart = (
  node: ErlangNode,
  text: string,
  within: (term: Term) => Term = (term) => term
): Effect.Effect<string, never, Session> =>
  Effect.map(currentSyntax, ({ name }) => {
    const term = wholeTerm(node, text, name)
    return term === undefined ? text : syntaxes.erlang.print(within(term), { node: node.name }).text
  })

/**
 * A part of a name that may be a term of any kind, as a filter of names gets it: whatever a result showed finds what it
 * was shown of. An atom is its bare name, without quotes, colon and `Elixir.`; other terms are as for {@link termPart}.
 */
export const anyNamePart = (
  node: ErlangNode,
  text: string,
  within?: (term: Term) => Term
): Effect.Effect<string, never, Session> => Effect.map(termPart(node, text, within), namePart)

/** {@link anyNamePart}, where the node compares names that are binaries by their text. */
export const keyPart = (node: ErlangNode, text: string): Effect.Effect<string, never, Session> =>
  Effect.flatMap(currentSyntax, ({ name }) => {
    const term = wholeTerm(node, text, name)
    const inside = term instanceof Binary ? utf8Text(term) : undefined
    return inside === undefined ? anyNamePart(node, text) : Effect.succeed(inside)
  })

/** The name in what a process is known as: in `{global, Name}`, `{via, Registry, {Keys, Name}}`, `{pg, Scope, Name}`. */
export const nameWithin = (term: Term): Term => {
  if (isTuple(term, "global") && term.length === 2) return term[1]!
  if (isTuple(term, "pg") && term.length === 3) return term[2]!
  if (!isTuple(term, "via") || term.length !== 3) return term
  const [, module, name] = term
  const isScoped = isAtom(module!, "Elixir.Registry") || isAtom(module!, "syn")
  return isScoped && isTuple(name) && name.length === 2 && name[0] instanceof Atom ? name[1]! : name!
}
