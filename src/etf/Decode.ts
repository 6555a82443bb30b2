/**
 * The external term format into {@link Term}s. Total: whatever the bytes, the outcome is a term or an {@link EtfError}.
 *
 * One loop with a stack of its own, so nesting never meets the JavaScript stack. Containers are made when their header
 * is read and filled in place. Case labels are literals because V8 makes a jump table of those alone.
 * Not checked: that the keys of a map differ. Source: erts "External Term Format" (erl_ext_dist), `external.c`.
 */
import { inflateSync } from "node:zlib"
import { atomAt, beginTerm, endTerm } from "./AtomTable.ts"
import { i32, u16, u32 } from "./BigEndian.ts"
import { EtfError, malformed, truncated } from "./EtfError.ts"
import { defaultLimits, type Limits } from "./Limits.ts"
import {
  type Atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  Float,
  Fun,
  integer,
  LargeInteger,
  List,
  MapTerm,
  maxIntegerBits,
  nil,
  NativeRecord,
  Pid,
  Port,
  Reference,
  type Term
} from "./Term.ts"

/** A place in a run of bytes; {@link decodeNext} moves it. */
export interface Cursor {
  offset: number
}

/** Decodes a whole term: the version byte 131, one term, nothing behind it. Compressed terms are unpacked. */
export const decode = (bytes: Uint8Array, limits?: Partial<Limits>): Term => {
  if (bytes.length < 2) throw truncated(0)
  if (bytes[0] !== 131) throw malformed(0, `it begins with the byte ${bytes[0]}, not with the version byte 131`)
  if (bytes[1] !== 80) return onlyTerm(bytes, 1, limits)
  const inflatedBytes = limits?.inflatedBytes ?? defaultLimits.inflatedBytes
  const inflated = inflate(bytes, limits?.bytes ?? defaultLimits.bytes, inflatedBytes)
  return onlyTerm(inflated, 0, { ...limits, bytes: inflatedBytes })
}

/**
 * Decodes the bare term (without 131) at `cursor` and leaves the cursor behind it; on an error the cursor stays.
 * Distribution frames hold terms in this form, several in a row.
 */
export const decodeNext = (bytes: Uint8Array, cursor: Cursor, limits?: Partial<Limits>): Term => {
  const { offset } = cursor
  if (!(offset >= 0 && offset < bytes.length)) throw truncated(offset)
  const maxBytes = limits?.bytes ?? defaultLimits.bytes
  const maxDepth = limits?.depth ?? defaultLimits.depth
  const maxCells = limits?.cells ?? defaultLimits.cells
  const capped = bytes.length - offset > maxBytes
  beginTerm(bytes, limits?.atoms ?? defaultLimits.atoms)
  try {
    return readTerm(bytes, cursor, capped ? offset + maxBytes : bytes.length, maxDepth, maxCells)
  } catch (error) {
    cursor.offset = offset
    if (capped && error instanceof EtfError && error.reason._tag === "Truncated") throw exceeded("bytes", maxBytes)
    throw error
  } finally {
    endTerm()
  }
}

const onlyTerm = (bytes: Uint8Array, offset: number, limits: Partial<Limits> | undefined): Term => {
  const cursor = { offset }
  const term = decodeNext(bytes, cursor, limits)
  const rest = bytes.length - cursor.offset
  if (rest > 0) throw leftOver(cursor.offset, rest)
  return term
}

const leftOver = (offset: number, count: number): EtfError =>
  malformed(offset, `${count} byte${count === 1 ? "" : "s"} where the end should be`)

const exceeded = (limit: keyof Limits, allowed: number): EtfError =>
  new EtfError({ _tag: "LimitExceeded", limit, allowed })

/** More places are claimed than there can be, or than there may be. */
const overclaimed = (claimed: number, end: number, at: number, maxCells: number): EtfError =>
  claimed > end ? truncated(at) : exceeded("cells", maxCells)

