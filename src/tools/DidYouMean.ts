/**
 * Changes (insert, delete, replace, swap of neighbours) that turn one text into the other; any number above `limit`
 * where it takes more than that. The lengths differ by `limit` at most. Looks only at what so many changes could reach:
 * time grows with the length times `limit`.
 */
const distance = (a: string, b: string, limit: number): number => {
  let before: Array<number> = []
  let current: Array<number> = []
  let previous = Array.from({ length: limit + 2 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const [first, last] = [Math.max(1, row - limit), Math.min(b.length, row + limit)]
    current[first - 1] = first === 1 ? row : Infinity
    for (let column = first; column <= last; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, before[column - 2]! + 1)
      }
      current[column] = best
    }
    current[last + 1] = Infinity
    ;[before, previous, current] = [previous, current, before]
  }
  return previous[b.length]!
}

const normal = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/** An atom's longest name; what is longer was not mistyped. */
const maxLength = 255

/** More mistakes than this make another name. */
const maxMistakes = 4

/** Names of about the right length that are compared, at most: a suggestion is not worth holding everybody else up. */
const maxCompared = 500

/**
 * The names that were perhaps meant, best first, at most three: those a few typing mistakes away, and those that
 * contain what was written.
 */
export const didYouMean = (written: string, names: Iterable<string>): ReadonlyArray<string> => {
  const wanted = written.length > maxLength ? "" : normal(written)
  if (wanted === "") return []
  const limit = Math.min(maxMistakes, Math.max(1, Math.floor(wanted.length / 3)))
  const scores = new Map<string, number>()
  let compared = 0
  for (const name of names) {
    if (name.length > maxLength || scores.has(name)) continue
    const candidate = normal(name)
    const isComparable = Math.abs(candidate.length - wanted.length) <= limit
    if (isComparable && ++compared > maxCompared) break
    const mistakes = isComparable ? distance(wanted, candidate, limit) : Infinity
    if (mistakes <= limit) scores.set(name, mistakes)
    else if (wanted.length >= 3 && candidate.includes(wanted)) scores.set(name, wanted.length)
  }
  return [...scores]
    .toSorted((a, b) => a[1] - b[1])
    .slice(0, 3)
    .map(([name]) => name)
}

const withoutElixir = (name: string): string => name.replace(/^Elixir\./u, "")

/** {@link didYouMean} of the names of atoms: an alias to Elixir is the same with what stands in front of it and without. */
export const didYouMeanAtom = (written: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const known = new Map(names.map((name) => [withoutElixir(name), name]))
  return didYouMean(withoutElixir(written), known.keys()).map((name) => known.get(name)!)
}
