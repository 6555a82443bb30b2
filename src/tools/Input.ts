import { Result, Schema, SchemaIssue } from "effect"
import { excerpt } from "../syntax/Excerpt.ts"
import { didYouMean } from "./DidYouMean.ts"
import type { ObjectSchema } from "./JsonSchema.ts"

type Path = ReadonlyArray<PropertyKey>

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a JSON Schema says about the value at a path, as far as it says it plainly. */
const schemaAt = (schema: unknown, path: Path): Readonly<Record<string, unknown>> | undefined => {
  const at = schema as { readonly properties?: Record<string, unknown>; readonly items?: unknown } | undefined
  const [head, ...rest] = path
  if (head === undefined) return at
  return schemaAt(typeof head === "number" ? at?.items : at?.properties?.[String(head)], rest)
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value)

/** The value that was given, short enough to quote. */
const quoted = (value: unknown): string => excerpt(JSON.stringify(value) ?? "nothing")

const spelled = (path: Path): string =>
  excerpt(
    path.map((key, at) => (typeof key === "number" ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`)).join("")
  )

const suggestion = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : `; did you mean ${names.map((name) => `\`${name}\``).join(" or ")}?`

const problem = (input: unknown, schema: ObjectSchema, path: Path, message: string): string => {
  const name = spelled(path)
  if (path.length === 0) return `the arguments must be one JSON object, not ${quoted(input)}`
  if (message === "Missing key") return `\`${name}\` is missing`
  if (message === "Expected no excess property") {
    const known = Object.keys((schemaAt(schema, path.slice(0, -1))?.properties as object | undefined) ?? {})
    const meant = didYouMean(String(path.at(-1)), known)
    return `\`${name}\` is not known here${meant.length > 0 ? suggestion(meant) : `; known: ${known.join(", ") || "nothing"}`}`
  }
  const given = valueAt(input, path)
  const { enum: choices, format } = schemaAt(schema, path) ?? {}
  const meant = typeof given === "string" && Array.isArray(choices) ? didYouMean(given, choices.map(String)) : []
  const found = format === "password" ? "" : `, not ${quoted(given)}`
  return `\`${name}\`: ${message.charAt(0).toLowerCase()}${message.slice(1)}${found}${suggestion(meant)}`
}

/** What is wrong with arguments. */
export interface Problems {
  readonly count: number
  /** In words for whoever wrote the arguments; at most twenty. */
  readonly told: ReadonlyArray<string>
}

const maxTold = 20

/** Decodes arguments strictly: what the schema does not know is refused. On failure tells every problem at once. */
export const decodeInput = <T>(
  struct: Schema.ConstraintDecoder<T>,
  schema: ObjectSchema,
  input: unknown
): Result.Result<T, Problems> =>
  Result.mapError(Schema.decodeUnknownResult(struct)(input, { errors: "all", onExcessProperty: "error" }), (error) => {
    const { issues } = issuesOf(error.issue)
    const told = issues.slice(0, maxTold).map(({ message, path }) => problem(input, schema, pathOf(path), message))
    return { count: issues.length, told }
  })

const pathOf = (path: ReadonlyArray<unknown> | undefined): Path =>
  (path ?? []).map((segment) =>
    typeof segment === "object" && segment !== null
      ? (segment as { readonly key: PropertyKey }).key
      : (segment as PropertyKey)
  )
