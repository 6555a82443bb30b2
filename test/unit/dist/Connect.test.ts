import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Buffer } from "node:buffer"
import { once } from "node:events"
import { renameSync, writeFileSync } from "node:fs"
import dns from "node:dns/promises"
import { syncBuiltinESMExports } from "node:module"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { names } from "../../../src/dist/Epmd.ts"
import { connect, type LinkOptions, type Reach } from "../../../src/dist/Link.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { isTrouble } from "../../../src/node/NodeError.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { toToolError } from "../../../src/tools/Failure.ts"
import { closedPort, packet, serve, serveEpmd } from "../../support/FakePeer.ts"
import { folder } from "../../support/FakeProcesses.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"

const cookie = Redacted.make("a cookie nobody may see")

/** The reason for which connecting fails, and its text. */
const whyNot = (node: string, epmdPort: number, timeoutMillis = 2_000) =>
  Effect.scoped(connect({ node, cookie, epmdPort, timeoutMillis })).pipe(
    Effect.flip,
    Effect.tap((error) => Effect.sync(() => expect(error.message).not.toContain(Redacted.value(cookie)))),
    Effect.map(({ message, reason }) => ({ reason, message }))
  )

/** The same with a node that does this to each connection. */
const whyNotWith = (onConnection: (socket: Socket) => void, timeoutMillis?: number) =>
  Effect.gen(function* () {
    const port = yield* serve(onConnection)
    return yield* whyNot("app@127.0.0.1", yield* serveEpmd({ app: port }), timeoutMillis)
  })

