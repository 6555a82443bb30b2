import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, map, Pid } from "../../../src/etf/Term.ts"
import { makeAgent } from "../../../src/node/Agent.ts"
import type { Call, CallOptions } from "../../../src/node/Call.ts"
import type { AgentMode } from "../../../src/node/Targets.ts"
import { capabilities } from "../../support/FakeNodes.ts"

/** The bounds of all the calls that one function of the agent takes. */
const boundsOf = Effect.fnUntraced(function* (mode: AgentMode, given: CallOptions) {
  const bounds: Array<CallOptions | undefined> = []
  const call: Call = (_module, _func, _args, options) => Effect.sync(() => (bounds.push(options), atom("true")))
  const owner = new Pid(atom("us@box"), 1, 0, 1)
  const run = makeAgent({ call, capabilities, node: "app@box", mode, owner })
  yield* run("beamscope_logs:configuration", map([]), given)
  return bounds
})

describe("a function of the agent", () => {
  it.effect.each(["eval", "load"] as const)("has the time that it was given in each of its calls, with %s", (mode) =>
    Effect.gen(function* () {
      const bounds = yield* boundsOf(mode, { timeoutMillis: 60_000 })
      expect(bounds.length).toBeGreaterThan(1)
      for (const bound of bounds) expect(bound?.timeoutMillis).toBeGreaterThan(50_000)
      expect((yield* boundsOf(mode, {})).every((bound) => bound?.timeoutMillis === undefined)).toBe(true)
    })
  )
})
