/** A place in a text; lines and columns count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gu

/** The place of an offset in a text. */
export const placeAt = (text: string, offset: number): Place => {
  const lines = text.slice(0, offset).split(/\r\n|[\n\r]/u)
  return { line: lines.length, column: lines.at(-1)!.length + 1 }
}

/** Where a value stands in a JSON text without mistakes, by the keys and indices that lead to it; a key's value at its key. */
export const placeOf = (text: string, path: ReadonlyArray<unknown>): Place | undefined => {
  if (path.length === 0) return placeAt(text, text.search(/\S/u))
  /** What is open: the index of an array's element, or the key of an object's; `undefined` before the first one. */
  const open: Array<{ readonly isArray: boolean; at: unknown }> = []
  const isThere = () => open.length === path.length && open.every(({ at }, depth) => at === path[depth])
  let previous = ""
  for (const { 0: word, index } of text.matchAll(token)) {
    const inner = open.at(-1)
    const isKey = word.startsWith('"') && inner?.isArray === false && (previous === "{" || previous === ",")
    if (isKey) inner.at = JSON.parse(word)
    if (inner?.isArray === true && word !== "]" && (previous === "[" || previous === ","))
      inner.at = previous === "[" ? 0 : (inner.at as number) + 1
    if ((isKey || inner?.isArray === true) && isThere()) return placeAt(text, index)
    if (word === "{" || word === "[") open.push({ isArray: word === "[", at: undefined })
    if (word === "}" || word === "]") open.pop()
    previous = word
  }
  return undefined
}
