import type { Cause } from "effect"
import { awaited, DistError, type HandshakeStage } from "../dist/DistError.ts"
import type { NodeError } from "./NodeError.ts"
import { TargetError } from "./Targets.ts"

/** For one that gave up while an attempt that somebody else had begun went on, in a handshake of this stage. */
export const waitedInVain = (name: string, millis: number, stage?: HandshakeStage) => {
  const known =
    stage === undefined
      ? { phase: "connect" as const, waitingFor: "an attempt that had begun before was still under way" }
      : { phase: "handshake" as const, waitingFor: `waiting for ${awaited[stage]}`, stage }
  return new DistError({ node: name, reason: { _tag: "Timeout", millis: Math.round(millis), ...known } })
}

/**
 * For a link that was made by an entry which is gone: without it the node would be looked for where its name says, and
 * shown a cookie that was never meant for it.
 */
export const noLongerConfigured = (name: string) =>
  new TargetError({
    node: name,
    message: `${name} is not connected again by itself: the entry that it was connected by is no longer in the configuration.`
  })

/** Why a link that was lost is not made again, as it is said behind why it was. */
export const droppedSentence = "It is not connected again: its entry is no longer in the configuration."

/** Why a link was lost, and behind it such a sentence. */
export const withSentence = (why: NodeError, sentence: string | undefined): NodeError =>
  sentence === undefined || why._tag !== "DistError"
    ? why
    : new DistError({ ...why, through: why.through === undefined ? sentence : `${why.through} ${sentence}` })

/** A bug of ours, in place of an answer of the node. */
export const fault = (name: string, cause: Cause.Cause<unknown>) =>
  new DistError({ node: name, reason: { _tag: "Fault", cause } })

/** We closed it ourselves. */
export const disconnected = (name: string) => new DistError({ node: name, reason: { _tag: "Disconnected" } })
