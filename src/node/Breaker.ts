/** What became of a request, as far as it says something of the node's health: an error that it raised is an answer. */
export type Outcome = "success" | "failure"

/** Times are milliseconds since the Unix epoch. */
export type BreakerState =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly since: number; readonly until: number }
  /** One request is let through; how it ends decides. */
  | { readonly _tag: "HalfOpen"; readonly since: number }

/** Counts since the breaker was made, or since it was reset. */
export interface BreakerCounts {
  readonly successes: number
  readonly failures: number
  /** Requests that were not let through. */
  readonly rejected: number
  readonly opened: number
  /** How often it closed again after a probe went well. */
  readonly closed: number
}

/** Whether a request may go to the node, and as what. */
export type Admission =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Probe" }
  | { readonly _tag: "Rejected"; readonly until: number }

/** Milliseconds that outcomes count for. */
const windowMillis = 60_000
/** Failures in the window that open it, if they are also half of all outcomes there. */
const minFailures = 3
const maxFailureRate = 0.5
/** Milliseconds that it stays open at first; twice as long each time that a probe fails, up to the longest. */
const firstPauseMillis = 2_000
const longestPauseMillis = 60_000
/** Outcomes that are remembered at most: the rate of more than these is no different. */
const maxOutcomes = 512

const pass: Admission = { _tag: "Pass" }
const probe: Admission = { _tag: "Probe" }

/**
 * A circuit breaker: leaves a node in peace that does not answer, and lets one request through from time to time to see
 * whether it does again. Plain bookkeeping that is told the time.
 */
export class Breaker {
  readonly #random: () => number
  readonly #outcomes: Array<{ readonly at: number; readonly isFailure: boolean }> = []
  #state: BreakerState = { _tag: "Closed" }
  #pauseMillis = firstPauseMillis
  #isProbing = false
  #counts = { successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 }

  /** `random` gives numbers from 0 to 1, for the jitter that keeps several of us from coming back in step. */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  state(now: number): BreakerState {
    if (this.#state._tag === "Open" && now >= this.#state.until) this.#state = { _tag: "HalfOpen", since: now }
    return this.#state
  }

  counts(): BreakerCounts {
    return { ...this.#counts }
  }

  /** Asks whether a request may go. A probe has to end in {@link record} or {@link release}. */
  admit(now: number): Admission {
    const state = this.state(now)
    if (state._tag === "Closed") return pass
    if (state._tag === "HalfOpen" && !this.#isProbing) {
      this.#isProbing = true
      return probe
    }
    this.#counts.rejected++
    return { _tag: "Rejected", until: state._tag === "Open" ? state.until : now + firstPauseMillis }
  }

  /** A probe that came to no request: the next may be one. */
  release(): void {
    this.#isProbing = false
  }

  record(now: number, outcome: Outcome): void {
    const isFailure = outcome === "failure"
    if (isFailure) this.#counts.failures++
    else this.#counts.successes++
    const state = this.state(now)
    if (state._tag === "HalfOpen") {
      this.#isProbing = false
      if (isFailure) this.#open(now)
      else this.#close()
      return
    }
    // What was under way when it opened says nothing that it did not know.
    if (state._tag === "Open") return
    this.#outcomes.push({ at: now, isFailure })
    while (this.#outcomes.length > maxOutcomes || this.#outcomes[0]!.at <= now - windowMillis) this.#outcomes.shift()
    const failures = this.#outcomes.filter((each) => each.isFailure).length
    if (isFailure && failures >= minFailures && failures / this.#outcomes.length >= maxFailureRate) this.#open(now)
  }

  /** As if nothing had happened, its counts too: somebody knows that the node is well again. */
  reset(): void {
    this.#outcomes.length = 0
    this.#state = { _tag: "Closed" }
    this.#pauseMillis = firstPauseMillis
    this.#isProbing = false
    this.#counts = { successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 }
  }

  #open(now: number): void {
    this.#counts.opened++
    // Between three quarters and five quarters of the pause.
    const pause = this.#pauseMillis * (0.75 + 0.5 * this.#random())
    this.#pauseMillis = Math.min(2 * this.#pauseMillis, longestPauseMillis)
    this.#state = { _tag: "Open", since: now, until: Math.round(now + pause) }
    this.#outcomes.length = 0
  }

  #close(): void {
    this.#counts.closed++
    this.#state = { _tag: "Closed" }
    this.#pauseMillis = firstPauseMillis
  }
}
