/**
 * Finding one's way in encoded terms without building them: offsets instead of values. What is found is then decoded
 * with `decodeNext` at its offset.
 *
 * Offsets are those of bare terms: where their tag stands. Total like the decoder: an {@link EtfError} for bytes that
 * are no term, and no read beyond the end. What is passed over is measured, not examined.
 */
import { u16, u32 } from "./BigEndian.ts"
import { decodeNext } from "./Decode.ts"
import { EtfError, malformed, truncated } from "./EtfError.ts"
import { isAtom } from "./Term.ts"

/** The offset behind the term at `offset`. */
export const skip = (bytes: Uint8Array, offset: number): number => {
  if (!(offset >= 0)) throw truncated(offset)
  const end = bytes.length
  let at = offset
  // Terms still to be passed: no need to know which container they are of.
  let owed = 1
  while (owed > 0) {
    // Each takes a byte at least.
    if (owed > end - at) throw truncated(at)
    owed--
    const tag = bytes[at]!
    switch (tag) {
      case 106 /* NIL_EXT */:
        at += 1
        break
      case 97 /* SMALL_INTEGER_EXT */:
        at += 2
        break
      case 98 /* INTEGER_EXT */:
        at += 5
        break
      case 70 /* NEW_FLOAT_EXT */:
        at += 9
        break
      case 99 /* FLOAT_EXT */:
        at += 32
        break
      case 104 /* SMALL_TUPLE_EXT */:
      case 115 /* SMALL_ATOM_EXT */:
      case 119 /* SMALL_ATOM_UTF8_EXT */:
      case 110 /* SMALL_BIG_EXT */: {
        if (end - at < 2) throw truncated(at)
        const size = bytes[at + 1]!
        if (tag === 104) owed += size
        at += tag === 104 ? 2 : tag === 110 ? 3 + size : 2 + size
        break
      }
      case 100 /* ATOM_EXT */:
      case 118 /* ATOM_UTF8_EXT */:
      case 107 /* STRING_EXT */:
        if (end - at < 3) throw truncated(at)
        at += 3 + u16(bytes, at + 1)
        break
      case 105 /* LARGE_TUPLE_EXT */:
      case 108 /* LIST_EXT */:
      case 116 /* MAP_EXT */: {
        if (end - at < 5) throw truncated(at)
        const size = u32(bytes, at + 1)
        owed += tag === 105 ? size : tag === 108 ? size + 1 : 2 * size
        at += 5
        break
      }
      case 109 /* BINARY_EXT */:
      case 77 /* BIT_BINARY_EXT */:
      case 111 /* LARGE_BIG_EXT */:
        if (end - at < 5) throw truncated(at)
        at += (tag === 109 ? 5 : 6) + u32(bytes, at + 1)
        break
      case 88 /* NEW_PID_EXT */:
        at = skipAtom(bytes, at + 1) + 12
        break
      case 89 /* NEW_PORT_EXT */:
        at = skipAtom(bytes, at + 1) + 8
        break
      case 120 /* V4_PORT_EXT */:
        at = skipAtom(bytes, at + 1) + 12
        break
      case 103 /* PID_EXT */:
        at = skipAtom(bytes, at + 1) + 9
        break
      case 101 /* REFERENCE_EXT */:
      case 102 /* PORT_EXT */:
        at = skipAtom(bytes, at + 1) + 5
        break
      case 90 /* NEWER_REFERENCE_EXT */:
      case 114 /* NEW_REFERENCE_EXT */:
        if (end - at < 3) throw truncated(at)
        at = skipAtom(bytes, at + 3) + (tag === 90 ? 4 : 1) + 4 * u16(bytes, at + 1)
        break
      case 113 /* EXPORT_EXT */:
        owed += 3
        at += 1
        break
      case 67 /* RECORD_EXT */:
        if (end - at < 6) throw truncated(at)
        owed += 2 + 2 * u32(bytes, at + 1)
        at += 6
        break
      case 112 /* NEW_FUN_EXT */:
        if (end - at < 30) throw truncated(at)
        owed += 4 + u32(bytes, at + 26)
        at += 30
        break
      default:
        throw new EtfError({ _tag: "UnknownTag", tag, offset: at })
    }
  }
  if (at > end) throw truncated(offset)
  return at
}

