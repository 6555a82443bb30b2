import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Scope, Exit } from "effect"
import { connect } from "../../../src/dist/Link.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"

/** How to ask whether a node has ended since an EPMD told where it is. */
const placed = (epmdPort: number) =>
  Effect.gen(function* () {
    let hasEnded: ((timeoutMillis: number) => Effect.Effect<boolean | "gone" | "unknown">) | undefined
    const options = { node: "app@127.0.0.1", cookie: Redacted.make("c"), epmdPort, timeoutMillis: 2_000 }
    yield* Effect.flip(Effect.scoped(connect({ ...options, onPlace: (ask) => void (hasEnded = ask) })))
    return hasEnded!
  })

describe("whether a node has ended", () => {
  it.live("is for EPMD to tell, by another port or no such name", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const registered: Record<string, number> = { app: port, other: port }
      const denied: Array<string> = []
      const hasEnded = (yield* placed(yield* serveEpmd(registered, denied)))(2_000)
      expect(yield* hasEnded).toBe(false)
      registered["app"] = port + 1
      expect(yield* hasEnded).toBe(true)
      delete registered["app"]
      expect(yield* hasEnded).toBe("gone")
      registered["app"] = port
      expect(yield* hasEnded).toBe(false)
      // Nor by one that contradicts itself.
      denied.push("app")
      expect(yield* hasEnded).toBe(false)
    }).pipe(Effect.scoped)
  )

  it.live("is not known where there is no EPMD any more", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const scope = yield* Scope.make()
      const hasEnded = yield* placed(yield* Scope.provide(serveEpmd({ app: port }), scope))
      yield* Scope.close(scope, Exit.void)
      expect(yield* hasEnded(2_000)).toBe("unknown")
    }).pipe(Effect.scoped)
  )

  it.live("is asked in the time that there is, and in two seconds at most", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const hasEnded = yield* placed(yield* serveEpmd({ app: port }))
      const { dial } = yield* Transport
      const times: Array<number> = []
      const recorded: typeof dial = (to, millis, tls) =>
        Effect.suspend(() => (times.push(millis), dial(to, millis, tls)))
      yield* Effect.provideService(Effect.andThen(hasEnded(200), hasEnded(Infinity)), Transport, { dial: recorded })
      expect(times).toEqual([200, 2_000])
    }).pipe(Effect.scoped)
  )
})
