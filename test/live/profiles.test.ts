import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach } from "vitest"
import * as Beamscope from "../../src/Beamscope.ts"
import { load } from "../../src/config/Config.ts"
import { freePort } from "../../src/launch/Enclave.ts"
import { Session } from "../../src/tools/Session.ts"
import type { ToolError } from "../../src/tools/ToolError.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { eventually } from "../support/eventually.ts"
import { closedPort } from "../support/FakePeer.ts"
import { fillProcesses } from "../support/fullTables.ts"
import { runs } from "../support/processes.ts"
import * as TlsNode from "../support/TlsNode.ts"
import { call } from "../support/Tools.ts"

const relay = fileURLToPath(new URL("../support/relay.ts", import.meta.url))

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-profiles-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

const configure = (...nodes: ReadonlyArray<object>): string => put("beamscope.json", JSON.stringify({ nodes }))

/** All of Beamscope with the configuration file as it is now. */
const withConfiguration = <A, E>(use: Effect.Effect<A, E, Beamscope.Services | Session>) =>
  Effect.gen(function* () {
    const config = yield* load({ flags: {}, environment: { HOME: folder }, file: join(folder, "beamscope.json") })
    return yield* Effect.provide(
      use,
      Beamscope.fromConfig(config).pipe(Layer.provideMerge(Layer.effect(Session, Session.make({ mode: "erlang" }))))
    )
  })

const refusal = (tool: string, input: object) => Effect.flip(call(tool, input)) as Effect.Effect<ToolError>

let started = 0

/** A node whose name leads nowhere, on a known port of this machine. */
const hiddenAway = (options: BeamNode.BeamNodeOptions = {}) =>
  Effect.gen(function* () {
    const port = yield* Effect.promise(freePort)
    const node = yield* BeamNode.start({ ...options, ...elsewhere(port) })
    return { node, port }
  })

const elsewhere = (port: number) => ({
  name: `shop_${process.pid}_${++started}@pod-7.shop.invalid`,
  args: ["-kernel", "inet_dist_listen_min", String(port), "inet_dist_listen_max", String(port)]
})

/** A command that notes its process and is a tunnel to that port. */
const tunnelTo = (port: number): ReadonlyArray<string> => [
  "/bin/sh",
  "-c",
  `echo $$ >> "$1"; shift; exec "$@"`,
  "tunnel",
  join(folder, "pids"),
  process.execPath,
  relay,
  "{port}",
  String(port)
]

const tunnels = (): ReadonlyArray<number> => readFileSync(join(folder, "pids"), "utf8").trim().split("\n").map(Number)

const linksOf = (node: BeamNode.BeamNode) =>
  Effect.map(
    Effect.promise(() => node.evaluate("length(nodes(hidden))")),
    Number
  )

