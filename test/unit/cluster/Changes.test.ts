import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ChangesOptions, DiscoveryChange } from "../../../src/cluster/Discoveries.ts"
import { Discovery } from "../../../src/cluster/Discovery.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import { atom, isAtom, list } from "../../../src/etf/Term.ts"
import type { NodeStatus } from "../../../src/node/NodeState.ts"
import { type DiscoveryWorld, discoveryLayer } from "../../support/FakeDiscovery.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { serveEpmd } from "../../support/FakePeer.ts"

const textOf = (change: DiscoveryChange): string =>
  change._tag === "Left"
    ? `-${change.node.node}`
    : `+${change.node.node}${change.formerly === undefined ? "" : ` (${change.formerly})`}`

/** Lets whatever can go on do so. */
const settle = Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))

interface Watched {
  /** The changes since the last time, as `+node` and `-node`, when all sources have been looked at again. */
  readonly news: Effect.Effect<ReadonlyArray<string>>
  /** How often they have been looked at. */
  readonly looks: () => number
}

/** Watches the nodes of a world. A source of its own counts the looks. */
const watch = (
  { discovery = [], zone = {}, ...world }: DiscoveryWorld,
  options?: ChangesOptions
): Effect.Effect<Watched, never, Scope.Scope> =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const count = { looks: 0 }
    const layer = discoveryLayer({
      ...world,
      discovery: [...discovery, "dns:x@clock"],
      zone: { ...zone, onAsked: (host) => void (host === "clock" && count.looks++) }
    })
    yield* Effect.flatMap(Discovery.make, ({ changes }) =>
      Stream.runForEach(Stream.unwrap(changes(options)), (change) => Effect.sync(() => heard.push(textOf(change))))
    ).pipe(Effect.provide(layer), Effect.forkScoped)
    const until = (looks: number, pass: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.suspend(() => (count.looks >= looks ? Effect.void : Effect.andThen(pass, until(looks, pass))))
    yield* until(1, settle)
    return {
      // What a look has found is told before the next one.
      news: Effect.andThen(
        Effect.suspend(() => until(count.looks + 2, Effect.andThen(TestClock.adjust(500), settle))),
        Effect.sync(() => heard.splice(0))
      ),
      looks: () => count.looks
    }
  })

const addresses = (pods: ReadonlyArray<string> | string): Record<string, ReadonlyArray<string> | string> => ({ pods })

const connectedToX: Reply = ([kind]) => Effect.succeed(list(isAtom(kind, "hidden") ? [] : [atom("x@h")]))

