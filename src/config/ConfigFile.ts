import { Effect, Schema, SchemaIssue } from "effect"
import { readFile, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { didYouMean } from "../tools/DidYouMean.ts"
import { ConfigError } from "./ConfigError.ts"
import { jsonMistake } from "./JsonMistake.ts"
import { NodeEntryFile, type Settings, SettingsFile } from "./Settings.ts"

/** What the formatter says of a key that there is not; it does not know which there are. */
const unknownKey = "unknown key"
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "UnexpectedKey" ? unknownKey : SchemaIssue.defaultLeafHook(issue))
})
const strict = { errors: "all", onExcessProperty: "error" } as const

const fromHome = (path: string, home: string): string => (path.startsWith("~/") ? join(home, path.slice(2)) : path)

const pathText = (path: ReadonlyArray<unknown>): string =>
  path.map((key, at) => (typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`)).join("")

const keysHelp = (path: ReadonlyArray<unknown>): string => {
  // Keys stand at the top, and in a node's entry.
  const known = Object.keys((path.length === 1 ? SettingsFile : NodeEntryFile).from.fields)
  const near = didYouMean(String(path.at(-1)), known)
  return `${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "."} There are ${known.join(", ")}`
}

type Issue = ReturnType<typeof issuesOf>["issues"][number]

const problemText = ({ message, path = [] }: Issue): string =>
  `${path.length === 0 ? "" : `${pathText(path)}: `}${message}${message === unknownKey ? keysHelp(path) : ""}`

const syntaxProblem = (text: string): string => {
  const mistake = jsonMistake(text)
  if (mistake === undefined) return "is not JSON"
  const { column, expected, line } = mistake
  return `is not JSON: line ${line}, column ${column}: expected ${expected}`
}

/** The settings in a JSON configuration file. Paths in it are relative to its folder; `~/` is `home`. */
export const readSettings = Effect.fnUntraced(function* (file: string, home: string) {
  const fail = (problem: string) => new ConfigError({ message: `configuration file ${file}: ${problem}` })
  const reading = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({
      try: read,
      catch: (error) => fail(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
    })
  const text = yield* reading(() => readFile(file, "utf8"))
  const json = yield* Effect.try({ try: () => JSON.parse(text) as unknown, catch: () => fail(syntaxProblem(text)) })
  const said = yield* Effect.mapError(
    Effect.fromResult(Schema.decodeUnknownResult(SettingsFile, strict)(json)),
    ({ issue }) => fail(issuesOf(issue).issues.map(problemText).join("; "))
  )
  const absolute = (path: string) => resolve(dirname(file), fromHome(path, home))
  const nodes = said.nodes?.map((node) =>
    typeof node === "string" || node.cookieFile === undefined
      ? node
      : { ...node, cookieFile: absolute(node.cookieFile) }
  )
  if (process.platform !== "win32" && nodes?.some((node) => typeof node !== "string" && node.cookie !== undefined)) {
    const { mode } = yield* reading(() => stat(file))
    if ((mode & 0o077) !== 0)
      return yield* fail("has a cookie in it, so it must be accessible by owner only (chmod 600)")
  }
  return {
    ...said,
    ...(nodes !== undefined && { nodes }),
    ...(said.cookieFile !== undefined && { cookieFile: absolute(said.cookieFile) })
  } satisfies Settings
})
