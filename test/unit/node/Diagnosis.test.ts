import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Buffer } from "node:buffer"
import { Flag } from "../../../src/dist/Flags.ts"
import { type Lookup, Resolver, resolverOf } from "../../../src/dist/Resolver.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { diagnose, type Step } from "../../../src/node/Diagnosis.ts"
import { LeftAlone } from "../../../src/node/LeftAlone.ts"
import { closedPort, packet, serve, serveEpmd } from "../../support/FakePeer.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"
import type { NodeTarget } from "../../../src/node/Targets.ts"

const walk = (name: string, place: Partial<NodeTarget> = {}, timeoutMillis = 5_000) =>
  Effect.map(
    diagnose(name, Exit.succeed({ name, cookie: Redacted.make("c"), epmdPort: 1, ...place }), {
      timeoutMillis,
      known: []
    }),
    (diagnosis) => ({ ...diagnosis, failed: diagnosis.steps.find(({ outcome }) => outcome === "failed") })
  )

describe.each(["EHOSTUNREACH", "EMFILE", "EADDRNOTAVAIL"])("where nothing can be sent: %s", (code) => {
  it.live("the way ends at EPMD where that is asked first, which is not said to know the node, else at the node", () =>
    Effect.gen(function* () {
      const { failed, steps } = yield* walk("app@127.0.0.1")
      expect(failed?.step).toBe("epmd")
      expect(JSON.stringify(steps)).not.toContain("knows")
      const placed = yield* walk("app@127.0.0.1", { address: { host: "127.0.0.1", port: 2 } })
      expect(placed.failed?.step).toBe("tcp")
    }).pipe(Effect.provideService(Transport, { dial: () => Effect.fail({ _tag: "DialError", code }) }))
  )
})

describe("what was seen", () => {
  it.live("is nothing of a TLS that never began, where the port already refuses", () =>
    Effect.gen(function* () {
      const address = { host: "127.0.0.1", port: yield* closedPort }
      const { failed } = yield* walk("app@127.0.0.1", { address, tls: { insecure: true } })
      expect(failed?.step).toBe("tcp")
      expect(failed).not.toHaveProperty("seen")
      const plain = yield* walk("app@127.0.0.1", { address })
      expect(plain.failed).toMatchObject({ step: "tcp", seen: "sent 0 bytes, received 0" })
    })
  )
})

describe("a node that lets us in and answers no question", () => {
  it.live("has of the handshake what that was, and by itself what came and went since", () =>
    Effect.gen(function* () {
      const name = "app@127.0.0.1"
      let counts = ""
      const port = yield* serve((socket) =>
        acceptHandshake(
          socket,
          { name, cookie: "c" },
          {
            isUp: () => void (counts = `sent ${socket.bytesRead} bytes, received ${socket.bytesWritten}`),
            onData: () => {}
          }
        )
      )
      const { failed, steps } = yield* walk(name, { address: { host: "127.0.0.1", port } }, 1_000)
      expect(steps.find(({ step }) => step === "handshake")?.seen).toMatch(`${counts}: status 'named'`)
      expect(failed).toMatchObject({
        step: "call",
        seen: expect.stringMatching(/^since the handshake: sent [1-9]\d+ bytes, received 0$/u)
      })
    }).pipe(Effect.scoped)
  )
})

describe("a node that is connected already under the one name that it lets us in by", () => {
  it.live("can be walked to once that link is closed, which is for whoever asked to do", () =>
    Effect.gen(function* () {
      const name = "app@127.0.0.1"
      const port = yield* serve((socket) => socket.once("data", () => socket.write(packet("salive"))))
      const target = { name, cookie: Redacted.make("c"), address: { host: "127.0.0.1", port }, ourName: "us@here" }
      const walkAs = (linkedAs: string) =>
        diagnose(name, Exit.succeed(target), { timeoutMillis: 2_000, known: [], linkedAs })
      const own = yield* walkAs("us@here")
      expect(own.remedy).toBe("close_link")
      expect(own.remarks.join()).toContain("is our own")
      expect((yield* walkAs("other@here")).remedy).toBeUndefined()
    }).pipe(Effect.scoped)
  )
})

describe("an EPMD that names its own port for the node", () => {
  const ownPort = Effect.gen(function* () {
    const registered: Record<string, number> = {}
    const epmdPort = yield* serveEpmd(registered)
    registered["app"] = epmdPort
    return epmdPort
  })

  it.live("is told as that", () =>
    Effect.gen(function* () {
      const epmdPort = yield* ownPort
      const { steps } = yield* walk("app@127.0.0.1", { epmdPort })
      const step = (name: string) => steps.find((one) => one.step === name)
      expect(step("epmd")?.found).toContain(`at port ${epmdPort}, which is its own`)
      expect(step("tcp")?.outcome).toBe("passed")
      expect(step("handshake")).toMatchObject({ outcome: "failed", seen: expect.any(String) })
    }).pipe(Effect.scoped)
  )

  it.live("has not answered for the node without TLS by what it answered as EPMD", () =>
    Effect.gen(function* () {
      const { failed } = yield* walk("app@127.0.0.1", { epmdPort: yield* ownPort, tls: { insecure: true } })
      expect(failed?.step).toBe("tls")
      expect(failed?.seen ?? "").not.toContain("without TLS")
    }).pipe(Effect.scoped)
  )
})

const outcomes = (steps: ReadonlyArray<Step>) => Object.fromEntries(steps.map(({ outcome, step }) => [step, outcome]))

