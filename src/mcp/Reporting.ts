import { Clock, Effect } from "effect"
import { Progress, type ProgressReport } from "../tools/Progress.ts"

/** A report that comes sooner after the last one is left out. */
const minGapMillis = 250
/** After so long without a report, a sign of life is sent. */
const maxGapMillis = 1_000

/**
 * Runs a call, and tells `emit` how far it has come: what the call reports itself, at most four times a second, and a
 * sign of life for each second without. `progress` grows with every report, as MCP demands.
 */
export const reporting = Effect.fnUntraced(function* <A, E, R>(
  call: Effect.Effect<A, E, R>,
  emit: (report: ProgressReport) => Effect.Effect<void>
) {
  const startedAt = yield* Clock.currentTimeMillis
  let sentAt = startedAt
  let said: ProgressReport | undefined
  let progress = 0

  const send = (report: ProgressReport, now: number) => {
    // Where the call's own count lags behind what was sent, the smallest step that still shows its percentage.
    progress = report.progress > progress ? report.progress : progress + 0.001
    sentAt = now
    return emit({ ...report, progress })
  }

  const report = (report: ProgressReport) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const first = said === undefined
      said = report
      return first || now - sentAt >= minGapMillis ? send(report, now) : Effect.void
    })

  const signOfLife = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (now - sentAt < maxGapMillis) return
    const seconds = Math.round((now - startedAt) / 1_000)
    yield* send(said ?? { progress: seconds, message: `still running after ${seconds} s` }, now)
  })
  const heartbeat = Effect.forever(
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.andThen(Effect.sleep(Math.max(1, sentAt + maxGapMillis - now)), signOfLife)
    )
  )

  return yield* Effect.raceFirst(Effect.provideService(call, Progress, report), heartbeat)
})
