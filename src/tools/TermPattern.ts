import { Buffer } from "node:buffer"
import { parseTerm } from "../syntax/ParseTerm.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"
import { unescapeElixir, unescapeErlang, unescapeGleam, unescapeLfe } from "../syntax/Unescape.ts"

/** Of what Erlang writes between two values, a character: by ASCII alone, which is cheap on a node (see `holds/2` there). */
const mark = String.raw`[\s,\[\]{}#=><|]`
const behindMark = `(?<=^|${mark})`
const beforeMark = `(?=${mark}|$)`

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`)

const anyOf = (patterns: ReadonlyArray<string>): string => {
  const different = [...new Set(patterns)]
  return different.length === 1 ? different[0]! : `(?:${different.join("|")})`
}

/** The numbers that Erlang writes for a text beyond Latin-1: those of a binary, and those of a list of characters. */
const asNumbers = (text: string): ReadonlyArray<string> =>
  /[\u{100}-\u{10ffff}]/u.test(text)
    ? [[...Buffer.from(text)].join(","), Array.from(text, (character) => character.codePointAt(0)!).join(",")]
    : []

/** The inside of a text: as Erlang writes it between its quotes, and as it is, since of some texts a node compares that. */
const insides = (text: string): ReadonlyArray<string> => {
  const quoted = text.replaceAll(/["\\]/gu, String.raw`\$&`)
  const written = quoted
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\t", String.raw`\t`)
    .replaceAll("\r", String.raw`\r`)
  return [escape(written), escape(text)]
}

/** In the print of a term by Erlang, a text in letters, or one that is no text to Beamscope, but may be to a node. */
const texts = /<<"((?:\\.|[^"\\])*)"\/utf8>>|\[(\d+(?:,\d+)*)\]/gu

const isPrintable = (codes: ReadonlyArray<number>): boolean =>
  codes.some((code) => code > 0xff) &&
  codes.every((code) => code <= 0x10ffff && !/[\p{Cc}\p{Cs}]/u.test(String.fromCodePoint(code)))

/** A text as all of a term, of which a node may compare the inside alone. */
const textAlone = /^(?:<<)?"((?:\\.|[^"\\])*)"(?:\/utf8)?(?:>>)?$/u

/** A regular expression that finds a term, given as Erlang prints it, in each way in which a node prints or compares it. */
export const wholePattern = (printed: string): string => {
  let pattern = ""
  let at = 0
  for (const { 0: whole, 1: inside, 2: codes, index } of printed.matchAll(texts)) {
    const numbers = codes?.split(",").map(Number) ?? []
    const text = inside === undefined ? undefined : unescapeErlang(inside)
    const others =
      typeof text === "string"
        ? asNumbers(text)
            .slice(0, 1)
            .map((bytes) => `<<${bytes}>>`)
        : isPrintable(numbers)
          ? insides(String.fromCodePoint(...numbers)).map((it) => `"${it}"`)
          : []
    pattern += escape(printed.slice(at, index)) + anyOf([escape(whole), ...others])
    at = index + whole.length
  }
  pattern += escape(printed.slice(at))
  const alone = textAlone.exec(printed)?.[1]
  const text = alone === undefined ? undefined : unescapeErlang(alone)
  return typeof text === "string" ? anyOf([pattern, ...insides(text).map((it) => `^${it}$`)]) : pattern
}

/** What a language writes around a term in words or marks of its own, where Erlang has none, or others. */
const ownMarks: Readonly<Record<SyntaxName, ReadonlyArray<readonly [RegExp, string]>>> = {
  erlang: [[/"\/utf8\b/gu, '"']],
  elixir: [
    [/#PID</gu, "<"],
    [/#Reference</gu, "#Ref<"],
    [/~[a-z](?=")/gu, ""],
    [/::size\((\d+)\)/gu, ":$1"]
  ],
  gleam: [
    [/\batom\.create\((?=")/gu, ":"],
    [/\b(?:atom\.create|charlist\.from_string|dict\.from_list)\(|\/\/erl\(/gu, " "],
    [/:size\((\d+)\)/gu, ":$1"]
  ],
  lfe: [
    [/#Pid</gu, "<"],
    [/#[BM]?(?=[("])/gu, ""],
    [/(?<=^|\s)\.(?=\s|$)/gu, " "]
  ]
}

/** What Erlang shows of an Elixir struct in front of its name. */
const structKey = ":__struct__"

/** The name of a struct. It may stand anywhere among the keys as Erlang prints them: their order is not the same in all releases. */
const anyStruct = String.raw`'__struct__' => (?:'(?:\\.|[^'\\])*'|\w+)`

