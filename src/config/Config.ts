import { Effect, Redacted, Result } from "effect"
import { homedir } from "node:os"
import { join } from "node:path"
import { discoverySource } from "../cluster/Source.ts"
import { defaultEpmdPort } from "../dist/EpmdPort.ts"
import { parseNodeName } from "../dist/NodeName.ts"
import { patternProblem } from "../policy/NodePattern.ts"
import type { PolicySettings } from "../policy/Policy.ts"
import { didYouMean } from "../tools/DidYouMean.ts"
import { ConfigError } from "./ConfigError.ts"
import { readSettings, type Stamp } from "./ConfigFile.ts"
import type { CookieSource } from "./Cookies.ts"
import { decodeProgram } from "./DecodeSettings.ts"
import { hostNames, shortHostName } from "./HostNames.ts"
import { keyOf, type NodeEntry, type SettingName, type Settings, settings, variableOf } from "./Settings.ts"
import { decodeTexts, type Environment, type SettingTexts, variable, variableTexts } from "./SettingTexts.ts"
import type { TlsSettings } from "./TlsFiles.ts"

/** A node that the operator said: with its entry, or by a word that is taken for its name. */
export interface ConfiguredNode extends NodeEntry {
  /** What entries are called that was perhaps meant by such a word. */
  readonly near?: ReadonlyArray<string>
}

/** What the operator said, checked, with a default wherever nothing was said. */
export interface Config {
  readonly nodes: ReadonlyArray<ConfiguredNode>
  /** Entries of the configuration file that were not said, since other nodes were (`--node`). They hold all the same. */
  readonly leftOut: ReadonlyArray<ConfiguredNode>
  /** What was said in place of nodes and stands for none any more, in one line. */
  readonly gone?: string
  /** Where a cookie is looked for when the node's own entry has none, in order. */
  readonly cookies: ReadonlyArray<CookieSource>
  readonly epmdHost?: string
  readonly epmdPort: number
  /** Whether nodes are reached over TLS whose entries do not say. */
  readonly overTls: boolean
  /** For all that are. */
  readonly tls: TlsSettings
  /** Where nodes are looked for that are not configured; empty where nothing was said. */
  readonly discover: ReadonlyArray<string>
  /** The full name to join nodes under, where it is not the node that gives us one. */
  readonly ourName?: string
  readonly agent: NonNullable<Settings["agent"]>
  readonly mode: NonNullable<Settings["mode"]>
  /** Where it was said; what is logged otherwise is up to the command. */
  readonly logLevel?: NonNullable<Settings["logLevel"]>
  /** Characters that a result may have, in place of the catalogue's default. */
  readonly maxChars?: number
  /** Whether secrets that are known by their key or their shape are shown. */
  readonly reveal: boolean
  /** What may be done, and to which nodes. */
  readonly policy: PolicySettings
  /** Under which name the operator knows a setting: that of the flag, the variable or the key that said it. */
  readonly nameOf: NameOf
  /** The file that some of this is from, if it can be read again. */
  readonly file?: WatchedFile
}

/** A configuration file that may change. */
export interface WatchedFile {
  readonly path: string
  /** Of the file as it was read. */
  readonly stamp: Stamp
  /** What the configuration would be now. */
  readonly readAgain: Effect.Effect<Config, ConfigError>
  /** The settings in it, those of nodes aside, as a text that two readings can be compared by. */
  readonly others: string
}

type NameOf = (name: SettingName) => string

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

/** A short name is one of this machine, as with `erl -sname`. */
const fullName = (name: string): string => (name.includes("@") ? name : `${name}@${shortHostName()}`)

/** The entries of nodes, by which they may be called. */
interface Known {
  readonly entries: ReadonlyArray<NodeEntry>
  /** What the operator knows the place of these entries as. */
  readonly place: string
  /** Words that have been an alias or a group: once there is no such entry any more, they are still nobody's name. */
  readonly noNames: Set<string>
}

/** Known nodes by an alias, by a name, or by their group; else a node of that name of which nothing is known. */
const called = (word: string, { entries, noNames }: Known): ReadonlyArray<ConfiguredNode> => {
  const namesake = entries.find(({ name }) => fullName(name) === fullName(word))
  const aliased = entries.find(({ alias }) => alias === word)
  if (aliased === undefined && namesake !== undefined) return [namesake]
  const found = aliased === undefined ? entries.filter(({ group }) => group === word) : [aliased]
  if (found.length > 0) noNames.add(word)
  if (noNames.has(word)) return found
  const near = didYouMean(word, entries.flatMap(namesOf))
  return [{ name: word, ...(near.length > 0 && { near }) }]
}

