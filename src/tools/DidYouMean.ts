/** Changes (insert, delete, replace, swap of neighbours) that turn one text into the other. */
const distance = (a: string, b: string): number => {
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, before[column - 2]! + 1)
      }
      current.push(best)
    }
    before = previous
    previous = current
  }
  return previous[b.length]!
}

const normal = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/** Longer than this no name is compared: the work grows with the square. */
const maxLength = 255

/**
 * The names that were perhaps meant, best first, at most three: those a few typing mistakes away, and those that
 * contain what was written.
 */
export const didYouMean = (written: string, names: Iterable<string>): ReadonlyArray<string> => {
  const wanted = normal(written)
  if (wanted === "" || wanted.length > maxLength) return []
  const scored: Array<readonly [name: string, score: number]> = []
  for (const name of new Set(names)) {
    const candidate = normal(name)
    if (candidate.length > maxLength) continue
    const mistakes = distance(wanted, candidate)
    if (mistakes <= Math.max(1, Math.floor(wanted.length / 3))) scored.push([name, mistakes])
    else if (wanted.length >= 3 && candidate.includes(wanted)) scored.push([name, wanted.length])
  }
  return scored
    .toSorted((a, b) => a[1] - b[1])
    .slice(0, 3)
    .map(([name]) => name)
}
