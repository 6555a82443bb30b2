import {
  Atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  Float,
  Fun,
  List,
  MapTerm,
  NativeRecord,
  Pid,
  Port,
  Reference,
  type Term
} from "../etf/Term.ts"
import { escape, escaper, hex } from "./Escape.ts"
import { floatText } from "./FloatText.ts"
import { identifierText } from "./Identifier.ts"
import { integerText } from "./IntegerText.ts"
import {
  moreOf,
  print,
  type Collection,
  type Literal,
  type PrintOptions,
  type Shape,
  type Shaper,
  type Syntax
} from "./Syntax.ts"
import {
  charlistCodes,
  charlistStart,
  codePoints,
  isLatin1Text,
  latin1Start,
  utf8Length,
  utf8Start
} from "./TextStart.ts"

const named: Readonly<Record<string, string>> = {
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  "\x7f": "d",
  "\\": "\\",
  "'": "'",
  '"': '"'
}

/** As `io_lib:write_string/2` escapes, and beyond it everything hidden. */
const write = (char: string): string => {
  const name = named[char]
  if (name !== undefined) return `\\${name}`
  const codePoint = char.codePointAt(0)!
  return codePoint < 0xa0 ? `\\${codePoint.toString(8).padStart(3, "0")}` : `\\x{${hex(char)}}`
}

const inString = escaper(String.raw`["\\]`, write)
const inAtom = escaper(String.raw`['\\]`, write)

/** `maybe` and `else` are reserved from OTP 27 on; quoted, they are the same atoms everywhere. */
export const reserved = new Set(
  `after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse
   receive rem try when xor`.split(/\s+/u)
)

/** Letters as `erl_scan` knows them: those of Latin-1. */
const bareAtom = /^[a-zß-öø-ÿ][\w@À-ÖØ-öø-ÿ]*$/u

const atom = (name: string): string => (bareAtom.test(name) && !reserved.has(name) ? name : `'${escape(name, inAtom)}'`)

/** What of a binary is shown as text: what `io_lib:printable_list/1` takes for it with the printable range `unicode`. */
// oxlint-disable-next-line no-control-regex
const printable = /^[\b\t\n\v\f\r\x1b -~\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u

const charlist = (list: List | ByteList, size: number, room: number): Literal | undefined => {
  const text = charlistStart(list, room)
  if (text === undefined || !isLatin1Text(text)) return undefined
  return {
    open: '"',
    close: '"',
    cut: (left) => `"${moreOf(charlistCodes(list), left)}`,
    text,
    size,
    measure: codePoints,
    escaper: inString
  }
}

const binaryText = (bytes: Uint8Array, room: number): Literal | undefined => {
  const text = utf8Start(bytes, room)
  const encoding = text === undefined ? "latin1" : "utf8"
  const shown = text ?? latin1Start(bytes, room)
  if (!printable.test(shown)) return undefined
  const measure = encoding === "utf8" ? utf8Length : codePoints
  const type = encoding === "utf8" && measure(shown) !== codePoints(shown) ? "/utf8" : ""
  return {
    open: '<<"',
    close: `"${type}>>`,
    cut: (left) => `"${type}${moreOf(bytes, left, " bytes")}>>`,
    text: shown,
    size: bytes.length,
    measure,
    escaper: inString
  }
}

const collection = (
  open: string,
  close: string,
  size: number,
  element: (index: number) => ReadonlyArray<string | Term>
): Collection => ({ open, close, separator: ",", size, element })

const binary = (bytes: Uint8Array, room: number): Shape =>
  (bytes.length > 0 ? binaryText(bytes, room) : undefined) ??
  collection("<<", ">>", bytes.length, (index) => [bytes[index]!])

const bitString = (bits: BitString): Shape => {
  const { lastBits, length } = bits
  const bytes = bits.view()
  return collection("<<", ">>", length, (index) =>
    index + 1 < length ? [bytes[index]!] : [`${bytes[index]! >> (8 - lastBits)}:${lastBits}`]
  )
}

const list = (items: List, room: number): Shape => {
  const { items: elements, tail } = items
  if (tail !== undefined) {
    return {
      ...collection("[", "]", elements.length + 1, (index) => [elements[index] ?? tail]),
      lastSeparator: "|"
    }
  }
  return (
    (elements.length > 0 ? charlist(items, elements.length, room) : undefined) ??
    collection("[", "]", elements.length, (index) => [elements[index]!])
  )
}

const byteList = (items: ByteList, room: number): Shape => {
  const bytes = items.view()
  return (
    (bytes.length > 0 ? charlist(items, bytes.length, room) : undefined) ??
    collection("[", "]", bytes.length, (index) => [bytes[index]!])
  )
}

/** A module's name as the runtime prints it inside `#Fun<>`, which is bare; quoted where that could be misread. */
const moduleOfFun = (name: string): string => (/^[\w.@]+$/u.test(name) ? name : atom(name))

const mfa = (module: string, name: string, arity: number): string => `${atom(module)}:${atom(name)}/${arity}`

const shaper =
  (from: PrintOptions): Shaper =>
  (term, room) => {
    if (typeof term === "number") return Number.isInteger(term) ? integerText(term, room) : floatText(term)
    if (typeof term === "bigint") return integerText(term, room)
    if (term instanceof Atom) return atom(term.text)
    if (term instanceof Binary) return binary(term.view(), room)
    if (term instanceof List) return list(term, room)
    if (term instanceof ByteList) return byteList(term, room)
    if (term instanceof MapTerm) {
      const { entries } = term
      return collection("#{", "}", term.size, (index) => [entries[2 * index]!, " => ", entries[2 * index + 1]!])
    }
    if (term instanceof Float) return floatText(term.value)
    if (term instanceof Pid) return `<${identifierText(term, from, atom, [term.id, term.serial])}>`
    if (term instanceof Reference) {
      return `#Ref<${identifierText(term, from, atom, term.words.toReversed())}>`
    }
    if (term instanceof Port) return `#Port<${identifierText(term, from, atom, [term.id])}>`
    if (term instanceof Fun) return `#Fun<${moduleOfFun(term.module.text)}.${term.oldIndex}.${term.oldUnique}>`
    if (term instanceof ExternalFun) return `fun ${mfa(term.module.text, term.function.text, term.arity)}`
    if (term instanceof BitString) return bitString(term)
    if (term instanceof NativeRecord) {
      const { fields, module, name, values } = term
      return collection(`#${atom(module.text)}:${atom(name.text)}{`, "}", values.length, (index) => [
        `${atom(fields[index]!.text)} = `,
        values[index]!
      ])
    }
    return collection("{", "}", term.length, (index) => [term[index]!])
  }

/**
 * Erlang, as `io_lib:format("~0tp", [Term])` prints it. Different on purpose: binaries are text in any script, as they
 * are with the printable range `unicode`; local identifiers of other nodes carry the node's name; hidden characters are
 * escaped; reserved words are quoted inside `fun M:F/A` too; and maps keep the order that they came in.
 */
export const erlang: Syntax = {
  name: "erlang",
  print: (term, options = {}) => print(term, shaper(options), options),
  atom,
  mfa
}
