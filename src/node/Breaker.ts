/** What became of a request, as far as it says something of the node's health: an error that it raised is an answer. */
export type Verdict = "success" | "failure"

/** Times are milliseconds by the clock of those who tell the breaker the time; in a {@link NodeStatus} since the Unix epoch. */
export type BreakerState =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly since: number; readonly until: number }
  /** One request is let through; how it ends decides. */
  | { readonly _tag: "HalfOpen"; readonly since: number }

/** Counts since the breaker was made, or since it was reset. */
export interface BreakerCounts {
  readonly successes: number
  /** Requests that were under way together and failed count once. */
  readonly failures: number
  /** Requests that were not let through, of those who asked. */
  readonly rejected: number
  readonly opened: number
  /** How often it closed again after a probe went well. */
  readonly closed: number
}

/** Whether a request may go to the node, and as what. */
export type Admission =
  | { readonly _tag: "Pass" }
  /** `number`: what {@link Breaker.release} knows it by. */
  | { readonly _tag: "Probe"; readonly number: number }
  /** `since`: when it opened or, where a probe is under way, when that was let through. `until`: when the next may be. */
  | { readonly _tag: "Rejected"; readonly since: number; readonly until: number; readonly isProbing: boolean }

/** Milliseconds that verdicts count for. */
const windowMillis = 60_000
/** Failures in the window that open it, if they are also half of all verdicts there. */
const minFailures = 3
const maxFailureRate = 0.5
/** Failures with no success between them that open it, however much went well before. */
const failuresInARow = 5
/** Milliseconds that others wait for the outcome of a probe. One that has none by then may have been given up. */
const probeMillis = 30_000
/** Milliseconds that it stays open at first; twice as long each time, up to the longest, until a minute without failure. */
const firstPauseMillis = 2_000
const longestPauseMillis = 60_000
/** Outcomes that are remembered at most: the rate of more than these is no different. */
const maxVerdicts = 512

const pass: Admission = { _tag: "Pass" }

/**
 * A circuit breaker: leaves a node in peace that does not answer, and lets one request through from time to time to see
 * whether it does again. Plain bookkeeping that is told the time, in milliseconds, by a clock that nobody sets: one that
 * is set back would keep it open for as much longer.
 */
export class Breaker {
  readonly #random: () => number
  readonly #verdicts: Array<{ readonly at: number; readonly isFailure: boolean }> = []
  #state: BreakerState = { _tag: "Closed" }
  #pauseMillis = firstPauseMillis
  /** When it last failed or closed. */
  #quietSince = -Infinity
  #failedInARow = 0
  #probe: { readonly number: number; readonly at: number; readonly from: BreakerState } | undefined
  #lastProbe = 0
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

  /**
   * Asks whether a request may go. A probe ends with the next verdict that is recorded, or with {@link release}. Who
   * knows better (`isWanted`) need not wait until the pause is over, only for the outcome of a probe. What we would do by
   * ourselves (`isOurs`) is no request that was refused.
   */
  admit(
    now: number,
    { isOurs = false, isWanted = false }: { readonly isOurs?: boolean; readonly isWanted?: boolean } = {}
  ): Admission {
    const state = this.state(now)
    if (state._tag === "Closed") return pass
    const under = this.#probe
    const isResting = state._tag === "Open" && !isWanted
    const isProbing = under !== undefined && this.#isProbing(now)
    if (!isOurs && (isResting || isProbing)) this.#counts.rejected++
    if (isResting) return { _tag: "Rejected", since: state.since, until: state.until, isProbing: false }
    if (isProbing) return { _tag: "Rejected", since: under.at, until: under.at + probeMillis, isProbing }
    this.#probe = { number: ++this.#lastProbe, at: now, from: state }
    if (state._tag === "Open") this.#state = { _tag: "HalfOpen", since: now }
    return { _tag: "Probe", number: this.#probe.number }
  }

  /** Whether a look of our own may go, which is no probe: not while it is open, nor beside a probe. */
  mayLook(now: number): boolean {
    return this.state(now)._tag !== "Open" && !this.#isProbing(now)
  }

  #isProbing(now: number): boolean {
    return this.#probe !== undefined && now < this.#probe.at + probeMillis
  }

  /** A probe that came to no request: the next may be one, after what is left of the pause. */
  release(number: number): void {
    if (this.#probe?.number !== number) return
    this.#state = this.#probe.from
    this.#probe = undefined
  }

  record(now: number, verdict: Verdict): void {
    const isFailure = verdict === "failure"
    if (isFailure) this.#counts.failures++
    else this.#counts.successes++
    const state = this.state(now)
    if (state._tag === "HalfOpen") {
      if (!isFailure) this.#close(now)
      // Without a probe, it is one that was under way when it opened.
      else if (this.#probe !== undefined) this.#open(now)
      return
    }
    // What was under way when it opened says nothing that it did not know.
    if (state._tag === "Open") return
    this.#failedInARow = isFailure ? this.#failedInARow + 1 : 0
    this.#verdicts.push({ at: now, isFailure })
    while (this.#verdicts.length > maxVerdicts || this.#verdicts[0]!.at <= now - windowMillis) this.#verdicts.shift()
    if (!isFailure) return
    if (now - this.#quietSince >= windowMillis) this.#pauseMillis = firstPauseMillis
    this.#quietSince = now
    const failures = this.#verdicts.filter((each) => each.isFailure).length
    const isMostly = failures >= minFailures && failures / this.#verdicts.length >= maxFailureRate
    if (isMostly || Math.min(this.#failedInARow, failures) >= failuresInARow) this.#open(now)
  }

  /** As if nothing had happened, its counts too: somebody knows that the node is well again. */
  reset(): void {
    this.#state = { _tag: "Closed" }
    this.#pauseMillis = firstPauseMillis
    this.#failedInARow = 0
    this.#probe = undefined
    this.#verdicts.length = 0
    this.#counts = { successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 }
  }

  #open(now: number): void {
    this.#counts.opened++
    // Between three quarters and five quarters of the pause.
    const pause = this.#pauseMillis * (0.75 + 0.5 * this.#random())
    this.#pauseMillis = Math.min(2 * this.#pauseMillis, longestPauseMillis)
    this.#state = { _tag: "Open", since: now, until: now + Math.round(pause) }
    this.#verdicts.length = 0
    this.#failedInARow = 0
    this.#probe = undefined
  }

  #close(now: number): void {
    this.#counts.closed++
    this.#state = { _tag: "Closed" }
    this.#quietSince = now
    this.#failedInARow = 0
    this.#probe = undefined
  }
}
