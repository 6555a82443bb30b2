import { atom, binary, charlist, type Term } from "../etf/Term.ts"
import { readAtom } from "./AtomText.ts"
import { readBits } from "./BitText.ts"
import { type Owner, readIdentifier } from "./IdentifierReading.ts"
import type { Cursor } from "./Mistake.ts"
import { readFloat, readInteger } from "./NumberText.ts"
import type { Language, Opening, Start } from "./TermReading.ts"
import { unescapeGleam } from "./Unescape.ts"

const blank = /\s*/uy

const opening = (kind: Opening["kind"], close: RegExp, closeText: string, tag?: Term): Opening => ({
  _tag: "Opening",
  kind,
  close,
  closeText,
  ...(tag !== undefined && { tag })
})

const openings: Readonly<Record<string, Opening>> = {
  "[": opening("list", /\]/uy, "]"),
  "#(": opening("tuple", /\)/uy, ")"),
  "//erl([": opening("list", /\]\)/uy, "])"),
  "dict.from_list([": opening("pairs", /\]\s*\)/uy, "])")
}

const readText = (cursor: Cursor): string => {
  const at = cursor.at
  const body = cursor.take(/"([^"\\]*(?:\\[^][^"\\]*)*)"/uy)?.[1]
  if (body === undefined) return cursor.fail('the closing " of this text is missing')
  const text = unescapeGleam(body)
  return typeof text === "string" ? text : cursor.fail("an escape that there is not", at + 1 + text)
}

/** The atom that a constructor is compiled to: `not_found` of `NotFound`. */
export const constructorAtom = (name: string): string => name.replaceAll(/(?!^)[A-Z]/gu, "_$&").toLowerCase()

const readNumber = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  const match = cursor.take(/(-?)(\d+)(\.\d+(?:e[-+]?\d+)?)?/uy)
  if (match === undefined) return undefined
  const [whole, sign, digits, fraction] = match
  return fraction === undefined ? readInteger(cursor, digits!, 10, sign === "-", at) : readFloat(cursor, whole, at)
}

/** `1`, or `5:size(3)`, of a bit array. */
const segment = (cursor: Cursor) => {
  const [, value, size] = cursor.take(/(\d+)(?::size\((\d{1,9})\))?/uy) ?? cursor.unexpected("a byte")
  return {
    value: Number(value),
    modifiers: size === undefined ? [] : [{ name: "size", number: Number(size) }],
    textType: "integer" as const
  }
}

/** What a call makes of the text between its brackets. */
const readMade = (cursor: Cursor): Term | undefined => {
  const made = cursor.take(/(atom\.create|charlist\.from_string)\(/uy)?.[1]
  if (made === undefined) return undefined
  const text = readText(cursor)
  if (!cursor.take(/\)/uy)) cursor.unexpected(")")
  return made === "atom.create" ? atom(text) : charlist(text)
}

/** An atom as it is shown outside of terms, where it is as Erlang writes it: `my_server`, `'odd name'`. */
const readName = (cursor: Cursor): Term | undefined => {
  if (!cursor.look(/'|[a-z_][\w@]*(?![\w@.(:])/uy)) return undefined
  const found = readAtom(cursor.text, cursor.at)
  if (found === undefined) return cursor.fail("the closing ' of this atom is missing")
  cursor.at = found.end
  return atom(found.name)
}

/**
 * Gleam's literals as `string.inspect` prints them, with the constructors that atoms and tuples are shown as. Pids, ports
 * and references, which stand in a comment, are read as those of `owner`.
 */
export const gleamText = (owner: Owner): Language => {
  const readLeaf = (cursor: Cursor): Term | undefined => {
    if (cursor.take(/<</uy)) return readBits(cursor, { blank, close: />>/uy, separator: /,/uy }, segment)
    if (cursor.look(/"/uy)) return binary(readText(cursor))
    if (cursor.take(/\/\/erl\((?=[#<])/uy)) {
      const identifier = readIdentifier(cursor, owner) ?? cursor.unexpected("a pid, a port or a reference")
      return cursor.take(/\)/uy) ? identifier : cursor.unexpected(")")
    }
    return readNumber(cursor) ?? readMade(cursor) ?? readName(cursor)
  }
  return {
    blank,
    separator: { pattern: /,/uy, text: "," },
    arrow: /(?!)/uy,
    tail: /\|/uy,
    trailingComma: true,
    end: /(?!)/uy,
    start: (cursor): Start => {
      const open = cursor.take(/\/\/erl\(\[|dict\.from_list\(\[|#\(|\[/uy)?.[0]
      if (open !== undefined) return openings[open]!
      const term = readLeaf(cursor)
      if (term !== undefined) return { _tag: "Term", term }
      const name = cursor.take(/[A-Z][A-Za-z\d]*/uy)?.[0]
      if (name === undefined) return cursor.unexpected("a term")
      const tag = atom(constructorAtom(name))
      return cursor.take(/\(/uy) ? opening("tuple", /\)/uy, ")", tag) : { _tag: "Term", term: tag }
    }
  }
}
