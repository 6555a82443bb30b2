import { Buffer } from "node:buffer"
import type { StatePath, StateStep } from "../../beam/GenServer.ts"
import { encode } from "../../etf/Encode.ts"
import { atom, binary, isAtom, isList, type Term } from "../../etf/Term.ts"
import { maxNameCharacters } from "../ArgumentText.ts"

/** Texts between the dots of a path. */
const mostTexts = 50

/** How many of them one key can have: `1.5` has two, the name of a module one for each alias. */
const mostOfKey = 12

/** The characters of an atom. */
const maxAtomCharacters = 255

/** A quoted text, also one of a term's; what opens and closes a part of a term; an arrow, which closes none. */
const pathTokens = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|=>|[\s\S]/gu

/** The texts between the dots of a path, but for the dots inside of quotes and brackets. */
const textsOf = (path: string): ReadonlyArray<string> => {
  const texts = [""]
  let depth = 0
  for (const [token] of path.matchAll(pathTokens)) {
    if (token === "." && depth === 0) {
      texts.push("")
      continue
    }
    if ("{[(<".includes(token)) depth++
    if ("}])>".includes(token)) depth = Math.max(0, depth - 1)
    texts[texts.length - 1] += token
  }
  return texts
}

/** A word as a person writes a key, without what would make it a term of some language. */
const isBare = (text: string): boolean => /^[^:&#~%"'{}[\]()<>|][^"'{}[\]()<>|]*$/u.test(text)

const isSameStep = ({ keys: [key] }: Omit<StateStep, "next">, step: StateStep | undefined): boolean => {
  const other = step?.keys[0]
  return key !== undefined && other !== undefined && Buffer.from(encode(key)).equals(encode(other))
}

/** The atom, the text and the module of one name, but for what it is already. */
const namesakes = (name: string, term?: Term): ReadonlyArray<Term> => {
  const atoms = [name, `Elixir.${name}`].filter((it) => [...it].length <= maxAtomCharacters && !isAtom(term, it))
  return [...atoms.map((it) => atom(it)), binary(name)]
}

/** How a text is read as one step; `undefined` where it is none. `isWhole`: whether it stands between two dots. */
const stepOf = (
  text: string,
  isWhole: boolean,
  read: (text: string) => Term | undefined
): Omit<StateStep, "next"> | undefined => {
  if (text === "" || text.length > maxNameCharacters) return undefined
  const term = read(text)
  if (term === undefined) {
    const name = isWhole ? /^:([^\s"':]+)$/u.exec(text)?.[1] : undefined
    if (name !== undefined) return { text, keys: [atom(name)], others: [] }
    return isWhole && isBare(text) ? { text, keys: [], others: namesakes(text) } : undefined
  }
  // In some languages a text in double quotes is a list of characters, for which few people write a key.
  const quoted = isList(term) ? /^"([^"\\]*)"$/u.exec(text)?.[1] : undefined
  const position = typeof term === "number" && Number.isInteger(term) && term > 0 ? { position: term } : {}
  const name = isWhole && isBare(text) ? text : quoted
  return { text, ...position, keys: [term], others: name === undefined ? [] : namesakes(name, term) }
}

/**
 * The ways to read a path, such as `users.3.name` or `users.{:eu, 3}`: steps joined by dots, each a key as it is printed or
 * a position from 1. `read` reads a term of the session's language. A key that is printed with dots outside of quotes and
 * brackets, such as `1.5` or `My.Module`, is tried before the steps that it could be.
 *
 * A step that is a term is the key that it is. A bare word stands for the atom, the text and the module of its name too,
 * where just one of them is there.
 */
export const parsePath = (path: string, read: (text: string) => Term | undefined): StatePath | undefined => {
  const texts = textsOf(path)
  if (texts.length > mostTexts) return undefined
  const ways = texts.map((_, from) => {
    const steps: Array<StateStep> = []
    for (let next = from + 1; next <= Math.min(texts.length, from + mostOfKey); next++) {
      const step = stepOf(texts.slice(from, next).join("."), next === from + 1, read)
      // A dot at the end of a term is no part of it.
      if (step !== undefined && !(texts[next - 1] === "" && isSameStep(step, steps[0])))
        steps.unshift({ ...step, next })
    }
    return steps
  })
  // Steps that no way leads to the end of are none.
  const leads = new Set([texts.length])
  for (let from = ways.length - 1; from >= 0; from--) {
    ways[from] = ways[from]!.filter(({ next }) => leads.has(next))
    if (ways[from]!.length > 0) leads.add(from)
  }
  return leads.has(0) ? ways : undefined
}

/** The keys that a step says of itself that it leads to. */
export const keysOf = ({ keys, others }: StateStep): ReadonlyArray<Term> => [...keys, ...others]

/** Steps as they were written. */
export const pathText = (steps: ReadonlyArray<StateStep>): string => steps.map(({ text }) => text).join(".")
