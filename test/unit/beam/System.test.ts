import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { system } from "../../../src/beam/System.ts"
import { atom, list, listItems } from "../../../src/etf/Term.ts"
import { recordedNode, recordedReleases } from "../../support/RecordedNode.ts"

describe("system", () => {
  it.effect.each(recordedReleases)("reads what OTP %i answered", (release) =>
    Effect.gen(function* () {
      const info = yield* system(recordedNode(release))
      for (const { count, limit } of [info.processes, info.ports, info.atoms]) {
        expect(count).toBeGreaterThan(0)
        expect(count).toBeLessThan(limit)
      }
      expect(info.architecture).toMatch(/linux/u)
      expect(info.schedulers.online).toBeGreaterThan(0)
      expect(info.etsTables).toBeGreaterThan(0)
      // The node was asked right after its start, in a year that had begun.
      expect(info.uptimeMillis).toBeGreaterThan(0)
      expect(info.uptimeMillis).toBeLessThan(60_000)
      expect(info.systemTimeMillis).toBeGreaterThan(Date.UTC(2026, 0))
    })
  )

  it.effect("takes an unknown number of processors for unknown", () =>
    Effect.gen(function* () {
      const real = recordedNode(27)
      const node = recordedNode(27, {
        "lists:map/2": ([fun, items]) =>
          Effect.map(Effect.orDie(real.call("lists", "map", [fun!, items!])), (answer) =>
            list([...listItems(answer)!.slice(0, -1), atom("unknown")])
          )
      })
      expect((yield* system(node)).logicalProcessorsAvailable).toBeUndefined()
    })
  )

  it.effect("fails on an answer that is none", () =>
    Effect.gen(function* () {
      for (const term of [list([]), atom("x")]) {
        const error = yield* Effect.flip(system(recordedNode(27, { "lists:map/2": { term } })))
        expect(error.reason._tag).toBe("UndecodableReply")
      }
      for (const [target, term] of [
        ["erlang:monotonic_time/0", atom("x")],
        ["erlang:convert_time_unit/3", 0]
      ] as const) {
        const error = yield* Effect.flip(system(recordedNode(27, { [target]: { term } })))
        expect(error.reason._tag).toBe("UndecodableReply")
      }
    })
  )
})
