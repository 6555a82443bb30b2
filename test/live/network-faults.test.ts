import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Metric, Option, Redacted, Result, Scope } from "effect"
import { kill } from "node:process"
import { DistError } from "../../src/dist/DistError.ts"
import { Binary, binary, isAtom, list, type Term } from "../../src/etf/Term.ts"
import { CallError, type ErlangNode, joinNode, Nodes } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { eventually } from "../support/eventually.ts"
import { type FaultProxy, type Faults, faultProxy } from "../support/FaultProxy.ts"
import * as TlsNode from "../support/TlsNode.ts"
import { targetsOf } from "../support/targetsOf.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])

/** The deadline of what is not to come. */
const timeoutMillis = 1_000

/** That of what is, however busy the machine. */
const patience = { timeoutMillis: 20_000 }

/** Certifies the nodes whose distribution runs over TLS. */
const authority = makeAuthority("faults")
const certificate = authority.issue({ dnsNames: ["127.0.0.1"], ipAddresses: ["127.0.0.1"] })
const overTls = new Set<string>()

const target = (node: BeamNode.BeamNode, proxy: FaultProxy) => ({
  name: node.name,
  cookie: Redacted.make(node.cookie),
  epmdPort: proxy.epmdPort,
  ...(overTls.has(node.name) && { tls: { ca: authority.cert } })
})

const join = (node: BeamNode.BeamNode, proxy: FaultProxy, options = patience) => joinNode(target(node, proxy), options)

/** The registry, for which there is this node. */
const registryOf = (node: BeamNode.BeamNode, proxy: FaultProxy) =>
  Nodes.layer.pipe(
    Layer.provide(targetsOf({ resolve: () => Effect.succeed(target(node, proxy)), epmdPort: proxy.epmdPort }))
  )

/** Answers what it is asked. */
const echo = (us: ErlangNode, term: Term, options = patience) => us.call("erlang", "hd", [list([term])], options)

/** More bytes than a node sends until it is joined. */
const never = 1_000_000

/** How an attempt ends, which it does by itself: by what it may take, and what a busy machine adds to that. */
const inTime = <A, E extends DistError | CallError, R>(limit: number, attempt: Effect.Effect<A, E, R>) =>
  Effect.timeoutOrElse(Effect.result(attempt), {
    duration: limit + 10_000,
    orElse: () => Effect.die(new Error(`an attempt that may take ${limit} ms did not end`))
  })

/** What came of faults after so many bytes: nothing where it comes too late, and what is cut is not waited for. */
const expectFitting = (
  cases: ReadonlyArray<{ readonly fault: unknown; readonly bytes: number }>,
  seen: ReadonlyArray<string>
): void => {
  for (const [at, { bytes, fault }] of cases.entries()) {
    const told = `${JSON.stringify(fault)} after ${bytes} bytes`
    if (bytes === never) expect(seen[at], told).toBe("joined")
    if (fault === "cut" || fault === "reset") expect(["Timeout", "DeadlineExceeded"], told).not.toContain(seen[at])
  }
}

const evaluate = (node: BeamNode.BeamNode, text: string) => Effect.promise(() => node.evaluate(text))

/** Links to us, and workers of ours. */
const leftOn = (node: BeamNode.BeamNode) =>
  evaluate(
    node,
    `{nodes(hidden), [P || P <- processes(), process_info(P, initial_call) =:= {initial_call, {erpc, execute_call, 4}}]}`
  )

/** Sockets and timers of this process. */
const resources = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap" || kind === "Timeout").length

/** Waits until nothing of it is left, or says how much is. */
const gone = <A>(what: string, left: Effect.Effect<A>, isNothing: (left: A) => boolean) =>
  Effect.catch(eventually(Effect.map(left, isNothing)), () =>
    Effect.flatMap(left, (left) => Effect.die(new Error(`left behind: ${what}: ${String(left)}`)))
  )

const isZero = (count: number): boolean => count === 0

