import { Effect, Equal, FiberMap } from "effect"
import { backOff } from "./BackOff.ts"
import type { Moment } from "./Moment.ts"
import { isHopeless, isScarce, type NodeError } from "./NodeError.ts"
import { noLongerConfigured } from "./NotConnected.ts"
import type { Peer } from "./Peer.ts"
import type { Sparing } from "./Sparing.ts"
import { hasLost, standingOf } from "./Standing.ts"
import type { Targets } from "./Targets.ts"

/** What reconnecting stands in. */
export interface ReconnectingOptions {
  readonly targets: Pick<Targets["Service"], "entries" | "nodes" | "way">
  readonly now: () => Moment
  readonly sparing: Pick<Sparing, "why">
  readonly fork: (effect: Effect.Effect<unknown>) => unknown
  /** Fibers, one a node, by its name. */
  readonly fibers: FiberMap.FiberMap<string>
  /** Makes the link to the node of this name again, for a loss. */
  readonly connect: (name: string) => Effect.Effect<unknown, NodeError>
}

/** Makes lost links again, in the background, each for as long as somebody keeps the node and there is hope. */
export class Reconnecting {
  readonly #in: ReconnectingOptions

  constructor(options: ReconnectingOptions) {
    this.#in = options
  }

  /** Begins with a node whose link was lost. */
  begin(peer: Peer): void {
    this.#in.fork(FiberMap.run(this.#in.fibers, peer.name, this.#after(peer, this.#schedule(peer))))
  }

  /** It is connected, or nobody wants it any more. */
  end(peer: Peer): Effect.Effect<void> {
    return Effect.suspend(() => {
      peer.nextAttempt = undefined
      return FiberMap.remove(this.#in.fibers, peer.name)
    })
  }

  /** An attempt after a pause, and the next one where that was in vain. */
  #after(peer: Peer, pauseMillis: number): Effect.Effect<void> {
    const { name } = peer
    return Effect.sleep(pauseMillis).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          peer.nextAttempt = undefined
          return Effect.flatMap(this.#whyNotNow(peer), (why) =>
            why === undefined ? this.#in.connect(name) : Effect.fail(why)
          )
        })
      ),
      Effect.asVoid,
      Effect.catch((why) =>
        // Of one that is left alone, it is known when that ends.
        isHopeless(why) && !isScarce(why) ? Effect.void : this.#after(peer, this.#schedule(peer))
      ),
      // A fault of ours may pass as well: a resource that was short, say.
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError(`${name}: could not be tried, and will be`, defect),
          Effect.suspend(() => this.#after(peer, this.#schedule(peer)))
        )
      )
    )
  }

  /** Why a node that is left alone is not tried: as it stands until it has ended, or was dropped meanwhile. */
  #whyNotNow(peer: Peer): Effect.Effect<NodeError | undefined> {
    const { now, sparing, targets } = this.#in
    return Effect.gen(function* () {
      if (peer.leftAlone === undefined) return undefined
      if (!hasLost(peer.standing, yield* standingOf(targets, peer.name))) {
        const way = yield* targets.way(peer.name)
        return Equal.equals(peer.way, way) ? yield* sparing.why(peer, Infinity) : undefined
      }
      const why = noLongerConfigured(peer.name)
      if (peer.down !== undefined) peer.down = { since: now().wall, why }
      return why
    })
  }

  /** Decides when a lost link is tried again: after a pause, and not while the node is left in peace. In milliseconds. */
  #schedule(peer: Peer): number {
    const { steady, wall } = this.#in.now()
    const breaker = peer.breaker.state(steady)
    const rest = breaker._tag === "Open" ? Math.ceil(breaker.until - steady) : 0
    const step = Math.max(rest, Math.round(backOff(peer.attempts++, Math.random())))
    // Of one that is left alone it is looked at, step by step, whether EPMD or the configuration says otherwise by now.
    const end = Math.ceil((peer.leftAlone?.endsAt ?? Infinity) - steady)
    const pause = end > 0 && end < step ? end : step
    peer.nextAttempt = wall + pause
    return pause
  }
}
