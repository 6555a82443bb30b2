import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, Binary, list, map, type MapTerm, type Term } from "../../../src/etf/Term.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn } from "../../support/Tools.ts"

/** Modules with a digest that is one byte over and over; `undefined` is what stands for one that is not known. */
type Modules = Readonly<Record<string, number | undefined>>

const digests = (modules: Modules): Term =>
  packed(
    map([
      [
        atom("digests"),
        list(
          Object.entries(modules).map(([module, byte]): Term => [
            atom(module),
            byte === undefined ? atom("undefined") : new Binary(new Uint8Array(16).fill(byte))
          ])
        )
      ],
      [atom("incomplete"), list([])]
    ])
  )

const noVersions: Reply = { term: packed(map([[atom("versions"), list([])]])) }

/** A node with modules, of which some belong to the application that is asked for. */
const nodeWith = (name: string, all: Modules, ofApplication: Modules = all) =>
  fakeNode({
    name,
    replies: {
      "beamscope_code:digests": ([spec]) =>
        Effect.succeed(digests((spec as MapTerm).atomKey("application") === undefined ? all : ofApplication)),
      "beamscope_code:versions": noVersions
    }
  })

const compare = (here: ReturnType<typeof fakeNode>, there: ReturnType<typeof fakeNode>, input = {}) =>
  callIn({ up: [here, there], mode: "erlang", policy: { allowNodes: ["*"] } }, "compare_modules", {
    node: here.name,
    other_node: there.name,
    ...input
  }).pipe(Effect.map(({ structured }) => structured))

describe("compare_modules", () => {
  it.effect("calls code that a node does not tell unknown: neither the same nor other", () =>
    Effect.gen(function* () {
      const here = nodeWith("a@box", { both: undefined, one: undefined, same: 1, other: 1 })
      const there = nodeWith("b@box", { both: undefined, one: 2, same: 1, other: 2 })
      expect(yield* compare(here, there, { show: "unknown" })).toMatchObject({
        complete: false,
        same: 1,
        changed: 1,
        unknown: 2,
        modules: [
          { module: "both", md5: "unknown", other_md5: "unknown" },
          { module: "one", md5: "unknown" }
        ]
      })
    })
  )

  it.effect("says that a stripped release differs by more than code, where modules differ", () =>
    Effect.gen(function* () {
      const here = nodeWith("a@box", { one: 1, two: 1 })
      const changed = yield* compare(here, nodeWith("b@box", { one: 2, two: 1 }))
      expect(changed).toMatchObject({ complete: true, notes: [expect.stringMatching(/of the chunk Meta/u)] })
      expect((yield* compare(here, nodeWith("b@box", { one: 1, two: 1 })))["notes"]).toBeUndefined()
    })
  )

  it.effect("takes no cursor from before the other node was restarted", () =>
    Effect.gen(function* () {
      const here = nodeWith("a@box", { one: 1, two: 1, three: 1 })
      const there = nodeWith("b@box", { one: 2, two: 2, three: 2 })
      const first = yield* compare(here, there, { limit: 1 })
      const input = { limit: 1, cursor: first["next_cursor"] }
      expect(yield* compare(here, there, input)).toMatchObject({ modules: [{ module: "three" }] })
      const error = yield* Effect.flip(compare(here, { ...there, creation: there.creation + 1 }, input))
      expect(error).toMatchObject({ code: "invalid_input", retryable: false })
      expect(error.message).toContain("b@box, or before it was restarted")
    })
  )

  it.effect("finds the modules of an application where only one of the nodes has it loaded", () =>
    Effect.gen(function* () {
      const here = nodeWith("a@box", { shop: 1, shop_only: 1, other: 1 }, { shop: 1, shop_only: 1 })
      const there = nodeWith("b@box", { shop: 1, other: 2 }, {})
      const filter = { application: "shop" }
      const counts = { complete: true, total: 2, same: 1, changed: 0 }
      expect(yield* compare(here, there, { filter })).toMatchObject({ ...counts, only_here: 1, only_there: 0 })
      expect(yield* compare(there, here, { filter })).toMatchObject({ ...counts, only_here: 0, only_there: 1 })
    })
  )
})
