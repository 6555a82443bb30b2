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
import { erlang } from "./Erlang.ts"
import { escape, escaper, hex } from "./Escape.ts"
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

const named: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", "\f": "f", "\n": "n", "\r": "r", "\t": "t" }

/** As `string.inspect` escapes a string, and beyond it everything hidden. */
const inQuotes = escaper(String.raw`["\\]`, (match) => {
  const name = named[match]
  return name === undefined ? `\\u{${hex(match).padStart(4, "0")}}` : `\\${name}`
})

/**
 * The name of a constructor, as it is compiled to an atom: `NotFound` to `not_found`. A line comes from a capital letter,
 * so no constructor leads to `utf_8`: `Utf8` is `utf8`.
 */
const constructor = /^[a-z][a-z\d]*(?:_[a-z][a-z\d]*)*$/u

/** `NotFound` for `not_found`; `undefined` for an atom that no constructor is compiled to. */
const constructorName = (name: string): string | undefined =>
  constructor.test(name)
    ? name
        .split("_")
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
        .join("")
    : undefined

const atom = (name: string): string => constructorName(name) ?? `atom.create("${escape(name, inQuotes)}")`

const charlistText = /^[ -~]+$/u

const collection = (
  open: string,
  close: string,
  size: number,
  element: (index: number) => ReadonlyArray<string | Term>
): Collection => ({ open, close, separator: ", ", size, element })

const binary = (bytes: Uint8Array, room: number): Shape => {
  const text = utf8Start(bytes, room)
  if (text === undefined) return collection("<<", ">>", bytes.length, (index) => [bytes[index]!])
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
  const text = charlistStart(list, room)
  if (text === undefined || !charlistText.test(text)) return undefined
  return {
    open: 'charlist.from_string("',
    close: '")',
    cut: (left) => `" <> ${moreOf(charlistCodes(list), left)})`,
    text,
    size,
    measure: codePoints,
    escaper: inQuotes
  }
}

const list = (items: List, room: number): Shape => {
  const { items: elements, tail } = items
  if (tail !== undefined) {
    return {
      ...collection("//erl([", "])", elements.length + 1, (index) => [elements[index] ?? tail]),
      lastSeparator: " | "
    }
  }
  return charlist(items, elements.length, room) ?? collection("[", "]", elements.length, (index) => [elements[index]!])
}

/** What `nil`, `true` and `false` tag is no custom type: they are values of types of their own. */
const tuple = (elements: ReadonlyArray<Term>): Collection => {
  const tag = elements[0]
  const name =
    elements.length > 1 && tag instanceof Atom && !/^(?:nil|true|false)$/u.test(tag.text)
      ? constructorName(tag.text)
      : undefined
  return name === undefined
    ? collection("#(", ")", elements.length, (index) => [elements[index]!])
    : collection(`${name}(`, ")", elements.length - 1, (index) => [elements[index + 1]!])
}

/** `a`, `b`, … `z`, `a1`, … */
const parameters = (arity: number): string =>
  Array.from(
    { length: arity },
    (_, index) => String.fromCharCode(97 + (index % 26)) + (index < 26 ? "" : Math.floor(index / 26))
  ).join(", ")

const shaper =
  (from: PrintOptions): Shaper =>
  (term, room) => {
    if (typeof term === "number") return Number.isInteger(term) ? integerText(term, room) : floatText(term)
    if (typeof term === "bigint") return integerText(term, room)
    if (term instanceof Atom) return atom(term.text)
    if (term instanceof Binary) return binary(term.view(), room)
    if (term instanceof List) return list(term, room)
    if (term instanceof ByteList) {
      const bytes = term.view()
      return charlist(term, bytes.length, room) ?? collection("[", "]", bytes.length, (index) => [bytes[index]!])
    }
    if (term instanceof MapTerm) {
      const { entries } = term
      return collection("dict.from_list([", "])", term.size, (index) => [
        "#(",
        entries[2 * index]!,
        ", ",
        entries[2 * index + 1]!,
        ")"
      ])
    }
    if (term instanceof Float) return floatText(term.value)
    if (term instanceof Pid) {
      return `//erl(<${identifierText(term, from, erlang.atom, [term.id, term.serial])}>)`
    }
    if (term instanceof Reference) {
      return `//erl(#Ref<${identifierText(term, from, erlang.atom, term.words.toReversed())}>)`
    }
    if (term instanceof Port) return `//erl(#Port<${identifierText(term, from, erlang.atom, [term.id])}>)`
    if (term instanceof Fun || term instanceof ExternalFun) return `//fn(${parameters(term.arity)}) { ... }`
    if (term instanceof BitString) {
      const bytes = term.view()
      const { lastBits, length } = term
      return collection("<<", ">>", length, (index) =>
        index + 1 < length ? [bytes[index]!] : [`${bytes[index]! >> (8 - lastBits)}:size(${lastBits})`]
      )
    }
    if (term instanceof NativeRecord) {
      const { fields, module, name, values } = term
      const open = `//erl(#${erlang.atom(module.text)}:${erlang.atom(name.text)}{`
      return collection(open, "})", values.length, (index) => [`${erlang.atom(fields[index]!.text)}: `, values[index]!])
    }
    return tuple(term)
  }

/**
 * Gleam, as `string.inspect` and `echo` print values on the Erlang target (`gleam_stdlib:inspect/1`): an atom or a tuple
 * with an atom in front is taken for the constructor that is compiled to it, whether or not there is such a type:
 * `Ok(1)`, `None`, `NotFound`; an atom that none is compiled to is `atom.create("…")`.
 *
 * The tests hold this to a table, `test/unit/syntax/Gleam.test.ts`, and run no Gleam. It was compared by hand, when it was
 * written, with that function of Gleam's standard library over random terms of every kind; a later one may print otherwise.
 *
 * Different on purpose: a tuple of nothing but an atom is `#(Ok)`, not `Ok()`, which is no Gleam; an atom with a digit
 * behind a line is no constructor (`atom.create("utf_8")`), where `inspect` takes 32 from the digit as if it were a letter,
 * as it counts on behind `z` for the names of arguments; quotes and backslashes are escaped in atoms and charlists too; hidden characters are escaped; maps
 * keep the order that they came in; pids, ports and references of other nodes carry the node's name. Names outside of
 * terms are as the runtime has them (`my_server`, `gleam@list.map/2`), so that they can be given back.
 */
export const gleam: Syntax = {
  name: "gleam",
  print: (term, options = {}) => print(term, shaper(options), options),
  atom: erlang.atom,
  mfa: (module, name, arity) => `${erlang.atom(module)}.${erlang.atom(name)}/${arity}`
}
