import { Context, type Effect } from "effect"
import type { AccessClass } from "../policy/Access.ts"
import type { Session } from "./Session.ts"
import type { Cost } from "./Tool.ts"
import type { ToolError } from "./ToolError.ts"

/** A tool as it is shown to a client. Schemas are JSON Schema 2020-12 with `type: "object"` at the root. */
export interface ToolListing {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly toolset: string
  readonly access: AccessClass
  readonly cost: Cost
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly outputSchema: Readonly<Record<string, unknown>>
}

/** The same facts twice, each within the character budget: as an object and as text. */
export interface ToolResult {
  readonly structured: Readonly<Record<string, unknown>>
  readonly text: string
}

/** All tools that the policy leaves standing, and the one way to call them. */
export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** In a fixed order: by toolset, then as the toolset lists them. */
    readonly tools: ReadonlyArray<ToolListing>
    /** Decodes the input, asks the policy, runs the tool, keeps the result contract. Interruption stops the work on the node. */
    readonly call: (name: string, input: unknown) => Effect.Effect<ToolResult, ToolError, Session>
  }
>()("beamscope/tools/Catalogue") {}
