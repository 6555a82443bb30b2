import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { atom, type Term } from "../../../src/etf/Term.ts"
import { TickTime } from "../../../src/node/TickTime.ts"

const makeWorld = () => {
  const world = { answer: 60 as Term, set: [] as Array<number>, asked: 0, silentMillis: 0 }
  const ticking = new TickTime(
    { setTickTime: (seconds) => void world.set.push(seconds), silentMillis: () => world.silentMillis },
    () => Effect.sync(() => (world.asked++, world.answer))
  )
  return { ticking, world }
}

describe("the tick time of a node", () => {
  it.effect("is asked for again when two ticks did not come, and not before", () =>
    Effect.gen(function* () {
      const { ticking, world } = makeWorld()
      ticking.learn(4)
      yield* Effect.forkScoped(ticking.askWhenSilent)
      world.silentMillis = 1_900
      yield* TestClock.adjust("10 seconds")
      expect(world.asked).toBe(0)
      world.silentMillis = 2_100
      yield* TestClock.adjust("1 second")
      expect(world.asked).toBe(1)
      yield* TestClock.adjust("1 minute")
      // Of a minute, two ticks are missed only after half of that.
      expect(world).toMatchObject({ asked: 1, set: [4, 60] })
    })
  )

  it.effect("is the shorter of both while it changes", () =>
    Effect.sync(() => {
      const { ticking, world } = makeWorld()
      ticking.learn(8)
      ticking.learn([atom("ongoing_change_to"), 60])
      ticking.learn([atom("ongoing_change_to"), 4])
      ticking.learn(60)
      ticking.learn(60)
      ticking.learn(atom("ignored"))
      expect(world.set).toEqual([8, 4, 60])
    })
  )
})
