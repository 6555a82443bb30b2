import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { objectSchema } from "../../../src/tools/JsonSchema.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
import { failIn } from "../../support/Tools.ts"

interface Property {
  readonly type?: string
  readonly enum?: ReadonlyArray<string>
  readonly format?: string
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Property>>
  readonly items?: Property
}

/** The paths of texts of any length in a schema. */
const endless = (schema: Property, path: string): ReadonlyArray<string> => [
  ...(schema.type === "string" && schema.enum === undefined && schema.maxLength === undefined ? [path] : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, it]) => endless(it, `${path}.${name}`)),
  ...(schema.items === undefined ? [] : endless(schema.items, `${path}[]`))
]

describe("a text that a tool is given", () => {
  it("has a greatest length, where nothing else keeps it short: cookies and nodes are compared, cursors are signed", () => {
    const found = allTools.flatMap(({ input, name }) => endless(objectSchema(input) as Property, name))
    expect(found.filter((path) => !/\.(?:cookie|cursor|node)$/u.test(path))).toEqual([])
  })

  it.effect("is refused where it is longer", () =>
    Effect.gen(function* () {
      for (const [tool, input] of [
        ["get_process_info", { pid: "x".repeat(3_001) }],
        ["get_supervision_tree", { root: "x".repeat(3_001) }],
        ["sample_ets_table", { table: "x".repeat(3_001) }],
        ["get_gen_server_state", { pid: "x", path: "x".repeat(10_001) }]
      ] as const) {
        expect(yield* failIn({}, tool, input)).toMatchObject({ code: "invalid_input" })
      }
    })
  )
})
