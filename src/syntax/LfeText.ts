import { Atom, binary, charlist, ExternalFun, type Term } from "../etf/Term.ts"
import { readAtom } from "./AtomText.ts"
import { readBits } from "./BitText.ts"
import { type Owner, readIdentifier } from "./IdentifierReading.ts"
import { parseMfa } from "./Mfa.ts"
import type { Cursor } from "./Mistake.ts"
import { readFloat, readInteger } from "./NumberText.ts"
import type { Language, Opening, Start } from "./TermReading.ts"
import { unescapeLfe } from "./Unescape.ts"

const blank = /(?:\s+|;[^\n]*)*/uy

const opening = (kind: Opening["kind"]): Opening => ({ _tag: "Opening", kind, close: /\)/uy, closeText: ")" })

const openings: Readonly<Record<string, Opening>> = {
  "(": opening("list"),
  "#(": opening("tuple"),
  "#M(": opening("map")
}

const number = /([-+]?)(\d+)(\.\d+(?:e[-+]?\d+)?)?(?=[\s()]|$)/iuy

/**
 * A symbol as it is printed, without what begins like a value of Erlang: a session in LFE reads those too, `<<1,2>>`,
 * `<0.1.0>`, `16#ff`; and without the dots that stand for what is left out.
 */
const bareSymbol =
  /(?![#`',]|\.{3}(?:[\s()]|$)|[-+]?\d[\d_]*#[\da-zA-Z]|<<|<[^\s<>()]+\.\d+>)(?:(?![()[\]{}";\\|])[!-~\u{a1}-\u{10ffff}])+/uy

/** Whether an atom of this name is read where its name alone stands. */
export const isBareSymbol = (name: string): boolean => {
  bareSymbol.lastIndex = 0
  number.lastIndex = 0
  return bareSymbol.exec(name)?.[0] === name && !number.test(name)
}

const readNumber = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  const match = cursor.take(number)
  if (match === undefined) return undefined
  const [, sign, whole, fraction] = match
  const negative = sign === "-"
  return fraction === undefined
    ? readInteger(cursor, whole!, 10, negative, at)
    : readFloat(cursor, `${negative ? "-" : ""}${whole}${fraction}`, at)
}

/** A text between double quotes, the cursor in front of it. */
const readText = (cursor: Cursor): string => {
  const at = cursor.at
  const body = cursor.take(/"([^"\\]*(?:\\[^][^"\\]*)*)"/uy)?.[1]
  if (body === undefined) return cursor.fail('the closing " of this string is missing')
  const text = unescapeLfe(body)
  return typeof text === "string" ? text : cursor.fail("an escape that there is not", at + 1 + text)
}

/** `1`, or `(5 (size 3))`, of a binary. */
const segment = (cursor: Cursor) => {
  const sized = cursor.take(/\((\d+) \(size ([1-7])\)\)/uy)
  const [, value, size] = sized ?? cursor.take(/(\d+)/uy) ?? cursor.unexpected("a byte")
  return {
    value: Number(value),
    modifiers: size === undefined ? [] : [{ name: "size", number: Number(size) }],
    textType: "integer" as const
  }
}

const readFun = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  const written = cursor.take(/#'(?:\|(?:[^|\\]|\\[^])*\||[^\s()|])+/uy)?.[0]
  if (written === undefined) return undefined
  const mfa = parseMfa(written)
  if (mfa === undefined) return cursor.fail("expected a function, #'module:name/arity", at)
  return new ExternalFun(new Atom(mfa.module), new Atom(mfa.name), mfa.arity)
}

/** LFE's literals, as its shell prints them. Pids, ports and references are read as those of `owner`. */
export const lfeText = (owner: Owner): Language => {
  const readLeaf = (cursor: Cursor): Term | undefined => {
    if (cursor.take(/#B\(/uy)) return readBits(cursor, { blank, close: /\)/uy, separator: /(?=[\d(])/uy }, segment)
    if (cursor.look(/"/uy)) return charlist(readText(cursor))
    if (cursor.take(/#(?=")/uy)) return binary(readText(cursor))
    const identifier = cursor.look(/#(?:Pid|Port|Ref)</uy) && readIdentifier(cursor, owner)
    if (identifier !== undefined) return identifier
    const found = readNumber(cursor) ?? readFun(cursor)
    if (found !== undefined) return found
    if (cursor.look(/\|/uy)) {
      const atom = readAtom(cursor.text, cursor.at)
      if (atom === undefined) return cursor.fail("the closing | of this symbol is missing")
      cursor.at = atom.end
      return new Atom(atom.name)
    }
    const symbol = cursor.take(bareSymbol)?.[0]
    return symbol === undefined ? undefined : new Atom(symbol)
  }
  return {
    blank,
    // Nothing but space stands between elements.
    separator: { pattern: /(?=[^])/uy, text: "another element" },
    arrow: /(?=[^])/uy,
    tail: /\.(?=\s)/uy,
    trailingComma: false,
    end: /(?!)/uy,
    start: (cursor): Start => {
      const open = cursor.take(/#M\(|#\(|\(/uy)?.[0]
      if (open !== undefined) return openings[open]!
      const term = readLeaf(cursor)
      return term === undefined ? cursor.unexpected("a term") : { _tag: "Term", term }
    }
  }
}
