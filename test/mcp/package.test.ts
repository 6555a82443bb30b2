import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { version } from "../../src/mcp/Version.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const run = promisify(execFile)
let consumer = ""
let packageFolder = ""

/** What is published, unpacked where a program that depends on it finds it, with its dependencies beside it. */
beforeAll(async () => {
  consumer = mkdtempSync(join(tmpdir(), "beamscope-consumer-"))
  const modules = join(consumer, "node_modules")
  packageFolder = join(modules, "beamscope")
  mkdirSync(packageFolder, { recursive: true })
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", consumer], { cwd: root })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("[\n")))
  await run("tar", ["xzf", join(consumer, filename), "-C", packageFolder, "--strip-components", "1"])
  for (const dependency of ["effect", "@effect", "@modelcontextprotocol", "@types"]) {
    symlinkSync(join(root, "node_modules", dependency), join(modules, dependency))
  }
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module" }))
}, 120_000)
afterAll(() => rmSync(consumer, { recursive: true, force: true }))

const node = (args: ReadonlyArray<string>, cwd = consumer) => run(process.execPath, args, { cwd })

const program = `
import { Effect } from "effect"
import { Beamscope, Catalogue, type ErlangNode, Session, ToolError, version } from "beamscope"
import { decode } from "beamscope/etf"
import { connect, DistError } from "beamscope/dist"
import { joinNode, Nodes } from "beamscope/node"
import { Catalogue as SameCatalogue } from "beamscope/tools"

const name = (node: ErlangNode): string => node.name
const program = Effect.gen(function* () {
  const { call, tools } = yield* Catalogue
  const failure = yield* Effect.flip(call("nonesuch", {}))
  const { structured } = yield* call("set_mode", { mode: "erlang" })
  return { tools: tools.map((tool) => tool.name), failure: failure instanceof ToolError && failure.code, structured }
}).pipe(
  Effect.provideServiceEffect(Session, Session.make({ mode: "elixir" })),
  Effect.scoped,
  Effect.provide(Beamscope.layer({ nodes: ["shop@db1"], readOnly: true }))
)
const parts = [decode, connect, DistError, joinNode, Nodes, name].every((part) => typeof part === "function")
Effect.runPromise(program).then((result) =>
  console.log(JSON.stringify({ ...result, version, parts, same: Catalogue === SameCatalogue }))
)
`

/** The README's example of a program, and that it can be run as it stands. */
const example = () => {
  const [, code] = /```ts\n(.*?)```/su.exec(readFileSync(join(packageFolder, "README.md"), "utf8"))!
  return `${code}\nexport const run = () => Effect.runPromise(processes)\n`
}

describe("the package", () => {
  it("has the version that it says", () => {
    expect(JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")).version).toBe(version)
  })

  it("can be compiled against, strictly, and run", async () => {
    writeFileSync(join(consumer, "program.ts"), program)
    writeFileSync(join(consumer, "example.ts"), example())
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      target: "es2024",
      module: "nodenext",
      types: ["node"]
    }
    writeFileSync(
      join(consumer, "tsconfig.json"),
      JSON.stringify({ compilerOptions, include: ["program.ts", "example.ts"] })
    )
    await node([join(root, "node_modules/typescript/bin/tsc"), "-p", "."]).catch(({ stdout }) =>
      Promise.reject(new Error(stdout))
    )
    const { stderr, stdout } = await node(["program.js"])
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toMatchObject({
      tools: expect.arrayContaining(["list_nodes", "set_mode"]),
      failure: "unknown_tool",
      structured: { summary: expect.any(String) },
      version,
      parts: true,
      same: true
    })
  }, 60_000)

  it("starts nothing by being imported", async () => {
    const watched = `
      import net from "node:net"
      import process from "node:process"
      for (const part of ["", "/etf", "/dist", "/node", "/tools"]) await import("beamscope" + part)
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((it) => !/^(?:PipeWrap|TTYWrap|FSReq)/u.test(it))))
    `
    expect((await node(["--input-type=module", "--eval", watched])).stdout).toBe("[]\n")
  })

  it("has a command in it that needs nothing beside itself", async () => {
    const alone = mkdtempSync(join(tmpdir(), "beamscope-alone-"))
    try {
      await run("cp", ["-r", join(packageFolder, "dist"), alone])
      const { stdout } = await node([join(alone, "dist/bin.mjs"), "tools", "--json"], alone)
      expect(JSON.parse(stdout)).toEqual(expect.arrayContaining([expect.objectContaining({ name: "list_nodes" })]))
    } finally {
      rmSync(alone, { recursive: true, force: true })
    }
  })

  it.each(["18.20.4", "20.20.2", "22.18.0"])("says to Node %s in one line what it needs", async (old) => {
    const pretend = `Object.defineProperty(process.versions, "node", { value: "${old}" })`
    const started = node([
      `--import=data:text/javascript,${encodeURIComponent(pretend)}`,
      join(packageFolder, "dist/bin.mjs")
    ])
    await expect(started).rejects.toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^beamscope needs Node\.js 22\.19 or later, and this is [^\n]+\n$/u)
    })
  })
})
