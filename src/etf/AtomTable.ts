import { EtfError, malformed } from "./EtfError.ts"
import { Atom } from "./Term.ts"

/**
 * The atoms seen lately, found by their bytes: what a node sends is the same few hundred names over and over, and
 * making a string for each costs more than all the rest of decoding.
 *
 * A direct-mapped table of fixed size: a newcomer replaces what stood in its slot, so hostile names cost time and never
 * memory. Only ASCII names up to {@link slotBytes} bytes are kept: those read the same in Latin-1 and in UTF-8.
 */
const slots = 4096
const slotBytes = 64
const kept: Array<Atom | undefined> = Array.from({ length: slots }, () => undefined)
const keptLength = new Uint8Array(slots)
const keptBytes = new Uint8Array(slots * slotBytes)

/** The most characters that an atom can have (erl_ext_dist, "Encoding atoms"). */
export const maxAtomCharacters = 255

/** Names met in the current term that were not in the table, and how many of them there may be. */
let newcomers: Map<string, Atom> | undefined
let newcomersAllowed = 0

/** To be called before the first {@link atomAt} of a term. */
export const allowNewAtoms = (count: number): void => {
  newcomersAllowed = count
}

/** To be called after the last {@link atomAt} of a term, whether it went well or not. */
export const forgetNewAtoms = (): void => {
  newcomers = undefined
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

const newcomer = (bytes: Uint8Array, at: number, length: number, latin1: boolean, slot: number): Atom => {
  const ascii = isAscii(bytes, at, length)
  const name =
    ascii || latin1
      ? Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString("latin1")
      : utf8Name(bytes, at, length)
  newcomers ??= new Map()
  let atom = newcomers.get(name)
  if (atom === undefined) {
    if (exceedsMaximum(name)) throw malformed(at, `an atom has more than ${maxAtomCharacters} characters`)
    if (newcomers.size >= newcomersAllowed) {
      throw new EtfError({ _tag: "LimitExceeded", limit: "atoms", allowed: newcomersAllowed })
    }
    atom = new Atom(name)
    newcomers.set(name, atom)
  }
  if (ascii && length <= slotBytes) {
    kept[slot] = atom
    keptLength[slot] = length
    keptBytes.set(bytes.subarray(at, at + length), slot * slotBytes)
  }
  return atom
}

/** The atom whose name takes `length` bytes at `at`; the caller has checked that they are there. */
export const atomAt = (bytes: Uint8Array, at: number, length: number, latin1: boolean): Atom => {
  const end = at + length
  let hash = length
  for (let i = at; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const slot = (hash ^ (hash >>> 12) ^ (hash >>> 24)) & (slots - 1)
  if (keptLength[slot] === length) {
    let i = at
    for (let j = slot * slotBytes; i < end && bytes[i] === keptBytes[j]; i++) j++
    const atom = kept[slot]
    if (i === end && atom !== undefined) return atom
  }
  return newcomer(bytes, at, length, latin1, slot)
}
