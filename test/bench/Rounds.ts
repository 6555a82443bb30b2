import { Effect } from "effect"

/**
 * Lets the contestants take turns: one figure from each in every round, after a round that does not count. What else
 * the machine does then meets all of them alike.
 */
export const takeTurns = <Name extends string, E, R>(
  rounds: number,
  contestants: Readonly<Record<Name, Effect.Effect<number, E, R>>>
): Effect.Effect<Record<Name, ReadonlyArray<number>>, E, R> =>
  Effect.gen(function* () {
    const names = Object.keys(contestants) as Array<Name>
    const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Array<number>>
    for (let round = 0; round <= rounds; round++) {
      for (const name of names) {
        const figure = yield* contestants[name]
        if (round > 0) figures[name].push(figure)
      }
    }
    return figures
  })

/** Milliseconds that an effect takes. */
export const millisOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })
