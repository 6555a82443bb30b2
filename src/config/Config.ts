import { Effect, Redacted, Result } from "effect"
import { homedir } from "node:os"
import { join } from "node:path"
import { defaultEpmdPort } from "../dist/Epmd.ts"
import { parseNodeName } from "../dist/NodeName.ts"
import type { PolicySettings } from "../policy/Policy.ts"
import { ConfigError } from "./ConfigError.ts"
import { readSettings } from "./ConfigFile.ts"
import type { CookieSource } from "./Cookies.ts"
import { hostNames } from "./HostNames.ts"
import { type NodeEntry, type Settings, variableOf } from "./Settings.ts"
import { decodeTexts, type Environment, type SettingTexts, variable, variableTexts } from "./SettingTexts.ts"

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
  /** What may be done, and to which nodes. */
  readonly policy: PolicySettings
}

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
  const text = environment[name] ?? ""
  return text === "" ? { _tag: "Unset", said: name } : { _tag: "Value", said: name, cookie: Redacted.make(text) }
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
  const flags = yield* Effect.fromResult(decodeTexts(given.flags, (flag) => `--${flag}`))
  const fromEnvironment = yield* Effect.fromResult(decodeTexts(variableTexts(environment), variableOf))
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
