import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it, onTestFinished } from "vitest"
import { launch, silentPeer, startServer } from "../support/ServerProcess.ts"

const connected = async (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) => {
  const client = new Client({ name: "test", version: "1" })
  await client.connect(new StdioClientTransport({ ...launch(args, env), stderr: "ignore" }))
  onTestFinished(() => client.close())
  return client
}

const call = async (client: Client, name: string, args: Record<string, unknown> = {}) =>
  (await client.callTool({ name, arguments: args })) as CallToolResult

/** A call that runs until it is stopped: whoever is asked for the node's port never answers. */
const endless = (port: number) => ({
  args: ["--epmd-port", String(port)],
  params: { name: "connect_node", arguments: { node: "nobody@127.0.0.1", cookie: "c" } }
})

const request = (id: number, method: string, params: object = {}) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`

describe("a client of the SDK", () => {
  it("is told who we are, and can list and call", async () => {
    const client = await connected()
    expect(client.getServerVersion()).toMatchObject({
      name: "beamscope",
      version: expect.stringMatching(/^\d+\.\d+\./u)
    })
    expect(client.getServerCapabilities()).toEqual({ tools: {}, logging: {} })
    expect(client.getInstructions()?.length).toBeLessThanOrEqual(2_000)
    expect(client.getInstructions()).toContain("up to 10000 characters")
    expect((await connected(["--max-chars", "5000"])).getInstructions()).toContain("up to 5000 characters")

    const { tools } = await client.listTools()
    for (const tool of tools) {
      expect(Object.keys(tool)).toEqual(["name", "title", "description", "inputSchema", "outputSchema", "annotations"])
      expect(tool.name).toMatch(/^[a-z][a-z_]{0,39}$/u)
      expect(tool.inputSchema).toMatchObject({ type: "object", additionalProperties: false })
      expect(tool.outputSchema).toMatchObject({ type: "object" })
      expect(tool.annotations?.readOnlyHint).toBeTypeOf("boolean")
    }

    const result = await call(client, "set_mode", { mode: "erlang" })
    expect(result.isError).toBeUndefined()
    expect(result.structuredContent).toMatchObject({ summary: expect.any(String) })
    expect(result.content).toEqual([{ type: "text", text: expect.any(String) }])
  })

  it("learns what is wrong with its input from the failed call", async () => {
    const client = await connected()
    await client.listTools()
    for (const [name, args, code] of [
      ["set_mode", { mode: "perl" }, "invalid_input"],
      ["set_mode", {}, "invalid_input"],
      ["list_nodes", { surplus: 1 }, "invalid_input"],
      ["nonesuch", {}, "unknown_tool"],
      ["connect_node", { node: "nowhere@192.0.2.1" }, "not_allowed"]
    ] as const) {
      expect(await call(client, name, args)).toMatchObject({ isError: true, _meta: { "beamscope/error": { code } } })
    }
  })

  it("is shown signs of life, and can take back a call, which is not answered then", async () => {
    const peer = await silentPeer()
    const { args, params } = endless(peer.port)
    const client = await connected(args)
    const abort = new AbortController()
    const seen: Array<number> = []
    const running = client.callTool(params, undefined, {
      signal: abort.signal,
      onprogress: ({ progress }) => {
        seen.push(progress)
        if (seen.length === 2) abort.abort("enough")
      }
    })
    await expect(running).rejects.toThrow("enough")
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    const errors: Array<Error> = []
    Object.assign(client, { onerror: (error: Error) => void errors.push(error) })
    expect((await call(client, "list_nodes")).isError).toBeUndefined()
    expect(errors).toEqual([])
  })
})

describe("before the first call of a tool", () => {
  it("nothing is touched, however often a host starts us to try", async () => {
    const peer = await silentPeer()
    const start = () => startServer(["--epmd-port", String(peer.port), "--node", "a@127.0.0.1"])
    const servers = [start(), start(), start()]
    for (const server of servers) {
      await server.initialize()
      await server.request("tools/list")
      server.child.stdin.end()
    }
    for (const server of servers) expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(peer.came()).toBe(0)
  })
})

describe("the end", () => {
  it.each(["end of input", "SIGTERM", "SIGINT"] as const)("by %s stops what runs, and is clean", async (how) => {
    const peer = await silentPeer()
    const { args, params } = endless(peer.port)
    const server = startServer(args)
    await server.initialize()
    server.send("tools/call", params)
    await expect.poll(peer.present).toBe(1)
    const told = Date.now()
    if (how === "end of input") server.child.stdin.end()
    else server.child.kill(how)
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(Date.now() - told).toBeLessThan(2_000)
    expect(server.messages().map(({ id }) => id)).toEqual([1])
    await expect.poll(peer.present).toBe(0)
  })

  it("by a reader that goes away is no crash", async () => {
    const peer = await silentPeer()
    const { args, params } = endless(peer.port)
    const server = startServer(args)
    await server.initialize()
    server.send("tools/call", params)
    await expect.poll(peer.present).toBe(1)
    server.child.stdout.destroy()
    server.send("tools/list")
    expect(await server.ended).toEqual({ code: 0, signal: null })
    await expect.poll(peer.present).toBe(0)
    expect(server.output().err).not.toContain("EPIPE")
  })

  it("by a host that has stopped reading is noticed all the same", async () => {
    const { args, command, env } = launch()
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "ignore"] })
    onTestFinished(() => void child.kill("SIGKILL"))
    const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "deaf", version: "1" } }
    child.stdin.write(request(1, "initialize", hello))
    // More than a pipe holds.
    for (let id = 2; id < 62; id++) child.stdin.write(request(id, "tools/list"))
    await once(child.stdout, "readable")
    const told = Date.now()
    child.stdin.end()
    expect(await once(child, "exit")).toEqual([0, null])
    expect(Date.now() - told).toBeLessThan(2_000)
  })

  it("of an input that was written in one go comes after its answers", async () => {
    const server = startServer()
    const hello = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "shell", version: "1" } }
    server.child.stdin.end(
      request(1, "initialize", hello) + request(2, "tools/list") + request(3, "tools/call", { name: "list_nodes" })
    )
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(server.messages().map(({ id, result }) => [id, result !== undefined])).toEqual([
      [1, true],
      [2, true],
      [3, true]
    ])
  })
})

describe("a list of tools", () => {
  it("has one page, and no cursor leads to another", async () => {
    const server = startServer()
    await server.initialize()
    expect((await server.request("tools/list", {})).result).toMatchObject({ tools: expect.any(Array) })
    expect((await server.request("tools/list", { cursor: "zzz" })).error).toMatchObject({ code: -32_602 })
    server.child.stdin.end()
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})

describe("lines that are no message", () => {
  it("are answered as JSON-RPC has it, and the next is heard", async () => {
    const server = startServer(["--log-level", "trace"])
    await server.initialize()
    server.write("nonsense\n{}\n[]\n\u0000\u001B[2J\n")
    server.write(`"${"x".repeat(5 * 1024 * 1024)}"\n`)
    server.write(`${"[".repeat(100_000)}${"]".repeat(100_000)}\n`)
    server.write(
      `{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{"name":"list_nodes","arguments":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}}\n`
    )
    expect((await server.request("ping")).result).toEqual({})
    const refused = server.messages().filter(({ error, id }) => id === null && error !== undefined)
    expect(refused.map(({ error }) => error?.code)).toEqual([-32_700, -32_600, -32_600, -32_700, -32_600, -32_600])
    expect((await server.message(({ id }) => id === "deep")).result).toMatchObject({ isError: true })
    server.child.stdin.end()
    expect(await server.ended).toEqual({ code: 0, signal: null })
    for (const message of server.messages()) expect(message).toMatchObject({ jsonrpc: "2.0" })
  })
})

describe("a mistake in the settings", () => {
  it.each([
    [["--bogus"], {}, "--bogus"],
    [["--mode", "perl"], {}, "--mode: expected one of elixir, erlang, gleam, lfe, got 'perl'"],
    [[], { BEAMSCOPE_READ_ONLY: "maybe" }, "BEAMSCOPE_READ_ONLY"],
    [["--config", "/nonexistent.json"], {}, "/nonexistent.json: cannot be read (ENOENT)"],
    [["--tools", "nonesuch"], {}, "nonesuch"]
  ] as ReadonlyArray<[Array<string>, Record<string, string>, string]>)(
    "in %j %j ends the server with one line on stderr",
    async (args, env, words) => {
      const server = startServer(args, env)
      expect(await server.ended).toEqual({ code: 2, signal: null })
      const { err, out } = server.output()
      expect(out).toBe("")
      expect(err).toMatch(/^beamscope: [^\n]+\n$/u)
      expect(err).toContain(words)
    }
  )
})
