import { type Effect, Schema } from "effect"
import type { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import type { AccessClass } from "../policy/Access.ts"
import type { Session } from "./Session.ts"
import type { ToolError } from "./ToolError.ts"

/**
 * What a call costs the node: `cheap` is constant, `moderate` grows with the number of processes or tables and is
 * paced, `heavy` copies or waits and wants a reason.
 */
export type Cost = "cheap" | "moderate" | "heavy"

/** What a handler may ask for. */
export type ToolServices = Nodes | Targets | Session

/**
 * A tool: a value that knows no protocol. The MCP edges, the command line and the library run the same values, always
 * through the catalogue, which decodes the input, asks the policy and keeps the result contract.
 */
export interface Tool {
  /** lower_snake, at most 40 characters. */
  readonly name: string
  readonly title: string
  /** When to use it, what it costs, ranges and defaults of its input, what to call next. */
  readonly description: string
  readonly toolset: string
  readonly access: AccessClass
  readonly cost: Cost
  readonly input: Schema.Struct<Schema.Struct.Fields>
  readonly output: Schema.Struct<Schema.Struct.Fields>
  /** Runs with input that `input` has decoded, gives a value of `output`. */
  readonly run: (input: never) => Effect.Effect<unknown, ToolError, ToolServices>
}
