import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Discovery } from "../../../src/cluster/Discovery.ts"
import { Resolver } from "../../../src/dist/Resolver.ts"
import { dnsAnswer, serveDns, type SrvRecord } from "../../support/FakeDns.ts"
import { worldLayer } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"

describe("the name service of this machine", () => {
  it.live("knows the addresses of a name, and takes an address for its own name", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Resolver
      expect(["127.0.0.1", "::1"]).toEqual(expect.arrayContaining([(yield* addresses("localhost", 5_000))[0]]))
      expect(yield* addresses("127.0.0.1", 5_000)).toEqual(["127.0.0.1"])
      expect(yield* addresses("::1", 5_000)).toEqual(["::1"])
    })
  )

  it.live("says that there is no such name", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Resolver
      const error = yield* Effect.flip(addresses("no-such-host.invalid", 20_000))
      expect(error.message).toContain("no-such-host.invalid")
    })
  )
})

const record = (target: ReadonlyArray<string>, priority = 0, weight = 0): SrvRecord => ({
  priority,
  weight,
  port: 4369,
  target
})

describe("a name server", () => {
  it.live("tells the services of a name, most preferred first", () =>
    Effect.gen(function* () {
      yield* serveDns((question) =>
        dnsAnswer(question, [record(["c", "svc"], 2), record(["a", "svc"], 1, 1), record(["b", "svc"], 1, 9)])
      )
      const { services } = yield* Resolver
      expect((yield* services("_epmd._tcp.shop.test", 5_000)).map(({ host }) => host)).toEqual([
        "b.svc",
        "a.svc",
        "c.svc"
      ])
    })
  )

  it.live("may have no such name, be out of order, or silent", () =>
    Effect.gen(function* () {
      const { services } = yield* Resolver
      const codeOf = (answer: Parameters<typeof serveDns>[0], millis: number) =>
        Effect.scoped(
          Effect.andThen(
            serveDns(answer),
            Effect.map(Effect.flip(services("_epmd._tcp.shop.test", millis)), ({ code }) => code)
          )
        )
      expect(yield* codeOf((question) => dnsAnswer(question, [], 3), 5_000)).toBe("ENOTFOUND")
      expect(yield* codeOf((question) => dnsAnswer(question, [], 0), 5_000)).toBe("ENODATA")
      expect(yield* codeOf(() => undefined, 100)).toBe("TIMEOUT")
    })
  )

  it.live("that lies makes no node, and keeps none from being found", () =>
    Effect.gen(function* () {
      const odd = [["a b"], ["x@y"], ["q'"], ["\u00e2\u0080\u00ae"], ["l\nf"], ["ok", "svc"]]
      yield* serveDns((question) =>
        dnsAnswer(
          question,
          odd.map((target) => record(target))
        )
      )
      const { once } = yield* Discovery.make
      const { failures, found } = yield* once()
      // Node's resolver writes out what is no character of a host's name.
      expect(found.map(({ node }) => node)).toEqual(["app@\\226\\128\\174", "app@l\\010f", "app@ok.svc"])
      expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining("3 of the names")])
    }).pipe(
      Effect.provide([
        worldLayer({}),
        targetsOf({ discovery: ["srv:app@_epmd._tcp.shop.test"], epmdPort: 1, resolve: () => Effect.die("not asked") })
      ])
    )
  )
})
