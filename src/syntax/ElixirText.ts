import { atom, binary, charlist, ExternalFun, MapTerm, type Term } from "../etf/Term.ts"
import { readAtom } from "./AtomText.ts"
import { readBits, type Segment } from "./BitText.ts"
import { operatorNames } from "./ElixirAtom.ts"
import { dateSigil, range, wordList } from "./ElixirSigil.ts"
import { type Owner, readIdentifier } from "./IdentifierReading.ts"
import { Cursor } from "./Mistake.ts"
import { readFloat, readInteger } from "./NumberText.ts"
import type { Language, Opening, Start } from "./TermReading.ts"
import { unescapeElixir } from "./Unescape.ts"

/** Space and comments; `#PID<` and its kin are no comments. */
const blank = /(?:\s+|#(?!(?:PID|Port|Ref|Reference|Function|DateTime)<)[^\n]*)*/uy

const opening = (kind: Opening["kind"], close: RegExp, closeText: string, struct?: string): Opening => ({
  _tag: "Opening",
  kind,
  close,
  closeText,
  ...(struct === undefined ? {} : { struct })
})

const openList = opening("list", /\]/uy, "]")
const openTuple = opening("tuple", /\}/uy, "}")
const openMap = opening("map", /\}/uy, "}")
const openSet = opening("set", /\]\s*\)/uy, "])")

/** What the struct of a set has beside its elements. That of Elixir up to 1.14 tells how it is made. */
const setFieldsOf = (elixirVersion: string | undefined): ReadonlyArray<Term> => {
  const [major = 0, minor = 0] = elixirVersion?.split(".").map(Number) ?? []
  return major === 1 && minor < 15 ? [atom("version"), 2] : []
}

const alternatives = operatorNames.map((name) => name.replaceAll(/[\\^$.|?*+(){}[\]/]/gu, String.raw`\$&`)).join("|")

const word = String.raw`[\p{L}_][\p{L}\p{M}\p{N}_@]*[?!]?`
const wordKey = new RegExp(String.raw`(${word}|${alternatives}):(?=\s)`, "uy")
const operatorAtom = new RegExp(`:(${alternatives})`, "uy")
const alias = /[A-Z]\w*(?:\.[A-Z]\w*)*/uy
const aliasName = (text: string): string => (/^Elixir(?:\.|$)/u.test(text) ? text : `Elixir.${text}`)

/** A text between quotes, its escapes undone. */
const unquoted = (cursor: Cursor, body: string, bodyAt: number): string => {
  const text = unescapeElixir(body)
  if (typeof text === "string") return text
  return cursor.fail(
    body.startsWith("#{", text)
      ? String.raw`#{} is code: nothing is evaluated; \#{ is text`
      : String.raw`an escape that there is not (a byte above \x7F is written <<0xNN>>)`,
    bodyAt + text
  )
}

