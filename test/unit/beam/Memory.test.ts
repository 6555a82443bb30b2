import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { memorySnapshot } from "../../../src/beam/Memory.ts"
import { type Atom, atom, list, listItems } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { recorded, recordedNode, recordedReleases } from "../../support/RecordedNode.ts"

describe("a snapshot of the memory", () => {
  it.effect.each(recordedReleases)("adds up as OTP %i answered", (release) =>
    Effect.gen(function* () {
      const {
        atom: atoms,
        atomUsed,
        binary,
        code,
        ets,
        processes,
        processesUsed,
        processLimit,
        processTable,
        system,
        total
      } = (yield* memorySnapshot(recordedNode(release))).memory!
      expect(processes + processTable + system).toBe(total)
      expect(processTable).toBe(processLimit * 12)
      expect(atoms + binary + code + ets).toBeLessThan(system)
      expect(atomUsed).toBeLessThanOrEqual(atoms)
      expect(processesUsed).toBeLessThanOrEqual(processes)
      expect(Math.min(atomUsed, binary, code, ets, processesUsed)).toBeGreaterThan(0)
    })
  )

  it.effect("sees through a count that is 2^64 too high", () =>
    Effect.gen(function* () {
      const areas = listItems(recorded(23)["memory"])!.map((pair) => {
        const [area, size] = pair as readonly [Atom, number]
        return [area, area.text === "system" ? BigInt(size) + 2n ** 64n : size] as const
      })
      const wrapped = recordedNode(23, { "erlang:memory/0": { term: list(areas) } })
      expect(yield* memorySnapshot(wrapped)).toEqual(yield* memorySnapshot(recordedNode(23)))
    })
  )

  it.effect("is without what the emulator does not count, where allocators are switched off", () =>
    Effect.gen(function* () {
      const node = recordedNode(23, {
        "beamscope_memory:snapshot": { fails: { _tag: "Unsupported", detail: "no agent" } },
        "erlang:memory/0": { fails: { _tag: "Raised", class: "error", reason: atom("notsup"), stack: [] } }
      })
      expect((yield* memorySnapshot(node)).memory).toBeUndefined()
    })
  )

  it.effect.each([atom("nonsense"), list([]), list([[atom("total"), 1]])])("fails on an answer that is none", (term) =>
    Effect.gen(function* () {
      const node = fakeNode({
        replies: {
          "beamscope_memory:snapshot": { fails: { _tag: "Unsupported", detail: "no agent" } },
          "erlang:memory/0": { term },
          "lists:map/2": { term: list([1]) }
        }
      })
      const error = yield* Effect.flip(memorySnapshot(node))
      expect(error.reason._tag).toBe("UndecodableReply")
    })
  )
})
