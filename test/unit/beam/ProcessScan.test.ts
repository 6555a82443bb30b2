import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { longQueue, type PageQuery } from "../../../src/beam/ProcessQuery.ts"
import { type ProcessRow, rankOf } from "../../../src/beam/ProcessRow.ts"
import { scanGrowth, scanPage } from "../../../src/beam/ProcessScan.ts"
import { type Atom, atom, isAtom, isTuple, list, listItems, nil, Pid, type Term } from "../../../src/etf/Term.ts"
import type { CallReason } from "../../../src/node/CallError.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

/** A process of a made-up population. */
interface Inhabitant {
  readonly messages?: number
  readonly memory?: number
  readonly reductions?: number
  readonly name?: string
  readonly module?: string
  readonly callback?: string
  readonly label?: string
  /** Of the label, when it is copied. */
  readonly isHuge?: boolean
  /** Milliseconds that it takes to copy the label. */
  readonly takes?: number
  /** Words. */
  readonly heap?: number
  /** Ends after the list of pids was made. */
  readonly ends?: boolean
}

const pidOf = (at: number) => new Pid(atom("app@localhost"), at + 10, 0, 42)

const value = (item: Term, it: Inhabitant): Term => {
  if (isTuple(item)) return [item, it.callback === undefined ? atom("undefined") : [atom(it.callback), atom("init"), 1]]
  switch ((item as Atom).text) {
    case "message_queue_len":
      return [item, it.messages ?? 0]
    case "memory":
      return [item, it.memory ?? 0]
    case "reductions":
      return [item, it.reductions ?? 0]
    case "total_heap_size":
      return [item, it.heap ?? 0]
    case "label":
      return [item, atom(it.label ?? "undefined")]
    case "registered_name":
      return [item, it.name === undefined ? nil : atom(it.name)]
    case "status":
      return [item, atom("waiting")]
    default:
      return [item, [atom(it.module ?? "erlang"), atom("apply"), 2]]
  }
}

/** A node with these processes; `asked` tells which items were asked of which process. */
const nodeWith = (
  population: () => ReadonlyArray<Inhabitant>,
  dictionaryKey = true,
  processInfoItems: ReadonlySet<string> = new Set()
) => {
  const asked: Array<readonly [number, string]> = []
  const node = fakeNode({
    capabilities: { dictionaryKey, processInfoItems },
    replies: {
      "erlang:processes/0": () => Effect.sync(() => list(population().map((_, at) => pidOf(at)))),
      "lists:zipwith/3": ([, pids, questions]) =>
        Effect.gen(function* () {
          const inhabitants = population()
          const batch = listItems(pids)!
          const isLabel = isAtom(listItems(listItems(questions)![0])![0], "label")
          if (isLabel)
            yield* TestClock.adjust(Math.max(0, ...batch.map((pid) => inhabitants[(pid as Pid).id - 10]!.takes ?? 0)))
          if (isLabel && batch.some((pid) => inhabitants[(pid as Pid).id - 10]!.isHuge === true)) {
            return yield* Effect.fail<CallReason>({ _tag: "HeapLimit", limitWords: 8_388_608 })
          }
          expect(batch.length).toBeLessThanOrEqual(1_000)
          return list(
            batch.map((pid, at): Term => {
              const id = (pid as Pid).id - 10
              const items = listItems(listItems(questions)![at])!
              for (const item of items) asked.push([id, isTuple(item) ? "dictionary" : (item as Atom).text])
              return inhabitants[id]!.ends === true
                ? atom("undefined")
                : list(items.map((item) => value(item, inhabitants[id]!)))
            })
          )
        })
    }
  })
  return { node, asked }
}

const query: PageQuery = { sort: "memory", limit: 100, filter: {}, deadlineMillis: 10_000 }
const ids = (rows: ReadonlyArray<ProcessRow>) => rows.map(({ pid }) => pid.id - 10)

