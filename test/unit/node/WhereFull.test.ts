import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { afterEach, beforeEach, vi } from "vitest"
import { atom, type Term } from "../../../src/etf/Term.ts"
import type { Call, CallOptions } from "../../../src/node/Call.ts"
import { CallError } from "../../../src/node/CallError.ts"
import { waitingForRoom } from "../../../src/node/WhereFull.ts"

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }))
afterEach(() => void vi.useRealTimers())

const full = (hasBegun = false) =>
  new CallError({ node: "a@h", target: "m:f/0", reason: { _tag: "ProcessTableFull", limit: 1_024, hasBegun } })

/** Lets time pass, for the clock of effects and for `performance` alike. */
const pass = (millis: number) =>
  Effect.repeat(
    Effect.suspend(() => {
      vi.advanceTimersByTime(1)
      return TestClock.adjust(1)
    }),
    { times: millis - 1 }
  )

/** Begins at once, before any time passes. */
const begin = <A, E>(self: Effect.Effect<A, E>) => Effect.forkChild(self, { startImmediately: true })

/** A node where what is called answers so, by its module, and when the calls of it were made with which options. */
const answering = (answer: (module: string) => Effect.Effect<Term, CallError>) => {
  const made: Array<{ module: string; at: number; options: CallOptions | undefined }> = []
  const start = performance.now()
  const call: Call = (module, _, __, options) =>
    Effect.suspend(() => {
      made.push({ module, at: performance.now() - start, options })
      return answer(module)
    })
  return { ask: waitingForRoom(call), made }
}

describe("a call to a node that has no process for it", () => {
  it.effect("is made again for a while, and then told what the node said", () =>
    Effect.gen(function* () {
      const { ask, made } = answering(() => Effect.fail(full()))
      const asking = yield* begin(Effect.flip(ask("a", "f", [], { maxHeapWords: 9 })))
      yield* pass(1_000)
      expect((yield* Fiber.join(asking)).reason._tag).toBe("ProcessTableFull")
      expect(made.map(({ at }) => at)).toEqual([0, 5, 25, 125, 325])
      expect(made.at(-1)!.options).toEqual({ maxHeapWords: 9, timeoutMillis: 5_000 - 325 })
    })
  )

  it.effect("is not made again when what it needed was a process more", () =>
    Effect.gen(function* () {
      const { ask, made } = answering(() => Effect.fail(full(true)))
      expect((yield* Effect.flip(ask("a", "f", []))).reason).toMatchObject({ hasBegun: true })
      expect(made).toHaveLength(1)
    })
  )

  it.effect("waits within its own time, also for its turn, however many there are", () =>
    Effect.gen(function* () {
      const { ask, made } = answering(() => Effect.fail(full()))
      const all = yield* begin(
        Effect.forEach(
          Array.from({ length: 40 }, (_, index) => String(index)),
          (module) => Effect.flip(ask(module, "f", [], { timeoutMillis: 100 })),
          { concurrency: "unbounded" }
        )
      )
      yield* pass(100)
      expect(all.pollUnsafe()).toBeDefined()
      expect((yield* Fiber.join(all)).every(({ reason }) => reason._tag === "ProcessTableFull")).toBe(true)
      expect(made.every(({ at, options }) => at + options!.timeoutMillis! <= 100)).toBe(true)
    })
  )

  it.effect("is made again one after the other", () =>
    Effect.gen(function* () {
      let running = 0
      const worker = Effect.acquireUseRelease(
        Effect.suspend(() => (running === 0 ? Effect.sync(() => void running++) : Effect.fail(full()))),
        () => Effect.as(Effect.sleep(60), atom("ok")),
        () => Effect.sync(() => void running--)
      )
      const { ask } = answering(() => worker)
      const all = yield* begin(
        Effect.forEach(["a", "b", "c", "d", "e"], (module) => ask(module, "f", []), { concurrency: "unbounded" })
      )
      yield* pass(1_000)
      expect(yield* Fiber.join(all)).toHaveLength(5)
    })
  )

  it.effect("does not wait for one that takes long, nor for one that was given up", () =>
    Effect.gen(function* () {
      let hasRoom = false
      const { ask, made } = answering((module) =>
        Effect.suspend(() => {
          if (!hasRoom) return Effect.fail(full())
          return module === "long" ? Effect.never : Effect.succeed(atom("ok"))
        })
      )
      const long = yield* begin(ask("long", "f", []))
      yield* pass(1)
      hasRoom = true
      yield* pass(10)
      expect(made.map(({ module }) => module)).toEqual(["long", "long"])
      hasRoom = false
      const short = yield* begin(ask("short", "f", []))
      yield* pass(1)
      hasRoom = true
      yield* pass(600)
      expect(yield* Fiber.join(short)).toEqual(atom("ok"))
      expect(long.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(long)
    })
  )
})
