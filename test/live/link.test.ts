import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { sample } from "fast-check"
import { connect, names } from "../../src/dist/index.ts"
import { equal } from "../../src/etf/Equal.ts"
import { atom, isTuple, list, Pid } from "../../src/etf/Term.ts"
import { joinNode } from "../../src/node/index.ts"
import { arbitraryTerm } from "../support/arbitraryTerm.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const target = (node: { readonly name: string; readonly cookie: string }) => ({
  name: node.name,
  cookie: Redacted.make(node.cookie),
  epmdPort
})
const join = (node: { readonly name: string; readonly cookie: string }) => joinNode(target(node))
const ask = (node: { evaluate: (text: string) => Promise<string> }, text: string) =>
  Effect.promise(() => node.evaluate(text))

describe.each(BeamNode.otpReleases())("a link to OTP $otp", ({ otp }) => {
  it.live("is hidden: not among nodes(), not known to EPMD, and gone afterwards", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const registered = Effect.map(names({ host: "127.0.0.1", port: epmdPort }, 5_000), (all) =>
        all.map(({ name }) => name)
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const us = yield* join(node)
          expect(us.name).toBe(node.name)
          expect(us.capabilities.otpRelease).toBe(Number(otp))
          expect(yield* ask(node, "nodes()")).toBe("[]")
          expect(yield* ask(node, "nodes(hidden)")).toContain(us.localName)
          expect(yield* registered).not.toContain(us.localName.split("@")[0])
        })
      )
      yield* eventually(Effect.map(ask(node, "nodes(connected)"), (nodes) => nodes === "[]"))
      expect(node.log()).toBe("")
    })
  )

  it.live("costs the node no more than two atoms in 200 reconnects", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const reconnect = Effect.scoped(connect({ node: node.name, cookie: Redacted.make(node.cookie), epmdPort }))
      yield* Effect.scoped(join(node))
      const before = Number(yield* ask(node, "erlang:system_info(atom_count)"))
      yield* Effect.repeat(reconnect, { times: 199 })
      const after = Number(yield* ask(node, "erlang:system_info(atom_count)"))
      expect(after - before).toBeLessThanOrEqual(2)
    })
  )

  it.live("lets several of us in at the same time", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const all = yield* Effect.all([join(node), join(node), join(node)], { concurrency: "unbounded" })
      expect(new Set(all.map((us) => us.localName)).size).toBe(3)
      for (const us of all) expect(yield* us.call("erlang", "abs", [-1])).toBe(1)
    })
  )

  it.live("never throws out the holder of a name", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const options = {
        node: node.name,
        cookie: Redacted.make(node.cookie),
        epmdPort,
        localName: "beamscope1@beamscope.local"
      }
      const first = yield* connect(options)
      const error = yield* Effect.flip(connect(options))
      expect(error.reason).toEqual({ _tag: "NameInUse", name: options.localName })
      expect(first.failure()).toBeUndefined()
    })
  )

  it.live("is told which name a node does not take from us", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const refused = (localName: string) =>
        Effect.map(
          Effect.flip(connect({ node: node.name, cookie: Redacted.make(node.cookie), epmdPort, localName })),
          ({ reason }) => expect(reason).toEqual({ _tag: "NameRefused", name: localName })
        )
      yield* refused(node.name)
      expect(node.log()).toBe("")
      yield* refused("größe@beamscope")
    }).pipe(Effect.scoped)
  )

  it.live("is refused once for a wrong cookie, and says so", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const error = yield* Effect.flip(join({ name: node.name, cookie: "not the cookie" }))
      expect(error).toMatchObject({ _tag: "DistError", reason: { _tag: "CookieRejected" } })
      yield* eventually(Effect.sync(() => node.log().includes("Invalid challenge reply")))
      expect(node.log().match(/Connection attempt/gu)).toHaveLength(1)
    })
  )

  it.live("is refused by a node that allows only others", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      yield* ask(node, "net_kernel:allow(['nobody@nowhere'])")
      const error = yield* Effect.flip(join(node))
      expect(error).toMatchObject({ _tag: "DistError", reason: { _tag: "NotAllowed" } })
    })
  )

  it.live("stays up while idle on a node with a short tick time", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp, args: ["-kernel", "net_ticktime", "2"] })
      const us = yield* join(node)
      // Three tick times of silence: the one case where time itself is the condition.
      const lost = yield* Effect.race(us.lost, Effect.as(Effect.sleep("6 seconds"), undefined))
      expect(lost).toBeUndefined()
      expect(yield* us.call("erlang", "abs", [-1])).toBe(1)
      expect(node.log()).toBe("")
    })
  )

  it.live("stays up where the tick time is raised meanwhile", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp, args: ["-kernel", "net_ticktime", "2"] })
      const us = yield* join(node)
      yield* ask(node, "net_kernel:set_net_ticktime(60, 0)")
      // More than the silence that ended a link with the first: time itself is the condition.
      const lost = yield* Effect.race(us.lost, Effect.as(Effect.sleep("5 seconds"), undefined))
      expect(lost).toBeUndefined()
      yield* ask(node, "net_kernel:set_net_ticktime(2, 0)")
      yield* us.askTickTime
      expect(yield* Effect.race(us.lost, Effect.as(Effect.sleep("4 seconds"), undefined))).toBeUndefined()
      expect(node.log()).toBe("")
    })
  )

  it.live("is lost when the node is silent for longer than its tick time, and every waiting call with it", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp, args: ["-kernel", "net_ticktime", "2"] })
      const us = yield* join(node)
      const waiting = us.call("timer", "sleep", [60_000], { timeoutMillis: 60_000 })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.flip(waiting)))
      yield* Effect.promise(node.freeze)
      for (const fiber of fibers) {
        const { reason } = yield* Fiber.join(fiber)
        expect(reason).toMatchObject({ _tag: "LinkLost", cause: { reason: { _tag: "TickTimeout" } } })
      }
      node.thaw()
    })
  )

  it.live("is a node among nodes: it answers pings, and monitors and links on processes that are not there", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const us = yield* join(node)
      expect(yield* ask(node, `net_adm:ping('${us.localName}')`)).toBe("pong")
      const ours = yield* us.call("erlang", "group_leader", [])
      if (!(ours instanceof Pid)) return expect.unreachable()
      const ghost = new Pid(ours.node, 0x7fff, 0x1fff, ours.creation)
      const error = yield* Effect.flip(us.call("gen_server", "call", [ghost, atom("hello")]))
      if (error.reason._tag !== "Raised") return expect.unreachable()
      expect(isTuple(error.reason.reason, "noproc")).toBe(true)
    })
  )

  it.live("tells whoever asks it to run something that it cannot, and keeps nobody waiting", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const us = yield* join(node)
      // Asks every connected node, us among them, and waits for ever for one that says nothing.
      expect(yield* ask(node, "rpc:multicall(nodes(connected), erlang, node, [])")).toMatch(/notsup|badrpc/)
      const asked = `catch gen_server:call({net_kernel, '${us.localName}'}, what_is_new, infinity)`
      expect(yield* ask(node, asked)).toBe("{error,notsup}")
      expect(node.log()).toBe("")
    })
  )

  // The terms hold identifiers of 32 and 64 bits, which nodes older than OTP 24 take for an error.
  it.live.runIf(Number(otp) >= 24)(
    "carries terms of every kind there and back unchanged, and the node has nothing to complain about",
    () =>
      Effect.gen(function* () {
        const node = yield* BeamNode.start({ otp })
        const us = yield* join(node)
        const terms = sample(arbitraryTerm, { numRuns: 10_000, seed: 7 })
        for (let at = 0; at < terms.length; at += 500) {
          const batch = list(terms.slice(at, at + 500))
          const back = yield* us.call("lists", "reverse", [yield* us.call("lists", "reverse", [batch])])
          expect(equal(back, batch)).toBe(true)
        }
        expect(node.log()).toBe("")
      })
  )
})
