import { escapeWithin, visibleEscaper } from "./Escape.ts"

/** Characters of a quotation, and of an atom: a name can be had whole, since it may have to be written again. */
const maxQuoted = 60
const maxName = 255
const maxNames = 20

/** An untrusted text on one line, within `room` characters: cut between characters, with `…` behind it. */
export const beginningOf = (text: string, room: number): string => {
  const { escaped, taken } = escapeWithin(text.slice(0, room + 1), visibleEscaper, room)
  return taken.length === text.length ? escaped : `${escaped}…`
}

/** An untrusted text for a sentence that quotes it: on one line, its first 60 characters, `…` where it is cut. */
export const excerpt = (text: string): string => beginningOf(text, maxQuoted)

/** Untrusted names for a sentence: the first 20, each up to the length of an atom, and how many more there are. */
export const listed = (names: ReadonlyArray<string>): string => {
  const shown = names
    .slice(0, maxNames)
    .map((name) => beginningOf(name, maxName))
    .join(", ")
  return names.length > maxNames ? `${shown} and ${names.length - maxNames} more` : shown
}
