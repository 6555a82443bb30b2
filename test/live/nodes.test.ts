import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { joinNode, Nodes, TargetError } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { faultProxy } from "../support/FaultProxy.ts"
import { targetsOf } from "../support/targetsOf.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])

/** A registry that has a cookie for each of these nodes, and for no other. */
const registryOf = (...nodes: ReadonlyArray<BeamNode.BeamNode & { readonly ourName?: string }>) =>
  Nodes.layer.pipe(
    Layer.provide(
      targetsOf({
        resolve: (name, options) => {
          const node = nodes.find((node) => node.name === name)
          const cookie = options?.cookie ?? node?.cookie
          return cookie === undefined
            ? Effect.fail(new TargetError({ node: name, message: `no cookie for ${name}` }))
            : Effect.succeed({
                name,
                cookie: typeof cookie === "string" ? Redacted.make(cookie) : cookie,
                epmdPort,
                ...(node?.ourName !== undefined && { ourName: node.ourName })
              })
        },
        epmdPort
      })
    )
  )

const stateOf = (name: string) =>
  Effect.gen(function* () {
    const all = yield* (yield* Nodes).list
    return all.find((node) => node.name === name)?.state
  })

const connections = (node: BeamNode.BeamNode) =>
  Effect.map(
    Effect.promise(() => node.evaluate("length(nodes(hidden))")),
    Number
  )