describe("a node that is left alone, since its process table was full", () => {
  const name = "app@127.0.0.1"
  const leftAlone = new LeftAlone({ node: name, lack: { _tag: "Processes" }, at: 0 })
  const look = (reach: Partial<NodeTarget>) =>
    diagnose(name, Exit.succeed({ name, cookie: Redacted.make("c"), ...reach }), {
      timeoutMillis: 2_000,
      known: [],
      leftAlone
    })
  const counted = Effect.gen(function* () {
    const seen = { connections: 0 }
    return { seen, port: yield* serve(() => void seen.connections++) }
  })

  it.live("is not connected to for a walk either, which says why, and what to do", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* counted
      const { remedy, steps } = yield* look({ address: { host: "127.0.0.1", port } })
      expect(outcomes(steps)).toMatchObject({
        host: "passed",
        epmd: "skipped",
        tcp: "not_tried",
        handshake: "not_reached"
      })
      expect(steps.find(({ step }) => step === "tcp")?.found).toBe(leftAlone.message)
      expect(remedy).toBe("reset")
      expect(seen.connections).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.live("is asked EPMD for, which tells what the walk comes to", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* counted
      const { steps } = yield* look({ epmdPort: yield* serveEpmd({ app: port }) })
      expect(outcomes(steps)).toMatchObject({ epmd: "passed", tcp: "not_tried" })
      expect(steps.find(({ step }) => step === "epmd")?.found).toContain(`knows 'app' at port ${port}`)
      const gone = yield* look({ epmdPort: yield* serveEpmd({}) })
      expect(outcomes(gone.steps)).toMatchObject({ epmd: "failed", tcp: "not_reached" })
      expect(gone.why).toMatchObject({ reason: { _tag: "NameNotRegistered" } })
      expect(gone.remarks).toEqual([leftAlone.message])
      expect(seen.connections).toBe(0)
    }).pipe(Effect.scoped)
  )

  it.live("has no tunnel opened to it, which is a connection to it", () =>
    Effect.gen(function* () {
      const { steps } = yield* diagnose(name, Exit.fail(leftAlone), { timeoutMillis: 2_000, known: [], leftAlone })
      expect(outcomes(steps)).toMatchObject({ configuration: "not_tried", host: "not_reached" })
    })
  )
})

describe("a node that lacks features", () => {
  it.live("is not said to have the cookie, which it was not asked for before", () =>
    Effect.gen(function* () {
      const name = "app@127.0.0.1"
      const port = yield* serve((socket) =>
        acceptHandshake(socket, { name, cookie: "c", flags: Flag.HANDSHAKE_23 }, { isUp: () => {}, onData: () => {} })
      )
      const { steps } = yield* walk(name, { address: { host: "127.0.0.1", port } })
      expect(Object.fromEntries(steps.map(({ outcome, step }) => [step, outcome]))).toMatchObject({
        handshake: "passed",
        cookie: "not_reached",
        flags: "failed",
        call: "not_reached"
      })
    }).pipe(Effect.scoped)
  )
})

const failing =
  (code: string): Lookup =>
  () =>
    Promise.reject(Object.assign(new Error(code), { code }))

describe("a host that has no address", () => {
  it.live.each<readonly [what: string, ask: Lookup, isPassing: boolean, millis: number]>([
    ["is not known", failing("ENOTFOUND"), false, 7_000],
    ["is asked for in vain", failing("EAI_AGAIN"), true, 7_000],
    ["is asked for without an answer", () => new Promise(() => {}), true, 1_500]
  ])("fails the step with advice for why it has none: it %s", ([, addressesOf, isPassing, millis]) =>
    Effect.gen(function* () {
      const { failed, why } = yield* walk("app@far.example", {}, millis)
      expect(failed?.step).toBe("host")
      expect(failed?.found).toContain(
        isPassing ? "look at the name servers of this machine" : "Check the part behind the @"
      )
      expect(failed?.found).not.toContain(isPassing ? "Check the part" : "name servers")
      const reason = { _tag: "HostUnresolved", host: "far.example" }
      expect(why).toMatchObject({ _tag: "DistError", reason: isPassing ? { ...reason, isPassing } : reason })
    }).pipe(Effect.provideService(Resolver, resolverOf({ addressesOf })))
  )
})

/** An EPMD that has one name, and closes what asks it anything but for all of them. */
const strictEpmd = (name: string) =>
  serve((socket) => {
    socket.on("error", () => {})
    socket.once("data", (request) =>
      request[2] === 110
        ? socket.end(Buffer.concat([Buffer.alloc(4), Buffer.from(`name ${name} at port 77\n`)]))
        : socket.destroy()
    )
  })

describe("the port of an EPMD, given as the node's", () => {
  it.live.each<NodeTarget["tls"]>([undefined, { insecure: true }])("is told to be one: with TLS %j", (tls) =>
    Effect.gen(function* () {
      const known = yield* strictEpmd("app")
      const place = (port: number) => ({ address: { host: "127.0.0.1", port }, ...(tls && { tls }) })
      const { failed, remarks } = yield* walk("app@127.0.0.1", place(known))
      expect(failed?.step).toBe(tls === undefined ? "handshake" : "tls")
      expect(remarks.join()).toContain("is an EPMD, and no node: it has 'app' at port 77")
      const strange = yield* strictEpmd("other")
      expect((yield* walk("app@127.0.0.1", place(strange))).remarks.join()).toContain("it has no 'app'")
      const closing = yield* serve((socket) => void socket.destroy())
      expect((yield* walk("app@127.0.0.1", place(closing))).remarks.join()).not.toContain("EPMD")
    }).pipe(Effect.scoped)
  )
})
