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
import { isBareSymbol } from "./LfeText.ts"
import {
  type Collection,
  type Literal,
  moreOf,
  print,
  type PrintOptions,
  type Shape,
  type Shaper,
  type Syntax
} from "./Syntax.ts"
import { charlistStart, codePoints, isLatin1Text, utf8Length, utf8Start } from "./TextStart.ts"

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
  '"': '"',
  "|": "|"
}

/** As `lfe_io` escapes, and beyond it everything hidden, as `\x202E;`. */
const write = (char: string): string => {
  const name = named[char]
  return name === undefined ? `\\x${hex(char)};` : `\\${name}`
}

const inString = escaper(String.raw`["\\]`, write)
const inBars = escaper(String.raw`[|\\]`, write)

const inside = (name: string): string => `|${escape(name, inBars)}|`

/** Bare where it is read again as that atom: a lone dot stands in front of a tail. */
const symbol = (name: string): string =>
  name !== "." && isBareSymbol(name) && escape(name, inBars) === name ? name : inside(name)

/** Bare only where it is taken for the same atom outside of a term, whatever the language it is read in. */
const atom = (name: string): string => (/^[a-z_][\w@]*$/u.test(name) ? name : inside(name))

/** Whether a binary is text, as `io_lib:printable_unicode_list/1` tells. */
const isPrintable = (text: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  /^[\b\t\n\v\f\r\x1b -~\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u.test(text)

const literal = (
  open: string,
  text: string | undefined,
  codes: ArrayLike<unknown>,
  unit: string,
  measure: (text: string) => number,
  isText: (text: string) => boolean
): Literal | undefined =>
  text === undefined || !isText(text)
    ? undefined
    : {
        open,
        close: '"',
        cut: (left) => `"${moreOf(codes, left, unit)}`,
        text,
        size: codes.length,
        measure,
        escaper: inString
      }

const collection = (
  open: string,
  size: number,
  element: (index: number) => ReadonlyArray<string | Term>
): Collection => ({ open, close: ")", separator: " ", size, element })

/** What stands in front of the second element of a list of two with such a symbol in front, as it is read. */
const marks: ReadonlyMap<string, string> = new Map([
  ["quote", "'"],
  ["backquote", "`"],
  ["comma", ","],
  ["comma-at", ",@"]
])

const list = (items: List, room: number): Shape => {
  const { items: elements, tail } = items
  if (tail !== undefined) {
    return { ...collection("(", elements.length + 1, (index) => [elements[index] ?? tail]), lastSeparator: " . " }
  }
  const [first, second] = elements
  const mark = elements.length === 2 && first instanceof Atom ? marks.get(first.text) : undefined
  if (mark !== undefined) return { open: mark, close: "", separator: "", size: 1, element: () => [second!] }
  const text = elements.length > 0 ? charlistStart(items, room) : undefined
  return (
    literal('"', text, elements, "", codePoints, isLatin1Text) ??
    collection("(", elements.length, (index) => [elements[index]!])
  )
}

/** A module's name as the runtime prints it inside `#Fun<>`, which is bare; between bars where that could be misread. */
const moduleOfFun = (name: string): string => (/^[\w.@]+$/u.test(name) ? name : inside(name))

const mfa = (module: string, name: string, arity: number): string => `${atom(module)}:${atom(name)}/${arity}`

const shaper =
  (from: PrintOptions): Shaper =>
  (term, room) => {
    if (typeof term === "number") return Number.isInteger(term) ? integerText(term, room) : floatText(term)
    if (typeof term === "bigint") return integerText(term, room)
    if (term instanceof Atom) return symbol(term.text)
    if (term instanceof Binary) {
      const bytes = term.view()
      return (
        literal('#"', utf8Start(bytes, room), bytes, " bytes", utf8Length, isPrintable) ??
        collection("#B(", bytes.length, (index) => [bytes[index]!])
      )
    }
    if (term instanceof List) return list(term, room)
    if (term instanceof ByteList) {
      const bytes = term.view()
      const text = bytes.length > 0 ? charlistStart(term, room) : undefined
      return (
        literal('"', text, bytes, "", codePoints, isLatin1Text) ??
        collection("(", bytes.length, (index) => [bytes[index]!])
      )
    }
    if (term instanceof MapTerm) {
      const { entries } = term
      return collection("#M(", term.size, (index) => [entries[2 * index]!, " ", entries[2 * index + 1]!])
    }
    if (term instanceof Float) return floatText(term.value)
    if (term instanceof Pid) return `#Pid<${identifierText(term, from, atom, [term.id, term.serial])}>`
    if (term instanceof Reference) return `#Ref<${identifierText(term, from, atom, term.words.toReversed())}>`
    if (term instanceof Port) return `#Port<${identifierText(term, from, atom, [term.id])}>`
    if (term instanceof Fun) {
      return `#Fun<${moduleOfFun(term.module.text)}.${term.oldIndex}.${term.oldUnique}/${term.arity}>`
    }
    if (term instanceof ExternalFun) return `#'${mfa(term.module.text, term.function.text, term.arity)}`
    if (term instanceof BitString) {
      const bytes = term.view()
      const { lastBits, length } = term
      return collection("#B(", length, (index) =>
        index + 1 < length ? [bytes[index]!] : [`(${bytes[index]! >> (8 - lastBits)} (size ${lastBits}))`]
      )
    }
    if (term instanceof NativeRecord) {
      const { fields, module, name, values } = term
      return {
        open: `#R(${symbol(module.text)}:${symbol(name.text)}`,
        close: ")",
        separator: "",
        size: values.length,
        element: (index) => [` ${symbol(fields[index]!.text)} `, values[index]!]
      }
    }
    return collection("#(", term.length, (index) => [term[index]!])
  }

/**
 * LFE, as its shell prints values (`lfe_io:prettyprint1/1`), on one line: `#(ok 1)`, `(1 2 . 3)`, `"charlist"`,
 * `#"binary"`, `#M(key value)`, `|odd symbol|`, and `'a` for `(quote a)`.
 *
 * The tests hold this to a table, `test/unit/syntax/Lfe.test.ts`, and run no LFE. It was compared by hand, when it was
 * written, with `lfe_io_pretty` and `lfe_io_write`, which LFE prints with, over random terms of every kind; later ones may
 * print otherwise.
 *
 * Different on purpose: lists of numbers beyond Latin-1 are no text, as in Erlang; `fun m:f/1` is `#'m:f/1`, where LFE
 * prints what could be a list, `(function m f 1)`; symbols with a bar or a backslash inside are quoted, lest the bars of
 * two be taken for the ends of one, and so are those that a session reads as a value of Erlang, `|16#ff|`; hidden
 * characters are escaped; identifiers of other nodes carry the node's name; maps keep the order that they came in.
 */
export const lfe: Syntax = {
  name: "lfe",
  print: (term, options = {}) => print(term, shaper(options), options),
  atom,
  mfa
}
