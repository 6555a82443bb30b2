import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Resolver, resolverOf } from "../../../src/dist/Resolver.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import type { BreakerState } from "../../../src/node/Breaker.ts"
import type { NodeStatus } from "../../../src/node/NodeState.ts"
import type { KnownNode } from "../../../src/node/Targets.ts"
import { knownName } from "../../../src/tools/KnownName.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

const counts = { successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 }
const breaker = (state: BreakerState = { _tag: "Closed" }): NodeStatus["breaker"] => ({ state, counts })
const full = { _tag: "Processes" } as const

const up = (name: string): NodeStatus => ({
  name,
  state: { _tag: "Up", since: 0, node: fakeNode({ name }) },
  breaker: breaker()
})
const down = (name: string): NodeStatus => ({
  name,
  state: { _tag: "Down", since: 0, why: new DistError({ node: name, reason: { _tag: "Disconnected" } }) },
  breaker: breaker()
})
const leftAlone = (name: string): NodeStatus => ({ ...down(name), lack: full })
const inPeace = (name: string): NodeStatus => ({
  ...down(name),
  breaker: breaker({ _tag: "Open", since: 0, until: 1 })
})

const addresses: Record<string, ReadonlyArray<string>> = {
  db: ["10.0.0.7"],
  "db.example": ["10.0.0.7", "10.0.0.8"],
  web: ["10.0.0.9"]
}
const asked = (name: string, tried: ReadonlyArray<NodeStatus>, entries: ReadonlyArray<KnownNode> = []) =>
  knownName(name, { entries, hostNames: ["vm"], tried }).pipe(
    Effect.provideService(
      Resolver,
      resolverOf({
        addressesOf: async (host) => {
          const found = addresses[host]
          if (found === undefined) throw Object.assign(new Error(host), { code: "ENOTFOUND" })
          return found.map((address) => ({ address, family: 4 }))
        }
      })
    )
  )

describe("a node that is asked for by another name of its host", () => {
  it.effect.each([
    { what: "connected", status: up("a@127.0.0.1") },
    { what: "left alone", status: leftAlone("a@127.0.0.1") },
    { what: "connected, and full", status: { ...up("a@127.0.0.1"), lack: full } },
    { what: "left in peace", status: inPeace("a@127.0.0.1") }
  ])("is the one that is $what", ({ status }) =>
    Effect.gen(function* () {
      for (const name of ["a@localhost", "a@vm"]) expect(yield* asked(name, [status])).toBe("a@127.0.0.1")
      expect(yield* asked("b@localhost", [status])).toBe("b@localhost")
      expect(yield* asked("a@elsewhere", [status])).toBe("a@elsewhere")
    })
  )

  it.effect("is what was asked for where the other is merely down, or both are connected", () =>
    Effect.gen(function* () {
      expect(yield* asked("a@localhost", [down("a@127.0.0.1")])).toBe("a@localhost")
      expect(yield* asked("a@localhost", [up("a@127.0.0.1"), up("a@localhost")])).toBe("a@localhost")
    })
  )

  it.effect("is the one in trouble with an address in common, as far as the name service says so", () =>
    Effect.gen(function* () {
      for (const status of [leftAlone("a@db.example"), inPeace("a@db.example")]) {
        expect(yield* asked("a@db", [status])).toBe("a@db.example")
        expect(yield* asked("a@10.0.0.9", [status])).toBe("a@10.0.0.9")
        expect(yield* asked("a@web", [status])).toBe("a@web")
      }
    })
  )

  it.effect("is another where entries lead elsewhere, but for one without an entry that may be left alone", () =>
    Effect.gen(function* () {
      const address = "127.0.0.1:9000"
      const forwarded: KnownNode = { name: "a@127.0.0.1", address }
      for (const status of [up("a@127.0.0.1"), inPeace("a@127.0.0.1"), { ...up("a@127.0.0.1"), lack: full }])
        expect(yield* asked("a@localhost", [status], [forwarded])).toBe("a@localhost")
      expect(yield* asked("a@localhost", [leftAlone("a@127.0.0.1")], [forwarded])).toBe("a@127.0.0.1")
      expect(yield* asked("a@localhost", [leftAlone("a@127.0.0.1")], [forwarded, { name: "a@localhost" }])).toBe(
        "a@localhost"
      )
    })
  )
})
