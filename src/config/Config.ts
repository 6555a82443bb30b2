import { Data, Effect, Redacted, Result, Schema, SchemaIssue } from "effect"
import { readFile, stat } from "node:fs/promises"
import { homedir, hostname, networkInterfaces } from "node:os"
import { dirname, join, resolve } from "node:path"
import { defaultEpmdPort } from "../dist/Epmd.ts"
import { parseNodeName } from "../dist/NodeName.ts"
import type { CookieSource } from "./Cookies.ts"
import { type NodeEntry, type SettingName, Settings, settings, SettingsFile, variableOf } from "./Settings.ts"

/** What the operator said, checked, with a default wherever nothing was said. */
export interface Config {
  readonly nodes: ReadonlyArray<NodeEntry>
  /** Where a cookie is looked for when the node's own entry has none, in order. */
  readonly cookies: ReadonlyArray<CookieSource>
  readonly epmdPort: number
  readonly agent: NonNullable<Settings["agent"]>
  readonly mode: NonNullable<Settings["mode"]>
  readonly logLevel: NonNullable<Settings["logLevel"]>
  /** Characters that a result may have, in place of the catalogue's default. */
  readonly maxChars?: number
  readonly policy: Access
}

/** What may be done, and to which nodes; `policy/` has the meaning of each. */
export interface Access extends Omit<
  Settings,
  "nodes" | "cookieFile" | "epmdPort" | "agent" | "mode" | "logLevel" | "maxChars"
> {
  /** The names that may stand behind the `@` of a node on this machine. */
  readonly hostNames: ReadonlyArray<string>
}

/** A setting that makes no sense, in one line that names the flag, the variable or the file it came from. */
export class ConfigError extends Data.TaggedError("ConfigError")<{ readonly message: string }> {}

export type Environment = Readonly<Record<string, string | undefined>>

/** Settings as text: for each the texts that were given for it, in order; a switch alone is `"true"`. */
export type SettingTexts = { readonly [Name in SettingName]?: ReadonlyArray<string> }

const settingNames = Object.keys(settings) as ReadonlyArray<SettingName>

/** The values of an environment variable that count: an empty one is as good as none. */
const variable = (environment: Environment, name: string): string | undefined => environment[name]?.trim() || undefined

/** What the environment says for a flag that is no setting: of a subcommand, and a switch. */
export const switchVariable = (flag: string, environment: Environment): Result.Result<boolean, ConfigError> => {
  const text = variable(environment, variableOf(flag)) ?? "false"
  const meaning = switches[text.toLowerCase()]
  return meaning === undefined
    ? Result.fail(new ConfigError({ message: `${variableOf(flag)}: expected true, false, 1 or 0, got '${text}'` }))
    : Result.succeed(meaning)
}

const switches: Readonly<Record<string, boolean>> = { true: true, "1": true, false: false, "0": false }

const fromText = (name: SettingName, texts: ReadonlyArray<string>): unknown => {
  const text = texts.at(-1)!
  switch (settings[name].form._tag) {
    case "List":
      return texts.flatMap((each) => each.split(",").map((item) => item.trim())).filter((item) => item !== "")
    case "Switch":
      return switches[text.toLowerCase()] ?? text
    case "Number":
      return /^\d+$/u.test(text) ? Number(text) : text
    case "Choice":
    case "Text":
      return text
  }
}