describe("changes", () => {
  it.effect("are the nodes that are there, then those that come and go", () =>
    Effect.gen(function* () {
      const zone = { addresses: addresses(["10.0.0.1", "10.0.0.2"]) }
      const { news } = yield* watch({ discovery: ["dns:app@pods"], zone })
      expect(yield* news).toEqual(["+app@10.0.0.1", "+app@10.0.0.2"])
      expect(yield* news).toEqual([])
      zone.addresses["pods"] = ["10.0.0.2", "10.0.0.3"]
      expect(yield* news).toEqual(["-app@10.0.0.1", "+app@10.0.0.3"])
      expect(yield* news).toEqual([])
    })
  )

  it.effect("do not follow from a source that fails, but from one that answers that there is nothing", () =>
    Effect.gen(function* () {
      const zone = { addresses: addresses(["10.0.0.1"]) }
      const { news } = yield* watch({ discovery: ["dns:app@pods"], zone })
      expect(yield* news).toEqual(["+app@10.0.0.1"])
      for (const code of ["ESERVFAIL", "TIMEOUT", "EAI_AGAIN"]) {
        zone.addresses["pods"] = code
        expect(yield* news).toEqual([])
      }
      zone.addresses["pods"] = ["10.0.0.2"]
      expect(yield* news).toEqual(["-app@10.0.0.1", "+app@10.0.0.2"])
      for (const code of ["ENOTFOUND", "ENODATA"]) {
        zone.addresses["pods"] = code
        expect(yield* news).toEqual(["-app@10.0.0.2"])
        zone.addresses["pods"] = ["10.0.0.2"]
        expect(yield* news).toEqual(["+app@10.0.0.2"])
      }
    })
  )

  it.effect("do not follow from another order of more addresses than are taken", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 600 }, (_, at) => `10.0.0.${at}`)
      const zone = { addresses: addresses(all) }
      const { news } = yield* watch({ discovery: ["dns:app@pods"], zone })
      expect(yield* news).toHaveLength(500)
      zone.addresses["pods"] = all.toReversed()
      expect(yield* news).toEqual([])
    })
  )

  it.effect("are of no more nodes than a bound", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 5 }, (_, at) => `pods${at}`)
      const pods = names.map((name, at) => [name, Array.from({ length: 450 }, (_, pod) => `10.0.${at}.${pod}`)])
      const zone = { addresses: Object.fromEntries(pods) as Record<string, ReadonlyArray<string>> }
      const { news } = yield* watch({ discovery: names.map((name) => `dns:app@${name}`), zone })
      expect(yield* news).toHaveLength(2_000)
    })
  )

  it.effect("do not follow where another source still tells of the node", () =>
    Effect.gen(function* () {
      const zone = { addresses: addresses(["10.0.0.1"]) }
      zone.addresses["more"] = ["10.0.0.1"]
      const { news } = yield* watch({ discovery: ["dns:app@pods", "dns:app@more"], zone })
      expect(yield* news).toEqual(["+app@10.0.0.1"])
      zone.addresses["pods"] = "ENOTFOUND"
      expect(yield* news).toEqual([])
    })
  )

  it.effect("do not follow from a node that cannot be asked any more; others are asked as before", () =>
    Effect.gen(function* () {
      const seen: Record<string, ReadonlyArray<string> | undefined> = { "a@h": ["x@h"], "b@h": ["y@h"] }
      const node = (name: string) =>
        fakeNode({
          name,
          replies: {
            "erlang:nodes/1": ([kind]) => {
              const names = seen[name]
              if (names === undefined) return Effect.fail({ _tag: "DeadlineExceeded", millis: 1 } as never)
              return Effect.succeed(list(isAtom(kind, "hidden") ? [] : names.map((it) => atom(it))))
            }
          }
        })
      const { news } = yield* watch({ discovery: ["follow"], up: [node("a@h"), node("b@h")] })
      expect(yield* news).toEqual(["+x@h", "+y@h"])
      seen["a@h"] = undefined
      seen["b@h"] = []
      expect(yield* news).toEqual(["-y@h"])
      seen["a@h"] = []
      expect(yield* news).toEqual(["-x@h"])
    })
  )

  it.effect("do not follow from a link that was closed, for as long as what it led to may be believed", () =>
    Effect.gen(function* () {
      const standing: Record<string, Partial<NodeStatus>> = {}
      const up = [fakeNode({ name: "a@h", replies: { "erlang:nodes/1": connectedToX } })]
      const world = { discovery: ["follow"], up, standing }
      const { news } = yield* watch(world)
      expect(yield* news).toEqual(["+x@h"])
      const since = yield* Clock.currentTimeMillis
      const why = new DistError({ node: "a@h", reason: { _tag: "Disconnected" } })
      standing["a@h"] = { state: { _tag: "Down", since, why } }
      expect(yield* news).toEqual([])
      // As it should be, and no failure of that node; but there is none that could be asked.
      const told = yield* Effect.flatMap(Discovery.make, ({ once }) => once()).pipe(
        Effect.provide(discoveryLayer(world))
      )
      expect(told.failures).toEqual([{ source: "follow", message: expect.stringContaining("no node is connected") }])
      yield* TestClock.adjust("1 hour")
      expect(yield* news).toEqual(["-x@h"])
    })
  )

  it.effect("do not follow from a link that was lost in trouble, which is told, however long ago", () =>
    Effect.gen(function* () {
      const standing: Record<string, Partial<NodeStatus>> = {}
      const up = [fakeNode({ name: "a@h", replies: { "erlang:nodes/1": connectedToX } })]
      const world = { discovery: ["follow"], up, standing }
      const { news } = yield* watch(world)
      expect(yield* news).toEqual(["+x@h"])
      const since = yield* Clock.currentTimeMillis
      const why = new DistError({ node: "a@h", reason: { _tag: "LinkClosed", detail: "the node went down" } })
      standing["a@h"] = { state: { _tag: "Down", since, why } }
      yield* TestClock.adjust("2 hours")
      expect(yield* news).toEqual([])
      const told = yield* Effect.flatMap(Discovery.make, ({ once }) => once()).pipe(
        Effect.provide(discoveryLayer(world))
      )
      expect(told.failures).toEqual([
        { source: "follow", message: expect.stringContaining("a@h could not be asked which nodes it is connected to") }
      ])
    })
  )

  it.effect.each([
    [5_000, {}],
    [20_000, { everyMillis: 20_000 }]
  ] as const)("come by polling, every %i ms give or take a fifth, with %j", ([expected, options]) =>
    Effect.gen(function* () {
      const { looks } = yield* watch({}, options)
      let now = 0
      const times: Array<number> = [0]
      while (times.length < 10) {
        const before = looks()
        yield* TestClock.adjust(100)
        yield* settle
        yield* settle
        now += 100
        if (looks() > before) times.push(now)
      }
      const pauses = times.slice(1).map((time, at) => time - times[at]!)
      for (const pause of pauses) expect(pause).toBeGreaterThan(expected * 0.8 - 200)
      expect(new Set(pauses).size).toBeGreaterThan(1)
      expect(Math.min(...pauses)).toBeLessThanOrEqual(expected * 1.2 + 200)
    })
  )
})

/** The first changes that a world which knows a node by EPMD and by DNS tells of; `befall` happens after each. */
const firstChanges = (
  count: number,
  registered: Record<string, number>,
  befall: (zone: { readonly addresses: ReturnType<typeof addresses> }) => void
) =>
  Effect.gen(function* () {
    const port = yield* serveEpmd(registered)
    const zone = { addresses: addresses([]) }
    const heard: Array<string> = []
    const changes = Effect.flatMap(Discovery.make, (discovery) => discovery.changes({ everyMillis: 10 }))
    yield* Stream.unwrap(changes).pipe(
      Stream.map(textOf),
      Stream.tap((text) =>
        Effect.sync(() => {
          heard.push(text)
          befall(zone)
        })
      ),
      Stream.take(count),
      Stream.runDrain,
      Effect.provide(discoveryLayer({ discovery: [`epmd:localhost:${port}`, "dns:app@pods"], zone }))
    )
    return heard
  })

describe("a node of this machine", () => {
  it.live("that gets its full name has not left", () =>
    Effect.gen(function* () {
      const heard = yield* firstChanges(2, { app: 1 }, ({ addresses }) => {
        // The host's own address.
        addresses["pods"] = ["10.0.0.1"]
      })
      expect(heard).toEqual(["+app", "+app@10.0.0.1 (app)"])
    })
  )

  it.live("that leaves as another machine's of that name comes has not become that one", () =>
    Effect.gen(function* () {
      const registered: Record<string, number> = { app: 1 }
      const heard = yield* firstChanges(3, registered, ({ addresses }) => {
        delete registered["app"]
        addresses["pods"] = ["10.9.9.9"]
      })
      expect(heard.toSorted()).toEqual(["+app", "+app@10.9.9.9", "-app"])
    })
  )
})
