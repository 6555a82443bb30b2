/** Numbers are below this. A node older than OTP 24 closes the link on a pid with more than 28 bits (it lacks V4_NC). */
const numbers = 2 ** 28

const emptyPlaces = (count: number): Array<undefined> => Array.from({ length: count }, () => undefined)

/**
 * What is alive, by numbers that come round again only after 2^28 others. As in the emulator's own table (`erl_ptab.c`)
 * each entry stands at the low bits of its number, and numbers whose place is taken are passed over.
 *
 * Not a Map: one whose keys never come back builds itself anew every so often, and what an old self held survives the
 * cheap garbage collections with it. With 256 calls in flight each then cost half as much again.
 */
export class ProcessTable<Process> {
  #places: Array<{ readonly number: number; readonly process: Process } | undefined> = emptyPlaces(64)
  #size = 0
  #lastNumber = 0

  /** Gives a process its number. */
  add(process: Process): number {
    if (2 * this.#size >= this.#places.length) this.#grow()
    do this.#lastNumber = (this.#lastNumber + 1) % numbers
    while (this.#lastNumber === 0 || this.#places[this.#placeOf(this.#lastNumber)] !== undefined)
    this.#places[this.#placeOf(this.#lastNumber)] = { number: this.#lastNumber, process }
    this.#size++
    return this.#lastNumber
  }

  get(number: number): Process | undefined {
    const entry = this.#places[this.#placeOf(number)]
    return entry?.number === number ? entry.process : undefined
  }

  delete(number: number): void {
    if (this.get(number) === undefined) return
    this.#places[this.#placeOf(number)] = undefined
    this.#size--
  }

  /** All of them, of which any may be deleted meanwhile. */
  forEach(visit: (process: Process) => void): void {
    for (const entry of this.#places) if (entry !== undefined) visit(entry.process)
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
