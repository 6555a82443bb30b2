import { unescapeErlang } from "./Unescape.ts"

/** Places that are told of one function: the preprocessor, and Elixir, know more than one. */
const maxPlaces = 100

/** Where a function stands in the text of a source file, and the text. Lines count from 1. */
export interface Excerpted {
  readonly firstLine: number
  readonly lastLine: number
  readonly text: string
}

// Erlang

/** One lexical unit of Erlang at a place: where it ends, and whether it is only space, a comment, or a dot. */
interface Unit {
  readonly end: number
  readonly kind: "blank" | "dot" | "other"
}

const blank = /[\s\u00a0]+|%[^\n]*/uy
/** A run of quotes, with what follows where that ends its line. */
const quotes = /"+(?=([ \t]*\n)?)/uy
// Each of these matches wherever it begins, to the end of the text where it does not end before: an unending one is
// read once, not again from each place inside.
/** A string of three or more quotes (OTP 27) ends on a line that has as many and nothing before them. */
const multiline = /("{3,})[ \t]*\n[^]*?(?:\n[ \t]*\1(?!")|$)/uy
const literal = /"(?:[^"\\]|\\[^])*(?:"|\\?$)|'(?:[^'\\]|\\[^])*(?:'|\\?$)|\$(?:\\(?:x\{[^}]{0,8}\}|\^?[^])|[^])/uy
const dot = /\.(?=\s|%|$)/uy

const unitAt = (text: string, at: number): Unit => {
  quotes.lastIndex = at
  const [run = "", lineEnd] = quotes.exec(text) ?? []
  // The whole run is taken at once: from each quote in it, how many follow would be counted again.
  const opensLines = run.length > 2 && lineEnd !== undefined
  // Two are an empty string; an odd one that is left begins a string.
  if (run.length > 1 && !opensLines) return { end: at + run.length - (run.length % 2), kind: "other" }
  const kinds = [
    [blank, "blank"],
    [multiline, "other"],
    [literal, "other"],
    [dot, "dot"]
  ] as const
  for (const [pattern, kind] of kinds) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) return { end: at + match[0].length, kind }
  }
  return { end: at + 1, kind: "other" }
}

/** `[start, end]` of each form: from its first token to behind its dot. */
const formsOf = function* (text: string): Generator<readonly [number, number]> {
  let start: number | undefined
  for (let at = 0; at < text.length;) {
    const { end, kind } = unitAt(text, at)
    if (kind !== "blank") start ??= at
    if (kind === "dot" && start !== undefined) {
      yield [start, end]
      start = undefined
    }
    at = end
  }
}

const head = /(-spec\s*(?:\(\s*)?)?([\p{Ll}][\p{L}\p{N}_@]*|'(?:[^'\\]|\\[^])*')\s*\(/uy

/** What a form defines: the name, the number of arguments, and whether it is a specification. */
const headOf = (text: string, start: number, stop: number) => {
  head.lastIndex = start
  const match = head.exec(text)
  if (match === null) return undefined
  const [whole, spec, written] = match
  const name = written!.startsWith("'") ? unescapeErlang(written!.slice(1, -1)) : written
  let [depth, arity, isEmpty] = [1, 1, true]
  for (let at = start + whole.length; at < stop && depth > 0;) {
    const { end, kind } = unitAt(text, at)
    const char = text[at]!
    if (end === at + 1 && "([{".includes(char)) depth += 1
    else if (end === at + 1 && ")]}".includes(char)) depth -= 1
    else if (end === at + 1 && depth === 1 && char === ",") arity += 1
    // `<<` and `>>` hold commas, too.
    else if (text.startsWith("<<", at)) depth += 0.5
    else if (text.startsWith(">>", at)) depth -= 0.5
    if (kind !== "blank" && depth > 0) isEmpty = false
    at = end
  }
  return { name, arity: isEmpty ? 0 : arity, isSpec: spec !== undefined }
}

const lineAt = (text: string, at: number): number => {
  let line = 1
  for (let next = text.indexOf("\n"); next !== -1 && next < at; next = text.indexOf("\n", next + 1)) line += 1
  return line
}

/**
 * The definitions of a function in Erlang source, each with the specification in front of it. More than one where
 * the preprocessor chooses between them. `arities`: any of these.
 */
export const findInErlang = (text: string, name: string, arities: ReadonlyArray<number>): ReadonlyArray<Excerpted> => {
  const found: Array<Excerpted> = []
  let spec: { readonly start: number; readonly arity: number } | undefined
  for (const [start, end] of formsOf(text)) {
    if (found.length === maxPlaces) break
    const defined = headOf(text, start, end)
    const isMeant = defined?.name === name && arities.includes(defined.arity)
    if (isMeant && !defined.isSpec) {
      const from = spec?.arity === defined.arity ? spec.start : start
      found.push({ firstLine: lineAt(text, from), lastLine: lineAt(text, end), text: text.slice(from, end) })
    }
    spec = isMeant && defined.isSpec ? { start, arity: defined.arity } : undefined
  }
  return found
}

// Elixir

const indentOf = (line: string): number => line.length - line.trimStart().length

/** Lines that one block can have. */
const maxBlock = 2_000

/** The last line (from 0) of the block that begins on a line: up to its `end`, or to where nothing is deeper. */
const blockEnd = (lines: ReadonlyArray<string>, first: number): number => {
  const indent = indentOf(lines[first]!)
  let last = first
  for (let at = first + 1; at < Math.min(lines.length, first + maxBlock); at++) {
    const line = lines[at]!
    if (line.trim() === "") continue
    if (indentOf(line) > indent) {
      last = at
      continue
    }
    if (indentOf(line) < indent) return last
    if (/^\s*end\b/u.test(line)) return at
    if (!/^\s*(?:rescue|catch|else|after|\)|\]|\}|""")/u.test(line)) return last
    last = at
  }
  return last
}

/**
 * The clauses of a function in Elixir source that begin on these lines (from 1, as the compiler noted them), with the
 * attributes right in front of the first. Relies on the indentation that the formatter gives.
 */
export const findInElixir = (text: string, starts: ReadonlyArray<number>): ReadonlyArray<Excerpted> => {
  const lines = text.split("\n")
  const found: Array<Excerpted> = []
  for (const start of [...new Set(starts)].toSorted((a, b) => a - b)) {
    if (found.length === maxPlaces) break
    if (start < 1 || start > lines.length || start <= (found.at(-1)?.lastLine ?? 0)) continue
    let first = start - 1
    // What was shown with the clause before is not shown again.
    const floor = found.at(-1)?.lastLine ?? 0
    while (first > floor && /^\s*@(?:spec|impl|decorate)\b/u.test(lines[first - 1]!)) first -= 1
    const last = blockEnd(lines, start - 1)
    found.push({ firstLine: first + 1, lastLine: last + 1, text: lines.slice(first, last + 1).join("\n") })
  }
  return found
}
