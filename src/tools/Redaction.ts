import { Redacted } from "effect"
import { Buffer } from "node:buffer"

const replacement = "[redacted]"

/** A secret shorter than this is blotted out only where it stands as a word, lest half of every text vanish. */
const wordLength = 8

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&")

const word = String.raw`[\p{L}\p{N}_@.-]`

/** The ways in which a secret can turn up in text: as it is, escaped, as character codes, hex or base64. */
const spellings = (secret: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(secret)
  // A quote, a backslash or a hash may be escaped by the syntax around it, and that once more.
  const verbatim = secret.replace(/["'\\#]|[^"'\\#]+/gu, (part) =>
    /["'\\#]/u.test(part) ? String.raw`\\*${escape(part)}` : escape(part)
  )
  const whole = secret.length < wordLength ? `(?<!${word})${verbatim}(?!${word})` : verbatim
  // Base64 of a text that holds the secret shows only the digits that depend on the secret alone, whatever the offset.
  const base64 = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/u, "")
    const first = Math.ceil((offset * 8) / 6)
    const last = Math.floor(((offset + bytes.length) * 8) / 6)
    return padded.slice(first, last).replace(/[+/]/gu, "[+/_-]")
  })
  const hex = bytes.toString("hex")
  return [
    whole,
    ...(bytes.length < 3 ? [] : [String.raw`(?<!\d)${[...bytes].join(String.raw`,\s*`)}(?!\d)`]),
    ...(bytes.length < 6 ? [] : [hex, hex.toUpperCase(), ...base64])
  ]
}

/** A function that blots the secrets out of a text, however they are written there. */
export const redactor = (secrets: ReadonlyArray<Redacted.Redacted>): ((text: string) => string) => {
  const all = new Set(secrets.map(Redacted.value).filter((secret) => secret !== ""))
  if (all.size === 0) return (text) => text
  const sources = [...all].flatMap(spellings).toSorted((a, b) => b.length - a.length)
  const expression = new RegExp(sources.join("|"), "gu")
  return (text) => text.replace(expression, replacement)
}
