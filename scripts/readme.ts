/**
 * Writes the parts of README.md that the code knows better: the flags, the switches of single commands, the keys of a
 * node's entry and the tools, between the markers `<!-- flags -->` and `<!-- /flags -->`, and likewise for `switches`,
 * `node keys` and `tools`. And the same words as comments into the types of the settings, for who uses the library.
 *
 *   node scripts/readme.ts           writes README.md, src/config/SettingTypes.ts and src/policy/AccessSettings.ts
 *   node scripts/readme.ts --check   fails when they are not what the code says
 */
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import process, { argv, stderr } from "node:process"
import { fileURLToPath } from "node:url"
import { commandSwitches, configFlag } from "../src/cli/CommandFlags.ts"
import { keyOf, type NodeEntry, nodeEntryTexts, settings, variableOf } from "../src/config/Settings.ts"
import { Beamscope } from "../src/index.ts"
import { Catalogue } from "../src/tools/Catalogue.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")

const flags = (): string =>
  table(
    ["flag", "environment", "meaning"],
    [
      [
        `\`--${configFlag.flag} ${configFlag.placeholder}\``,
        `\`${variableOf(configFlag.flag)}\``,
        configFlag.description
      ],
      ...Object.values(settings).map(({ description, flag, form }) => {
        const value =
          form._tag === "Switch"
            ? ""
            : form._tag === "Choice"
              ? ` ${form.choices.join("\\|")}`
              : ` ${form.placeholder}${form._tag === "List" ? ",…" : ""}`
        return [`\`--${flag}${value.replaceAll("\\|", "|")}\``, `\`${variableOf(flag)}\``, description]
      })
    ]
  )

const switches = (): string =>
  table(
    ["flag", "of", "environment", "meaning"],
    Object.values(commandSwitches).map(({ commands, description, flag }) => [
      `\`--${flag}\``,
      commands.map((command) => `\`${command}\``).join(", "),
      `\`${variableOf(flag)}\``,
      description
    ])
  )

const nodeKeys = (): string =>
  table(
    ["key", "meaning"],
    Object.entries(nodeEntryTexts).map(([name, text]) => [`\`${keyOf(name as keyof NodeEntry)}\``, text])
  )

interface Property {
  readonly description?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<string>
  readonly items?: Property
  readonly properties?: Readonly<Record<string, Property>>
  readonly required?: ReadonlyArray<string>
}

const kindOf = ({ enum: choices, items, type }: Property): string =>
  choices !== undefined
    ? choices.map((choice) => `\`${choice}\``).join(", ")
    : items !== undefined
      ? `list of ${kindOf(items)}`
      : (type ?? "")

/** The parameters of an object, one a line; those of an object within it below, further in. */
const parametersOf = ({ properties = {}, required = [] }: Property, indent = ""): string =>
  Object.entries(properties)
    .map(([name, property]) => {
      const facts = [required.includes(name) ? "required" : "", kindOf(property)].filter((fact) => fact !== "")
      const line = `${indent}- \`${name}\` (${facts.join("; ")})`
      const told = property.description === undefined ? line : `${line}: ${property.description}`
      return property.properties === undefined ? told : `${told}\n${parametersOf(property, `${indent}  `)}`
    })
    .join("\n")

const tools = Effect.gen(function* () {
  const catalogue = yield* Catalogue
  const listed = yield* catalogue.listings(catalogue.tools)
  const sections: Array<string> = []
  for (const toolset of new Set(listed.map((tool) => tool.toolset))) {
    sections.push(`### ${toolset}`)
    for (const tool of listed.filter((each) => each.toolset === toolset))
      sections.push(
        `#### ${tool.name}\n\n${tool.description}\n\n*Access: ${tool.access}. Cost: ${tool.cost}.*\n\n${parametersOf(tool.inputSchema)}`
      )
  }
  return sections.join("\n\n")
})

const filled = (text: string, name: string, content: string): string => {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [start, end] = [text.indexOf(open), text.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`README.md has no ${open} … ${close}`)
  return `${text.slice(0, start + open.length)}\n\n${content}\n\n${text.slice(end)}`
}

/** A doc comment of a field, in lines of at most 120 characters. */
const comment = (text: string): string => {
  // A word that begins with it would be taken for a tag.
  const told = `${text.replace(/(?<=\s)@\w*/gu, "`$&`")}.`
  const line = `  /** ${told} */`
  return line.length <= 120 ? line : `  /**${told.replace(/(.{1,115})(?: |$)/gu, "\n   * $1")}\n   */`
}

/** The source of an interface with these texts as the comments of its fields. */
const commented = (source: string, name: string, texts: Readonly<Record<string, string>>): string => {
  const start = source.search(new RegExp(String.raw`^export interface ${name}\b`, "mu"))
  if (start < 0) throw new Error(`there is no interface ${name}`)
  const end = source.indexOf("\n}", start)
  const body = Object.entries(texts).reduce(
    (text, [key, told]) =>
      text.replace(
        new RegExp(String.raw`\n(?:  /\*\*(?:[^*]|\*(?!/))*\*/\n)?(  readonly ${key}\??:)`, "u"),
        (_, field) => `\n${comment(told)}\n${field}`
      ),
    source.slice(start, end)
  )
  return source.slice(0, start) + body + source.slice(end)
}

const everything = Beamscope.layer({ allowControl: true, allowEval: true })
const sections = {
  flags: flags(),
  switches: switches(),
  "node keys": nodeKeys(),
  tools: await Effect.runPromise(Effect.scoped(Effect.provide(tools, everything)))
}
const settingTexts = Object.fromEntries(Object.entries(settings).map(([name, { description }]) => [name, description]))

/** What the code says of a file, given the file as it is. */
const written: Readonly<Record<string, (before: string) => string>> = {
  "README.md": (before) =>
    Object.entries(sections).reduce((text, [name, content]) => filled(text, name, content), before),
  "src/config/SettingTypes.ts": (before) =>
    commented(commented(before, "NodeEntry", nodeEntryTexts), "Settings", settingTexts),
  "src/policy/AccessSettings.ts": (before) => commented(before, "AccessSettings", settingTexts)
}
for (const [name, write] of Object.entries(written)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url))
  const before = readFileSync(path, "utf8")
  const after = write(before)
  if (!argv.includes("--check")) writeFileSync(path, after)
  else if (after !== before) {
    stderr.write(`${name} is not what the code says: run node scripts/readme.ts\n`)
    process.exitCode = 1
  }
}