/** What an entry is called by. */
const namesOf = ({ alias, group, name }: NodeEntry): ReadonlyArray<string> =>
  [alias, group, name, fullName(name).split("@")[0]].filter((word) => word !== undefined)

/** What an entry says twice, or by half. */
const contradiction = ({ address, cookie, cookieFile, tls, tunnel }: NodeEntry): string | undefined => {
  if (cookie !== undefined && cookieFile !== undefined)
    return "it has a cookie and a file with one (cookie_file); leave one of them out"
  if (address !== undefined && tunnel !== undefined)
    return "it has an address and a tunnel; the link goes through the tunnel, so leave the address out"
  return typeof tls === "object" && tls.key !== undefined && tls.cert === undefined
    ? "its tls has a key, but not the certificate that it belongs to (cert)"
    : undefined
}

/** TLS settings for all nodes: where they were said, and whether they are of any use. */
const tlsSettings = (
  { tlsCa, tlsCert, tlsInsecure, tlsKey, tlsServerName }: Settings,
  nameOf: NameOf
): Result.Result<TlsSettings, ConfigError> => {
  if (tlsKey !== undefined && tlsCert === undefined)
    return Result.fail(
      new ConfigError({
        message: `${nameOf("tlsKey")}: the certificate that the key belongs to is missing (--tls-cert)`
      })
    )
  return Result.succeed({
    ...(tlsCa !== undefined && { ca: { said: nameOf("tlsCa"), path: tlsCa } }),
    ...(tlsCert !== undefined && { cert: { said: nameOf("tlsCert"), path: tlsCert } }),
    ...(tlsKey !== undefined && { key: { said: nameOf("tlsKey"), path: tlsKey } }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
    ...(tlsInsecure !== undefined && { insecure: tlsInsecure })
  })
}

const tlsNames = ["tlsCa", "tlsCert", "tlsKey", "tlsServerName", "tlsInsecure"] as const

/** Who gives certificates wants TLS; where no node would be reached over it, the switch was forgotten. */
const checkTlsUsed = (
  said: Settings,
  entries: ReadonlyArray<NodeEntry>,
  nameOf: NameOf
): Result.Result<void, ConfigError> => {
  const setting = tlsNames.find((name) => said[name] !== undefined && said[name] !== false)
  if (setting === undefined || said.tls !== undefined || entries.some(({ tls }) => tls !== undefined))
    return Result.succeed(undefined)
  const message = `${nameOf(setting)}: no node is reached over TLS; add --tls for all of them, or "tls": true to the entries of some`
  return Result.fail(new ConfigError({ message }))
}

const shortName = (name: string): string => name.slice(0, name.indexOf("@"))

/** The full name that two entries have: neither of them can be all that counts, least of all where one is a ceiling. */
const entryTwice = (entries: ReadonlyArray<NodeEntry>): string | undefined => {
  const names = entries.map(({ name }) => {
    const parsed = parseNodeName(fullName(name))
    return "problem" in parsed ? name : parsed.full
  })
  return names.find((name, at) => names.indexOf(name) !== at)
}

/**
 * The entries of the nodes that were said, in `said`, and those that are known beside them: a mistake in one is told
 * where it stands.
 */
const nodeEntries = (
  nodes: ReadonlyArray<string | NodeEntry>,
  known: Known,
  said: string
): Result.Result<Pick<Config, "nodes" | "leftOut">, ConfigError> => {
  // Also of those that nobody names: by its alias each of the two could be meant.
  const again = entryTwice(known.entries)
  if (again !== undefined)
    return Result.fail(
      new ConfigError({
        message: `${known.place}: the configuration has more than one entry of ${again}; make one of them`
      })
    )
  const meant = nodes.flatMap((node) => (typeof node === "string" ? called(node, known) : [node]))
  const leftOut = known.entries.filter((entry) => !meant.includes(entry))
  const entries = new Map<string, ConfiguredNode>()
  for (const entry of [...meant, ...leftOut]) {
    const place = known.entries.includes(entry) ? known.place : said
    const parsed = parseNodeName(fullName(entry.name))
    if ("problem" in parsed) {
      const message = `${place}: '${entry.name}' is no node name: ${parsed.problem}; write name@host, or the name alone of a node of this machine`
      return Result.fail(new ConfigError({ message }))
    }
    const problem = contradiction(entry)
    if (problem !== undefined) return Result.fail(new ConfigError({ message: `${place}: ${entry.name}: ${problem}` }))
    entries.set(parsed.full, { ...entry, name: parsed.full })
  }
  // Of nodes that were said beside the entries, too: by the part before the @, which a tool takes for a name.
  const all = [...entries.values()]
  for (const { alias, name } of all) {
    if (alias === undefined || alias === shortName(name)) continue
    const other = all.find((each) => shortName(each.name) === alias)
    if (other !== undefined) {
      // Only an entry has one.
      const message = `${known.place}: more than one node is called '${alias}': ${name}, by its alias, and ${other.name}`
      return Result.fail(new ConfigError({ message }))
    }
  }
  const isLeftOut = new Set(leftOut.map(({ name }) => fullName(name)))
  return Result.succeed({
    nodes: all.filter(({ name }) => !isLeftOut.has(name)),
    leftOut: all.filter(({ name }) => isLeftOut.has(name))
  })
}

/** A pattern that can match no node would silently allow none. */
const checkPatterns = (patterns: ReadonlyArray<string>, nameOf: NameOf): Result.Result<void, ConfigError> => {
  for (const pattern of patterns) {
    const problem = patternProblem(pattern)
    if (problem !== undefined) {
      const message = `${nameOf("allowNodes")}: '${pattern}' is no pattern: ${problem}; write name@host, with * for any characters`
      return Result.fail(new ConfigError({ message }))
    }
  }
  return Result.succeed(undefined)
}

/** Where nodes are to be looked for and cannot be. */
const checkSources = (texts: ReadonlyArray<string>, nameOf: NameOf): Result.Result<void, ConfigError> => {
  for (const text of texts) {
    const source = discoverySource(text)
    if ("problem" in source)
      return Result.fail(new ConfigError({ message: `${nameOf("discover")}: '${text}': ${source.problem}` }))
  }
  return Result.succeed(undefined)
}

const isEntry = (node: string | NodeEntry): node is NodeEntry => typeof node !== "string"

/** Where settings come from, and what they are called there. */
interface Source {
  readonly said: Settings
  readonly nameOf: NameOf
}

const knownIn = ({ nameOf, said }: Source, noNames = new Set<string>()): Known => ({
  entries: said.nodes?.filter(isEntry) ?? [],
  place: nameOf("nodes"),
  noNames
})

const otpName = (): string => "ERL_EPMD_PORT"

/** The environment variable that OTP itself has for one of our settings, where nothing else says it. */
const otpSource = (environment: Environment, others: ReadonlyArray<Settings>): Result.Result<Source, ConfigError> => {
  const isSaid = others.some(({ epmdPort }) => epmdPort !== undefined)
  const port = isSaid ? undefined : variable(environment, otpName())
  const said = decodeTexts(port === undefined ? {} : { epmdPort: [port] }, otpName)
  return Result.map(said, (said) => ({ said, nameOf: otpName }))
}

/** What of the words that were said for nodes stands for none, since what it stood for is gone. */
const goneOf = (nodes: ReadonlyArray<string | NodeEntry>, known: Known, said: string): string | undefined => {
  const gone = nodes.filter((node) => typeof node === "string" && called(node, known).length === 0)
  return gone.length === 0
    ? undefined
    : `${said}: no node has the alias or the group ${gone.map((word) => `'${String(word)}'`).join(", ")} any more (${known.place})`
}

/** Completes settings with the defaults; of two sources the first counts. */
const complete = (
  sources: readonly [Source, ...ReadonlyArray<Source>],
  known: Known,
  cookies: ReadonlyArray<CookieSource>,
  environment: Environment
): Result.Result<Config, ConfigError> => {
  const nameOf: NameOf = (name) => (sources.find(({ said }) => said[name] !== undefined) ?? sources[0]).nameOf(name)
  const all: Settings = Object.assign({}, ...sources.map(({ said }) => said).toReversed())
  const {
    agent = "auto",
    cookieFile: _,
    discover = [],
    epmdHost,
    epmdPort = defaultEpmdPort,
    logLevel,
    maxChars,
    mode = "elixir",
    nodes = [],
    ourName,
    reveal = false,
    tls: overTls = false,
    tlsCa: _ca,
    tlsCert: _cert,
    tlsInsecure: _insecure,
    tlsKey: _key,
    tlsServerName: _serverName,
    ...policy
  } = all
  const checked = Result.gen(function* () {
    yield* checkPatterns(policy.allowNodes ?? [], nameOf)
    yield* checkSources(discover, nameOf)
    const entries = yield* nodeEntries(nodes, known, nameOf("nodes"))
    yield* checkTlsUsed(all, [...entries.nodes, ...entries.leftOut], nameOf)
    return { entries, tls: yield* tlsSettings(all, nameOf) }
  })
  const gone = goneOf(nodes, known, nameOf("nodes"))
  return Result.map(checked, ({ entries, tls }) => ({
    ...entries,
    ...(gone !== undefined && { gone }),
    cookies: [...cookies, cookieVariable(environment, "RELEASE_COOKIE"), ...otpCookieFiles(environment)],
    ...(epmdHost !== undefined && { epmdHost }),
    epmdPort,
    overTls,
    tls,
    discover,
    ...(ourName !== undefined && { ourName }),
    agent,
    mode,
    ...(logLevel !== undefined && { logLevel }),
    ...(maxChars !== undefined && { maxChars }),
    reveal,
    policy: { ...policy, hostNames: hostNames() },
    nameOf
  }))
}

const programName: NameOf = (name) => name

/**
 * A configuration from settings that a program gives. Of the environment only what OTP itself reads counts
 * (`ERL_EPMD_PORT`, `RELEASE_COOKIE`, and where its cookie files are), and only where the settings say nothing. The
 * settings are checked like those of a file, whatever the program's compiler let pass.
 */
export const fromSettings = (
  said: Settings,
  environment: Environment = process.env
): Effect.Effect<Config, ConfigError> =>
  Effect.gen(function* () {
    const given = yield* Effect.mapError(
      Effect.fromResult(decodeProgram(said)),
      (message) => new ConfigError({ message })
    )
    const otp = yield* Effect.fromResult(otpSource(environment, [given]))
    const cookies = [cookieFileSource("cookieFile", given.cookieFile)]
    const source: Source = { said: given, nameOf: programName }
    return yield* Effect.fromResult(complete([source, otp], knownIn(source), cookies, environment))
  })

const flagName: NameOf = (name) => `--${settings[name].flag}`
const environmentName: NameOf = (name) => variableOf(settings[name].flag)

/** The configuration of a command: flags before the environment before the configuration file before the defaults. */
export const load = Effect.fnUntraced(function* (given: {
  readonly flags: SettingTexts
  /** Of `--config`. Default: `BEAMSCOPE_CONFIG`, else no file. */
  readonly file?: string
  readonly environment: Environment
}): Effect.fn.Return<Config, ConfigError> {
  const { environment } = given
  const flags = yield* Effect.fromResult(decodeTexts(given.flags, flagName))
  const fromEnvironment = yield* Effect.fromResult(decodeTexts(variableTexts(environment, flags), environmentName))
  if (given.file?.trim() === "") return yield* new ConfigError({ message: "--config: expected FILE, got ''" })
  const file = given.file ?? variable(environment, variableOf("config"))
  // Of all readings of the file.
  const noNames = new Set<string>()
  /** With these settings from the file. */
  const withFile = (fromFile: Settings) => {
    const inFile: Source = { said: fromFile, nameOf: (name) => `configuration file ${file}: ${keyOf(name)}` }
    const otp = otpSource(environment, [flags, fromEnvironment, fromFile])
    const cookies = [
      cookieFileSource("--cookie-file", flags.cookieFile),
      cookieFileSource("BEAMSCOPE_COOKIE_FILE", variable(environment, "BEAMSCOPE_COOKIE_FILE")),
      cookieVariable(environment, "BEAMSCOPE_COOKIE"),
      ...(fromFile.cookieFile === undefined ? [] : [cookieFileSource(`cookie_file of ${file}`, fromFile.cookieFile)])
    ]
    return Effect.fromResult(
      Result.flatMap(otp, (otp) =>
        complete(
          [{ said: flags, nameOf: flagName }, { said: fromEnvironment, nameOf: environmentName }, inFile, otp],
          knownIn(inFile, noNames),
          cookies,
          environment
        )
      )
    )
  }
  if (file === undefined) return yield* withFile({})
  const read = Effect.fnUntraced(function* (isAgain: boolean): Effect.fn.Return<Config, ConfigError> {
    const { said, stamp } = yield* readSettings(file, homeOf(environment), isAgain)
    const { nodes: _, ...others } = said
    return {
      ...(yield* withFile(said)),
      ...(stamp !== undefined && {
        file: { path: file, stamp, readAgain: read(true), others: JSON.stringify(others) }
      })
    }
  })
  return yield* read(false)
})
