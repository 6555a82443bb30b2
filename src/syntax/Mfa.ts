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
  const name = readName(called.slice(module.end + 1), called.charAt(module.end) === ":" ? /^['"|]/u : /^['"]/u)
  return name === undefined ? undefined : { module: module.name, name, arity }
}

/**
 * The function that an anonymous one stands in, which the compiler names after it: `-run/1-fun-0-`, `-run/1-lc$^0/1-0-`.
 * `undefined` for a function that is not named so.
 */
export const enclosingFunction = ({ module, name }: Mfa): Mfa | undefined => {
  const match = /^-(.+?)\/(\d{1,3})-.+-$/su.exec(name)
  return match === null ? undefined : { module, name: match[1]!, arity: Number(match[2]) }
}

/** The function that an anonymous one stands in, as stack traces of Elixir say it: `anonymous fn/2 in My.Mod.run/1`. */
export const parseAnonymous = (text: string): Mfa | undefined => {
  const match = /^anonymous fn\/\d+ in (.+)$/su.exec(text.trim())
  return match === null ? undefined : parseMfa(match[1]!)
}

/**
 * A name behind its module: between `quotes`, or bare up to the end, operators and the names of inner funs included. Bars
 * are quotes behind a colon, as LFE writes it; behind a dot they are Elixir's `Kernel.||/2`.
 */
const readName = (text: string, quotes: RegExp): string | undefined => {
  const atom = readAtom(text, 0, true)
  if (quotes.test(text)) return atom?.end === text.length ? atom.name : undefined
  return /^[^\s'"`]{1,255}$/u.test(text) ? text : undefined
}
