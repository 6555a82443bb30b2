import { Atom, Binary, charlistText, type Term, utf8Text } from "../etf/Term.ts"

/** The text of a binary (UTF-8, else byte by byte) or of a charlist; `undefined` of anything else. */
export const textOf = (term: Term | undefined): string | undefined =>
  term instanceof Binary ? (utf8Text(term) ?? term.text()) : charlistText(term)

/** The name of an atom; `undefined` of the atom `undefined`, OTP's word for nothing, and of anything else. */
export const nameOf = (term: Term | undefined): string | undefined =>
  term instanceof Atom && term.text !== "undefined" ? term.text : undefined
