/**
 * How long a host waits for us: from starting the process to its answer to `initialize`, beside a server that is the
 * MCP SDK and nothing else, bundled the same way, with the same tools to list. The servers take turns.
 *
 *     npm exec -- node test/bench/startup.ts [RUNS]
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { argv, env, execPath, stdout } from "node:process"
import { fileURLToPath } from "node:url"
import { type InputOptions, rolldown } from "rolldown"
import config from "../../rolldown.config.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
// Below the project, so that the bare server finds the SDK.
const folder = mkdtempSync(join(root, "node_modules", ".startup-"))

const bundle = async (name: string, input: string, options: InputOptions): Promise<string> => {
  const build = await rolldown({ ...options, cwd: root, platform: "node", input: { bin: input } })
  await build.write({ ...config.output, dir: join(folder, name) })
  await build.close()
  return join(folder, name, "bin.mjs")
}

const bareServer = (tools: unknown): string => `
  import { Server } from "@modelcontextprotocol/sdk/server/index.js"
  import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
  import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
  const tools = ${JSON.stringify(tools)}
  const server = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
  server.setRequestHandler(CallToolRequestSchema, () => ({ content: [] }))
  await server.connect(new StdioServerTransport())
`

/** Milliseconds of processor time that a process has had, on Linux. */
const processorMillis = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6)
    .reduce((sum, millis) => sum + millis)

interface Answer {
  readonly text: string
  readonly wall: number
  readonly processor: number
}

/** What a server answers to its first request, and milliseconds until then. */
const firstAnswer = async (server: string, method: string, params: object, extra: object = {}): Promise<Answer> => {
  const started = performance.now()
  const child = spawn(execPath, [server], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...env, XDG_CACHE_HOME: folder, ...extra }
  })
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`)
  let text = ""
  while (!text.endsWith("\n")) text += String((await once(child.stdout, "data"))[0])
  const wall = performance.now() - started
  const processor = processorMillis(child.pid!)
  // The bare server ends of itself as well: nothing else keeps it.
  child.stdin.end()
  await once(child, "exit")
  return { text, wall, processor }
}

const median = (figures: ReadonlyArray<number>): number =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!

try {
  const ours = await bundle("ours", join(root, "src/bin.ts"), { plugins: config.plugins })
  const { tools } = JSON.parse((await firstAnswer(ours, "tools/list", {})).text).result
  writeFileSync(join(folder, "bare.ts"), bareServer(tools))
  const bare = await bundle("bare", join(folder, "bare.ts"), {})

  const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "startup", version: "1" } }
  const contestants: Record<string, () => Promise<Answer>> = {
    "bare SDK server": () => firstAnswer(bare, "initialize", hello),
    beamscope: () => firstAnswer(ours, "initialize", hello),
    "beamscope, no compile cache": () => firstAnswer(ours, "initialize", hello, { NODE_DISABLE_COMPILE_CACHE: "1" })
  }
  const measured = Object.entries(contestants).map(([name, start]) => ({ name, start, answers: [] as Array<Answer> }))
  const runs = Number(argv[2] ?? 20)
  for (let run = 0; run < runs; run++) for (const { answers, start } of measured) answers.push(await start())

  stdout.write(`start to initialize, ${tools.length} tools, median of ${runs}\n`)
  const [reference] = measured
  for (const { answers, name } of measured) {
    const figure = (what: "wall" | "processor") => {
      const millis = median(answers.map((answer) => answer[what]))
      const ratio = millis / median(reference!.answers.map((answer) => answer[what]))
      return `${millis.toFixed(0).padStart(4)} ms ${ratio.toFixed(2)}x`
    }
    stdout.write(`${name.padEnd(28)} wall ${figure("wall")}  processor ${figure("processor")}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
