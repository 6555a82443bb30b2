import { expect } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Catalogue, type ToolResult } from "../../src/tools/Catalogue.ts"
import type { Session } from "../../src/tools/Session.ts"
import type { Tool } from "../../src/tools/Tool.ts"
import type { ToolError } from "../../src/tools/ToolError.ts"
import { allTools } from "../../src/tools/AllTools.ts"
import { type World, worldLayer } from "./FakeNodes.ts"

/** What stands around the data of every result. */
const frame = ["summary", "node", "as_of", "complete", "notes", "next_cursor", "hints"]

/** Calls a tool through the catalogue, and checks the result against the contract that all results keep. */
export const call = (name: string, input: unknown): Effect.Effect<ToolResult, ToolError, Catalogue | Session> =>
  Effect.tap(
    Effect.flatMap(Catalogue, (catalogue) => catalogue.call(name, input)),
    (result) => Effect.sync(() => expectContract(name, result))
  )

/** All pages of a list, one call after the other. */
export const pagesOf = Effect.fnUntraced(function* (name: string, input: Readonly<Record<string, unknown>> = {}) {
  const pages: Array<ToolResult> = []
  let cursor: unknown
  do {
    const page: ToolResult = yield* call(name, { ...input, ...(cursor !== undefined && { cursor }) })
    pages.push(page)
    cursor = page.structured["next_cursor"]
  } while (cursor !== undefined)
  return pages
})

const expectContract = (name: string, { structured, text }: ToolResult): void => {
  const keys = Object.keys(structured)
  const head = frame.slice(0, 5).filter((key) => key in structured)
  expect(keys.slice(0, head.length)).toEqual(head)
  expect(keys.filter((key) => ["next_cursor", "hints"].includes(key))).toEqual(
    keys.slice(keys.length - Number("next_cursor" in structured) - Number("hints" in structured))
  )
  expect(new Date(structured["as_of"] as string).toISOString()).toBe(structured["as_of"])
  expect(text.startsWith(structured["summary"] as string)).toBe(true)
  // Every fact stands in both, in the text with quotes where it could be misread without.
  for (const leaf of leaves(structured)) expect(text).toContain(text.includes(leaf) ? leaf : JSON.stringify(leaf))
  for (const hint of (structured["hints"] ?? []) as ReadonlyArray<string>) expectCall(hint)
  const { matched, total } = structured
  if (typeof matched === "number" && typeof total === "number") expect(matched).toBeLessThanOrEqual(total)
  const output = allTools.find((tool) => tool.name === name)?.output
  if (output === undefined) return
  const data = Object.fromEntries(Object.entries(structured).filter(([key]) => !frame.includes(key)))
  expect(() => Schema.decodeSync(output)(data, { onExcessProperty: "error" })).not.toThrow()
}

/** A hint that begins with the name of a tool is a call that can be made. */
const expectCall = (hint: string): void => {
  const [, name, json] = /^([a-z_]+)(?: (\{[^]*\}))?$/u.exec(hint) ?? []
  const tool = allTools.find((each) => each.name === name)
  if (tool === undefined || json === undefined) return
  expect(
    () => Schema.decodeUnknownSync(tool.input)(JSON.parse(json), { onExcessProperty: "error" }),
    hint
  ).not.toThrow()
}

const leaves = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(leaves)
  return typeof value === "string" ? value.split("\n") : [JSON.stringify(value)]
}

/** The catalogue of these tools in a world made up for a test. */
export const catalogueLayer = (world: World, tools: ReadonlyArray<Tool> = allTools) =>
  Catalogue.layerOf(tools).pipe(Layer.provideMerge(worldLayer(world)))

/** {@link call} in a world of its own. */
export const callIn = (world: World, name: string, input: unknown = {}) =>
  call(name, input).pipe(Effect.provide(catalogueLayer(world)))

/** The failure of a call in a world of its own. */
export const failIn = (world: World, name: string, input: unknown = {}) =>
  Effect.flip(callIn(world, name, input)) as Effect.Effect<ToolError>