describe("why a link cannot be made", () => {
  it.live("a name that is none", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNot("app", 1)
      expect(reason).toMatchObject({ _tag: "InvalidNodeName", name: "app" })
      expect(message).toContain("name@host")
    })
  )

  it.live.each<Partial<LinkOptions> & { readonly option: string }>([
    { option: "epmdPort", epmdPort: 70_000 },
    { option: "address.port", address: { host: "127.0.0.1", port: 0 } },
    { option: "address", address: { host: "a\0b" } },
    { option: "epmdHost", epmdHost: "" },
    { option: "timeoutMillis", timeoutMillis: Number.NaN }
  ])("an option that cannot be: $option", ({ option, ...options }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(connect({ node: "app@127.0.0.1", cookie, ...options })))
      expect(error.reason).toMatchObject({ _tag: "InvalidOption", option })
    })
  )

  it.live.each(["nohost", "us@x\0y", "a b@c", `${"a".repeat(300)}@b`])("a name of ours that is none: %j", (localName) =>
    Effect.gen(function* () {
      // Nothing listens there: it is told before anything is sent.
      const to = { node: "app@127.0.0.1", cookie, localName, epmdPort: yield* closedPort }
      const error = yield* Effect.flip(Effect.scoped(connect(to)))
      expect(error.reason).toMatchObject({ _tag: "InvalidNodeName", name: localName })
    })
  )

  it.live.each([
    ["EMFILE", false],
    // That a node's host cannot be looked up is trouble on the way to that node.
    ["EAI_AGAIN", true]
  ] as const)("something that passes, and is not the node's: %s", ([code, isOnTheWay]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(connect({ node: "app@127.0.0.1", cookie }))).pipe(
        Effect.provideService(Transport, { dial: () => Effect.fail({ _tag: "DialError", code }) })
      )
      expect(isTrouble(error)).toBe(isOnTheWay)
      expect(toToolError(error, syntaxes.elixir).retryable).toBe(true)
    })
  )

  it.live.each([
    ["::1", undefined, { _tag: "Unreachable", code: "EADDRNOTAVAIL" }, "See whether IPv6 is on here"],
    ["localhost", "::1", { _tag: "Unreachable", code: "EADDRNOTAVAIL" }, "See whether IPv6 is on here"],
    [
      "127.0.0.1",
      undefined,
      { _tag: "NoResources", code: "EADDRNOTAVAIL" },
      "no port left for another connection, or no address"
    ]
  ] as const)("that there is no address to come from: to %s, where that is %s", ([host, address, reason, says]) =>
    Effect.gen(function* () {
      const failure = { _tag: "DialError", code: "EADDRNOTAVAIL", ...(address && { address }) } as const
      const error = yield* Effect.flip(
        Effect.scoped(connect({ node: "app@127.0.0.1", cookie, address: { host, port: 9 } }))
      ).pipe(Effect.provideService(Transport, { dial: () => Effect.fail(failure) }))
      expect(error.reason).toMatchObject(reason)
      expect(error.message).toContain(says)
      expect(error.message).not.toContain("ulimit")
    })
  )

  it.live("what sends zeros", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNotWith((socket) => void socket.write(Buffer.alloc(64)))
      expect(reason).toMatchObject({ _tag: "NotErlangNode" })
      expect(message).toContain("it sent zeros")
    })
  )

  it.live("what closes at once, which need not be the node", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => void socket.destroy())
      const address = { host: "127.0.0.1", port }
      const error = yield* Effect.flip(Effect.scoped(connect({ node: "app@127.0.0.1", cookie, address })))
      expect(error.message).toContain("closed the connection without a word")
      expect(error.message).toContain("A forwarded port with nothing behind it does so")
    })
  )

  it.live("a host that does not resolve", () =>
    Effect.gen(function* () {
      const { reason } = yield* whyNot("app@no-such-host.invalid", 4369)
      // A machine without a name server gets no answer, instead of that there is none.
      expect(reason).toMatchObject({ _tag: "HostUnresolved", host: "no-such-host.invalid" })
    })
  )

  it.live.each<readonly [part: string, reach: Reach]>([
    ["epmd", {}],
    ["node", { address: { host: "node.silent.example", port: 9 } }],
    ["tls", { address: { host: "tls.silent.example", port: 9 }, tls: { insecure: true } }]
  ])("a name service that is silent about the host of the %s", ([part, reach]) =>
    Effect.gen(function* () {
      vi.spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
      syncBuiltinESMExports()
      const host = `${part}.silent.example`
      const error = yield* Effect.flip(
        Effect.scoped(connect({ node: `app@${host}`, cookie, timeoutMillis: 20, ...reach }))
      )
      expect(error.reason).toEqual({ _tag: "HostUnresolved", host, isPassing: true })
      expect(error.message).toContain(`the name service gave no answer for the host '${host}'`)
      expect(isTrouble(error)).toBe(true)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          vi.restoreAllMocks()
          syncBuiltinESMExports()
        })
      )
    )
  )

  it.live("no EPMD", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      expect((yield* whyNot("app@127.0.0.1", port)).reason).toEqual({ _tag: "EpmdRefused", host: "127.0.0.1", port })
    })
  )

  it.live("an EPMD that says nothing", () =>
    Effect.gen(function* () {
      const port = yield* serve(() => {})
      const { reason } = yield* whyNot("app@127.0.0.1", port, 50)
      expect(reason).toEqual({ _tag: "EpmdSilent", host: "127.0.0.1", port, millis: 50 })
      const stutterer = yield* serve((socket) => void socket.write(Uint8Array.of(1, 2, 250)))
      expect((yield* whyNot("app@127.0.0.1", stutterer, 50)).message).toContain("only the bytes 0102fa")
    })
  )

  it.live("something else on EPMD's port", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const { reason } = yield* whyNot("app@127.0.0.1", port)
      expect(reason).toMatchObject({ _tag: "EpmdGarbage", seen: expect.stringContaining("HTTP/1.1") })
    })
  )

  it.live("an EPMD that never stops talking", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => {
        const more = (error?: Error | null) => error ?? socket.write(new Uint8Array(32 * 1024), more)
        more()
      })
      expect((yield* whyNot("app@127.0.0.1", port)).reason._tag).toBe("EpmdGarbage")
    })
  )

  it.live("a name that EPMD does not know, with those that it does", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNot("app@127.0.0.1", yield* serveEpmd({ shop: 1, cache: 2 }))
      expect(reason).toMatchObject({ _tag: "NameNotRegistered", name: "app", registered: ["cache", "shop"] })
      expect(message).toContain("cache, shop")
    })
  )

  it.live("a name that EPMD does not know, where it does not tell which it does", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) =>
        socket.once("data", (request) => (request[2] === 122 ? socket.end(Uint8Array.of(119, 1)) : undefined))
      )
      const { message, reason } = yield* whyNot("app@127.0.0.1", port, 100)
      expect(reason).toMatchObject({ _tag: "NameNotRegistered", name: "app", registered: undefined })
      expect(message).toContain("epmd -names")
    })
  )

  it.live("a registered port that refuses", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { reason } = yield* whyNot("app@127.0.0.1", yield* serveEpmd({ app: port }))
      expect(reason).toEqual({ _tag: "PortRefused", at: `127.0.0.1:${port}`, from: "epmd" })
    })
  )

  it.live("a port that says nothing", () =>
    Effect.gen(function* () {
      const { reason } = yield* whyNotWith(() => {}, 50)
      expect(reason).toMatchObject({ _tag: "Timeout", phase: "handshake", waitingFor: "waiting for its status" })
    })
  )

  it.live("a node whose status comes slowly, of which it says what had come", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNotWith(
        (socket) => void socket.once("data", () => socket.write(packet("snamed:app").subarray(0, 8))),
        500
      )
      expect(reason).toMatchObject({
        _tag: "Timeout",
        phase: "handshake",
        stage: "status",
        seen: "the bytes 000a736e616d6564"
      })
      expect(message).toContain("waiting for its status, of which only a part had come (the bytes 000a736e616d6564).")
      expect(message).toContain("the network to it is slow")
      expect(message).not.toContain("says nothing")
    })
  )

  it.live.each<[string, string, (bytes: Buffer) => Buffer | undefined, string]>([
    [
      "its status",
      "challenge",
      (bytes) => bytes.subarray(0, 2 + bytes.readUInt16BE(0)),
      "begun a handshake as nodes do"
    ],
    [
      "its challenge",
      "acknowledgement",
      (bytes) => (bytes[2] === 0x61 ? undefined : bytes),
      "It is that node, by the name"
    ]
  ])("a node that says no more after %s", ([, stage, cut, words]) =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNotWith(
        (socket) =>
          acceptHandshake(
            {
              on: (event, listener) => socket.on(event, listener),
              write: (bytes) => socket.write(cut(bytes) ?? Buffer.alloc(0))
            },
            { name: "app@127.0.0.1", cookie: Redacted.value(cookie) },
            { isUp: () => {}, onData: () => {} }
          ),
        200
      )
      expect(reason).toMatchObject({ _tag: "Timeout", phase: "handshake", stage })
      expect(message).toContain(words)
      expect(message).not.toContain("says nothing")
    })
  )

  it.live.each([
    ["a name that the node gave", { joinedAs: "us@beamscope" }, 1],
    ["a name of ours, which a peer that gives none takes", { joinedAs: "beamscope1@beamscope.local" }, 2],
    ["no link", {}, 3]
  ] as const)("a node that closes at once, asked as often as it makes sense after %s", ([, before, times]) =>
    Effect.gen(function* () {
      let connections = 0
      const port = yield* serve((socket) => {
        connections++
        socket.end()
      })
      const to = { node: "app@127.0.0.1", cookie, address: { host: "127.0.0.1", port }, ...before }
      const error = yield* Effect.flip(Effect.scoped(connect(to)))
      expect(error.reason).toEqual({ _tag: "ClosedInHandshake", stage: "status" })
      expect(connections).toBe(times)
    }).pipe(Effect.scoped)
  )

  it.live("a node of another name, with where it is, if nobody knew that before", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) =>
        acceptHandshake(socket, { name: "app@10.1.2.3", cookie: "c" }, { isUp: () => {}, onData: () => {} })
      )
      const at = `127.0.0.1:${port}`
      const { message, reason } = yield* whyNot("app@127.0.0.1", yield* serveEpmd({ app: port }))
      expect(reason).toEqual({ _tag: "WrongNode", actual: "app@10.1.2.3", at })
      expect(message).toContain(`by an entry of that name in the configuration with "address": "${at}"`)
      const placed = yield* whyNotAt({ address: { host: "127.0.0.1", port } })
      expect(placed.reason).toEqual({ _tag: "WrongNode", actual: "app@10.1.2.3" })
    })
  )

  it.live("a node that closes at once, which is looked at first where EPMD has told its port", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.destroy())
      const epmdPort = yield* serveEpmd({ app: port })
      for (const tls of [undefined, { insecure: true }]) {
        const told = yield* whyNotAt({ epmdPort, ...(tls && { tls }) })
        expect(told.reason).toMatchObject({ _tag: tls ? "TlsFailed" : "ClosedInHandshake", from: "epmd" })
        expect(told.message).toContain("it is most likely the node itself, and its log says why")
        const placed = yield* whyNotAt({ address: { host: "127.0.0.1", port }, ...(tls && { tls }) })
        expect(placed.reason).not.toHaveProperty("from")
        expect(placed.message).toContain("A forwarded port with nothing behind it does so")
      }
    }).pipe(Effect.scoped)
  )

  it.live("a connection that is reset before it is known to stand is no matter of the way there", () =>
    Effect.gen(function* () {
      const address = { host: "127.0.0.1", port: 1 }
      expect((yield* whyNotAt({ address })).reason).toEqual({ _tag: "ClosedInHandshake", stage: "status" })
      const secured = yield* whyNotAt({ address, tls: { insecure: true } })
      expect(secured.reason).toMatchObject({ _tag: "TlsFailed", isCut: true })
      const ofEpmd = yield* Effect.flip(names(address, 1_000))
      expect(ofEpmd.reason).toMatchObject({ _tag: "EpmdGarbage", seen: "nothing", isCut: true })
    }).pipe(
      Effect.provideService(Transport, { dial: () => Effect.fail({ _tag: "DialError", code: "ECONNRESET" } as const) })
    )
  )

  it.live("a port that speaks TLS", () =>
    Effect.gen(function* () {
      const { reason } = yield* whyNotWith((socket) => socket.write(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10)))
      expect(reason).toEqual({ _tag: "WantsTls" })
    })
  )

  it.live("a port that speaks something else", () =>
    Effect.gen(function* () {
      const { reason } = yield* whyNotWith((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"))
      expect(reason).toMatchObject({ _tag: "NotErlangNode", seen: expect.stringContaining("SSH-2.0") })
    })
  )

  it.live("a node that does not allow us", () =>
    Effect.gen(function* () {
      const { reason } = yield* whyNotWith((socket) => socket.write(packet("snot_allowed")))
      expect(reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("a node that gives no names, with each name of the pool once", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { reason } = yield* whyNotWith((socket) =>
        socket.once("data", (opening) => {
          const name = opening.toString("utf8", 2 + 15)
          asked.push(name)
          if (name.includes("@")) socket.write(packet("salive"))
          else socket.end()
        })
      )
      expect(reason).toEqual({ _tag: "NameInUse", name: asked.at(-1) })
      expect(asked).toHaveLength(5)
      expect(new Set(asked).size).toBe(5)
    })
  )
})

const whyNotAt = (how: Reach) =>
  Effect.scoped(connect({ node: "app@127.0.0.1", cookie, timeoutMillis: 2_000, ...how })).pipe(
    Effect.flip,
    Effect.map(({ message, reason }) => ({ message, reason }))
  )

describe("why a node is not at the address that it was given", () => {
  it.live("a port on which nobody listens", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { message, reason } = yield* whyNotAt({ address: { host: "127.0.0.1", port } })
      expect(reason).toEqual({ _tag: "PortRefused", at: `127.0.0.1:${port}`, from: "address" })
      expect(message).toContain("tunnel")
    })
  )

  it.live("a Unix socket that is not there, and one that is none", () =>
    Effect.gen(function* () {
      const missing = join(tmpdir(), "no-such-folder", "socket")
      expect((yield* whyNotAt({ address: { path: missing } })).reason).toEqual({
        _tag: "PortRefused",
        at: `unix:${missing}`,
        from: "address",
        isAbsent: true
      })
      const { message, reason } = yield* whyNotAt({ address: { path: join(fileURLToPath(import.meta.url), "socket") } })
      expect(reason).toMatchObject({ _tag: "Unreachable", code: "ENOTDIR" })
      expect(message).toContain("Check that it is a socket")
    })
  )

  it.live("a Unix socket that nobody listens at, a file in its place, and a path that is too long", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = (name: string) => join(home, name)
      writeFileSync(path("file"), "")
      // What is left where nobody closes it: a server takes its own away.
      const left = createServer().listen(path("left"))
      yield* Effect.promise(() => once(left, "listening"))
      renameSync(path("left"), path("stale"))
      yield* Effect.promise(() => new Promise((resolve) => left.close(resolve)))
      for (const [place, says, reason] of [
        [path("none"), "there is no unix:", { _tag: "PortRefused", isAbsent: true }],
        [path("stale"), "nobody listens at unix:", { _tag: "PortRefused" }],
        [home, "is no socket, but a file or a folder", { _tag: "Unreachable", code: "ENOTSOCK" }],
        [path("file"), "is no socket, but a file or a folder", { _tag: "Unreachable", code: "ENOTSOCK" }],
        [path("x".repeat(110)), "is longer than the path of a socket may be", { code: "ENAMETOOLONG" }]
      ] as const) {
        const why = yield* whyNotAt({ address: { path: place } })
        expect(why.reason, place).toMatchObject(reason)
        expect(why.message).toContain(says)
        expect(why.message).toContain(`unix:${place}`)
      }
    }).pipe(Effect.scoped)
  )

  it.live("a host that does not resolve, of the node or of EPMD", () =>
    Effect.gen(function* () {
      for (const how of [{ address: { host: "gate.invalid" } }, { epmdHost: "gate.invalid" }]) {
        const { message, reason } = yield* whyNotAt(how)
        expect(reason).toEqual({ _tag: "HostUnresolved", host: "gate.invalid" })
        expect(message).toContain("the way to app@127.0.0.1 leads through it")
      }
    })
  )
})
