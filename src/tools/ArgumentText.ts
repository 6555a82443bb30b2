import { Schema } from "effect"

/** Characters that a name may be written with. An atom has 255 at most, and each may take ten: `\x{10FFFF}`. */
export const maxNameCharacters = 3_000

/** A text that names one thing: a process, a table, a node. */
export const NameText = Schema.NonEmptyString.check(Schema.isMaxLength(maxNameCharacters))

/** A text that names a function: a module, a name, an arity. */
export const FunctionText = Schema.NonEmptyString.check(Schema.isMaxLength(2 * maxNameCharacters))

/** A text that is read as a term. */
export const TermText = Schema.NonEmptyString.check(Schema.isMaxLength(10_000))
