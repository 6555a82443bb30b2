import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, Binary, charlist, list, map, type MapTerm, type Term } from "../../../src/etf/Term.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn } from "../../support/Tools.ts"

/** Modules, of the application in front of `__`, with a digest that is one byte over and over; `undefined` is what stands for one that is not known. */
type Modules = Readonly<Record<string, number | undefined>>

const digests = (modules: Modules): Term =>
  packed(
    map([
      [
        atom("digests"),
        list(
          Object.entries(modules).map(([module, byte]): Term => [
            atom(module),
            byte === undefined ? atom("undefined") : new Binary(new Uint8Array(16).fill(byte)),
            atom(/^([a-z]+)__/u.exec(module)?.[1] ?? "undefined")
          ])
        )
      ],
      [atom("incomplete"), list([])]
    ])
  )

/** The `vsn` of modules. */
type Versions = Readonly<Record<string, Term>>

const versionsOf = (versions: Versions): Reply => ({
  term: packed(
    map([
      [
        atom("versions"),
        list(
          Object.entries(versions).map(([module, vsn]): Term => [
            atom(module),
            atom("undefined"),
            atom("undefined"),
            vsn
          ])
        )
      ]
    ])
  )
})

/** A node with modules, of which some belong to the application that is asked for. */
const nodeWith = (name: string, all: Modules, ofApplication: Modules = all, versions: Versions = {}) =>
  fakeNode({
    name,
    replies: {
      "beamscope_code:digests": ([spec]) =>
        Effect.succeed(digests((spec as MapTerm).atomKey("application") === undefined ? all : ofApplication)),
      "beamscope_code:versions": versionsOf(versions)
    }
  })

/** One module more than are looked into. */
const many = (byte: number): Modules => Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`m${at}`, byte]))

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

  it.effect("tells what differs by its MD5 alone from other code, by the digest that compilers leave", () =>
    Effect.gen(function* () {
      const modules = { stripped: 1, other: 1, written: 1, one_sided: 1, equal: 1 }
      const changed = { stripped: 2, other: 2, written: 2, one_sided: 2, equal: 1 }
      const [digest, another] = [list([2n ** 100n]), list([2n ** 101n])]
      const versions = { stripped: digest, other: digest, written: list([charlist("1.0")]), one_sided: digest }
      const here = nodeWith("a@box", modules, modules, versions)
      const there = nodeWith("b@box", changed, changed, {
        ...versions,
        other: another,
        one_sided: list([charlist("1.0")])
      })
      const compared = yield* compare(here, there)
      expect(compared).toMatchObject({
        complete: true,
        same: 1,
        changed: 3,
        same_code: 1,
        matched: 3,
        summary: expect.stringContaining("1 the same, 1 the same but for their MD5;"),
        modules: [{ module: "one_sided" }, { module: "other" }, { module: "written" }],
        notes: [
          expect.stringMatching(/^Of 1 module the MD5 differs and the code does not .* of the chunk Meta/u),
          expect.stringMatching(/^2 modules of changed have no digest of the code alone/u)
        ]
      })
      expect(yield* compare(here, there, { show: "same_code" })).toMatchObject({
        matched: 1,
        modules: [{ module: "stripped" }]
      })
      const same = yield* compare(here, nodeWith("c@box", modules, modules, versions))
      expect(same).not.toHaveProperty("notes")
      expect(same).not.toHaveProperty("same_code")
    })
  )

  it.effect("suggests to look at a module on the node that has it", () =>
    Effect.gen(function* () {
      const [here, there] = [nodeWith("a@box", { mine: 1, both: 1 }), nodeWith("b@box", { theirs: 1, both: 2 })]
      const hints = (show: string) => Effect.map(compare(here, there, { show }), (compared) => compared["hints"])
      expect(yield* hints("only_there")).toEqual(['get_module_info {"node":"b@box","module":"theirs"}'])
      expect(yield* hints("only_here")).toEqual(['get_module_info {"node":"a@box","module":"mine"}'])
      expect(yield* hints("changed")).toEqual(['get_module_info {"node":"a@box","module":"both"}'])
    })
  )

  it.effect("looks into a thousand modules, and says so of the others", () =>
    Effect.gen(function* () {
      const compared = yield* compare(nodeWith("a@box", many(1)), nodeWith("b@box", many(2)))
      expect(compared).toMatchObject({ complete: false, changed: 1_001 })
      expect(compared["notes"]).toContainEqual(expect.stringMatching(/1,000 were looked into; 1 more is/u))
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

  it.effect("shows all that differs, by name, application or kind, page by page", () =>
    Effect.gen(function* () {
      const here = nodeWith("a@box", { shop__b: 1, shop__a: 1, cart__a: 1, loose: 1, same: 1, cart__b: undefined })
      const there = nodeWith("b@box", { shop__b: 2, cart__a: 2, loose: 2, same: 1, cart__b: 1, shop__c: 1 })
      const pagesOf = Effect.fnUntraced(function* (input: object) {
        const rows: Array<Readonly<Record<string, unknown>>> = []
        let cursor: unknown
        do {
          const page = yield* compare(here, there, { ...input, limit: 1, ...(cursor !== undefined && { cursor }) })
          rows.push(...((page["modules"] ?? []) as typeof rows))
          cursor = page["next_cursor"]
        } while (cursor !== undefined)
        return rows
      })
      const named = (input: object) => Effect.map(pagesOf(input), (rows) => rows.map(({ module }) => module))
      const all = { show: "all" }
      expect(yield* named(all)).toEqual(["cart__a", "cart__b", "loose", "shop__a", "shop__b", "shop__c"])
      expect(yield* named({ ...all, sort_by: "application" })).toEqual([
        "cart__a",
        "cart__b",
        "shop__a",
        "shop__b",
        "shop__c",
        "loose"
      ])
      expect(
        (yield* pagesOf({ ...all, sort_by: "difference" })).map(({ difference, module }) => [module, difference])
      ).toEqual([
        ["cart__a", "changed"],
        ["loose", "changed"],
        ["shop__b", "changed"],
        ["shop__a", "only_here"],
        ["shop__c", "only_there"],
        ["cart__b", "unknown"]
      ])
      expect(yield* named({ sort_by: "application" })).toEqual(["cart__a", "shop__b", "loose"])
      const first = yield* compare(here, there, { ...all, sort_by: "difference", limit: 2 })
      expect(first).toMatchObject({
        total: 7,
        matched: 6,
        same: 1,
        summary: expect.stringMatching(/; 2 of 6 rows of all that differs here, by difference\.$/u)
      })
      expect((yield* compare(here, there))["modules"]).not.toContainEqual(
        expect.objectContaining({ difference: expect.anything() })
      )
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
