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

/** What Kubernetes sets for services whose names begin with ours: their hosts and ports, and addresses of these. */
const isOfKubernetes = (name: string, value: string | undefined): boolean =>
  /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)$/u.test(name) ||
  (/_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/u.test(name) && /^(?:tcp|udp|sctp):\/\//u.test(value ?? ""))

/** Variables that are called as if they were ours and that nobody reads, each in a line for people. */
export const unreadVariables = (environment: Environment): ReadonlyArray<string> =>
  Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith("BEAMSCOPE_") || variables.has(name) || isOfKubernetes(name, value)) return []
    const near = didYouMean(name.slice("BEAMSCOPE_".length), flags).map(variableOf)
    const help = near.length > 0 ? `did you mean ${near.join(" or ")}?` : "beamscope --help has those that are."
    return [`${name} is no variable that is read; ${help}`]
  })

/** Tells on stderr of variables that were perhaps mistyped, which is no mistake. */
export const tellUnread = (environment: Environment): void => {
  for (const warning of unreadVariables(environment)) process.stderr.write(`beamscope: ${warning}\n`)
}

/** The configuration of a command. */
export const readConfig = (given: ServerFlags): Effect.Effect<Config, ConfigError> =>
  Effect.suspend(() => {
    tellUnread(process.env)
    return load({ ...given, environment: process.env })
  })
