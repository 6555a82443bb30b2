import type { ErlangNode } from "../node/ErlangNode.ts"
import type { ParseOptions } from "../syntax/ParseTerm.ts"

/** How a text that speaks of a node is read: its pids as those of the node, its structs as its Elixir has them. */
export const termOwner = ({ capabilities: { elixirVersion }, creation, name }: ErlangNode): ParseOptions => ({
  node: name,
  creation,
  ...(elixirVersion !== undefined && { elixirVersion })
})