/** Runs this behind a proxy of its own. Once the faults are over, no fiber of it is left, and no socket to the proxy. */
const behindProxy = <A, E, R>(body: (proxy: FaultProxy) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const proxy = yield* faultProxy(epmdPort)
    const fibers = { started: 0, ended: 0 }
    const counting = {
      recordFiberStart: () => void fibers.started++,
      recordFiberEnd: () => void fibers.ended++
    }
    const result = yield* Effect.scoped(body(proxy)).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, counting))
    proxy.heal()
    yield* gone(
      "fibers",
      Effect.sync(() => fibers.started - fibers.ended),
      isZero
    )
    yield* gone("sockets to the proxy", Effect.sync(proxy.openSockets), isZero)
    return result
  }).pipe(Effect.scoped)

/** Runs this, of which nothing is left in the end: no timer or socket here, no link or worker on these nodes. */
const leavingNothing = <A, E, R>(nodes: ReadonlyArray<BeamNode.BeamNode>, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    let before = 0
    let looks = 0
    // Looked at from where it is looked at afterwards: to wait takes timers, too, from the second look on.
    yield* eventually(
      Effect.sync(() => {
        before = Math.max(before, resources())
        return ++looks === 3
      })
    )
    yield* body
    yield* gone("sockets and timers", Effect.sync(resources), (count) => count <= before)
    for (const node of nodes) yield* gone(`on ${node.name}`, leftOn(node), (left) => left === "{[],[]}")
  })

/** The two together. */
const alone = <A, E, R>(nodes: ReadonlyArray<BeamNode.BeamNode>, body: (proxy: FaultProxy) => Effect.Effect<A, E, R>) =>
  leavingNothing(nodes, behindProxy(body))

const numbers = (from: number): ReadonlyArray<number> => Array.from({ length: 50 }, (_, number) => from + number)

/** How a link is lost, and what must come of it when the node's tick time is 2 seconds. */
const losses: ReadonlyArray<readonly [string, "cut" | "reset" | Faults, DistError["reason"]["_tag"]]> = [
  ["cut", "cut", "LinkClosed"],
  ["reset", "reset", "LinkClosed"],
  ["stalled on the way to us", { stalled: ["down"] }, "TickTimeout"],
  ["stalled both ways", { stalled: ["up", "down"] }, "TickTimeout"],
  ["lost on the way to us", { lost: ["down"] }, "TickTimeout"],
  ["lost both ways", { lost: ["up", "down"] }, "TickTimeout"],
  // The node hears nothing of us, and gives us up.
  ["lost on the way to the node", { lost: ["up"] }, "LinkClosed"],
  ["stalled on the way to the node", { stalled: ["up"] }, "LinkClosed"]
]

const befall = (proxy: FaultProxy, fault: "cut" | "reset" | Faults): void =>
  typeof fault === "string" ? proxy.end(fault) : proxy.set(fault)

