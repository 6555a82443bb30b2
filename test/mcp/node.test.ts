import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { type CallToolResult, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { names } from "../../src/dist/index.ts"
import { type BeamNode, startNode } from "../support/BeamNode.ts"
import { runs } from "../support/processes.ts"
import { launch, startServer } from "../support/ServerProcess.ts"

const epmdPort = process.env["ERL_EPMD_PORT"] ?? ""
let node: BeamNode
let folder = ""

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-mcp-"))
  node = await startNode({ name: "shop" })
})
afterAll(async () => {
  await node.stop()
  rmSync(folder, { recursive: true, force: true })
})

const secretFile = (name: string, content: string): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  chmodSync(path, 0o600)
  return path
}

const environment = () => ({ ERL_EPMD_PORT: epmdPort, BEAMSCOPE_COOKIE: node.cookie, BEAMSCOPE_NODE: node.name })

const connected = async (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const client = new Client({ name: "test", version: "1" })
  await client.connect(new StdioClientTransport({ ...launch(args, env), stderr: "ignore" }))
  onTestFinished(() => client.close())
  return client
}

const info = async (client: Client, args: Record<string, unknown> = {}) =>
  (await client.callTool({ name: "get_system_info", arguments: args })) as CallToolResult

const relay = fileURLToPath(new URL("../support/relay.ts", import.meta.url))

/** The port that EPMD has for the node. */
const portOf = async (port: number): Promise<number> => {
  const all = await Effect.runPromise(names({ host: "127.0.0.1", port }, 5_000))
  return all.find(({ name }) => node.name.startsWith(`${name}@`))!.port
}

const hiddenNodes = () => node.evaluate("nodes(hidden)")

