import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { type Lookup, Resolver, resolverOf } from "../../../src/dist/Resolver.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { diagnose } from "../../../src/node/Diagnosis.ts"
import type { NodeTarget } from "../../../src/node/Targets.ts"

const walk = (name: string, place: Partial<NodeTarget> = {}, timeoutMillis = 5_000) =>
  Effect.map(
    diagnose(name, Exit.succeed({ name, cookie: Redacted.make("c"), epmdPort: 1, ...place }), {
      timeoutMillis,
      known: []
    }),
    (diagnosis) => ({ ...diagnosis, failed: diagnosis.steps.find(({ outcome }) => outcome === "failed") })
  )

describe.each(["EHOSTUNREACH", "EMFILE", "EADDRNOTAVAIL"])("where nothing can be sent: %s", (code) => {
  it.live("the way ends at EPMD where that is asked first, which is not said to know the node, else at the node", () =>
    Effect.gen(function* () {
      const { failed, steps } = yield* walk("app@127.0.0.1")
      expect(failed?.step).toBe("epmd")
      expect(JSON.stringify(steps)).not.toContain("knows")
      const placed = yield* walk("app@127.0.0.1", { address: { host: "127.0.0.1", port: 2 } })
      expect(placed.failed?.step).toBe("tcp")
    }).pipe(Effect.provideService(Transport, { dial: () => Effect.fail({ _tag: "DialError", code }) }))
  )
})

const failing =
  (code: string): Lookup =>
  () =>
    Promise.reject(Object.assign(new Error(code), { code }))

describe("a host that has no address", () => {
  it.live.each<readonly [what: string, ask: Lookup, isPassing: boolean]>([
    ["is not known", failing("ENOTFOUND"), false],
    ["is asked for in vain", failing("EAI_AGAIN"), true],
    ["is asked for without an answer", () => new Promise(() => {}), true]
  ])("fails the step with advice for why it has none: it %s", ([, addressesOf, isPassing]) =>
    Effect.gen(function* () {
      const { failed, why } = yield* walk("app@far.example", {}, 300)
      expect(failed?.step).toBe("host")
      expect(failed?.found).toContain(
        isPassing ? "look at the name servers of this machine" : "Check the part behind the @"
      )
      expect(failed?.found).not.toContain(isPassing ? "Check the part" : "name servers")
      const reason = { _tag: "HostUnresolved", host: "far.example" }
      expect(why).toMatchObject({ _tag: "DistError", reason: isPassing ? { ...reason, isPassing } : reason })
    }).pipe(Effect.provideService(Resolver, resolverOf({ addressesOf })))
  )
})
