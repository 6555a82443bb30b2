import { atom, binary, charlist, list, map, type MapTerm, type Term } from "../etf/Term.ts"

/** Elixir's sigils of dates and times: the struct that the text between the brackets is; `undefined` where it is none. */
export const dateSigil = (letter: string, text: string): Term | undefined => {
  switch (letter) {
    case "D":
      return struct("Elixir.Date", dateFields(text))
    case "T":
      return struct("Elixir.Time", timeFields(text.replace(/^T/u, "")))
    case "N":
    case "U": {
      const [, date, time, zone] = /^([^ T]+)[ T]([^Z+]+)(Z|\+00:?00)?$/u.exec(text) ?? []
      if (date === undefined || time === undefined || (zone === undefined) !== (letter === "N")) return undefined
      const [day, hour] = [dateFields(date), timeFields(time)]
      if (day === undefined || hour === undefined) return undefined
      return letter === "N"
        ? struct("Elixir.NaiveDateTime", { ...day, ...hour })
        : struct("Elixir.DateTime", { ...day, ...hour, ...utc })
    }
    default:
      return undefined
  }
}

type Fields = Readonly<Record<string, Term>>

const utc: Fields = { time_zone: binary("Etc/UTC"), zone_abbr: binary("UTC"), utc_offset: 0, std_offset: 0 }

const calendar = atom("Elixir.Calendar.ISO")

const struct = (module: string, fields: Fields | undefined): MapTerm | undefined =>
  fields === undefined
    ? undefined
    : map([
        [atom("__struct__"), atom(module)],
        ...Object.entries(fields).map(([name, value]) => [atom(name), value] as const)
      ])

const dateFields = (text: string): Fields | undefined => {
  const match = /^([+-]?)(\d{4})-(\d\d)-(\d\d)$/u.exec(text)
  if (match === null) return undefined
  const [year, month, day] = match.slice(2).map(Number) as [number, number, number]
  // The calendar repeats every 400 years; JavaScript's takes two-digit years for others.
  const last = new Date(
    Date.UTC(2000 + ((((match[1] === "-" ? -year : year) % 400) + 400) % 400), month, 0)
  ).getUTCDate()
  if (month < 1 || month > 12 || day < 1 || day > last) return undefined
  return { calendar, year: match[1] === "-" && year > 0 ? -year : year, month, day }
}

const timeFields = (text: string): Fields | undefined => {
  const match = /^(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?$/u.exec(text)
  if (match === null) return undefined
  const [hour, minute, second] = match.slice(1, 4).map(Number) as [number, number, number]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const digits = (match[4] ?? "").slice(0, 6)
  return { calendar, hour, minute, second, microsecond: [Number(digits.padEnd(6, "0")), digits.length] }
}

/** `first..last//step`. */
export const range = (first: Term, last: Term, step: Term): Term => struct("Elixir.Range", { first, last, step })!

/** `~w`: the words of a text as strings, charlists or atoms; `undefined` for another modifier. */
export const wordList = (text: string, modifier: string): Term | undefined => {
  const words = text.split(/\s+/u).filter((word) => word !== "")
  if (!/^[sca]?$/u.test(modifier) || (modifier === "a" && words.some((word) => [...word].length > 255)))
    return undefined
  const make: (word: string) => Term = modifier === "a" ? atom : modifier === "c" ? charlist : binary
  return list(words.map((word) => make(word)))
}
