/** How far the clock of a node is ahead of ours, as far as an answer of it tells. */
export interface ClockDifference {
  readonly aheadMillis: number
  /** How far that may be off, either way: the node looked at its clock at some time between question and answer. */
  readonly marginMillis: number
}

/** Milliseconds by which two clocks may differ and be told as equal. */
const sameMillis = 1_000

/** Milliseconds of a margin from which on it is told with a difference, which is told in tenths of a second. */
const worthTelling = 100

const seconds = (millis: number): string => `${(millis / 1_000).toFixed(millis < 10_000 ? 1 : 0)} s`

/** What is known of the node's clock, in one sentence; `differs`: the part of it that says so, where it surely does. */
export const describeClock = ({
  aheadMillis,
  marginMillis
}: ClockDifference): { readonly found: string; readonly differs?: string } => {
  const apart = Math.abs(aheadMillis)
  if (apart + marginMillis <= sameMillis) return { found: "Its clock is as ours, within a second." }
  if (apart - marginMillis <= sameMillis) {
    const most = seconds(Math.ceil((apart + marginMillis) / 100) * 100)
    return {
      found: `Its clock may be as ours: it differs by ${most} at most, and an answer that took ${seconds(2 * marginMillis)} tells no more.`
    }
  }
  const margin = marginMillis < worthTelling ? "" : `, give or take ${seconds(marginMillis)}`
  const differs = `${seconds(apart)} ${aheadMillis > 0 ? "ahead of" : "behind"} ours${margin}`
  return { found: `Its clock is ${differs}.`, differs }
}
