import { Effect } from "effect"
import { countRequest } from "./CountedRequest.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import { everyMillis, patienceMillis, restAfterMillis, type Sample, sampleOf } from "./Health.ts"
import type { Moment } from "./Moment.ts"
import type { HealthChange } from "./NodeState.ts"
import { type Connection, isCurrent } from "./Peer.ts"

/** What sampling stands in. */
export interface SamplingOptions {
  readonly now: () => Moment
  readonly healthChanged: (change: HealthChange) => void
}

/** Looks at a node from time to time, for as long as it is connected, while it is in use and not left in peace. */
export const sampling = (connection: Connection, node: ErlangNode, options: SamplingOptions): Effect.Effect<never> => {
  const { peer } = connection
  return Effect.sleep(everyMillis).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        const { steady } = options.now()
        // Whether it has a process to spare is to be known, should the link be lost or let go of.
        if (steady - connection.usedAt > restAfterMillis && node.hasRoom()) return Effect.void
        if (!peer.breaker.mayLook(steady)) {
          // Others have asked in our place.
          if (isUnanswered(connection, node.silentMillis(), steady)) looked(connection, node, "missed", options)
          return Effect.void
        }
        return Effect.flatMap(sampleOf(node), (sample) => {
          if (sample === undefined) return Effect.void
          looked(connection, node, sample, options)
          if (sample === "missed") return Effect.void
          countRequest({ isAskedFor: false, peer }, "success", options.now().steady)
          // We have to tick as often as it wants by now.
          return node.askTickTime
        })
      })
    ),
    Effect.forever
  )
}

/** Takes in what a look at a node has found. */
const looked = (
  connection: Connection,
  node: ErlangNode,
  sample: Sample,
  { healthChanged, now }: SamplingOptions
): void => {
  const { health, peer } = connection
  const at = now().wall
  const before = health.condition
  if (health.record(at, sample) && isCurrent(connection))
    healthChanged({ name: peer.name, at, before, health: health.health(node.silentMillis()) })
}

/**
 * Whether a request was in vain, and nothing at all has come from the node since, nor for as long as a look at it waits:
 * as good as a look that got no answer, also where none may go because the node is left in peace.
 */
const isUnanswered = ({ failedAt }: Connection, silentMillis: number, now: number): boolean =>
  failedAt !== undefined && silentMillis >= Math.max(patienceMillis, now - failedAt)
