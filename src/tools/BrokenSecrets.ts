import { redacted } from "./SecretShapes.ts"

/** Of a shorter one, what is left of two words would too often be taken for it. */
const leastLength = 8

/** So many characters of a secret's beginning may be seen in front of a cut. */
const unrecognisable = 3

const [tab, lineEnd, carriageReturn, blank, backslash] = [9, 10, 13, 32, 92]

/** A text without blanks, line ends and backslashes, and where each unit of it stands in the text. */
const bareOf = (text: string): { readonly bare: string; readonly places: ReadonlyArray<number> } => {
  const places: Array<number> = []
  let bare = ""
  let from = 0
  for (let at = 0; at <= text.length; at++) {
    const unit = at < text.length ? text.charCodeAt(at) : blank
    if (unit === blank || unit === tab || unit === lineEnd || unit === carriageReturn || unit === backslash) {
      bare += text.slice(from, at)
      from = at + 1
    } else places.push(at)
  }
  return { bare, places }
}

/** What stands behind the last that is shown of a term, without its blanks: see `Redaction.ts`. */
const cut = /["']?(?:\/u?t?f?8?)?(?:<>|\+\+)?[,|]?(?:\.{3}|…)/uy

const isCutAt = (text: string, at: number): boolean => {
  cut.lastIndex = at
  return cut.test(text)
}

/** How many units of a secret stand there: all of them, or a beginning that could be recognised, in front of a cut. */
const lengthAt = (text: string, at: number, secret: string): number => {
  let length = 0
  while (length < secret.length && text.charCodeAt(at + length) === secret.charCodeAt(length)) length++
  return length === secret.length || (length > unrecognisable && isCutAt(text, at + length)) ? length : 0
}

/**
 * A function that blots secrets out where they are broken over lines: whoever wraps what is too long for a line knows nothing
 * of secrets, and may do so at a blank of theirs. Text and secrets are compared unit by unit without whatever may stand
 * where they are broken.
 */
export const withoutBrokenSecrets = (secrets: ReadonlyArray<string>): ((text: string) => string) => {
  const bares = secrets.map((secret) => bareOf(secret).bare).filter((bare) => bare.length >= leastLength)
  return (text) => {
    if (bares.length === 0 || !text.includes("\n")) return text
    const { bare, places } = bareOf(text)
    const isBroken = (from: number, to: number) => text.slice(from, to).includes("\n")
    let shown = ""
    let end = 0
    const ends = new Map<number, number>()
    for (const secret of bares) {
      const beginning = secret.slice(0, unrecognisable + 1)
      for (let at = bare.indexOf(beginning); at >= 0; at = bare.indexOf(beginning, at + 1)) {
        const length = lengthAt(bare, at, secret)
        if (length === 0) continue
        const [from, to] = [places[at]!, places[at + length - 1]! + 1]
        if (isBroken(from, to)) ends.set(from, Math.max(to, ends.get(from) ?? 0))
      }
    }
    for (const [from, to] of [...ends].toSorted(([one], [other]) => one - other)) {
      if (from >= end) shown += text.slice(end, from) + redacted
      end = Math.max(end, to)
    }
    return shown + text.slice(end)
  }
}
