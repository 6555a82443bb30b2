import { Clock, Effect } from "effect"
import type { Call } from "./Call.ts"
import { askLoad } from "./Load.ts"

/**
 * How a connected node fares: it answers as it should (`up`), slowly, with much work waiting, not every time or
 * with nothing but that it can run nothing (`degraded`), or not at all though the link stands (`down`).
 */
export type Condition = "up" | "degraded" | "down"

/** What is wrong where a node has no process for anything new. */
const tableFull = "its process table is full: nothing new can run there"

/** One look at a node. */
export type Sample =
  | {
      /** Milliseconds from the request to its answer; the worker that answers has low priority. */
      readonly roundTripMillis: number
      /** Processes and ports that wait to run, for each scheduler online. `undefined`: the node's answer was no number. */
      readonly runQueue: number | undefined
      /** What kept the node from answering as it should, as a part of a sentence. */
      readonly problem?: string
    }
  /** No answer in time, to us or to those who asked meanwhile. */
  | "missed"

/** Times are milliseconds since the Unix epoch, durations milliseconds. */
export interface NodeHealth {
  readonly condition: Condition
  /** When it came to this condition. */
  readonly since: number
  /** What is wrong, as parts of a sentence; empty when `up`. */
  readonly why: ReadonlyArray<string>
  /** Of the answers among the latest samples; absent before the first. */
  readonly roundTrip?: { readonly p50: number; readonly p95: number; readonly samples: number }
  /** When it was last looked at; absent before the first time. */
  readonly sampledAt?: number
  /** Samples that got no answer, of the latest ones. */
  readonly missed: number
  /** Since anything came from the node, its ticks included. */
  readonly silentMillis: number
  /** Processes and ports that wait to run, for each scheduler online, when last looked at. */
  readonly runQueue?: number
}

/** Milliseconds between two samples of a node that is in use. */
export const everyMillis = 15_000
/** Milliseconds since its last use after which a node is not sampled. */
export const restAfterMillis = 3 * 60_000
/** Milliseconds after which what a sample found says nothing of now: more than the longest pause of a breaker. */
export const outdatedMillis = 6 * everyMillis
/** Milliseconds that a sample waits for its answer. */
export const patienceMillis = 5_000

/** Samples that count: five minutes of them. */
const remembered = 20
/** An answer that takes this long, or this much work waiting for a scheduler, is poor… */
const poor = { roundTripMillis: 1_000, runQueue: 10 } as const
/** …and one below both of these is good; in between, it changes nothing. */
const good = { roundTripMillis: 500, runQueue: 5 } as const
/** Poor answers in a row that make a node `degraded`. One that is missed does at once. */
const poorToDegrade = 2
/** Missed samples in a row that make it `down`. One answer makes it `degraded` again. */
const missedToDown = 3
/** Good answers in a row that make it `up` again. */
const goodToRecover = 3

/** The condition of a node as its samples have it, with hysteresis. Plain bookkeeping that is told the time. */
export class HealthRecord {
  readonly #samples: Array<Sample> = []
  #condition: Condition = "up"
  #since: number
  #sampledAt: number | undefined
  #why: ReadonlyArray<string> = []
  #inARow = { poor: 0, good: 0, missed: 0 }

  constructor(now: number) {
    this.#since = now
  }

  get condition(): Condition {
    return this.#condition
  }

  /** Takes a sample in. Whether it changed the condition. */
  record(now: number, sample: Sample): boolean {
    this.#sampledAt = now
    this.#samples.push(sample)
    if (this.#samples.length > remembered) this.#samples.shift()
    const problems = problemsOf(sample)
    const row = this.#inARow
    row.missed = sample === "missed" ? row.missed + 1 : 0
    row.poor = problems.length > 0 ? row.poor + 1 : 0
    row.good = isGood(sample) ? row.good + 1 : 0
    const before = this.#condition
    this.#condition = this.#next()
    if (this.#condition === "up") this.#why = []
    else if (problems.length > 0) this.#why = problems
    if (this.#condition === before) return false
    this.#since = now
    return true
  }

  #next(): Condition {
    const { good, missed, poor } = this.#inARow
    if (missed >= missedToDown) return "down"
    switch (this.#condition) {
      case "up":
        return missed > 0 || poor >= poorToDegrade ? "degraded" : "up"
      case "degraded":
        return good >= goodToRecover ? "up" : "degraded"
      case "down":
        // It was answered: one more that is missed is one of too many in a row.
        return "degraded"
    }
  }

  /** `silentMillis`: since anything came from the node. */
  health(silentMillis: number): NodeHealth {
    const answers = this.#samples.filter((sample) => sample !== "missed")
    const times = answers.map(({ roundTripMillis }) => roundTripMillis).toSorted((a, b) => a - b)
    const runQueue = answers.at(-1)?.runQueue
    return {
      condition: this.#condition,
      since: this.#since,
      why: this.#why,
      ...(this.#sampledAt !== undefined && { sampledAt: this.#sampledAt }),
      ...(times.length > 0 && {
        roundTrip: { p50: percentile(times, 0.5), p95: percentile(times, 0.95), samples: times.length }
      }),
      missed: this.#samples.length - answers.length,
      silentMillis,
      ...(runQueue !== undefined && { runQueue })
    }
  }
}

/** The same of a node that has told meanwhile that it has no process left: one such answer leaves nothing open. */
export const withTableFull = (health: NodeHealth): NodeHealth => ({
  ...health,
  condition: health.condition === "up" ? "degraded" : health.condition,
  why: health.why.includes(tableFull) ? health.why : [tableFull, ...health.why]
})

/** The smallest value that is no smaller than this share of all of them, which are sorted. */
const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

const problemsOf = (sample: Sample): ReadonlyArray<string> => {
  if (sample === "missed") return [`no answer within ${patienceMillis} ms`]
  const { problem, roundTripMillis, runQueue = 0 } = sample
  return [
    ...(problem === undefined ? [] : [problem]),
    ...(roundTripMillis >= poor.roundTripMillis ? [`a round trip of ${Math.round(roundTripMillis)} ms`] : []),
    ...(runQueue >= poor.runQueue ? [`${Math.round(runQueue)} processes waiting to run for each scheduler`] : [])
  ]
}

const isGood = (sample: Sample): boolean =>
  sample !== "missed" &&
  sample.problem === undefined &&
  sample.roundTripMillis < good.roundTripMillis &&
  (sample.runQueue ?? 0) < good.runQueue

/** Looks at a node once. `undefined`: the link was lost meanwhile. */
export const sampleOf = (
  { call }: { readonly call: Call },
  timeoutMillis = patienceMillis
): Effect.Effect<Sample | undefined> =>
  Effect.gen(function* () {
    const start = yield* Clock.monotonicTimeNanos
    const answer = yield* Effect.result(askLoad(call, { timeoutMillis, isLook: true }))
    const roundTripMillis = Number((yield* Clock.monotonicTimeNanos) - start) / 1e6
    if (answer._tag === "Success") return { roundTripMillis, runQueue: answer.success.runQueue }
    switch (answer.failure.reason._tag) {
      case "LinkLost":
        return undefined
      case "DeadlineExceeded":
        return "missed"
      case "ProcessTableFull":
        return { roundTripMillis, runQueue: undefined, problem: tableFull }
      case "HeapLimit":
      case "WorkerDied":
        return { roundTripMillis, runQueue: undefined, problem: "what was to answer was ended there" }
      default:
        return { roundTripMillis, runQueue: undefined }
    }
  })
