import { Buffer } from "node:buffer"
import { constructorAtom } from "../syntax/GleamText.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"

/**
 * What no word has, for a regular expression here as for one on a node: all beyond ASCII may stand in a word. By ASCII
 * alone, since a node that takes no heed of case looks up each character of a range beyond (10 ms for each row).
 */
const noWord = String.raw`\x00-\x2f:-@\[-\^\x60{-\x7f`
const others = `[${noWord}]`
const wordCharacter = `[^${noWord}]`

/** What stands between two words, with what Erlang alone writes there: `'Elixir.My.Keys'`, `<<"é"/utf8>>`. */
const between = `${others}(?:${others}|Elixir\\.|(?<=/)utf8)*`

/** A text that a node whose shell prints Latin-1 alone may print as numbers; and each word. */
const unitPattern = new RegExp(`"[^"\\\\]*[^\\u0000-\\u00ff"\\\\][^"\\\\]*"?|${wordCharacter}+`, "gu")

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`)

const anyOf = (patterns: ReadonlyArray<string>): string =>
  patterns.length === 1 ? patterns[0]! : `(?:${patterns.join("|")})`

/** The numbers that Erlang writes for a text beyond Latin-1: those of a binary, and those of a list of characters. */
const asNumbers = (text: string): ReadonlyArray<string> =>
  /[\u{100}-\u{10ffff}]/u.test(text)
    ? [[...Buffer.from(text)].join(","), Array.from(text, (character) => character.codePointAt(0)!).join(",")]
    : []

const wordsOf = (text: string): ReadonlyArray<string> => text.match(new RegExp(`${wordCharacter}+`, "gu")) ?? []

/** What a language writes around a term in words or marks of its own, where Erlang has none, or brackets. */
const ownMarks: Readonly<Record<SyntaxName, ReadonlyArray<readonly [RegExp, string]>>> = {
  // A node may compare a text without what stands around it.
  erlang: [[/"\/utf8\b/gu, '"']],
  elixir: [
    [/#(?:PID|Reference|Port)</gu, "<"],
    [/~[a-z](?=")/gu, ""],
    [/::size\((\d+)\)/gu, ":$1"]
  ],
  gleam: [
    [/\b(?:atom\.create|charlist\.from_string|dict\.from_list)\(|\/\/erl\(/gu, " "],
    [/:size\((\d+)\)/gu, ":$1"],
    // Of a constructor, whose name Erlang writes inside of them, or of an entry of a map, where it has none.
    [/[()]/gu, " "]
  ],
  lfe: [
    [/#Pid</gu, "<"],
    [/#B\(/gu, " "],
    [/#M\(/gu, "("]
  ]
}

/** A closing bracket; in LFE that of a binary looks like any other. */
const closing = { erlang: "[\\])}]", elixir: "[\\])}]", gleam: "[\\])}]", lfe: "[\\])}>]" } as const

const isConstructor = (word: string): boolean => /^(?:[A-Z][a-z\d]*)+$/u.test(word)

/**
 * A part of a term that a language prints, cut between tokens, as a regular expression that finds it, in any case, in
 * what Erlang prints of the term (`~0tp`). The languages have the words of a term in common, in the same order, but not
 * the marks between them. So the words are compared; and of the marks at either end, whether a word, or a pair of
 * brackets, begins or ends there. No part of the text acts as a regular expression itself.
 *
 * Not found are parts of what a language writes in other words than Erlang: of Elixir's structs with a syntax of their
 * own (`~D[2026-01-01]`), and of bytes and lists that only one of the two takes for text.
 */
export const termPattern = (text: string, syntax: SyntaxName): string => {
  const bare = ownMarks[syntax].reduce((rest, [mark, instead]) => rest.replaceAll(mark, instead), text)
  const units = [...bare.matchAll(unitPattern)]
  const [first] = units
  const last = units.at(-1)
  if (first === undefined || last === undefined) return escape(text)
  const unit = ([it]: RegExpExecArray): string => {
    if (!it.startsWith('"')) {
      return syntax === "gleam" && isConstructor(it) ? anyOf([...new Set([it, constructorAtom(it)])]) : it
    }
    const inside = it.replaceAll('"', "")
    return anyOf([wordsOf(inside).join(between), ...asNumbers(inside)])
  }
  const before = bare.slice(0, first.index) + (first[0].startsWith('"') ? '"' : "")
  const after = bare.slice(last.index + last[0].length) + (last[0].endsWith('"') ? '"' : "")
  const front = /[[({]/u.test(before)
    ? `[[({]${others}{0,40}(?:Elixir\\.)?`
    : before.length > 0
      ? `(?<!${wordCharacter})`
      : ""
  const back = /[\])}]/u.test(after)
    ? `(?:${others}|/utf8)*${closing[syntax]}`
    : after.length > 0
      ? `(?!${wordCharacter})`
      : ""
  const words = `${front}${units.map(unit).join(between)}${back}`
  return bare.includes('"') ? words : anyOf([words, ...asNumbers(text.trim())])
}

/** A regular expression that finds a text as it is, in any case. */
export const literalPattern = escape
