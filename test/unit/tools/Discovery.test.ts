import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DistError } from "../../../src/dist/DistError.ts"
import { atom, isAtom, list } from "../../../src/etf/Term.ts"
import { discoverNodes } from "../../../src/tools/connection/Discovery.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
import type { ToolError } from "../../../src/tools/ToolError.ts"
import { type DiscoveryWorld, discoveryLayer } from "../../support/FakeDiscovery.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { addProcess, beam, folder } from "../../support/FakeProcesses.ts"
import { serveEpmd } from "../../support/FakePeer.ts"
import { call } from "../../support/Tools.ts"

const within = (world: DiscoveryWorld) => Layer.provideMerge(Catalogue.layerOf(allTools), discoveryLayer(world))

const discover = (world: DiscoveryWorld, input: object = {}) =>
  Effect.map(call(discoverNodes.name, input), ({ structured }) => structured).pipe(Effect.provide(within(world)))

const rows = (structured: Readonly<Record<string, unknown>>) =>
  (structured["nodes"] ?? []) as ReadonlyArray<Readonly<Record<string, unknown>>>

const names = (structured: Readonly<Record<string, unknown>>) => rows(structured).map(({ node }) => node)

const pods = (count: number): DiscoveryWorld => ({
  discovery: ["dns:app@pods"],
  zone: { addresses: { pods: Array.from({ length: count }, (_, at) => `10.0.7.${String(at).padStart(3, "0")}`) } }
})

/** A node that sees others, and notes that it was asked. */
const neighbour = (name: string, visible: ReadonlyArray<string>, asked: Array<string>) =>
  fakeNode({
    name,
    replies: {
      "erlang:nodes/1": ([kind]) =>
        Effect.sync(() => {
          if (isAtom(kind, "hidden")) return list([])
          asked.push(name)
          return list(visible.map((it) => atom(it)))
        })
    }
  })

