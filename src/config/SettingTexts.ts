import { Result, Schema, SchemaIssue } from "effect"
import { ConfigError } from "./ConfigError.ts"
import { type SettingName, Settings, settings, variableOf } from "./Settings.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** Settings as text: for each the texts that were given for it, in order; a switch alone is `"true"`. */
export type SettingTexts = { readonly [Name in SettingName]?: ReadonlyArray<string> }

const settingNames = Object.keys(settings) as ReadonlyArray<SettingName>

/** An environment variable's value, where it counts: an empty one is as good as none. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name]?.trim() || undefined

/** What the environment says for a flag that is no setting: of a subcommand, and a switch. */
export const switchVariable = (flag: string, environment: Environment): Result.Result<boolean, ConfigError> => {
  const text = variable(environment, variableOf(flag)) ?? "false"
  const meaning = switches.get(text.toLowerCase())
  return meaning === undefined
    ? Result.fail(new ConfigError({ message: `${variableOf(flag)}: expected true, false, 1 or 0, got '${text}'` }))
    : Result.succeed(meaning)
}

const switches: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false]
])

/** A text's value; where it has none, something that the schema refuses. */
const fromText = (name: SettingName, texts: ReadonlyArray<string>): unknown => {
  const text = texts.at(-1)!
  switch (settings[name].form._tag) {
    case "List": {
      const items = texts.flatMap((each) => each.split(",").map((item) => item.trim())).filter((item) => item !== "")
      return items.length > 0 ? items : text
    }
    case "Switch":
      return switches.get(text.toLowerCase()) ?? text
    case "Number":
      return /^\d+$/u.test(text) ? Number(text) : text
    case "Choice":
      return text
    case "Text":
      return text.trim() === "" ? undefined : text
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

/** What was given; of several lines, which may be a key in place of its file, nothing. */
const shown = (text: string): string => (/[\n\r]/u.test(text) ? "several lines" : `'${text}'`)

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()
const strict = { errors: "all", onExcessProperty: "error" } as const

/** Settings from text; `nameOf` tells under which name a setting was given, for the error. */
export const decodeTexts = (
  texts: SettingTexts,
  nameOf: (name: SettingName) => string
): Result.Result<Settings, ConfigError> => {
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
        (name) => `${nameOf(name)}: expected ${expectation(name)}, got ${shown(texts[name]!.at(-1)!)}`
      )
      return new ConfigError({ message: message.join("; ") })
    }
  )
}

/** The settings that environment variables give, as text; not those that are `said` before them: what these hold is nothing. */
export const variableTexts = (environment: Environment, said: Settings = {}): SettingTexts =>
  Object.fromEntries(
    settingNames.flatMap((name) => {
      const text = variable(environment, variableOf(settings[name].flag))
      return text === undefined || said[name] !== undefined ? [] : [[name, [text]]]
    })
  )
