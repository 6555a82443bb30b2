import { float, integer, type Term } from "../etf/Term.ts"
import type { Cursor } from "./Mistake.ts"

/** A longer integer takes long to read, and no node needs it typed. */
const mostDigits = 10_000

const prefixes: Readonly<Record<number, string>> = { 2: "0b", 8: "0o", 10: "", 16: "0x" }

/** The integer that the digits spell in a base from 2 to 36; `at` is where they stand, for what is wrong with them. */
export const readInteger = (cursor: Cursor, digits: string, base: number, negative: boolean, at: number): Term => {
  const plain = digits.replaceAll("_", "").toLowerCase()
  if (plain.length > mostDigits) return cursor.fail(`an integer of more than ${mostDigits} digits`, at)
  for (const digit of plain) {
    if (!(parseInt(digit, 36) < base)) return cursor.fail(`'${digit}' is no digit in base ${base}`, at)
  }
  const prefix = prefixes[base]
  let value = 0n
  if (prefix !== undefined) value = BigInt(prefix + plain)
  else for (const digit of plain) value = value * BigInt(base) + BigInt(parseInt(digit, 36))
  return integer(negative ? -value : value)
}

/** The float that a decimal spells. */
export const readFloat = (cursor: Cursor, text: string, at: number): Term => {
  const value = Number(text.replaceAll("_", ""))
  return Number.isFinite(value) ? float(value) : cursor.fail("too large for a float", at)
}
