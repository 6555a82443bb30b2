import { Buffer } from "node:buffer"
import {
  Atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlistText,
  isList,
  isTuple,
  LargeInteger,
  List,
  MapTerm,
  NativeRecord,
  type Term,
  type Tuple,
  utf8Text
} from "../etf/Term.ts"
import { leftOutMark } from "../syntax/LeftOut.ts"
import { isAuthorityName, isCookieKey, isProofManner, isProofName, isSecretName } from "./SecretNames.ts"
import { redacted, withoutCookies, withoutShapes } from "./SecretShapes.ts"
import { type Budget, termIn, wholeBudget } from "./TermInBinary.ts"

/** What of a term is kept from sight. */
export interface Secrets {
  /** Whether what stands under this key is a secret, if it can hold one. */
  readonly isSecretKey: (key: Term | undefined) => boolean
  /** Whether `value` is a secret because of the key that it stands under. */
  readonly isSecret: (key: Term | undefined, value: Term | undefined) => boolean
  /** Whether `value` is a secret because of the tuple or the list that stands in front of it, which goes on with it. */
  readonly isSecretBehind: (front: Term | undefined, value: Term) => boolean
  /**
   * A term with `"[redacted]"` in place of each value whose key says that it is a secret: in maps, structs and native records, in pairs
   * and behind names in tuples, in the pairs of a list and behind its names and options, of which the first `room` are
   * looked at; and without the secrets in a text. What lies deeper is left for the next look; but of a term that was made a binary nothing is left, where any
   * of it is a secret.
   */
  readonly masked: (term: Term, room: number) => Term
}

const replaced = binary(redacted)

/** Names are short; a long text is no key. */
const maxName = 100

/** Parts of a key that are looked at. */
const maxParts = 8

/** Whether a name tells of a secret. */
type IsName = (name: string) => boolean

/** Whether a key is such a name; of a key of several parts, such as `{my_app, api_key}`, whether a part is one. */
const isNamed = (key: Term | undefined, isName: IsName): boolean => {
  if (Array.isArray(key)) return key.slice(0, maxParts).some((part) => isNamed(part, isName))
  const name = textOfName(key)
  return name !== undefined && isName(name)
}

const textOfName = (key: Term | undefined): string | undefined => {
  if (key instanceof Atom) return key.text
  if (key instanceof Binary) return key.view().length > maxName ? undefined : utf8Text(key)
  if (key instanceof List) return key.items.length > maxName ? undefined : charlistText(key)
  return isList(key) && key.length <= maxName ? charlistText(key) : undefined
}

/** Atoms that say that there is no secret, or that nothing is shown of one. */
const noSecrets: ReadonlySet<string> = new Set(["true", "false", "nil", "null", "undefined", leftOutMark])

/** The end of a text, or all of a short list of characters. */
const endOf = (item: Term | undefined): string | undefined =>
  item instanceof Binary ? textOfBytes(item.view().subarray(-maxName)) : textOfName(item)

/** Whatever a person may have chosen, or has something inside. Pids, references and functions give nothing away. */
const canHoldSecret = (value: Term | undefined): boolean => {
  if (value instanceof Atom) return !noSecrets.has(value.text)
  if (value instanceof MapTerm) return value.size > 0
  if (value instanceof NativeRecord) return value.values.length > 0
  if (value instanceof List) return value.items.length > 0
  if (Array.isArray(value)) return value.length > 0
  const isLong = value instanceof Binary || value instanceof BitString || value instanceof LargeInteger || isList(value)
  return isLong || typeof value === "number" || typeof value === "bigint"
}

/** Whether it is what a person would write in quotes. */
const isText = (value: Term | undefined): boolean => {
  if (value instanceof Binary || value instanceof BitString || value instanceof ByteList) return true
  return value instanceof List && value.items.length > 0 && value.items.every(isCharacter)
}

/** Tuples and lists inside of each other in which a name and a password are looked for: `{basic, {"user", "…"}}`. */
const proofDepth = 3

/** Whether what stands under a key says no more than how somebody proves to be who he is. */
const isManner = (key: Term | undefined): boolean => {
  const name = key instanceof Atom || key instanceof Binary ? textOfName(key) : undefined
  return name !== undefined && isProofManner(name)
}

/** The same of a key and a value, as options are written. */
const isMannerPair = (item: Term): boolean =>
  isTuple(item) && item.length === 2 && item[0] instanceof Atom && isManner(item[0])

/**
 * Whether it is a text, which may have been cut, or has texts inside: in a tuple, a list or a map, but for those under a
 * key that says the manner.
 */