/** Elixir's structs as Erlang has them, with the name behind its key; a text in quotes stays as it is. */
const structNames = (text: string, syntax: SyntaxName): string =>
  syntax === "elixir"
    ? text.replaceAll(/("(?:\\[^]|[^"\\])*(?:"|$))|%(?=[A-Z])/gu, (_, quoted?: string) => quoted ?? `${structKey}, `)
    : text

const unescapes = { elixir: unescapeElixir, erlang: unescapeErlang, gleam: unescapeGleam, lfe: unescapeLfe } as const

/**
 * A name or a text in quotes (not closed where the piece ends in it), what stands behind it being the colon of a key; an
 * identifier; or a word. All else are marks, also what begins a bracket that the piece has no more of.
 */
const valuesOf = (quotes: string, marks: string): RegExp =>
  new RegExp(
    String.raw`(:?)([${quotes}])((?:\\[^]|(?!\2)[^\\])*)(\2|$)(:(?=\s|$))?|` +
      String.raw`(?:#\w+)?(?<!<)<(?!<)[^<>\s,"]+>?|` +
      String.raw`(?![%#'][({["<]|[%#]\s*$)(?:${marks}[^\s()[\]{}"<|])+`,
    "gu"
  )

const values = {
  elixir: valuesOf(`"'`, "(?!=>|[,>])"),
  erlang: valuesOf(`"'`, "(?!=>|[,>])"),
  gleam: valuesOf(`"'`, "(?!=>|[,>])"),
  lfe: valuesOf(`"|`, "")
} as const

/** Of no node: a pid is compared as it is typed. */
const nobody = { node: "nobody@nowhere", creation: 0 }

/** Which ends of a value are all there: where the piece begins, or ends, in it, the others are not. */
interface Ends {
  readonly isBegun: boolean
  readonly isEnded: boolean
}

/** A text between quotes, of which a node may print the numbers alone, or compare the inside alone. */
const textPattern = (text: string, { isBegun, isEnded }: Ends): string => {
  const front = isBegun ? '(?:"|^)' : ""
  const back = isEnded ? '(?:"(?:/utf8)?|$)' : ""
  const numbers = asNumbers(text).map((them) => `${isBegun ? behindMark : ""}${them}${isEnded ? beforeMark : ""}`)
  return anyOf([`${front}${anyOf(insides(text))}${back}`, ...numbers])
}

/** As Erlang writes a name; without the quote, and what it alone has in front, at the end that is not there. */
const namePattern = (printed: string, { isBegun, isEnded }: Ends): string => {
  const begun = isBegun ? printed : printed.replace(/^'(?:Elixir\.)?/u, "")
  return escape(isEnded ? begun : begun.replace(/'$/u, ""))
}

const isKey = (word: string, syntax: SyntaxName): boolean => syntax === "elixir" && /[^:]:$/u.test(word)

const wordPattern = (word: string, syntax: SyntaxName, ends: Ends): string => {
  if (isKey(word, syntax)) return namePattern(syntaxes.erlang.atom(word.slice(0, -1)), ends)
  if (/^[<#]/u.test(word)) return escape(word)
  const parsed = parseTerm(word, syntax, nobody)
  if (parsed._tag === "Mistake") return escape(word)
  const printed = namePattern(syntaxes.erlang.print(parsed.term).text, ends)
  return ends.isBegun && ends.isEnded ? printed : anyOf([printed, escape(word)])
}

/** A value that {@link values} found; of one that the piece begins inside of, the first quote is not its own. */
const valuePattern = (value: RegExpExecArray, syntax: SyntaxName, isInside: boolean, ends: Ends): string => {
  const [word, colon, quote, inside, close, key] = value
  if (inside === undefined) return wordPattern(word, syntax, ends)
  const read = unescapes[syntax](inside)
  const text = typeof read === "string" ? read : inside
  const isEnded = close !== ""
  if (isInside) return `${anyOf(insides(text))}${isEnded ? `(?:["'](?:/utf8)?|$)` : ""}`
  if (colon !== ":" && key === undefined && quote === '"') {
    const asText = textPattern(text, { isBegun: true, isEnded })
    // What makes a name of it in Gleam may stand in front of the piece.
    const isName = syntax === "gleam" && value.index === 0 && isEnded
    return isName ? anyOf([asText, `${behindMark}${escape(syntaxes.erlang.atom(text))}`]) : asText
  }
  if (isEnded) return `${behindMark}${namePattern(syntaxes.erlang.atom(text), { isBegun: true, isEnded })}`
  // How it goes on says whether it is quoted.
  return `${behindMark}'?(?:Elixir\\.)?${anyOf(insides(text))}`
}

/** What stands between two values. In most languages, blanks alone stand inside of a text, or behind a key. */
const betweenPattern = (marks: string, behind: string, syntax: SyntaxName): string =>
  syntax !== "lfe" && /^\s+$/u.test(marks) && !behind.endsWith(":")
    ? escape(marks)
    : `${mark}${marks === "" ? "*" : "+"}`

/** Brackets that Erlang has in the same place, whichever it has; in Gleam, round ones stand elsewhere. */
const openers = { elixir: /[[({]\s*$/u, erlang: /[[({]\s*$/u, gleam: /\[\s*$/u, lfe: /\(\s*$/u } as const
const closers = { elixir: /^\s*[\])}]/u, erlang: /^\s*[\])}]/u, gleam: /^\s*\]/u, lfe: /^\s*\)/u } as const

const isEmptyText = ([, colon, quote, inside, close]: RegExpExecArray): boolean =>
  colon === "" && quote === '"' && inside === "" && close !== ""

/** What stands in front of the first value. Behind the bracket of an Elixir struct a key is not the first in Erlang's. */
const frontPattern = (before: string, [first]: RegExpExecArray, syntax: SyntaxName, isBegun: boolean): string => {
  const isOpened =
    openers[syntax].test(before) && first !== structKey && !(isKey(first, syntax) && /^\s*\{\s*$/u.test(before))
  if (isOpened) return String.raw`(?<=[\[{<])`
  return isBegun ? behindMark : ""
}

/** `isInside`: whether the piece begins inside of quotes, the first of which was put in front of it. */
const readPiece = (piece: string, syntax: SyntaxName, isInside: boolean): ReadonlyArray<string> => {
  const text = structNames(piece, syntax)
  const found = [...text.matchAll(values[syntax])].filter((value) => !isEmptyText(value))
  const [first] = found
  const last = found.at(-1)
  if (first === undefined || last === undefined) return []
  const before = text.slice(0, first.index)
  const after = text.slice(last.index + last[0].length)
  const isBegun = before !== "" || /^:[^"']|^[<#&]/u.test(first[0])
  const isEnded = after !== "" || isKey(last[0], syntax)
  const patternOf = (index: number): string => {
    const value = found[index]!
    const ends = { isBegun: value !== first || isBegun, isEnded: value !== last || isEnded }
    return valuePattern(value, syntax, isInside && value === first, ends)
  }
  const between = (index: number): string => {
    const [previous, value] = [found[index - 1], found[index]]
    if (previous === undefined || value === undefined) return ""
    return betweenPattern(text.slice(previous.index + previous[0].length, value.index), previous[0], syntax)
  }
  const front = frontPattern(before, first, syntax, isBegun)
  const isClosed = closers[syntax].test(after)
  const back = isClosed ? String.raw`(?:>>)?[\]}>]` : isEnded ? beforeMark : ""
  let pattern = ""
  let isBehindName = false
  for (let index = 0; index < found.length; index++) {
    if (!isBehindName) pattern += between(index)
    isBehindName = false
    if (syntax === "elixir" && between(index).startsWith(mark)) pattern += `(?:${anyStruct}${mark}+)*`
    const { 0: word, index: at } = found[index]!
    // The piece may begin in the name, of which nothing but the bracket behind it tells then what it is.
    const isCutName = syntax === "elixir" && at === 0 && text[word.length] === "{"
    if (isCutName || (word === structKey && index + 1 < found.length)) {
      const nameAt = isCutName ? index : index + 1
      const struct = isCutName ? patternOf(index) : patternOf(index) + between(nameAt) + patternOf(nameAt)
      const isLast = nameAt + 1 === found.length
      if (isLast && !isClosed) return [`${isInside ? "" : front}${pattern}(?=[\\s\\S]*${struct}${back})`]
      index = nameAt
      isBehindName = !isLast
      pattern += isLast ? struct : `${isCutName ? behindMark : ""}(?=[\\s\\S]*${struct})`
    } else pattern += patternOf(index)
  }
  const lastName = syntax === "elixir" && isClosed ? `(?:${mark}+${anyStruct})*` : ""
  return [`${isInside ? "" : front}${pattern}${lastName}${back}`]
}

/**
 * A part of a term that a language prints as a regular expression that finds it, in any case, in what Erlang prints of
 * the term (`~0tp`). The languages have the values in common, in the same order, but not the marks between them. So
 * signs, points, and whatever stands inside of names and texts are compared; brackets, commas, blanks, quotes and arrows
 * between them are not, but for where the piece begins and ends: with a value, a mark, or a bracket. What is typed may
 * be from within quotes as well. No part of the text acts as a regular expression itself.
 *
 * Not found are parts of what a language writes in other words than Erlang: of Elixir's structs with a syntax of their
 * own (`~D[2026-01-01]`), and of bytes and lists that only one of the two takes for text.
 */
export const termPattern = (text: string, syntax: SyntaxName): string => {
  const bare = ownMarks[syntax].reduce((rest, [own, instead]) => rest.replaceAll(own, instead), text)
  // A quote directly behind a word ends what the piece begins inside of.
  const ending = /^[^"'|]*[^\s"'|([{,<>:]("|'|\|)/u.exec(bare)?.[1]
  return anyOf([
    ...readPiece(bare, syntax, false),
    ...(ending === undefined ? [] : readPiece(ending + bare, syntax, true)),
    ...insides(text),
    ...(text.includes('"') ? [] : asNumbers(text.trim()))
  ])
}

/**
 * A regular expression that finds a part of the name of an atom, in any case, where it is quoted too; a name with what may
 * stand between two values as all of one.
 */
export const partOfName = (name: string): string => {
  const written = syntaxes.erlang.atom(name)
  if (/[,[\]{}#=><|]/u.test(name)) return anyOf([escape(written), `^${escape(name)}$`])
  return anyOf([escape(name), namePattern(written, { isBegun: false, isEnded: false })])
}
