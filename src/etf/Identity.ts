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
  Pid,
  Port,
  Reference,
  type Term
} from "./Term.ts"

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")

/** The significant bits of a bit string: what stands behind them in its last byte is no part of its value. */
const significant = (bits: BitString): string => {
  const bytes = bits.view().slice()
  bytes[bytes.length - 1]! &= 0xff << (8 - bits.lastBits)
  return latin1(bytes)
}

/**
 * A text that two scalars share exactly when `=:=` holds between them, as OTP 27 defines it (`0.0` is not `-0.0`);
 * `undefined` for a term that holds other terms.
 */
export const scalarKey = (term: Term): string | undefined => {
  if (typeof term === "number") return Number.isInteger(term) ? `i${term}` : `f${term}`
  if (typeof term === "bigint") return `i${term}`
  if (term instanceof LargeInteger) return `l${term.isNegative}${latin1(term.view())}`
  if (term instanceof Float) return Object.is(term.value, -0) ? "f-0" : `f${term.value}`
  if (term instanceof Atom) return `a${term.text}`
  if (term instanceof Binary) return `b${latin1(term.view())}`
  if (term instanceof BitString) return `s${term.lastBits}${significant(term)}`
  if (term instanceof Pid) return `p${term.id}.${term.serial}.${term.creation}@${term.node.text}`
  if (term instanceof Port) return `o${term.id}.${term.creation}@${term.node.text}`
  if (term instanceof Reference) return `r${term.words.join(".")}.${term.creation}@${term.node.text}`
  if (term instanceof ExternalFun) {
    return `x${term.arity}.${term.module.text.length}.${term.module.text}${term.function.text}`
  }
  return undefined
}

/** What tells one fun from another besides its environment: the process that made it does not count. */
export const funKey = (fun: Fun): string =>
  `u${fun.arity}.${fun.index}.${fun.oldIndex}.${fun.oldUnique}.${latin1(fun.unique)}${fun.module.text}`

/** What tells one native record from another besides its values. */
export const recordKey = ({ fields, isExported, module, name }: NativeRecord): string =>
  `n${isExported}${[module, name, ...fields].map(({ text }) => `${text.length}.${text}`).join("")}`

/** A container whose parts are being numbered. */
interface Frame {
  readonly container: Term
  readonly parts: ReadonlyArray<Term>
  readonly ids: Array<number>
}

const partsOf = (container: Term): ReadonlyArray<Term> => {
  if (container instanceof List) {
    return container.tail === undefined ? container.items : [...container.items, container.tail]
  }
  if (container instanceof ByteList) return Array.from(container.view())
  if (container instanceof MapTerm) return container.entries
  if (container instanceof Fun) return container.free
  if (container instanceof NativeRecord) return container.values
  return container as ReadonlyArray<Term>
}

const containerKey = (container: Term, ids: ReadonlyArray<number>): string => {
  if (container instanceof List && container.tail !== undefined) return `|${ids.join()}`
  if (container instanceof List || container instanceof ByteList) return `[${ids.join()}`
  if (container instanceof Fun) return `${ids.join()}${funKey(container)}`
  if (container instanceof NativeRecord) return `${ids.join()}${recordKey(container)}`
  if (!(container instanceof MapTerm)) return `{${ids.join()}`
  const pairs: Array<string> = []
  for (let i = 0; i < ids.length; i += 2) pairs.push(`${ids[i]}=${ids[i + 1]}`)
  return `#${pairs.toSorted().join()}`
}

/**
 * Numbers terms: two have the same number exactly when `=:=` holds between them. Works from the leaves up, without
 * recursion, so that maps compare whatever the order and the depth of their keys. Remembers all it has seen.
 */
export class Identities {
  readonly #ids = new Map<string, number>()
  readonly #containers = new Map<Term, number>()

  of(term: Term): number {
    const outer: Array<Frame> = []
    let frame: Frame = { container: [term], parts: [term], ids: [] }
    for (;;) {
      if (frame.ids.length < frame.parts.length) {
        const part = frame.parts[frame.ids.length]!
        const key = scalarKey(part)
        const id = key === undefined ? this.#containers.get(part) : this.#id(key)
        if (id === undefined) {
          outer.push(frame)
          frame = { container: part, parts: partsOf(part), ids: [] }
        } else {
          frame.ids.push(id)
        }
      } else {
        const parent = outer.pop()
        if (parent === undefined) return frame.ids[0]!
        const id = this.#id(containerKey(frame.container, frame.ids))
        this.#containers.set(frame.container, id)
        parent.ids.push(id)
        frame = parent
      }
    }
  }

  #id(key: string): number {
    let id = this.#ids.get(key)
    if (id === undefined) {
      id = this.#ids.size
      this.#ids.set(key, id)
    }
    return id
  }
}
