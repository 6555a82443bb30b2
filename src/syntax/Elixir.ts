import {
  Atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  Float,
  Fun,
  isAtom,
  isTuple,
  List,
  MapTerm,
  NativeRecord,
  Pid,
  Port,
  Reference,
  type Term
} from "../etf/Term.ts"
import { atom, functionName, inQuotes, isKeyword, isModule, key } from "./ElixirAtom.ts"
import { type Fields, knownStruct } from "./ElixirStruct.ts"
import { floatText } from "./FloatText.ts"
import { identifierText } from "./Identifier.ts"
import { integerText } from "./IntegerText.ts"
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
import { charlistCodes, charlistStart, codePoints, utf8Length, utf8Start } from "./TextStart.ts"

/** `String.printable?/1`. */
// oxlint-disable-next-line no-control-regex
const printable = /^[\x07\b\t\n\v\f\r\x1b -~\x7f\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u

/** `List.ascii_printable?/1`. */
// oxlint-disable-next-line no-control-regex
const asciiPrintable = /^[\x07\b\t\n\v\f\r\x1b -~]*$/u

const binaryText = (bytes: Uint8Array, room: number): Literal | undefined => {
  const text = utf8Start(bytes, room)
  if (text === undefined || !printable.test(text)) return undefined
  return {
    open: '"',
    close: '"',
    cut: (left) => `" <> ${moreOf(bytes, left, " bytes")}`,
    text,
    size: bytes.length,
    measure: utf8Length,
    escaper: inQuotes
  }
}

const charlist = (list: List | ByteList, size: number, room: number): Literal | undefined => {
  const text = size === 0 ? undefined : charlistStart(list, room)
  if (text === undefined || !asciiPrintable.test(text)) return undefined
  return {
    open: '~c"',
    close: '"',
    cut: (left) => `" ++ ${moreOf(charlistCodes(list), left)}`,
    text,
    size,
    measure: codePoints,
    escaper: inQuotes
  }
}

const collection = (
  open: string,
  close: string,
  size: number,
  element: (index: number) => ReadonlyArray<string | Term>
): Collection => ({ open, close, separator: ", ", size, element })

/** Whether the first of `size` pairs, as many as there could be room for, have keys that make them keywords. */
const areKeywords = (size: number, room: number, keyAt: (index: number) => Term | undefined): boolean => {
  for (let index = 0; index < size && index <= room; index++) {
    const name = keyAt(index)
    if (!(name instanceof Atom) || !isKeyword(name.text)) return false
  }
  return size > 0
}

const keyOfPair = (term: Term | undefined): Term | undefined =>
  isTuple(term) && term.length === 2 ? term[0] : undefined

/** A proper list of terms: keywords without braces where all of them are. */
const list = (size: number, room: number, at: (index: number) => Term): Collection =>
  areKeywords(size, room, (index) => keyOfPair(at(index)))
    ? collection("[", "]", size, (index) => {
        const pair = at(index)
        // Only the pairs that there could be room for were looked at.
        return isTuple(pair) && pair.length === 2 && pair[0] instanceof Atom
          ? [key(pair[0].text), " ", pair[1]!]
          : [pair]
      })
    : collection("[", "]", size, (index) => [at(index)])

const map = ({ entries, size }: MapTerm, room: number): Collection => {
  const keywords = areKeywords(size, room, (index) => entries[2 * index])
  return collection("%{", "}", size, (index) => {
    const [name, value] = [entries[2 * index]!, entries[2 * index + 1]!]
    return keywords && name instanceof Atom ? [key(name.text), " ", value] : [name, " => ", value]
  })
}

/** A map of more keys is not searched for `__struct__`: no struct has so many fields. */
const mostFields = 1000

/** A struct's module and fields; `undefined` for a map that is none. */
const structOf = (term: MapTerm): { readonly module: string; readonly fields: Fields } | undefined => {
  if (term.size > mostFields) return undefined
  const module = term.atomKey("__struct__")
  if (!(module instanceof Atom) || !isModule(module.text)) return undefined
  const fields = new Map<string, Term>()
  for (let index = 0; index < term.entries.length; index += 2) {
    const name = term.entries[index]
    if (!(name instanceof Atom)) return undefined
    fields.set(name.text, term.entries[index + 1]!)
  }
  fields.delete("__struct__")
  if (isAtom(fields.get("__exception__"), "true")) fields.delete("__exception__")
  return { module: module.text, fields }
}

const struct = (term: MapTerm, room: number, asLists: Shaper): Shape => {
  const found = structOf(term)
  if (found === undefined) return map(term, room)
  const { fields, module } = found
  const members = ({ entries, size }: MapTerm): Collection => ({
    ...list(size, room, (index) => entries[2 * index]!),
    shaper: asLists
  })
  const known = knownStruct(module, fields, members)
  if (known !== undefined) return known
  const pairs = [...fields]
  return collection(`%${atom(module)}{`, "}", pairs.length, (index) => [key(pairs[index]![0]), " ", pairs[index]![1]])
}

const mfa = (module: string, name: string, arity: number): string => `${atom(module)}.${functionName(name)}/${arity}`

const shaper = (from: PrintOptions): Shaper => {
  const of =
    (charlists: boolean): Shaper =>
    (term, room) => {
      if (typeof term === "number") return Number.isInteger(term) ? integerText(term, room) : elixirFloat(term)
      if (typeof term === "bigint") return integerText(term, room)
      if (term instanceof Atom) return atom(term.text)
      if (term instanceof Binary) {
        const bytes = term.view()
        return binaryText(bytes, room) ?? collection("<<", ">>", bytes.length, (index) => [bytes[index]!])
      }
      if (term instanceof List) {
        const { items, tail } = term
        if (tail !== undefined) {
          return {
            ...collection("[", "]", items.length + 1, (index) => [items[index] ?? tail]),
            lastSeparator: " | "
          }
        }
        return (
          (charlists ? charlist(term, items.length, room) : undefined) ??
          list(items.length, room, (index) => items[index]!)
        )
      }
      if (term instanceof ByteList) {
        const bytes = term.view()
        return (
          (charlists ? charlist(term, bytes.length, room) : undefined) ??
          collection("[", "]", bytes.length, (index) => [bytes[index]!])
        )
      }
      if (term instanceof MapTerm) return struct(term, room, asLists)
      if (term instanceof Float) return elixirFloat(term.value)
      if (term instanceof Pid) return `#PID<${identifierText(term, from, atom, [term.id, term.serial])}>`
      if (term instanceof Reference) {
        return `#Reference<${identifierText(term, from, atom, term.words.toReversed())}>`
      }
      if (term instanceof Port) return `#Port<${identifierText(term, from, atom, [term.id])}>`
      if (term instanceof Fun) {
        return `#Function<${term.index}.${term.oldUnique}/${term.arity} in ${atom(term.module.text)}>`
      }
      if (term instanceof ExternalFun) {
        return `&${atom(term.module.text)}.${functionName(term.function.text)}/${term.arity}`
      }
      if (term instanceof BitString) {
        const bytes = term.view()
        const { lastBits, length } = term
        return collection("<<", ">>", length, (index) =>
          index + 1 < length ? [bytes[index]!] : [`${bytes[index]! >> (8 - lastBits)}::size(${lastBits})`]
        )
      }
      if (term instanceof NativeRecord) {
        const { fields, module, name, values } = term
        return collection(`#Record<${atom(module.text)}, ${atom(name.text)}, [`, "]>", values.length, (index) => [
          key(fields[index]!.text),
          " ",
          values[index]!
        ])
      }
      return collection("{", "}", term.length, (index) => [term[index]!])
    }
  const asLists = of(false)
  return of(true)
}

/** Whole numbers that a person would write out are written out. */
const elixirFloat = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) >= 1 && Math.abs(value) < 1e16 ? `${value}.0` : floatText(value)

/**
 * Elixir, as `inspect(term, limit: :infinity, printable_limit: :infinity, width: :infinity)` prints it since 1.15:
 * charlists are `~c"text"`. Different on purpose: local identifiers of other nodes carry the node's name, hidden
 * characters are escaped, atoms with letters outside Latin are quoted, maps and structs keep the order that their
 * fields came in, and a struct is written as one whether or not its module is at hand.
 */
export const elixir: Syntax = {
  name: "elixir",
  print: (term, options = {}) => print(term, shaper(options), options),
  atom,
  mfa
}
