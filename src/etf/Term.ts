/**
 * Erlang terms as JavaScript values.
 *
 * | Erlang | here |
 * |---|---|
 * | integer | `number` up to ±(2^53 − 1), `bigint` beyond; never a `bigint` that fits a `number`; {@link LargeInteger} |
 * | float | `number` with a fraction, else {@link Float}: `1.0` must not turn into `1` |
 * | tuple | a plain array |
 * | list | {@link List}; {@link ByteList} where the wire form was STRING_EXT (a list of bytes, kept as bytes) |
 * | map | {@link MapTerm} |
 * | the rest | a class each |
 *
 * Everything is immutable by contract. {@link Binary}, {@link BitString}, {@link ByteList} and {@link LargeInteger} are
 * views: they keep the message that they arrived in alive; `copy` what must outlive it. This file holds values only;
 * `Decode.ts` and `Encode.ts` translate them. Sources: erts "External Term Format" (erl_ext_dist), erl_eval's literal terms.
 */
export type Term =
  | number
  | bigint
  | LargeInteger
  | Float
  | Atom
  | Binary
  | BitString
  | List
  | ByteList
  | Tuple
  | MapTerm
  | Pid
  | Port
  | Reference
  | Fun
  | ExternalFun
  | NativeRecord

/** A tuple is a plain array, so that the commonest compound term costs one object. */
export type Tuple = ReadonlyArray<Term>

/** An atom. Compare by `text` (or {@link isAtom}): two atoms of the same name may be two objects. */
export class Atom {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A float whose value JavaScript would print as an integer: `1.0`, `-0.0`, `1.0e300`. */
export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/**
 * An integer of more than {@link maxIntegerBits}, which nobody reads and only time would go into: kept as the bytes of its
 * magnitude, the least significant first, the last of them not zero. A view of `bytes`.
 */
export class LargeInteger {
  readonly isNegative: boolean
  readonly bytes: Uint8Array
  readonly offset: number
  /** Bytes. */
  readonly length: number
  constructor(isNegative: boolean, bytes: Uint8Array, offset: number, length: number) {
    this.isNegative = isNegative
    this.bytes = bytes
    this.offset = offset
    this.length = length
  }
  /** The bytes themselves, still a view. */
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.length)
  }
  /** Bits of the magnitude. */
  get bits(): number {
    return this.length * 8 - (Math.clz32(this.bytes[this.offset + this.length - 1]!) - 24)
  }
}

/** Bits of the magnitude of a `bigint`. */
export const maxIntegerBits = 1_048_576

/** A run of whole bytes: `<<"text">>`. A view of `bytes`. */
export class Binary {
  readonly bytes: Uint8Array
  readonly offset: number
  /** Bytes. */
  readonly length: number
  constructor(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset) {
    this.bytes = bytes
    this.offset = offset
    this.length = length
  }
  /** The bytes themselves, still a view. */
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.length)
  }
  /** As UTF-8 text; malformed bytes become U+FFFD. `utf8Text` in this file tells whether it was valid. */
  text(): string {
    return utf8.decode(this.view())
  }
}

/** A bit string whose size is no multiple of eight: `<<5:3>>`. The last byte holds `lastBits` bits, high bits first. */
export class BitString {
  readonly bytes: Uint8Array
  readonly offset: number
  /** Bytes, the last, partial one included. */
  readonly length: number
  /** 1 to 7. */
  readonly lastBits: number
  constructor(bytes: Uint8Array, offset: number, length: number, lastBits: number) {
    this.bytes = bytes
    this.offset = offset
    this.length = length
    this.lastBits = lastBits
  }
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.length)
  }
}

/** A list. `tail` is `undefined` for a proper list, and the last cdr of an improper one (`[a|b]`). */
export class List<out A = Term> {
  readonly items: ReadonlyArray<A>
  readonly tail: Exclude<Term, List | ByteList> | undefined
  constructor(items: ReadonlyArray<A>, tail?: Exclude<Term, List | ByteList>) {
    this.items = items
    this.tail = tail
  }
}

/** A list of integers 0..255, as STRING_EXT carries it. The same Erlang term as a {@link List} of those numbers. */
export class ByteList {
  /** For the type checker alone, which would take a {@link Binary} and a {@link BitString} for one of these. */
  declare protected readonly nominal: "ByteList"
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
  constructor(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset) {
    this.bytes = bytes
    this.offset = offset
    this.length = length
  }
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.length)
  }
}

/** A map: keys and values in turn, in the order they came over the wire. */
export class MapTerm {
  readonly entries: ReadonlyArray<Term>
  constructor(entries: ReadonlyArray<Term>) {
    this.entries = entries
  }
  get size(): number {
    return this.entries.length / 2
  }
  /** The value under an atom key. */
  atomKey(name: string): Term | undefined {
    for (let i = 0; i < this.entries.length; i += 2) {
      const key = this.entries[i]
      if (key instanceof Atom && key.text === name) return this.entries[i + 1]
    }
    return undefined
  }
}

