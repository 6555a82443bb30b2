import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import type { Buffer } from "node:buffer"
import { mkdirSync, writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { join, relative } from "node:path"
import { Machine } from "../../../src/cluster/Machine.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import { Resolver, resolverOf } from "../../../src/dist/Resolver.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import {
  CallError,
  type NodeTarget,
  type KnownNode,
  type NodeError,
  Nodes,
  TargetError
} from "../../../src/node/index.ts"
import { adviceOf } from "../../../src/tools/ConnectionAdvice.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { bareMachine } from "../../support/FakeDiscovery.ts"
import { worldLayer } from "../../support/FakeNodes.ts"
import { closedPort, serve, serveEpmd } from "../../support/FakePeer.ts"
import { addProcess, beam, folder } from "../../support/FakeProcesses.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"
import { targetsOf } from "../../support/targetsOf.ts"
import { call } from "../../support/Tools.ts"

const app = "app@127.0.0.1"

interface Surroundings {
  /** Default: that of a node on this machine. */
  readonly name?: string
  readonly epmdPort: number
  /** The folder that is like /proc. */
  readonly processes: string
  readonly environment?: Readonly<Record<string, string>>
  readonly discovery?: ReadonlyArray<string>
  readonly entry?: Partial<KnownNode>
  /** Where the node is said to be, as the link has it. */
  readonly address?: NonNullable<NodeTarget["address"]>
  /** Default: there is none. */
  readonly cookie?: Pick<NodeTarget, "cookie" | "cookieSource">
}

const over = ({
  address,
  cookie,
  discovery = [],
  entry,
  environment = {},
  epmdPort,
  name: node = app,
  processes
}: Surroundings) =>
  Catalogue.layer.pipe(
    Layer.provideMerge(Nodes.layer),
    Layer.provideMerge(
      targetsOf({
        discovery,
        epmdPort,
        nodes: Effect.succeed([{ ...entry, name: node }]),
        resolve: (name, given) => {
          const known = given?.cookie === undefined ? cookie : { cookie: given.cookie }
          return known === undefined
            ? Effect.fail(
                new TargetError({
                  node: name,
                  message: `there is no cookie to connect to ${name} with.`,
                  lacksCookie: true
                })
              )
            : Effect.succeed({ name, epmdPort, ...(address && { address }), ...known })
        }
      })
    ),
    Layer.provideMerge(Layer.succeed(Machine, { ...bareMachine, processes, environment })),
    Layer.provideMerge(worldLayer({}).pipe(Layer.fresh))
  )

/** What the link has of a socket. */
const asPeer = (socket: Socket) => ({
  on: (event: "data", listener: (chunk: Buffer) => void) => socket.on(event, listener),
  write: (bytes: Uint8Array) => socket.write(bytes)
})

/** What connect_node and diagnose_connection say of a node that cannot be connected; of other tools all say the first. */
const told = Effect.fnUntraced(function* (surroundings: Surroundings) {
  return yield* Effect.gen(function* () {
    const { message } = yield* Effect.flip(call("connect_node", { node: surroundings.name ?? app }))
    const other = yield* Effect.flip(call("get_system_info", { node: surroundings.name ?? app }))
    // What is only told again has the time in it that it is of.
    expect(adviceIn(other.message)).toBe(adviceIn(message))
    const { structured } = yield* call("diagnose_connection", { node: surroundings.name ?? app })
    return { connect: message, diagnosis: ((structured["notes"] ?? []) as ReadonlyArray<string>).join(" ") }
  }).pipe(Effect.provide(over(surroundings)))
})

/** What the node's own process, or its release, adds to an error. */
const adviceIn = (message: string): string | undefined =>
  /(?:Its process|The process|The release's own|EPMD on this machine) .*?(?= Once that is mended, |$)/u.exec(
    message
  )?.[0]

const expectBoth = ({ connect, diagnosis }: { readonly connect: string; readonly diagnosis: string }, text: string) => {
  expect(connect).toContain(text)
  expect(diagnosis).toContain(text)
}

const released = Effect.gen(function* () {
  const root = yield* folder
  mkdirSync(join(root, "releases"))
  const file = join(root, "releases/COOKIE")
  writeFileSync(file, "swordfish", { mode: 0o600 })
  return { root, file }
})

const machineOf = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  name = app
) {
  const processes = yield* folder
  addProcess(processes, "self", [])
  addProcess(processes, 10, [beam, "--", "-name", name, ...args], environment)
  return processes
})

