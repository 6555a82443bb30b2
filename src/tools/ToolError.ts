import { Data } from "effect"

/** What kind of failure a caller has before it, stable enough to branch on. */
export type ToolErrorCode =
  | "invalid_input"
  | "unknown_tool"
  | "not_allowed"
  | "no_node"
  | "connect_failed"
  | "link_lost"
  | "breaker_open"
  | "node_restarted"
  | "no_such_process"
  | "not_found"
  | "timeout"
  | "too_large"
  | "too_busy"
  | "process_table_full"
  | "atom_table_full"
  | "remote_error"
  | "unsupported"
  | "internal"

/**
 * A tool call that gave no result, told so that a person or a model can go on: what failed and why (`message`),
 * whether the same call may succeed later (`retryable`), what to call next, and names that were perhaps meant.
 */
export class ToolError extends Data.TaggedError("ToolError")<{
  readonly code: ToolErrorCode
  /** One or two full sentences; no secret, and no text of the node that was not made visible first. */
  readonly message: string
  readonly retryable: boolean
  /** The next useful call, e.g. `list_nodes` or `find_process {"name": "cache"}`. */
  readonly next?: string
  readonly didYouMean?: ReadonlyArray<string>
}> {}
