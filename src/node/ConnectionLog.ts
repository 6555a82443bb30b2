import { Effect } from "effect"
import { isDisconnected, isHopeless, type NodeError } from "./NodeError.ts"
import type { Connection } from "./Peer.ts"

/**
 * What the log says of a connection that ended, or did not come about: a link that we closed, a name that was a guess, or one
 * more vain attempt of ours is nothing to warn of.
 */
export const report = (
  { isRemembered, peer: { name }, state, wish }: Connection,
  why: NodeError
): Effect.Effect<void> => {
  const cause = why._tag === "DistError" && why.reason._tag === "Fault" ? [why.reason.cause] : []
  if (state._tag === "Up" && !isDisconnected(why))
    return Effect.logWarning(`${name}: connection lost: ${why.message}`, ...cause)
  if (isDisconnected(why))
    return Effect.logDebug(state._tag === "Up" ? `${name}: disconnected` : `${name}: connecting was given up`)
  const isExpected =
    isRemembered ||
    (why._tag === "DistError" && why.reason._tag === "WrongNode") ||
    (wish.by === "loss" && !isHopeless(why))
  const message = `${name}: not connected: ${why.message}`
  return isExpected ? Effect.logDebug(message) : Effect.logWarning(message, ...cause)
}
