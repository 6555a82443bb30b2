import { Effect, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { objectSchema } from "../../../src/tools/JsonSchema.ts"

describe("objectSchema", () => {
  it("closes objects, keeps ranges, defaults, descriptions and patterns, and drops the bounds of safe integers", () => {
    const struct = Schema.Struct({
      limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))
        .annotate({ description: "rows", default: 20 })
        .pipe(Schema.withDecodingDefaultKey(Effect.succeed(20))),
      count: Schema.Int,
      name: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\p{L}+$/u))),
      inner: Schema.optionalKey(Schema.Struct({ sort: Schema.Literals(["a", "b"]) }))
    })
    expect(objectSchema(struct)).toEqual({
      type: "object",
      properties: {
        limit: { type: "integer", minimum: 1, maximum: 100, description: "rows", default: 20 },
        count: { type: "integer" },
        name: { type: "string", pattern: String.raw`^\p{L}+$` },
        inner: {
          type: "object",
          properties: { sort: { type: "string", enum: ["a", "b"] } },
          required: ["sort"],
          additionalProperties: false
        }
      },
      required: ["count"],
      additionalProperties: false
    })
  })

  it("says that a tool without arguments takes an empty object", () =>
    expect(objectSchema(Schema.Struct({}))).toEqual({ type: "object", properties: {}, additionalProperties: false }))

  it("refuses what would not stand by itself or is no object", () => {
    class Named extends Schema.Class<Named>("Named")({ a: Schema.String }) {}
    expect(() => objectSchema(Schema.Struct({ named: Named }))).toThrow("Named")
    expect(() =>
      objectSchema(Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })]))
    ).toThrow("struct")
    expect(() => objectSchema(Schema.String)).toThrow("struct")
  })
})
