import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { decode } from "../../../src/etf/Decode.ts"
import {
  atom,
  Binary,
  binary,
  float,
  isTuple,
  list,
  map,
  MapTerm,
  Pid,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const home = atom("app@localhost")

const syntaxNames: ReadonlyArray<SyntaxName> = ["elixir", "erlang", "gleam", "lfe"]

const selectEtsTable = allTools.find(({ name }) => name === "select_ets_table")

const words = (pairs: Readonly<Record<string, Term>>): MapTerm =>
  map(Object.entries(pairs).map(([name, value]) => [atom(name), value] as const))

const facts = {
  id: new Reference(home, 42, [3, 2, 1]),
  name: atom("cache"),
  named_table: atom("false"),
  type: atom("set"),
  protection: atom("public"),
  keypos: 1,
  size: 3,
  memory: 3_000,
  owner: new Pid(home, 90, 0, 42)
}

const rows = (...terms: ReadonlyArray<Term>): Reply => ({
  term: packed(
    words({
      ...facts,
      rows: list(terms.map((term): Term => [atom("undefined"), term, 0])),
      is_more: atom("false"),
      matched: terms.length
    })
  )
})

const absent: Reply = { term: packed(words({ absent: list([atom("sessions")]), unnamed: list([]) })) }

const worldOf = (replies: Readonly<Record<string, Reply>>, atoms: ReadonlyArray<string> = []) => {
  const node = fakeNode({ replies, atoms })
  return { node, world: { up: [node], mode: "erlang" as const } }
}

describe("a table", () => {
  it.effect("is named by the reference that a shell of the node shows, in either language", () =>
    Effect.gen(function* () {
      for (const text of ["#Ref<0.1.2.3>", " #Reference<0.1.2.3> ", "#Ref<app@localhost.1.2.3>"]) {
        const { node, world } = worldOf({ "beamscope_ets_objects:sample": rows() })
        yield* callIn(world, "sample_ets_table", { table: text })
        const [question] = node.called[0]!.args
        const table = question instanceof MapTerm ? question.atomKey("table") : undefined
        // As text: the node makes the reference.
        expect(isTuple(table, "reference") && table[1] instanceof Binary && table[1].text()).toBe("#Ref<0.1.2.3>")
      }
    })
  )

  it.effect("of another node is refused without asking", () =>
    Effect.gen(function* () {
      for (const text of ["#Ref<5.1.2.3>", "#Ref<other@localhost.1.2.3>", "#Ref<0.1.2>"]) {
        const { node, world } = worldOf({})
        expect(yield* failIn(world, "get_ets_table_info", { table: text })).toMatchObject({ code: "invalid_input" })
        expect(node.called).toEqual([])
      }
    })
  )

  it.effect("that there is not is told with the one that was perhaps meant", () =>
    Effect.gen(function* () {
      const { world } = worldOf({ "beamscope_ets:table": absent })
      expect(yield* failIn(world, "get_ets_table_info", { table: "sesions" })).toMatchObject({
        code: "not_found",
        next: "list_ets_tables",
        didYouMean: ["sessions"]
      })
    })
  )
})

describe("how full the buckets of a table are", () => {
  it.effect("has a word in its place where it was not read, and none where there are no buckets", () =>
    Effect.gen(function* () {
      for (const [told, buckets] of [
        [{ chains: [256, float(3.5), 9] }, { count: 256, average_objects: 3.5, most_objects: 9 }],
        [{ size: 1_000_000 }, "(not read)"],
        [{ size: 1_000_000, type: atom("ordered_set") }, undefined]
      ] as const) {
        const { world } = worldOf({
          "beamscope_ets:table": { term: packed(words({ ...facts, compressed: atom("false"), ...told })) }
        })
        const { structured, text } = yield* callIn(world, "get_ets_table_info", { table: "cache" })
        expect(structured["buckets"]).toEqual(buckets)
        expect(text.includes("How full its buckets are was not read")).toBe(buckets === "(not read)")
        expect(structured["complete"]).toBe(true)
      }
    })
  )
})

/** A place in the window that a table begins with. */
const windowPlace = (passed: number): Term => [atom("window"), [atom("first"), 2, passed]]

/** What a window of a large table has: two rows, and what else is told. */
const windowed = (more: Readonly<Record<string, Term>>): Reply => ({
  term: packed(
    words({
      ...facts,
      size: 5_000,
      rows: list([
        [windowPlace(1), [1, binary("long")], 0, 15],
        [windowPlace(2), [2, 2], 0, 10]
      ]),
      is_more: atom("true"),
      matched: 2,
      looked: 2_000,
      unsure: 0,
      is_part: atom("true"),
      is_beyond: atom("true"),
      ...more
    })
  )
})

/** What is found by a pattern: one row of two. */
const selected = (more: Readonly<Record<string, Term>>) =>
  worldOf({
    "beamscope_ets_objects:select": {
      term: packed(
        words({
          ...facts,
          rows: list([[[atom("skip"), 1], [1, 2], 0]]),
          is_more: atom("true"),
          matched: 2,
          looked: 3,
          is_part: atom("false"),
          ...more
        })
      )
    }
  })

const countedBy = (more: Readonly<Record<string, Term>>) =>
  Effect.map(
    callIn(selected(more).world, "select_ets_table", { table: "cache", match: "{_, 2}", limit: 1 }),
    ({ structured }) => structured
  )

describe("objects", () => {
  it.effect("whose key says that they are secret are left out, whatever their size", () =>
    Effect.gen(function* () {
      const secret = list([..."hunter2"].map((char) => char.charCodeAt(0)))
      const { world } = worldOf({
        "beamscope_ets_objects:sample": rows(
          [atom("password"), secret],
          [atom("password"), secret, 1],
          [atom("plain"), 1, 2]
        )
      })
      const { structured, text } = yield* callIn(world, "sample_ets_table", { table: "cache" })
      expect(text).not.toContain("hunter2")
      expect(structured["rows"]).toMatchObject([
        { value: '{password,<<"[redacted]">>}' },
        { value: '{password,<<"[redacted]">>,<<"[redacted]">>}' },
        { value: "{plain,1,2}" }
      ])
    })
  )

  it.effect("of a window go on in it, then in the next one, and say what was looked at", () =>
    Effect.gen(function* () {
      const next: Term = [atom("window"), [[atom("key"), 2], atom("all"), 0]]
      const { node, world } = worldOf({ "beamscope_ets_objects:sample": windowed({ next }) })
      const input = { table: "cache", sort_by: "size", filter: ":Odd.Key" }
      const page = yield* callIn(world, "sample_ets_table", input)
      expect(page.structured).toMatchObject({
        summary: expect.stringMatching(
          /^2 objects with this in the key of cache .* 5,000 objects in .*, among 2,000 objects looked at; the largest of these first\.$/u
        ),
        // The order is not that of the whole table.
        complete: false,
        total: 5_000,
        matched: 2,
        looked_at: 2_000,
        rows: [{ bytes: 15 }, { bytes: 10 }],
        next_cursor: expect.any(String)
      })
      expect(page.structured["notes"]).toContain(
        "One look takes in as much of the table as there is time for, here 2,000 objects: matched, and the order by size, are of these. The pages go on through the rest of the table. Allow more with timeout_ms."
      )
      yield* callIn(world, "sample_ets_table", { ...input, cursor: page.structured["next_cursor"] })
      const [first, second] = node.called
        .filter(({ target }) => target === "beamscope_ets_objects:sample")
        .map(({ args: [question] }) => question as MapTerm)
      expect([first!.atomKey("sort"), first!.atomKey("after")]).toEqual([atom("size"), undefined])
      const after = second!.atomKey("after")
      expect(after instanceof Binary && decode(after.view())).toEqual(next)

      // Nothing is left behind the last window; and of a bag that was looked at whole there is nothing else.
      const end = { next: atom("undefined"), is_more: atom("false"), is_beyond: atom("false") }
      const lastOne = worldOf({ "beamscope_ets_objects:sample": windowed(end) })
      const told = (yield* callIn(lastOne.world, "sample_ets_table", { table: "cache", sort_by: "size" })).structured
      expect(told["notes"]).toEqual([
        expect.stringMatching(/^One look .* are of these\. Allow more with timeout_ms\.$/u)
      ])
      const whole = worldOf({
        "beamscope_ets_objects:sample": windowed({ ...end, is_part: atom("false"), looked: 50 })
      })
      const all = (yield* callIn(whole.world, "sample_ets_table", { table: "cache", sort_by: "size" })).structured
      expect(all).toMatchObject({ complete: true, summary: expect.stringMatching(/; the largest first\.$/u) })
      expect(all).not.toHaveProperty("notes")

      // Keys of which only a part was looked through.
      const unsure = worldOf({
        "beamscope_ets_objects:sample": windowed({ ...end, is_part: atom("false"), unsure: 3 })
      })
      expect(
        (yield* callIn(unsure.world, "sample_ets_table", { table: "cache", filter: "x" })).structured
      ).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^3 keys are so large that only a part was looked through/u)]
      })

      // A key that is too large to go on behind.
      const stuck = worldOf({ "beamscope_ets_objects:sample": windowed({ next: atom("undefined") }) })
      const last = yield* callIn(stuck.world, "sample_ets_table", { table: "cache", sort_by: "size" })
      expect(last.structured).toMatchObject({
        complete: false,
        notes: expect.arrayContaining([expect.stringMatching(/^There is no next page/u)])
      })
      expect(last.structured).not.toHaveProperty("next_cursor")

      // In the order of the table its pages go on; and where nothing is looked for, all objects match.
      const inOrder = worldOf({ "beamscope_ets_objects:sample": windowed({ next }) })
      expect(
        (yield* callIn(inOrder.world, "sample_ets_table", { table: "cache", filter: "x" })).structured
      ).toMatchObject({ complete: true, notes: expect.arrayContaining([expect.stringContaining(": matched is of")]) })
      const all5000 = worldOf({ "beamscope_ets_objects:sample": windowed({ next, matched: 5_000 }) })
      const sized = (yield* callIn(all5000.world, "sample_ets_table", { table: "cache", sort_by: "size" })).structured
      expect(sized).toMatchObject({ complete: false, matched: 5_000, looked_at: 2_000 })
      expect(sized["notes"]).toContainEqual(expect.stringContaining(": the order by size is of these."))
      const late = worldOf({
        "beamscope_ets_objects:sample": windowed({
          rows: list([]),
          is_more: atom("deadline"),
          next,
          matched: 0,
          looked: 7
        })
      })
      expect(
        (yield* callIn(late.world, "sample_ets_table", { table: "cache", sort_by: "size" })).structured
      ).toMatchObject({
        complete: false,
        next_cursor: expect.any(String),
        notes: [expect.stringMatching(/^Time ran out/u)]
      })
    })
  )

  it.effect("are looked for by a set as the Elixir of the node makes it", () =>
    Effect.gen(function* () {
      for (const [elixirVersion, fields] of [
        ["1.14.5", ["__struct__", "map", "version"]],
        ["1.18.4", ["__struct__", "map"]]
      ] as const) {
        const node = fakeNode({ capabilities: { elixirVersion }, replies: { "beamscope_ets_objects:select": rows() } })
        yield* callIn({ up: [node], mode: "elixir" }, "select_ets_table", { table: "cache", key: "MapSet.new([1, 2])" })
        const [question] = node.called.find(({ target }) => target === "beamscope_ets_objects:select")!.args
        const key = question instanceof MapTerm ? question.atomKey("key") : undefined
        const set = key instanceof Binary ? decode(key.view()) : undefined
        const keys = set instanceof MapTerm ? set.entries.filter((_, at) => at % 2 === 0) : []
        expect(keys).toEqual(fields.map(atom))
      }
    })
  )

  it.effect("that end the worker which reads them are told as too large", () =>
    Effect.gen(function* () {
      for (const [tool, func, input] of [
        ["sample_ets_table", "beamscope_ets_objects:sample", {}],
        ["select_ets_table", "beamscope_ets_objects:select", { key: "1" }]
      ] as const) {
        const { world } = worldOf({ [func]: { fails: { _tag: "HeapLimit", limitWords: 1_000 } } })
        const error = yield* failIn(world, tool, { table: "cache", ...input })
        expect(error).toMatchObject({ code: "too_large", next: expect.stringContaining("keys_only") })
      }
    })
  )

  it.effect("are not looked for with atoms that the node does not have", () =>
    Effect.gen(function* () {
      const { world } = worldOf(
        { "beamscope_ets_objects:select": { term: packed(words({ unknown: atom("true") })) } },
        ["known"]
      )
      const error = yield* failIn(world, "select_ets_table", { table: "cache", key: "{known, strange}" })
      expect(error.code).toBe("not_found")
      expect(error.message).toContain("does not have the atom strange,")
      const identifiers = yield* failIn(world, "select_ets_table", { table: "cache", key: "{known, <0.1.0>}" })
      expect(identifiers.message).toContain("a pid, port or reference")
    })
  )

  it.effect("that are like a pattern are counted, with how many were looked at where not all were", () =>
    Effect.gen(function* () {
      const whole = yield* countedBy({})
      expect(whole).toMatchObject({ complete: true, total: 3, matched: 2, looked_at: 3 })
      expect(whole["summary"]).toMatch(/^1 of 2 objects like this in cache \(#Ref<.*>\)\.$/u)
      const part = yield* countedBy({ size: 5_000, looked: 2_000, is_part: atom("true") })
      expect(part).toMatchObject({ complete: true, total: 5_000, matched: 2, looked_at: 2_000 })
      expect(part["summary"]).toMatch(/, among 2,000 objects looked at\.$/u)
      expect(part["next_cursor"]).toEqual(expect.any(String))
      expect(part["notes"]).toContain(
        "One look takes in as much of the table as there is time for, here 2,000 objects: matched is of these. Allow more with timeout_ms."
      )
      const none = yield* countedBy({
        rows: list([]),
        matched: 0,
        looked: 1,
        is_part: atom("true"),
        is_more: atom("deadline")
      })
      expect(none).toMatchObject({
        complete: false,
        summary: expect.stringMatching(/^No object like this was found in time .*, among 1 object looked at\.$/u)
      })
    })
  )

  it.effect("are looked for by a key or by a pattern, one of the two", () =>
    Effect.gen(function* () {
      for (const input of [{}, { key: "1", match: "{1}" }, { key: "{" }, { match: "[_]" }, { key: "_" }]) {
        const { node, world } = worldOf({})
        expect(yield* failIn(world, "select_ets_table", { table: "cache", ...input })).toMatchObject({
          code: "invalid_input"
        })
        expect(node.called).toEqual([])
      }
    })
  )
})

