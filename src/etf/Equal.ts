import { funKey, Identities, recordKey, scalarKey } from "./Identity.ts"
import { Atom, Binary, ByteList, Fun, List, MapTerm, NativeRecord, type Term } from "./Term.ts"

/**
 * Whether two terms are the same Erlang term, as `=:=` of OTP 27 tells: `1` is not `1.0`, `0.0` is not `-0.0`, the order
 * of a map's keys does not matter, and a {@link ByteList} equals the {@link List} of the same numbers.
 */
export const equal = (a: Term, b: Term): boolean => {
  const lefts: Array<ReadonlyArray<Term>> = [[a]]
  const rights: Array<ReadonlyArray<Term>> = [[b]]
  let identities: Identities | undefined
  for (;;) {
    const left = lefts.pop()
    const right = rights.pop()
    if (left === undefined || right === undefined) return true
    if (left.length !== right.length) return false
    for (let i = 0; i < left.length; i++) {
      const x = left[i]!
      const y = right[i]!
      if (x === y) continue
      if (Array.isArray(x)) {
        if (!Array.isArray(y)) return false
        lefts.push(x)
        rights.push(y)
      } else if (x instanceof List && y instanceof List) {
        if ((x.tail === undefined) !== (y.tail === undefined)) return false
        lefts.push(x.items)
        rights.push(y.items)
        if (x.tail !== undefined && y.tail !== undefined) {
          lefts.push([x.tail])
          rights.push([y.tail])
        }
      } else if (x instanceof ByteList || y instanceof ByteList) {
        if (!sameBytes(x, y)) return false
      } else if (x instanceof MapTerm) {
        if (!(y instanceof MapTerm) || x.size !== y.size) return false
        if (sameKeysInOrder(x, y)) {
          lefts.push(x.entries)
          rights.push(y.entries)
        } else {
          identities ??= new Identities()
          if (identities.of(x) !== identities.of(y)) return false
        }
      } else if (x instanceof Fun) {
        if (!(y instanceof Fun) || funKey(x) !== funKey(y)) return false
        lefts.push(x.free)
        rights.push(y.free)
      } else if (x instanceof NativeRecord) {
        if (!(y instanceof NativeRecord) || recordKey(x) !== recordKey(y)) return false
        lefts.push(x.values)
        rights.push(y.values)
      } else if (!sameScalar(x, y)) {
        return false
      }
    }
  }
}

const sameScalar = (x: Term, y: Term): boolean => {
  if (x instanceof Atom) return y instanceof Atom && x.text === y.text
  if (x instanceof Binary) {
    return y instanceof Binary && x.length === y.length && Buffer.compare(x.view(), y.view()) === 0
  }
  const key = scalarKey(x)
  return key !== undefined && key === scalarKey(y)
}

/** Two lists, one of them at least kept as bytes. */
const sameBytes = (x: Term, y: Term): boolean => {
  if (x instanceof ByteList) {
    if (y instanceof ByteList) return Buffer.compare(x.view(), y.view()) === 0
    if (!(y instanceof List) || y.tail !== undefined || y.items.length !== x.length) return false
    return y.items.every((item, i) => item === x.bytes[x.offset + i])
  }
  return sameBytes(y, x)
}

const sameKeysInOrder = (x: MapTerm, y: MapTerm): boolean => {
  for (let i = 0; i < x.entries.length; i += 2) {
    if (!sameScalar(x.entries[i]!, y.entries[i]!)) return false
  }
  return true
}
