import { Effect } from "effect"
import { Nodes } from "../../node/Nodes.ts"
import { visible } from "../../syntax/Escape.ts"
import { stepMillis } from "../Deadline.ts"

/** Milliseconds that the link which calls take has for a sign of life. */
const lookMillis = 2_000

/** A time as people are told it. */
export const seconds = (millis: number): string => `${(millis / 1_000).toFixed(1)} s`

/** How the link to a node does that calls take, beside any that is made for a diagnosis. */
export interface StandingLink {
  /** In a sentence. */
  readonly told: string
  /** Nothing came through it, though it was asked. */
  readonly isSilent: boolean
}

/** What to do with a link that is silent: one that no other can take the place of is worth keeping. */
export const silentAdvice = (canBeMade: boolean): string =>
  canBeMade
    ? "connect_node with reset gives it up and makes a new one."
    : "Keep it, and do not reset it: as this walk shows, no new one can be made now, and it goes on if the node answers again within its tick time."

/** Asks for a sign of life through the link that there is to a node; `undefined` where there is none. */
export const standingLink = Effect.fnUntraced(function* (
  name: string
): Effect.fn.Return<StandingLink | undefined, never, Nodes> {
  const waitMillis = Math.min(lookMillis, yield* stepMillis)
  const look = yield* (yield* Nodes).look(name, waitMillis)
  if (look === undefined) return undefined
  const known = `${visible(name)} is connected already, and calls take that link, not the one of this walk`
  if (look._tag === "Answered")
    return { told: `${known}: it carries an answer in ${look.roundTripMillis.toFixed(1)} ms.`, isSilent: false }
  const silent = seconds(look.silentMillis)
  const what = look.isSilent
    ? `nothing has come through it for ${silent}, though it was asked.`
    : `it gave no answer within ${seconds(waitMillis)}, though something came through it ${silent} ago. The node may be busy.`
  return { told: `${known}: ${what}`, isSilent: look.isSilent }
})
