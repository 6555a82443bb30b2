import { Schema } from "effect"
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"

/**
 * What a cursor belongs to. It is good only for the call that it came from: the same tool, node (and incarnation of
 * the node) and arguments. How many rows a page holds may change from page to page.
 */
export interface CursorScope {
  readonly tool: string
  readonly node: string
  readonly creation: number
  readonly arguments: Readonly<Record<string, unknown>>
}

/** Where the next page begins: the sort key of the last row shown, in JSON values. */
export type Position = Readonly<Record<string, number | string>>

/** Arguments that may differ between two pages. */
const free: ReadonlySet<string> = new Set(["cursor", "limit", "timeout_ms", "node"])

const digest = (scope: CursorScope, position: unknown): string => {
  const bound = Object.entries(scope.arguments)
    .filter(([name, value]) => !free.has(name) && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash("sha256")
    .update(JSON.stringify([scope.tool, scope.node, scope.creation, bound, position]))
    .digest("base64url")
    .slice(0, 16)
}

const decodeEnvelope = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Tuple([Schema.String, Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.String]))])
  )
)

/** An opaque text for a client to hand back, bound to `scope`. */
export const encodeCursor = (scope: CursorScope, position: Position): string =>
  Buffer.from(JSON.stringify([digest(scope, position), position])).toString("base64url")

/**
 * Whether `clean` finds nothing to take out of the names that a position may hold, so that a cursor may show it. A text
 * is a name, or base 64 of what holds names.
 */
export const isClean = (position: Position, clean: (text: string) => string): boolean =>
  Object.values(position)
    .flatMap((value) => (typeof value === "string" ? [value, Buffer.from(value, "base64").toString("latin1")] : []))
    .every((text) => clean(text) === text)

const unknown = {
  problem: "is not one that a result gave as next_cursor. Pass it on unchanged, or leave it out to start over."
}

/**
 * The position in a cursor, as `schema` has it, or what is wrong, as the end of a sentence that begins with "cursor".
 * The digest tells a cursor that is out of place, not one that was made up.
 */
export const decodeCursor = <Place extends Position>(
  scope: CursorScope,
  schema: Schema.ConstraintDecoder<Place>,
  cursor: string
): Place | { readonly problem: string } => {
  const envelope = decodeEnvelope(Buffer.from(cursor, "base64url").toString())
  if (envelope._tag === "None") return unknown
  const [sum, written] = envelope.value
  if (digest(scope, written) !== sum) {
    return {
      problem:
        "belongs to a call with other arguments, to another node, or to one that has restarted since. Repeat the arguments of that call, or leave the cursor out to start over."
    }
  }
  const position = Schema.decodeOption(schema, { onExcessProperty: "error" })(written)
  return position._tag === "None" ? unknown : position.value
}