describe("the registry of nodes", () => {
  it.live("shares one link among all who use a node at the same time", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const all = yield* Effect.all([nodes.get(node.name), nodes.connect(node.name), nodes.get(node.name)], {
          concurrency: "unbounded"
        })
        expect(new Set(all).size).toBe(1)
        expect(yield* connections(node)).toBe(1)
        expect((yield* stateOf(node.name))?._tag).toBe("Up")
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
      yield* eventually(Effect.map(connections(node), (count) => count === 0))
    })
  )

  it.live("keeps a link that a scope keeps, and closes it when told to and nobody does", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const user = yield* nodes.get(node.name)
        yield* Effect.gen(function* () {
          const kept = yield* nodes.connect(node.name)
          expect(yield* nodes.disconnect(node.name)).toBe("kept")
          expect(yield* kept.call("erlang", "abs", [-1])).toBe(1)
        }).pipe(Effect.scoped)
        expect(yield* user.call("erlang", "abs", [-1])).toBe(1)
        expect(yield* nodes.disconnect(node.name)).toBe("closed")
        expect((yield* Effect.flip(user.call("erlang", "abs", [-1]))).reason._tag).toBe("LinkLost")
        yield* eventually(Effect.map(connections(node), (count) => count === 0))
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
    })
  )

  it.live("lets go of a node when told to, and connects anew when asked again", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const first = yield* nodes.get(node.name)
        expect(yield* nodes.disconnect(node.name)).toBe("closed")
        expect(yield* nodes.disconnect(node.name)).toBe("absent")
        const error = yield* Effect.flip(first.call("erlang", "abs", [-1]))
        expect(error.reason).toMatchObject({ _tag: "LinkLost", cause: { reason: { _tag: "Disconnected" } } })
        expect(yield* stateOf(node.name)).toMatchObject({ _tag: "Down", why: { reason: { _tag: "Disconnected" } } })
        const second = yield* nodes.get(node.name)
        expect(second).not.toBe(first)
        expect(yield* second.call("erlang", "abs", [-1])).toBe(1)
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
    })
  )

  it.live("tells why a node is down, and finds it again when it is back", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const first = yield* nodes.connect(node.name)
        yield* Effect.promise(() => node.stop())
        yield* eventually(Effect.map(stateOf(node.name), (state) => state?._tag === "Down"))
        expect(yield* stateOf(node.name)).toMatchObject({ why: { reason: { _tag: "LinkClosed" } } })
        expect(yield* Effect.flip(nodes.connect(node.name))).toMatchObject({ reason: { _tag: "NameNotRegistered" } })
        yield* BeamNode.start({ name: node.name, cookie: node.cookie })
        const second = yield* nodes.connect(node.name)
        expect(second.name).toBe(first.name)
        expect(yield* second.call("erlang", "abs", [-1])).toBe(1)
        expect((yield* Effect.flip(first.call("erlang", "abs", [-1]))).reason._tag).toBe("LinkLost")
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
    })
  )

  it.live("takes a cookie for one connection, and forgets it when that fails", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        expect(yield* Effect.flip(nodes.connect(node.name))).toBeInstanceOf(TargetError)
        const wrong = yield* Effect.flip(nodes.connect(node.name, { cookie: Redacted.make("wrong") }))
        expect(wrong).toMatchObject({ reason: { _tag: "CookieRejected" } })
        expect(yield* Effect.flip(nodes.connect(node.name))).toBeInstanceOf(TargetError)
        const right = yield* nodes.connect(node.name, { cookie: Redacted.make(node.cookie) })
        expect(yield* right.call("erlang", "abs", [-1])).toBe(1)
      }).pipe(Effect.scoped, Effect.provide(registryOf()))
    })
  )

  it.live("joins a node that allows only certain names under the one that is set for it", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      const ourName = "allowed@beamscope.local"
      yield* Effect.promise(() => node.evaluate(`net_kernel:allow(['${ourName}'])`))
      const us = (registered: BeamNode.BeamNode & { readonly ourName?: string }) =>
        Effect.gen(function* () {
          const joined = yield* (yield* Nodes).connect(node.name)
          expect(yield* joined.call("erlang", "abs", [-1])).toBe(1)
          return joined.localName
        }).pipe(Effect.scoped, Effect.provide(registryOf(registered)))
      expect(yield* Effect.flip(us(node))).toMatchObject({ reason: { _tag: "NotAllowed" } })
      expect(yield* us({ ...node, ourName })).toBe(ourName)
    })
  )

  it.live("closes every link with its layer", () =>
    Effect.gen(function* () {
      const all = yield* Effect.all([BeamNode.start(), BeamNode.start()], { concurrency: "unbounded" })
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        yield* Effect.forEach(all, (node) => nodes.connect(node.name), { concurrency: "unbounded" })
      }).pipe(Effect.provide(registryOf(...all)))
      for (const node of all) yield* eventually(Effect.map(connections(node), (count) => count === 0))
    })
  )

  it.live("gives up an attempt when told to let go, and makes one link however often it is asked again", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.promise(node.freeze)
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const waiting = yield* Effect.forkChild(Effect.flip(nodes.connect(node.name)), { startImmediately: true })
        expect((yield* stateOf(node.name))?._tag).toBe("Connecting")
        expect(yield* nodes.disconnect(node.name)).toBe("closed")
        expect(yield* Fiber.join(waiting)).toMatchObject({ reason: { _tag: "Disconnected" } })
        node.thaw()
        yield* Effect.all([nodes.get(node.name), nodes.get(node.name), nodes.get(node.name)], {
          concurrency: "unbounded"
        })
        yield* eventually(Effect.map(connections(node), (count) => count === 1))
        expect(yield* nodes.disconnect(node.name)).toBe("closed")
        yield* eventually(Effect.map(connections(node), (count) => count === 0))
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
    })
  )

  it.live("stops dialling when nobody waits any more", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.promise(node.freeze)
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const waiting = yield* Effect.forkChild(Effect.scoped(nodes.get(node.name)), { startImmediately: true })
        expect((yield* stateOf(node.name))?._tag).toBe("Connecting")
        yield* Fiber.interrupt(waiting)
        expect((yield* stateOf(node.name))?._tag).toBe("Down")
      }).pipe(Effect.provide(registryOf(node)))
      node.thaw()
    })
  )

  it.live("tells within the time that it is given what it waited for", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.promise(node.freeze)
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const error = yield* Effect.flip(nodes.get(node.name, { timeoutMillis: 1_000 }))
        expect(error).toMatchObject({ reason: { _tag: "Timeout", phase: "handshake" } })
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
      node.thaw()
    })
  )

  it.live("tries the cookie that it is given also after an attempt with another one that was under way", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.promise(node.freeze)
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const shared: Array<string> = []
        const connect = (who: string) =>
          nodes.connect(node.name, { cookie: Redacted.make(node.cookie), onShared: () => void shared.push(who) })
        const wrong = yield* Effect.forkChild(Effect.flip(nodes.get(node.name)), { startImmediately: true })
        const right = yield* Effect.forkChild(connect("first"), { startImmediately: true })
        const late = yield* Effect.forkChild(connect("second"), { startImmediately: true })
        node.thaw()
        expect(yield* Fiber.join(wrong)).toMatchObject({ reason: { _tag: "CookieRejected" } })
        expect(yield* (yield* Fiber.join(right)).call("erlang", "abs", [-1])).toBe(1)
        expect(yield* Fiber.join(late)).toBe(yield* Fiber.join(right))
        expect(yield* connections(node)).toBe(1)
        // Of two who wait for the same, one connects; it is the other's cookie that was not tried.
        expect(shared).toEqual(["second"])
      }).pipe(Effect.scoped, Effect.provide(registryOf({ ...node, cookie: "wrong" })))
    })
  )

  it.live("gives everybody who waits for an attempt the time that they have", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.promise(node.freeze)
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const hasty = Effect.flip(nodes.get(node.name, { timeoutMillis: 100 }))
        const patient = nodes.get(node.name, { timeoutMillis: 60_000 })
        const first = yield* Effect.forkChild(hasty, { startImmediately: true })
        const second = yield* Effect.forkChild(patient, { startImmediately: true })
        expect(yield* Fiber.join(first)).toMatchObject({ reason: { _tag: "Timeout", phase: "handshake" } })
        yield* eventually(Effect.map(stateOf(node.name), (state) => state?._tag === "Connecting"))
        expect(yield* hasty).toMatchObject({ reason: { _tag: "Timeout", millis: 100 } })
        expect((yield* stateOf(node.name))?._tag).toBe("Connecting")
        node.thaw()
        expect(yield* (yield* Fiber.join(second)).call("erlang", "abs", [-1])).toBe(1)
      }).pipe(Effect.scoped, Effect.provide(registryOf(node)))
    })
  )

  it.live("shows a node the same wrong cookie twice, unless somebody asks for it", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      const attempts = () => node.log().match(/Connection attempt/gu)?.length ?? 0
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        for (let call = 0; call < 5; call++)
          expect(yield* Effect.flip(nodes.get(node.name))).toMatchObject({ reason: { _tag: "CookieRejected" } })
        yield* eventually(Effect.sync(() => attempts() === 2))
        expect(yield* Effect.flip(nodes.connect(node.name))).toMatchObject({ reason: { _tag: "CookieRejected" } })
        yield* eventually(Effect.sync(() => attempts() === 3))
        yield* Effect.scoped(nodes.connect(node.name, { cookie: Redacted.make(node.cookie) }))
        expect(yield* nodes.disconnect(node.name)).toBe("closed")
        expect(attempts()).toBe(3)
      }).pipe(Effect.scoped, Effect.provide(registryOf({ ...node, cookie: "wrong" })))
    })
  )

  it.live("remembers the latest of the nodes that could not be reached, not all that were ever named", () =>
    Effect.gen(function* () {
      const nodes = yield* Nodes
      for (let number = 0; number < 200; number++) yield* Effect.flip(nodes.get(`invented${number}@127.0.0.1`))
      const names = (yield* nodes.list).map(({ name }) => name)
      expect(names.length).toBeLessThanOrEqual(50)
      expect(names.at(-1)).toBe("invented199@127.0.0.1")
    }).pipe(Effect.scoped, Effect.provide(registryOf()))
  )
})

