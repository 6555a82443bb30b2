import { unescapeElixir, unescapeErlang, unescapeGleam, unescapeLfe } from "./Unescape.ts"

/** An atom read from text. */
export interface AtomText {
  readonly name: string
  /** Where the text goes on behind it. */
  readonly end: number
}

const quoted = /(:?)(?:'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)")/uy
const barred = /\|((?:[^|\\]|\\[^])*)\|/uy
const created = /atom\.create\("((?:[^"\\]|\\[^])*)"\)/uy
const alias = /[A-Z]\w*(?:\.[A-Z]\w*)*/uy
const plain = /(:?)([\p{L}_][\p{L}\p{N}_@]*[?!]?)/uy
const operator = /:(%\{\}|<<>>|\{\}|\.\.\/\/|[-+*/\\=<>!&|^~.@%:]+)/uy

const matchAt = (pattern: RegExp, text: string, from: number): RegExpExecArray | null => {
  pattern.lastIndex = from
  return pattern.exec(text)
}

/**
 * Reads the atom that stands at `from`, as Erlang, Elixir, LFE and Gleam write atoms: `name`, `'quoted name'`, `:name`,
 * `:"quoted name"`, `|quoted name|`, `atom.create("quoted name")`, `My.Module` (which is `Elixir.My.Module`). A double-quoted text without a colon is read only where
 * `bareQuotes` says so: elsewhere it is a string.
 */
export const readAtom = (text: string, from: number, bareQuotes: boolean = false): AtomText | undefined => {
  const inQuotes = matchAt(quoted, text, from)
  if (inQuotes !== null) {
    const [whole, colon, single, double] = inQuotes
    if (colon === "" && double !== undefined && !bareQuotes) return undefined
    const name = colon === "" && double === undefined ? unescapeErlang(single!) : unescapeElixir((single ?? double)!)
    return found(name, from + whole.length)
  }
  const inBars = matchAt(barred, text, from)
  if (inBars !== null) return found(unescapeLfe(inBars[1]!), from + inBars[0].length)
  const inCall = matchAt(created, text, from)
  if (inCall !== null) return found(unescapeGleam(inCall[1]!), from + inCall[0].length)
  const asAlias = matchAt(alias, text, from)
  if (asAlias !== null) {
    const name = /^Elixir(?:\.|$)/u.test(asAlias[0]) ? asAlias[0] : `Elixir.${asAlias[0]}`
    return found(name, from + asAlias[0].length)
  }
  const asName = matchAt(plain, text, from)
  if (asName !== null) return found(asName[2], from + asName[0].length)
  const asOperator = matchAt(operator, text, from)
  return asOperator === null ? undefined : found(asOperator[1], from + asOperator[0].length)
}

/** An atom holds at most 255 characters. */
const found = (name: string | number | undefined, end: number): AtomText | undefined =>
  typeof name !== "string" || [...name].length > 255 ? undefined : { name, end }
