import { Effect } from "effect"
import { Atom, isAtom, isTuple, type Term } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { parseTerm } from "../../syntax/ParseTerm.ts"
import { syntaxes } from "../../syntax/Syntaxes.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import type { Session } from "../Session.ts"
import { termOwner } from "../TermOwner.ts"

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
    const parsed = parseTerm(text, name, termOwner(node))
    if (parsed._tag === "Mistake" || typeof parsed.term === "number") return text
    // `Worker` is more often a part of a name than all of it.
    if (parsed.term instanceof Atom && !text.trim().startsWith(":")) return text
    return syntaxes.erlang.print(within(parsed.term), { node: node.name }).text
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