describe("joining a node", () => {
  it.live("takes no longer than it may, however many questions that are", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      const proxy = yield* faultProxy(epmdPort)
      proxy.set({ latencyMillis: 200 })
      // Two round trips for the handshake, and two for what it can do: 1,600 ms at least.
      const target = { name: node.name, cookie: Redacted.make(node.cookie), epmdPort: proxy.epmdPort }
      const error = yield* Effect.flip(joinNode(target, { timeoutMillis: 1_400 }))
      expect(["DeadlineExceeded", "Timeout"]).toContain(error.reason._tag)
    }).pipe(Effect.scoped)
  )

  it.live("through a tunnel ends with what that says, for calls too", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      const proxy = yield* faultProxy(epmdPort)
      const tunnel = { program: "ssh", said: Effect.succeed("Killed by signal 15."), ended: Effect.undefined }
      const target = { name: node.name, cookie: Redacted.make(node.cookie), epmdPort: proxy.epmdPort, tunnel }
      const joined = yield* joinNode(target)
      proxy.end("cut")
      const said = "tunnel of its entry (ssh). It said: Killed by signal 15."
      expect((yield* Effect.flatMap(joined.lost, joined.whyLost)).message).toContain(said)
      expect((yield* Effect.flip(joined.call("erlang", "self", []))).message).toContain(said)
    }).pipe(Effect.scoped)
  )
})