/** A node that closes the connection when it sees what we make of the cookie. */
const wary = serve((socket) => {
  let isAsked = false
  const write = (bytes: Uint8Array) => {
    if (isAsked) return socket.end()
    isAsked = true
    return socket.write(bytes)
  }
  const on = (event: "data", listener: (chunk: Buffer) => void) => socket.on(event, listener)
  acceptHandshake({ on, write }, { name: app, cookie: "another" }, { isUp: () => {}, onData: () => {} })
})

describe("a node that cannot be connected, and runs on this machine", () => {
  it.live("is told to be stopped where its process is, of a node that takes connections and says nothing", () =>
    Effect.gen(function* () {
      const silent = {
        epmdPort: yield* serveEpmd({ app: yield* serve(() => {}) }),
        cookie: { cookie: Redacted.make("c") }
      }
      const text =
        "Its process runs on this machine, and is stopped (SIGSTOP), so that nothing in it goes on: kill -CONT 10 lets it."
      for (const state of ["S", "T"] as const) {
        const processes = yield* folder
        addProcess(processes, "self", [])
        addProcess(processes, 10, [beam, "--", "-name", app], {}, { state })
        const tool = (name: string) => call(name, { node: app, timeout_ms: 1_500 })
        const { connect, notes } = yield* Effect.gen(function* () {
          const { message } = yield* Effect.flip(tool("connect_node"))
          return { connect: message, notes: (yield* tool("diagnose_connection")).structured["notes"] }
        }).pipe(Effect.provide(over({ ...silent, processes })))
        expect(connect).toContain("waiting for its status")
        expect([connect.includes(text), JSON.stringify(notes ?? []).includes(text)]).toEqual([
          state === "T",
          state === "T"
        ])
      }
    }).pipe(Effect.scoped)
  )

  it.live("is told to be stopped whatever it is silent to, where it is here, and no other process may be it", () =>
    Effect.gen(function* () {
      const late = (phase: "handshake" | "tls" | "connect") =>
        new DistError({ node: app, reason: { _tag: "Timeout", phase, millis: 1_000, waitingFor: "waiting" } })
      const reason = { _tag: "DeadlineExceeded", millis: 1_000, worker: "awaited" } as const
      const unanswered = new CallError({ node: app, target: "erlang:self/0", reason })
      const far = { network: "net:[2]", host: "uts:[2]", root: "/elsewhere" }
      const stopped = { state: "T" }
      const advised = Effect.fnUntraced(function* (
        why: NodeError,
        others: ReadonlyArray<readonly [string, Parameters<typeof addProcess>[4]]>,
        rest: Partial<Surroundings> = {}
      ) {
        const processes = yield* folder
        addProcess(processes, "self", [])
        for (const [at, [name, state]] of others.entries())
          addProcess(processes, 10 + at, [beam, "--", "-name", name], {}, state)
        const advice = yield* Effect.provide(
          adviceOf(rest.name ?? app, [why]),
          over({ epmdPort: 1, processes, ...rest })
        )
        return advice.map(({ told: text }) => /kill -CONT \d+/u.exec(text)?.[0])
      })
      for (const why of [late("handshake"), late("tls"), unanswered])
        expect(yield* advised(why, [[app, stopped]])).toEqual(["kill -CONT 10"])
      expect(yield* advised(late("connect"), [[app, stopped]])).toEqual([])
      // One in a container says nothing of the one that is here.
      expect(
        yield* advised(late("tls"), [
          [app, {}],
          [app, { ...far, ...stopped }]
        ])
      ).toEqual([])
      expect(yield* advised(late("tls"), [[app, { ...far, ...stopped }]])).toEqual([])
      expect(
        yield* advised(late("tls"), [
          [app, { ...far }],
          [app, stopped]
        ])
      ).toEqual(["kill -CONT 11"])
      // Of two that are here, nobody knows which it is.
      for (const state of [{}, stopped])
        expect(
          yield* advised(late("tls"), [
            [app, state],
            [app, stopped]
          ])
        ).toEqual([])
      expect(
        yield* advised(late("tls"), [
          [app, stopped],
          ["app@localhost", {}]
        ])
      ).toEqual([])
      // Nor of what an entry leads to.
      for (const entry of [{ address: "127.0.0.1:9" }, { epmdHost: "far.example" }])
        expect(yield* advised(late("tls"), [[app, stopped]], { entry })).toEqual([])
      const name = "app@far.example"
      const there = new DistError({ node: name, reason: late("tls").reason })
      expect(yield* advised(there, [[name, stopped]], { name })).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live("is told that EPMD is stopped where its process is, of one that takes connections and says nothing", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serve(() => {})
      const processes = yield* folder
      addProcess(processes, "self", [])
      addProcess(processes, 11, ["epmd", "-port", String(epmdPort)], {}, { state: "T" })
      const text =
        "EPMD's process runs on this machine, and is stopped (SIGSTOP), so that nothing in it goes on: kill -CONT 11 lets it."
      // Where the operator lets nobody look, nobody does.
      for (const discovery of [[], ["follow"]]) {
        const tool = (name: string) => call(name, { node: app, timeout_ms: 1_000 })
        const { connect, notes } = yield* Effect.gen(function* () {
          const { message } = yield* Effect.flip(tool("connect_node"))
          return { connect: message, notes: (yield* tool("diagnose_connection")).structured["notes"] }
        }).pipe(Effect.provide(over({ epmdPort, processes, discovery, cookie: { cookie: Redacted.make("c") } })))
        expect(connect).toContain("accepted the connection but gave no answer")
        const isTold = discovery.length === 0
        expect([connect.includes(text), JSON.stringify(notes ?? []).includes(text)]).toEqual([isTold, isTold])
      }
    }).pipe(Effect.scoped)
  )

  it.live("is told to take no connections where its process does not", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ other: 1 })
      const cookie = { cookie: Redacted.make("c") }
      const processes = yield* machineOf(["-dist_listen", "false"])
      const text = "Its process runs on this machine, started with -dist_listen false"
      expectBoth(yield* told({ epmdPort, processes, cookie }), text)
      // Where the operator lets nobody look, nobody does; and of a node that is elsewhere it would be another's.
      for (const rest of [{ discovery: ["follow"] }, { entry: { epmdHost: "far.example" } }]) {
        const { connect, diagnosis } = yield* told({ epmdPort, processes, cookie, ...rest })
        expect(connect).toContain("is registered with EPMD")
        expect(connect + diagnosis).not.toContain(text)
      }
      const error = yield* Effect.flip(call("connect_node", { node: app })).pipe(
        Effect.provide(over({ epmdPort, processes, cookie }))
      )
      expect(error).toMatchObject({ code: "connect_failed", retryable: false })
    }).pipe(Effect.scoped)
  )

  it.live("is told where it is, by its process", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ other: 1 })
      const cookie = { cookie: Redacted.make("c") }
      const lone = yield* machineOf(["-erl_epmd_port", "9100", "-start_epmd", "false"])
      expectBoth(yield* told({ epmdPort, processes: lone, cookie }), `"address": "localhost:9100"`)
      const apart = yield* machineOf([], { ERL_EPMD_PORT: "14369" })
      expectBoth(yield* told({ epmdPort, processes: apart, cookie }), "--epmd-port 14369")
      const same = yield* machineOf([], { ERL_EPMD_PORT: String(epmdPort) })
      const lost = yield* told({ epmdPort, processes: same, cookie })
      expectBoth(lost, `its EPMD is the one that was asked, at port ${epmdPort}: that was ended, or started again`)
      expect(lost.connect).not.toContain("--epmd-port")
    }).pipe(Effect.scoped)
  )

  it.live("is told where it is, where its entry has an address that is out of date", () =>
    Effect.gen(function* () {
      const cookie = { cookie: Redacted.make("c") }
      const old = yield* closedPort
      const processes = yield* machineOf([])
      const bare = yield* folder
      const at = { cookie, address: { host: "127.0.0.1", port: old }, entry: { address: `127.0.0.1:${old}` } }
      const now = `"address": "localhost:77" in its entry leads there, in place of "127.0.0.1:${old}"`
      const epmdPort = yield* serveEpmd({ app: 77 })
      const own = yield* machineOf([], { ERL_EPMD_PORT: String(epmdPort) })
      const running = yield* told({ ...at, epmdPort: 1, processes: own })
      expectBoth(
        running,
        `Its process runs on this machine, and EPMD here (port ${epmdPort}) has it at port 77: ${now}`
      )
      expectBoth(
        yield* told({ ...at, epmdPort, processes: bare }),
        `EPMD on this machine (port ${epmdPort}) has a node 'app' at port 77, which may be it: ${now}`
      )
      const other = yield* serve((socket) => {
        const up = { isUp: () => {}, onData: () => {} }
        acceptHandshake(asPeer(socket), { name: "other@127.0.0.1", cookie: "c" }, up)
      })
      const taken = { ...at, address: { host: "127.0.0.1", port: other }, entry: { address: `127.0.0.1:${other}` } }
      const mistaken = yield* told({ ...taken, epmdPort, processes: bare })
      expectBoth(mistaken, `"address": "localhost:77" in its entry leads there`)
      expect(mistaken.connect).toContain("if not, the address is out of date, or leads elsewhere")
      // It says nothing new where it has that port, or a tunnel leads there, or no such node.
      const still = yield* serveEpmd({ app: old })
      const none = yield* serveEpmd({ another: 77 })
      const zero = yield* serveEpmd({ app: 0 })
      const names: Record<string, number> = {}
      const itself = yield* serveEpmd(names)
      names["app"] = itself
      for (const rest of [
        { epmdPort: still },
        { epmdPort: none },
        // Nor where EPMD is mistaken.
        { epmdPort: zero, processes: bare },
        { epmdPort: itself, processes: bare },
        { epmdPort, entry: { ...at.entry, tunnel: ["x"] } }
      ]) {
        const { connect, diagnosis } = yield* told({ ...at, processes, ...rest })
        expect(connect).toContain("Nothing takes connections at")
        expect(connect + diagnosis).not.toContain("leads there")
      }
    }).pipe(Effect.scoped)
  )

  it.live("is told where it is, where its host has no address", () =>
    Effect.gen(function* () {
      const cookie = { cookie: Redacted.make("c") }
      const epmdPort = yield* serveEpmd({ app: 77 })
      const processes = yield* machineOf([], { ERL_EPMD_PORT: String(epmdPort) }, "app@gone.invalid")
      const surroundings = { epmdPort, processes, cookie, name: "app@gone.invalid" }
      const advice = `EPMD here (port ${epmdPort}) has it at port 77: "address": "localhost:77" in its entry leads there.`
      const absent = resolverOf({
        addressesOf: () => Promise.reject(Object.assign(new Error("none"), { code: "ENOTFOUND" }))
      })
      const { dial } = yield* Transport
      const both = told(surroundings).pipe(
        Effect.provideService(Resolver, absent),
        Effect.provideService(Transport, {
          dial: (to, ...rest) =>
            "host" in to && to.host === "gone.invalid"
              ? Effect.fail({ _tag: "DialError", code: "ENOTFOUND" })
              : dial(to, ...rest)
        })
      )
      expectBoth(yield* both, advice)
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["refuses", "ECONNREFUSED"],
    ["cannot be reached", "EHOSTUNREACH"],
    ["is silent", "ETIMEDOUT"]
  ] as const)("is told where it is, where its host %s", ([, code]) =>
    Effect.gen(function* () {
      const cookie = { cookie: Redacted.make("c") }
      const epmdPort = yield* serveEpmd({ app: 77 })
      const { dial } = yield* Transport
      const away = "192.0.2.77"
      const dead = {
        dial: (to: Parameters<typeof dial>[0], millis: number) =>
          "host" in to && to.host === away ? Effect.fail({ _tag: "DialError", code } as const) : dial(to, millis)
      }
      const there = `EPMD here (port ${epmdPort}) has it at port 77: "address": "localhost:77" in its entry leads there`
      const environment = { ERL_EPMD_PORT: String(epmdPort) }
      const name = `app@${away}`
      const processes = yield* machineOf([], environment, name)
      const lost = yield* told({ epmdPort, processes, cookie, name }).pipe(Effect.provideService(Transport, dead))
      expectBoth(lost, `Its process runs on this machine, and ${there}.`)
      expect(lost.connect + lost.diagnosis).not.toContain("was ended, or started again")
      const misled = yield* told({ epmdPort, processes, cookie, name, entry: { epmdHost: "far.example" } }).pipe(
        Effect.provideService(Transport, dead)
      )
      expectBoth(
        misled,
        `The process of a node of this name, which may be it, runs on this machine, and ${there}, whatever epmd_host says ("far.example").`
      )
      // Nobody can tell it from another of the name where no process of it is here.
      const bare = yield* folder
      const unknown = yield* told({ epmdPort, processes: bare, cookie, name }).pipe(
        Effect.provideService(Transport, dead)
      )
      expect(unknown.connect + unknown.diagnosis).not.toContain("leads there")
    }).pipe(Effect.scoped)
  )

  it.live("is told in which file its release has the cookie that is lacking, or refused, and not the cookie", () =>
    Effect.gen(function* () {
      const { file, root } = yield* released
      const epmdPort = yield* serveEpmd({ app: yield* wary })
      const processes = yield* machineOf([], { RELEASE_ROOT: root })
      const named = `The release's own cookie is in ${file}, which is used only where it is named: --cookie-file ${file}`
      const none = yield* told({ epmdPort, processes })
      expectBoth(none, named)
      const refused = yield* told({
        epmdPort,
        processes,
        cookie: { cookie: Redacted.make("wrong"), cookieSource: "BEAMSCOPE_COOKIE" }
      })
      expectBoth(refused, named)
      expect(JSON.stringify([none, refused])).not.toContain("swordfish")
      // What stands behind a forwarded port may have the name of one that runs here, and another cookie.
      for (const entry of [{ address: "127.0.0.1:9" }, { tunnel: ["x"] }, { epmdHost: "far.example" }]) {
        const { connect, diagnosis } = yield* told({ epmdPort, processes, entry })
        expect(connect).toContain("there is no cookie".slice(1))
        expect(connect + diagnosis).not.toContain("The release's own")
      }

      const bare = yield* folder
      const environment = { RELEASE_NODE: app, RELEASE_ROOT: root, RELEASE_DISTRIBUTION: "name" }
      expectBoth(yield* told({ epmdPort, processes: bare, environment }), named)

      for (const path of [file, relative(process.cwd(), file)]) {
        const used = { cookie: Redacted.make("wrong"), cookieSource: `--cookie-file: ${path}` }
        const already = yield* told({ epmdPort, processes, cookie: used })
        expect(already.connect).toContain("the cookie is not the node's")
        expect(already.connect + already.diagnosis).not.toContain("The release's own cookie")
      }
    }).pipe(Effect.scoped)
  )
})
