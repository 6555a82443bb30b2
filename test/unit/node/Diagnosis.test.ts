import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Transport } from "../../../src/dist/Transport.ts"
import { diagnose } from "../../../src/node/Diagnosis.ts"
import type { NodeTarget } from "../../../src/node/Targets.ts"

const name = "app@127.0.0.1"

/** Where the walk to a node ends that nothing can be sent to, as this machine says. */
const endOf = (place: Partial<NodeTarget>) =>
  diagnose(name, Exit.succeed({ name, cookie: Redacted.make("c"), epmdPort: 1, ...place }), {
    timeoutMillis: 5_000,
    known: []
  }).pipe(
    Effect.provideService(Transport, { dial: () => Effect.fail({ _tag: "DialError", code: "EHOSTUNREACH" }) }),
    Effect.map(({ steps }) => steps.find(({ outcome }) => outcome === "failed")?.step)
  )

describe("a host that nothing can be sent to", () => {
  it.live("ends the way at EPMD where that is asked first, and else at the node", () =>
    Effect.gen(function* () {
      expect(yield* endOf({})).toBe("epmd")
      expect(yield* endOf({ address: { host: "127.0.0.1", port: 2 } })).toBe("tcp")
    })
  )
})
