import { Context } from "effect"
import { Buffer } from "node:buffer"
import {
  Atom,
  Binary,
  binary,
  ByteList,
  charlistText,
  isList,
  List,
  MapTerm,
  type Term,
  utf8Text
} from "../etf/Term.ts"

/**
 * Whether secrets that are known by the name of their key or by their shape are shown after all: the operator's
 * `--reveal`. Cookies are never shown.
 */
export const Reveal = Context.Reference<boolean>("beamscope/tools/Reveal", { defaultValue: () => false })

/** What stands in the place of a secret. */
export const redacted = "[redacted]"
const replaced = binary(redacted)

/** `dbPassword`, `DB-PASSWORD` and `db_password` alike. */
const normalized = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/gu, "$1_$2")
    .replace(/[^A-Za-z\d]+/gu, "_")
    .toLowerCase()

const secretName =
  /passw|passphrase|secret|credential|api_?key|(?:^|_)(?:pass|pwd|tokens?|jwt|bearer|authorization|cookies?|salt|dsn|(?:private|access|signing|encryption|account|shared|master)_?key)(?:_|$)/u

/** What is told of a secret, and is none. */
const aboutSecret =
  /_(?:file|path|length|size|count|type|ttl|timeout|expiry|expires|at|in|module|mod|function|fun|name)$/u

/** Whether a key, a variable or a field of this name is one that holds a secret. */
export const isSecretName = (name: string): boolean => {
  const text = normalized(name)
  return secretName.test(text) && !aboutSecret.test(text)
}

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

/** Texts, and whatever may have texts inside. Numbers, atoms, pids and functions give nothing away. */
const canHoldSecret = (value: Term | undefined): boolean =>
  value instanceof Binary ||
  (value instanceof List ? value.items.length > 0 : isList(value)) ||
  value instanceof MapTerm ||
  (Array.isArray(value) && value.length > 0)

/** Whether what stands under this key is a secret, if it can hold one. */
export const isSecretKey = (key: Term | undefined): boolean => {
  const name = nameOf(key)
  return name !== undefined && isSecretName(name)
}

/** Whether `value` is a secret because of the key that it stands under. */
export const isSecret = (key: Term | undefined, value: Term | undefined): boolean =>
  canHoldSecret(value) && isSecretKey(key)

const maskedPair = (term: Term): Term =>
  Array.isArray(term) && term.length === 2 && isSecret(term[0], term[1]) ? [term[0]!, replaced] : term

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
  if (Array.isArray(term)) return maskedPair(term)
  if (term instanceof Binary || term instanceof ByteList) return maskedText(term, room)
  if (term instanceof List) {
    const { items, tail } = term
    const looked = Math.min(items.length, room)
    for (let at = 0; at < looked; at++) {
      if (maskedPair(items[at]!) !== items[at]) {
        return new List(
          items.map((item, index) => (index < looked ? maskedPair(item) : item)),
          tail
        )
      }
    }
    return typeof items[0] === "number" ? maskedText(term, room) : term
  }
  return term
}

/** Words that tell of a secret, inside of a longer name. */
const telling = String.raw`[\w-]{0,40}(?:passw|passphrase|secret|credential|token|api_?-?key|private_?key|access_?key|signing_?key|authorization|cookie|_pass\b|\bpass\b|\bpwd\b|_pwd\b)[\w-]{0,40}`

/** In front of a token: nothing that belongs to it. The letter of an escape (`\n`) does not. */
const front = String.raw`(?:(?<![A-Za-z\d_-])|(?<=\\[abefnrstv]))`

/**
 * The inside of quotes that are known as `\\k<quote>`, up to their end, or that of the text. Within, quotes are escaped
 * once more than those.
 */
const quoted = String.raw`(?:(?!\k<quote>)(?:\\{2,16}["']|\\[\s\S]|[^\\])){1,4000}`

/** What gives a secret away in any text, and what is left of it. A text may be cut anywhere: ends are optional. */
const shapes: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:Proc-Type[^\\\n]*|DEK-Info[^\\\n]*|[A-Za-z\d+/=\s]|\\[nr\\])*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/gu,
    redacted
  ],
  [/eyJ[\w-]{8,}(?:\.[\w-]*){0,2}/gu, redacted],
  [new RegExp(String.raw`${front}(?:AKIA|ASIA)[A-Z\d]{12,}`, "gu"), redacted],
  [
    new RegExp(
      String.raw`${front}(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_live_|sk-|AIza|SG\.)[\w.-]{16,}`,
      "gu"
    ),
    redacted
  ],
  [/(Bearer) +(?=[\w.~+/-]*[\d.])[\w.~+/-]{8,}=*/giu, `$1 ${redacted}`],
  [/(Basic) +(?=[A-Za-z\d+/]*[\d=])[A-Za-z\d+/]{8,}=*/gu, `$1 ${redacted}`],
  [/([a-z][a-z\d+.-]{0,20}:\/\/[^\s:@/"'\\]{0,100}):[^\s@/"'\\]{1,200}@/giu, `$1:${redacted}@`],
  // Settings and addresses: key=value.
  [new RegExp(String.raw`(${telling}=)(?!=|>)[^\s"'&,;)}\]\\]+`, "giu"), `$1${redacted}`],
  // Headers, and lines of a log: Key: value, at the beginning of a line.
  [
    new RegExp(
      String.raw`((?:^|[\r\n]|\\[rn])[ \t]{0,8}${telling}:[ \t]{1,8})(?!["'\s:%\[{#<]|(?:nil|null|true|false|undefined|\d+)(?![\w-]))[^\r\n\\"]+`,
      "giu"
    ),
    `$1${redacted}`
  ],
  // JSON, source, and terms that the node has printed: "key":"…", key: "…", key => <<"…">>, {key,"…"}, @key "…".
  [
    new RegExp(
      String.raw`(?<![\w-])((?:\\{0,8}["'])?${telling}(?:\\{0,8}["'])?(?:>>|\(\))?\s{0,4}(?::|=>|->|,|=|\s)\s{0,4}(?:<<)?(?<quote>\\{0,8}["']))${quoted}`,
      "giu"
    ),
    `$1${redacted}`
  ]
]

/** A text without the secrets that are known by their shape: keys, tokens, passwords in addresses and in JSON. */
export const withoutShapes = (text: string): string =>
  shapes.reduce((rest, [shape, left]) => rest.replace(shape, left), text)
