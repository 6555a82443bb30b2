import { Predicate, Result, Schema, SchemaIssue } from "effect"
import { didYouMean } from "../tools/DidYouMean.ts"
import { placeOf } from "./JsonPlace.ts"
import { NodeEntry, NodeEntryFile, Settings, SettingsFile, TlsEntry, TlsEntryFile } from "./Settings.ts"

/** What the formatter says of a key that there is not; it does not know which there are. */
const unknownKey = "unknown key"
const missingKey = "missing key"
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "UnexpectedKey") return unknownKey
    return issue._tag === "MissingKey" ? missingKey : SchemaIssue.defaultLeafHook(issue)
  }
})
const strict = { errors: "all", onExcessProperty: "error" } as const

type Path = ReadonlyArray<unknown>

const pathText = (path: Path): string =>
  path.map((key, at) => (typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`)).join("")

/** A form in which settings are given: what is read, and the keys at the top, in a node's entry, and in that one's `tls`. */
interface Form {
  readonly decode: (given: unknown) => Result.Result<Settings, Schema.SchemaError>
  readonly keys: ReadonlyArray<string>
  readonly nodeKeys: ReadonlyArray<string>
  readonly tlsKeys: ReadonlyArray<string>
}

const keysHelp = (path: Path, { keys, nodeKeys, tlsKeys }: Form): string => {
  const known = path.length === 1 ? keys : path.at(-2) === "tls" ? tlsKeys : nodeKeys
  const near = didYouMean(String(path.at(-1)), known)
  return `${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "."} There are ${known.join(", ")}`
}

/** Characters of a text that is shown as what was found. */
const maxShown = 40

/** A value as what was found in place of another; of one that may be or hold a cookie, only what kind it is of. */
const found = (value: unknown, mayBeSecret: boolean): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return "an array"
  if (typeof value === "object") return "an object"
  if (Predicate.isString(value) && !mayBeSecret)
    return JSON.stringify(value.length > maxShown ? `${value.slice(0, maxShown)}…` : value)
  return (Predicate.isNumber(value) || Predicate.isBoolean(value)) && !mayBeSecret ? String(value) : `a ${typeof value}`
}

const valueAt = (given: unknown, path: Path): unknown =>
  path.reduce((value, key) => (value as Readonly<Record<PropertyKey, unknown>>)[key as PropertyKey], given)

/**
 * Whether what stands there may be a cookie, the key of a certificate that somebody took for the place to put it, or a
 * part of a command, which may have a password in it.
 */
const mayBeSecret = (path: Path): boolean => path.includes("tunnel") || /cookie|key$/iu.test(String(path.at(-1)))

/** Where a value stands, and in place of one that is missing, what lacks it. */
const positionIn = (text: string, path: Path): string => {
  const { column, line } = placeOf(text, path) ?? placeOf(text, path.slice(0, -1)) ?? {}
  return line === undefined ? "" : `line ${line}, column ${column}: `
}

/** Mistakes that are told; nobody reads more at once, and to find the place of each takes a look at the whole text. */
const maxProblems = 10

/** `text` is what the values were read from, where they were read from one. */
const problemsOf = (issue: SchemaIssue.Issue, given: unknown, form: Form, text: string | undefined): string => {
  const { issues } = issuesOf(issue)
  const told = issues.slice(0, maxProblems).map(({ message, path = [] }) => {
    const position = text === undefined ? "" : positionIn(text, path)
    const place = path.length === 0 ? position : `${position}${pathText(path)}: `
    if (message === unknownKey) return `${place}${message}${keysHelp(path, form)}`
    if (message === missingKey) return `${place}${message}`
    return `${place}${message}, got ${found(valueAt(given, path), mayBeSecret(path))}`
  })
  const left = issues.length - told.length
  return [...told, ...(left > 0 ? [`... ${left} more`] : [])].join("; ")
}

const decoder =
  (form: Form) =>
  (given: unknown, text?: string): Result.Result<Settings, string> =>
    Result.mapError(form.decode(given), ({ issue }) => problemsOf(issue, given, form, text))

/** Settings as they stand in the configuration file, whose text it is; fails with the mistakes, the first ten with their places, in one line. */
export const decodeFile = decoder({
  decode: Schema.decodeUnknownResult(SettingsFile, strict),
  keys: Object.keys(SettingsFile.from.fields),
  nodeKeys: Object.keys(NodeEntryFile.from.fields),
  tlsKeys: Object.keys(TlsEntryFile.from.fields)
})

const decodeGiven = decoder({
  decode: Schema.decodeUnknownResult(Schema.toType(Settings), strict),
  keys: Object.keys(Settings.fields),
  nodeKeys: Object.keys(NodeEntry.fields),
  tlsKeys: Object.keys(TlsEntry.fields)
})

/** Settings that a program gives, whatever its compiler let pass; what is undefined is not set. Fails likewise. */
export const decodeProgram = (given: unknown): Result.Result<Settings, string> =>
  decodeGiven(
    Predicate.isReadonlyObject(given)
      ? Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      : given
  )
