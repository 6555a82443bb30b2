import { Effect } from "effect"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { Nodes } from "../node/Nodes.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import type { Upheaval } from "./Incarnations.ts"
import { Session } from "./Session.ts"
import { ToolError } from "./ToolError.ts"

const iso = (millis: number): string => new Date(millis).toISOString()

const told = (name: string, upheaval: Upheaval): string => {
  if ("from" in upheaval)
    return `'${excerpt(upheaval.called)}' leads to ${name} now, and led to ${upheaval.from} before`
  const { lost, since } = upheaval
  return `${name} was restarted: ${lost === undefined ? "" : `the link to it was lost at ${iso(lost)}, and `}what runs there now has been connected since ${iso(since)}`
}

/**
 * Takes notice, for the session, of which incarnation of a node it deals with, and of what that is `called` by. What to
 * tell of a restart, if there was one, or of another node that was called so before.
 */
export const meetNode = Effect.fnUntraced(function* (
  node: ErlangNode,
  called?: string
): Effect.fn.Return<ReadonlyArray<string>, never, Nodes | Session> {
  const { incarnations } = yield* Session
  if (incarnations.isRestarted(node)) {
    const state = (yield* (yield* Nodes).list).find(({ name }) => name === node.name)?.state
    const lost = state?._tag === "Up" ? state.former?.until : undefined
    incarnations.meet(node, { lost, since: state?.since ?? Date.now() })
  } else incarnations.meet(node)
  const from = called === undefined || called === node.name ? undefined : incarnations.call(called, node.name)
  if (called !== undefined && from !== undefined) incarnations.move(node, { called, from })
  const upheaval = incarnations.untold(node.name)
  if (upheaval === undefined) return []
  const what = "from" in upheaval ? `are those of ${upheaval.from}` : "are gone, or belong to others now"
  return [`${told(node.name, upheaval)}. Pids, ports and references from before ${what}.`]
})

/** Fails for input that names a process, a port or a reference of an earlier incarnation of the node, or of another, or may do so. */
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
