/**
 * {@link Term}s into the external term format, in the forms that every release since OTP 23 takes: UTF-8 atoms,
 * NEW_FLOAT, NEW_PID, NEW_PORT, NEWER_REFERENCE. Strict, because a node closes the link over a bad term.
 *
 * One loop with a stack of its own, like `Decode.ts`. Source: erts "External Term Format" (erl_ext_dist).
 */
import { maxAtomCharacters } from "./AtomTable.ts"
import { EtfError } from "./EtfError.ts"
import { Identities, scalarKey } from "./Identity.ts"
import {
  Atom,
  Binary,
  BitString,
  ByteList,
  ExternalFun,
  Float,
  Fun,
  LargeInteger,
  List,
  MapTerm,
  NativeRecord,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "./Term.ts"
import { Writer } from "./Writer.ts"

/** A term that was encoded before, to be copied as it stands into the terms around it: the fixed part of a message. */
export class Encoded {
  /** One bare term, without the version byte. */
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  static of(term: Encodable): Encoded {
    const writer = new Writer()
    encodeInto(writer, term)
    return new Encoded(writer.take())
  }
}

/** What can be encoded: a term, in whose tuples and lists any part may be {@link Encoded} already. */
export type Encodable = Term | Encoded | ReadonlyArray<Encodable> | List<Encodable>

/** A whole term: the version byte 131, then the term. Throws an {@link EtfError} for what is none. */
export const encode = (term: Encodable): Uint8Array => {
  const writer = new Writer()
  writer.uint8(131)
  encodeInto(writer, term)
  return writer.take()
}

/** Writes a bare term, without 131. If it throws (an {@link EtfError}), `writer` holds what it held before. */
export const encodeInto = (writer: Writer, term: Encodable): void => {
  const start = writer.length
  try {
    writeTerm(writer, term)
  } catch (error) {
    writer.truncate(start)
    throw error
  }
}

const unencodable = (detail: string): EtfError => new EtfError({ _tag: "Unencodable", detail })

/** A container whose parts are being written. */
interface Frame {
  readonly container: Encodable
  /** Where it begins. */
  readonly start: number
  readonly items: ReadonlyArray<Encodable>
  index: number
  /** What follows the items: the tail of a list. */
  tail: Encodable | undefined
}

const writeTerm = (writer: Writer, term: Encodable): void => {
  let frame: Frame | undefined
  const outer: Array<Frame> = []
  let next: Encodable | undefined = term
  let identities: Identities | undefined
  for (;;) {
    const opened: Frame | undefined = writeOne(writer, next)
    if (opened !== undefined) {
      if (frame !== undefined) outer.push(frame)
      frame = opened
    }
    for (;;) {
      if (frame === undefined) return
      if (frame.index < frame.items.length) {
        next = frame.items[frame.index++]
        break
      }
      if (frame.tail !== undefined) {
        next = frame.tail
        frame.tail = undefined
        break
      }
      if (frame.container instanceof MapTerm) identities = checkKeys(frame.container, identities)
      else if (frame.container instanceof Fun) closeFun(writer, frame.start)
      frame = outer.pop()
    }
  }
}

/** Writes a scalar, or the head of a container: then the frame of its parts is the answer. */
const writeOne = (writer: Writer, term: Encodable | undefined): Frame | undefined => {
  if (typeof term === "number") {
    if (Number.isInteger(term)) writeInteger(writer, term)
    else writeFloat(writer, term)
  } else if (term instanceof Atom) {
    writeAtom(writer, term)
  } else if (Array.isArray(term)) {
    return openTuple(writer, term)
  } else if (term instanceof Binary) {
    writer.uint8(109 /* BINARY_EXT */)
    writeSized(writer, viewOf(term))
  } else if (term instanceof List) {
    return openList(writer, term)
  } else if (term instanceof Encoded) {
    writer.bytes(term.bytes)
  } else if (term instanceof ByteList) {
    writeByteList(writer, viewOf(term))
  } else if (term instanceof MapTerm) {
    return openMap(writer, term)
  } else if (term instanceof Pid) {
    writePid(writer, term)
  } else if (term instanceof Reference) {
    writeReference(writer, term)
  } else if (typeof term === "bigint") {
    writeBig(writer, term)
  } else if (term instanceof LargeInteger) {
    writeMagnitude(writer, term.isNegative, viewOf(term))
  } else if (term instanceof Float) {
    writeFloat(writer, term.value)
  } else if (term instanceof BitString) {
    writeBits(writer, term)
  } else if (term instanceof Port) {
    writePort(writer, term)
  } else if (term instanceof ExternalFun) {
    writer.uint8(113 /* EXPORT_EXT */)
    writeAtom(writer, term.module)
    writeAtom(writer, term.function)
    writer.uint8(97 /* SMALL_INTEGER_EXT */)
    writer.uint8(unsigned(term.arity, 0xff, "the arity of a fun"))
  } else if (term instanceof Fun) {
    return openFun(writer, term)
  } else if (term instanceof NativeRecord) {
    return openRecord(writer, term)
  } else {
    throw unencodable(
      `${term === null ? "null" : typeof term} is no Erlang term (text is atom(), binary() or charlist())`
    )
  }
  return undefined
}

const openTuple = (writer: Writer, items: ReadonlyArray<Encodable>): Frame => {
  const start = writer.length
  if (items.length < 256) {
    writer.uint8(104 /* SMALL_TUPLE_EXT */)
    writer.uint8(items.length)
  } else {
    writer.uint8(105 /* LARGE_TUPLE_EXT */)
    writer.uint32(items.length)
  }
  return { container: items, start, items, index: 0, tail: undefined }
}

const openList = (writer: Writer, list: List<Encodable>): Frame | undefined => {
  const start = writer.length
  if (list.items.length > 0) {
    writer.uint8(108 /* LIST_EXT */)
    writer.uint32(list.items.length)
  } else if (list.tail === undefined) {
    writer.uint8(106 /* NIL_EXT */)
    return undefined
  }
  return { container: list, start, items: list.items, index: 0, tail: list.tail ?? nil }
}

const openMap = (writer: Writer, map: MapTerm): Frame => {
  const { entries } = map
  if (entries.length % 2 !== 0) throw unencodable("a map has a key without a value")
  const start = writer.length
  writer.uint8(116 /* MAP_EXT */)
  writer.uint32(map.size)
  return { container: map, start, items: entries, index: 0, tail: undefined }
}

/** No two keys alike. Answers what has seen the keys that hold terms: they may be parts of keys further out. */
const checkKeys = (map: MapTerm, known: Identities | undefined): Identities | undefined => {
  const { entries } = map
  if (entries.length <= 2) return known
  let identities = known
  const keys = new Set<string | number>()
  for (let i = 0; i < entries.length; i += 2) {
    const key = entries[i]!
    keys.add(scalarKey(key) ?? (identities ??= new Identities()).of(key))
  }
  if (keys.size !== map.size) throw unencodable("a map has the same key twice")
  return identities
}

const openFun = (writer: Writer, fun: Fun): Frame => {
  if (fun.unique.length !== 16) throw unencodable(`the unique value of a fun has ${fun.unique.length} bytes, not 16`)
  const start = writer.length
  writer.uint8(112 /* NEW_FUN_EXT */)
  writer.uint32(0)
  writer.uint8(unsigned(fun.arity, 0xff, "the arity of a fun"))
  writer.bytes(fun.unique)
  writer.uint32(unsigned(fun.index, 0xffff_ffff, "the index of a fun"))
  writer.uint32(fun.free.length)
  writeAtom(writer, fun.module)
  writeInt32(writer, fun.oldIndex, "the old index of a fun")
  writeInt32(writer, fun.oldUnique, "the old unique value of a fun")
  writePid(writer, fun.pid)
  return { container: fun, start, items: fun.free, index: 0, tail: undefined }
}

const openRecord = (writer: Writer, record: NativeRecord): Frame => {
  const { fields, isExported, module, name, values } = record
  if (fields.length !== values.length) throw unencodable("a native record has not one value for each field")
  const start = writer.length
  writer.uint8(67 /* RECORD_EXT */)
  writer.uint32(fields.length)
  writer.uint8(isExported ? 1 : 0)
  for (const each of [module, name, ...fields]) writeAtom(writer, each)
  return { container: record, start, items: values, index: 0, tail: undefined }
}

/** Puts in the size, which counts all but the tag. */
const closeFun = (writer: Writer, start: number): void => writer.patchUint32(start + 1, writer.length - start - 1)

const unsigned = (value: number, most: number, what: string): number => {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw unencodable(`${what} is ${value}, and must be an integer from 0 to ${most}`)
}

const viewOf = (term: Binary | BitString | ByteList | LargeInteger): Uint8Array => {
  const view = term.view()
  if (view.length !== term.length)
    throw unencodable("a binary, bit string, byte list or integer reaches beyond its bytes")
  return view
}

const writeSized = (writer: Writer, bytes: Uint8Array): void => {
  writer.uint32(unsigned(bytes.length, 0xffff_ffff, "the size of a binary"))
  writer.bytes(bytes)
}

const writeInt32 = (writer: Writer, value: number, what: string): void => {
  if ((value | 0) !== value) throw unencodable(`${what} is ${value}, and must be an integer of 32 bits`)
  writeInteger(writer, value)
}

const writeInteger = (writer: Writer, value: number): void => {
  if (value >= 0 && value < 256) {
    writer.uint8(97 /* SMALL_INTEGER_EXT */)
    writer.uint8(value)
  } else if ((value | 0) === value) {
    writer.uint8(98 /* INTEGER_EXT */)
    writer.uint32(value)
  } else if (Number.isSafeInteger(value)) {
    writeMagnitude(writer, value < 0, littleEndianOf(BigInt(Math.abs(value))))
  } else {
    throw unencodable(`${value} may be an integer that lost digits, or a float: write it as a bigint or with float()`)
  }
}

const writeBig = (writer: Writer, value: bigint): void => {
  if (value === BigInt.asIntN(32, value)) writeInteger(writer, Number(value))
  else writeMagnitude(writer, value < 0n, littleEndianOf(value < 0n ? -value : value))
}

const littleEndianOf = (magnitude: bigint): Uint8Array => {
  const hex = magnitude.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toReversed()
}

const writeMagnitude = (writer: Writer, negative: boolean, littleEndian: Uint8Array): void => {
  if (littleEndian.length < 256) {
    writer.uint8(110 /* SMALL_BIG_EXT */)
    writer.uint8(littleEndian.length)
  } else {
    writer.uint8(111 /* LARGE_BIG_EXT */)
    writer.uint32(littleEndian.length)
  }
  writer.uint8(negative ? 1 : 0)
  writer.bytes(littleEndian)
}

const double = new Uint8Array(8)
const doubleView = new DataView(double.buffer)

const writeFloat = (writer: Writer, value: number): void => {
  if (!Number.isFinite(value)) throw unencodable(`${value} is no Erlang float`)
  doubleView.setFloat64(0, value)
  writer.uint8(70 /* NEW_FLOAT_EXT */)
  writer.bytes(double)
}

const utf8 = new TextEncoder()

const writeAtom = (writer: Writer, atom: Atom): void => {
  const { text } = atom
  if (text.length <= maxAtomCharacters) {
    const start = writer.length
    writer.uint8(119 /* SMALL_ATOM_UTF8_EXT */)
    writer.uint8(text.length)
    if (writer.ascii(text)) return
    writer.truncate(start)
  }
  if (text.length > 2 * maxAtomCharacters || Array.from(text).length > maxAtomCharacters) {
    throw unencodable(`an atom has more than ${maxAtomCharacters} characters`)
  }
  if (!text.isWellFormed()) throw unencodable("the name of an atom has half of a surrogate pair")
  const bytes = utf8.encode(text)
  if (bytes.length < 256) {
    writer.uint8(119 /* SMALL_ATOM_UTF8_EXT */)
    writer.uint8(bytes.length)
  } else {
    writer.uint8(118 /* ATOM_UTF8_EXT */)
    writer.uint16(bytes.length)
  }
  writer.bytes(bytes)
}

/** STRING_EXT where its two bytes of length suffice. */
const writeByteList = (writer: Writer, bytes: Uint8Array): void => {
  if (bytes.length > 0xffff) {
    writer.uint8(108 /* LIST_EXT */)
    writer.uint32(bytes.length)
    for (const byte of bytes) {
      writer.uint8(97 /* SMALL_INTEGER_EXT */)
      writer.uint8(byte)
    }
    writer.uint8(106 /* NIL_EXT */)
  } else if (bytes.length > 0) {
    writer.uint8(107 /* STRING_EXT */)
    writer.uint16(bytes.length)
    writer.bytes(bytes)
  } else {
    writer.uint8(106 /* NIL_EXT */)
  }
}

const writeBits = (writer: Writer, bits: BitString): void => {
  const bytes = viewOf(bits)
  const { lastBits } = bits
  if (bytes.length === 0 || !(Number.isInteger(lastBits) && lastBits > 0 && lastBits < 8)) {
    throw unencodable(`a bit string of ${bytes.length} bytes has ${lastBits} bits in the last`)
  }
  writer.uint8(77 /* BIT_BINARY_EXT */)
  writer.uint32(bytes.length)
  writer.uint8(lastBits)
  writer.bytes(bytes)
}

const writePid = (writer: Writer, pid: Pid): void => {
  writer.uint8(88 /* NEW_PID_EXT */)
  writeAtom(writer, pid.node)
  writer.uint32(unsigned(pid.id, 0xffff_ffff, "the id of a pid"))
  writer.uint32(unsigned(pid.serial, 0xffff_ffff, "the serial of a pid"))
  writer.uint32(unsigned(pid.creation, 0xffff_ffff, "the creation of a pid"))
}

/** NEW_PORT_EXT where its 28 bits suffice, as a node writes it too: OTP 23 does not know V4_PORT_EXT. */
const writePort = (writer: Writer, port: Port): void => {
  if (port.id !== BigInt.asUintN(64, port.id))
    throw unencodable(`the id of a port is ${port.id}, and has 64 bits at most`)
  const wide = port.id > 0xfff_ffffn
  writer.uint8(wide ? 120 /* V4_PORT_EXT */ : 89 /* NEW_PORT_EXT */)
  writeAtom(writer, port.node)
  if (wide) writer.uint32(Number(port.id >> 32n))
  writer.uint32(Number(port.id & 0xffff_ffffn))
  writer.uint32(unsigned(port.creation, 0xffff_ffff, "the creation of a port"))
}

const writeReference = (writer: Writer, reference: Reference): void => {
  const { words } = reference
  if (words.length < 1 || words.length > 5)
    throw unencodable(`a reference has ${words.length} words, and must have 1 to 5`)
  writer.uint8(90 /* NEWER_REFERENCE_EXT */)
  writer.uint16(words.length)
  writeAtom(writer, reference.node)
  writer.uint32(unsigned(reference.creation, 0xffff_ffff, "the creation of a reference"))
  for (const word of words) writer.uint32(unsigned(word, 0xffff_ffff, "a word of a reference"))
}
