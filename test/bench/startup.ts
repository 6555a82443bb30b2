import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { env, execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { type InputOptions, rolldown } from "rolldown"
import config from "../../rolldown.config.ts"
import { takeTurns } from "./Rounds.ts"
import { compare } from "./Row.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const bundle = async (folder: string, input: string, options: InputOptions): Promise<string> => {
  const build = await rolldown({ ...options, cwd: root, platform: "node", input: { bin: input } })
  await build.write({ ...config.output, dir: folder })
  await build.close()
  return join(folder, "bin.mjs")
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
const processorMillis = async (pid: number): Promise<number> => {
  let nanos = 0
  for (const task of await readdir(`/proc/${pid}/task`)) {
    nanos += Number((await readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8")).split(" ")[0])
  }
  return nanos / 1e6
}

interface Answer {
  readonly text: string
  /** Milliseconds from the start of the process. */
  readonly wall: number
  readonly processor: number
}

/** The environment of a host, which has no settings of the tests. */
const environment = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("BEAMSCOPE_")))

/** What a server answers to its first request. */
const firstAnswer = async (server: string, method: string, params: object): Promise<Answer> => {
  const started = performance.now()
  const child = spawn(execPath, [server], {
    stdio: ["pipe", "pipe", "inherit"],
    env: environment
  })
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`)
  let text = ""
  while (!text.endsWith("\n")) text += String((await once(child.stdout, "data"))[0])
  const wall = performance.now() - started
  const processor = await processorMillis(child.pid!)
  // The bare server ends of itself as well: nothing else keeps it.
  child.stdin.end()
  await once(child, "exit")
  return { text, wall, processor }
}

const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "startup", version: "1" } }

/**
 * How long a host waits for us: from starting the process to its answer to `initialize`, beside a server that is the
 * MCP SDK and nothing else, bundled the same way, with the same tools to list.
 */
export const startup = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    // Below the project, so that the bare server finds the SDK.
    Effect.promise(() => mkdtemp(join(root, "node_modules", ".startup-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )
  const servers = yield* Effect.promise(async () => {
    const ours = await bundle(join(folder, "ours"), join(root, "src/bin.ts"), { plugins: config.plugins })
    const { tools } = JSON.parse((await firstAnswer(ours, "tools/list", {})).text).result
    await writeFile(join(folder, "bare.ts"), bareServer(tools))
    return { ours, bare: await bundle(join(folder, "bare"), join(folder, "bare.ts"), {}) }
  })
  const processor = { ours: [] as Array<number>, bare: [] as Array<number> }
  const race = (name: keyof typeof servers) =>
    Effect.map(
      Effect.promise(() => firstAnswer(servers[name], "initialize", hello)),
      (answer) => {
        processor[name].push(answer.processor)
        return answer.wall
      }
    )
  const wall = yield* takeTurns(11, { ours: race("ours"), bare: race("bare") })
  return [
    compare("start to the answer to initialize", "ms", wall.ours, "the MCP SDK alone", wall.bare, {
      goal: ["≤", 1.5]
    }),
    compare("processor for that", "ms", processor.ours, "the MCP SDK alone", processor.bare)
  ]
})
