import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** There `erlang:memory/0` raises `notsup`. */
describe.each(BeamNode.otpReleases())("the memory of a node without allocators on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, args: ["+Mea", "min"] })
  })
  afterAll(() => node.stop())

  it.live.each<AgentMode>(["eval", "load", "none"])("is told as far as it is known, with the agent %s", (agent) =>
    Effect.gen(function* () {
      const { structured } = yield* call("get_memory_info", {})
      expect(structured).toMatchObject({
        summary: expect.stringContaining("What is allocated is not known."),
        complete: false,
        notes: expect.arrayContaining([expect.stringContaining("+Mea min")])
      })
      expect(structured).not.toHaveProperty("total_bytes")
      expect(structured).not.toHaveProperty("areas")
      if (agent === "none") return
      expect(structured["resident_bytes"]).toBeGreaterThan(10 * 1024 * 1024)
      const { structured: held } = yield* call("get_allocator_info", {})
      expect(held["carriers_bytes"]).toBe(structured["carriers_bytes"])
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent })))))
  )
})