describe("a node behind the server", () => {
  it("is connected by the first call and let go at the end", async () => {
    const client = await connected([], environment())
    await client.listTools()
    expect(await hiddenNodes()).toBe("[]")
    expect(await info(client)).toMatchObject({ structuredContent: { node: node.name, complete: true } })
    expect(await hiddenNodes()).not.toBe("[]")
    await client.close()
    await expect.poll(hiddenNodes).toBe("[]")
    expect(node.log()).toBe("")
  })

  it.each([
    ["--cookie-file", () => [["--cookie-file", secretFile("cookie", `${node.cookie}\n`)], {}]],
    ["BEAMSCOPE_COOKIE_FILE", () => [[], { BEAMSCOPE_COOKIE_FILE: secretFile("cookie", node.cookie) }]],
    ["RELEASE_COOKIE", () => [[], { RELEASE_COOKIE: node.cookie }]],
    [
      "a configuration file",
      () => [
        ["--config", secretFile("config.json", JSON.stringify({ nodes: [{ name: node.name, cookie: node.cookie }] }))],
        { RELEASE_COOKIE: "another" }
      ]
    ],
    [
      "~/.erlang.cookie",
      () => {
        secretFile(".erlang.cookie", node.cookie)
        return [[], { HOME: folder }]
      }
    ]
  ] as ReadonlyArray<[string, () => [Array<string>, Record<string, string>]]>)(
    "is reached with the cookie from %s",
    async (_source, settings) => {
      const [args, env] = settings()
      const client = await connected(args, { ERL_EPMD_PORT: epmdPort, ...env })
      expect(await info(client, { node: node.name })).toMatchObject({ structuredContent: { node: node.name } })
    }
  )

  it("is not reached without one, and the failed call says where one was looked for", async () => {
    const client = await connected([], { ERL_EPMD_PORT: epmdPort })
    const result = await info(client, { node: node.name })
    const text = result.content[0]?.type === "text" ? result.content[0].text : ""
    expect(result.isError).toBe(true)
    for (const place of [
      "--cookie-file",
      "BEAMSCOPE_COOKIE_FILE",
      "BEAMSCOPE_COOKIE",
      "RELEASE_COOKIE",
      ".erlang.cookie"
    ]) {
      expect(text).toContain(place)
    }
  })

  it.each(["is told to end", "is killed"])(
    "is tunnelled to with the first call, by the name that --node gives, until the server %s",
    async (end) => {
      const pids = join(folder, `pids-${end}`)
      const command = ["-c", 'echo $$ > "$1"; exec "$2" "$3" "$4" "$5"', "way", pids, process.execPath, relay, "{port}"]
      const entry = { name: node.name, cookie: node.cookie, alias: "staging-1" }
      const tunnel = ["/bin/sh", ...command, String(await portOf(Number(epmdPort)))]
      const file = secretFile("tunnel.json", JSON.stringify({ nodes: [{ ...entry, tunnel }, "other@x"] }))
      const server = startServer(["--config", file, "--node", "staging-1"])
      await server.initialize()
      await server.request("tools/list")
      expect(existsSync(pids)).toBe(false)
      const called = await server.request("tools/call", { name: "get_system_info", arguments: {} })
      expect(called.result).toMatchObject({ structuredContent: { node: node.name } })
      const pid = Number(readFileSync(pids, "utf8"))
      expect(runs(pid)).toBe(true)
      if (end === "is killed") server.child.kill("SIGKILL")
      else server.child.stdin.end()
      await server.ended
      await expect.poll(() => runs(pid)).toBe(false)
      await expect.poll(hiddenNodes).toBe("[]")
    }
  )

  it("keeps its cookie to itself, also when it is refused or printed at full length in the log", async () => {
    const server = startServer(["--log-level", "trace"], { ...environment(), BEAMSCOPE_COOKIE: "WRONGBUTSECRET" })
    await server.initialize()
    const call = { name: "get_system_info", arguments: {} }
    expect((await server.request("tools/call", call)).result).toMatchObject({
      isError: true,
      _meta: { "beamscope/error": { code: "connect_failed" } }
    })
    const given = { node: node.name, cookie: "ALSOSECRET" }
    await server.request("tools/call", { name: "connect_node", arguments: given })
    server.child.stdin.end()
    await server.ended
    const { err, out } = server.output()
    expect(err).toContain("get_system_info failed: connect_failed: ")
    expect(err).toContain("the cookie is not the node's (used: BEAMSCOPE_COOKIE). ")
    for (const secret of ["WRONGBUTSECRET", "ALSOSECRET", node.cookie]) expect(out + err).not.toContain(secret)
  })

  it("that hangs does not hold a call that is taken back, and answers again when it wakes", async () => {
    const client = await connected([], environment())
    await info(client)
    await node.freeze()
    try {
      const abort = new AbortController()
      const running = client.callTool({ name: "get_system_info" }, undefined, {
        signal: abort.signal,
        onprogress: () => abort.abort("enough")
      })
      await expect(running).rejects.toThrow("enough")
    } finally {
      node.thaw()
    }
    expect(await info(client)).toMatchObject({ structuredContent: { node: node.name } })
  })
})

describe("a node that goes and comes back", () => {
  it("is told of to the client that has set a level, without being asked, and to no other", async () => {
    const first = await startNode({ name: "lost" })
    onTestFinished(() => first.stop())
    const settings = { ...environment(), BEAMSCOPE_COOKIE: first.cookie, BEAMSCOPE_NODE: first.name }
    const listening = async () => {
      const client = await connected([], settings)
      const told: Array<unknown> = []
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void told.push(params))
      return { client, told }
    }
    const [one, other] = [await listening(), await listening()]
    await one.client.setLoggingLevel("info")
    for (const { client } of [one, other]) await client.callTool({ name: "connect_node", arguments: {} })
    process.kill(first.pid, "SIGKILL")
    await first.stop()
    await expect.poll(() => one.told).toHaveLength(1)
    const second = await startNode({ name: first.name, cookie: first.cookie })
    onTestFinished(() => second.stop())
    await expect.poll(() => one.told, { timeout: 20_000 }).toHaveLength(2)
    expect(one.told).toMatchObject([
      {
        level: "warning",
        logger: "beamscope",
        data: { node: first.name, state: "down", next_attempt: expect.stringMatching(/^20/u) }
      },
      { level: "warning", data: { node: first.name, state: "restarted" } }
    ])
    // By now it has the same to tell.
    await expect
      .poll(async () => (await info(other.client)).structuredContent, { timeout: 20_000 })
      .toMatchObject({ node: first.name })
    expect(other.told).toEqual([])
  })
})

