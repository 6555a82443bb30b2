import { Effect } from "effect"
import type { Term } from "../etf/Term.ts"
import { CallError } from "./CallError.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { CallOptions, ErlangNode } from "./ErlangNode.ts"
import type { AgentMode } from "./Targets.ts"

/** A function of the agent, by the name it has in `erlang/agent/`. */
export type AgentFunction = "processes_page" | "processes_window"

export const makeAgent = (options: {
  readonly call: ErlangNode["call"]
  readonly capabilities: Capabilities
  readonly node: string
  readonly mode: AgentMode
}): Effect.Effect<ErlangNode["runAgent"]> =>
  Effect.succeed((func: AgentFunction, _args: ReadonlyArray<Term>, _call?: CallOptions) =>
    Effect.fail(
      new CallError({ node: options.node, target: func, reason: { _tag: "Unsupported", detail: "the agent is off" } })
    )
  )
