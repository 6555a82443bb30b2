import { NumberedTable } from "./NumberedTable.ts"

/** Milliseconds by which a deadline may be late. */
const granularityMillis = 16

/** What a timer can wait for; it then looks again. */
const longestTimerMillis = 2 ** 31 - 1

/** What has a deadline. */
export interface Expiring {
  /** Called once, when the deadline has passed. */
  expire(): void
}

/**
 * Many deadlines on one timer: thousands of calls in flight must not mean thousands of timers. The timer is set for the
 * first deadline, and left when that is dropped: most are, and then it finds the next one to wait for.
 */
export class Deadlines {
  readonly #waiting = new NumberedTable<{ readonly at: number; readonly who: Expiring }>()
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity

  /**
   * Tells `who` once that its deadline has passed, at most 16 ms late. `at` is in milliseconds, as `performance.now` has
   * them. Gives the number to drop it by.
   */
  add(at: number, who: Expiring): number {
    if (at < this.#timerAt) this.#arm(at)
    return this.#waiting.add({ at, who })
  }

  /** Takes a deadline back. Harmless when it has passed. */
  drop(number: number): void {
    this.#waiting.delete(number)
  }

  /** Drops all of them. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timerAt = Infinity
    this.#waiting.clear()
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#timerAt = at
    // What was done for those that expired may have taken longer than it is to the next.
    const millis = Math.max(1, Math.ceil(at - performance.now()))
    this.#timer = setTimeout(() => this.#run(), Math.min(millis, longestTimerMillis))
  }

  #run(): void {
    this.#timerAt = Infinity
    const now = performance.now()
    let next = Infinity
    this.#waiting.forEach(({ at, who }, number) => {
      if (at <= now) {
        this.#waiting.delete(number)
        who.expire()
      } else if (at < next) next = at
    })
    if (next < this.#timerAt) this.#arm(Math.max(next, now + granularityMillis))
  }
}
