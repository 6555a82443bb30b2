/** Milliseconds by which a deadline may be late. */
const granularityMillis = 16

/** A place in a ring; alone, it is its own neighbour. */
class Ring {
  before: Ring = this
  after: Ring = this
}

/** The deadlines of one moment are a ring around it. */
class Moment extends Ring {
  readonly number: number
  constructor(number: number) {
    super()
    this.number = number
  }
}

/** A deadline that has neither passed nor been dropped. */
export class Deadline extends Ring {
  readonly expire: () => void
  readonly #emptied: (moment: Moment) => void
  constructor(moment: Moment, expire: () => void, emptied: (moment: Moment) => void) {
    super()
    this.expire = expire
    this.#emptied = emptied
    this.before = moment
    this.after = moment.after
    moment.after.before = this
    moment.after = this
  }
  /** Takes it back. Harmless when it has passed. */
  drop(): void {
    const { after, before } = this
    before.after = after
    after.before = before
    this.before = this
    this.after = this
    if (before === after && before instanceof Moment) this.#emptied(before)
  }
}

/**
 * Many deadlines on one timer: thousands of calls in flight must not mean thousands of timers. A deadline that passes
 * runs its function once.
 *
 * Rings, because most deadlines are dropped long before they pass: what is taken out of a ring is garbage at once,
 * while a Set builds itself anew every so often and each old self keeps what it held through the cheap collections.
 */
export class Deadlines {
  readonly #moments = new Map<number, Moment>()
  #timer: NodeJS.Timeout | undefined
  #timerNumber = Infinity

  /** Runs `expire` some `millis` from now, at most 16 ms late. */
  add(millis: number, expire: () => void): Deadline {
    const number = Math.ceil((performance.now() + millis) / granularityMillis)
    let moment = this.#moments.get(number)
    if (moment === undefined) {
      moment = new Moment(number)
      this.#moments.set(number, moment)
      if (number < this.#timerNumber) this.#arm(number)
    }
    return new Deadline(moment, expire, this.#emptied)
  }

  readonly #emptied = (moment: Moment): void => {
    if (this.#moments.get(moment.number) === moment) this.#moments.delete(moment.number)
  }

  /** Drops all of them. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timerNumber = Infinity
    this.#moments.clear()
  }

  #arm(number: number): void {
    clearTimeout(this.#timer)
    this.#timerNumber = number
    this.#timer = setTimeout(() => this.#run(), Math.max(0, number * granularityMillis - performance.now()))
  }

  #run(): void {
    this.#timerNumber = Infinity
    const now = Math.floor(performance.now() / granularityMillis)
    let next = Infinity
    for (const moment of this.#moments.values()) {
      if (moment.number <= now) {
        while (moment.before instanceof Deadline) {
          const deadline = moment.before
          deadline.drop()
          deadline.expire()
        }
      } else if (moment.number < next) next = moment.number
    }
    if (next < this.#timerNumber) this.#arm(next)
  }
}