const expectation = (name: SettingName): string => {
  const { form } = settings[name]
  switch (form._tag) {
    case "Choice":
      return `one of ${form.choices.join(", ")}`
    case "Switch":
      return "true, false, 1 or 0"
    case "Number":
      return form.expected
    case "List":
    case "Text":
      return form.placeholder
  }
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()
const strict = { errors: "all", onExcessProperty: "error" } as const

/** Settings from text; `nameOf` tells under which name a setting was given, for the error. */
const decodeTexts = (texts: SettingTexts, nameOf: (flag: string) => string): Result.Result<Settings, ConfigError> => {
  const values = settingNames.flatMap((name) => {
    const given = texts[name] ?? []
    return given.length === 0 ? [] : [[name, fromText(name, given)] as const]
  })
  // Most of the time nothing is said in most places, and a host waits for us to start.
  if (values.length === 0) return Result.succeed({})
  return Result.mapError(
    Schema.decodeUnknownResult(Settings, strict)(Object.fromEntries(values) as unknown),
    ({ issue }) => {
      const wrong = new Set(issuesOf(issue).issues.map(({ path }) => path?.[0] as SettingName))
      const message = Array.from(
        wrong,
        (name) => `${nameOf(settings[name].flag)}: expected ${expectation(name)}, got '${texts[name]?.at(-1)}'`
      )
      return new ConfigError({ message: message.join("; ") })
    }
  )
}

const fromHome = (path: string, home: string): string => (path.startsWith("~/") ? join(home, path.slice(2)) : path)

const pathText = (path: ReadonlyArray<unknown>): string =>
  path.map((key, at) => (typeof key === "number" ? `[${key}]` : `${at === 0 ? "" : "."}${String(key)}`)).join("")

/** The settings in a JSON configuration file. Paths in it are relative to its folder. */
const readSettings = Effect.fnUntraced(function* (file: string, home: string) {
  const fail = (problem: string) => new ConfigError({ message: `configuration file ${file}: ${problem}` })
  const reading = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({
      try: read,
      catch: (error) => fail(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
    })
  const text = yield* reading(() => readFile(file, "utf8"))
  const json = yield* Effect.try({ try: () => JSON.parse(text) as unknown, catch: () => fail("is not JSON") })
  const said = yield* Effect.mapError(
    Effect.fromResult(Schema.decodeUnknownResult(SettingsFile, strict)(json)),
    ({ issue }) =>
      fail(
        issuesOf(issue)
          .issues.map(({ message, path = [] }) => `${pathText(path)}: ${message}`.replace(/^: /u, ""))
          .join("; ")
      )
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

const homeOf = (environment: Environment): string => variable(environment, "HOME") ?? homedir()

/** Where OTP itself looks for a cookie: `auth:init_no_setcookie/0`, `filename:basedir(user_config, "erlang")`. */
const otpCookieFiles = (environment: Environment): ReadonlyArray<CookieSource> => {
  const home = homeOf(environment)
  const userConfig =
    process.platform === "darwin"
      ? join(home, "Library", "Application Support")
      : (variable(environment, "XDG_CONFIG_HOME") ?? join(home, ".config"))
  return [join(home, ".erlang.cookie"), join(userConfig, "erlang", ".erlang.cookie")].map((path) => ({
    _tag: "File",
    said: path,
    path,
    optional: true
  }))
}

const cookieFileSource = (said: string, path: string | undefined): CookieSource =>
  path === undefined ? { _tag: "Unset", said } : { _tag: "File", said, path, optional: false }

const cookieVariable = (environment: Environment, name: string): CookieSource => {
  const text = variable(environment, name)
  return text === undefined ? { _tag: "Unset", said: name } : { _tag: "Value", said: name, cookie: Redacted.make(text) }
}

const hostNames = (): ReadonlyArray<string> => {
  const host = hostname()
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
  return [...new Set([host, host.split(".")[0]!, ...addresses])]
}

const nodeEntries = (
  nodes: ReadonlyArray<string | NodeEntry>,
  known: ReadonlyArray<NodeEntry>
): Result.Result<ReadonlyArray<NodeEntry>, ConfigError> => {
  const entries = new Map<string, NodeEntry>()
  for (const node of nodes) {
    const entry =
      typeof node === "string"
        ? (known.find(({ alias, name }) => node === name || node === alias) ?? { name: node })
        : node
    const parsed = parseNodeName(entry.name)
    if ("problem" in parsed) {
      return Result.fail(new ConfigError({ message: `node '${entry.name}': ${parsed.problem}; write name@host` }))
    }
    entries.set(entry.name, entry)
  }
  const names = [...entries.values()].flatMap(({ alias, name }) => (alias === undefined ? [name] : [name, alias]))
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined
    ? Result.succeed([...entries.values()])
    : Result.fail(new ConfigError({ message: `alias '${twice}': more than one node is called that` }))
}

const isEntry = (node: string | NodeEntry): node is NodeEntry => typeof node !== "string"

/** Completes settings with the defaults. `known` are nodes that `said` may call by name or alias alone. */
const complete = (
  said: Settings,
  known: Settings["nodes"],
  cookies: ReadonlyArray<CookieSource>,
  environment: Environment
): Result.Result<Config, ConfigError> => {
  const {
    agent = "auto",
    cookieFile: _,
    epmdPort = defaultEpmdPort,
    logLevel = "info",
    maxChars,
    mode = "elixir",
    nodes = [],
    ...policy
  } = said
  return Result.map(nodeEntries(nodes, known?.filter(isEntry) ?? []), (entries) => ({
    nodes: entries,
    cookies: [...cookies, cookieVariable(environment, "RELEASE_COOKIE"), ...otpCookieFiles(environment)],
    epmdPort,
    agent,
    mode,
    logLevel,
    ...(maxChars !== undefined && { maxChars }),
    policy: { ...policy, hostNames: hostNames() }
  }))
}

/** A configuration from settings that a program gives. Of the environment only what OTP itself reads counts. */
export const fromSettings = (
  said: Settings,
  environment: Environment = process.env
): Effect.Effect<Config, ConfigError> =>
  Effect.fromResult(complete(said, said.nodes, [cookieFileSource("cookieFile", said.cookieFile)], environment))

/** The configuration of a command: flags before the environment before the configuration file before the defaults. */
export const load = Effect.fnUntraced(function* (given: {
  readonly flags: SettingTexts
  /** Of `--config`. Default: `BEAMSCOPE_CONFIG`, else no file. */
  readonly file?: string
  readonly environment: Environment
}): Effect.fn.Return<Config, ConfigError> {
  const { environment } = given
  const variables = Object.fromEntries(
    settingNames.flatMap((name) => {
      const text = variable(environment, variableOf(settings[name].flag))
      return text === undefined ? [] : [[name, [text]]]
    })
  ) as SettingTexts
  const flags = yield* Effect.fromResult(decodeTexts(given.flags, (flag) => `--${flag}`))
  const fromEnvironment = yield* Effect.fromResult(decodeTexts(variables, variableOf))
  const file = given.file ?? variable(environment, "BEAMSCOPE_CONFIG")
  const fromFile: Settings = file === undefined ? {} : yield* readSettings(file, homeOf(environment))
  const erlEpmdPort = variable(environment, "ERL_EPMD_PORT")
  const otp = yield* Effect.fromResult(
    decodeTexts(erlEpmdPort === undefined ? {} : { epmdPort: [erlEpmdPort] }, () => "ERL_EPMD_PORT")
  )
  const cookies = [
    cookieFileSource("--cookie-file", flags.cookieFile),
    cookieFileSource("BEAMSCOPE_COOKIE_FILE", fromEnvironment.cookieFile),
    cookieVariable(environment, "BEAMSCOPE_COOKIE"),
    ...(fromFile.cookieFile === undefined ? [] : [cookieFileSource(`cookie_file of ${file}`, fromFile.cookieFile)])
  ]
  const said = { ...otp, ...fromFile, ...fromEnvironment, ...flags }
  return yield* Effect.fromResult(complete(said, fromFile.nodes, cookies, environment))
})
