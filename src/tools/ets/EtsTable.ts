import { Effect, Schema } from "effect"
import { type NoTable, type Table, type TableName } from "../../beam/Ets.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parseReference } from "../../syntax/Identifier.ts"
import { NameText } from "../ArgumentText.ts"
import { atomName } from "../AtomName.ts"
import { didYouMean } from "../DidYouMean.ts"
import { amount, bytes } from "../Quantity.ts"
import type { Terms } from "../Terms.ts"
import { ToolError } from "../ToolError.ts"

/** What the tools of the toolset share. */
export const shared = { toolset: "ets", access: "inspect", target: "connected" } as const

/** An argument cannot be taken as it is. */
export const invalid = (message: string) => new ToolError({ code: "invalid_input", message, retryable: false })

/** What is told of a table: see {@link showTable}. */
export const tableFields = {
  table: Schema.String,
  name: Schema.optionalKey(Schema.String),
  objects: Schema.Int,
  memory_bytes: Schema.Int,
  type: Schema.String,
  protection: Schema.String,
  owner: Schema.String,
  owner_name: Schema.optionalKey(Schema.String),
  application: Schema.optionalKey(Schema.String)
}

/** A table as an argument takes it. */
export const idOf = ({ id }: Table, terms: Terms): string => ("text" in id ? terms.atom(id.text) : terms.print(id))

/** A table as a summary calls it. */
export const called = (table: Table, terms: Terms): string =>
  table.isNamed ? idOf(table, terms) : `${terms.atom(table.name)} (${idOf(table, terms)})`

export const named = (name: string | undefined, terms: Terms): string | undefined =>
  name === undefined ? undefined : terms.atom(name)

/** A table as it is shown. */
export const showTable = (table: Table, terms: Terms) => ({
  table: idOf(table, terms),
  name: table.isNamed ? undefined : terms.atom(table.name),
  objects: table.objects,
  memory_bytes: table.memoryBytes,
  type: visible(table.type),
  protection: visible(table.protection),
  owner: terms.print(table.owner),
  owner_name: named(table.ownerName, terms),
  application: named(table.application, terms)
})

/** How large a table is, as a summary says it. */
export const sized = ({ memoryBytes, objects }: Table): string =>
  `${amount(objects, "object")} in ${bytes(memoryBytes)}`

/** The call that tells more of a table. */
export const inspect = (table: Table, terms: Terms): string =>
  `get_ets_table_info ${JSON.stringify({ table: idOf(table, terms) })}`

/** The argument that names a table; {@link tableName} reads it. */
export const table = NameText.annotate({ description: "Name or #Ref<0.1.2.3>" })

/** How the node is asked for the table that a text names. */
export const tableName = (node: ErlangNode, text: string): Effect.Effect<TableName, ToolError> => {
  const verbatim = text.trim()
  if (/^(?:\/\/erl\()?#Ref/u.test(verbatim)) {
    const parsed = parseReference(verbatim)
    switch (parsed._tag) {
      case "Invalid":
        return Effect.fail(invalid(parsed.problem))
      case "Foreign":
        return Effect.fail(
          invalid(`${excerpt(text)} is how one shell names a reference of another node. Ask that node for #Ref<0.…>.`)
        )
      case "Reference":
        return parsed.node === undefined || parsed.node === node.name
          ? Effect.succeed({ reference: `#Ref<0.${parsed.words.toReversed().join(".")}>` })
          : Effect.fail(invalid(`${excerpt(text)} is a table of ${excerpt(parsed.node)}, not of ${node.name}.`))
    }
  }
  // As it is written, or as an atom is; an alias to Elixir is perhaps a name whose quotes were left out.
  return Effect.succeed({ names: [...new Set([atomName(text), verbatim, text])] })
}

/** There is no table of the name that was given, or more than one. */
export const noTable = (node: ErlangNode, text: string, { named: names, unnamed }: NoTable, terms: Terms): ToolError =>
  new ToolError({
    code: "not_found",
    message:
      unnamed.length > 1
        ? `Several tables of ${node.name} were made under the name '${excerpt(text)}' and none is registered under it: say which by its reference, such as ${unnamed.map((id) => terms.print(id)).join(", ")}.`
        : `There is no ETS table ${excerpt(text)} on ${node.name} (any more).`,
    retryable: false,
    next: "list_ets_tables",
    didYouMean: didYouMean(text, names).map(terms.atom)
  })