describe("the example of a pattern", () => {
  it.effect.each(syntaxNames)("can be written in a session in %s", (mode) =>
    Effect.gen(function* () {
      const { world } = worldOf({ "beamscope_ets_objects:select": rows() })
      const within = { ...world, mode }
      const { message } = yield* failIn(within, "select_ets_table", { table: "cache", match: "[1]" })
      const example = /such as (\{.*\})\.$/u.exec(message)?.[1]
      yield* callIn(within, "select_ets_table", { table: "cache", match: example })
      expect(selectEtsTable?.description).toContain(example)
    })
  )
})

describe("growth", () => {
  it.effect("has no order by name, and a window that fits", () =>
    Effect.gen(function* () {
      const { world } = worldOf({})
      for (const input of [{ sort_by: "name", window_ms: 100 }, { window_ms: 60_000 }]) {
        expect(yield* failIn(world, "list_ets_tables", input)).toMatchObject({ code: "invalid_input" })
      }
    })
  )
})

const page = (total: number, listed: ReadonlyArray<MapTerm>, rest: Readonly<Record<string, Term>> = {}): Reply => ({
  term: packed(
    words({
      total,
      matched: listed.length,
      rows: list(listed.map((row, at) => [[at, at], row])),
      next: atom("undefined"),
      incomplete: list([]),
      ...rest
    })
  )
})
const summaryOf = (reply: Reply, input: Readonly<Record<string, unknown>> = {}, func = "beamscope_ets:tables") =>
  callIn(worldOf({ [func]: reply, "erlang:system_info/1": { term: 7 } }).world, "list_ets_tables", input).pipe(
    Effect.map(({ structured }) => structured["summary"])
  )
