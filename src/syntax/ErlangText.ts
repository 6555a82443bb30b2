import { atom, binary, charlist, ExternalFun, type Term } from "../etf/Term.ts"
import { readAtom } from "./AtomText.ts"
import { readBits, type Segment } from "./BitText.ts"
import { reserved } from "./Erlang.ts"
import { type Owner, readIdentifier } from "./IdentifierReading.ts"
import { Cursor } from "./Mistake.ts"
import { readFloat, readInteger } from "./NumberText.ts"
import type { Language, Opening, Start } from "./TermReading.ts"
import { unescapeErlang } from "./Unescape.ts"

const blank = /(?:\s+|%[^\n]*)*/uy

const opening = (kind: Opening["kind"], close: RegExp, closeText: string): Opening => ({
  _tag: "Opening",
  kind,
  close,
  closeText
})

const openings: Readonly<Record<string, Opening>> = {
  "[": opening("list", /\]/uy, "]"),
  "{": opening("tuple", /\}/uy, "}"),
  "#{": opening("map", /\}/uy, "}")
}

const string = /"([^"\\]*(?:\\[^][^"\\]*)*)"/uy

/** A text between quotes, its escapes undone. */
const unquoted = (cursor: Cursor, body: string, bodyAt: number): string => {
  const text = unescapeErlang(body)
  return typeof text === "string" ? text : cursor.fail("an escape that there is not", bodyAt + text)
}

/** Strings one behind the other are one string. */
const readString = (cursor: Cursor): string | undefined => {
  if (cursor.look(/"""/uy) && !cursor.look(/"""\s*(?:$|[\]},>|:/=])/uy)) {
    cursor.fail('text between """ is not read: write it between single "')
  }
  let text: string | undefined
  for (;;) {
    const before = cursor.at
    if (text !== undefined) cursor.take(blank)
    const at = cursor.at
    const match = cursor.take(string)
    if (match === undefined) {
      cursor.at = before
      return cursor.look(/"/uy) && text === undefined ? cursor.fail('the closing " of this string is missing') : text
    }
    text = (text ?? "") + unquoted(cursor, match[1]!, at + 1)
  }
}

const number =
  /([-+]?)[ \t]*(?:(\d+(?:_\d+)*)(?:#([\da-z]+(?:_[\da-z]+)*)|(\.\d+(?:_\d+)*(?:e[-+]?\d+)?))?|\$(\\(?:x\{[\da-f]+\}|x[\da-f]{2}|[0-7]{1,3}|\^[^]|[^])|[^\\]))/iuy

const readNumber = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  const match = cursor.take(number)
  if (match === undefined) return undefined
  const [, sign, whole, digits, fraction, char] = match
  if (cursor.look(/[\p{L}\d_@#]/uy) && char === undefined) cursor.unexpected("the number to end")
  const negative = sign === "-"
  if (char !== undefined) {
    const code = unquoted(cursor, char, cursor.at - char.length).codePointAt(0)!
    return negative ? -code : code
  }
  if (fraction !== undefined) return readFloat(cursor, `${negative ? "-" : ""}${whole}${fraction}`, at)
  if (digits === undefined) return readInteger(cursor, whole!, 10, negative, at)
  const base = Number(whole)
  if (!(base >= 2 && base <= 36)) cursor.fail("expected a base from 2 to 36", at)
  return readInteger(cursor, digits, base, negative, at)
}

const segment = (cursor: Cursor): Segment => {
  const value = readString(cursor) ?? readNumber(cursor) ?? cursor.unexpected("a number or a string inside <<>>")
  const modifiers: Array<Segment["modifiers"][number]> = []
  const size = cursor.take(/\s*:\s*(\d{1,9})/uy)
  if (size !== undefined) modifiers.push({ name: "size", number: Number(size[1]) })
  const words = cursor.take(/\s*\/\s*(\w+(?::\d{1,3})?(?:-\w+(?::\d{1,3})?)*)/uy)
  for (const word of words?.[1]!.split("-") ?? []) {
    const [name, argument] = word.split(":") as [string, string?]
    modifiers.push(argument === undefined ? { name } : { name, number: Number(argument) })
  }
  return { value, modifiers, textType: "integer" }
}

/** An atom, bare or between quotes. */
const readName = (cursor: Cursor): string | undefined => {
  if (!cursor.look(/'|[a-zß-öø-ÿ]/uy)) return undefined
  const bare = cursor.look(/[a-zß-öø-ÿ][\w@À-ÖØ-öø-ÿ]*/uy)?.[0]
  if (bare !== undefined) {
    // Older releases print these two bare.
    if (reserved.has(bare) && bare !== "maybe" && bare !== "else") {
      cursor.fail(
        `'${bare}' is a word of the language: nothing is evaluated, and the atom is written '${bare}' in quotes`
      )
    }
    if (bare.length > 255) cursor.fail("an atom of more than 255 characters")
    cursor.at += bare.length
    return bare
  }
  const quoted = readAtom(cursor.text, cursor.at)
  if (quoted === undefined) return cursor.fail("the closing ' of this atom is missing, or what is in it is no atom")
  cursor.at = quoted.end
  return quoted.name
}

const readFun = (cursor: Cursor): Term => {
  const at = cursor.at
  cursor.take(/fun\b/uy)
  cursor.take(blank)
  const [module, colon, name, arity] = [
    readName(cursor),
    cursor.take(/\s*:\s*/uy),
    readName(cursor),
    cursor.take(/\s*\/\s*(\d{1,3})(?!\w)/uy)
  ]
  const count = Number(arity?.[1])
  if (module === undefined || colon === undefined || name === undefined || !(count <= 255)) {
    return cursor.fail("only fun Module:Name/Arity can be read of funs", at)
  }
  return new ExternalFun(atom(module), atom(name), count)
}

/** Erlang's literals. Pids, ports and references are read as those of `owner`; a bare `_` is an atom with `wildcards`. */
export const erlangText = (owner: Owner, wildcards: boolean): Language => {
  const readLeaf = (cursor: Cursor): Term | undefined => {
    if (cursor.take(/<</uy)) return readBits(cursor, { blank, close: />>/uy, separator: /,/uy }, segment)
    const sigil = cursor.take(/~([bs]?)(?=")|~([BS])"([^"]*)"/uy)
    if (sigil !== undefined) {
      const [, cooked, raw, body] = sigil
      const text = raw === undefined ? readString(cursor)! : body!
      return cooked === "s" || raw === "S" ? charlist(text) : binary(text)
    }
    if (cursor.look(/#Fun</uy)) cursor.fail("a fun with its environment cannot be made from text")
    const identifier = readIdentifier(cursor, owner)
    if (identifier !== undefined) return identifier
    const found = readNumber(cursor)
    if (found !== undefined) return found
    const text = readString(cursor)
    if (text !== undefined) return charlist(text)
    if (cursor.look(/fun\b/uy)) return readFun(cursor)
    if (wildcards && cursor.take(/_(?![\w@])/uy)) return atom("_")
    const variable = cursor.look(/[A-Z_À-ÖØ-Þ][\w@]*/uy)?.[0]
    if (variable !== undefined) {
      cursor.fail(`'${variable.slice(0, 60)}' is a variable; an atom with that name is written in single quotes`)
    }
    const at = cursor.at
    const name = readName(cursor)
    if (name === undefined) return undefined
    if (cursor.look(/\s*\(|\s*:/uy)) cursor.fail("a call: nothing is evaluated, write the value itself", at)
    return atom(name)
  }
  return {
    blank,
    separator: { pattern: /,/uy, text: "," },
    arrow: /=>/uy,
    tail: /\|(?!\|)/uy,
    trailingComma: false,
    end: /\.\s*/uy,
    start: (cursor): Start => {
      const open = cursor.take(/#\{|\[|\{/uy)?.[0]
      if (open !== undefined) return openings[open]!
      const at = cursor.at
      const term = readLeaf(cursor)
      if (term !== undefined) return { _tag: "Term", term }
      cursor.at = at
      if (cursor.look(/#[a-z'][^<{]*:[^<]*\{/uy))
        cursor.fail("a native record, which its text does not tell whole: look for what stands in it")
      if (cursor.look(/#[a-z'][^<]*\{/uy)) cursor.fail("a record: write it as the tuple that it is, {name, …}")
      return cursor.unexpected("a term")
    }
  }
}
