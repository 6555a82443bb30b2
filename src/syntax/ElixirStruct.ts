import { Atom, Binary, isAtom, isTuple, listItems, MapTerm, type Term, utf8Text } from "../etf/Term.ts"
import { escape, escaper, visible } from "./Escape.ts"
import type { Collection } from "./Syntax.ts"

/** The fields of a struct by name. */
export type Fields = ReadonlyMap<string, Term>

/**
 * The structs of Elixir itself that `inspect` writes in a form of their own: sigils, ranges, sets. `undefined` for all
 * others, and for one whose fields are not what its module would have put there. `members` writes the keys of a map
 * as a list.
 */
export const knownStruct = (
  module: string,
  fields: Fields,
  members: (map: MapTerm) => Collection
): string | Collection | undefined => {
  switch (module) {
    case "Elixir.Date":
      return sigil("D", date(fields))
    case "Elixir.Time":
      return sigil("T", time(fields))
    case "Elixir.NaiveDateTime":
      return sigil("N", dateAndTime(fields))
    case "Elixir.DateTime":
      return dateTime(fields)
    case "Elixir.Range":
      return range(fields)
    case "Elixir.Regex":
      return regex(fields)
    case "Elixir.MapSet": {
      const map = fields.get("map")
      if (!(map instanceof MapTerm)) return undefined
      const list = members(map)
      return { ...list, open: `MapSet.new(${list.open}`, close: `${list.close})` }
    }
    default:
      return undefined
  }
}

const int = (term: Term | undefined, from: number, to: number): number | undefined =>
  typeof term === "number" && Number.isInteger(term) && term >= from && term <= to ? term : undefined

const pad = (value: number, digits: number): string => String(value).padStart(digits, "0")

const sigil = (letter: string, text: string | undefined): string | undefined =>
  text === undefined ? undefined : `~${letter}[${text}]`

const isIso = (fields: Fields): boolean => isAtom(fields.get("calendar"), "Elixir.Calendar.ISO")

const daysIn = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

const date = (fields: Fields): string | undefined => {
  const year = int(fields.get("year"), -9999, 9999)
  const month = int(fields.get("month"), 1, 12)
  if (year === undefined || month === undefined || !isIso(fields)) return undefined
  const day = int(fields.get("day"), 1, daysIn(year, month))
  return day === undefined
    ? undefined
    : `${year < 0 ? "-" : ""}${pad(Math.abs(year), 4)}-${pad(month, 2)}-${pad(day, 2)}`
}

const time = (fields: Fields): string | undefined => {
  const hour = int(fields.get("hour"), 0, 23)
  const minute = int(fields.get("minute"), 0, 59)
  const second = int(fields.get("second"), 0, 59)
  const microsecond = fields.get("microsecond")
  const [value, precision] = isTuple(microsecond) ? [int(microsecond[0], 0, 999_999), int(microsecond[1], 0, 6)] : []
  if (hour === undefined || minute === undefined || second === undefined || !isIso(fields)) return undefined
  if (value === undefined || precision === undefined) return undefined
  const fraction = precision === 0 ? "" : `.${pad(value, 6).slice(0, precision)}`
  return `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fraction}`
}

const dateAndTime = (fields: Fields): string | undefined => {
  const [day, hour] = [date(fields), time(fields)]
  return day === undefined || hour === undefined ? undefined : `${day} ${hour}`
}

/** The name of a time zone or its abbreviation; what is neither could pass for the rest of the term. */
const zoneText = (term: Term | undefined): string | undefined => {
  const text = term instanceof Binary && term.length <= 255 ? utf8Text(term) : undefined
  return text !== undefined && /^[\w+/-]+$/u.test(text) ? text : undefined
}

const secondsOfDay = 86_400

const dateTime = (fields: Fields): string | undefined => {
  const text = dateAndTime(fields)
  const zone = zoneText(fields.get("time_zone"))
  const abbreviation = zoneText(fields.get("zone_abbr"))
  const utc = int(fields.get("utc_offset"), -secondsOfDay, secondsOfDay)
  const standard = int(fields.get("std_offset"), -secondsOfDay, secondsOfDay)
  if (text === undefined || zone === undefined || abbreviation === undefined) return undefined
  if (utc === undefined || standard === undefined) return undefined
  if (utc === 0 && standard === 0 && zone === "Etc/UTC") return `~U[${text}Z]`
  const minutes = Math.floor(Math.abs(utc + standard) / 60)
  const offset = `${utc + standard < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`
  return `#DateTime<${text}${offset}${zone === "Etc/UTC" ? "" : ` ${abbreviation} ${zone}`}>`
}

/** Any integer that a program counts to; a longer one is no bound of a range worth a form of its own. */
const bound = (term: Term | undefined): number | undefined =>
  int(term, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

const range = (fields: Fields): string | undefined => {
  const [first, last, step] = [bound(fields.get("first")), bound(fields.get("last")), bound(fields.get("step"))]
  if (first === undefined || last === undefined || step === undefined || step === 0) return undefined
  return step === 1 && last >= first ? `${first}..${last}` : `${first}..${last}//${step}`
}

/** A longer source is written as an ordinary struct, where it can be cut. */
const longestSource = 1000

const inSlashes = escaper(String.raw`\/|#\{`, (match) => regexEscapes[match] ?? `\\${match}`)
const regexEscapes: Readonly<Record<string, string>> = {
  "\x07": String.raw`\a`,
  "\f": String.raw`\f`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\t": String.raw`\t`,
  "\v": String.raw`\v`
}

const regex = (fields: Fields): string | Collection | undefined => {
  const source = fields.get("source")
  const options = fields.get("opts")
  if (!(source instanceof Binary) || source.length > longestSource || options === undefined) return undefined
  const letters = regexLetters(options)
  const normal = utf8Text(source)?.replace(/\\(\\|\/|#\{)/gu, (escaped, char: string) =>
    char === "\\" ? escaped : char
  )
  const text = normal === undefined ? undefined : escape(normal, inSlashes)
  if (letters !== undefined && text !== undefined && text === visible(text)) return `~r/${text}/${letters}`
  // What the sigil cannot spell stands in a string.
  const parts = [source, options]
  return {
    open: "Regex.compile!(",
    close: ")",
    separator: ", ",
    size: parts.length,
    element: (index) => [parts[index]!]
  }
}

const letterOf: ReadonlyMap<string, string> = new Map([
  ["caseless", "i"],
  ["dotall newline", "s"],
  ["extended", "x"],
  ["firstline", "f"],
  ["multiline", "m"],
  ["ungreedy", "U"],
  ["unicode ucp", "u"]
])

const optionName = (option: Term): string => {
  if (isTuple(option, "newline") && isAtom(option[1], "anycrlf")) return "newline"
  return option instanceof Atom && /^[a-z]+$/u.test(option.text) ? option.text : "?"
}

/** The modifiers behind the sigil, from a binary or, in later releases, a list of compile options; in `inspect`'s order. */
const regexLetters = (options: Term): string | undefined => {
  if (options instanceof Binary) {
    const text = utf8Text(options)
    return text !== undefined && /^[a-zA-Z]*$/u.test(text) ? text : undefined
  }
  const items = listItems(options)
  if (items === undefined || items.length > 16) return undefined
  const letters = items
    .map(optionName)
    .join(" ")
    .replace(/dotall newline|unicode ucp|[a-z]+/gu, (name) => letterOf.get(name) ?? "?")
  return letters.includes("?") ? undefined : letters.split(" ").toReversed().join("")
}