describe.each(BeamNode.otpReleases())("a node of OTP $otp behind a tunnel", ({ otp }) => {
  it.live("sees nothing of how the tunnel is tried", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("test authority")
      const certificate = authority.issue({ commonName: "node", dnsNames: ["shop.example"] })
      const { node, port } = yield* hiddenAway({ otp })
      const securePort = yield* Effect.promise(freePort)
      const secure = yield* TlsNode.start({ otp, ...elsewhere(securePort), certificate })
      put("ca.pem", authority.cert)
      configure(
        { name: node.name, alias: "plain", cookie: node.cookie, tunnel: tunnelTo(port) },
        {
          name: secure.name,
          alias: "secure",
          cookie: secure.cookie,
          tunnel: tunnelTo(securePort),
          tls: { ca: "ca.pem", server_name: "shop.example" }
        }
      )
      yield* withConfiguration(
        Effect.gen(function* () {
          yield* call("connect_node", { node: "plain" })
          yield* call("connect_node", { node: "secure" })
        })
      )
      yield* Effect.promise(() => Promise.all([node.stop(), secure.stop()]))
      expect(node.log() + secure.log()).toBe("")
    })
  )

  it.live(
    "whose last process is gone has no other opened when that ends, which is a connection that would end it",
    () =>
      Effect.gen(function* () {
        const port = yield* Effect.promise(freePort)
        const { args, name } = elsewhere(port)
        const node = yield* BeamNode.start({ otp, name, args: ["+P", "1024", ...args] })
        configure({ name, alias: "staging-1", cookie: node.cookie, tunnel: tunnelTo(port) })
        yield* withConfiguration(
          Effect.gen(function* () {
            yield* call("connect_node", { node: "staging-1" })
            yield* Effect.promise(() => node.evaluate(fillProcesses(0)))
            const ask = refusal("get_system_info", { node: "staging-1" })
            expect(yield* ask).toMatchObject({ code: "process_table_full", retryable: true })
            process.kill(tunnels()[0]!, "SIGKILL")
            yield* eventually(
              Effect.map(ask, ({ message }) => message.includes("is left alone: its process table was full"))
            )
            const { structured } = yield* call("diagnose_connection", { node: "staging-1" })
            expect(structured["steps"]).toContainEqual(
              expect.objectContaining({ step: "configuration", outcome: "not_tried" })
            )
          })
        )
        expect(tunnels()).toHaveLength(1)
        expect(yield* Effect.promise(() => node.evaluate("is_pid(whereis(net_kernel))"))).toBe("true")
      })
  )

  it.live("gets a new link by a reset where the one that calls take goes dead, and not where that carries calls", () =>
    Effect.gen(function* () {
      const { node, port } = yield* hiddenAway({ otp })
      configure({ name: node.name, alias: "staging-1", cookie: node.cookie, tunnel: tunnelTo(port) })
      yield* withConfiguration(
        Effect.gen(function* () {
          const connect = call("connect_node", { node: "staging-1", reset: true })
          yield* connect
          const { data, notes } = yield* connected(connect)
          expect(notes).toEqual([])
          process.kill(tunnels()[0]!, "SIGSTOP")
          const late = yield* refusal("get_system_info", { node: "staging-1", timeout_ms: 500 })
          expect(late).toMatchObject({ code: "timeout", message: expect.stringContaining("connect_node with reset") })
          const { structured } = yield* call("diagnose_connection", { node: "staging-1" })
          expect(structured).toMatchObject({
            summary: expect.stringContaining("every step of the way passes, but the link that calls take is silent"),
            notes: expect.arrayContaining([expect.stringContaining("connect_node with reset gives it up")]),
            hints: expect.arrayContaining([expect.stringContaining("reset")])
          })
          const anew = yield* connected(connect)
          expect(anew.notes).toContainEqual(expect.stringContaining("it was given up, and made anew"))
          expect(anew.data).not.toEqual(data)
          yield* call("get_system_info", { node: "staging-1" })
          yield* eventually(Effect.sync(() => tunnels().filter(runs).length === 1))
        })
      )
      yield* eventually(Effect.sync(() => !tunnels().some(runs)))
    })
  )
})

/** What connecting tells: of the link, and besides. */
const connected = Effect.map(({ structured }: { readonly structured: Readonly<Record<string, unknown>> }) => ({
  notes: structured["notes"] ?? [],
  data: { since: structured["since"], name: structured["our_name"] }
}))

describe("what is behind a tunnel", () => {
  it.live.each(["connect_node", "diagnose_connection"])(
    "is told by %s as it shows itself within little time where it takes connections and says nothing",
    (tool) =>
      Effect.gen(function* () {
        const listens = `require("net").createServer(() => {}).listen({port}, "127.0.0.1")`
        const command = [process.execPath, "-e", listens]
        configure({ name: "app@pod.invalid", cookie: "abcdefabcdef1234", tunnel: command })
        yield* withConfiguration(
          Effect.gen(function* () {
            const told =
              tool === "connect_node"
                ? (yield* refusal(tool, { node: "app@pod.invalid", timeout_ms: 2_000 })).message
                : (yield* call(tool, { node: "app@pod.invalid", timeout_ms: 2_000 })).text
            expect(told).toContain("waiting for its status")
            expect(told).toContain("The way there is the tunnel of its entry")
          })
        )
      })
  )
})

