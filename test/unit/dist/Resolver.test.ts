import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Resolver } from "../../../src/dist/Resolver.ts"

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
