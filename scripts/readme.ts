/**
 * Writes the parts of README.md that the code knows better: the flags, the switches of single commands, the keys of a
 * node's entry and the tools, between the markers `<!-- flags -->` and `<!-- /flags -->`, and likewise for `switches`,
 * `node keys` and `tools`.
 *
 *   node scripts/readme.ts           writes README.md
 *   node scripts/readme.ts --check   fails when README.md is not what the code says
 */
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { argv, exit, stderr } from "node:process"
import { fileURLToPath } from "node:url"
import { commandSwitches, configFlag } from "../src/cli/CommandFlags.ts"
import { keyOf, type NodeEntry, nodeEntryTexts, settings, variableOf } from "../src/config/Settings.ts"
import { Beamscope } from "../src/index.ts"
import { Catalogue } from "../src/tools/Catalogue.ts"

const readme = fileURLToPath(new URL("../README.md", import.meta.url))

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

const everything = Beamscope.layer({ allowControl: true, allowEval: true })
const before = readFileSync(readme, "utf8")
const sections = {
  flags: flags(),
  switches: switches(),
  "node keys": nodeKeys(),
  tools: await Effect.runPromise(Effect.scoped(Effect.provide(tools, everything)))
}
const after = Object.entries(sections).reduce((text, [name, content]) => filled(text, name, content), before)
if (!argv.includes("--check")) writeFileSync(readme, after)
else if (after !== before) {
  stderr.write("README.md is not what the code says: run node scripts/readme.ts\n")
  exit(1)
}
