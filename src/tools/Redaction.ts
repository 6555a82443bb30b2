import { Redacted } from "effect"
import { Buffer } from "node:buffer"
import { withoutBrokenSecrets } from "./BrokenSecrets.ts"
import { redacted, withoutCookies } from "./SecretShapes.ts"

/** A secret shorter than this is blotted out only where it stands as a word, lest half of every text vanish. */
const wordLength = 8

/** So many characters of a secret's beginning may be seen in front of a cut; one more is taken for the secret. */
const unrecognisable = 3

/** What the surroundings of a secret must be, as expressions in front and behind. */
interface Borders {
  readonly before?: string
  readonly after?: string
}

/** What numbers, identifiers and cookies that are no names have inside. */
const inside = String.raw`[\p{L}\p{N}_@.-]`

/** What names have inside. */
const ofName = String.raw`[\p{L}\p{N}_]`

/** Where a sigil ends that has letters behind it. */
const sigilEnd = String.raw`~r\/.{0,200}\/`

/**
 * Where a short secret is blotted out: as a word. One with a letter in it may be a name of the node's, too, of a module or
 * an application, which is then gone wherever it stands, in `name.function/1`, `name@host` and `lib/name-1.0/name.beam`:
 * one that were left would tell which word it is that is blotted out beside it. A letter alone may be no word but a part
 * of the syntax: of a sigil (`~c"…"`, `~r/…/u`) or an escape (`\n`).
 */
const bordersOf = (secret: string): Borders => {
  if (secret.length >= wordLength) return {}
  if (!/\p{L}/u.test(secret)) return { before: `(?<!${inside})`, after: `(?!${inside})` }
  const isLetter = secret.length === 1
  return {
    // The letter of an escape is not one of the name behind it.
    before: isLetter ? `(?<!${ofName}|[~\\\\]|${sigilEnd})` : `(?:(?<!${ofName})|(?<=\\\\[abefnrstv]))`,
    after: `(?!${ofName})`
  }
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&")

/**
 * What stands between the last that is shown of a term and the dots for what is left out, as `syntax/` and `io_lib`
 * write it, and as it is left where such a text is cut once more: `"ab" <> ... 9 more bytes`, `<<"ab"/utf8...>>`,
 * `[1,2|...]`, `<<"ab"/ut...`. A run of blanks is looked through from its beginning only, where a secret may be blank.
 */
const cut = String.raw`(?=\\*["']?(?:\/u?t?f?8?)?(?:(?: <> | \+\+ )[,|]?|[,|]?(?<!\s)\s*)(?:\.{3}|…))`

/** One of the ways in which a secret can turn up in text. */
interface Spelling extends Borders {
  /** Regular expressions, one after the other. */
  readonly units: ReadonlyArray<string>
  /** Between the units. */
  readonly separator?: string
  /** What a cut inside of a unit can leave of it and of the separator in front. */
  readonly torn?: string
  /** Units that three characters take, rounded up. */
  readonly unitsUnrecognisable: number
}

/**
 * A text as it is and escaped, any number of times, by the syntax around it: whatever is no letter or digit may have
 * backslashes in front, and more where it has some of its own. There is one way to match them and no other, lest a secret
 * made of them is looked for without an end in a text of them.
 */
const escapedUnits = (text: string): ReadonlyArray<string> => {
  const chars = Array.from(text)
  return chars.map((char, at) => {
    const isFirst = at === 0
    if (char !== "\\")
      return isFirst || chars[at - 1] === "\\" || /[\p{L}\p{N}]/u.test(char)
        ? escape(char)
        : String.raw`\\*${escape(char)}`
    const begins = isFirst ? String.raw`(?<!\\)` : ""
    return begins + (chars[at + 1] === "\\" ? String.raw`\\` : String.raw`\\+(?!\\)`)
  })
}

const constructorOf = (name: string): string =>
  name.replace(/(?:^|_)([a-z\d])/gu, (_, first: string) => first.toUpperCase())

/** As it is, as a constructor, escaped, as character codes, in hex, in base64. */
const spellings = (secret: string): ReadonlyArray<Spelling> => {
  const bytes = Buffer.from(secret)
  const verbatim: Spelling = {
    units: escapedUnits(secret),
    ...bordersOf(secret),
    unitsUnrecognisable: unrecognisable
  }
  const codes: Spelling = {
    units: Array.from(bytes, String),
    separator: String.raw`\s*[,|]\s*`,
    torn: String.raw`(?:\s*[,|]\s*\d{1,2})?`,
    before: String.raw`(?<!\d)`,
    after: String.raw`(?!\d)`,
    unitsUnrecognisable: unrecognisable
  }
  const hex = bytes.toString("hex")
  const hexes = [hex, hex.toUpperCase()].map((digits) => ({
    units: Array.from(digits),
    unitsUnrecognisable: unrecognisable * 2
  }))
  // Base64 of a text that holds the secret shows only the digits that depend on the secret alone, whatever the offset.
  const base64 = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/u, "")
    const first = Math.ceil((offset * 8) / 6)
    const last = Math.floor(((offset + bytes.length) * 8) / 6)
    return {
      units: Array.from(padded.slice(first, last), (digit) => (/[+/]/u.test(digit) ? "[+/_-]" : digit)),
      unitsUnrecognisable: Math.ceil((unrecognisable * 8) / 6)
    }
  })
  // Gleam shows an atom as a constructor, in capitals and without the lines between the words.
  const constructor = /^[a-z][a-z\d_]*$/u.test(secret)
    ? [{ ...verbatim, units: Array.from(constructorOf(secret)) }]
    : []
  // What is shorter could be anything.
  return [
    verbatim,
    ...constructor,
    ...(bytes.length < 3 ? [] : [codes]),
    ...(bytes.length < 4 ? [] : hexes),
    ...(bytes.length < 5 ? [] : base64)
  ]
}

