/*
 * The escapes between quotes, undone. Each function returns the text, or the offset within it of what cannot be read:
 * an escape that there is not, a character that no text can hold, code.
 */

const elixirEscapes: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  d: "\x7f",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  s: " ",
  t: "\t",
  v: "\v",
  // A line that goes on.
  "\n": ""
}

const { 0: _octal, a: _letter, "\n": _newline, ...erlangEscapes } = elixirEscapes

const erlangEscape = /\\(?:x\{([\da-f]+)\}|x([\da-f]{2})|([0-7]{1,3})|\^([a-z@[\]\\^_?])|([^]))/giu
const elixirEscape = /\\(?:[xu]\{([\da-f]+)\}|x([0-7][\da-f])|u([\da-f]{4})|([^]))|(#\{)/giu

/** `undefined` for a code point that no text can hold. */
const character = (codePoint: number): string | undefined =>
  codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint < 0xe000) ? String.fromCodePoint(codePoint) : undefined

const unescape = (
  text: string,
  pattern: RegExp,
  read: (groups: ReadonlyArray<string | undefined>) => string | undefined
): string | number => {
  let result = ""
  let at = 0
  for (const match of text.matchAll(pattern)) {
    const char = read(match.slice(1))
    if (char === undefined) return match.index
    result += text.slice(at, match.index) + char
    at = match.index + match[0].length
  }
  return result + text.slice(at)
}

/** As `erl_scan` reads strings, quoted atoms and `$\n`. */
export const unescapeErlang = (text: string): string | number =>
  unescape(text, erlangEscape, ([braced, two, octal, control, other]) => {
    if (braced !== undefined || two !== undefined) return character(parseInt((braced ?? two)!, 16))
    if (octal !== undefined) return character(parseInt(octal, 8))
    if (control !== undefined) return control === "?" ? "\x7f" : character(control.toUpperCase().charCodeAt(0) & 31)
    return other === "x" ? undefined : (erlangEscapes[other!] ?? other)
  })

/** As Elixir reads strings, quoted atoms and `?\n`. A bare `#{` is code, not text; so is a byte above `\x7F`, no character. */
export const unescapeElixir = (text: string): string | number =>
  unescape(text, elixirEscape, ([braced, two, four, other, code]) => {
    if (code !== undefined) return undefined
    const digits = braced ?? two ?? four
    if (digits !== undefined) return character(parseInt(digits, 16))
    return elixirEscapes[other!] ?? (/[xu]/u.test(other!) ? undefined : other)
  })

const gleamEscape = /\\(?:u\{([\da-f]{1,6})\}|([^]))/giu
const gleamEscapes: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", f: "\f", n: "\n", r: "\r", t: "\t" }

/** As Gleam reads strings. */
export const unescapeGleam = (text: string): string | number =>
  unescape(text, gleamEscape, ([digits, other]) =>
    digits === undefined ? gleamEscapes[other!] : character(parseInt(digits, 16))
  )

const lfeEscape = /\\(?:x([\da-f]+);|([^]))/giu

/** As LFE reads strings and symbols between bars. */
export const unescapeLfe = (text: string): string | number =>
  unescape(text, lfeEscape, ([digits, other]) =>
    digits === undefined ? (erlangEscapes[other!] ?? other) : character(parseInt(digits, 16))
  )
