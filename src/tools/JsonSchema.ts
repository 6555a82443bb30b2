import { Schema } from "effect"

/** A JSON Schema 2020-12 object whose root is `type: "object"`. */
export type ObjectSchema = Readonly<Record<string, unknown>>

/**
 * The JSON Schema of a struct, in the form that MCP hosts take: the root is an object, closed
 * (`additionalProperties: false`), and stands by itself (no `$ref`).
 *
 * Throws on a schema that cannot be said that way: that is a mistake in the tool, found by the test that lists all of them.
 */
export const objectSchema = (struct: Schema.Constraint): ObjectSchema => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(struct, { onExcessProperty: "error" })
  if (Object.keys(definitions).length > 0) {
    throw new Error(`schemas with an identifier become references: ${Object.keys(definitions).join(", ")}`)
  }
  // An empty struct means "anything but null or undefined" to Schema, not "an object without properties".
  if ("not" in schema) return { type: "object", properties: {}, additionalProperties: false }
  if (schema.type !== "object") throw new Error("the root of a tool's schema must be a struct")
  return withoutNoise(schema) as ObjectSchema
}

/**
 * The first storey of a struct's JSON Schema, open: which fields there are and of what type, not what is inside them.
 * Every client of a server is sent the schemas of all tools, and what a result says, it says by itself.
 */
export const outline = (struct: Schema.Constraint): ObjectSchema => {
  const { properties } = objectSchema(struct) as { readonly properties: Readonly<Record<string, ObjectSchema>> }
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, { enum: choices, type }]) => [
        name,
        { type, ...(choices === undefined ? {} : { enum: choices }) }
      ])
    )
  }
}

/** What is checked anyway, and told in words where it matters: no client needs it to make a call. */
const checked: ReadonlySet<string> = new Set([
  "default",
  "maxItems",
  "maxLength",
  "maximum",
  "minItems",
  "minLength",
  "minimum",
  "pattern"
])

/**
 * A tool's schema as clients are sent it, in as few words as will do: names, types, choices and descriptions. The root
 * says that it is closed.
 */
export const brief = ({ additionalProperties, ...schema }: ObjectSchema): ObjectSchema => ({
  ...(withoutChecked(schema) as ObjectSchema),
  additionalProperties
})

const withoutChecked = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutChecked)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      // What is under `properties` are names, not words of JSON Schema.
      if (key === "properties")
        return [
          [
            key,
            Object.fromEntries(Object.entries(inner as object).map(([name, schema]) => [name, withoutChecked(schema)]))
          ]
        ]
      return checked.has(key) || key === "additionalProperties" ? [] : [[key, withoutChecked(inner)]]
    })
  )
}

/** Leaves out the bounds that every safe integer has anyway; they only cost the reader tokens. */
const withoutNoise = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutNoise)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== Number.MIN_SAFE_INTEGER && inner !== Number.MAX_SAFE_INTEGER)
      .map(([key, inner]) => [key, withoutNoise(inner)])
  )
}
