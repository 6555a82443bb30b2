import { Clock, Effect } from "effect"

/**
 * One moment, in milliseconds, by both clocks: `wall` since the Unix epoch, to be told to people; `steady` since any
 * time, for everything that lasts, since nobody sets that clock and it never jumps.
 */
export interface Moment {
  readonly wall: number
  readonly steady: number
  /** What `wall` is where `steady` is 0, as long as nobody sets that clock. */
  readonly offset: number
}

const steadyOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Milliseconds by which the clocks have to come apart until that is taken for the wall clock having been set. */
const setMillis = 50

/**
 * Tells what both clocks show now. Neither is read in the same instant, nor is the wall clock finer than a millisecond:
 * what lies between them is kept, so that a time which is told twice is the same twice.
 */
export const makeNow = (clock: Clock.Clock): (() => Moment) => {
  let offset: number | undefined
  return () => {
    const wall = clock.currentTimeMillisUnsafe()
    const steady = steadyOf(clock)
    if (offset === undefined || Math.abs(wall - steady - offset) > setMillis) offset = wall - steady
    return { wall, steady, offset }
  }
}

/** What the wall clock, as it is set now, shows when the steady one shows this. */
export const onTheWall = ({ offset }: Moment, at: number): number => Math.round(offset + at)

/** Milliseconds by the steady clock, to measure what lasts, and to end what may not last longer. */
export const steadyMillis: Effect.Effect<number> = Clock.clockWith((clock) => Effect.sync(() => steadyOf(clock)))