/** Unpacks `131, 80, Size:32, Zlib`: to the byte as much as `Size` says, or not at all. */
const inflate = (bytes: Uint8Array, maxBytes: number, maxInflated: number): Uint8Array => {
  if (bytes.length > maxBytes) throw exceeded("bytes", maxBytes)
  if (bytes.length < 6) throw truncated(1)
  const size = u32(bytes, 2)
  if (size > maxInflated) throw exceeded("inflatedBytes", maxInflated)
  const { buffer, engine } = unzip(bytes.subarray(6), size)
  if (buffer.length !== size) throw malformed(6, `the compressed bytes unpack to ${buffer.length} bytes, not ${size}`)
  const used = 6 + engine.bytesWritten
  if (used < bytes.length) throw leftOver(used, bytes.length - used)
  return buffer
}

interface Unzipped {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

const unzip = (bytes: Uint8Array, size: number): Unzipped => {
  try {
    // The types of Node leave out what `info` changes.
    return inflateSync(bytes, { maxOutputLength: Math.max(size, 1), info: true }) as unknown as Unzipped
  } catch (cause) {
    throw malformed(6, "the compressed bytes are damaged, or unpack to more than they claim", cause)
  }
}

/** What the places of the container being filled will become. */
const tuple = 0
const properList = 1
const improperList = 2
const mapEntries = 3
const funEnvironment = 4
const recordValues = 5

const readTerm = (bytes: Uint8Array, cursor: Cursor, end: number, maxDepth: number, maxCells: number): Term => {
  let at = cursor.offset
  let items: Array<Term> = [nil]
  let index = 0
  let kind = tuple
  let depth = 0
  // With room for a message as it comes by the thousand: an array that grows from nothing makes room for 17.
  const outerItems: Array<Array<Term>> = [items, items, items, items]
  /** `8 * index + kind` of each. */
  const outerPlace: Array<number> = [0, 0, 0, 0]
  /** Those whose places are being filled, the innermost last. */
  let headed: Array<Fun | NativeRecord> | undefined
  // Every place takes a byte at least. So all the places claimed together cannot outnumber the bytes, and what is made
  // ahead of its contents stays in proportion to what came in, however the claims are nested.
  let claimed = at
  const claimable = Math.min(end, at + maxCells)
  for (;;) {
    if (at >= end) throw truncated(at)
    const from = at
    const tag = bytes[at++]!
    let value: Term = nil
    let opened = -1
    let size = 0
    switch (tag) {
      case 97 /* SMALL_INTEGER_EXT */:
        if (at >= end) throw truncated(from)
        value = bytes[at++]!
        break
      case 98 /* INTEGER_EXT */:
        if (end - at < 4) throw truncated(from)
        value = i32(bytes, at)
        at += 4
        break
      case 115 /* SMALL_ATOM_EXT */:
      case 119 /* SMALL_ATOM_UTF8_EXT */: {
        if (at >= end) throw truncated(from)
        const length = bytes[at++]!
        if (end - at < length) throw truncated(from)
        value = atomAt(bytes, at, length, tag)
        at += length
        break
      }
      case 100 /* ATOM_EXT */:
      case 118 /* ATOM_UTF8_EXT */: {
        if (end - at < 2) throw truncated(from)
        const length = u16(bytes, at)
        at += 2
        if (end - at < length) throw truncated(from)
        value = atomAt(bytes, at, length, tag)
        at += length
        break
      }
      case 106 /* NIL_EXT */:
        break
      case 107 /* STRING_EXT */: {
        if (end - at < 2) throw truncated(from)
        const length = u16(bytes, at)
        at += 2
        if (end - at < length) throw truncated(from)
        value = length === 0 ? nil : new ByteList(bytes, at, length)
        at += length
        break
      }
      case 109 /* BINARY_EXT */: {
        if (end - at < 4) throw truncated(from)
        const length = u32(bytes, at)
        at += 4
        if (end - at < length) throw truncated(from)
        value = new Binary(bytes, at, length)
        at += length
        break
      }
      case 70 /* NEW_FLOAT_EXT */: {
        if (end - at < 8) throw truncated(from)
        value = doubleAt(bytes, at)
        at += 8
        break
      }
      case 110 /* SMALL_BIG_EXT */: {
        if (end - at < 2) throw truncated(from)
        const length = bytes[at]!
        if (end - at - 2 < length) throw truncated(from)
        value = integerAt(bytes, at + 1, length)
        at += 2 + length
        break
      }
      case 111 /* LARGE_BIG_EXT */: {
        if (end - at < 5) throw truncated(from)
        const length = u32(bytes, at)
        if (end - at - 5 < length) throw truncated(from)
        value = integerAt(bytes, at + 4, length)
        at += 5 + length
        break
      }
      case 77 /* BIT_BINARY_EXT */: {
        if (end - at < 5) throw truncated(from)
        const length = u32(bytes, at)
        if (end - at - 5 < length) throw truncated(from)
        value = bitsAt(bytes, at + 5, length, bytes[at + 4]!)
        at += 5 + length
        break
      }
      case 99 /* FLOAT_EXT */:
        if (end - at < 31) throw truncated(from)
        value = floatTextAt(bytes, at)
        at += 31
        break
      case 88 /* NEW_PID_EXT */:
      case 103 /* PID_EXT */:
        cursor.offset = from
        value = readPid(bytes, cursor, end)
        at = cursor.offset
        break
      case 90 /* NEWER_REFERENCE_EXT */:
      case 101 /* REFERENCE_EXT */:
      case 114 /* NEW_REFERENCE_EXT */:
        cursor.offset = at
        value = readReference(bytes, cursor, end, tag)
        at = cursor.offset
        claimed += value.words.length
        if (claimed > claimable) throw overclaimed(claimed, end, from, maxCells)
        break
      case 89 /* NEW_PORT_EXT */:
      case 102 /* PORT_EXT */:
      case 120 /* V4_PORT_EXT */:
        cursor.offset = at
        value = readPort(bytes, cursor, end, tag)
        at = cursor.offset
        break
      case 113 /* EXPORT_EXT */:
        cursor.offset = at
        value = readExternalFun(bytes, cursor, end)
        at = cursor.offset
        break
      case 104 /* SMALL_TUPLE_EXT */:
        if (at >= end) throw truncated(from)
        opened = tuple
        size = bytes[at++]!
        break
      case 105 /* LARGE_TUPLE_EXT */:
        if (end - at < 4) throw truncated(from)
        opened = tuple
        size = u32(bytes, at)
        at += 4
        break
      case 108 /* LIST_EXT */:
        if (end - at < 4) throw truncated(from)
        opened = properList
        size = u32(bytes, at)
        at += 4
        if (size === 0) continue // Nothing before the tail: the term is the tail.
        break
      case 116 /* MAP_EXT */:
        if (end - at < 4) throw truncated(from)
        opened = mapEntries
        size = 2 * u32(bytes, at)
        at += 4
        break
      case 112 /* NEW_FUN_EXT */:
        if (end - at < 29) throw truncated(from)
        opened = funEnvironment
        size = u32(bytes, at + 25)
        break
      case 67 /* RECORD_EXT */:
        if (end - at < 5) throw truncated(from)
        opened = recordValues
        size = u32(bytes, at)
        // The names of its fields take places too.
        claimed += size
        break
      default:
        throw new EtfError({ _tag: "UnknownTag", tag, offset: from })
    }
    if (opened >= 0) {
      claimed += size
      if (claimed > claimable) throw overclaimed(claimed, end, from, maxCells)
      if (depth >= maxDepth) throw exceeded("depth", maxDepth)
      const opening = places(size)
      if (opened === funEnvironment) {
        cursor.offset = at
        headed ??= []
        headed.push(readFun(bytes, cursor, end, opening))
        at = cursor.offset
      } else if (opened === recordValues) {
        cursor.offset = at
        headed ??= []
        headed.push(readRecord(bytes, cursor, end, opening))
        at = cursor.offset
      }
      if (size > 0) {
        outerItems[depth] = items
        outerPlace[depth++] = 8 * index + kind
        items = opening
        index = 0
        kind = opened
        continue
      }
      value = finish(opened, opening, headed)
    }
    items[index++] = value
    while (index === items.length) {
      if (depth === 0) {
        cursor.offset = at
        return items[0]!
      }
      if (kind === properList) {
        const next = at < end ? bytes[at] : undefined
        if (next === 106 /* NIL_EXT */) {
          at++
        } else if (next === 108 /* LIST_EXT */) {
          // A tail that is a list continues the list.
          if (end - at < 5) throw truncated(at)
          const more = u32(bytes, at + 1)
          claimed += more
          if (claimed > claimable) throw overclaimed(claimed, end, at, maxCells)
          at += 5
          for (let i = 0; i < more; i++) items.push(nil)
          continue
        } else if (next === 107 /* STRING_EXT */) {
          if (end - at < 3) throw truncated(at)
          const more = u16(bytes, at + 1)
          at += 3
          if (end - at < more) throw truncated(at)
          claimed += more
          if (claimed > claimable) throw overclaimed(claimed, end, at, maxCells)
          for (const last = at + more; at < last; at++) items.push(bytes[at]!)
        } else {
          kind = improperList
          items.push(nil)
          break
        }
      }
      const finished = finish(kind, items, headed)
      items = outerItems[--depth]!
      const place = outerPlace[depth]!
      index = place >>> 3
      kind = place & 7
      items[index++] = finished
    }
  }
}

/**
 * An array of `size` places. A literal's store is exactly as long as the array; one grown by `push` is up to 17 longer.
 */
const places = (size: number): Array<Term> => {
  switch (size) {
    case 0:
      return []
    case 1:
      return [nil]
    case 2:
      return [nil, nil]
    case 3:
      return [nil, nil, nil]
    case 4:
      return [nil, nil, nil, nil]
    case 5:
      return [nil, nil, nil, nil, nil]
    case 6:
      return [nil, nil, nil, nil, nil, nil]
    case 7:
      return [nil, nil, nil, nil, nil, nil, nil]
    case 8:
      return [nil, nil, nil, nil, nil, nil, nil, nil]
    default:
      // oxlint-disable-next-line unicorn/no-new-array -- a tenth of the time of Array.from
      return new Array<Term>(size).fill(nil)
  }
}

/** The container whose places are all filled. */
const finish = (kind: number, items: Array<Term>, headed: Array<Fun | NativeRecord> | undefined): Term => {
  switch (kind) {
    case properList:
      return new List(items)
    case improperList: {
      const tail = items.pop() as Exclude<Term, List | ByteList>
      return new List(items, tail)
    }
    case mapEntries:
      return new MapTerm(items)
    case funEnvironment:
    case recordValues:
      return headed!.pop()!
    default:
      return items
  }
}

const scratch = new Uint8Array(16)
const scratchView = new DataView(scratch.buffer)

const canonicalFloat = (value: number, at: number): number | Float => {
  if (!Number.isFinite(value)) throw malformed(at, "a float that is no finite number")
  return Number.isInteger(value) ? new Float(value) : value
}

const doubleAt = (bytes: Uint8Array, at: number): number | Float => {
  for (let i = 0; i < 8; i++) scratch[i] = bytes[at + i]!
  return canonicalFloat(scratchView.getFloat64(0), at)
}

/** FLOAT_EXT: what C's `%.20e` prints, filled up with zeros to 31 bytes. */
const floatTextAt = (bytes: Uint8Array, at: number): number | Float => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, 31).toString("latin1")
  const number = /^ *([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\0*$/i.exec(text)?.[1]
  if (number === undefined) throw malformed(at, "the text of a float is no number")
  return canonicalFloat(Number(number), at)
}

/** A sign byte, then `size` bytes of magnitude, the least significant first. */
const integerAt = (bytes: Uint8Array, at: number, size: number): number | bigint | LargeInteger => {
  const negative = bytes[at] !== 0
  const first = at + 1
  let length = size
  while (length > 6 && bytes[first + length - 1] === 0) length--
  if (length * 8 > maxIntegerBits) return new LargeInteger(negative, bytes, first, length)
  if (length <= 6) {
    let value = 0
    for (let i = first + length - 1; i >= first; i--) value = value * 256 + bytes[i]!
    return negative ? 0 - value : value
  }
  let magnitude: bigint
  if (length <= 16) {
    for (let i = 0; i < 16; i++) scratch[i] = i < length ? bytes[first + i]! : 0
    magnitude = scratchView.getBigUint64(0, true)
    if (length > 8) magnitude |= scratchView.getBigUint64(8, true) << 64n
  } else {
    const bigEndian = bytes.subarray(first, first + length).toReversed()
    magnitude = BigInt(`0x${Buffer.from(bigEndian.buffer).toString("hex")}`)
  }
  return integer(negative ? -magnitude : magnitude)
}

const bitsAt = (bytes: Uint8Array, at: number, length: number, lastBits: number): Binary | BitString => {
  if (lastBits === 8 || (length === 0 && lastBits === 0)) return new Binary(bytes, at, length)
  if (length === 0 || lastBits === 0 || lastBits > 8) {
    throw malformed(at, `a bit string of ${length} bytes with ${lastBits} bits in the last`)
  }
  return new BitString(bytes, at, length, lastBits)
}

/** The atom at the cursor, which is moved behind it: what the fields of pids, ports, references and funs begin with. */
const readAtom = (bytes: Uint8Array, cursor: Cursor, end: number): Atom => {
  const from = cursor.offset
  const tag = from < end ? bytes[from] : undefined
  const small = tag === 115 || tag === 119
  const at = from + (small ? 2 : 3)
  if (at > end) throw truncated(from)
  if (!small && tag !== 100 && tag !== 118) throw malformed(from, `an atom is due here, not the tag ${tag}`)
  const length = small ? bytes[from + 1]! : u16(bytes, from + 1)
  if (end - at < length) throw truncated(from)
  cursor.offset = at + length
  return atomAt(bytes, at, length, tag!)
}

/** The creation of a node: a byte in the forms that OTP 23 retired, else four. */
const readCreation = (bytes: Uint8Array, cursor: Cursor, wide: boolean): number => {
  const at = cursor.offset
  cursor.offset = at + (wide ? 4 : 1)
  return wide ? u32(bytes, at) : bytes[at]!
}

/** A pid, its tag included. */
const readPid = (bytes: Uint8Array, cursor: Cursor, end: number): Pid => {
  const from = cursor.offset
  const tag = from < end ? bytes[from] : undefined
  if (tag === undefined) throw truncated(from)
  const wide = tag === 88
  if (!wide && tag !== 103) throw malformed(from, `a pid is due here, not the tag ${tag}`)
  cursor.offset = from + 1
  const node = readAtom(bytes, cursor, end)
  const at = cursor.offset
  if (end - at < (wide ? 12 : 9)) throw truncated(from)
  cursor.offset = at + 8
  return new Pid(node, u32(bytes, at), u32(bytes, at + 4), readCreation(bytes, cursor, wide))
}

const readPort = (bytes: Uint8Array, cursor: Cursor, end: number, tag: number): Port => {
  const node = readAtom(bytes, cursor, end)
  const at = cursor.offset
  const idBytes = tag === 120 ? 8 : 4
  if (end - at < idBytes + (tag === 102 ? 1 : 4)) throw truncated(at)
  let id = BigInt(u32(bytes, at))
  if (idBytes === 8) id = (id << 32n) | BigInt(u32(bytes, at + 4))
  cursor.offset = at + idBytes
  return new Port(node, id, readCreation(bytes, cursor, tag !== 102))
}

const readReference = (bytes: Uint8Array, cursor: Cursor, end: number, tag: number): Reference => {
  if (tag === 101) {
    const node = readAtom(bytes, cursor, end)
    const at = cursor.offset
    if (end - at < 5) throw truncated(at)
    cursor.offset = at + 4
    return new Reference(node, readCreation(bytes, cursor, false), [u32(bytes, at)])
  }
  const from = cursor.offset
  if (end - from < 2) throw truncated(from)
  const count = u16(bytes, from)
  if (count < 1 || count > 5) throw malformed(from, `a reference of ${count} words; it has one to five`)
  cursor.offset = from + 2
  const node = readAtom(bytes, cursor, end)
  const wide = tag === 90
  if (end - cursor.offset < (wide ? 4 : 1) + 4 * count) throw truncated(cursor.offset)
  const creation = readCreation(bytes, cursor, wide)
  const at = cursor.offset
  cursor.offset = at + 4 * count
  const words =
    count === 3
      ? [u32(bytes, at), u32(bytes, at + 4), u32(bytes, at + 8)]
      : Array.from({ length: count }, (_, index) => u32(bytes, at + 4 * index))
  return new Reference(node, creation, words)
}

const readExternalFun = (bytes: Uint8Array, cursor: Cursor, end: number): ExternalFun => {
  const module = readAtom(bytes, cursor, end)
  const name = readAtom(bytes, cursor, end)
  const at = cursor.offset
  if (end - at < 2) throw truncated(at)
  if (bytes[at] !== 97) throw malformed(at, `the arity of a fun is due here, not the tag ${bytes[at]}`)
  cursor.offset = at + 2
  return new ExternalFun(module, name, bytes[at + 1]!)
}

/** NEW_FUN_EXT up to its free variables, which `free` will hold. Its size field is not needed, nor trusted. */
const readFun = (bytes: Uint8Array, cursor: Cursor, end: number, free: ReadonlyArray<Term>): Fun => {
  const at = cursor.offset
  cursor.offset = at + 29
  const module = readAtom(bytes, cursor, end)
  const oldIndex = readSmallInteger(bytes, cursor, end)
  const oldUnique = readSmallInteger(bytes, cursor, end)
  const pid = readPid(bytes, cursor, end)
  const unique = bytes.subarray(at + 5, at + 21)
  return new Fun(bytes[at + 4]!, unique, u32(bytes, at + 21), module, oldIndex, oldUnique, pid, free)
}

/** RECORD_EXT up to its values, which `values` will hold: `Size:32, Flags:8, Module, Name, FieldName…, Value…`. */
const readRecord = (bytes: Uint8Array, cursor: Cursor, end: number, values: ReadonlyArray<Term>): NativeRecord => {
  const at = cursor.offset
  cursor.offset = at + 5
  const module = readAtom(bytes, cursor, end)
  const name = readAtom(bytes, cursor, end)
  const fields = values.map(() => readAtom(bytes, cursor, end))
  return new NativeRecord(module, name, (bytes[at + 4]! & 1) === 1, fields, values)
}

const readSmallInteger = (bytes: Uint8Array, cursor: Cursor, end: number): number => {
  const at = cursor.offset
  if (end - at < 2) throw truncated(at)
  if (bytes[at] === 97) {
    cursor.offset = at + 2
    return bytes[at + 1]!
  }
  if (bytes[at] !== 98) throw malformed(at, `a small integer is due here, not the tag ${bytes[at]}`)
  if (end - at < 5) throw truncated(at)
  cursor.offset = at + 5
  return i32(bytes, at + 1)
}
