import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Nodes, TargetError, Targets } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])

/** A registry that has a cookie for each of these nodes, and for no other. */
const registryOf = (...nodes: ReadonlyArray<BeamNode.BeamNode>) =>
  Nodes.layer.pipe(
    Layer.provide(
      Layer.succeed(Targets, {
        resolve: (name, options) => {
          const cookie = options?.cookie ?? nodes.find((node) => node.name === name)?.cookie
          return cookie === undefined
            ? Effect.fail(new TargetError({ node: name, message: `no cookie for ${name}` }))
            : Effect.succeed({
                name,
                cookie: typeof cookie === "string" ? Redacted.make(cookie) : cookie,
                epmdPort
              })
        },
        configured: [],
        epmdPort,
        cookies: Effect.succeed([])
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

  it.live("lets go of a node for everybody when told to, and connects anew when asked again", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start()
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const first = yield* nodes.connect(node.name)
        expect(yield* nodes.disconnect(node.name)).toBe(true)
        expect(yield* nodes.disconnect(node.name)).toBe(false)
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
})
