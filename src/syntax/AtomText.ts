/** An atom read from text. */
export interface AtomText {
  readonly name: string
  /** Where the text goes on behind it. */
  readonly end: number
}

const elixirEscapes: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  d: "\x7f",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  s: " ",
  t: "\t",
  v: "\v"
}

const { 0: _octal, a: _letter, ...erlangEscapes } = elixirEscapes

const erlangEscape = /\\(?:x\{([\da-f]+)\}|x([\da-f]{2})|([0-7]{1,3})|\^([a-z@[\]\\^_?])|([^]))/giu
const elixirEscape = /\\(?:[xu]\{([\da-f]+)\}|x([0-7][\da-f])|u([\da-f]{4})|([^]))/giu

/** `undefined` for a code point that no text can hold. */
const character = (codePoint: number): string | undefined =>
  codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint < 0xe000) ? String.fromCodePoint(codePoint) : undefined

const unescape = (
  text: string,
  pattern: RegExp,
  read: (groups: ReadonlyArray<string | undefined>) => string | undefined
): string | undefined => {
  let valid = true
  const result = text.replace(pattern, (_match, ...groups: ReadonlyArray<string | undefined>) => {
    const char = read(groups)
    valid &&= char !== undefined
    return char ?? ""
  })
  return valid ? result : undefined
}

const unescapeErlang = (text: string): string | undefined =>
  unescape(text, erlangEscape, ([braced, two, octal, control, other]) => {
    if (braced !== undefined || two !== undefined) return character(parseInt((braced ?? two)!, 16))
    if (octal !== undefined) return character(parseInt(octal, 8))
    if (control !== undefined) return control === "?" ? "\x7f" : character(control.toUpperCase().charCodeAt(0) & 31)
    return erlangEscapes[other!] ?? other
  })

const unescapeElixir = (text: string): string | undefined =>
  // A bare #{ is code, not text.
  /(?<!\\)(?:\\\\)*#\{/u.test(text)
    ? undefined
    : unescape(text, elixirEscape, ([braced, two, four, other]) => {
        const digits = braced ?? two ?? four
        if (digits !== undefined) return character(parseInt(digits, 16))
        return elixirEscapes[other!] ?? (/[xu]/u.test(other!) ? undefined : other)
      })

const quoted = /(:?)(?:'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)")/uy
const alias = /[A-Z]\w*(?:\.[A-Z]\w*)*/uy
const plain = /(:?)([\p{L}_][\p{L}\p{N}_@]*[?!]?)/uy
const operator = /:(%\{\}|<<>>|\{\}|\.\.\/\/|[-+*/\\=<>!&|^~.@%:]+)/uy

const matchAt = (pattern: RegExp, text: string, from: number): RegExpExecArray | null => {
  pattern.lastIndex = from
  return pattern.exec(text)
}

/**
 * Reads the atom that stands at `from`, as Erlang and Elixir write atoms: `name`, `'quoted name'`, `:name`,
 * `:"quoted name"`, `My.Module` (which is `Elixir.My.Module`). A double-quoted text without a colon is read only where
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
const found = (name: string | undefined, end: number): AtomText | undefined =>
  name === undefined || [...name].length > 255 ? undefined : { name, end }
