import { Effect } from "effect"

/**
 * Lets the contestants take turns: one figure from each in every round, after rounds that do not count (one, unless
 * told otherwise). Every other round goes the other way round. What else the machine does, and who was awake before,
 * then meets all of them alike; the shorter a turn, the more so.
 */
export const takeTurns = <Name extends string, E, R>(
  rounds: number,
  contestants: Readonly<Record<Name, Effect.Effect<number, E, R>>>,
  { uncounted = 1 }: { readonly uncounted?: number } = {}
): Effect.Effect<Record<Name, ReadonlyArray<number>>, E, R> =>
  Effect.gen(function* () {
    const names = Object.keys(contestants) as Array<Name>
    const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Array<number>>
    for (let round = 0; round < uncounted + rounds; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const figure = yield* contestants[name]
        if (round >= uncounted) figures[name].push(figure)
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
