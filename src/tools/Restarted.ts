import { Effect } from "effect"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { Nodes } from "../node/Nodes.ts"
import type { Restart } from "./Incarnations.ts"
import { Session } from "./Session.ts"
import { ToolError } from "./ToolError.ts"

const iso = (millis: number): string => new Date(millis).toISOString()

const told = (name: string, { lost, since }: Restart): string =>
  `${name} was restarted: ${lost === undefined ? "" : `the link to it was lost at ${iso(lost)}, and `}what runs there now has been connected since ${iso(since)}`

/** Takes notice, for the session, of which incarnation of a node it deals with. What to tell of a restart, if there was one. */
export const meetNode = Effect.fnUntraced(function* (
  node: ErlangNode
): Effect.fn.Return<ReadonlyArray<string>, never, Nodes | Session> {
  const { incarnations } = yield* Session
  if (incarnations.isRestarted(node)) {
    const state = (yield* (yield* Nodes).list).find(({ name }) => name === node.name)?.state
    const lost = state?._tag === "Up" ? state.former?.until : undefined
    incarnations.meet(node, { lost, since: state?.since ?? Date.now() })
  } else incarnations.meet(node)
  const restart = incarnations.untold(node.name)
  return restart === undefined
    ? []
    : [`${told(node.name, restart)}. Pids, ports and references from before are gone, or belong to others now.`]
})

/** Fails for input that names a process, a port or a reference of an earlier incarnation of the node, or may do so. */
export const refuseStale = Effect.fnUntraced(function* (
  { name }: ErlangNode,
  input: Readonly<Record<string, unknown>>
): Effect.fn.Return<void, ToolError, Session> {
  const stale = (yield* Session).incarnations.stale(name, input)
  if (stale === undefined) return
  return yield* new ToolError({
    code: "node_restarted",
    message: `${stale.identifier} may be something else by now: ${told(name, stale.restart)}, and no result of ${name} itself has shown it since. Look it up again there; connect_node takes all identifiers as those of what runs there now.`,
    retryable: false,
    next: "list_processes"
  })
})
