import { Effect, Exit, Scope } from "effect"

/**
 * What is acquired goes to the scope if it succeeds, and is given back at once if it does not: who asks again and again
 * may have a scope that lasts for as long as his program.
 */
export const handedOver = <A, E, R>(acquire: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const own = yield* Scope.fork(yield* Effect.scope)
      return yield* restore(Scope.provide(acquire, own)).pipe(
        Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
      )
    })
  )
