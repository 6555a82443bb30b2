import { Effect, type Scope } from "effect"
import { isOver, type Lack, type AskWhereabouts, leave, leftAfter, type LeftAlone, once, toldOf } from "./LeftAlone.ts"
import type { Moment } from "./Moment.ts"
import type { Peer } from "./Peer.ts"

/** What an attempt at a node that is left alone has found: that it had room, or nothing, since nobody was sent there. */
export type Found = "room" | "nothing"

/** Whether a node may be approached. Where it is not left alone, or no longer, this is the one attempt. */
export interface Approach {
  readonly leftAlone?: LeftAlone
  /** Tells what came of the attempt. Where nobody does, the next has to wait as long as this one had to. */
  readonly tell: (found: Found) => void
}

/** Milliseconds from one look at EPMD to the next while it has no such name, and for its answer. */
const lookMillis = 1_000

/** Leaves nodes alone for their own sake, and finds out when that ends. */
export class Sparing {
  readonly #now: () => Moment
  readonly #fork: (effect: Effect.Effect<unknown>) => unknown
  readonly #scope: Scope.Scope
  readonly #watched = new Set<Peer>()

  constructor(options: {
    readonly now: () => Moment
    readonly fork: (effect: Effect.Effect<unknown>) => unknown
    readonly scope: Scope.Scope
  }) {
    this.#now = options.now
    this.#fork = options.fork
    this.#scope = options.scope
  }

  /** Leaves a node alone, until somebody insists or it has ended. */
  begin(peer: Peer, lack: Lack, whereabouts: AskWhereabouts | undefined): void {
    peer.leftAlone = leave(lack, whereabouts, this.#now())
  }

  /** An attempt was told that EPMD has no such name. */
  gone(peer: Peer): void {
    if (peer.leftAlone === undefined) return
    peer.leftAlone = leftAfter(peer.leftAlone, "gone", this.#now().steady)
    this.#watch(peer)
  }

  /** Why nobody is sent to the node; who waits for that has so many milliseconds. */
  why(peer: Peer, timeoutMillis: number): Effect.Effect<LeftAlone | undefined> {
    return Effect.tap(this.#look(peer, timeoutMillis), () => Effect.sync(() => this.#watch(peer)))
  }

  /** The same; where there is no reason, the attempt counts as made from the turn on in which that is known. */
  approach(peer: Peer, timeoutMillis: number): Effect.Effect<Approach> {
    return Effect.map(this.why(peer, timeoutMillis), (leftAlone) =>
      leftAlone === undefined ? this.take(peer) : { leftAlone, tell: () => {} }
    )
  }

  /** An attempt by somebody who insists, or may go there. */
  take(peer: Peer): Approach {
    const before = peer.leftAlone
    if (before === undefined) return { tell: () => {} }
    const taken = once(before, this.#now().steady)
    peer.leftAlone = taken
    return {
      tell: (found) => {
        // Not what began meanwhile.
        const now = peer.leftAlone
        if (now?.lack !== taken.lack) return
        if (found === "room") peer.leftAlone = undefined
        else if (now.endsAt === taken.endsAt) peer.leftAlone = { ...now, endsAt: before.endsAt }
      }
    }
  }

  #look(peer: Peer, timeoutMillis: number): Effect.Effect<LeftAlone | undefined> {
    return Effect.suspend(() => {
      const { leftAlone } = peer
      if (leftAlone === undefined || isOver(leftAlone, this.#now().steady)) return Effect.undefined
      if (leftAlone.whereabouts === undefined) return Effect.succeed(toldOf(peer.name, leftAlone, this.#now()))
      return Effect.map(leftAlone.whereabouts(timeoutMillis), (answer) => {
        // Of another leave an answer that comes late says nothing; of this one, more may be known by now.
        const now = peer.leftAlone
        if (now?.lack === leftAlone.lack) peer.leftAlone = leftAfter(now, answer, this.#now().steady)
        return peer.leftAlone && toldOf(peer.name, peer.leftAlone, this.#now())
      })
    })
  }

  /** While EPMD has no such name, looks again and again, whoever asks meanwhile, until that is known to be so or not. */
  #watch(peer: Peer): void {
    if (peer.leftAlone?.gone === undefined || this.#watched.has(peer)) return
    this.#watched.add(peer)
    const next: Effect.Effect<void> = Effect.sleep(lookMillis).pipe(
      Effect.andThen(this.#look(peer, lookMillis)),
      Effect.flatMap((left) => (left === undefined || peer.leftAlone?.gone === undefined ? Effect.void : next))
    )
    const watching = Effect.ensuring(
      next,
      Effect.sync(() => this.#watched.delete(peer))
    )
    this.#fork(Effect.forkIn(watching, this.#scope))
  }
}
