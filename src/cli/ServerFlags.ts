import { parseArgs } from "node:util"
import type { SettingTexts } from "../config/SettingTexts.ts"
import { type SettingName, settings } from "../config/Settings.ts"

/** Flags as they were typed. */
export interface ServerFlags {
  readonly flags: SettingTexts
  /** Of `--config`. */
  readonly file?: string
}

const named = Object.entries(settings) as ReadonlyArray<[SettingName, (typeof settings)[SettingName]]>

const options = Object.fromEntries([
  ["config", { type: "string" as const, multiple: true as const }],
  ...named.map(
    ([, { flag, form }]) =>
      [
        flag,
        { type: form._tag === "Switch" ? ("boolean" as const) : ("string" as const), multiple: true as const }
      ] as const
  )
])

/**
 * The flags of a command line that only starts the server, written without any finesse: the one that hosts use, where
 * every millisecond counts. `undefined` for everything else (a subcommand, `--help`, a mistake), which is for
 * `Commands.ts`, where the same flags mean the same.
 */
export const serverFlags = (args: ReadonlyArray<string>): ServerFlags | undefined => {
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
    const textsOf = (flag: string) => (values[flag] as ReadonlyArray<string | boolean> | undefined)?.map(String) ?? []
    const once = (flag: string) => textsOf(flag).length <= 1
    if (!once("config") || !named.every(([, { flag, form }]) => form._tag === "List" || once(flag))) return undefined
    const [file] = textsOf("config")
    return {
      flags: Object.fromEntries(named.map(([name, { flag }]) => [name, textsOf(flag)])),
      ...(file !== undefined && { file })
    }
  } catch {
    return undefined
  }
}