const whole = ({ after = "", before = "", separator = "", units }: Spelling): string =>
  before + units.join(separator) + after

/** All of it, or a beginning that could be recognised, in front of a cut. */
const beginning = ({ before = "", separator = "", torn = "", units, unitsUnrecognisable }: Spelling): string => {
  const [least, rest] = [units.slice(0, unitsUnrecognisable + 1), units.slice(unitsUnrecognisable + 1)]
  const more = rest.reduceRight((further, unit) => `(?:${separator}${unit}${further})?`, "")
  return before + least.join(separator) + more + torn + cut
}

/** No cookie is longer; what a client gives for one may be of any length. */
const maxLength = 255

/** By secret: working one out takes a while, and the same ones are wanted for every result. */
const known = new WeakMap<Redacted.Redacted, RegExp>()

const expressionOf = (secret: Redacted.Redacted): RegExp => {
  const before = known.get(secret)
  if (before !== undefined) return before
  const spelled = spellings(Redacted.value(secret))
  const expression = new RegExp([...spelled.map(whole), ...spelled.map(beginning)].join("|"), "gu")
  known.set(secret, expression)
  return expression
}

/**
 * A function that blots the secrets out of a text, however they are written there; and their beginnings too, where
 * the text was cut inside of them: by us, or by the node that it came from. Cookies that are not among them go where what
 * stands in front says that they are some.
 */
export const redactor = (secrets: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const longestFirst = secrets
    .filter((secret) => Redacted.value(secret) !== "" && Redacted.value(secret).length <= maxLength)
    .toSorted((a, b) => Redacted.value(b).length - Redacted.value(a).length)
  const expressions = longestFirst.map(expressionOf)
  const withoutBroken = withoutBrokenSecrets(longestFirst.map(Redacted.value))
  return (text) =>
    withoutCookies(expressions.reduce((rest, expression) => rest.replace(expression, redacted), withoutBroken(text)))
}
