import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Session } from "../../../src/tools/Session.ts"

const heldIn = (log: Array<string>) => (session: Session["Service"], name: string, text: string) =>
  session.hold(
    name,
    Effect.acquireRelease(
      Effect.sync(() => log.push(`+${text}`)),
      () => Effect.sync(() => log.push(`-${text}`))
    )
  )

describe("what a session holds", () => {
  it.effect("is let go of when told, once, and with the session", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const hold = heldIn(log)
      yield* Effect.gen(function* () {
        const session = yield* Session.make({ mode: "elixir" })
        yield* hold(session, "a", "a")
        yield* hold(session, "b", "b")
        yield* session.release("a")
        yield* session.release("a")
        expect(log).toEqual(["+a", "+b", "-a"])
      }).pipe(Effect.scoped)
      expect(log).toEqual(["+a", "+b", "-a", "-b"])
    })
  )

  it.effect("gives way to what is held under the same name later, and not before that is there", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const hold = heldIn(log)
      const session = yield* Session.make({ mode: "elixir" })
      yield* hold(session, "a", "first")
      yield* hold(session, "a", "second")
      expect(log).toEqual(["+first", "+second", "-first"])
    }).pipe(Effect.scoped)
  )

  it.effect("is under its name also where the one who asked is gone before what came before is let go of", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const hold = heldIn(log)
      const session = yield* Session.make({ mode: "elixir" })
      const [leaving, gone] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow = Effect.addFinalizer(() => Effect.andThen(Deferred.succeed(leaving, undefined), Deferred.await(gone)))
      yield* session.hold("a", slow)
      const asking = yield* Effect.forkChild(hold(session, "a", "second"))
      yield* Deferred.await(leaving)
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(asking), { startImmediately: true })
      yield* Deferred.succeed(gone, undefined)
      yield* Fiber.join(interrupted)
      yield* session.release("a")
      expect(log).toEqual(["+second", "-second"])
    }).pipe(Effect.scoped)
  )

  it.effect("is one thing under one name, also where two are held at the same time", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const session = yield* Session.make({ mode: "elixir" })
      // Each takes its time to be let go of.
      const hold = (text: string) =>
        session.hold(
          "a",
          Effect.acquireRelease(
            Effect.sync(() => log.push(`+${text}`)),
            () => Effect.andThen(Effect.yieldNow, () => Effect.sync(() => log.push(`-${text}`)))
          )
        )
      yield* hold("before")
      yield* Effect.all([hold("one"), hold("other")], { concurrency: 2 })
      yield* session.release("a")
      expect(log.toSorted()).toEqual(["+before", "+one", "+other", "-before", "-one", "-other"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not held when acquiring fails, and what came before stays", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const hold = heldIn(log)
      const session = yield* Session.make({ mode: "elixir" })
      yield* hold(session, "a", "first")
      const half = Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => log.push("+half")),
          () => Effect.sync(() => log.push("-half"))
        ),
        Effect.fail("no")
      )
      expect(yield* Effect.flip(session.hold("a", half))).toBe("no")
      expect(log).toEqual(["+first", "+half", "-half"])
    }).pipe(Effect.scoped)
  )
})
