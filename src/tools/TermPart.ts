import { Effect } from "effect"
import { Atom, isAtom, isTuple, type Term } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { namePart } from "./AtomName.ts"
import { parseTerm } from "../syntax/ParseTerm.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { currentSyntax } from "./CurrentSyntax.ts"
import type { Session } from "./Session.ts"
import { termOwner } from "./TermOwner.ts"
import { partOfName, termPattern, wholePattern } from "./TermPattern.ts"

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
 * A part of a term as a regular expression that finds it in what Erlang prints of one, see {@link termPattern}: for
 * `holds/2` of the agent. A whole term is found as Erlang prints it alone, whatever its syntax; an atom as a part of
 * longer ones. `within`: what of the term is compared.
 */
export const partPattern = (
  node: ErlangNode,
  text: string,
  within: (term: Term) => Term = (term) => term
): Effect.Effect<string, never, Session> =>
  Effect.map(currentSyntax, ({ name }) => {
    const whole = wholeTerm(node, text, name)
    if (whole === undefined) return termPattern(text, name)
    const term = within(whole)
    if (term instanceof Atom) return partOfName(namePart(term.text))
    return wholePattern(syntaxes.erlang.print(term, { node: node.name }).text)
  })

const knownBy = /^\s*(?:(?:#\(|\{)\s*:?(global|pg|via)[\s,]+|(Global|Pg|Via)\()/u
const firstOf = /^([^\s,]+)[\s,]+/u
const scopeOf = /^(?:#\(|\{)\s*[^\s,]+[\s,]+/u

/** What the beginning of `{global, Name}`, `{pg, Scope, Name}`, `{via, Module, Name}` has of the name, as in {@link nameWithin}. */
const nameBehind = (text: string): string => {
  const found = knownBy.exec(text)
  if (found === null) return text
  const rest = text.slice(found[0].length)
  if (/^global$/iu.test(found[1] ?? found[2]!)) return rest
  const first = firstOf.exec(rest)
  if (first === null) return text
  const name = rest.slice(first[0].length)
  return /\b(?:Registry|syn)\W*$/u.test(first[1]!) ? name.replace(scopeOf, "") : name
}

/** {@link partPattern} of what a process is known by, of which the node has the name alone. */
export const knownPattern = (node: ErlangNode, text: string): Effect.Effect<string, never, Session> =>
  Effect.flatMap(currentSyntax, ({ name }) => {
    const isWhole = wholeTerm(node, text, name) !== undefined
    return partPattern(node, isWhole ? text : nameBehind(text) || text, nameWithin)
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