describe.each(BeamNode.otpReleases())("the network to a node on OTP $otp", ({ otp }) => {
  /** With the usual tick time, and with one of 2 seconds. */
  let node: BeamNode.BeamNode
  let restless: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, restless] = await Promise.all([
      BeamNode.startNode({ otp }),
      BeamNode.startNode({ otp, args: ["-kernel", "net_ticktime", "2"] })
    ])
  })
  afterAll(() => Promise.all([node.stop(), restless.stop()]))

  describe("while connecting", () => {
    it.live.each<[string, Faults]>([
      ["late", { latencyMillis: 30 }],
      ["slow", { bytesPerSecond: 50_000 }],
      ["one byte at a time", { chunkBytes: 1 }]
    ])("may be %s", ([, faults]) =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          proxy.set(faults)
          const us = yield* join(node, proxy)
          const terms = Array.from({ length: 20 }, (__, number) => binary(`number ${number}`))
          const answers = yield* Effect.forEach(terms, (term) => echo(us, term), { concurrency: "unbounded" })
          expect(answers.map((answer) => (answer as Binary).text())).toEqual(terms.map((term) => term.text()))
        })
      )
    )

    it.live.each<[string, Faults, object]>([
      ["does not answer", { stalled: ["down"] }, { _tag: "Timeout", phase: "handshake" }],
      ["does not take anything", { stalled: ["up", "down"] }, { _tag: "Timeout", phase: "handshake" }],
      ["is not there any more", { lost: ["up", "down"] }, { _tag: "Timeout", phase: "handshake" }],
      ["is not heard", { lost: ["down"] }, { _tag: "Timeout", phase: "handshake" }],
      ["does not hear us", { lost: ["up"] }, { _tag: "Timeout", phase: "handshake" }],
      ["refuses connections", { connections: "refused" }, { _tag: "PortRefused", from: "epmd" }],
      ["closes connections", { connections: "closed" }, { _tag: "ClosedInHandshake", stage: "status" }],
      ["has an EPMD that is silent", { epmd: "silent" }, { _tag: "EpmdSilent" }],
      ["has an EPMD with another port for it", { epmd: "lying" }, { _tag: "PortRefused", from: "epmd" }],
      ["has an EPMD that is none", { epmd: "garbage" }, { _tag: "EpmdGarbage" }],
      ["has an EPMD that says nothing", { epmd: "closing" }, { _tag: "EpmdGarbage" }],
      ["has an EPMD without names", { epmd: "empty" }, { _tag: "NameNotRegistered", registered: [] }]
    ])("is told from one that is well where the node %s", ([, faults, reason]) =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          // A port of which EPMD has told before, so that a fault with it is one of the port alone.
          yield* Effect.scoped(join(node, proxy))
          proxy.set(faults)
          const error = yield* Effect.flip(join(node, proxy, { timeoutMillis }))
          expect(error).toMatchObject({ _tag: "DistError", reason })
          proxy.heal()
          expect(yield* echo(yield* join(node, proxy), 1)).toBe(1)
        })
      )
    )

    it.live("may end or stop after any byte, and be wrong in any", () =>
      leavingNothing(
        [node],
        Effect.gen(function* () {
          const faults = ["cut", "reset", "corrupt", { stalled: ["down"] }, { lost: ["up", "down"] }] as const
          const cases = faults.flatMap((fault) =>
            [1, 3, 11, 30, 45, 60, 80, 92, 100, 120, 200, 400, never].map((bytes) => ({ fault, bytes }))
          )
          const ends = yield* Effect.forEach(
            cases,
            ({ bytes, fault }) =>
              behindProxy((proxy) => {
                proxy.after("down", bytes, fault === "corrupt" ? fault : () => befall(proxy, fault))
                // A length that is wrong makes one wait, too; what is cut ends at once, however late that is.
                const limit = typeof fault === "object" ? timeoutMillis : fault === "corrupt" ? 3_000 : 20_000
                return inTime(limit, join(node, proxy, { timeoutMillis: limit }))
              }),
            { concurrency: 12 }
          )
          const seen = ends.map((end) => (Result.isSuccess(end) ? "joined" : end.failure.reason._tag))
          expectFitting(cases, seen)
          // The ones that it must be somewhere.
          expect(seen).toEqual(
            expect.arrayContaining(["ClosedInHandshake", "NotErlangNode", "PeerCookieWrong", "Timeout", "LinkLost"])
          )
        })
      )
    )
  })

  it.live.each([
    ["the first time", false],
    ["another time", true]
  ])("may end while a node is shown the cookie, %s: that it was refused is not believed at once", ([, isKnown]) =>
    alone([node], (proxy) =>
      Effect.gen(function* () {
        const nodes = yield* Nodes
        if (isKnown) yield* Effect.scoped(nodes.get(node.name))
        yield* nodes.disconnect(node.name)
        // In the middle of our second packet: 2 + 15 bytes and a host are the first.
        proxy.after("up", 17 + "beamscope".length + 4, () => proxy.end("cut"))
        expect(yield* Effect.flip(nodes.get(node.name))).toMatchObject({ reason: { _tag: "CookieRejected" } })
        expect(yield* echo(yield* nodes.get(node.name), 1)).toBe(1)
      }).pipe(Effect.scoped, Effect.provide(registryOf(node, proxy)))
    )
  )

  it.live("may fail a link that is idle, and one with calls that wait", () =>
    leavingNothing(
      [restless],
      Effect.forEach(
        losses.flatMap((loss) => [0, 20].map((calls) => ({ loss, calls }))),
        ({ calls, loss: [name, fault, reason] }) =>
          behindProxy((proxy) =>
            Effect.gen(function* () {
              const us = yield* join(restless, proxy)
              const waiting = yield* Effect.forEach(Array.from({ length: calls }), () =>
                Effect.forkChild(Effect.flip(us.call("timer", "sleep", [60_000], { timeoutMillis: 60_000 })), {
                  startImmediately: true
                })
              )
              // The node has begun to work on all of them.
              yield* echo(us, 1)
              befall(proxy, fault)
              expect((yield* us.lost).reason._tag, name).toBe(reason)
              for (const fiber of waiting)
                expect(yield* Fiber.join(fiber), name).toMatchObject({
                  reason: { _tag: "LinkLost", cause: { reason: { _tag: reason } } }
                })
              expect((yield* Effect.flip(echo(us, 1))).reason._tag, name).toBe("LinkLost")
            })
          ),
        { concurrency: "unbounded" }
      )
    )
  )

  it.live("may hold calls back beyond their deadline, and what comes too late is nobody else's answer", () =>
    alone([node], (proxy) =>
      Effect.gen(function* () {
        const us = yield* join(node, proxy)
        for (const [round, stalled] of (["down", "up"] as const).entries()) {
          proxy.set({ stalled: [stalled] })
          const late = yield* Effect.forEach(
            numbers(1_000 * round),
            (number) => Effect.flip(echo(us, number, { timeoutMillis: 300 })),
            { concurrency: "unbounded" }
          )
          expect(new Set(late.map(({ reason }) => reason._tag))).toEqual(new Set(["DeadlineExceeded"]))
          proxy.heal()
          const asked = numbers(1_000 * round + 500)
          expect(yield* Effect.forEach(asked, (number) => echo(us, number), { concurrency: "unbounded" })).toEqual(
            asked
          )
        }
      })
    )
  )

  describe("over TLS", () => {
    let secure: BeamNode.BeamNode
    const folders = Scope.makeUnsafe()
    beforeAll(async () => {
      const args = await Effect.runPromise(Scope.provide(TlsNode.argsOf({ certificate }), folders))
      secure = await BeamNode.startNode({ otp, args: [...args, "-kernel", "net_ticktime", "2"] })
      overTls.add(secure.name)
    })
    afterAll(async () => {
      await secure.stop()
      await Effect.runPromise(Scope.close(folders, Exit.void))
    })

    it.live.each<[string, Faults, object]>([
      ["does not answer", { stalled: ["down"] }, { _tag: "Timeout", phase: "tls" }],
      ["is not there any more", { lost: ["up", "down"] }, { _tag: "Timeout", phase: "tls" }],
      ["does not hear us", { lost: ["up"] }, { _tag: "Timeout", phase: "tls" }],
      ["refuses connections", { connections: "refused" }, { _tag: "PortRefused", from: "epmd" }],
      ["closes connections", { connections: "closed" }, { _tag: "TlsFailed", isCut: true }]
    ])("is told from one that is well where the node %s", ([, faults, reason]) =>
      alone([secure], (proxy) =>
        Effect.gen(function* () {
          yield* Effect.scoped(join(secure, proxy))
          proxy.set(faults)
          expect(yield* Effect.flip(join(secure, proxy, { timeoutMillis }))).toMatchObject({
            _tag: "DistError",
            reason
          })
          proxy.heal()
          expect(yield* echo(yield* join(secure, proxy), 1)).toBe(1)
        })
      )
    )

    it.live("may end or stop after any byte, and be wrong in any", () =>
      leavingNothing(
        [secure],
        Effect.gen(function* () {
          const faults = ["cut", "reset", "corrupt", { stalled: ["down"] }] as const
          const cases = faults.flatMap((fault) =>
            [1, 6, 60, 130, 700, 1_200, 1_600, 1_750, 1_900, 2_400, never].map((bytes) => ({ fault, bytes }))
          )
          const ends = yield* Effect.forEach(
            cases,
            ({ bytes, fault }) =>
              behindProxy((proxy) => {
                proxy.after("down", bytes, fault === "corrupt" ? fault : () => befall(proxy, fault))
                const limit = typeof fault === "object" ? timeoutMillis : fault === "corrupt" ? 3_000 : 20_000
                return inTime(limit, join(secure, proxy, { timeoutMillis: limit }))
              }),
            { concurrency: 8 }
          )
          const seen = ends.map((end) => (Result.isSuccess(end) ? "joined" : end.failure.reason._tag))
          expectFitting(cases, seen)
          expect(seen).toEqual(expect.arrayContaining(["TlsFailed", "Timeout"]))
        })
      )
    )

    it.live("may fail a link with a call that waits", () =>
      leavingNothing(
        [secure],
        Effect.forEach(
          losses,
          ([name, fault, reason]) =>
            behindProxy((proxy) =>
              Effect.gen(function* () {
                const us = yield* join(secure, proxy)
                const waiting = yield* Effect.forkChild(
                  Effect.flip(us.call("timer", "sleep", [60_000], { timeoutMillis: 60_000 })),
                  { startImmediately: true }
                )
                yield* echo(us, 1)
                befall(proxy, fault)
                expect((yield* us.lost).reason._tag, name).toBe(reason)
                expect((yield* Fiber.join(waiting)).reason._tag, name).toBe("LinkLost")
              })
            ),
          { concurrency: "unbounded" }
        )
      )
    )
  })

  describe("half-way through a large reply", () => {
    const megabyte = 1024 * 1024
    const ask = (us: ErlangNode, options = patience) =>
      us.call("binary", "copy", [binary("0123456789abcdef"), (8 * megabyte) / 16], options)
    const isWhole = (answer: Term): boolean =>
      answer instanceof Binary &&
      answer.length === 8 * megabyte &&
      answer.view().every((byte, at) => byte === "0123456789abcdef".charCodeAt(at % 16))

    it.live("may be slow and in pieces", () =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          const us = yield* join(node, proxy)
          proxy.set({ latencyMillis: 5 })
          expect(isWhole(yield* ask(us))).toBe(true)
          proxy.set({ bytesPerSecond: 20 * megabyte })
          expect(isWhole(yield* ask(us))).toBe(true)
          proxy.after("down", 6 * megabyte, () => proxy.set({}))
          proxy.set({ chunkBytes: 777 })
          expect(isWhole(yield* ask(us))).toBe(true)
        })
      )
    )

    it.live.each<"cut" | "reset">(["cut", "reset"])("may be %s", (how) =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          const us = yield* join(node, proxy)
          proxy.after("down", 3 * megabyte, () => proxy.end(how))
          expect(yield* Effect.flip(ask(us))).toMatchObject({
            reason: { _tag: "LinkLost", cause: { reason: { _tag: "LinkClosed" } } }
          })
        })
      )
    )

    it.live.each<[string, Faults]>([
      ["stall", { stalled: ["down"] }],
      ["become too slow", { bytesPerSecond: 20_000 }]
    ])("may %s: the call ends, and the link goes on with the next once it can", ([, faults]) =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          const us = yield* join(node, proxy)
          proxy.after("down", 3 * megabyte, () => proxy.set(faults))
          expect((yield* Effect.flip(ask(us, { timeoutMillis }))).reason._tag).toBe("DeadlineExceeded")
          proxy.heal()
          expect(yield* echo(us, 1)).toBe(1)
          expect(isWhole(yield* ask(us))).toBe(true)
        })
      )
    )

    it.live("may be lost, and the link with it", () =>
      alone([restless], (proxy) =>
        Effect.gen(function* () {
          const us = yield* join(restless, proxy)
          proxy.after("down", 3 * megabyte, () => proxy.set({ lost: ["up", "down"] }))
          expect(yield* Effect.flip(ask(us))).toMatchObject({
            reason: { _tag: "LinkLost", cause: { reason: { _tag: "TickTimeout" } } }
          })
        })
      )
    )

    it.live("may be of no interest any more, or too large", () =>
      alone([node], (proxy) =>
        Effect.gen(function* () {
          const us = yield* join(node, proxy)
          let isHalfWay = false
          proxy.after("down", 3 * megabyte, () => {
            isHalfWay = true
            proxy.set({ stalled: ["down"] })
          })
          const fiber = yield* Effect.forkChild(ask(us), { startImmediately: true })
          yield* eventually(Effect.sync(() => isHalfWay))
          yield* Fiber.interrupt(fiber)
          proxy.heal()
          const small = us.call("binary", "copy", [binary("0123456789abcdef"), megabyte / 2], {
            ...patience,
            maxReplyBytes: megabyte
          })
          expect((yield* Effect.flip(small)).reason._tag).toBe("ReplyTooLarge")
          expect(isWhole(yield* ask(us))).toBe(true)
        })
      )
    )

    it.live("may lead to a node that dies", () =>
      behindProxy((proxy) =>
        Effect.gen(function* () {
          const mortal = yield* BeamNode.start({ otp })
          const us = yield* join(mortal, proxy)
          // Held, so that it cannot send all of it before it dies.
          let isHeld = false
          proxy.after("down", megabyte, () => {
            isHeld = true
            proxy.set({ stalled: ["down"] })
          })
          const asking = yield* Effect.forkChild(
            Effect.flip(us.call("binary", "copy", [binary("x"), 15 * megabyte], { timeoutMillis: 60_000 })),
            { startImmediately: true }
          )
          yield* eventually(Effect.sync(() => isHeld))
          kill(mortal.pid, "SIGKILL")
          yield* Effect.promise(mortal.stop)
          proxy.heal()
          expect(yield* Fiber.join(asking)).toMatchObject({
            reason: { _tag: "LinkLost", cause: { reason: { _tag: "LinkClosed" } } }
          })
        })
      )
    )
  })

  it.live("may lead to a node that stands still", () =>
    alone([restless], (proxy) =>
      Effect.gen(function* () {
        const us = yield* join(restless, proxy)
        yield* Effect.promise(restless.freeze)
        yield* Effect.gen(function* () {
          const late = yield* Effect.flip(echo(us, 1, { timeoutMillis: 300 }))
          expect(late.reason).toMatchObject({ _tag: "DeadlineExceeded", worker: "awaited" })
          expect(yield* Effect.flip(join(restless, proxy, { timeoutMillis }))).toMatchObject({
            reason: { _tag: "Timeout", phase: "handshake" }
          })
          const waiting = Effect.flip(echo(us, 2))
          expect(yield* waiting).toMatchObject({
            reason: { _tag: "LinkLost", cause: { reason: { _tag: "TickTimeout" } } }
          })
        }).pipe(Effect.ensuring(Effect.sync(restless.thaw)))
        expect(yield* echo(yield* join(restless, proxy), 3)).toBe(3)
      })
    )
  )

  it.live("may lead to another incarnation of the node, which gets nothing that is meant for the old one", () =>
    behindProxy((proxy) =>
      Effect.gen(function* () {
        const name = `restarted_${process.pid}_${otp}@127.0.0.1`
        const old = yield* BeamNode.start({ otp, name, cookie: "a cookie of some length" })
        yield* Effect.gen(function* () {
          const nodes = yield* Nodes
          const first = yield* nodes.get(name)
          const shell = yield* first.call("erlang", "whereis", [yield* first.existingAtom("init")])
          expect((yield* first.call("erlang", "process_info", [shell])) !== undefined).toBe(true)
          yield* Effect.promise(old.stop)
          yield* BeamNode.start({ otp, name, cookie: old.cookie })
          expect((yield* Effect.flip(echo(first, 1, patience))).reason._tag).toBe("LinkLost")
          const second = yield* nodes.get(name)
          expect(second.creation).not.toBe(first.creation)
          expect(yield* echo(second, 1)).toBe(1)
          // A pid of the old one, with the number of a process that both have.
          const found = yield* Effect.option(second.call("erlang", "process_info", [shell]))
          expect(Option.match(found, { onNone: () => true, onSome: (info) => isAtom(info, "undefined") })).toBe(true)
        }).pipe(Effect.scoped, Effect.provide(registryOf(old, proxy)))
      })
    )
  )
})