/** A process identifier. `id` and `serial` are unsigned 32-bit numbers (V4_NC). */
export class Pid {
  readonly node: Atom
  readonly id: number
  readonly serial: number
  readonly creation: number
  constructor(node: Atom, id: number, serial: number, creation: number) {
    this.node = node
    this.id = id
    this.serial = serial
    this.creation = creation
  }
}

/** A port identifier; `id` is an unsigned 64-bit number (V4_PORT_EXT). */
export class Port {
  readonly node: Atom
  readonly id: bigint
  readonly creation: number
  constructor(node: Atom, id: bigint, creation: number) {
    this.node = node
    this.id = id
    this.creation = creation
  }
}

/** A reference: one to five unsigned 32-bit words, as they stand on the wire. */
export class Reference {
  readonly node: Atom
  readonly creation: number
  readonly words: ReadonlyArray<number>
  constructor(node: Atom, creation: number, words: ReadonlyArray<number>) {
    this.node = node
    this.creation = creation
    this.words = words
  }
}

/** A fun with its environment (NEW_FUN_EXT). It can be sent back to the node that it came from, and printed. */
export class Fun {
  readonly arity: number
  /** 16 bytes, the MD5 of the significant parts of the module. */
  readonly unique: Uint8Array
  readonly index: number
  readonly module: Atom
  readonly oldIndex: number
  readonly oldUnique: number
  readonly pid: Pid
  readonly free: ReadonlyArray<Term>
  constructor(
    arity: number,
    unique: Uint8Array,
    index: number,
    module: Atom,
    oldIndex: number,
    oldUnique: number,
    pid: Pid,
    free: ReadonlyArray<Term>
  ) {
    this.arity = arity
    this.unique = unique
    this.index = index
    this.module = module
    this.oldIndex = oldIndex
    this.oldUnique = oldUnique
    this.pid = pid
    this.free = free
  }
}

/** `fun M:F/A` (EXPORT_EXT). */
export class ExternalFun {
  readonly module: Atom
  readonly function: Atom
  readonly arity: number
  constructor(module: Atom, func: Atom, arity: number) {
    this.module = module
    this.function = func
    this.arity = arity
  }
}

/** A native record of OTP 29 on (RECORD_EXT): `#module:name{field = value}`. It is no tuple. */
export class NativeRecord {
  readonly module: Atom
  readonly name: Atom
  /** Whether its module exports its definition, which other modules need to make one or to match on it. */
  readonly isExported: boolean
  readonly fields: ReadonlyArray<Atom>
  /** One for each field. */
  readonly values: ReadonlyArray<Term>
  constructor(module: Atom, name: Atom, isExported: boolean, fields: ReadonlyArray<Atom>, values: ReadonlyArray<Term>) {
    this.module = module
    this.name = name
    this.isExported = isExported
    this.fields = fields
    this.values = values
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The text of a binary when its bytes are valid UTF-8, else `undefined`. */
export const utf8Text = (binary: Binary): string | undefined => {
  try {
    return strictUtf8.decode(binary.view())
  } catch {
    return undefined
  }
}

/** An atom by name. */
export const atom = (text: string): Atom => new Atom(text)

/** A UTF-8 binary holding `text`. */
export const binary = (text: string): Binary => new Binary(encoder.encode(text))

/** A proper list. */
export const list = <A = Term>(items: ReadonlyArray<A>): List<A> => (items.length === 0 ? nil : new List(items))

/** The empty list. */
export const nil: List<never> = new List([])

/** A list of the code points of `text`: what Erlang writes `"text"`. */
export const charlist = (text: string): List => list(Array.from(text, (char) => char.codePointAt(0)!))

/** A map from pairs. */
export const map = (pairs: ReadonlyArray<readonly [Term, Term]>): MapTerm => new MapTerm(pairs.flat())

/** A float of any value, boxed where JavaScript could not tell it from an integer. */
export const float = (value: number): number | Float => (Number.isInteger(value) ? new Float(value) : value)

/** An integer of any size, in its canonical form. */
export const integer = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

/** Whether a term is this atom. */
export const isAtom = (term: Term | undefined, text: string): boolean => term instanceof Atom && term.text === text

/** Whether a term is a tuple; with `tag`, one whose first element is that atom. */
export const isTuple = (term: Term | undefined, tag?: string): term is Tuple =>
  Array.isArray(term) && (tag === undefined || isAtom(term[0], tag))

/** Whether a term is a list, of either form. */
export const isList = (term: Term | undefined): term is List | ByteList =>
  term instanceof List || term instanceof ByteList

/** The elements of a proper list in either form; `undefined` for an improper list or another term. */
export const listItems = (term: Term | undefined): ReadonlyArray<Term> | undefined =>
  term instanceof List
    ? term.tail === undefined
      ? term.items
      : undefined
    : term instanceof ByteList
      ? Array.from(term.view())
      : undefined

/** The text of a charlist (a list of code points); `undefined` for anything else. */
export const charlistText = (term: Term | undefined): string | undefined => {
  const items = listItems(term)
  if (items === undefined) return undefined
  let text = ""
  for (const code of items) {
    if (typeof code !== "number" || !Number.isInteger(code) || code < 0 || code > 0x10ffff) return undefined
    text += String.fromCodePoint(code)
  }
  return text
}
