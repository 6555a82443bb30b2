import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect as connectTo, createServer, type ListenOptions, type Socket } from "node:net"
import { networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import { type Address, connect, names, type Reach } from "../../src/dist/index.ts"
import { charlistText } from "../../src/etf/Term.ts"
import { freePort } from "../../src/launch/Enclave.ts"
import { joinNode, Nodes } from "../../src/node/index.ts"
import { Policy } from "../../src/policy/Policy.ts"
import { Catalogue } from "../../src/tools/Catalogue.ts"
import { Session } from "../../src/tools/Session.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { closedPort } from "../support/FakePeer.ts"
import { targetsOf } from "../support/targetsOf.ts"
import * as TlsNode from "../support/TlsNode.ts"
import { call } from "../support/Tools.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const loopback = "127.0.0.1"
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"))

/** Joins a node, and proves that it is the one that is meant. */
const reach = (node: BeamNode.BeamNode, how: Reach) =>
  Effect.scoped(
    Effect.gen(function* () {
      const us = yield* joinNode({ name: node.name, cookie: Redacted.make(node.cookie), ...how })
      expect(us.name).toBe(node.name)
      expect(charlistText(yield* us.call("os", "getpid", []))).toBe(String(node.pid))
    })
  )

const whyNot = (node: { readonly name: string; readonly cookie: string }, how: Reach) =>
  Effect.scoped(connect({ node: node.name, cookie: Redacted.make(node.cookie), ...how })).pipe(
    Effect.flip,
    Effect.map(({ reason }) => reason)
  )

/** The port that EPMD has for a node. */
const portOf = (node: BeamNode.BeamNode) =>
  Effect.map(names({ host: loopback, port: epmdPort }, 5_000), (all) => {
    const found = all.find(({ name }) => node.name.startsWith(`${name}@`))
    if (found === undefined) throw new Error(`EPMD does not know ${node.name}`)
    return found.port
  })

/** Listens, and hands each connection on, as `ssh -L` does. */
const relay = (listen: ListenOptions, to: Address): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<Socket>()
        const server = createServer((near) => {
          const far = connectTo(to)
          for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
            sockets.add(socket)
            socket.on("error", () => {}).on("close", () => other.destroy())
            socket.pipe(other)
          }
        }).listen(listen)
        await once(server, "listening")
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
    ),
    ({ server }) => {
      const address = server.address()
      return address === null || typeof address === "string" ? 0 : address.port
    }
  )

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "beamscope-address-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true }))
)

describe.each(BeamNode.otpReleases())("a node of OTP $otp is reached", ({ otp }) => {
  it.live("at a host and port, without any EPMD", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(freePort)
      const nobody = yield* closedPort
      const node = yield* BeamNode.start({
        otp,
        epmdPort: nobody,
        args: [
          ["-erl_epmd_port", String(port)],
          ["-kernel", "inet_dist_listen_min", String(port), "inet_dist_listen_max", String(port)]
        ].flat()
      })
      yield* reach(node, { address: { host: loopback, port }, epmdPort: nobody })
      expect(yield* whyNot(node, { epmdPort: nobody })).toEqual({ _tag: "EpmdRefused", host: loopback, port: nobody })
    })
  )

  it.live("at a host that is not the one in its name, through the EPMD there", () =>
    Effect.gen(function* () {
      // From TEST-NET-1, which leads nowhere.
      const node = yield* BeamNode.start({ otp, name: `elsewhere${process.pid}_${otp}@192.0.2.1` })
      yield* reach(node, { address: { host: loopback }, epmdPort })
      yield* reach(node, { address: { host: loopback, port: yield* portOf(node) } })
    })
  )

  it.live("through an EPMD on another host and port", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const elsewhere = "127.0.0.2"
      const other = yield* relay({ host: elsewhere, port: 0 }, { host: loopback, port: epmdPort })
      yield* reach(node, { epmdHost: elsewhere, epmdPort: other })
    })
  )

  it.live("through a Unix socket", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const path = join(yield* temporaryFolder, "socket")
      yield* relay({ path }, { host: loopback, port: yield* portOf(node) })
      yield* reach(node, { address: { path } })
    })
  )

  it.live("over TLS through a port of this machine, by a certificate for the host in its name", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("test authority")
      const certificate = authority.issue({ dnsNames: ["app.example"] })
      const node = yield* TlsNode.start({ otp, certificate, name: `app${process.pid}_${otp}@app.example` })
      const port = yield* relay({ host: loopback, port: 0 }, { host: loopback, port: yield* portOf(node) })
      yield* reach(node, { address: { host: loopback, port }, tls: { ca: authority.cert } })
    })
  )

  it.live.runIf(hasIpv6)("over IPv6", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp, ipv6: true, args: ["-proto_dist", "inet6_tcp"] })
      yield* reach(node, { epmdPort })
      yield* reach(node, { address: { host: "::1", port: yield* portOf(node) } })
    })
  )

  it.live.runIf(hasIpv6)("over IPv6, by another name of this machine than its own", () =>
    Effect.gen(function* () {
      const { cookie, name } = yield* BeamNode.start({ otp, ipv6: true, args: ["-proto_dist", "inet6_tcp"] })
      const asked = name.replace("::1", "localhost")
      const reach = { cookie: Redacted.make(cookie), epmdHost: "127.0.0.1", epmdPort, address: { host: "::1" } }
      const tools = Catalogue.layer.pipe(
        Layer.provideMerge(Nodes.layer),
        Layer.provideMerge(targetsOf({ epmdPort, resolve: (full) => Effect.succeed({ ...reach, name: full }) })),
        Layer.provideMerge(Policy.layer({ hostNames: [] })),
        Layer.provideMerge(Layer.effect(Session, Session.make({ mode: "erlang" })))
      )
      const { structured } = yield* call("connect_node", { node: asked }).pipe(Effect.provide(tools))
      expect(structured["node"]).toBe(name)
    })
  )

  it.live.runIf(hasIpv6)("over IPv6 and TLS", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("test authority")
      const node = yield* TlsNode.start({ otp, ipv6: true, certificate: authority.issue({ dnsNames: ["::1"] }) })
      yield* reach(node, { epmdPort, tls: { ca: authority.cert } })
      const wanting = { ca: authority.cert, serverName: "other.example" }
      expect(yield* whyNot(node, { epmdPort, tls: wanting })).toMatchObject({ problem: "name_mismatch" })
    })
  )

  it.live("when it is hidden, and when its name is a short one", () =>
    Effect.gen(function* () {
      yield* reach(yield* BeamNode.start({ otp, hidden: true }), { epmdPort })
      const short = yield* BeamNode.start({ otp, shortNames: true })
      yield* reach(short, { epmdPort })
      const long = { ...short, name: short.name.replace("localhost", loopback) }
      expect(yield* whyNot(long, { epmdPort })).toMatchObject({ _tag: "WrongNode", actual: short.name })
    })
  )

  // The flag came with OTP 24.
  it.live.runIf(Number(otp) >= 24)("not where it does not listen", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp, args: ["-dist_listen", "false"] })
      expect(yield* whyNot(node, { epmdPort })).toMatchObject({ _tag: "NameNotRegistered" })
    })
  )
})