const isProof = (value: Term | undefined, depth = proofDepth): boolean => {
  if (isText(value)) return true
  if (depth === 0) return false
  if (value instanceof MapTerm) {
    const { entries } = value
    const parts = entries.slice(0, 2 * maxParts)
    return parts.some((part, at) => at % 2 === 1 && !isManner(entries[at - 1]) && isProof(part, depth - 1))
  }
  if (isTuple(value)) return value.slice(0, maxParts).some((part) => isProof(part, depth - 1))
  if (!(value instanceof List)) return false
  if (isCharacter(value.items[0]!)) return true
  return value.items.slice(0, maxParts).some((item) => !isMannerPair(item) && isProof(item, depth - 1))
}

/** Whether a text has a user and a password in front of a host. */
const isPasswordInFront = (value: Term | undefined): boolean =>
  isText(value) && /^[^\s:@/]*:[^\s@][^\s]*@/u.test(textOfName(value) ?? "")

/** Elements of a list and bytes of a binary that are looked at for each character that can be shown of it. */
const looksPerCharacter = 2

/** Shorter texts hold no secret that could be known by its shape. */
const shortestShape = 10

const textOf = (term: Binary | ByteList | List, most: number): string | undefined => {
  if (!(term instanceof List)) return textOfBytes(term.view().subarray(0, most))
  const codes = term.items.slice(0, most)
  return codes.length > 0 && codes.every(isCharacter)
    ? codes.map((code) => String.fromCodePoint(code)).join("")
    : undefined
}

const textOfBytes = (bytes: Uint8Array): string => {
  const text = new TextDecoder().decode(bytes)
  return text.includes("\ufffd") ? Buffer.from(bytes).toString("latin1") : text
}

const isCharacter = (code: Term): code is number =>
  typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 0x10ffff

const partsOf = (term: Term): ReadonlyArray<Term> => {
  if (term instanceof MapTerm) return term.entries
  if (term instanceof NativeRecord) return term.values
  if (term instanceof List) return term.tail === undefined ? term.items : [...term.items, term.tail]
  return isTuple(term) ? term : []
}

/**
 * The secrets that stand under such names, a name and a password under those that `isProofOf` knows, and in front of a host
 * under those that `isAuthorityOf` does, and what `without` takes out of a text.
 */
