import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Buffer } from "node:buffer"
import { Nodes } from "../../../src/node/Nodes.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { worldLayer } from "../../support/FakeNodes.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"
import { node, oneTarget } from "../../support/oneTarget.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"
import { call } from "../../support/Tools.ts"

/** Calls tools in a world whose node has this cookie, where ours is another. `digests`: those that it was shown of it. */
const withStranger = <A, E, R>(cookie: string, use: (digests: () => number) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    let digests = 0
    const port = yield* serve((socket) => {
      socket.on("data", (bytes: Buffer) => void (bytes[2] === 0x72 && digests++))
      acceptHandshake(socket, { name: node, cookie }, { isUp: () => {}, onData: () => {} })
    })
    const layer = Catalogue.layer.pipe(
      Layer.provideMerge(Nodes.layer),
      Layer.provideMerge(oneTarget(yield* serveEpmd({ app: port }))),
      Layer.provideMerge(Layer.fresh(worldLayer({})))
    )
    return yield* Effect.provide(
      use(() => digests),
      layer
    )
  }).pipe(Effect.scoped)

const diagnose = Effect.map(call("diagnose_connection", { node }), ({ structured }) => {
  const steps = structured["steps"] as ReadonlyArray<{ readonly step: string; readonly outcome: string; found: string }>
  return steps.find(({ outcome }) => outcome === "failed")
})

describe("a cookie that somebody does not know himself", () => {
  it.live("is not shown to him again by diagnose_connection, after a call or after the same", () =>
    withStranger("another", (digests) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(call("get_system_info", {}))
        expect(error.code).toBe("connect_failed")
        expect(error.next).toBeUndefined()
        expect(digests()).toBe(1)
        for (let time = 0; time < 2; time++) {
          const failed = yield* diagnose
          expect(failed).toMatchObject({ step: "cookie", found: expect.stringContaining("was not shown again") })
          expect(failed?.found).toContain(error.message)
          expect(failed?.found).toMatch(/for this walk\. Once that is mended, connect_node tries\.$/u)
        }
        expect(digests()).toBe(1)
        yield* Effect.flip(call("connect_node", { node }))
        expect(digests()).toBe(2)
      })
    )
  )

  it.live("is shown once where diagnose_connection is what shows it, and then not by calls either", () =>
    withStranger("another", (digests) =>
      Effect.gen(function* () {
        expect((yield* diagnose)?.found).not.toContain("was not shown again")
        expect((yield* diagnose)?.found).toContain("was not shown again")
        yield* Effect.flip(call("get_system_info", {}))
        expect(digests()).toBe(1)
      })
    )
  )
})
