import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { load } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import type { SettingTexts } from "../../../src/config/SettingTexts.ts"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import type { NodeTarget, Targets } from "../../../src/node/Targets.ts"
import { Policy, type PolicySettings } from "../../../src/policy/Policy.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { Session } from "../../../src/tools/Session.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"
import { call } from "../../support/Tools.ts"

const failing = (target: NodeTarget, reason: DistReason) => new DistError({ node: target.name, reason })

/** The catalogue over the real registry of nodes, and what became of the attempts to join any. */
const makeWorld = (targets: Layer.Layer<Targets>, policy: PolicySettings) => {
  const world = {
    attempts: [] as Array<NodeTarget>,
    isDown: false,
    /** What nodes call themselves that are asked for by another name. */
    ownNames: {} as Readonly<Record<string, string>>,
    lose: Effect.void as Effect.Effect<unknown>
  }
  const joining: Parameters<typeof Nodes.layerOf>[0] = (target) =>
    Effect.gen(function* () {
      world.attempts.push(target)
      const actual = world.ownNames[target.name]
      if (actual !== undefined) return yield* failing(target, { _tag: "WrongNode", actual })
      if (world.isDown) return yield* failing(target, { _tag: "PortRefused", at: "x:1", from: "epmd" })
      const end = yield* Deferred.make<DistError>()
      world.lose = Deferred.succeed(end, failing(target, { _tag: "LinkClosed", detail: "it went down" }))
      return { ...fakeNode({ name: target.name }), lost: Deferred.await(end) }
    })
  const layer = Catalogue.layer.pipe(
    Layer.provideMerge(Nodes.layerOf(joining)),
    Layer.provideMerge(targets),
    Layer.provideMerge(Policy.layer(policy)),
    Layer.provideMerge(Layer.effect(Session, Session.make({ mode: "elixir" })))
  )
  return { world, layer }
}

const summary = (tool: string, node: string) =>
  Effect.map(call(tool, { node }), ({ structured }) => structured["summary"])

describe("disconnect_node", () => {
  const configured = targetsOf({
    epmdPort: 1,
    resolve: (name) => Effect.succeed({ name, cookie: Redacted.make("a cookie") })
  })

  it.effect.each(["app@localhost", "app@box"])("ends what makes a lost link again, by the name %s", (name) => {
    const { layer, world } = makeWorld(configured, { hostNames: ["box"] })
    world.ownNames = { "app@localhost": "app@box" }
    return Effect.gen(function* () {
      yield* call("connect_node", { node: "app@localhost" })
      world.isDown = true
      yield* world.lose
      yield* TestClock.adjust(0)
      expect(yield* summary("disconnect_node", name)).toBe("app@box was not connected. It is no longer tried again.")
      const before = world.attempts.length
      yield* TestClock.adjust("10 minutes")
      expect(world.attempts).toHaveLength(before)
      expect(yield* summary("disconnect_node", name)).toBe("app@box was not connected.")
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not tell that a node stays connected that another session keeps, but is down", () => {
    const { layer, world } = makeWorld(configured, { hostNames: ["box"] })
    return Effect.gen(function* () {
      yield* (yield* Nodes).connect("app@box")
      expect(yield* summary("disconnect_node", "app@box")).toContain("stays connected: another session")
      world.isDown = true
      yield* world.lose
      yield* TestClock.adjust(0)
      expect(yield* summary("disconnect_node", "app@box")).toBe(
        "app@box is not connected now, and another session of this server keeps it."
      )
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

describe("a node whose entry the configuration has no more", () => {
  const node = "app@prod.example.com"
  let folder = ""
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "beamscope-letting-go-"))
    writeFileSync(join(folder, ".erlang.cookie"), "machinedefault", { mode: 0o600 })
    chmodSync(join(folder, ".erlang.cookie"), 0o600)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const entry = { name: node, group: "shop", cookie: "its own", address: "10.1.2.3:4370" }
  const file = () => join(folder, "beamscope.json")
  const write = (nodes: ReadonlyArray<unknown>) => writeFileSync(file(), JSON.stringify({ nodes }), { mode: 0o600 })
  const start = Effect.fnUntraced(function* (flags: SettingTexts = {}) {
    write([entry])
    const config = yield* load({ flags, environment: { HOME: folder }, file: file() })
    return makeWorld(ConfiguredTargets.layer(config), config.policy)
  })

  it.effect.each([
    ["is gone", {}, []],
    ["is not meant by --node any more", { nodes: ["shop"] }, [{ ...entry, group: "other" }]]
  ] as const)("is left alone when its link is lost, where it %s", ([_what, flags, nodes]) =>
    Effect.gen(function* () {
      const { layer, world } = yield* start(flags)
      yield* Effect.gen(function* () {
        yield* call("connect_node", { node })
        write(nodes)
        world.isDown = true
        yield* world.lose
        // Whoever reads the file needs turns of the event loop, which no clock of a test gives.
        const down = Effect.map((yield* Nodes).list, ([status]) => status?.state)
        for (;;) {
          yield* TestClock.adjust("1 minute")
          yield* Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))
          const state = yield* down
          if (state?._tag === "Down" && state.why._tag === "TargetError") {
            expect(state.why.message).toContain("no longer in the configuration")
            expect(state).not.toHaveProperty("nextAttempt")
            break
          }
          expect(world.attempts).toHaveLength(1)
        }
        yield* TestClock.adjust("10 minutes")
        expect(world.attempts).toHaveLength(1)
        write([entry])
        world.isDown = false
        yield* call("connect_node", { node })
        expect(world.attempts.map(({ cookie }) => Redacted.value(cookie))).toEqual(["its own", "its own"])
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("can still be let go of, and not asked anything", () =>
    Effect.gen(function* () {
      const { layer } = yield* start()
      yield* Effect.gen(function* () {
        yield* call("connect_node", { node })
        write([])
        for (const tool of ["get_system_info", "connect_node"])
          expect((yield* Effect.flip(call(tool, { node }))).code).toBe("not_allowed")
        expect(yield* summary("disconnect_node", node)).toBe(`Disconnected from ${node}.`)
        expect(yield* (yield* Nodes).list).toMatchObject([{ state: { _tag: "Down" } }])
        expect((yield* Effect.flip(call("disconnect_node", { node: "app@elsewhere.example.com" }))).code).toBe(
          "not_allowed"
        )
      }).pipe(Effect.provide(layer))
    })
  )
})
