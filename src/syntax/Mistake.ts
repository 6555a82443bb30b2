import { excerpt } from "./Excerpt.ts"
import { visible } from "./Escape.ts"

/** What is wrong with a text, and where. Thrown while it is read; `parseTerm` returns it as a value. */
export class Mistake {
  readonly problem: string
  /** In UTF-16 code units from the start of the text. */
  readonly offset: number
  constructor(problem: string, offset: number) {
    this.problem = problem
    this.offset = offset
  }

  /** The problem with its place, and the line that it is in with a caret under it. */
  message(text: string): string {
    const before = text.slice(0, this.offset).split("\n")
    const lineStart = this.offset - before.at(-1)!.length
    const line = text.slice(lineStart).split("\n", 1)[0]!
    const column = [...before.at(-1)!].length + 1
    const from = Math.max(0, this.offset - lineStart - around)
    const left = (from > 0 ? "…" : "") + visible(line.slice(from, this.offset - lineStart))
    const rest = line.slice(this.offset - lineStart)
    const right = visible(rest.slice(0, around)) + (rest.length > around ? "…" : "")
    const place = text.includes("\n") ? `line ${before.length}, column ${column}` : `column ${column}`
    return `${place}: ${this.problem}\n  ${left}${right}\n  ${" ".repeat([...left].length)}^`
  }
}

/** How much of its line is shown on either side of a mistake. */
const around = 40

/** A text being read. */
export class Cursor {
  readonly text: string
  at = 0
  constructor(text: string) {
    this.text = text
  }

  /** Moves past what matches here; the pattern is sticky. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const match = this.look(pattern)
    if (match !== undefined) this.at += match[0].length
    return match
  }

  /** What matches here, without moving. */
  look(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    return pattern.exec(this.text) ?? undefined
  }

  fail(problem: string, offset: number = this.at): never {
    throw new Mistake(problem, offset)
  }

  /** Fails for something else than was expected, saying what is found. */
  unexpected(expected: string): never {
    const found = this.look(/\.\.\.|[\w@]+|[-+*/<>=&|^~!]+|[^]/uy)?.[0]
    if (found === undefined) return this.fail(`expected ${expected} but the text ends`)
    if (found === "...") return this.fail(`expected ${expected} but found '...': what was left out cannot be read`)
    const operator = /^(?:[-+*/<>=&^~!@.:(]+|and|or|xor|not|div|rem|band|bor|bxor|bsl|bsr|in|when)$/u.test(found)
    return this.fail(
      `expected ${expected} but found '${excerpt(found)}'${operator ? ": nothing is evaluated, write the value itself" : ""}`
    )
  }
}
