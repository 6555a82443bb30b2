import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

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
