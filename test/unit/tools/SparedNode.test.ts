import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, list, map } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const page = (incomplete: string) => ({
  term: packed(
    map([
      [atom("total"), 1],
      [atom("matched"), 0],
      [atom("rows"), list([])],
      [atom("next"), atom("undefined")],
      [atom("incomplete"), list(incomplete === "" ? [] : [atom(incomplete)])]
    ])
  )
})
const late = { fails: { _tag: "DeadlineExceeded", millis: 15_000, worker: "killed" } } as const

const wayOut = /--agent load .*`agent`.*code server/u

describe("a busy node that is spared what would make it fast", () => {
  it.effect.each([true, false])("is told with the way out (%s)", (isSpared) =>
    Effect.gen(function* () {
      const world = (reply: ReturnType<typeof page> | typeof late) => ({
        up: [fakeNode({ isSpared, replies: { "beamscope_applications:list": reply } })]
      })
      const failed = yield* failIn(world(late), "list_applications")
      expect(failed.code).toBe("timeout")
      expect(wayOut.test(failed.message)).toBe(isSpared)
      const { structured } = yield* callIn(world(page("deadline")), "list_applications")
      expect((structured["notes"] as ReadonlyArray<string>).some((note) => wayOut.test(note))).toBe(isSpared)
    })
  )

  it.effect("is not mentioned where nothing is missing", () =>
    Effect.gen(function* () {
      const node = fakeNode({ isSpared: true, replies: { "beamscope_applications:list": page("") } })
      expect((yield* callIn({ up: [node] }, "list_applications")).text).not.toMatch(wayOut)
    })
  )
})
