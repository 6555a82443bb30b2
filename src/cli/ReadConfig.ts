import { Effect } from "effect"
import { type Config, load } from "../config/Config.ts"
import type { ConfigError } from "../config/ConfigError.ts"
import type { Environment } from "../config/SettingTexts.ts"
import { settings, variableOf } from "../config/Settings.ts"
import { didYouMean } from "../tools/DidYouMean.ts"
import { commandSwitches, configFlag } from "./CommandFlags.ts"
import type { ServerFlags } from "./ServerFlags.ts"

const flags = [configFlag, ...Object.values(settings), ...Object.values(commandSwitches)].map(({ flag }) => flag)
const variables = new Set(["BEAMSCOPE_COOKIE", ...flags.map(variableOf)])

/**
 * Variables that nobody reads and whose names are nearly those of ours. Others may be somebody else's: for a service
 * of our name Kubernetes sets `BEAMSCOPE_SERVICE_HOST`.
 */
export const misspelt = (environment: Environment): ReadonlyArray<string> =>
  Object.keys(environment).flatMap((name) => {
    if (!name.startsWith("BEAMSCOPE_") || variables.has(name)) return []
    const near = didYouMean(name.slice("BEAMSCOPE_".length), flags).map(variableOf)
    return near.length === 0 ? [] : [`${name} is no variable that is read; did you mean ${near.join(" or ")}?`]
  })

/** The configuration of a command. A variable that was perhaps mistyped is no mistake, and told on stderr. */
export const readConfig = (given: ServerFlags): Effect.Effect<Config, ConfigError> =>
  Effect.suspend(() => {
    for (const warning of misspelt(process.env)) process.stderr.write(`beamscope: ${warning}\n`)
    return load({ ...given, environment: process.env })
  })
