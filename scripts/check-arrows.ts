/**
 * Checks that imports point down. The storeys, from the ground up; a file may import from its own folder and from
 * storeys below, and the houses that share a storey do not know each other.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { exit, stderr, stdout } from "node:process"
import { fileURLToPath } from "node:url"

const storeys: ReadonlyArray<ReadonlyArray<string>> = [
  ["etf"],
  ["syntax"],
  ["dist"],
  ["node"],
  ["beam", "session", "cluster", "launch"],
  ["policy"],
  ["tools"],
  ["mcp"],
  ["config", "serve"],
  ["Beamscope.ts"],
  ["cli"],
  ["bin.ts", "index.ts"]
]

/** Packages and Node modules that only some places may import, with those places. */
const reserved: ReadonlyArray<{
  readonly what: RegExp
  readonly where: (file: string) => boolean
  readonly why: string
}> = [
  {
    what: /^(?:effect|@effect\/)/u,
    where: (file) => !/^(?:etf|syntax)\//u.test(file),
    why: "etf/ and syntax/ are plain code without a runtime"
  },
  {
    what: /^@modelcontextprotocol\//u,
    where: (file) => file.startsWith("mcp/"),
    why: "only mcp/ knows an MCP SDK"
  },
  {
    what: /^(?:node:)?(?:net|tls|http|https|http2|dgram|dns(?:\/promises)?|child_process|cluster)$/u,
    where: (file) => /^(?:serve|launch)\//u.test(file) || /^dist\/(?:Transport|Resolver)\.ts$/u.test(file),
    why: "only serve/, launch/, dist/Transport and dist/Resolver touch the network and processes"
  },
  {
    what: /^@effect\/platform-node$/u,
    where: () => false,
    why: "the barrel of platform-node costs 400 ms at start: import its modules one by one"
  }
]

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..", "src")
const houseOf = (file: string): string => file.split("/")[0]!
const storeyOf = (house: string): number => storeys.findIndex((houses) => houses.includes(house))

const problems: Array<string> = []
let arrows = 0
for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" })) {
  if (!entry.endsWith(".ts")) continue
  const file = entry.replaceAll("\\", "/")
  const house = houseOf(file)
  if (storeyOf(house) < 0) problems.push(`${file}: '${house}' stands in no storey`)
  const text = readFileSync(join(root, entry), "utf8")
  for (const match of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/gu)) {
    const target = match[1]!
    arrows++
    if (target.startsWith(".")) {
      const imported = relative(root, resolve(root, dirname(file), target)).replaceAll("\\", "/")
      const importedHouse = houseOf(imported)
      const isBelow = storeyOf(importedHouse) < storeyOf(house)
      if (importedHouse !== house && !isBelow) problems.push(`${file} imports ${imported}, which is not below it`)
      if (importedHouse === "policy" && !["policy", "tools", "config", "Beamscope.ts"].includes(house))
        problems.push(
          `${file} imports ${imported}: policy/ is asked by tools/ only, set in config/, and handed over by Beamscope.ts`
        )
    } else {
      for (const { what, where, why } of reserved)
        if (what.test(target) && !where(file)) problems.push(`${file} imports ${target}: ${why}`)
    }
  }
}

if (problems.length > 0) {
  stderr.write(`${problems.join("\n")}\n`)
  exit(1)
}
stdout.write(`${arrows} imports, all pointing down\n`)
