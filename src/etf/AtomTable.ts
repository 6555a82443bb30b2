import { EtfError, malformed } from "./EtfError.ts"
import { Atom } from "./Term.ts"

/**
 * The atoms seen lately, found by their bytes: what a node sends is the same few hundred names over and over, and
 * making a string for each costs more than all the rest of decoding.
 *
 * A direct-mapped table of fixed size: a newcomer replaces what stood in its slot, so hostile names cost time and never
 * memory. Kept are ASCII names of up to 64 bytes, which read the same in Latin-1 and in UTF-8, as words of four bytes;
 * the last word overlaps the one before it where the length is no multiple of four.
 */
const slotBits = 13
const slots = 1 << slotBits
const slotWords = 16
const longestKept = 4 * slotWords
const kept: Array<Atom | undefined> = Array.from({ length: slots }, () => undefined)
const keptLength = new Uint8Array(slots)
const keptWords = new Int32Array(slots * slotWords)

/** The most characters that an atom can have (erl_ext_dist, "Encoding atoms"). */
export const maxAtomCharacters = 255

/** Atoms that may still be made for the current term, and what was allowed at first. */
let allowance = 0
let allowed = 0

const noWords = new DataView(new ArrayBuffer(0))
const noCharacters = Buffer.alloc(0)
/** The buffer of the current term, as words and as characters, and where in it the term's bytes begin. */
let words: DataView = noWords
let characters: Buffer = noCharacters
let base = 0

/** To be called before the first {@link atomAt} of a term. */
export const beginTerm = (bytes: Uint8Array, atomsAllowed: number): void => {
  allowance = atomsAllowed
  allowed = atomsAllowed
  base = bytes.byteOffset
  if (words.buffer !== bytes.buffer) words = new DataView(bytes.buffer)
}

/** To be called after the last {@link atomAt} of a term: many small terms share a buffer, a large one is let go. */
export const endTerm = (): void => {
  if (words.byteLength <= 64 * 1024) return
  words = noWords
  characters = noCharacters
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const isAscii = (bytes: Uint8Array, at: number, length: number): boolean => {
  for (let i = at; i < at + length; i++) if (bytes[i]! > 127) return false
  return true
}

const utf8Name = (bytes: Uint8Array, at: number, length: number): string => {
  try {
    return strictUtf8.decode(bytes.subarray(at, at + length))
  } catch (cause) {
    throw malformed(at, "the name of an atom is not valid UTF-8", cause)
  }
}

const exceedsMaximum = (name: string): boolean =>
  name.length > maxAtomCharacters &&
  (name.length > 2 * maxAtomCharacters || Array.from(name).length > maxAtomCharacters)

const latin1Name = (at: number, length: number): string => {
  if (characters.buffer !== words.buffer) characters = Buffer.from(words.buffer)
  return characters.toString("latin1", base + at, base + at + length)
}

const newcomer = (bytes: Uint8Array, at: number, length: number, tag: number, slot: number): Atom => {
  if (--allowance < 0) throw new EtfError({ _tag: "LimitExceeded", limit: "atoms", allowed })
  const ascii = isAscii(bytes, at, length)
  const latin1 = ascii || tag === 100 /* ATOM_EXT */ || tag === 115 /* SMALL_ATOM_EXT */
  const name = latin1 ? latin1Name(at, length) : utf8Name(bytes, at, length)
  if (exceedsMaximum(name)) throw malformed(at, `an atom has more than ${maxAtomCharacters} characters`)
  const atom = new Atom(name)
  if (ascii && length <= longestKept) {
    const last = base + at + length - 4
    let word = slot * slotWords
    for (let from = base + at; from < last; from += 4) keptWords[word++] = words.getInt32(from)
    keptWords[word] = length < 4 ? shortWord(bytes, at, length) : words.getInt32(last)
    keptLength[slot] = length
    kept[slot] = atom
  }
  return atom
}

/** All of a name of less than four bytes. */
const shortWord = (bytes: Uint8Array, at: number, length: number): number => {
  let word = 0
  for (let i = at; i < at + length; i++) word = (word << 8) | bytes[i]!
  return word
}

/**
 * The atom whose name takes `length` bytes at `at`; the caller has checked that they are there. `tag` tells Latin-1
 * (ATOM_EXT, SMALL_ATOM_EXT) from UTF-8.
 */
export const atomAt = (bytes: Uint8Array, at: number, length: number, tag: number): Atom => {
  if (length > longestKept) return newcomer(bytes, at, length, tag, 0)
  const first = base + at
  const last = first + length - 4
  const lastWord = length < 4 ? shortWord(bytes, at, length) : words.getInt32(last)
  let hash = length
  for (let i = first; i < last; i += 4) hash = Math.imul(hash ^ words.getInt32(i), 0x9e3779b1)
  const slot = Math.imul(hash ^ lastWord, 0x9e3779b1) >>> (32 - slotBits)
  if (keptLength[slot] === length) {
    let i = first
    let word = slot * slotWords
    for (; i < last && keptWords[word] === words.getInt32(i); i += 4) word++
    const atom = kept[slot]
    if (i >= last && keptWords[word] === lastWord && atom !== undefined) return atom
  }
  return newcomer(bytes, at, length, tag, slot)
}
