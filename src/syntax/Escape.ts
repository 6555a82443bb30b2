/**
 * Code points that are never shown as they are: controls, format characters (bidi, zero width, tags), all spaces and
 * separators but the common space, lone surrogates, private and unassigned ones, the object replacement character, and
 * whatever Unicode says to draw as nothing (variation selectors, fillers). What a node says is untrusted text: shown
 * raw, these hide, reorder or forge what stands around them.
 */
const hidden = String.raw`(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u{fffc}]`

/** How a kind of literal writes the characters that it cannot hold as they are. */
export interface Escaper {
  /** Matches each of them; sticky state is not used. */
  readonly pattern: RegExp
  /** What to write for a match. */
  readonly write: (match: string) => string
}

/**
 * An escaper for all hidden characters and for `special`, a regular expression source: what else has a meaning in the
 * literal.
 */
export const escaper = (special: string, write: (match: string) => string): Escaper => ({
  pattern: new RegExp(`${special}|${hidden}`, "gu"),
  write
})

/** The whole text, escaped. */
export const escape = (text: string, { pattern, write }: Escaper): string => text.replace(pattern, write)

/** As much of the text as fits in `room` once it is escaped, cut between characters; and the part of it that was taken. */
export const escapeWithin = (
  text: string,
  { pattern, write }: Escaper,
  room: number
): { readonly escaped: string; readonly taken: string } => {
  let escaped = ""
  let at = 0
  const plain = (to: number): boolean => {
    const end = Math.min(to, at + room - escaped.length)
    const splits = end < to && isHighSurrogate(text.charCodeAt(end - 1))
    const upTo = Math.max(at, splits ? end - 1 : end)
    escaped += text.slice(at, upTo)
    at = upTo
    return upTo === to
  }
  for (const match of text.matchAll(pattern)) {
    if (!plain(match.index)) return { escaped, taken: text.slice(0, at) }
    const written = write(match[0])
    if (escaped.length + written.length > room) return { escaped, taken: text.slice(0, at) }
    escaped += written
    at += match[0].length
  }
  plain(text.length)
  return { escaped, taken: text.slice(0, at) }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00

/** A code point in hexadecimal, upper case. */
export const hex = (char: string): string => char.codePointAt(0)!.toString(16).toUpperCase()

/** Of {@link visible}. */
export const visibleEscaper = escaper("(?!)", (char) => {
  switch (char) {
    case "\n":
      return String.raw`\n`
    case "\r":
      return String.raw`\r`
    case "\t":
      return String.raw`\t`
    default:
      return `\\u{${hex(char)}}`
  }
})

/**
 * Untrusted text on one line, for where it stands outside a term: a node name, a line of a log. Printable text comes
 * back as it is; what would not be seen becomes `\n`, `\r`, `\t` or `\u{202E}`.
 */
export const visible = (text: string): string => escape(text, visibleEscaper)