const heredoc = /("""|''')[ \t]*\n([^]*?)^([ \t]*)\1/muy

/** The text of a heredoc, without the indentation of the quotes that end it. */
const readHeredoc = (
  cursor: Cursor
): { readonly quote: string; readonly body: string; readonly at: number } | undefined => {
  const start = cursor.at
  if (!cursor.look(/"""|'''/uy)) return undefined
  const match = cursor.take(heredoc)
  if (match === undefined) return cursor.fail("this text has no closing quotes at the start of a line")
  const [, quote, lines, indent] = match as unknown as [string, string, string, string]
  const body = indent === "" ? lines : lines.replaceAll(new RegExp(`^[ \\t]{1,${indent.length}}`, "gmu"), "")
  return { quote, body, at: start }
}

const quotes = /"([^"\\]*(?:\\[^][^"\\]*)*)"|'([^'\\]*(?:\\[^][^'\\]*)*)'/uy

/** A text in quotes, double or single; a heredoc. */
const readString = (cursor: Cursor): { readonly text: string; readonly isDouble: boolean } | undefined => {
  const whole = readHeredoc(cursor)
  if (whole !== undefined) {
    const text = unescapeElixir(whole.body)
    if (typeof text !== "string") return cursor.fail("an escape in this text that there is not, or code", whole.at)
    return { text, isDouble: whole.quote === '"""' }
  }
  const at = cursor.at
  const match = cursor.take(quotes)
  if (match === undefined) {
    return cursor.look(/["']/uy) ? cursor.fail("the closing quote of this text is missing") : undefined
  }
  const [, double, single] = match
  return { text: unquoted(cursor, (double ?? single)!, at + 1), isDouble: double !== undefined }
}

const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", "<": ">" }

const readSigil = (cursor: Cursor): Term | undefined => {
  const start = cursor.at
  const letter = cursor.take(/~([A-Za-z])(?=[/|"'([{<])/uy)?.[1]
  if (letter === undefined) return undefined
  const lower = letter === letter.toLowerCase()
  let body: string
  let bodyAt = cursor.at + 1
  const whole = readHeredoc(cursor)
  if (whole === undefined) {
    const open = cursor.text.charAt(cursor.at)
    const close = closers[open] ?? open
    let end = cursor.at + 1
    while (end < cursor.text.length && cursor.text.charAt(end) !== close) {
      end += cursor.text.charAt(end) === "\\" ? 2 : 1
    }
    if (end >= cursor.text.length) cursor.fail(`the closing ${close} of this sigil is missing`, start)
    // The one escape that an upper-case sigil has; in a lower-case one it is one of many.
    body = cursor.text.slice(bodyAt, end)
    if (!lower) body = body.replaceAll(`\\${close}`, close)
    cursor.at = end + 1
  } else {
    body = whole.body
    bodyAt = whole.at
  }
  const modifier = cursor.take(/[A-Za-z]*/uy)?.[0] ?? ""
  const text = lower && /[scw]/u.test(letter) ? unquoted(cursor, body, bodyAt) : body
  const kind = letter.toLowerCase()
  const plain = modifier === ""
  const term =
    plain && kind === "s"
      ? binary(text)
      : plain && kind === "c"
        ? charlist(text)
        : kind === "w"
          ? wordList(text, modifier)
          : plain
            ? dateSigil(letter, text)
            : undefined
  if (term !== undefined) return term
  if (kind === "r") return cursor.fail("only a node can make a regular expression", start)
  return cursor.fail(
    /[DTNU]/u.test(letter)
      ? `this is no ${letter === "T" ? "time" : "date"} that there is`
      : "a sigil that cannot be read",
    start
  )
}

const number =
  /([-+]?)[ \t]*(?:0x([\da-f]+(?:_[\da-f]+)*)|0o(\d+(?:_\d+)*)|0b(\d+(?:_\d+)*)|(\d+(?:_\d+)*)(\.\d+(?:_\d+)*(?:e[-+]?\d+)?)?|\?(\\(?:[xu]\{[\da-f]+\}|x[\da-f]{2}|u[\da-f]{4}|[^])|[^\\]))/iuy

const readNumber = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  const match = cursor.take(number)
  if (match === undefined) return undefined
  const [, sign, hex, octal, bits, whole, fraction, char] = match
  if (char === undefined && cursor.look(/[\p{L}\d_@]/uy)) cursor.unexpected("the number to end")
  const negative = sign === "-"
  if (char !== undefined) {
    const code = unquoted(cursor, char, cursor.at - char.length).codePointAt(0)
    if (code === undefined) return cursor.fail("expected a character", at)
    return negative ? -code : code
  }
  if (fraction !== undefined) return readFloat(cursor, `${negative ? "-" : ""}${whole}${fraction}`, at)
  const [digits, base] =
    hex !== undefined ? [hex, 16] : octal !== undefined ? [octal, 8] : bits !== undefined ? [bits, 2] : [whole!, 10]
  return readInteger(cursor, digits, base, negative, at)
}

const isInteger = (term: Term): term is number | bigint =>
  typeof term === "bigint" || (typeof term === "number" && Number.isInteger(term))

/** A number, or the range that it begins. */
const readNumberOrRange = (cursor: Cursor): Term | undefined => {
  const first = readNumber(cursor)
  if (first === undefined || !isInteger(first) || !cursor.take(/\s*\.\.(?!\.)\s*/uy)) return first
  const last = readNumber(cursor)
  if (last === undefined || !isInteger(last)) return cursor.fail("expected the last integer of a range")
  if (!cursor.take(/\s*\/\/\s*/uy)) return range(first, last, last >= first ? 1 : -1)
  const at = cursor.at
  const step = readNumber(cursor)
  return step !== undefined && isInteger(step) && step !== 0
    ? range(first, last, step)
    : cursor.fail("expected the step of a range, an integer that is not 0", at)
}

const modifier = /(?:(size|unit)\(\s*(\d{1,9})\s*\)|(\d{1,9})|([a-z]\w*))/uy

const segment = (cursor: Cursor): Segment => {
  const string = readString(cursor)
  const value =
    (string?.isDouble === false ? cursor.fail("a charlist inside <<>>: write it in double quotes") : string?.text) ??
    readNumber(cursor) ??
    cursor.unexpected("a number or a string inside <<>>")
  const modifiers: Array<Segment["modifiers"][number]> = []
  if (cursor.take(/\s*::\s*/uy)) {
    do {
      const match = cursor.take(modifier) ?? cursor.unexpected("a type or a size")
      const [, name, argument, size, word] = match
      if (word !== undefined) modifiers.push({ name: word })
      else modifiers.push({ name: name ?? "size", number: Number(argument ?? size) })
    } while (cursor.take(/\s*-\s*/uy))
  }
  return { value, modifiers, textType: "utf8" }
}

/** An atom with its colon, or a module's name. */
const readName = (cursor: Cursor): string | undefined => {
  const asAlias = cursor.take(alias)?.[0]
  if (asAlias !== undefined) {
    return asAlias.length <= 248 ? aliasName(asAlias) : cursor.fail("an atom of more than 255 characters")
  }
  if (!cursor.look(/:/uy)) return undefined
  const asOperator = cursor.look(/:["'\p{L}_]/uy) ? undefined : cursor.take(operatorAtom)?.[1]
  if (asOperator !== undefined) return asOperator
  const found = cursor.look(/:["'\p{L}_]/uy) && readAtom(cursor.text, cursor.at)
  if (!found)
    return cursor.look(/:["'\p{L}_]/uy) ? cursor.fail("an atom that does not end, or that there cannot be") : undefined
  cursor.at = found.end
  return found.name
}

const readCapture = (cursor: Cursor): Term | undefined => {
  const at = cursor.at
  if (!cursor.take(/&\s*/uy)) return undefined
  const wrong = (): never => cursor.fail("only &Module.name/arity can be read of functions", at)
  const module = cursor.take(/(?:nil|true|false)(?=\s*\.)/uy)?.[0] ?? readName(cursor)
  if (module === undefined || !cursor.take(/\s*\.\s*/uy)) return wrong()
  let name: string | undefined
  if (cursor.look(/"/uy)) {
    const quoted = readAtom(cursor.text, cursor.at, true)
    name = quoted?.name
    cursor.at = quoted?.end ?? cursor.at
  } else {
    name = cursor.take(/[^\s'"`,]{1,255}?(?=\/\d{1,3}(?![\w/]))/uy)?.[0]
  }
  const arity = Number(cursor.take(/\/(\d{1,3})(?!\w)/uy)?.[1])
  return name === undefined || !(arity <= 255) ? wrong() : new ExternalFun(atom(module), atom(name), arity)
}

const readOpening = (cursor: Cursor, setFields: ReadonlyArray<Term>): Opening | undefined => {
  if (cursor.take(/\[/uy)) return openList
  if (cursor.take(/\{/uy)) return openTuple
  if (cursor.take(/%\{/uy)) return openMap
  if (cursor.take(/MapSet\.new\(\s*\[/uy)) return { ...openSet, setFields }
  const struct = cursor.take(/%([A-Z]\w*(?:\.[A-Z]\w*)*)\s*\{/uy)?.[1]
  return struct === undefined ? undefined : opening("map", /\}/uy, "}", aliasName(struct))
}

/** A key, and the colon behind it: `name: `, `"quoted name": `. */
const readKey = (cursor: Cursor): string | undefined => {
  const bare = cursor.take(wordKey)?.[1]
  if (bare !== undefined) {
    return [...bare].length <= 255 ? bare : cursor.fail("an atom of more than 255 characters")
  }
  const at = cursor.at
  if (!cursor.look(/"/uy) || cursor.look(/"""/uy)) return undefined
  const match = cursor.take(quotes)
  if (match === undefined || !cursor.take(/:(?=\s)/uy)) {
    cursor.at = at
    return undefined
  }
  const name = unquoted(cursor, match[1]!, at + 1)
  return [...name].length <= 255 ? name : cursor.fail("an atom of more than 255 characters", at)
}

/** The atoms that are written without a colon. */
const reservedNames: ReadonlySet<string> = new Set(["nil", "true", "false"])

/**
 * Elixir's literals. Pids, ports and references are read as those of `owner`, sets as those of the Elixir there; a bare
 * `_` is an atom with `wildcards`.
 */
export const elixirText = (owner: Owner & { readonly elixirVersion?: string }, wildcards: boolean): Language => {
  const setFields = setFieldsOf(owner.elixirVersion)
  const readLeaf = (cursor: Cursor): Term | undefined => {
    if (cursor.take(/<</uy))
      return readBits(cursor, { blank, close: />>/uy, separator: /,/uy, trailingComma: true }, segment)
    if (cursor.look(/#Function</uy)) cursor.fail("a function with its environment cannot be made from text")
    if (cursor.look(/#DateTime</uy)) cursor.fail("a time in a zone: write it in UTC, as ~U[…Z]")
    if (cursor.take(/MapSet\.new\(\s*\)/uy)) {
      return new MapTerm([atom("__struct__"), atom("Elixir.MapSet"), atom("map"), new MapTerm([]), ...setFields])
    }
    const string = readString(cursor)
    if (string !== undefined) return string.isDouble ? binary(string.text) : charlist(string.text)
    const found = readIdentifier(cursor, owner) ?? readNumberOrRange(cursor) ?? readSigil(cursor) ?? readCapture(cursor)
    if (found !== undefined) return found
    if (wildcards && cursor.take(/_(?![\w@])/uy)) return atom("_")
    const at = cursor.at
    const name = readName(cursor)
    if (name !== undefined) {
      if (cursor.look(/\s*\.[\p{L}_"']|\(/uy)) cursor.fail("a call: nothing is evaluated, write the value itself", at)
      return atom(name)
    }
    const bare = cursor.take(/[\p{L}_][\p{L}\p{M}\p{N}_@]*[?!]?/uy)?.[0]
    if (bare === undefined) return undefined
    if (reservedNames.has(bare)) return atom(bare)
    return cursor.fail(
      cursor.look(/:/uy)
        ? "a space is missing behind the colon of this key"
        : `'${bare.slice(0, 60)}' is a variable or a call, and nothing is evaluated; an atom is written with a colon in front`,
      at
    )
  }
  return {
    blank,
    separator: { pattern: /,/uy, text: "," },
    arrow: /=>/uy,
    tail: /\|(?!\|)/uy,
    trailingComma: true,
    end: /(?!)/uy,
    start: (cursor): Start => {
      const name = readKey(cursor)
      if (name !== undefined) return { _tag: "Key", name }
      const open = readOpening(cursor, setFields)
      if (open !== undefined) return open
      const term = readLeaf(cursor)
      return term === undefined ? cursor.unexpected("a term") : { _tag: "Term", term }
    }
  }
}
