/** Milliseconds by which a deadline may be late. */
const granularityMillis = 16

/** What runs when a deadline has passed. */
export type Expire = () => void

/**
 * Many deadlines on one timer: thousands of calls in flight must not mean thousands of timers. A deadline that passes
 * runs its function once; one that is dropped before costs a deletion from a set.
 */
export class Deadlines {
  readonly #buckets = new Map<number, Set<Expire>>()
  #timer: NodeJS.Timeout | undefined
  #timerBucket = Infinity

  /** Runs `expire` some `millis` from now, at most 16 ms late. Gives the way to drop it. */
  add(millis: number, expire: Expire): () => void {
    const number = Math.ceil((performance.now() + millis) / granularityMillis)
    let bucket = this.#buckets.get(number)
    if (bucket === undefined) {
      bucket = new Set()
      this.#buckets.set(number, bucket)
      if (number < this.#timerBucket) this.#arm(number)
    }
    bucket.add(expire)
    const owner = bucket
    return () => {
      owner.delete(expire)
      if (owner.size === 0 && this.#buckets.get(number) === owner) this.#buckets.delete(number)
    }
  }

  /** Drops all of them. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timerBucket = Infinity
    this.#buckets.clear()
  }

  #arm(number: number): void {
    clearTimeout(this.#timer)
    this.#timerBucket = number
    this.#timer = setTimeout(() => this.#run(), Math.max(0, number * granularityMillis - performance.now()))
  }

  #run(): void {
    this.#timerBucket = Infinity
    const now = Math.floor(performance.now() / granularityMillis)
    let next = Infinity
    for (const [number, bucket] of this.#buckets) {
      if (number <= now) {
        this.#buckets.delete(number)
        for (const expire of bucket) expire()
      } else if (number < next) next = number
    }
    if (next < this.#timerBucket) this.#arm(next)
  }
}
