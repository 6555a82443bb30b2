import type { Term } from "../etf/Term.ts"
import { parseTerm, type ParseOptions } from "./ParseTerm.ts"

/** The terms of a file, or what is wrong with it: see `ParsedTerm`. */
export type ConsultedTerms =
  | { readonly _tag: "Terms"; readonly terms: ReadonlyArray<Term> }
  | { readonly _tag: "Mistake"; readonly message: string }

/**
 * What a dot means nothing in (comments, quoted atoms, strings, characters), closed or not; or a dot that ends a term.
 */
const token = /%[^\n]*|'(?:\\[^]?|[^'\\])*'?|"(?:\\[^]?|[^"\\])*"?|\$\\?[^]?|(\.)(?=[\s%]|$)/gu

const blank = /^(?:\s|%[^\n]*)*$/u

/** The terms of a text, each with a dot behind it, as `file:consult/1` reads them; at most `maxTerms`. */
export const consultText = (text: string, maxTerms: number, options: ParseOptions): ConsultedTerms => {
  const terms: Array<Term> = []
  const read = (from: number, to: number): string | undefined => {
    // What stands before it is left in, as blanks, so that a mistake is told with its line and column.
    const parsed = parseTerm(text.slice(0, from).replace(/[^\n]/gu, " ") + text.slice(from, to), "erlang", options)
    if (parsed._tag === "Mistake") return parsed.message
    terms.push(parsed.term)
    return undefined
  }
  let start = 0
  for (const { 1: dot, index } of text.matchAll(token)) {
    if (dot === undefined) continue
    if (terms.length === maxTerms) return { _tag: "Mistake", message: `there are more than ${maxTerms} terms` }
    const message = read(start, index)
    if (message !== undefined) return { _tag: "Mistake", message }
    start = index + 1
  }
  if (blank.test(text.slice(start))) return { _tag: "Terms", terms }
  return { _tag: "Mistake", message: read(start, text.length) ?? "there is no dot behind the last term" }
}
