import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Patience } from "../../../src/node/ErlangNode.ts"
import { Deadline, keepingDeadline, remainingMillis, scanMillis } from "../../../src/tools/Deadline.ts"
import { atom } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

describe("the time of a tool", () => {
  it.each([
    [15_000, 11_250],
    [5_000, 3_750],
    [3_000, 2_000],
    [2_000, 1_000],
    [100, 50]
  ])("of %d ms, %d are for a scan", (left, millis) => {
    expect(scanMillis(left)).toBe(millis)
  })

  it.effect("grows no longer when the clock of this machine is set back", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      yield* TestClock.setTime(0)
      expect(yield* remainingMillis).toBe(29_000)
    }).pipe(Effect.provideService(Deadline, { at: 30_000, millis: 30_000 }))
  )
})

describe("a node that keeps a tool's deadline", () => {
  it.effect("has as long for each of its questions as the tool has, and no longer", () =>
    Effect.gen(function* () {
      const asked: Array<number | undefined> = []
      const note = (patience?: Patience) => void asked.push(patience?.timeoutMillis)
      const node = keepingDeadline({
        ...fakeNode(),
        call: (_module, _func, _args, options) => Effect.sync(() => (note(options), atom("ok"))),
        runAgent: (_func, _argument, options) => Effect.sync(() => (note(options), atom("ok"))),
        existingAtom: (_text, patience) => Effect.sync(() => (note(patience), atom("ok"))),
        roundTrip: (patience) => Effect.sync(() => (note(patience), 1))
      })
      yield* node.call("erlang", "self", [])
      yield* node.call("erlang", "self", [], { timeoutMillis: 100 })
      yield* node.call("erlang", "self", [], { timeoutMillis: 90_000 })
      yield* node.runAgent("beamscope_logs:configuration", atom("ok"))
      yield* node.existingAtom("ok")
      yield* node.roundTrip()
      expect(asked).toEqual([30_000, 100, 30_000, 30_000, 30_000, 30_000])
    }).pipe(Effect.provideService(Deadline, { at: 30_000, millis: 30_000 }))
  )
})
