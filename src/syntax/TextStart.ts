import { ByteList, type List } from "../etf/Term.ts"

/*
 * Whether bytes or a list of numbers are text is decided by their beginning, as far as it could be shown: a binary of
 * a gigabyte costs no more than what is printed of it.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The beginning of UTF-8 bytes: at least `room` characters, or all; `undefined` where it is no valid UTF-8. */
export const utf8Start = (bytes: Uint8Array, room: number): string | undefined => {
  // A UTF-16 unit takes three bytes at most.
  let end = Math.min(bytes.length, Math.max(room, 1) * 3)
  for (let back = 0; back < 3 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80; back++) end -= 1
  try {
    return utf8.decode(bytes.subarray(0, end))
  } catch {
    return undefined
  }
}

/** The beginning of bytes that stand for a character each. */
export const latin1Start = (bytes: Uint8Array, room: number): string => {
  const end = Math.min(bytes.length, Math.max(room, 1))
  let text = ""
  for (let at = 0; at < end; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

/** The beginning of a proper list of code points; `undefined` where it holds something else. */
export const charlistStart = (list: List | ByteList, room: number): string | undefined => {
  if (list instanceof ByteList) return latin1Start(list.view(), room)
  if (list.tail !== undefined) return undefined
  const end = Math.min(list.items.length, Math.max(room, 1))
  let text = ""
  for (let at = 0; at < end; at++) {
    const item = list.items[at]
    if (typeof item !== "number" || !(item >= 0 && item <= 0x10ffff && Number.isInteger(item))) return undefined
    text += String.fromCodePoint(item)
  }
  return text
}

/**
 * Whether a node that was started without `+pc unicode` prints such a list as text (`io_lib:printable_latin1_list/1`): its
 * `io:printable_range/0` is `latin1`, so that numbers beyond it, as of ports, are not taken for letters of other scripts.
 */
export const isLatin1Text = (text: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  /^[\b\t\n\v\f\r\x1b -~\u{a0}-\u{ff}]*$/u.test(text)

/** The code points of a list that is a text. */
export const charlistCodes = (list: List | ByteList): ArrayLike<unknown> =>
  list instanceof ByteList ? list.view() : list.items

/** The bytes of a text in UTF-8. */
export const utf8Length = (text: string): number => encoder.encode(text).length

/** The code points of a text. */
export const codePoints = (text: string): number => {
  let count = 0
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) count += 1
  return count
}
