import { Buffer } from "node:buffer"
import { env } from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * How long a fuzz test looks, and where it begins: the same cases each time in the ordinary run of the tests, more of
 * them with `BEAMSCOPE_FUZZ_SECONDS`, others with `BEAMSCOPE_FUZZ_SEED`.
 */
export const seconds = Number(env["BEAMSCOPE_FUZZ_SECONDS"] ?? 4)
export const seed = Number(env["BEAMSCOPE_FUZZ_SEED"] ?? 1)

/** Milliseconds that a test which takes {@link seconds} may take on a busy machine. */
export const timeout = 1000 * seconds + 60_000

/** Random numbers that are the same for the same seed and number of the case. (mulberry32) */
export class Random {
  #state: number

  constructor(number: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** From 0 up, less than the end. */
  below(end: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * end)
  }

  chance(probability: number): boolean {
    return this.uint32() < probability * 2 ** 32
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }
}

/** Lengths, counts and numbers that are one too many somewhere. */
export const extremes = [
  0, 1, 2, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff
]

const mutations: ReadonlyArray<(random: Random, bytes: Buffer) => Buffer> = [
  function flipBit(random, bytes) {
    const at = random.below(bytes.length)
    bytes[at]! ^= 1 << random.below(8)
    return bytes
  },
  function setByte(random, bytes) {
    bytes[random.below(bytes.length)] = random.below(256)
    return bytes
  },
  function cutEnd(random, bytes) {
    return bytes.subarray(0, random.below(bytes.length))
  },
  function cutOut(random, bytes) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))])
  },
  function insert(random, bytes) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at)])
  },
  function repeat(random, bytes) {
    const at = random.below(bytes.length)
    const end = at + 1 + random.below(32)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)])
  },
  function lie(random, bytes) {
    if (bytes.length < 4) return bytes
    const at = random.below(bytes.length - 3)
    if (random.chance(0.5)) bytes.writeUInt32BE(random.pick(extremes), at)
    else bytes.writeUInt16BE(random.pick(extremes) & 0xffff, at)
    return bytes
  }
]

/** These bytes with something wrong in them; in memory of their own. */
export const mutated = (random: Random, bytes: Uint8Array): Buffer =>
  bytes.length === 0 ? random.bytes(3) : random.pick(mutations)(random, Buffer.from(bytes))

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Bytes that this process holds once nothing is left that nobody needs. */
export const heldBytes = (): number => {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
