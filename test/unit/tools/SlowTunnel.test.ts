import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Nodes } from "../../../src/node/Nodes.ts"
import { TargetError } from "../../../src/node/Targets.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { worldLayer } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"
import { call } from "../../support/Tools.ts"

const node = "app@127.0.0.1"

describe("a way that takes long to open", () => {
  it.live.each([
    // The steps behind it have the rest.
    [20_000, 12_000, 15_000],
    [60_000, 40_000, 55_000],
    [4_000, 2_000, 4_000]
  ] as const)("is opened once for a diagnosis, within most of its %d ms", ([timeout_ms, least, most]) =>
    Effect.gen(function* () {
      const openings: Array<number | undefined> = []
      const targets = targetsOf({
        epmdPort: 1,
        nodes: Effect.succeed([{ name: node }]),
        resolve: (name, { timeoutMillis } = {}) => {
          openings.push(timeoutMillis)
          return Effect.fail(new TargetError({ node: name, message: "its tunnel does not open", isPassing: true }))
        }
      })
      const layer = Catalogue.layer.pipe(
        Layer.provideMerge(Nodes.layer),
        Layer.provideMerge(targets),
        Layer.provideMerge(Layer.fresh(worldLayer({})))
      )
      const { structured } = yield* Effect.provide(call("diagnose_connection", { node, timeout_ms }), layer)
      expect(structured["summary"]).toContain("fails at configuration")
      expect(openings).toHaveLength(1)
      expect(openings[0]).toBeGreaterThan(least)
      expect(openings[0]).toBeLessThanOrEqual(most)
    })
  )
})
