import { Buffer } from "node:buffer"
import { deflateSync } from "node:zlib"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode, decodeNext } from "../../../src/etf/Decode.ts"
import { type Limits } from "../../../src/etf/Limits.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { EtfError } from "../../../src/etf/EtfError.ts"
import * as Scan from "../../../src/etf/Scan.ts"
import type { Term } from "../../../src/etf/Term.ts"
import { arbitraryTerm } from "../../support/arbitraryTerm.ts"
import { extremes, heldBytes, mutated, Random, seconds, seed, timeout } from "../../support/Fuzzing.ts"

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** What is thrown, if it is what may be thrown; `undefined` if it succeeds. */
const refusal = (run: () => unknown): EtfError | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof EtfError) return error
    throw error
  }
}

/** Takes bytes for a term in every way that there is: each ends in a term or in an `EtfError`, and all agree. */
const tryAll = (bytes: Uint8Array, limits?: Partial<Limits>): void => {
  let term: Term | undefined
  refusal(() => (term = decode(bytes, limits)))
  if (term !== undefined) {
    const again = encode(term)
    expect(equal(decode(again), term)).toBe(true)
    if (bytes[1] !== 80) expect(Scan.skip(bytes, 1)).toBe(bytes.length)
  }
  const cursor = { offset: 1 }
  const refused = refusal(() => decodeNext(bytes, cursor, limits))
  if (refused === undefined) expect(Scan.skip(bytes, 1)).toBe(cursor.offset)
  else expect(cursor.offset).toBe(1)
  refusal(() => Scan.skip(bytes, 1))
  refusal(() => Scan.arityAt(bytes, 1))
  refusal(() => Scan.lookup(bytes, 1, "name"))
  refusal(() => Scan.isAtomAt(bytes, 1, "name"))
  refusal(() => Array.from(Scan.tupleElements(bytes, 1)))
  refusal(() => Array.from(Scan.listElements(bytes, 1)))
}

/** Runs cases until the time is over, or one fails: then it says which. */
const fuzz = (run: (random: Random) => void): void => {
  const end = performance.now() + (1000 * seconds) / 2
  for (let number = 0; performance.now() < end; number++) {
    try {
      run(new Random(number))
    } catch (cause) {
      throw new Error(`case ${number} of BEAMSCOPE_FUZZ_SEED=${seed}`, { cause })
    }
  }
}

/** Terms that no node writes any more beside those that one writes. */
const old = [
  [100, 0, 2, 0xfc, 0x78],
  [103, 119, 1, 97, 0, 0, 0, 7, 0, 0, 0, 1, 3],
  [101, 119, 1, 97, 0, 0, 0, 9, 3],
  [114, 0, 2, 119, 1, 97, 3, 0, 0, 0, 9, 0, 0, 0, 8],
  [99, ...Buffer.from("1.50000000000000000000e+00"), 0, 0, 0, 0, 0],
  [108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 107, 0, 2, 1, 2]
].map((bytes) => Uint8Array.of(131, ...bytes))

const limits: Partial<Limits> = {
  bytes: 256 * 1024,
  depth: 5_000,
  atoms: 1_000,
  cells: 50_000,
  inflatedBytes: 256 * 1024
}

/** A cell takes less than this, whatever is in it, and an atom with its name. */
const bytesPerCell = 200
const bytesPerAtom = 1_200

/** What opens something, or is something. */
const opening = (random: Random): Uint8Array => {
  const count = random.chance(0.7) ? random.below(4) : random.pick(extremes)
  switch (random.below(9)) {
    case 0:
      return Uint8Array.of(104, count)
    case 1:
      return Uint8Array.of(105, ...u32(count))
    case 2:
      return Uint8Array.of(108, ...u32(count))
    case 3:
      return Uint8Array.of(116, ...u32(count))
    case 4:
      return Uint8Array.of(112, ...u32(30 + random.below(40)), 1, ...random.bytes(20), ...u32(count), 119, 1, 97)
    case 5:
      return Uint8Array.of(119, 4, ...random.bytes(4).map((byte) => byte & 127))
    case 6:
      return Uint8Array.of(110, 4, 0, ...random.bytes(4))
    case 7:
      return Uint8Array.of(109, ...u32(count))
    default:
      return Uint8Array.of(106)
  }
}

/** As much of one thing as there is room for, or of several in turns. */
const bomb = (random: Random): Buffer => {
  const unit = Buffer.concat(Array.from({ length: 1 + random.below(4) }, () => opening(random)))
  const length = random.pick([1_000, 20_000, 300_000])
  const head = random.chance(0.5) ? opening(random) : Uint8Array.of(108, ...u32(Math.floor(length / unit.length)))
  const bare = Buffer.concat([head, Buffer.alloc(length, unit), Uint8Array.of(106)])
  if (random.chance(0.3)) {
    const claim = random.pick([bare.length, bare.length + 1, bare.length - 1, random.pick(extremes)])
    return Buffer.concat([Uint8Array.of(131, 80), u32(claim), deflateSync(bare, { level: 1 })])
  }
  return Buffer.concat([Uint8Array.of(131), bare])
}

describe("bytes of a stranger, taken for a term,", () => {
  it("are a term or an EtfError, to the decoder as to the scanner, however a term is changed", { timeout }, () => {
    const terms = fc.sample(arbitraryTerm, { seed, numRuns: 400 }).map((term) => encode(term))
    const packed = terms.slice(0, 40).map((bytes) => {
      const bare = bytes.subarray(1)
      return Buffer.concat([Uint8Array.of(131, 80), u32(bare.length), deflateSync(bare)])
    })
    const corpus = [...terms, ...packed, ...old]
    fuzz((random) => {
      let bytes: Uint8Array = random.pick(corpus)
      for (let times = 1 + random.below(3); times > 0; times--) bytes = mutated(random, bytes)
      tryAll(bytes, random.chance(0.5) ? limits : undefined)
      // Most of what is changed in the first byte ends there.
      bytes = Buffer.concat([Uint8Array.of(131), bytes.subarray(1)])
      tryAll(bytes)
    })
  })

  it("take no more memory than the limits say", { timeout }, () => {
    const before = heldBytes()
    fuzz((random) => {
      const bytes = bomb(random)
      tryAll(bytes, limits)
      // To look is dear: a few of them.
      if (random.chance(0.95)) return
      const empty = heldBytes()
      const kept: Array<Term> = []
      refusal(() => kept.push(decode(bytes, limits)))
      const taken = heldBytes() - empty
      expect(taken).toBeLessThan(
        limits.cells! * bytesPerCell + limits.atoms! * bytesPerAtom + limits.inflatedBytes! + 1024 * 1024
      )
      expect(kept.length).toBeLessThan(2)
    })
    // Nothing of it is left.
    expect(heldBytes() - before).toBeLessThan(16 * 1024 * 1024)
  })
})