const secretsOf = (
  isName: IsName,
  isProofOf: IsName,
  isAuthorityOf: IsName,
  without: (text: string) => string
): Secrets => {
  const isSecretKey: Secrets["isSecretKey"] = (key) => isNamed(key, isName)
  const isProofUnder = (key: Term | undefined, value: Term | undefined): boolean =>
    (isNamed(key, isProofOf) && isProof(value)) || (isNamed(key, isAuthorityOf) && isPasswordInFront(value))
  const isSecret: Secrets["isSecret"] = (key, value) =>
    canHoldSecret(value) && (isSecretKey(key) || isProofUnder(key, value))

  /** Whether a text behind such a name is a secret. */
  const isTelling: IsName = (name) => isName(name) || isProofOf(name)

  /** Whether what follows in a list is a secret: `[setcookie, …]`, `["--password", "…"]`. */
  const isOption = (item: Term | undefined): boolean => {
    const name = textOfName(item)
    return name !== undefined && (name === "setcookie" || (name.startsWith("-") && isTelling(name)))
  }

  /** Whether a text is a secret only because of the option in front of it: `["-u", "name:…"]`. */
  const isArgument = (option: Term | undefined, value: Term | undefined): boolean => {
    const name = textOfName(option)
    if (name === undefined || !/^--?[a-z][a-z-]*$/u.test(name)) return false
    const text = isText(value) ? textOfName(value) : undefined
    return text !== undefined && without(text) === text && without(`${name} ${text}`) !== `${name} ${text}`
  }

  /** Whether an item says of a text behind it that this is a secret: as an atom or a word, not as a sentence. */
  const isLabel = (item: Term | undefined): boolean => {
    const name = textOfName(item)
    return name !== undefined && (item instanceof Atom || /^[\w-]+$/u.test(name)) && isTelling(name)
  }

  /**
   * A pair of a key and its value; a tuple, such as a record, whose name says that secrets follow; any other with a
   * secret right behind its name: `{config, host, password, "…"}`.
   */
  const maskedTuple = (term: Tuple): Tuple => {
    const [key, ...values] = term
    if (!values.some(canHoldSecret)) return term
    const isSecretTuple = isSecretKey(key)
    const isSecretAt = (at: number): boolean => {
      if (at === 0) return false
      if (isSecretTuple) return canHoldSecret(term[at])
      return isProofUnder(key, term[at]) || (at > 1 && isText(term[at]) && isLabel(term[at - 1]))
    }
    return term.some((_, at) => isSecretAt(at)) ? term.map((value, at) => (isSecretAt(at) ? replaced : value)) : term
  }

  /** Whether a text ends in the middle of a setting or a header, as a piece of output does: `password=`, `token: `. */
  const isOpening = (item: Term | undefined): boolean => {
    if (!isText(item)) return false
    const name = /(?<name>[A-Za-z_][\w-]*)\s{0,4}[:=]\s{0,4}$/u.exec(endOf(item) ?? "")?.groups?.["name"]
    return name !== undefined && isName(name)
  }

  /** Whether a text of a list goes on with what one of the texts in front of it begins. */
  const isGoingOn = (items: ReadonlyArray<Term>, at: number): boolean => {
    for (let before = at - 1; before >= Math.max(0, at - maxParts) && isText(items[before]); before--)
      if (isOpening(items[before])) return true
    return false
  }

  /**
   * Whether `value` is a secret as the item at `at` of a list. Texts in a row are a list of texts, whatever they say,
   * unless one of them ends where a secret begins.
   */
  const isSecretItem = (items: ReadonlyArray<Term>, at: number, value: Term | undefined): boolean => {
    if (!canHoldSecret(value)) return false
    const before = items[at - 1]
    if (isOption(before) || isArgument(before, value)) return true
    return isText(value) && ((before instanceof Atom && isLabel(before)) || isGoingOn(items, at))
  }

  const isSecretBehind: Secrets["isSecretBehind"] = (front, value) =>
    isTuple(front)
      ? maskedTuple([...front, value]).at(-1) === replaced
      : front instanceof List && isSecretItem(front.items, front.items.length, value)

  const maskedItem = (items: ReadonlyArray<Term>, at: number): Term => {
    const item = items[at]!
    if (isSecretItem(items, at, item)) return replaced
    return isTuple(item) ? maskedTuple(item) : item
  }

  /**
   * A text in place of a binary or a list of characters that holds a secret by its shape: printed as it is, it might
   * come out as numbers, in which nobody would find the secret, but whoever reads it.
   */
  const maskedText = (term: Binary | ByteList | List, room: number): Term => {
    const text = textOf(term, Math.max(1_000, room * looksPerCharacter))
    if (text === undefined || text.length < shortestShape) return term
    const shown = without(text)
    // What is no text would be printed as numbers, the mark in it too.
    return shown === text ? term : binary(shown.replace(/[^\P{Cc}\n\r\t]/gu, "?"))
  }

  /** Whether any part of a term is a secret. */
  const holdsSecret = (term: Term, budget: Budget): boolean => {
    const left = [term]
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (maskedWithin(next, Infinity, budget) !== next) return true
      for (const part of partsOf(next)) left.push(part)
    }
    return false
  }

  const maskedWithin = (term: Term, room: number, budget: Budget): Term => {
    if (term instanceof MapTerm) {
      const { entries } = term
      if (!entries.some((key, at) => at % 2 === 0 && isSecret(key, entries[at + 1]))) return term
      return new MapTerm(entries.map((it, at) => (at % 2 === 1 && isSecret(entries[at - 1], it) ? replaced : it)))
    }
    if (term instanceof NativeRecord) {
      const { fields, isExported, module, name, values } = term
      if (!values.some((value, at) => isSecret(fields[at], value))) return term
      const shown = values.map((value, at) => (isSecret(fields[at], value) ? replaced : value))
      return new NativeRecord(module, name, isExported, fields, shown)
    }
    if (isTuple(term)) return maskedTuple(term)
    if (term instanceof Binary) {
      const inside = termIn(term, budget)
      if (inside !== undefined && holdsSecret(inside, budget)) return replaced
    }
    if (term instanceof Binary || term instanceof ByteList) return maskedText(term, room)
    if (term instanceof List) {
      const { items, tail } = term
      const looked = Math.min(items.length, room)
      const shown = (at: number): Term => (at < looked ? maskedItem(items, at) : items[at]!)
      const shownTail = isSecretItem(items, items.length, tail) ? replaced : tail
      let at = 0
      while (at < looked && shown(at) === items[at]) at += 1
      if (at < looked || shownTail !== tail)
        return new List(
          Array.from(items, (_, index) => shown(index)),
          shownTail
        )
      return typeof items[0] === "number" ? maskedText(term, room) : term
    }
    return term
  }

  return { isSecretKey, isSecret, isSecretBehind, masked: (term, room) => maskedWithin(term, room, wholeBudget()) }
}

/** Whatever is taken for a secret by its key or its shape. */
export const secrets: Secrets = secretsOf(isSecretName, isProofName, isAuthorityName, withoutShapes)

/** The cookies of nodes, as far as what stands in front tells of them: nobody is ever shown one. */
export const cookies: Secrets = secretsOf(
  isCookieKey,
  () => false,
  () => false,
  withoutCookies
)
