import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

/** What starts Beamscope as a host would: program, arguments, and an environment with nothing of this machine's in it. */
export const launch = (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) => {
  const home = mkdtempSync(join(tmpdir(), "beamscope-home-"))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return {
    command: process.execPath,
    args: [bin, ...args],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      // One for all, so that only the first start compiles the sources.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache", import.meta.url)),
      ...env
    }
  }
}

/** A message of the server, as it stands on a line of its standard output. */
export interface Message {
  readonly id?: number | string | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string }
}

/**
 * Beamscope as a process, looked at from the outside: what a host has, without an SDK in between. `begin` is what its
 * command line begins with, a program that becomes it.
 */
export const startServer = (
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {},
  begin: ReadonlyArray<string> = []
) => {
  const { args: argv, command, env: environment } = launch(args, env)
  const [program, ...rest] = [...begin, command, ...argv] as [string, ...ReadonlyArray<string>]
  const child = spawn(program, rest, { env: environment, stdio: ["pipe", "pipe", "pipe"] })
  const { stderr, stdin, stdout } = child
  onTestFinished(() => void child.kill("SIGKILL"))
  stdin.on("error", () => {})
  let out = ""
  let err = ""
  let changed: (() => void) | undefined
  stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
    changed?.()
  })
  stderr.setEncoding("utf8").on("data", (text: string) => void (err += text))
  const ended = once(child, "close").then(([code, signal]) => {
    changed?.()
    return { code: code as number | null, signal: signal as string | null }
  })

  /** The complete lines of standard output so far. Throws on one that is not JSON. */
  const messages = (): ReadonlyArray<Message> =>
    out
      .slice(0, out.lastIndexOf("\n") + 1)
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Message)

  /** The first message that fits, once it is there. */
  const message = async (fits: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const found = messages().find(fits)
      if (found !== undefined) return found
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server has ended. It said: ${err}`)
      await new Promise<void>((resolve) => {
        changed = resolve
      })
    }
  }

  const write = (text: string) => void stdin.write(text)
  let lastId = 0
  const send = (method: string, params?: object): number => {
    lastId += 1
    write(`${JSON.stringify({ jsonrpc: "2.0", id: lastId, method, ...(params && { params }) })}\n`)
    return lastId
  }
  const request = (method: string, params?: object): Promise<Message> => {
    const id = send(method, params)
    return message((it) => it.id === id)
  }
  const initialize = () =>
    request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" }
    })
  return {
    child,
    ended,
    /** Everything on standard output and on standard error so far. */
    output: () => ({ out, err }),
    messages,
    message,
    write,
    send,
    request,
    initialize
  }
}

/**
 * Something that listens, takes whatever comes, and never says a word: a call that connects there runs until it is
 * interrupted. Counts who came, and who is still there.
 */
export const silentPeer = async () => {
  let came = 0
  let present = 0
  const server = createServer((socket) => {
    came += 1
    present += 1
    socket.on("error", () => {})
    socket.resume()
    socket.on("close", () => {
      present -= 1
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return { port: address.port, came: () => came, present: () => present }
}
