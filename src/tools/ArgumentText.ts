import { Schema } from "effect"

/** A text that names one thing: a process, a table, a node. No atom has more than 255 characters, each of them escaped. */
export const NameText = Schema.NonEmptyString.check(Schema.isMaxLength(1_000))

/** A text that is read as a term. */
export const TermText = Schema.NonEmptyString.check(Schema.isMaxLength(10_000))
