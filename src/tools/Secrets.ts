import { Buffer } from "node:buffer"
import {
  Atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlistText,
  isList,
  List,
  MapTerm,
  type Term,
  type Tuple,
  utf8Text
} from "../etf/Term.ts"
import { isSecretName } from "./SecretNames.ts"
import { redacted, withoutShapes } from "./SecretShapes.ts"

const replaced = binary(redacted)

/** Names are short; a long text is no key. */
const maxName = 100

/** Parts of a key that are looked at. */
const maxParts = 8

/** A name in a key; of a key of several parts, such as `{my_app, api_key}`, the part that says that it is a secret. */
const nameOf = (key: Term | undefined): string | undefined => {
  if (Array.isArray(key))
    return key
      .slice(0, maxParts)
      .map(nameOf)
      .find((name) => name !== undefined && isSecretName(name))
  if (key instanceof Atom) return key.text
  if (key instanceof Binary) return key.view().length > maxName ? undefined : utf8Text(key)
  if (key instanceof List) return key.items.length > maxName ? undefined : charlistText(key)
  return isList(key) && key.length <= maxName ? charlistText(key) : undefined
}

/** Atoms that say that there is no secret; `...` stands for one that was cut off. */
const noSecrets: ReadonlySet<string> = new Set(["true", "false", "nil", "null", "undefined", "..."])

/** Whatever a person may have chosen, or has something inside. Pids, references and functions give nothing away. */
const canHoldSecret = (value: Term | undefined): boolean => {
  if (value instanceof Atom) return !noSecrets.has(value.text)
  if (value instanceof MapTerm) return value.size > 0
  if (value instanceof List) return value.items.length > 0
  if (Array.isArray(value)) return value.length > 0
  const isText = value instanceof Binary || value instanceof BitString || isList(value)
  return isText || typeof value === "number" || typeof value === "bigint"
}

/** Whether what stands under this key is a secret, if it can hold one. */
export const isSecretKey = (key: Term | undefined): boolean => {
  const name = nameOf(key)
  return name !== undefined && isSecretName(name)
}

/** Whether `value` is a secret because of the key that it stands under. */
export const isSecret = (key: Term | undefined, value: Term | undefined): boolean =>
  canHoldSecret(value) && isSecretKey(key)

/** A pair of a key and its value; a tuple, such as a record, whose name says that secrets follow. */
const maskedTuple = (term: Tuple): Tuple => {
  const [key, ...values] = term
  if (!values.some(canHoldSecret) || !isSecretKey(key)) return term
  return [key!, ...values.map((value) => (canHoldSecret(value) ? replaced : value))]
}

const isTuple = (term: Term): term is Tuple => Array.isArray(term)

const maskedItem = (term: Term): Term => (isTuple(term) ? maskedTuple(term) : term)

/** Elements of a list and bytes of a binary that are looked at for each character that can be shown of it. */
const looksPerCharacter = 2

/** Shorter texts hold no secret that could be known by its shape. */
const shortestShape = 10

/**
 * A text in place of a binary or a list of characters that holds a secret by its shape: printed as it is, it might come
 * out as numbers, in which nobody would find the secret, but whoever reads it.
 */
const maskedText = (term: Binary | ByteList | List, room: number): Term => {
  const text = textOf(term, Math.max(1_000, room * looksPerCharacter))
  if (text === undefined || text.length < shortestShape) return term
  const shown = withoutShapes(text)
  // What is no text would be printed as numbers, the mark in it too.
  return shown === text ? term : binary(shown.replace(/[^\P{Cc}\n\r\t]/gu, "?"))
}

const textOf = (term: Binary | ByteList | List, most: number): string | undefined => {
  if (!(term instanceof List)) return textOfBytes(term.view().subarray(0, most))
  const codes = term.items.slice(0, most)
  return codes.length > 0 && codes.every(isCharacter) ? String.fromCodePoint(...codes) : undefined
}

const textOfBytes = (bytes: Uint8Array): string => {
  const text = new TextDecoder().decode(bytes)
  return text.includes("\ufffd") ? Buffer.from(bytes).toString("latin1") : text
}

const isCharacter = (code: Term): code is number =>
  typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 0x10ffff

/**
 * A term with `"[redacted]"` in place of each value whose key says that it is a secret: in maps and structs, in pairs,
 * and in the pairs of a list, of which the first `room` are looked at; and without the secrets in a text. What lies
 * deeper is left for the next look.
 */
export const masked = (term: Term, room: number): Term => {
  if (term instanceof MapTerm) {
    const { entries } = term
    if (!entries.some((key, at) => at % 2 === 0 && isSecret(key, entries[at + 1]))) return term
    return new MapTerm(entries.map((it, at) => (at % 2 === 1 && isSecret(entries[at - 1], it) ? replaced : it)))
  }
  if (isTuple(term)) return maskedTuple(term)
  if (term instanceof Binary || term instanceof ByteList) return maskedText(term, room)
  if (term instanceof List) {
    const { items, tail } = term
    const looked = Math.min(items.length, room)
    for (let at = 0; at < looked; at++) {
      if (maskedItem(items[at]!) !== items[at]) {
        return new List(
          items.map((item, index) => (index < looked ? maskedItem(item) : item)),
          tail
        )
      }
    }
    return typeof items[0] === "number" ? maskedText(term, room) : term
  }
  return term
}
