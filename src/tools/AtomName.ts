import { readAtom } from "../syntax/AtomText.ts"

/** The name of an atom that is written in the way of a language, or bare. */
export const atomName = (text: string): string => {
  const read = readAtom(text.trim(), 0)
  return read?.end === text.trim().length ? read.name : text
}