describe("discover_nodes", () => {
  it.effect("tells where each node stands, what would allow those that are not, and which to connect", () =>
    Effect.gen(function* () {
      const world: DiscoveryWorld = {
        discovery: ["dns:app@pods"],
        zone: { addresses: { pods: ["10.0.0.2", "10.0.0.3", "127.0.0.1", "10.0.0.4"] } },
        up: [fakeNode({ name: "app@10.0.0.4" })],
        configured: [{ name: "app@10.0.0.3", alias: "staging" }]
      }
      const told = yield* discover(world)
      expect(told).toMatchObject({
        summary: "4 nodes found: 1 connected, 1 configured, 1 allowed, 1 not allowed.",
        complete: true,
        total: 4,
        matched: 4,
        hints: ['connect_node {"node":"app@10.0.0.3"}']
      })
      const sources = ["dns:app@pods"]
      expect(rows(told)).toEqual([
        { node: "app@10.0.0.4", state: "connected", sources, host: "10.0.0.4" },
        { node: "app@10.0.0.3", alias: "staging", state: "configured", sources, host: "10.0.0.3" },
        { node: "app@127.0.0.1", state: "allowed", sources, host: "127.0.0.1" },
        {
          node: "app@10.0.0.2",
          state: "not_allowed",
          sources,
          host: "10.0.0.2",
          allowed_by: "--allow-nodes 'app@10.0.0.2'"
        }
      ])
      const allowed = yield* discover({ ...world, configured: [], policy: { allowNodes: ["*@10.0.0.2"] } })
      expect(rows(allowed).map(({ node, state }) => [node, state])).toEqual([
        ["app@10.0.0.4", "connected"],
        ["app@10.0.0.2", "allowed"],
        ["app@10.0.0.3", "not_allowed"],
        ["app@127.0.0.1", "not_allowed"]
      ])
      expect(allowed["hints"]).toEqual(['connect_node {"node":"app@10.0.0.2"}'])
    })
  )

  it.live("tells what a node's own arguments say of the way to it, and leads to none that takes no connections", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, "self", [])
      addProcess(processes, 10, [beam, "--", "-name", "mute@127.0.0.1", "-dist_listen", "false"])
      const world: DiscoveryWorld = { discovery: ["releases"], epmdPort: 4369, machine: { processes } }
      const sources = ["releases"]
      const mute = { node: "mute@127.0.0.1", state: "allowed", sources, listening: false, host: "localhost" }
      const told = yield* discover(world)
      expect(rows(told)).toEqual([mute])
      expect(told["hints"]).toBeUndefined()
      expect(told["notes"]).toEqual([expect.stringContaining("it cannot be connected")])
      expect((yield* discover({ ...world, configured: ["mute@127.0.0.1"] }))["hints"]).toBeUndefined()
      addProcess(processes, 11, [beam, "--", "-name", "safe@127.0.0.1", "-proto_dist", "inet_tls"])
      const both = yield* discover(world)
      expect(rows(both)).toEqual([
        mute,
        { node: "safe@127.0.0.1", state: "allowed", sources, tls: true, host: "localhost" }
      ])
      expect(both["hints"]).toEqual(['connect_node {"node":"safe@127.0.0.1"}'])
    })
  )

  it.effect("tells every source that fails, and is not complete then", () =>
    Effect.gen(function* () {
      const told = yield* discover({
        discovery: ["dns:a@up", "dns:a@down", "srv:a@gone"],
        zone: { addresses: { up: ["127.0.0.1"], down: "ESERVFAIL" } }
      })
      expect(told).toMatchObject({ complete: false, total: 1 })
      expect(told["notes"]).toEqual([
        "dns:a@down: the name service failed for 'down' (ESERVFAIL).",
        "srv:a@gone: there is no 'gone' in DNS or the hosts file."
      ])
      const many = Array.from({ length: 25 }, (_, at) => `dns:a@down${at}`)
      const all = yield* discover({ discovery: many })
      expect((all["notes"] as ReadonlyArray<string>).slice(9)).toEqual([
        expect.stringContaining("down9"),
        "And 15 more failures of sources."
      ])
    })
  )

  it.effect("looks at one source where asked, and says which there are", () =>
    Effect.gen(function* () {
      const world: DiscoveryWorld = {
        discovery: ["dns:a@x", "dns:b@y"],
        zone: { addresses: { x: ["127.0.0.1"], y: ["127.0.0.1"] } }
      }
      expect(rows(yield* discover(world, { source: "dns:b" })).map(({ node }) => node)).toEqual(["b@127.0.0.1"])
      const error = (yield* Effect.flip(discover(world, { source: "epmd" }))) as ToolError
      expect(error).toMatchObject({ code: "invalid_input", retryable: false })
      expect(error.message).toContain("there are dns:a@x, dns:b@y")
      expect(error.message).toContain("--discover")
    })
  )

  it.effect.each(["state", "node"])("lists page by page, by %s, and those of a name", (sort_by) =>
    Effect.gen(function* () {
      const world = pods(120)
      const seen: Array<unknown> = []
      let cursor: unknown
      do {
        const page = yield* discover(world, { sort_by, limit: 50, ...(cursor !== undefined && { cursor }) })
        expect(page).toMatchObject({ total: 120, matched: 120 })
        seen.push(...rows(page).map(({ node }) => node))
        cursor = page["next_cursor"]
      } while (cursor !== undefined)
      expect(seen).toHaveLength(120)
      expect(new Set(seen).size).toBe(120)
      const one = yield* discover(world, { filter: { name: "7.042" } })
      expect(rows(one).map(({ node }) => node)).toEqual(["app@10.0.7.042"])
      expect(one).toMatchObject({ total: 120, matched: 1 })
      for (const filter of [{ name: "db" }, { name: "7.042", state: "configured" }])
        expect((yield* discover(world, { filter }))["summary"]).toBe("None of 120 nodes passes the filter.")
      expect((yield* discover(pods(0)))["summary"]).toBe("No node was found.")
    })
  )

  it.effect("filters by state, and by a part of the name or the alias in any case", () =>
    Effect.gen(function* () {
      const world: DiscoveryWorld = {
        ...pods(5),
        configured: [{ name: "app@10.0.7.001", alias: "staging" }],
        policy: { allowNodes: ["*@10.0.7.003"] }
      }
      const of = (filter: object) => Effect.map(discover(world, { filter }), (told) => [names(told), told] as const)
      for (const [filter, found] of [
        [{ state: "allowed" }, ["app@10.0.7.003"]],
        [{ state: "configured" }, ["app@10.0.7.001"]],
        [{ name: "STAG" }, ["app@10.0.7.001"]],
        [{ name: "APP@", state: "not_allowed" }, ["app@10.0.7.000", "app@10.0.7.002", "app@10.0.7.004"]]
      ] as const) {
        const [nodes, told] = yield* of(filter)
        expect(nodes).toEqual(found)
        expect(told).toMatchObject({ total: 5, matched: found.length, complete: true })
      }
    })
  )

  it.effect("lists those first that can be asked, or all by their names", () =>
    Effect.gen(function* () {
      const world = { ...pods(3), up: [fakeNode({ name: "app@10.0.7.002" })] }
      expect(names(yield* discover(world))).toEqual(["app@10.0.7.002", "app@10.0.7.000", "app@10.0.7.001"])
      expect(names(yield* discover(world, { sort_by: "node" }))).toEqual([
        "app@10.0.7.000",
        "app@10.0.7.001",
        "app@10.0.7.002"
      ])
    })
  )

  it.effect("lets no name of a stranger's hide, order or allow anything", () =>
    Effect.gen(function* () {
      const hosts = ["*", "$(reboot)", "`x`", "a;b", "evil\u202e", "fill\u3164", "'q'", "ok"]
      const told = yield* discover({
        discovery: ["srv:*@x", "srv:n@x"],
        zone: { services: { x: hosts.map((host) => ({ host, port: 1 })) } }
      })
      const given = Object.fromEntries(rows(told).map(({ allowed_by: by, node }) => [node, by]))
      expect(given).toEqual({
        "*@*": undefined,
        "*@$(reboot)": undefined,
        "*@`x`": undefined,
        "*@a;b": undefined,
        "*@fill\\u{3164}": undefined,
        "*@ok": undefined,
        "n@*": undefined,
        "n@$(reboot)": undefined,
        "n@`x`": undefined,
        "n@a;b": "--allow-nodes 'n@a;b'",
        "n@fill\\u{3164}": undefined,
        "n@ok": "--allow-nodes 'n@ok'"
      })
      expect(JSON.stringify(told)).not.toMatch(/[\u202e\u3164]/u)
      expect(told["complete"]).toBe(false)
    })
  )

  it.live("knows nodes of this machine without their host, and does not send to an EPMD that is another", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ zoo: 1 })
      const other = yield* serveEpmd({ app: 2 })
      const world = { epmdPort, discovery: ["epmd:localhost", `epmd:localhost:${other}`] }
      const told = yield* discover(world)
      expect(rows(told)).toEqual([
        { node: "app", state: "allowed", sources: [world.discovery[1]], host: "localhost", port: 2, epmd_port: other },
        { node: "zoo", state: "allowed", sources: [world.discovery[0]], host: "localhost", port: 1 }
      ])
      expect(told["hints"]).toEqual(['connect_node {"node":"zoo"}'])
      expect(told["notes"]).toEqual([
        expect.stringContaining("an entry with epmd_port"),
        expect.stringContaining("only the part before the @")
      ])
      const refused = yield* discover({ ...world, policy: { allowNodes: ["shop@*"] } })
      expect(rows(refused).map(({ state }) => state)).toEqual(["not_allowed", "not_allowed"])
      expect(refused["hints"]).toBeUndefined()
    })
  )

  it.effect("tells that no node is connected to be followed, where that was asked for, and which may be", () =>
    Effect.gen(function* () {
      const world: DiscoveryWorld = { configured: ["app@far"], epmdPort: 1 }
      const note = "follow: no node is connected, so that there is none to ask what it is connected to."
      const told = { summary: "No node was found.", complete: false, notes: [note] }
      const hints = ['connect_node {"node":"app@far"}']
      expect(yield* discover({ ...world, discovery: ["follow"] })).toMatchObject({ ...told, hints })
      expect(yield* discover(world, { source: "follow" })).toMatchObject({ ...told, hints })
      expect((yield* discover({ discovery: ["follow"] }))["hints"]).toBeUndefined()
      expect(JSON.stringify(yield* discover(world))).not.toContain("no node is connected")
      const reason = { _tag: "Disconnected" } as const
      const state = { _tag: "Down", since: 0, why: new DistError({ node: "app@far", reason }) } as const
      const left = { up: [fakeNode({ name: "app@far" })], standing: { "app@far": { state } } }
      expect(yield* discover({ ...world, ...left, discovery: ["follow"] })).toMatchObject(told)
    })
  )

  it.effect("connects nodes to follow them only where the operator has said which", () =>
    Effect.gen(function* () {
      const reached: Array<string> = []
      const world = (allowNodes?: ReadonlyArray<string>): DiscoveryWorld => ({
        discovery: ["follow"],
        up: [neighbour("a@localhost", ["b@localhost"], reached)],
        reachable: [neighbour("b@localhost", ["a@localhost", "c@localhost"], reached)],
        policy: allowNodes === undefined ? {} : { allowNodes }
      })
      expect(names(yield* discover(world()))).toEqual(["b@localhost"])
      expect(reached).toEqual(["a@localhost"])
      expect(names(yield* discover(world(["b@localhost"])))).toEqual(["a@localhost", "b@localhost", "c@localhost"])
      expect(reached).toEqual(["a@localhost", "a@localhost", "b@localhost"])
    })
  )
})
