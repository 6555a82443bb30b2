import { Clock, Effect } from "effect"

/**
 * One moment, in milliseconds, by both clocks: `wall` since the Unix epoch, to be told to people; `steady` since any
 * time, for everything that lasts, since nobody sets that clock and it never jumps.
 */
export interface Moment {
  readonly wall: number
  readonly steady: number
}

const steadyOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** What both clocks show now. */
export const momentOf = (clock: Clock.Clock): Moment => ({
  wall: clock.currentTimeMillisUnsafe(),
  steady: steadyOf(clock)
})

/** What the wall clock, as it is set now, shows when the steady one shows this. */
export const onTheWall = ({ steady, wall }: Moment, at: number): number => Math.round(wall + at - steady)

/** Milliseconds by the steady clock, to measure what lasts, and to end what may not last longer. */
export const steadyMillis: Effect.Effect<number> = Clock.clockWith((clock) => Effect.sync(() => steadyOf(clock)))
