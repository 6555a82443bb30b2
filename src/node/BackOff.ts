/** Milliseconds before the first attempt to make a lost link again; twice as many each time, up to the longest. */
const firstMillis = 500
const longestMillis = 30_000

/**
 * Milliseconds to wait before an attempt, the first being 0: between half of its pause and all of it, so that those who
 * lost the same node do not come back in step.
 */
export const backOff = (attempt: number, random: number): number =>
  Math.min(firstMillis * 2 ** attempt, longestMillis) * (0.5 + random / 2)
