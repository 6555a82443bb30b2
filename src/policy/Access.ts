/**
 * What a tool does to a node, from harmless to unlimited. Each tool carries exactly one; what is listed, what is
 * allowed and what an MCP host is told about a tool all derive from it.
 *
 * - `inspect` reads, and leaves nothing behind
 * - `observe` places something temporary of ours on the node, a trace, a sampler, a capture, or takes away what we have
 *   there, whoever uses it
 * - `control` changes the node
 * - `eval` runs code that it is given
 */
export type AccessClass = (typeof accessClasses)[number]

/** From harmless to unlimited. */
export const accessClasses = ["inspect", "observe", "control", "eval"] as const