describe("a node that hangs", () => {
  it("does not hold up the end, with a call under way", async () => {
    const server = startServer([], environment())
    await server.initialize()
    const call = { name: "get_system_info", arguments: {} }
    expect((await server.request("tools/call", call)).result).toMatchObject({ structuredContent: { complete: true } })
    await node.freeze()
    try {
      server.send("tools/call", call)
      const told = Date.now()
      server.child.stdin.end()
      expect(await server.ended).toEqual({ code: 0, signal: null })
      expect(Date.now() - told).toBeLessThan(2_000)
    } finally {
      node.thaw()
    }
    await expect.poll(hiddenNodes).toBe("[]")
  })
})

/** What a command prints, and its exit code. */
const command = (...args: ReadonlyArray<string>) => {
  const { args: argv, command: program, env } = launch(args, environment())
  const child = spawn(program, argv, { env, stdio: ["ignore", "pipe", "pipe"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  let [out, err] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text))
  const ended = once(child, "close").then(([code]) => code as number | null)
  return { child, ended, err: () => err, output: async () => ({ code: await ended, out, err }) }
}

describe("a tool from the command line", () => {
  it("prints its text, or its structure as JSON", async () => {
    const text = await command("call", "get_system_info").output()
    expect(text).toMatchObject({ code: 0, err: "" })
    expect(text.out).toContain(`node: ${node.name}`)
    for (const name of [node.name, node.name.split("@")[0]!]) {
      const text = await command("call", "get_system_info", "--node", name).output()
      expect(text.out).toContain(`node: ${node.name}`)
    }
    const json = await command("call", "get_system_info", "--json", "--node", node.name).output()
    expect(json).toMatchObject({ code: 0, err: "" })
    expect(JSON.parse(json.out)).toMatchObject({ node: node.name, complete: true })
    await expect.poll(hiddenNodes).toBe("[]")
  })

  it("says that it cannot see the nodes of this machine where no EPMD answers", async () => {
    const { code, out } = await command("nodes", "--json", "--epmd-port", "1").output()
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      complete: false,
      notes: expect.arrayContaining([expect.stringContaining("no EPMD answers on 127.0.0.1:1")])
    })
  })

  it("keeps to the length that the operator set", async () => {
    const { out } = await command("call", "list_processes", '{"limit": 50}', "--json", "--max-chars", "1500").output()
    expect(JSON.stringify(JSON.parse(out)).length).toBeLessThanOrEqual(1_500)
    expect(JSON.parse(out)).toMatchObject({ next_cursor: expect.any(String) })
  })

  it("that fails says why on stderr, with the exit code 1", async () => {
    const { code, err, out } = await command("call", "get_process_info", '{"pid": "<0.99999.0>"}').output()
    expect({ code, out }).toEqual({ code: 1, out: "" })
    expect(err).toMatch(/^beamscope: .*\ncode: /u)
  })

  it("shows on stderr that it is still running, and ends with 130 on Ctrl-C, nothing left on the node", async () => {
    await node.freeze()
    try {
      const { child, ended, err } = command("call", "get_system_info")
      await expect.poll(err, { timeout: 5_000 }).toContain("still running after 1 s\n")
      child.kill("SIGINT")
      expect(await ended).toBe(130)
    } finally {
      node.thaw()
    }
    await expect.poll(hiddenNodes).toBe("[]")
  })
})
