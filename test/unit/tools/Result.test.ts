import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import * as fc from "fast-check"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import { resultOf } from "../../../src/tools/Result.ts"
import * as Tool from "../../../src/tools/Tool.ts"
import { worldLayer } from "../../support/FakeNodes.ts"

interface Item {
  readonly id: number
  readonly text: string
  readonly extra?: string
}

/** A tool that lists `items`, with terms that get as long as they are let. */
const listing = (items: ReadonlyArray<Item>) =>
  Tool.make({
    name: "list_items",
    title: "List items",
    description: "Lists.",
    toolset: "test",
    access: "inspect",
    cost: "cheap",
    target: "none",
    input: { limit: Schema.Int, cursor: Schema.optionalKey(Schema.String) },
    output: {
      rows: Schema.optionalKey(
        Schema.Array(Schema.Struct({ id: Schema.Int, text: Schema.String, extra: Schema.optionalKey(Schema.String) }))
      )
    },
    position: Schema.Struct({ id: Schema.Int }),
    run: ({ limit }, _target, after) => {
      const rest = items.filter(({ id }) => after === undefined || id > after.id)
      const rows = rest.slice(0, limit)
      return Effect.succeed({
        summary: (shown: number) => `${shown} of ${items.length} items.`,
        data: (length: number) => ({ rows: rows.map((row) => ({ ...row, text: row.text.slice(0, length) })) }),
        page: {
          rows: "rows",
          next: rest.length > limit ? { id: rows.at(-1)!.id } : undefined,
          after: (row: number) => ({ id: rows[row]!.id })
        }
      } as const)
    }
  })

const callWith = (tool: Tool.Tool, budget: number, input: unknown) =>
  Effect.gen(function* () {
    return yield* (yield* Catalogue).call(tool.name, input)
  }).pipe(
    Effect.provideService(CharacterBudget, budget),
    Effect.provide(Catalogue.layerOf([tool]).pipe(Layer.provideMerge(worldLayer({}))))
  )

const items = fc
  .array(
    fc.record(
      { text: fc.string({ maxLength: 3000, unit: "grapheme" }), extra: fc.string({ maxLength: 60 }) },
      { requiredKeys: ["text"] }
    ),
    { maxLength: 80 }
  )
  .map((all) => all.map((item, id): Item => ({ id, ...item })))

describe("the character budget", () => {
  it.effect("holds for JSON and text, and every row is shown exactly once over the pages", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          items,
          fc.integer({ min: 1, max: 60 }),
          fc.integer({ min: 1500, max: 12_000 }),
          (all, limit, budget) =>
            Effect.runPromise(
              Effect.gen(function* () {
                const tool = listing(all)
                const seen: Array<number> = []
                let cursor: string | undefined
                do {
                  const { structured, text } = yield* callWith(tool, budget, {
                    limit,
                    ...(cursor === undefined ? {} : { cursor })
                  })
                  expect(JSON.stringify(structured).length).toBeLessThanOrEqual(budget)
                  expect(text.length).toBeLessThanOrEqual(budget)
                  const rows = (structured.rows ?? []) as ReadonlyArray<Item>
                  expect(structured.summary).toBe(`${rows.length} of ${all.length} items.`)
                  seen.push(...rows.map(({ id }) => id))
                  cursor = structured.next_cursor as string | undefined
                } while (cursor !== undefined)
                expect(seen).toEqual(all.map(({ id }) => id))
              })
            )
        ),
        { numRuns: 60 }
      )
    )
  )

  it.effect("prints terms shorter before it lets rows go", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 4 }, (_, id) => ({ id, text: "x".repeat(4000) }))
      const { structured } = yield* callWith(listing(all), 5_000, { limit: 10 })
      const rows = structured.rows as ReadonlyArray<Item>
      expect(rows.map(({ text }) => text.length)).toEqual([1000, 1000, 1000, 1000])
      expect(structured.notes).toBeUndefined()
    })
  )

  it.effect("says how many rows went to the next page", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 30 }, (_, id) => ({ id, text: "x".repeat(250) }))
      const { structured, text } = yield* callWith(listing(all), 3_000, { limit: 20 })
      const shown = (structured.rows as ReadonlyArray<Item>).length
      expect(shown).toBeGreaterThan(0)
      expect(shown).toBeLessThan(20)
      expect(structured.complete).toBe(true)
      const note = `${20 - shown} of this page did not fit into 3000 characters: next_cursor goes on after the last one shown.`
      expect(structured.notes).toEqual([note])
      expect(text).toContain(note)
      expect(text).toContain(`next_cursor: ${structured.next_cursor}`)
    })
  )

  it.effect("refuses a result of which not even one row fits", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        callWith(listing([{ id: 1, text: "", extra: "x".repeat(2_000) }]), 1_500, { limit: 1 })
      )
      expect(error).toMatchObject({
        _tag: "ToolError",
        code: "too_large",
        message: expect.stringMatching(
          /1500 characters .* Ask for less, or start this server with more: --max-chars\.$/u
        )
      })
    })
  )
})

const frame = {
  node: undefined,
  asOf: "2026-01-01T00:00:00.000Z",
  budget: 2_000,
  cursor: () => ({ text: "c", isSealed: false }),
  clean: (text: string) => text,
  hints: []
}

describe("resultOf", () => {
  it("keeps the order of keys, and leaves out what is empty", () => {
    const result = resultOf(
      {
        summary: "S.",
        notes: [],
        data: { zero: 0, no: false, list: [], object: {}, nothing: undefined, rows: [{ a: 1 }] },
        page: { rows: "rows", next: { a: 1 } }
      },
      { ...frame, node: "a@b", hints: ["next"] }
    )
    expect(JSON.stringify(result?.structured)).toBe(
      JSON.stringify({
        summary: "S.",
        node: "a@b",
        as_of: frame.asOf,
        complete: true,
        zero: 0,
        no: false,
        rows: [{ a: 1 }],
        next_cursor: "c",
        hints: ["next"]
      })
    )
  })

  it("is incomplete when rows are left out that no cursor leads to", () => {
    const rows = Array.from({ length: 100 }, (_, at) => ({ at, text: "x".repeat(50) }))
    const result = resultOf({ summary: (shown) => `${shown}`, data: { rows }, page: { rows: "rows" } }, frame)
    const shown = (result!.structured.rows as ReadonlyArray<unknown>).length
    expect(result?.structured.complete).toBe(false)
    expect(result?.structured.summary).toBe(String(shown))
    expect(result?.structured.notes).toEqual([
      `${100 - shown} more did not fit into 2000 characters and are left out: ask for fewer, or filter.`
    ])
    expect(result?.structured.next_cursor).toBeUndefined()
  })

  it("speaks of one row that is left out as of one", () => {
    const rows = ["x".repeat(200), "y".repeat(1_900)].map((text) => ({ text }))
    const result = resultOf({ summary: "some", data: { rows }, page: { rows: "rows" } }, frame)
    expect(result?.structured.notes).toEqual([expect.stringMatching(/^1 more did not fit .* and is left out/u)])
  })

  it("cleans every text but the cursor", () => {
    const result = resultOf(
      { summary: "has hush", notes: ["hush"], data: { name: "hush", rows: [{ a: "hush" }] } },
      { ...frame, clean: (text) => text.replaceAll("hush", "****") }
    )
    expect(JSON.stringify(result)).not.toContain("hush")
    expect(result?.structured).toMatchObject({ summary: "has ****", notes: ["****"], name: "****" })
  })
})
