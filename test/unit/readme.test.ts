import { Effect } from "effect"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { commandSwitches, configFlag } from "../../src/cli/CommandFlags.ts"
import { load } from "../../src/config/Config.ts"
import { settings } from "../../src/config/Settings.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const troubleshooting = readFileSync(`${root}/README.md`, "utf8").split("## Troubleshooting")[1]!.split("\n## ")[0]!
const phrases = troubleshooting
  .split("\n")
  .flatMap((line) => /^\| (?!it says|-)(\S.*?) +\| /u.exec(line)?.slice(1) ?? [])

describe("what the README says about our messages", () => {
  const sources = globSync("src/**/*.ts", { cwd: root }).map((file) => readFileSync(`${root}/${file}`, "utf8"))

  it.each(phrases)("is what we say: %s", (phrase) => {
    const parts = phrase.split("…").map((part) => part.trim())
    expect(sources.some((source) => parts.every((part) => source.includes(part)))).toBe(true)
  })
})

const readme = readFileSync(`${root}/README.md`, "utf8")
const configurations = [...readme.matchAll(/^```json\n([^]*?)^```$/gmu)]
  .map(([, text = ""]) => text)
  .filter((text) => text.includes('"nodes"'))

describe("what the README has as configuration files", () => {
  it("are some, and have every key that a node's entry can have for its reach and its profile", () => {
    const keys = [
      "alias",
      "group",
      "tags",
      "access",
      "address",
      "tunnel",
      "tls",
      "epmd_host",
      "epmd_port",
      "cookie_file"
    ]
    const entries = configurations.flatMap(
      (text) => (JSON.parse(text) as { readonly nodes: ReadonlyArray<object> }).nodes
    )
    expect(keys.filter((key) => !entries.some((entry) => Object.hasOwn(Object(entry), key)))).toEqual([])
  })

  it.each(configurations)("is one: %s", async (text) => {
    const folder = mkdtempSync(join(tmpdir(), "beamscope-readme-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, "beamscope.json")
    writeFileSync(file, text, { mode: 0o600 })
    const { nodes } = await Effect.runPromise(load({ flags: {}, environment: { HOME: folder }, file }))
    expect(nodes.length).toBeGreaterThan(0)
  })

  it("names no flag that there is not", () => {
    const all = [...Object.values(settings), ...Object.values(commandSwitches), configFlag]
    const flags = new Set(all.map(({ flag }) => flag))
    const settingsText = readme.split("## Settings")[1]!.split("\n## ")[0]!
    const named = [...settingsText.matchAll(/(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?![\w-]|…)/gu)].map(([, flag]) => flag!)
    expect(named.filter((flag) => !flags.has(flag))).toEqual([])
  })
})
