import { Effect, PubSub, type Scope, Stream } from "effect"

/** Something that is told of as it happens, to whoever listens. */
export interface Changes<A> {
  readonly publish: (change: A) => void
  /** What is published from when it is run. Who does not keep up misses the oldest. It ends with the scope. */
  readonly stream: Stream.Stream<A>
}

/** Changes that wait for a subscriber, at most. */
const maxWaiting = 256

export const makeChanges = <A>(): Effect.Effect<Changes<A>, never, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(PubSub.sliding<A>(maxWaiting), PubSub.shutdown), (hub) => ({
    publish: (change) => void PubSub.publishUnsafe(hub, change),
    stream: Stream.fromPubSub(hub)
  }))
