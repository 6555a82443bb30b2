import { Schema } from "effect"
import { Buffer } from "node:buffer"
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"
import { Binary, type Term } from "../etf/Term.ts"
import { redacted } from "./SecretShapes.ts"
import { termIn, wholeBudget } from "./TermInBinary.ts"

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

/** An opaque text for a client to hand back, bound to `scope`. What it says can be read out of it. */
export const encodeCursor = (scope: CursorScope, position: Position): string =>
  Buffer.from(envelopeOf(scope, position)).toString("base64url")

/** The same for a position that nobody may read: good only for this process, which alone can open it. */
export const sealCursor = (scope: CursorScope, position: Position): string => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, sealingKey(), nonce)
  const hidden = Buffer.concat([cipher.update(envelopeOf(scope, position)), cipher.final()])
  return Buffer.concat([sealed, nonce, cipher.getAuthTag(), hidden]).toString("base64url")
}

const envelopeOf = (scope: CursorScope, position: Position): string =>
  JSON.stringify([digest(scope, position), position])

const algorithm = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

/** What a sealed cursor begins with, and no JSON does. */
const sealed = Buffer.of(0)

let key: Buffer | undefined

/** Made where it is wanted first, and never written down. */
const sealingKey = (): Buffer => (key ??= randomBytes(32))

/** What was sealed, if it was here. */
const opened = (bytes: Buffer): string | undefined => {
  const [tagAt, hiddenAt] = [sealed.length + nonceBytes, sealed.length + nonceBytes + tagBytes]
  if (bytes.length < hiddenAt) return undefined
  const decipher = createDecipheriv(algorithm, sealingKey(), bytes.subarray(sealed.length, tagAt))
  decipher.setAuthTag(bytes.subarray(tagAt, hiddenAt))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(hiddenAt)), decipher.final()]).toString()
  } catch {
    return undefined
  }
}

/** How the terms that a position holds are looked at: as the rows of a result show them. */
export interface Sight {
  readonly print: (term: Term) => string
  /** Takes secrets out of a text. */
  readonly clean: (text: string) => string
}

/**
 * Whether a result could show all that a position says. A text in it is a name, or base 64 of a term, which is hidden
 * where a row would hide any of it.
 */
export const isShowable = (position: Position, { clean, print }: Sight): boolean =>
  Object.values(position)
    .filter((value) => typeof value === "string")
    .every((text) => {
      const bytes = Buffer.from(text, "base64url")
      const term = termIn(new Binary(bytes), wholeBudget())
      const printed = term === undefined ? "" : print(term)
      return [text, bytes.toString("latin1"), printed].every((it) => clean(it) === it) && !printed.includes(redacted)
    })

const unknown = {
  problem: "is not one that a result gave as next_cursor. Pass it on unchanged, or leave it out to start over."
}

const elsewhere = {
  problem:
    "is not one that this process of the server gave: where it stands behind something that is hidden, a cursor is good only while the server that gave it runs. Leave it out to start over, or sort or filter otherwise."
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
  const bytes = Buffer.from(cursor, "base64url")
  const isSealed = bytes[0] === sealed[0]
  const text = isSealed ? opened(bytes) : bytes.toString()
  if (text === undefined) return elsewhere
  const envelope = decodeEnvelope(text)
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