describe("a page of a scan", () => {
  it.effect("holds the largest, over more than one batch", () =>
    Effect.gen(function* () {
      const { node } = nodeWith(() => Array.from({ length: 2_500 }, (_, at) => ({ memory: (at * 7919) % 2_500 })))
      const page = yield* scanPage(node, { ...query, limit: 3 })
      expect(page.rows.map(({ memory }) => memory)).toEqual([2_499, 2_498, 2_497])
      expect(page).toMatchObject({ seen: 2_500, matched: 2_500, gone: 0, incomplete: [] })
      expect(node.called.filter(({ target }) => target === "lists:zipwith/3")).toHaveLength(3 + 3 + 2)
    })
  )

  it.effect("together with its successors shows every process once, in order", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ memory: fc.nat(5), reductions: fc.nat(5), messages: fc.nat(3) }), { maxLength: 60 }),
          fc.constantFrom("memory", "reductions", "message_queue_len", "pid"),
          fc.integer({ min: 1, max: 20 }),
          (population, sort, limit) =>
            Effect.runPromise(
              Effect.gen(function* () {
                const { node } = nodeWith(() => population)
                const seen: Array<ProcessRow> = []
                let after: PageQuery["after"]
                do {
                  const page = yield* scanPage(node, { ...query, sort, limit, ...(after && { after }) })
                  seen.push(...page.rows)
                  after = page.next
                } while (after !== undefined)
                expect(ids(seen).toSorted((a, b) => a - b)).toEqual(population.map((_, at) => at))
                const keys = seen.map((row) => [sort === "pid" ? 0 : rankOf(row, sort)!, row.pid.id] as const)
                expect(keys).toEqual(keys.toSorted((a, b) => b[0] - a[0] || b[1] - a[1]))
              })
            )
        ),
        { numRuns: 40 }
      )
    )
  )

  it.effect("does not ask a process with a long queue for its memory, but names it", () =>
    Effect.gen(function* () {
      const { asked, node } = nodeWith(() => [{ memory: 5 }, { memory: 9, messages: longQueue + 1 }, { memory: 7 }])
      const page = yield* scanPage(node, query)
      expect(ids(page.rows)).toEqual([2, 0])
      expect(page.unmeasured).toEqual({ count: 1, longest: [{ pid: pidOf(1), messages: longQueue + 1 }] })
      expect(page.incomplete).toEqual(["long_queue"])
      expect(asked).not.toContainEqual([1, "memory"])
      const byQueue = yield* scanPage(node, { ...query, sort: "message_queue_len" })
      expect(ids(byQueue.rows)[0]).toBe(1)
      expect(byQueue.rows[0]?.memory).toBeUndefined()
      expect(asked).not.toContainEqual([1, "memory"])
    })
  )

  it.effect("reads no label off a large heap or behind a long queue", () =>
    Effect.gen(function* () {
      const population = [
        { label: "small", memory: 4 },
        { memory: 3 },
        { label: "large", heap: 16_385, memory: 2 },
        { label: "queued", messages: longQueue + 1, memory: 1 }
      ]
      const labelled = nodeWith(() => population, true, new Set(["label"]))
      const page = yield* scanPage(labelled.node, { ...query, sort: "reductions" })
      const labels = new Map(page.rows.map(({ label, pid }) => [pid.id - 10, label]))
      expect(labels).toEqual(
        new Map<number, unknown>([
          [0, { term: atom("small") }],
          [1, undefined],
          [2, "unread"],
          [3, "unread"]
        ])
      )
      expect(labelled.asked.filter(([, item]) => item === "label").map(([at]) => at)).toEqual([1, 0])
      const { rows } = yield* scanPage(nodeWith(() => population).node, query)
      expect(rows.map(({ label }) => label)).toEqual([undefined, undefined, undefined])
    })
  )

  it.effect("leaves out a label that is too large when copied, and no other", () =>
    Effect.gen(function* () {
      const population = [{ label: "first" }, { label: "huge", isHuge: true }, { label: "last" }]
      const { node } = nodeWith(() => population, true, new Set(["label"]))
      const { rows } = yield* scanPage(node, query)
      const labels = new Map(rows.map(({ label, pid }) => [pid.id - 10, label]))
      expect(labels).toEqual(
        new Map<number, unknown>([
          [0, { term: atom("first") }],
          [1, "unread"],
          [2, { term: atom("last") }]
        ])
      )
    })
  )

  it.effect("asks for no label when there is no time left for the rows", () =>
    Effect.gen(function* () {
      const population = [{ label: "first" }, { label: "huge", isHuge: true, takes: 30 }, { label: "last" }]
      const { asked, node } = nodeWith(() => population, true, new Set(["label"]))
      const page = yield* scanPage(node, { ...query, deadlineMillis: 100 })
      expect(page.rows.map(({ label }) => label)).toEqual(["late", "late", "late"])
      expect(page.incomplete).toEqual(["rows"])
      // All at once, which was too much, and none by itself.
      expect(asked.filter(([, item]) => item === "label")).toEqual([])
      expect(node.called.filter(({ target }) => target === "lists:zipwith/3")).toHaveLength(5)
    })
  )

  it.effect.each([
    { filter: { name: "SHOP" }, found: [1] },
    { filter: { module: "shop_srv" }, found: [2, 3] },
    { filter: { minMemory: 50 }, found: [3] },
    { filter: { minReductions: 9 }, found: [2] },
    { filter: { minMessageQueueLength: 3 }, found: [1] },
    { filter: { status: "waiting" }, found: [0, 1, 2, 3] },
    { filter: { status: "running" }, found: [] },
    { filter: { module: "shop_srv", minReductions: 9 }, found: [2] }
  ] as const)("finds $found by $filter", ({ filter, found }) =>
    Effect.gen(function* () {
      const { node } = nodeWith(() => [
        {},
        { name: "my_shop", messages: 3 },
        { module: "shop_srv", reductions: 9 },
        { callback: "shop_srv", memory: 50 }
      ])
      const page = yield* scanPage(node, { ...query, sort: "pid", filter })
      expect(ids(page.rows).toSorted()).toEqual(found)
      expect(page.incomplete).toEqual([])
    })
  )

  it.effect("says that it could not see callbacks where the release does not show them", () =>
    Effect.gen(function* () {
      const { asked, node } = nodeWith(() => [{ callback: "shop_srv" }], false)
      const page = yield* scanPage(node, { ...query, filter: { module: "shop_srv" } })
      expect(page).toMatchObject({ rows: [], incomplete: ["initial_call"] })
      expect(asked.map(([, item]) => item)).not.toContain("dictionary")
    })
  )

  it.effect("leads on even when all that it picked have ended", () =>
    Effect.gen(function* () {
      let scans = 0
      const { node } = nodeWith(() => [{ memory: 1 }, { memory: 9, ends: scans++ > 2 }])
      const page = yield* scanPage(node, { ...query, limit: 1 })
      expect(page).toMatchObject({ rows: [], matched: 2, gone: 1, next: { pid: pidOf(1), value: 9 } })
    })
  )

  it.effect("counts those that end meanwhile", () =>
    Effect.gen(function* () {
      const { node } = nodeWith(() => [{ memory: 1 }, { ends: true }])
      expect(yield* scanPage(node, query)).toMatchObject({ seen: 2, matched: 1, gone: 1, total: 1 })
    })
  )

  it.effect("ends at its deadline with what it has", () =>
    Effect.gen(function* () {
      const { node } = nodeWith(() => [{ memory: 1 }])
      expect(yield* scanPage(node, { ...query, deadlineMillis: 0 })).toMatchObject({
        seen: 0,
        rows: [],
        incomplete: ["deadline"]
      })
    })
  )

  it.effect("refuses what only the agent can look for", () =>
    Effect.gen(function* () {
      const { node } = nodeWith(() => [{}])
      for (const filter of [{ label: { text: "x", pattern: "x" } }, { application: "kernel" }]) {
        expect((yield* Effect.flip(scanPage(node, { ...query, filter }))).reason._tag).toBe("Unsupported")
      }
    })
  )
})

describe("growth in a window", () => {
  it.live("is what each process did in it, with those that were born in it", () =>
    Effect.gen(function* () {
      let samples = 0
      const { node } = nodeWith(() => {
        samples = Math.min(samples + 1, 3)
        return samples < 3
          ? [{ reductions: 10 }, { reductions: 20 }, { reductions: 30 }]
          : [{ reductions: 10 }, { reductions: 90 }, { reductions: 31 }, { reductions: 40 }]
      })
      const grown = yield* scanGrowth(node, { ...query, sort: "reductions", windowMillis: 1 })
      expect(grown.rows.map(({ born, growth, row, value: now }) => [row.pid.id - 10, growth, now, born])).toEqual([
        [1, 70, 90, false],
        [3, 40, 40, true],
        [2, 1, 31, false]
      ])
      expect(grown).toMatchObject({ matched: 3, born: 1, gone: 0 })
      for (const { perSecond } of grown.rows) expect(perSecond).toBeGreaterThan(0)
    })
  )
})
