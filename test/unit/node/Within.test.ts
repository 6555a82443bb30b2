import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterEach, beforeEach, vi } from "vitest"
import { within } from "../../../src/node/Within.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }))
afterEach(() => void vi.useRealTimers())

describe("questions that share their time", () => {
  it.effect("each have what is left of it, and none is asked when that is over", () =>
    Effect.gen(function* () {
      const node = fakeNode({ replies: { "erlang:self/0": { term: 1 } } })
      const ask = within(node.call, node.name, { millis: 1_000, end: performance.now() + 1_000 })("erlang", "self", [])
      yield* ask
      vi.advanceTimersByTime(700)
      yield* ask
      vi.advanceTimersByTime(300)
      const error = yield* Effect.flip(ask)
      expect(error.reason).toEqual({ _tag: "DeadlineExceeded", millis: 1_000, worker: "not_started" })
      expect(error.message).toContain("within 1000 ms; that time was over before it was asked.")
      expect(node.called.map(({ options }) => options?.timeoutMillis)).toEqual([1_000, 300])
    })
  )
})
