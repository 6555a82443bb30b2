/** How quantities are said in a summary. The data beside it has the exact figures. */

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"]

/** `812 bytes`, `1.5 GiB`. */
export const bytes = (count: number): string => {
  const power = Math.min(count < 1 ? 0 : Math.floor(Math.log2(count) / 10), units.length - 1)
  return power === 0 ? amount(count, "byte") : `${(count / 1024 ** power).toFixed(1)} ${units[power]}`
}

const spans = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1]
] as const

/** The two largest units of a time: `3 days 4 hours`, `12 seconds`. */
export const duration = (millis: number): string => {
  let rest = Math.floor(millis / 1000)
  const parts = spans.map(([unit, seconds]) => {
    const count = Math.floor(rest / seconds)
    rest -= count * seconds
    return [count, unit] as const
  })
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return "less than a second"
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => amount(count, unit))
    .join(" ")
}

/** The word that goes with a number: `was` with 1, `were` with others. */
export const agree = (count: number, singular: string, plural: string): string => (count === 1 ? singular : plural)

/** `1 process`, `12,345 processes`; with a verb, `1 process was`, `12,345 processes were`. */
export const amount = (count: number, singular: string, plural: string = `${singular}s`): string =>
  `${count.toLocaleString("en-US")} ${agree(count, singular, plural)}`

/** A part of a whole in percent, with one decimal. */
export const percent = (part: number, whole: number): number => Math.round((part / whole) * 1000) / 10

/** `a set`, `an ordered_set`. */
export const withArticle = (noun: string): string => `${/^[aeiou]/u.test(noun) ? "an" : "a"} ${noun}`
