import { Atom, ExternalFun, Fun, List, MapTerm, Pid, Port, Reference, type Term } from "../etf/Term.ts"
import { elixirText } from "./ElixirText.ts"
import { erlangText } from "./ErlangText.ts"
import { gleamText } from "./GleamText.ts"
import { lfeText } from "./LfeText.ts"
import { Cursor, Mistake } from "./Mistake.ts"
import type { SyntaxName } from "./Syntax.ts"
import { type Language, readTerm } from "./TermReading.ts"

/** Characters (UTF-16 code units) of a text that is read as a term: what is longer was not typed. */
const maxCharacters = 1_000_000

export type ParsedTerm =
  | { readonly _tag: "Term"; readonly term: Term }
  /** `message` says what is wrong at which line and column, and shows that line with a caret; `offset` in UTF-16 units. */
  | { readonly _tag: "Mistake"; readonly message: string; readonly offset: number }

export interface ParseOptions {
  /** The node that the text speaks of. `<0.1.0>` and `<that@node.1.0>` are its pids; those of others are refused. */
  readonly node: string
  readonly creation: number
  /** The version of Elixir that runs there, if any: structs are not the same in all. */
  readonly elixirVersion?: string
  /** Whether a bare `_` is the atom `'_'`, as match patterns need it. */
  readonly wildcards?: boolean
}

/** The languages that a session's terms are read in, in the order in which they are tried. */
const languagesOf = (syntax: SyntaxName, options: ParseOptions): readonly [Language, ...ReadonlyArray<Language>] => {
  const wildcards = options.wildcards ?? false
  switch (syntax) {
    case "erlang":
      return [erlangText(options, wildcards)]
    case "elixir":
      return [elixirText(options, wildcards)]
    case "gleam":
      return [gleamText(options), elixirText(options, wildcards)]
    case "lfe":
      return [lfeText(options), erlangText(options, wildcards)]
  }
}

/**
 * The term that a person wrote, as literals of a language: nothing is evaluated. A session in LFE or Gleam reads what is
 * printed in it, and for what these cannot say, such as patterns, Erlang and Elixir.
 *
 * An Elixir struct has just the fields that are written, since its module is not at hand; the sigils of dates and times,
 * ranges, and sets make all of theirs. Regular expressions and funs with an environment are refused: only a node can make
 * them. Any depth can be read; the text has at most a million characters, an integer 10,000 digits.
 *
 * What the term holds is not known to exist on the node: before it is sent there, ask for its atoms ({@link atomsOf}),
 * and whether the node can have its pids, ports and references ({@link identifiersOf}): a pid with a number that its
 * release cannot count to ends the link (id from 2^15 and serial from 2^13 before OTP 26).
 */
export const parseTerm = (text: string, syntax: SyntaxName, options: ParseOptions): ParsedTerm => {
  const [first, ...others] = languagesOf(syntax, options).map((language) => () => parseAs(text, language))
  return others.reduce((parsed, parse) => {
    if (parsed._tag === "Term") return parsed
    const next = parse()
    // That mistake is told which stands farther on: there more was understood.
    return next._tag === "Mistake" && next.offset < parsed.offset ? parsed : next
  }, first!())
}

const parseAs = (text: string, language: Language): ParsedTerm => {
  const cursor = new Cursor(text)
  try {
    if (text.length > maxCharacters) cursor.fail(`a text of more than ${maxCharacters} characters`)
    const lone = text.search(/\p{Surrogate}/u)
    if (lone >= 0) cursor.fail("half a character (a lone surrogate)", lone)
    return { _tag: "Term", term: readTerm(cursor, language) }
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return { _tag: "Mistake", message: error.message(text), offset: error.offset }
  }
}

/** The terms inside a term, itself included, in no particular order. Uses no stack of calls. */
function* within(term: Term): Generator<Term> {
  const open: Array<Term> = [term]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next
    const parts = partsOf(next)
    for (let at = parts.length - 1; at >= 0; at--) open.push(parts[at]!)
  }
}

const partsOf = (term: Term): ReadonlyArray<Term> => {
  if (Array.isArray(term)) return term as ReadonlyArray<Term>
  if (term instanceof List) return term.tail === undefined ? term.items : [...term.items, term.tail]
  if (term instanceof MapTerm) return term.entries
  if (term instanceof ExternalFun) return [term.module, term.function]
  return term instanceof Fun ? [term.module, ...term.free] : []
}

/** The names of the atoms in a term, each once; those of the nodes that pids, ports and references belong to are none. */
export const atomsOf = (term: Term): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const it of within(term)) if (it instanceof Atom) names.add(it.text)
  return [...names]
}

/** The pids, ports and references in a term. */
export const identifiersOf = (term: Term): ReadonlyArray<Pid | Port | Reference> => {
  const found: Array<Pid | Port | Reference> = []
  for (const it of within(term)) {
    if (it instanceof Pid || it instanceof Port || it instanceof Reference) found.push(it)
  }
  return found
}
