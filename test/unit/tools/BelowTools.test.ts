import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { allTools } from "../../../src/tools/AllTools.ts"

const root = fileURLToPath(new URL("../../../src", import.meta.url))
const below = globSync("{etf,syntax,dist,node,beam,cluster,launch,policy}/**/*.ts", { cwd: root }).filter(
  (file) => !file.endsWith(".generated.ts")
)

/** What our own agent calls an option, beside what a tool calls an argument. */
const inAgent = '[atom("timeout_ms"), '

it("what stands below the tools names none, nor their arguments: a library's caller has none", () => {
  expect(below.length).toBeGreaterThan(100)
  const words = new RegExp(`\\b(?:${[...allTools.map(({ name }) => name), "timeout_ms"].join("|")})\\b`, "u")
  const naming = below.flatMap((file) => {
    const lines = readFileSync(`${root}/${file}`, "utf8").split("\n")
    return lines.filter((line) => words.test(line.replace(inAgent, ""))).map((line) => `${file}: ${line.trim()}`)
  })
  expect(naming).toEqual([])
})
