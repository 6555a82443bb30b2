import { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readAtom } from "../syntax/AtomText.ts"
import { atomsOf, identifiersOf, parseTerm } from "../syntax/ParseTerm.ts"
import { termOwner } from "./TermOwner.ts"

/** Where a name is registered that is no atom of the node's own registry, as `gen_server:call/2` takes it. */
export interface Via {
  /** Answers `whereis_name/1`. */
  readonly module: string
  readonly name: Term
}

/**
 * Modules whose `whereis_name/1` reads tables and asks nobody. That of any other module may do whatever its author
 * thought of, so it is not called.
 */
export const viaModules: ReadonlyArray<string> = ["global", "Elixir.Registry", "gproc", "syn"]

export type ViaText =
  | { readonly _tag: "Via"; readonly via: Via }
  | { readonly _tag: "Mistake"; readonly message: string }

/**
 * The name in a text: `global:name`, `{global, Term}`, `{via, Module, Term}`, the latter two in Erlang's or Elixir's
 * syntax. `undefined` for a text of another form.
 */
export const parseVia = (text: string, node: ErlangNode): ViaText | undefined => {
  const trimmed = text.trim()
  const bare = trimmed.startsWith("global:") ? readAtom(trimmed, "global:".length) : undefined
  if (bare?.end === trimmed.length) return { _tag: "Via", via: { module: "global", name: atom(bare.name) } }
  const form = /^\{\s*(:?)(?:global|via)\s*,/u.exec(trimmed)
  if (form === null) return undefined
  const parsed = parseTerm(trimmed, form[1] === ":" ? "elixir" : "erlang", termOwner(node))
  if (parsed._tag === "Mistake") return parsed
  const { term } = parsed
  if (isTuple(term, "global") && term.length === 2) return { _tag: "Via", via: { module: "global", name: term[1]! } }
  if (isTuple(term, "via") && term.length === 3 && term[1] instanceof Atom) {
    return { _tag: "Via", via: { module: term[1].text, name: term[2]! } }
  }
  return { _tag: "Mistake", message: "A name is {global, Name} or {via, Module, Name}." }
}

/** Whether the node can have all identifiers in a term; `check` makes the pid of two numbers there. */
const canHave = <E>(term: Term, check: (id: number, serial: number) => Effect.Effect<unknown, E>) =>
  Effect.forEach(identifiersOf(term), (it) =>
    it instanceof Pid ? Effect.as(check(it.id, it.serial), true) : Effect.succeed(false)
  ).pipe(Effect.map((each) => each.every(Boolean)))

/**
 * The process that is registered so; `undefined` where there is none, or where the name holds what the node cannot have.
 * Nothing is loaded and no new atom made on the node.
 */
export const whereisVia = Effect.fnUntraced(function* <E>(
  node: ErlangNode,
  { module, name }: Via,
  check: (id: number, serial: number) => Effect.Effect<unknown, E>
): Effect.fn.Return<Pid | undefined, E | CallError> {
  const known = Effect.forEach([module, ...atomsOf(name)], (text) => node.existingAtom(text), { discard: true }).pipe(
    Effect.as(true),
    Effect.catchReason("CallError", "UnknownAtom", () => Effect.succeed(false))
  )
  if (!(yield* known) || !(yield* canHave(name, check))) return undefined
  if (!isAtom(yield* node.call("erlang", "module_loaded", [atom(module)]), "true")) return undefined
  // They raise where there is no such registry, or none can have such a name.
  const found = yield* node
    .call(module, "whereis_name", [name])
    .pipe(Effect.catchReason("CallError", "Raised", () => Effect.undefined))
  return found instanceof Pid ? found : undefined
})
