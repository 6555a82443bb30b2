import type { Verdict } from "./Breaker.ts"
import type { Connection } from "./Peer.ts"

/** What was tried, and whether somebody had asked for it. */
export type Attempted = Pick<Connection, "isAskedFor" | "peer">

/**
 * Counts an attempt, or a link that was lost, if somebody had asked for it; `now` by the steady clock. What we do by ourselves
 * has pauses of its own, and must make nobody wait who comes then; that it went well is all that it may tell of a node in
 * trouble.
 */
export const countRequest = ({ isAskedFor, peer }: Attempted, verdict: Verdict, now: number): void => {
  if (isAskedFor || (verdict === "success" && peer.breaker.state(now)._tag !== "Closed"))
    peer.breaker.record(now, verdict)
}
