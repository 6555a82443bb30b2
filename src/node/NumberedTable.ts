/** Numbers are below this: 28 bits, as many as a pid has for a node older than OTP 24. */
const numbers = 2 ** 28

const emptyPlaces = (count: number): Array<undefined> => Array.from({ length: count }, () => undefined)

/**
 * Values by numbers that it gives them, each of which comes round again only after 2^28 others. As in the emulator's
 * process table (`erl_ptab.c`) each value stands at the low bits of its number, and numbers whose place is taken are
 * passed over.
 *
 * Not a Map: one whose keys never come back builds itself anew every so often, and what an old self held survives the
 * cheap garbage collections with it. With 256 calls in flight each then cost half as much again.
 */
export class NumberedTable<Value> {
  #places: Array<{ readonly number: number; readonly value: Value } | undefined> = emptyPlaces(64)
  #size = 0
  #lastNumber = 0

  /** Takes a value in and gives its number, which is never 0. */
  add(value: Value): number {
    if (2 * this.#size >= this.#places.length) this.#grow()
    do this.#lastNumber = (this.#lastNumber + 1) % numbers
    while (this.#lastNumber === 0 || this.#places[this.#placeOf(this.#lastNumber)] !== undefined)
    this.#places[this.#placeOf(this.#lastNumber)] = { number: this.#lastNumber, value }
    this.#size++
    return this.#lastNumber
  }

  get size(): number {
    return this.#size
  }

  get(number: number): Value | undefined {
    const entry = this.#places[this.#placeOf(number)]
    return entry?.number === number ? entry.value : undefined
  }

  delete(number: number): void {
    const place = this.#placeOf(number)
    if (this.#places[place]?.number !== number) return
    this.#places[place] = undefined
    this.#size--
  }

  clear(): void {
    this.#places = emptyPlaces(64)
    this.#size = 0
  }

  /** All of them; any may be deleted meanwhile, and whether one is visited that is added meanwhile is left open. */
  forEach(visit: (value: Value, number: number) => void): void {
    for (const entry of this.#places) {
      // The places may be others by now.
      if (entry !== undefined && this.#places[this.#placeOf(entry.number)] === entry) visit(entry.value, entry.number)
    }
  }

  #placeOf(number: number): number {
    return number & (this.#places.length - 1)
  }

  #grow(): void {
    const standing = this.#places
    this.#places = emptyPlaces(2 * standing.length)
    for (const entry of standing) if (entry !== undefined) this.#places[this.#placeOf(entry.number)] = entry
  }
}
