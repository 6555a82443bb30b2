import { Context } from "effect"
import { Atom, Binary, binary, charlistText, isList, List, MapTerm, type Term, utf8Text } from "../etf/Term.ts"

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

const nameOf = (key: Term | undefined): string | undefined => {
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

/** Whether `value` is a secret because of the key that it stands under. */
export const isSecret = (key: Term | undefined, value: Term | undefined): boolean => {
  if (!canHoldSecret(value)) return false
  const name = nameOf(key)
  return name !== undefined && isSecretName(name)
}

const maskedPair = (term: Term): Term =>
  Array.isArray(term) && term.length === 2 && isSecret(term[0], term[1]) ? [term[0]!, replaced] : term

/**
 * A term with `"[redacted]"` in place of each value whose key says that it is a secret: in maps and structs, in pairs,
 * and in the pairs of a list, of which the first `room` are looked at. What lies deeper is left for the next look.
 */
export const masked = (term: Term, room: number): Term => {
  if (term instanceof MapTerm) {
    const { entries } = term
    if (!entries.some((key, at) => at % 2 === 0 && isSecret(key, entries[at + 1]))) return term
    return new MapTerm(entries.map((it, at) => (at % 2 === 1 && isSecret(entries[at - 1], it) ? replaced : it)))
  }
  if (Array.isArray(term)) return maskedPair(term)
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
  }
  return term
}

/** A quote, also where it stands in the string of a term. Bounded, like all that repeats here: the text is untrusted. */
const quote = String.raw`\\{0,8}["']`

/** A name that tells of a secret, inside of a longer one. */
const telling = String.raw`[\w-]{0,40}(?:password|passwd|passphrase|secret|token|api_?key|private_?key|authorization)[\w-]{0,40}`

/** What gives a secret away in any text, and what is left of it. A text may be cut anywhere: ends are optional. */
const shapes: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:Proc-Type[^\\\n]*|DEK-Info[^\\\n]*|[A-Za-z\d+/=\s]|\\[nr\\])*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/gu,
    redacted
  ],
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/gu, redacted],
  [/\b(?:AKIA|ASIA)[A-Z\d]{12,}/gu, redacted],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_live_|sk-|AIza|SG\.)[\w.-]{16,}/gu, redacted],
  [/\b(Bearer) +(?=[\w.~+/-]*[\d.])[\w.~+/-]{8,}=*/giu, `$1 ${redacted}`],
  [/\b(Basic) +(?=[A-Za-z\d+/]*[\d=])[A-Za-z\d+/]{8,}=*/gu, `$1 ${redacted}`],
  [/\b([a-z][a-z\d+.-]{0,20}:\/\/[^\s:@/"'\\]{0,100}):[^\s@/"'\\]{1,200}@/giu, `$1:${redacted}@`],
  [/((?:password|passwd|pwd|secret|token|api_?key|access_?key))=[^\s"'&,;)}\]\\]+/giu, `$1=${redacted}`],
  // JSON, and terms that the node has printed: "key":"…", key: "…", key => <<"…">>, {key,"…"}.
  [
    new RegExp(
      String.raw`(?<![\w-])((?:${quote})?${telling}(?:${quote})?(?:>>)?\s{0,4}(?::|=>|,)\s{0,4}(?:<<)?${quote})[^"'\\]+`,
      "giu"
    ),
    `$1${redacted}`
  ]
]

/** A text without the secrets that are known by their shape: keys, tokens, passwords in addresses and in JSON. */
export const withoutShapes = (text: string): string =>
  shapes.reduce((rest, [shape, left]) => rest.replace(shape, left), text)