const late = { incomplete: list([atom("deadline")]) }

const grown = (rest: Readonly<Record<string, Term>> = {}) => page(7, [], { born: 0, gone: 0, ...rest })

const growthOf = (reply: Reply, filter: Readonly<Record<string, string>> = {}) =>
  summaryOf(reply, { window_ms: 100, filter }, "beamscope_ets:growth")

describe("a list of tables", () => {
  it.effect("that shows none says why, and names no filter where there is none", () =>
    Effect.gen(function* () {
      expect(yield* summaryOf(page(0, []))).toBe("There is no table.")
      expect(yield* summaryOf(page(7, []), { filter: { name: "x" } })).toBe("None of 7 tables passes the filter.")
      expect(yield* summaryOf(page(7, [], late))).toBe("None of 7 tables was found in time.")
    })
  )

  it.effect("of which none grew says which were looked at", () =>
    Effect.gen(function* () {
      expect(yield* growthOf(grown())).toBe("No table grew in memory in 100 ms.")
      expect(yield* growthOf(grown(), { name: "x" })).toBe("No table that passes the filter grew in memory in 100 ms.")
      expect(yield* growthOf(grown(late))).toBe(
        "No table of those that were looked at in time grew in memory in 100 ms."
      )
    })
  )

  it.effect("cannot be gone on with behind a key that is too large, and is not called complete then", () =>
    Effect.gen(function* () {
      const { world } = worldOf({
        "beamscope_ets_objects:sample": {
          term: packed(
            words({
              ...facts,
              rows: list([[atom("undefined"), [atom("key"), 1], 0]]),
              is_more: atom("true"),
              matched: 3
            })
          )
        }
      })
      const { structured } = yield* callIn(world, "sample_ets_table", { table: "cache" })
      expect(structured).toMatchObject({
        complete: false,
        notes: ["There is no next page: a key here is too large to go on behind."]
      })
    })
  )
})
