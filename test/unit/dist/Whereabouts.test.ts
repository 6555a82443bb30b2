import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Scope, Exit } from "effect"
import { connect, type Whereabouts } from "../../../src/dist/Link.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"

/** How to ask where a node is since an EPMD told that. */
const placed = (epmdPort: number) =>
  Effect.gen(function* () {
    let whereabouts: ((timeoutMillis: number) => Effect.Effect<Whereabouts>) | undefined
    const options = { node: "app@127.0.0.1", cookie: Redacted.make("c"), epmdPort, timeoutMillis: 2_000 }
    yield* Effect.flip(Effect.scoped(connect({ ...options, onPlace: (ask) => void (whereabouts = ask) })))
    return whereabouts!
  })

describe("where a node is by now", () => {
  it.live("is for EPMD to tell, by another port or no such name", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const registered: Record<string, number> = { app: port, other: port }
      const denied: Array<string> = []
      const whereabouts = (yield* placed(yield* serveEpmd(registered, denied)))(2_000)
      expect(yield* whereabouts).toBe("same")
      registered["app"] = port + 1
      expect(yield* whereabouts).toBe("moved")
      delete registered["app"]
      expect(yield* whereabouts).toBe("gone")
      registered["app"] = port
      expect(yield* whereabouts).toBe("same")
      // Nor by one that contradicts itself.
      denied.push("app")
      expect(yield* whereabouts).toBe("same")
    }).pipe(Effect.scoped)
  )

  it.live("is not known where there is no EPMD any more", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const scope = yield* Scope.make()
      const whereabouts = yield* placed(yield* Scope.provide(serveEpmd({ app: port }), scope))
      yield* Scope.close(scope, Exit.void)
      expect(yield* whereabouts(2_000)).toBe("unknown")
    }).pipe(Effect.scoped)
  )

  it.live("is asked in the time that there is, and in two seconds at most", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.end())
      const whereabouts = yield* placed(yield* serveEpmd({ app: port }))
      const { dial } = yield* Transport
      const times: Array<number> = []
      const recorded: typeof dial = (to, millis, tls) =>
        Effect.suspend(() => (times.push(millis), dial(to, millis, tls)))
      yield* Effect.provideService(Effect.andThen(whereabouts(200), whereabouts(Infinity)), Transport, {
        dial: recorded
      })
      expect(times).toEqual([200, 2_000])
    }).pipe(Effect.scoped)
  )
})
