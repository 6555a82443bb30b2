import { Schema } from "effect"

/**
 * A text that names one thing: a process, a table, a node. An atom has 255 characters at most, and each may be written
 * with ten: `\u{10FFFF}`.
 */
export const NameText = Schema.NonEmptyString.check(Schema.isMaxLength(3_000))

/** A text that is read as a term. */
export const TermText = Schema.NonEmptyString.check(Schema.isMaxLength(10_000))
