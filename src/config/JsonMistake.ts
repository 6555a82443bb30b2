/** Where a text stops being JSON, and what could have stood there. Lines and columns count from 1. */
export interface JsonMistake {
  readonly line: number
  readonly column: number
  readonly expected: string
}

const space = /[\t\n\r ]*/uy
// oxlint-disable-next-line no-control-regex
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/uy
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?)(?![\w.+-])/uy

/**
 * The first mistake in a text that `JSON.parse` refuses, by the grammar of RFC 8259. The message of `JSON.parse` does
 * not serve: it has no place for some mistakes, and quotes the text, in which a cookie may stand.
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
  let state: "value" | "first" | "key" | "after" = "value"
  const failure = (expected: string): JsonMistake => {
    const lines = text.slice(0, at).split(/\r\n|[\n\r]/u)
    return { line: lines.length, column: lines.at(-1)!.length + 1, expected }
  }
  for (;;) {
    taken(space)
    const bracket = open.at(-1)
    if (state === "after") {
      if (bracket === undefined) return at === text.length ? undefined : failure("the end of the file")
      if (takenOne(bracket)) open.pop()
      else if (takenOne(",")) state = bracket === "}" ? "key" : "value"
      else return failure(`a comma or ${bracket}`)
    } else if (state === "first" && takenOne(bracket!)) {
      open.pop()
      state = "after"
    } else if (state === "key" || (state === "first" && bracket === "}")) {
      if (!taken(string)) return failure(`a key in double quotes${state === "first" ? " or }" : ""}`)
      taken(space)
      if (!takenOne(":")) return failure("a colon")
      state = "value"
    } else if (takenOne("{")) {
      open.push("}")
      state = "first"
    } else if (takenOne("[")) {
      open.push("]")
      state = "first"
    } else if (taken(string) || taken(scalar)) state = "after"
    else if (text[at] === '"') return failure("a string without line breaks that ends with a double quote")
    else return failure(`a value${state === "first" ? " or ]" : ""}`)
  }
}