/** The offset behind an atom; more than there are bytes, where it is cut. */
const skipAtom = (bytes: Uint8Array, at: number): number => {
  if (bytes.length - at < 2) throw truncated(at)
  const tag = bytes[at]
  if (tag === 119 || tag === 115) return at + 2 + bytes[at + 1]!
  if (tag === 118 || tag === 100) return at + 3 + u16(bytes, at + 1)
  throw malformed(at, `an atom is due here, not the tag ${tag}`)
}

const unexpected = (bytes: Uint8Array, offset: number, due: string): EtfError =>
  offset < bytes.length ? malformed(offset, `${due} is due here, not the tag ${bytes[offset]}`) : truncated(offset)

/** The count of a container whose header gives it four bytes. */
const countAt = (bytes: Uint8Array, offset: number): number => {
  if (bytes.length - offset < 5) throw truncated(offset)
  return u32(bytes, offset + 1)
}

/** Whether a tuple begins at `offset`. */
export const isTupleAt = (bytes: Uint8Array, offset: number): boolean =>
  bytes[offset] === 104 /* SMALL_TUPLE_EXT */ || bytes[offset] === 105 /* LARGE_TUPLE_EXT */

/** The number of elements of the tuple at `offset`; another term is an error. */
export const arityAt = (bytes: Uint8Array, offset: number): number => {
  if (bytes[offset] === 105 /* LARGE_TUPLE_EXT */) return countAt(bytes, offset)
  if (bytes[offset] !== 104 /* SMALL_TUPLE_EXT */) throw unexpected(bytes, offset, "a tuple")
  if (bytes.length - offset < 2) throw truncated(offset)
  return bytes[offset + 1]!
}

/** The offsets of the elements of a tuple, in order; another term is an error. */
export function* tupleElements(bytes: Uint8Array, offset: number): Generator<number, void, void> {
  const arity = arityAt(bytes, offset)
  let at = offset + (bytes[offset] === 104 ? 2 : 5)
  for (let i = 0; i < arity; i++) {
    yield at
    at = skip(bytes, at)
  }
}

/**
 * The offsets of the elements of a list, in order; of an improper one those before its tail. Another term is an error,
 * and so is STRING_EXT, whose elements are bare bytes and no terms.
 */
export function* listElements(bytes: Uint8Array, offset: number): Generator<number, void, void> {
  let at = offset
  // A tail that is a list continues the list.
  while (bytes[at] === 108 /* LIST_EXT */) {
    const count = countAt(bytes, at)
    at += 5
    for (let i = 0; i < count; i++) {
      yield at
      at = skip(bytes, at)
    }
  }
  const proper = bytes[at] === 106 /* NIL_EXT */
  if (!proper && (at === offset || at >= bytes.length || bytes[at] === 107)) throw unexpected(bytes, at, "a list")
}

/** The offset of the value under an atom, in a map or in a property list of pairs; `undefined` where there is none. */
export const lookup = (bytes: Uint8Array, offset: number, key: string): number | undefined => {
  if (bytes[offset] === 116 /* MAP_EXT */) {
    const count = countAt(bytes, offset)
    let at = offset + 5
    for (let i = 0; i < count; i++) {
      const value = skip(bytes, at)
      if (isAtomAt(bytes, at, key)) return value
      at = skip(bytes, value)
    }
    return undefined
  }
  for (const at of listElements(bytes, offset)) {
    if (bytes[at] === 104 && bytes[at + 1] === 2 && isAtomAt(bytes, at + 2, key)) return skip(bytes, at + 2)
  }
  return undefined
}

/** Whether the term at `offset` is the atom `text`. */
export const isAtomAt = (bytes: Uint8Array, offset: number, text: string): boolean => {
  const tag = bytes[offset]
  const small = tag === 119 || tag === 115
  if (!small && tag !== 118 && tag !== 100) return false
  const end = skipAtom(bytes, offset)
  if (end > bytes.length) throw truncated(offset)
  const name = offset + (small ? 2 : 3)
  for (let at = name; at < end; at++) {
    if (bytes[at]! > 127) return isAtom(decodeNext(bytes, { offset }), text)
    if (bytes[at] !== text.charCodeAt(at - name)) return false
  }
  return end - name === text.length
}
