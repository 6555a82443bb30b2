import { describe, expect, it } from "vitest"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import { atom, LargeInteger, list, map, maxIntegerBits, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { secrets } from "../../../src/tools/Secrets.ts"

const largest = 2n ** BigInt(maxIntegerBits) - 1n

/** LARGE_BIG_EXT of 2^bits, as a node writes it, with so many zeros more than it needs. */
const power = (bits: number, negative = false, zeros = 0): Uint8Array => {
  const size = Math.floor(bits / 8) + 1
  const bytes = new Uint8Array(7 + size + zeros)
  bytes.set([131, 111])
  new DataView(bytes.buffer).setUint32(2, size + zeros)
  bytes[6] = negative ? 1 : 0
  bytes[6 + size] = 1 << (bits % 8)
  return bytes
}

const large = (bits: number, negative?: boolean, zeros?: number): LargeInteger => {
  const term = decode(power(bits, negative, zeros))
  if (!(term instanceof LargeInteger)) throw new Error("it is none")
  return term
}

describe("an integer of more bits than are read", () => {
  it("begins where those end that are numbers", () => {
    expect(decode(encode(largest))).toBe(largest)
    expect(decode(encode(-largest))).toBe(-largest)
    expect(decode(encode(largest + 1n))).toBeInstanceOf(LargeInteger)
    expect(decode(power(maxIntegerBits - 1, false, 9))).toBe(2n ** BigInt(maxIntegerBits - 1))
  })

  it.each([maxIntegerBits, maxIntegerBits + 1, maxIntegerBits + 7, 4_000_000])("knows its size: 2^%i", (bits) => {
    expect(large(bits).bits).toBe(bits + 1)
    expect(large(bits, true, 3).bits).toBe(bits + 1)
  })

  it("goes back as it came, and is the same as one of the same bits and sign only", () => {
    const term = large(4_000_000, true, 5)
    expect(Buffer.compare(encode(term), power(4_000_000, true))).toBe(0)
    expect(equal(term, large(4_000_000, true))).toBe(true)
    for (const other of [large(4_000_000), large(4_000_001, true), largest, -1]) expect(equal(term, other)).toBe(false)
    expect(() =>
      encode(
        map([
          [term, 1],
          [large(4_000_000, true), 2]
        ])
      )
    ).toThrow("same key twice")
  })

  it("is told by its size, in its place, where the rest of a term is shown as ever", () => {
    const term: Term = [large(4_000_000), list([atom("a"), large(2_000_000, true), atom("b")])]
    for (const [syntax, text] of [
      ["erlang", "{... 4000001 bits,[a,... 2000001 bits,b]}"],
      ["elixir", "{... 4000001 bits, [:a, ... 2000001 bits, :b]}"],
      ["gleam", "#(... 4000001 bits, [A, ... 2000001 bits, B])"],
      ["lfe", "#(... 4000001 bits (a ... 2000001 bits b))"]
    ] as const)
      expect(syntaxes[syntax].print(term)).toEqual({ text, complete: false })
  })

  it("is taken for a secret where a number is", () => {
    const term = map([[atom("password"), large(2_000_000)]])
    expect(syntaxes.erlang.print(term, { mask: secrets.masked }).text).toBe('#{password => <<"[redacted]">>}')
  })
})
