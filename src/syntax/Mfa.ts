import { readAtom } from "./AtomText.ts"

/** A function: module, name, arity. */
export interface Mfa {
  readonly module: string
  readonly name: string
  readonly arity: number
}

/**
 * Reads a function in any syntax: `lists:map/2`, `fun lists:map/2`, `m:'odd name'/1`, `:lists.map/2`,
 * `My.Mod.run/1`, `&My.Mod.run/1`, `My.Mod."odd name"/1`, `#'m:|odd name|/1`.
 * `undefined` when it is none.
 */
export const parseMfa = (text: string): Mfa | undefined => {
  const match = /^(?:&|fun |#')?(.+)\/(\d{1,3})$/su.exec(text.trim())
  const [called, arity] = [match?.[1] ?? "", Number(match?.[2])]
  const module = readAtom(called, 0)
  if (module === undefined || !/[.:]/u.test(called.charAt(module.end)) || !(arity <= 255)) return undefined
  const name = readName(called.slice(module.end + 1))
  return name === undefined ? undefined : { module: module.name, name, arity }
}

/** A name behind its module: quoted, or bare up to the end, operators and the names of inner funs included. */
const readName = (text: string): string | undefined => {
  const atom = readAtom(text, 0, true)
  if (/^['"|]/u.test(text)) return atom?.end === text.length ? atom.name : undefined
  return /^[^\s'"`]{1,255}$/u.test(text) ? text : undefined
}
