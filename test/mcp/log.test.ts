import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { freePort } from "../../src/launch/Enclave.ts"
import { startNode } from "../support/BeamNode.ts"
import { startServer } from "../support/ServerProcess.ts"

const relay = fileURLToPath(new URL("../support/relay.ts", import.meta.url))

/** Cookies: the operator's, and that of who asks. */
const [configured, given] = ["LOGGEDNOWHEREATALL", "GIVENANDTOLDNOBODY"]
const told = `key=${configured} ${given} password=hunter2supersecret \u001b[2J`

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-log-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const configure = (entry: object): string => {
  const file = join(folder, "beamscope.json")
  writeFileSync(file, JSON.stringify({ nodes: [{ name: "shop@127.0.0.1", cookie: configured, ...entry }] }), {
    mode: 0o600
  })
  return file
}

/** A port where whoever connects is told it, whatever he says. */
const teller = async (): Promise<number> => {
  const server = createServer((socket) => socket.on("error", () => {}).once("data", () => socket.end(`${told}\r\n`)))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** What a tunnel runs that says what it is told to, and fails. */
const failing = "console.error(process.argv[1]); process.exitCode = 3"

/** The same of one that runs a relay until that ends, whose process it writes into a file. */
const relaying = `
  const [, told, file, ...relay] = process.argv
  console.error(told)
  const { pid } = require("node:child_process").spawn(process.execPath, relay).on("exit", () => process.exit())
  require("node:fs").writeFileSync(file, String(pid))`

/** The three ways in which words of somebody else's come into the log: settings that lead there, and a word of why. */
const ways: Readonly<Record<string, () => Promise<{ readonly args: ReadonlyArray<string>; readonly why: string }>>> = {
  "the tunnel that fails": async () => ({
    args: ["--config", configure({ tunnel: [process.execPath, "--eval", failing, told, "{port}"] })],
    why: "exit status 3"
  }),
  "what listens at the node's address": async () => ({
    args: ["--config", configure({ address: `127.0.0.1:${await teller()}` })],
    why: "is no Erlang node"
  }),
  "what listens in EPMD's place": async () => ({
    args: ["--config", configure({}), "--epmd-port", String(await teller())],
    why: "does not speak the EPMD protocol"
  })
}

/** What was logged of `why`, and nothing in it that must not be seen. */
const expectClean = (log: string, why: string) => {
  const lines = log.split("\n").filter((line) => line.includes(why))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(line).toContain("[redacted]")
  for (const secret of [configured, "hunter2", "\u001b"]) expect(log).not.toContain(secret)
}

const logOf =
  (args: ReadonlyArray<string>) => async (use: (server: ReturnType<typeof startServer>) => Promise<void>) => {
    const server = startServer(args)
    await server.initialize()
    await use(server)
    server.child.stdin.end()
    await server.ended
    return server.output().err
  }

const connecting = (input: object = {}) => ({
  name: "connect_node",
  arguments: { node: "shop@127.0.0.1", timeout_ms: 10_000, ...input }
})

describe("the log", () => {
  it.each(Object.keys(ways))("never has a cookie in use that it is told by %s", async (way) => {
    const { args, why } = await ways[way]!()
    const log = await logOf([...args, "--log-level", "trace", "--reveal"])(async ({ request }) => {
      await request("tools/call", connecting())
      await request("tools/call", connecting({ cookie: given }))
    })
    expect(log).toContain("level=WARN")
    expectClean(log, why)
    // As long as nobody gave it, it was a word.
    expect(log.slice(log.lastIndexOf("level=WARN"))).not.toContain(given)
  })

  it.each(Object.keys(ways))("of a command never has one that it is told by %s", async (way) => {
    const { args, why } = await ways[way]!()
    for (const command of [
      ["call", "get_system_info", "--node", "shop@127.0.0.1"],
      ["doctor", "shop@127.0.0.1"]
    ]) {
      const called = startServer([...command, ...args, "--log-level", "trace"])
      await called.ended
      const { err, out } = called.output()
      expectClean(`${out}\n${err}`, why)
    }
  })

  it("never has one that the tunnel tells through which a link was, or that was given for it", async () => {
    const port = await freePort()
    const listen = ["-kernel", "inet_dist_listen_min", String(port), "inet_dist_listen_max", String(port)]
    const node = await startNode({ name: "shop", cookie: configured, args: listen })
    onTestFinished(() => node.stop())
    const pid = join(folder, "pid")
    const command = [relaying, told, pid, relay, "{port}", String(port)]
    for (const [cookie, input] of [
      [configured, {}],
      [given, { cookie: configured }]
    ] as const) {
      const file = configure({ name: node.name, cookie, tunnel: [process.execPath, "--eval", ...command] })
      const log = await logOf(["--config", file])(async ({ message, request }) => {
        await request("logging/setLevel", { level: "debug" })
        const { result } = await request("tools/call", connecting({ node: node.name, ...input }))
        expect(result?.["isError"]).toBeUndefined()
        process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL")
        const { params } = await message(({ method }) => method === "notifications/message")
        expect(JSON.stringify(params)).not.toContain(configured)
      })
      expectClean(log, "connection lost")
    }
  })
})
