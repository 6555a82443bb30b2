import { Result } from "effect"
import { type Place, placeAt } from "./JsonPlace.ts"

/**
 * Where a text stops being JSON, or has a key that its object has already, and what could have stood there.
 */
export interface JsonMistake extends Place {
  readonly what: "is not JSON" | "has a key twice"
  readonly expected: string
}

const space = /[\t\n\r ]*/uy
// oxlint-disable-next-line no-control-regex
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/uy
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?)(?![\w.+-])/uy

/**
 * The first mistake in a text that `JSON.parse` refuses, by the grammar of RFC 8259, or of which it drops a part without
 * a word: of a key that stands twice it takes the last. The message of `JSON.parse` does not serve: it has no place for
 * some mistakes, and quotes the text, in which a cookie may stand.
 */
export const jsonMistake = (text: string): JsonMistake | undefined => {
  let at = 0
  const taken = (token: RegExp): boolean => {
    token.lastIndex = at
    const is = token.test(text)
    if (is) at = token.lastIndex
    return is
  }
  const takenOne = (character: string): boolean => {
    if (text[at] !== character) return false
    at++
    return true
  }
  /** The closing brackets of what is open, the innermost last. */
  const open: Array<"}" | "]"> = []
  /** The keys so far of what is open. */
  const keys: Array<Set<string>> = []
  let state: "value" | "first" | "key" | "after" = "value"
  const failure = (expected: string, what: JsonMistake["what"] = "is not JSON"): JsonMistake => {
    return { what, ...placeAt(text, at), expected }
  }
  const begin = (bracket: "}" | "]"): void => {
    open.push(bracket)
    keys.push(new Set())
  }
  const close = (): void => {
    open.pop()
    keys.pop()
  }
  for (;;) {
    taken(space)
    const bracket = open.at(-1)
    if (state === "after") {
      if (bracket === undefined) return at === text.length ? undefined : failure("nothing more")
      if (takenOne(bracket)) close()
      else if (takenOne(",")) state = bracket === "}" ? "key" : "value"
      else return failure(`a comma or ${bracket}`)
    } else if (state === "first" && takenOne(bracket!)) {
      close()
      state = "after"
    } else if (state === "key" || (state === "first" && bracket === "}")) {
      const start = at
      if (!taken(string)) return failure(`a key in double quotes${state === "first" ? " or }" : ""}`)
      const key = JSON.parse(text.slice(start, at)) as string
      if (keys.at(-1)!.has(key)) {
        at = start
        return failure("a key that its object does not have yet", "has a key twice")
      }
      keys.at(-1)!.add(key)
      taken(space)
      if (!takenOne(":")) return failure("a colon")
      state = "value"
    } else if (takenOne("{")) {
      begin("}")
      state = "first"
    } else if (takenOne("[")) {
      begin("]")
      state = "first"
    } else if (taken(string) || taken(scalar)) state = "after"
    else if (text[at] === '"') return failure("a string without line breaks that ends with a double quote")
    else return failure(`a value${state === "first" ? " or ]" : ""}`)
  }
}

/** A text's JSON value; fails with the first mistake in it, in words that quote nothing of it. */
export const parseJson = (text: string): Result.Result<unknown, string> => {
  const mistake = jsonMistake(text)
  if (mistake === undefined) return Result.succeed(JSON.parse(text) as unknown)
  const { column, expected, line, what } = mistake
  return Result.fail(`${what}: line ${line}, column ${column}: expected ${expected}`)
}
