import type { AccessClass } from "../policy/Access.ts"
import { type ObjectSchema, objectSchema, outline } from "./JsonSchema.ts"
import type { Cost, Tool } from "./Tool.ts"

/** A tool as it is shown to a client. Schemas are JSON Schema 2020-12 with `type: "object"` at the root. */
export interface ToolListing {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly toolset: string
  readonly access: AccessClass
  readonly cost: Cost
  readonly inputSchema: ObjectSchema
  /** Of the data alone, and only its first storey: see {@link outline}. */
  readonly outputSchema: ObjectSchema
}

/** A tool itself, with how it is shown. */
export interface Entry {
  readonly tool: Tool
  readonly listing: ToolListing
}

/** All tools by their names. */
export type Entries = ReadonlyMap<string, Entry>

/** How a tool is shown. */
export const listingOf = ({ access, cost, description, input, name, output, title, toolset }: Tool): ToolListing => {
  // Worked out when they are first asked for: a call needs the one of its own tool.
  let inputSchema: ObjectSchema | undefined
  let outputSchema: ObjectSchema | undefined
  return {
    name,
    title,
    description,
    toolset,
    access,
    cost,
    get inputSchema() {
      return (inputSchema ??= objectSchema(input))
    },
    get outputSchema() {
      return (outputSchema ??= outline(output))
    }
  }
}
