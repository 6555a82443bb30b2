/**
 * Unsigned and signed integers in network byte order. The caller has checked that the bytes are there.
 * Shifts instead of a DataView: as fast, and nothing to allocate for a term of sixty bytes.
 */

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

export const i32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

export const u32 = (bytes: Uint8Array, at: number): number => i32(bytes, at) >>> 0
