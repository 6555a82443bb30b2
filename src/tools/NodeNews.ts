import { Effect } from "effect"
import { isDisconnected } from "../node/NodeError.ts"
import { type HealthChange, isRestarted, type NodeChange } from "../node/NodeState.ts"
import type { Targets } from "../node/Targets.ts"
import { cleaner } from "./Cleaning.ts"
import { currentSyntax } from "./CurrentSyntax.ts"
import { toToolError } from "./Failure.ts"
import { Session } from "./Session.ts"

/** What became of a node, or of the link to it, without the session's doing. Times are ISO 8601. */
export interface NodeNews {
  /** What a person would say: with what happens next. */
  readonly summary: string
  readonly node: string
  readonly as_of: string
  /** Of the link: lost, made again, made to another incarnation. Of how a connected node fares: see `Condition`. */
  readonly state: "down" | "up" | "restarted" | "silent" | "degraded" | "well"
  /** Why it went down, or what is wrong. */
  readonly why?: string
  /** When it is tried again, where something keeps it. */
  readonly next_attempt?: string
}

const iso = (millis: number): string => new Date(millis).toISOString()

const seconds = (millis: number): string => `${Math.max(0, Math.round(millis / 1_000))} s`

/**
 * What a session is told, without asking, of a link that came up or went down: of nodes that it has asked, and has not
 * disconnected since. A link that was closed on our side, since nobody used it, say, is no news, nor is the one made
 * again by the next call; that the node was restarted meanwhile is.
 */
export const newsOfLink = Effect.fnUntraced(function* (
  change: NodeChange
): Effect.fn.Return<NodeNews | undefined, never, Session | Targets> {
  const { at, name } = change
  if (!(yield* Session).asked.has(name)) return undefined
  const clean = yield* cleaner
  const head = { node: clean(name), as_of: iso(at) }
  if (change._tag === "Down") {
    if (isDisconnected(change.why)) return undefined
    const why = clean(toToolError(change.why, yield* currentSyntax).message)
    const next = change.nextAttempt === undefined ? undefined : iso(change.nextAttempt)
    const then =
      change.notAgain ??
      (next === undefined
        ? "The next call to it connects again."
        : `It is connected again by itself, first tried at ${next}.`)
    // It may end with words of somebody else.
    const summary = `${head.node} is down: ${why}${/[.!?…]$/u.test(why) ? "" : "."} ${then}`
    return { summary, ...head, state: "down", why, ...(next !== undefined && { next_attempt: next }) }
  }
  const { former } = change
  if (former === undefined) return undefined
  const again = `${head.node} is up again after ${seconds(at - former.until)}`
  if (isRestarted(change, former)) {
    const summary = `${again}, and was restarted: pids, ports and references from before are gone, or belong to others now.`
    return { summary, ...head, state: "restarted" }
  }
  if (isDisconnected(former.why)) return undefined
  return { summary: `${again}; it was not restarted, so that pids from before still hold.`, ...head, state: "up" }
})

/** The same of a connected node that answers no more, slowly, or again as it should. */
export const newsOfHealth = Effect.fnUntraced(function* ({
  at,
  health,
  name
}: HealthChange): Effect.fn.Return<NodeNews | undefined, never, Session | Targets> {
  if (!(yield* Session).asked.has(name)) return undefined
  const clean = yield* cleaner
  const head = { node: clean(name), as_of: iso(at) }
  const why = health.why.map(clean).join(", ")
  switch (health.condition) {
    case "down":
      return { summary: `${head.node} is connected, and does not answer: ${why}.`, ...head, state: "silent", why }
    case "degraded":
      return { summary: `${head.node} answers late, or not every time: ${why}.`, ...head, state: "degraded", why }
    case "up":
      return { summary: `${head.node} answers again as it should.`, ...head, state: "well" }
  }
})
