import { Binary, BitString, Float, type Term } from "../etf/Term.ts"
import { excerpt } from "./Excerpt.ts"
import type { Cursor } from "./Mistake.ts"

/** One part of `<<…>>` as it is written: a number or a text, and what stands behind it, in order. */
export interface Segment {
  readonly value: Term | string
  /** `size`, `unit` with their number; the other words without. */
  readonly modifiers: ReadonlyArray<{ readonly name: string; readonly number?: number }>
  /** What a text, and a float, is without a type: Erlang's strings are integers, Elixir's UTF-8. */
  readonly textType: "integer" | "utf8"
}

/** A binary that someone types is never longer; what `<<0:N>>` claims is checked before it is made. */
const mostBits = 8_000_000

/** How each type of a segment is written as bits, by the word for it. */
const types: ReadonlyMap<string, string> = new Map([
  ["integer", "integer"],
  ["float", "float"],
  ["binary", "utf8"],
  ["bytes", "utf8"],
  ["bitstring", "utf8"],
  ["bits", "utf8"],
  ["utf8", "utf8"],
  ["utf16", "utf16"],
  ["utf32", "utf32"]
])

/** Bits put one behind the other. */
class Bits {
  private readonly bytes: Array<number> = []
  private length = 0

  /** At most eight bits, the low ones of `value`. */
  private few(value: number, bits: number): void {
    const used = this.length % 8
    const left = (value & (2 ** bits - 1)) << (16 - used - bits)
    if (used === 0) this.bytes.push(0)
    this.bytes[this.bytes.length - 1]! |= left >> 8
    if (used + bits > 8) this.bytes.push(left & 0xff)
    this.length += bits
  }

  /** An integer in two's complement; a size that is no multiple of eight has its odd bits in the highest byte. */
  integer(value: bigint, size: number, little: boolean): boolean {
    if (this.length + size > mostBits) return false
    const odd = size % 8
    const whole = BigInt.asUintN(size, value)
    const digits = whole.toString(16).padStart(2 * Math.ceil(size / 8), "0")
    const bytes = size === 0 ? new Uint8Array(0) : Buffer.from(digits, "hex")
    const order = little ? bytes.toReversed() : bytes
    const highest = little ? order.length - 1 : 0
    for (let at = 0; at < order.length; at++) this.few(order[at]!, at === highest && odd > 0 ? odd : 8)
    return true
  }

  octets(bytes: Uint8Array): boolean {
    if (this.length + bytes.length * 8 > mostBits) return false
    for (const byte of bytes) this.few(byte, 8)
    return true
  }

  term(): Term {
    const bytes = Uint8Array.from(this.bytes)
    const odd = this.length % 8
    return odd === 0 ? new Binary(bytes) : new BitString(bytes, 0, bytes.length, odd)
  }
}

const floatBytes = (value: number, size: number): Uint8Array | undefined => {
  const view = new DataView(new ArrayBuffer(size / 8))
  if (size === 64) view.setFloat64(0, value)
  else view.setFloat32(0, value)
  return Number.isFinite(size === 64 ? value : view.getFloat32(0)) ? new Uint8Array(view.buffer) : undefined
}

/** The code points of a segment as UTF-8, UTF-16 or UTF-32. */
const encoded = (text: string, type: string, little: boolean): Uint8Array => {
  if (type === "utf8") return Buffer.from(text, "utf8")
  if (type === "utf16") {
    const bytes = Buffer.from(text, "utf16le")
    return little ? bytes : bytes.swap16()
  }
  const bytes = Buffer.alloc(4 * [...text].length)
  Array.from(text, (char, at) =>
    little ? bytes.writeUInt32LE(char.codePointAt(0)!, 4 * at) : bytes.writeUInt32BE(char.codePointAt(0)!, 4 * at)
  )
  return bytes
}

const append = (bits: Bits, { modifiers, textType, value }: Segment, cursor: Cursor, at: number): void => {
  const isText = typeof value === "string"
  let type = isText ? textType : textType === "utf8" && isFloat(value) ? "float" : "integer"
  let [little, size, unit]: [boolean, number | undefined, number] = [false, undefined, 1]
  for (const { name, number } of modifiers) {
    if (name === "size" && number !== undefined) size = number
    else if (name === "unit" && number !== undefined) unit = number
    else if (number === undefined && types.has(name)) type = types.get(name)!
    else if (number === undefined && /^(?:big|little)$/u.test(name)) little = name === "little"
    else if (number !== undefined || !/^(?:signed|unsigned)$/u.test(name)) {
      cursor.fail(`'${excerpt(name)}' is no type, sign, byte order, size or unit of a segment that can be read`, at)
    }
  }
  const put = (fits: boolean): void => {
    if (!fits) cursor.fail(`<<>> of more than ${mostBits} bits`, at)
  }
  if (type.startsWith("utf")) {
    if (size !== undefined) cursor.fail("a text has no size", at)
    const text = isText ? value : codePointText(value)
    if (text === undefined) return cursor.fail("expected a text or the code of a character", at)
    return put(bits.octets(encoded(text, type, little)))
  }
  const values = isText ? Array.from(value, (char) => char.codePointAt(0)!) : [value]
  if (isText && type === "integer" && size === undefined && values.some((it) => (it as number) > 0xff)) {
    cursor.fail("a character that does not fit in a byte: write /utf8 behind the string", at)
  }
  for (const it of values) {
    const length = (size ?? (type === "float" ? 64 : 8)) * unit
    const number = it instanceof Float ? it.value : it
    if (typeof number !== "number" && typeof number !== "bigint") cursor.fail("expected a number or a text", at)
    if (type === "float") {
      const bytes = length === 64 || length === 32 ? floatBytes(Number(number), length) : undefined
      if (bytes === undefined) return cursor.fail("expected a float that fits in 32 or 64 bits", at)
      put(bits.octets(little ? bytes.toReversed() : bytes))
    } else {
      if (isFloat(it)) return cursor.fail("a float in a segment of integers: write its type, float", at)
      if (length > mostBits) put(false)
      put(bits.integer(BigInt(number as number | bigint), length, little))
    }
  }
}

const isFloat = (term: Term | string): boolean =>
  term instanceof Float || (typeof term === "number" && !Number.isInteger(term))

const codePointText = (term: Term): string | undefined =>
  typeof term === "number" &&
  Number.isInteger(term) &&
  term >= 0 &&
  term <= 0x10ffff &&
  !(term >= 0xd800 && term < 0xe000)
    ? String.fromCodePoint(term)
    : undefined

/** How a language writes the parts of a binary: what stands between them, and what ends them. */
export interface BitNotation {
  readonly blank: RegExp
  readonly separator: RegExp
  readonly close: RegExp
  /** Whether a separator may stand before the end. */
  readonly trailingComma?: boolean
}

/** The binary whose parts stand here, the cursor behind what opens it; each segment is read by `segment`. */
export const readBits = (
  cursor: Cursor,
  { blank, close, separator, trailingComma = false }: BitNotation,
  segment: (cursor: Cursor) => Segment
): Term => {
  const bits = new Bits()
  cursor.take(blank)
  if (cursor.take(close)) return bits.term()
  for (;;) {
    const at = cursor.at
    append(bits, segment(cursor), cursor, at)
    cursor.take(blank)
    const separated = cursor.take(separator)
    cursor.take(blank)
    if ((separated === undefined || trailingComma) && cursor.take(close)) return bits.term()
    if (separated === undefined) return cursor.unexpected(", or >>")
  }
}
