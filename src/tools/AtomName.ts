import { readAtom } from "../syntax/AtomText.ts"

/** The name of an atom that is written in the way of a language, or bare. */
export const atomName = (text: string): string => {
  const read = readAtom(text.trim(), 0)
  return read?.end === text.trim().length ? read.name : text
}

/** A part of the name of an atom, such as a node compares bare: an alias of Elixir without what stands in front of it. */
export const namePart = (text: string): string => atomName(text).replace(/^Elixir\./u, "")
