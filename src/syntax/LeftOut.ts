import { Atom, Binary, ByteList, List, MapTerm, type Term } from "../etf/Term.ts"

/** What our agent puts in the place of what it leaves out of a term; see `erlang/agent/src/beamscope_cut.hrl`. */
export const leftOutMark = "$beamscope_cut"

/** A term of which the agent left something out. */
export interface LeftOut {
  /** What is there; a text ends in dots. `undefined` where all of it was left out, and nobody counted. */
  readonly term: Term | undefined
  /** How much more there is: elements, bytes of a binary, characters of a list of them. */
  readonly count: number
}

/** A map of more entries was not cut. */
const mostEntries = 1000

/** The end of a text that was cut, in bytes or codes. */
const textMark = /\.\.\.\$beamscope_cut:(\d{1,15})$/u
const dots = 3
const longestTextMark = dots + leftOutMark.length + 1 + 15

const countOf = (term: Term | undefined): number | undefined => {
  if (!Array.isArray(term) || term.length !== 2) return undefined
  const [mark, count] = term as ReadonlyArray<Term>
  return mark instanceof Atom && mark.text === leftOutMark && typeof count === "number" ? count : undefined
}

const isDigit = (code: unknown): boolean => typeof code === "number" && code >= 48 && code <= 57

/** Codes of a text that are there, its dots among them, and how many more there are. */
const cutText = (codes: ArrayLike<unknown>): { readonly there: number; readonly count: number } | undefined => {
  if (!isDigit(codes[codes.length - 1])) return undefined
  let end = ""
  for (let at = Math.max(0, codes.length - longestTextMark); at < codes.length; at++) {
    const code = codes[at]
    // Nothing beyond ASCII belongs to the mark.
    end += typeof code === "number" && code > 0 && code < 128 ? String.fromCharCode(code) : "\0"
  }
  const match = textMark.exec(end)
  return match === null ? undefined : { there: codes.length - match[0].length + dots, count: Number(match[1]) }
}

/** What the agent left out of a term, looking no deeper than at its elements; `undefined` where that is nothing. */
export const leftOut = (term: Term): LeftOut | undefined => {
  if (term instanceof Atom) return term.text === leftOutMark ? { term: undefined, count: 0 } : undefined
  if (Array.isArray(term)) {
    if (countOf(term) !== undefined) return { term: undefined, count: 0 }
    const count = countOf(term.at(-1))
    return count === undefined ? undefined : { term: term.slice(0, -1), count }
  }
  if (term instanceof List) {
    const count = countOf(term.items.at(-1))
    if (count !== undefined) return { term: new List(term.items.slice(0, -1), term.tail), count }
    const text = cutText(term.items)
    return text && { term: new List(term.items.slice(0, text.there)), count: text.count }
  }
  if (term instanceof Binary || term instanceof ByteList) {
    const bytes = term.view()
    const text = cutText(bytes)
    if (text === undefined) return undefined
    const there = bytes.subarray(0, text.there)
    return { term: term instanceof Binary ? new Binary(there) : new ByteList(there), count: text.count }
  }
  if (!(term instanceof MapTerm) || term.size > mostEntries) return undefined
  for (let at = 0; at < term.entries.length; at += 2) {
    const count = countOf(term.entries[at])
    if (count !== undefined)
      return { term: new MapTerm([...term.entries.slice(0, at), ...term.entries.slice(at + 2)]), count }
  }
  return undefined
}

/** A text without the dots that it was cut with; other terms as they are. */
export const withoutDots = (term: Term): Term => {
  if (term instanceof Binary) return endsInDots(term.view()) ? new Binary(term.view().subarray(0, -dots)) : term
  if (term instanceof ByteList) return endsInDots(term.view()) ? new ByteList(term.view().subarray(0, -dots)) : term
  return term instanceof List && endsInDots(term.items) ? new List(term.items.slice(0, -dots)) : term
}

const endsInDots = (codes: ArrayLike<unknown>): boolean =>
  codes.length >= dots && [1, 2, 3].every((back) => codes[codes.length - back] === 46)
