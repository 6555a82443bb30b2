import { Result } from "effect"
import type { ConfigError } from "../config/ConfigError.ts"
import { decodeTexts, type Environment, type SettingTexts, variable, variableTexts } from "../config/SettingTexts.ts"
import { type SettingName, settings, variableOf } from "../config/Settings.ts"
import { type CommandError, usageError } from "./CommandError.ts"
import { configFlag } from "./CommandFlags.ts"
import type { ServerFlags } from "./ServerFlags.ts"

/** Settings that the demo takes. For all others, such as nodes and cookies, it has its own. */
const taken = ["mode", "agent", "logLevel"] as const satisfies ReadonlyArray<SettingName>
const names = Object.keys(settings) as ReadonlyArray<SettingName>
const others = names.filter((name) => !taken.some((each) => each === name))

const flagOf = (name: SettingName): string => `--${settings[name].flag}`
const variableFor = (name: SettingName): string => variableOf(settings[name].flag)

const ofTaken = (texts: SettingTexts): SettingTexts =>
  Object.fromEntries(taken.flatMap((name) => (texts[name] === undefined ? [] : [[name, texts[name]]])))

/** What was said for a demo. */
export interface DemoSettings {
  /** The flags of its server that say the same. */
  readonly flags: ReadonlyArray<string>
  /** Variables that say something for a server, and nothing for this one. */
  readonly unused: ReadonlyArray<string>
}

/** Fails where a flag was typed that means nothing here; a variable may be there for other commands. */
export const demoSettings = (
  given: ServerFlags,
  environment: Environment
): Result.Result<DemoSettings, CommandError | ConfigError> =>
  Result.gen(function* () {
    const foreign = [
      ...(given.file === undefined ? [] : [`--${configFlag.flag}`]),
      ...others.filter((name) => (given.flags[name] ?? []).length > 0).map(flagOf)
    ]
    if (foreign.length > 0) {
      const message = `demo has a node and a server of its own, and takes only ${taken.map(flagOf).join(", ")} for it: leave out ${foreign.join(", ")}`
      return yield* Result.fail(usageError(message))
    }
    const flags = yield* decodeTexts(ofTaken(given.flags), flagOf)
    const variables = yield* decodeTexts(ofTaken(variableTexts(environment, flags)), variableFor)
    const said = { ...variables, ...flags }
    return {
      flags: taken.flatMap((name) => (said[name] === undefined ? [] : [`${flagOf(name)}=${said[name]}`])),
      unused: [variableOf(configFlag.flag), "BEAMSCOPE_COOKIE", ...others.map(variableFor)].filter(
        (name) => variable(environment, name) !== undefined
      )
    }
  })