describe("a node that is called by the name of its profile", () => {
  it.live("is reached through the tunnel of its entry, which goes with the link", () =>
    Effect.gen(function* () {
      const { node, port } = yield* hiddenAway()
      const { cookie, name } = node
      configure({ name, alias: "staging-1", group: "staging", tags: ["eu"], cookie, tunnel: tunnelTo(port) })
      yield* withConfiguration(
        Effect.gen(function* () {
          const { structured } = yield* call("connect_node", { node: "staging-1" })
          expect(structured["summary"]).toContain(`Connected to ${name}`)
          expect((yield* call("get_system_info", {})).structured["node"]).toBe(name)
          expect((yield* call("list_nodes", {})).structured["nodes"]).toContainEqual(
            expect.objectContaining({ node: name, alias: "staging-1", group: "staging", tags: ["eu"], state: "up" })
          )
          expect(tunnels().map(runs)).toEqual([true])
          yield* call("disconnect_node", { node: "staging-1" })
          yield* eventually(Effect.sync(() => !tunnels().some(runs)))
          // The next call opens another one.
          yield* call("get_system_info", { node: "staging-1" })
          expect(tunnels().map(runs)).toEqual([false, true])
        })
      )
      yield* eventually(Effect.sync(() => !tunnels().some(runs)))
      expect(node.log()).toBe("")
    })
  )

  it.live("is reached through another tunnel when the first one breaks", () =>
    Effect.gen(function* () {
      const { node, port } = yield* hiddenAway()
      configure({ name: node.name, alias: "staging-1", cookie: node.cookie, tunnel: tunnelTo(port) })
      yield* withConfiguration(
        Effect.gen(function* () {
          yield* call("connect_node", { node: "staging-1" })
          process.kill(tunnels()[0]!, "SIGKILL")
          yield* eventually(Effect.sync(() => tunnels().map(runs).join() === "false,true"))
          yield* eventually(Effect.map(linksOf(node), (count) => count === 1))
          yield* call("get_system_info", { node: "staging-1" })
        })
      )
    })
  )

  it.live("is reached at the address of its entry", () =>
    Effect.gen(function* () {
      const { node, port } = yield* hiddenAway()
      configure({ name: node.name, alias: "staging-1", cookie: node.cookie, address: `127.0.0.1:${port}` })
      yield* withConfiguration(
        Effect.gen(function* () {
          expect((yield* call("connect_node", { node: "staging-1" })).structured["node"]).toBe(node.name)
        })
      )
    })
  )

  it.live("is reached over TLS with the certificates of its entry", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("test authority")
      const certificate = authority.issue({ commonName: "node", dnsNames: ["shop.example"] })
      const us = authority.issue({ commonName: "us" })
      const port = yield* Effect.promise(freePort)
      const node = yield* TlsNode.start({ ...elsewhere(port), certificate, clientAuthority: authority.cert })
      put("ca.pem", authority.cert)
      put("us.pem", us.cert)
      put("us.key", us.key)
      const tls = { ca: "ca.pem", cert: "us.pem", key: "us.key", server_name: "shop.example" }
      const entry = { name: node.name, alias: "staging-1", cookie: node.cookie, address: `127.0.0.1:${port}` }
      configure({ ...entry, tls })
      yield* withConfiguration(
        Effect.gen(function* () {
          expect((yield* call("connect_node", { node: "staging-1" })).structured["node"]).toBe(node.name)
          yield* call("disconnect_node", { node: "staging-1" })
          // The file is read again for the next connection, and so are those that it names.
          configure({ ...entry, tls: { ...tls, server_name: "other.example" } })
          expect((yield* refusal("connect_node", { node: "staging-1" })).message).toContain("other.example")
          configure({ ...entry, tls })
          put("us.key", "no key at all")
          expect((yield* refusal("connect_node", { node: "staging-1" })).message).toContain(
            `tls.key of its entry in the configuration: ${join(folder, "us.key")} is no PEM file`
          )
          put("us.key", us.key)
          yield* call("connect_node", { node: "staging-1" })
        })
      )
    })
  )

  it.live("keeps its link when its entry changes, of which the access counts at once", () =>
    Effect.gen(function* () {
      const { node, port } = yield* hiddenAway()
      const entry = { name: node.name, alias: "staging-1", cookie: node.cookie, address: `127.0.0.1:${port}` }
      configure(entry)
      yield* withConfiguration(
        Effect.gen(function* () {
          const { structured } = yield* call("connect_node", { node: "staging-1" })
          configure({ ...entry, alias: "prod-1", access: "inspect", address: `127.0.0.1:${yield* closedPort}` })
          expect((yield* refusal("get_system_info", { node: "staging-1" })).code).toBe("no_node")
          expect((yield* call("connect_node", { node: "prod-1" })).structured["since"]).toBe(structured["since"])
          expect((yield* refusal("disconnect_node", { node: "prod-1" })).message).toContain(`the entry of ${node.name}`)
          put("beamscope.json", "{")
          const { structured: list } = yield* call("list_nodes", {})
          expect(list["notes"]).toContainEqual(expect.stringContaining("is not JSON: line 1, column 2"))
          expect(list["nodes"]).toContainEqual(expect.objectContaining({ alias: "prod-1", state: "up" }))
          configure({ ...entry, alias: "prod-1" })
          yield* call("disconnect_node", { node: "prod-1" })
          expect(yield* linksOf(node)).toBe(0)
        })
      )
    })
  )

  it.live("is not reached where its tunnel does not open, and one is told what its command said", () =>
    Effect.gen(function* () {
      const command = ["/bin/sh", "-c", "echo 'ssh: Could not resolve hostname gate' >&2; exit 255", "ssh", "{port}"]
      configure({ name: "shop@pod-7.shop.invalid", alias: "staging-1", cookie: "x", tunnel: command })
      yield* withConfiguration(
        Effect.gen(function* () {
          const error = yield* refusal("connect_node", { node: "staging-1" })
          expect(error).toMatchObject({ code: "connect_failed", retryable: true })
          expect(error.message).toBe(
            "The way to shop@pod-7.shop.invalid is not open: the tunnel's command /bin/sh ended (exit status 255) before it took connections. Run it by hand, with a free port for {port}, to see what it lacks. Nobody can answer it here: it has no terminal and no input. It said: ssh: Could not resolve hostname gate"
          )
          configure({
            name: "shop@pod-7.shop.invalid",
            alias: "staging-1",
            cookie: "x",
            tunnel: ["sleep", "60", "{port}"]
          })
          const silent = yield* refusal("connect_node", { node: "staging-1", timeout_ms: 1_500 })
          expect(silent.message).toMatch(/: the tunnel's command sleep (?:ended|took no connections on port)/u)
        })
      )
    })
  )

  it.live("is not reached where its tunnel leads to nothing, and one is told what its command says of that", () =>
    Effect.gen(function* () {
      const refused = "channel 2: open failed: connect failed: Connection refused"
      const far = `
        const server = require("node:net").createServer((socket) => {
          process.stderr.write(${JSON.stringify(refused)} + "\\n", () => socket.destroy())
        })
        server.listen(process.argv[1], "127.0.0.1")`
      const [name, secret] = ["shop@pod-7.shop.invalid", "SECRET"]
      const tunnel = [process.execPath, "-e", far, "{port}", secret]
      configure({ name, alias: "staging-1", cookie: "x", tunnel })
      yield* withConfiguration(
        Effect.gen(function* () {
          const error = yield* refusal("connect_node", { node: "staging-1" })
          expect(error).toMatchObject({ code: "connect_failed", retryable: true })
          const told = `The way there is the tunnel of its entry (${process.execPath}): check what it leads to, or run its command by hand, with a free port for {port}. It said: `
          expect(error.message).toContain(told)
          expect(error.message).toContain(refused)
          const { structured, text } = yield* call("diagnose_connection", { node: "staging-1" })
          const steps = structured["steps"] as ReadonlyArray<{ readonly step: string; readonly found: string }>
          const found = (of: string) => steps.find(({ step }) => step === of)!.found
          expect(found("configuration")).toContain(`its tunnel (`)
          expect(found("configuration")).toMatch(/ is open, and its end here is 127\.0\.0\.1:\d+; /u)
          expect(found("tcp")).toContain("which only says that the tunnel's end here does")
          expect(found("handshake")).toContain(told)
          expect(found("handshake")).toContain(refused)
          expect(text + error.message).not.toContain(secret)
        })
      )
    })
  )
})
