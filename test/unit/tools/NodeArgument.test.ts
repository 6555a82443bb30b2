import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import type { ErlangNode } from "../../../src/node/ErlangNode.ts"
import type { NodeHealth } from "../../../src/node/Health.ts"
import type { KnownNode } from "../../../src/node/Targets.ts"
import { fakeNode, type World } from "../../support/FakeNodes.ts"
import { closedPort, serveEpmd } from "../../support/FakePeer.ts"
import { call, callIn, catalogueLayer, failIn, pagesOf } from "../../support/Tools.ts"

const none = { fails: { _tag: "Unsupported", detail: "no memory here" } } as const
const memory = { "beamscope_memory:snapshot": none, "erlang:memory/0": none }
const node = (name: string) => fakeNode({ name, replies: memory })

/** Which node a call reaches. */
const reached = (world: World, given?: string) =>
  Effect.map(failIn(world, "get_memory_info", given === undefined ? {} : { node: given }), (error) =>
    error.code === "unsupported" ? error.message.split(" ")[0] : error
  )

const refused = (world: World, given?: string) =>
  failIn(world, "get_memory_info", given === undefined ? {} : { node: given })

/** EPMD of a host does not know `app`. */
const notRegistered = (host: string): DistReason => ({
  _tag: "NameNotRegistered",
  name: "app",
  host,
  port: 1,
  registered: []
})

describe("a node that is left out", () => {
  it.effect("is the one that is configured by several names of this machine", () =>
    Effect.gen(function* () {
      const configured = ["a@box", "a@localhost", { name: "a@127.0.0.1", alias: "b" }]
      expect(yield* reached({ configured, reachable: [node("a@box")] })).toBe("a@box")
    })
  )

  it.effect("is the only one connected, even when others are configured", () =>
    Effect.gen(function* () {
      expect(yield* reached({ up: [node("a@box")], configured: ["b@far", "c@far"] })).toBe("a@box")
    })
  )

  it.effect("is the only one configured when none is connected", () =>
    Effect.gen(function* () {
      expect(yield* reached({ reachable: [node("b@far")], configured: ["b@far"] })).toBe("b@far")
    })
  )

  it.effect("is the one that the client has asked, not one that is connected for another's sake", () =>
    Effect.gen(function* () {
      const world = { up: [node("a@box"), node("b@box")] }
      yield* Effect.gen(function* () {
        yield* Effect.flip(call("get_memory_info", { node: "b" }))
        const error = yield* Effect.flip(call("get_memory_info", {}))
        expect(error.message).toContain("b@box")
        yield* Effect.flip(call("get_memory_info", { node: "a" }))
        expect(yield* Effect.flip(call("get_memory_info", {}))).toMatchObject({ code: "no_node" })
        yield* call("disconnect_node", { node: "b" })
        expect((yield* Effect.flip(call("get_memory_info", {}))).message).toContain("a@box")
      }).pipe(Effect.provide(catalogueLayer(world)))
    })
  )

  it.effect("is asked for when there are several, or none", () =>
    Effect.gen(function* () {
      const up = yield* refused({ up: [node("a@box"), node("b@box")] })
      expect(up).toMatchObject({ code: "no_node", retryable: false })
      expect(up.message).toContain("Connected: a@box, b@box.")
      const configured = yield* refused({ configured: ["a@far", "b@far"] })
      expect(configured.message).toContain("Configured, and none of them connected: a@far, b@far.")
      expect(yield* refused({})).toMatchObject({ code: "no_node", next: "list_nodes" })
    })
  )
})

describe("a node by its short name", () => {
  it.effect.each([
    { given: "a", world: { up: [node("a@box")] }, name: "a@box" },
    { given: ":a", world: { up: [node("a@box")] }, name: "a@box" },
    { given: "b", world: { reachable: [node("b@far")], configured: ["b@far", "c@far"] }, name: "b@far" },
    {
      given: "shop",
      world: { reachable: [node("b@far")], configured: [{ name: "b@far", alias: "shop" }] },
      name: "b@far"
    },
    {
      given: "b",
      world: { up: [node("b@box")], reachable: [node("x@far")], configured: [{ name: "x@far", alias: "b" }] },
      name: "x@far"
    },
    {
      given: "shop.eu",
      world: { reachable: [node("b@far")], configured: [{ name: "b@far", alias: "shop.eu" }] },
      name: "b@far"
    },
    { given: "a", world: { up: [node("a@box")], configured: ["a@far"] }, name: "a@box" },
    { given: "a", world: { up: [node("a@far")], configured: ["a@far", "a@else"] }, name: "a@far" }
  ])("$given is $name", ({ given, name, world }) =>
    Effect.gen(function* () {
      expect(yield* reached(world, given)).toBe(name)
    })
  )

  it.effect("that two have is refused", () =>
    Effect.gen(function* () {
      const up = yield* refused({ up: [node("a@box"), node("a@far")], configured: ["a@else"] }, "a")
      expect(up).toMatchObject({ code: "invalid_input", didYouMean: ["a@box", "a@far"] })
      const configured = yield* refused({ up: [node("b@box")], configured: ["a@far", "a@else"] }, "a")
      expect(configured).toMatchObject({ code: "invalid_input", didYouMean: ["a@far", "a@else"] })
    })
  )

  it.effect("may be the only one of its group, of several of which one has to be named", () =>
    Effect.gen(function* () {
      const world = {
        configured: [
          { name: "a@far", group: "staging" },
          { name: "b@far", group: "staging" },
          { name: "c@far", group: "prod" }
        ],
        reachable: [node("c@far")]
      }
      expect(yield* reached(world, "prod")).toBe("c@far")
      const error = yield* refused(world, "staging")
      expect(error).toMatchObject({ code: "invalid_input", didYouMean: ["a@far", "b@far"] })
      expect(error.message).toContain("'staging' is a group of nodes: a@far, b@far.")
    })
  )

  it.live("is looked up in this machine's EPMD, and connected by the name that the node gives itself", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* serveEpmd({ app: 1234, other: 1235 })
        const wrongHost = { _tag: "WrongNode", actual: "app@localhost" } as const
        expect(yield* reached({ epmdPort, reachable: [node("app@box")] }, "app")).toBe("app@box")
        expect(
          yield* reached({ epmdPort, unreachable: { "app@box": wrongHost }, reachable: [node("app@localhost")] }, "app")
        ).toBe("app@localhost")
        expect(yield* refused({ epmdPort }, "ap")).toMatchObject({ code: "no_node", didYouMean: ["app"] })
      })
    )
  )

  it.live("is the one that was reached under it, not one that could not be", () =>
    Effect.gen(function* () {
      const configured = ["app@far"]
      const world: World = {
        configured,
        unreachable: { "app@box": { _tag: "CookieRejected" } },
        reachable: [node("app@far")]
      }
      yield* Effect.gen(function* () {
        yield* Effect.flip(call("get_memory_info", { node: "app@box" }))
        for (let time = 0; time < 2; time++) {
          const error = yield* Effect.flip(call("get_memory_info", { node: "app" }))
          expect(error.message).toContain("app@far")
        }
        expect((yield* call("disconnect_node", { node: "app" })).structured).toMatchObject({
          node: "app@far",
          disconnected: true
        })
      }).pipe(Effect.provide(catalogueLayer(world)))
    })
  )

  it.live("is that of no name that was tried in vain, by which no node is listed either", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const registered: Record<string, number> = { other: 1 }
        const epmdPort = yield* serveEpmd(registered)
        const unreachable: Record<string, DistReason> = {
          "app@localhost": notRegistered("localhost"),
          "app@127.0.0.1": notRegistered("127.0.0.1")
        }
        const reachable: Array<ErlangNode> = []
        yield* Effect.gen(function* () {
          for (const name of Object.keys(unreachable)) yield* Effect.flip(call("get_memory_info", { node: name }))
          expect(yield* Effect.flip(call("get_memory_info", { node: "app" }))).toMatchObject({ code: "no_node" })
          registered["app"] = 2
          const listed = (yield* call("list_nodes", {})).structured
          expect(listed["nodes"]).toEqual(["app", "other"].map((name) => ({ node: name, state: "discoverable" })))
          reachable.push(node("app@box"))
          const error = yield* Effect.flip(call("get_memory_info", { node: "app" }))
          expect(error.message).toMatch(/^app@box /u)
        }).pipe(Effect.provide(catalogueLayer({ epmdPort, unreachable, reachable })))
      })
    )
  )

  it.effect("is that of a node that was connected, and is not registered now", () =>
    Effect.gen(function* () {
      const why = new DistError({ node: "app@far", reason: notRegistered("far") })
      const former = { creation: 1, until: 0, why }
      const world: World = {
        up: [node("app@far")],
        standing: { "app@far": { state: { _tag: "Down", since: 0, why, former } } }
      }
      expect(names((yield* callIn(world, "list_nodes")).structured)).toEqual(["app@far"])
      expect(yield* reached(world, "app")).toMatchObject({ code: "not_allowed" })
      expect(yield* reached({ ...world, policy: { allowNodes: ["app@far"] } }, "app")).toBe("app@far")
    })
  )

  it.live("does not lead off this machine", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* serveEpmd({ app: 1234 })
        const unreachable = { "app@box": { _tag: "WrongNode", actual: "app@far" } } as const
        expect(yield* refused({ epmdPort, unreachable }, "app")).toMatchObject({
          code: "connect_failed",
          didYouMean: ["app@far"]
        })
      })
    )
  )

  it.effect.each<KnownNode>([
    { name: "app@localhost", alias: "pod", address: "127.0.0.1:4711" },
    { name: "app@localhost", alias: "pod", tunnel: ["ssh", "pod"] },
    { name: "app@localhost", alias: "pod", epmdPort: 4_370 }
  ])("that an entry leads elsewhere is not taken for the one of its name that runs here: %o", (entry) =>
    Effect.gen(function* () {
      const world: World = {
        configured: [entry],
        unreachable: { "app@localhost": { _tag: "WrongNode", actual: "app@127.0.0.1" } },
        reachable: [node("app@127.0.0.1")]
      }
      expect(yield* refused(world, "pod")).toMatchObject({
        code: "connect_failed",
        message: expect.stringContaining("app@127.0.0.1")
      })
    })
  )

  it.live("that is nearly an alias or a group is told with that", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const configured = [{ name: "a@far", alias: "prod-1", group: "staging" }]
        expect(yield* refused({ epmdPort, configured }, "prod-2")).toMatchObject({ didYouMean: ["prod-1"] })
        expect(yield* refused({ epmdPort, configured }, "stagin")).toMatchObject({ didYouMean: ["staging"] })
      })
    )
  )

  it.effect("that the operator mistyped is told as that, where there is no such node", () =>
    Effect.gen(function* () {
      const reason = {
        _tag: "NameNotRegistered",
        name: "stagin",
        host: "box",
        port: 4369,
        registered: ["app"]
      } as const
      const unreachable = { "stagin@box": reason }
      const world: World = { configured: [{ name: "stagin@box", near: ["staging"] }], unreachable }
      const error = yield* refused(world)
      expect(error).toMatchObject({ code: "no_node", retryable: false, didYouMean: ["staging"] })
      expect(error.message).toContain("no alias, group or node of the configuration is called so")
      const told = (yield* callIn(world, "diagnose_connection")).structured
      expect(told).not.toHaveProperty("hints")
      expect(told["notes"]).toEqual([expect.stringContaining("perhaps staging was meant")])
      const entered: World = { configured: ["stagin@box"], unreachable }
      expect(yield* refused(entered)).toMatchObject({ code: "connect_failed", retryable: true })
    })
  )

  it.live("that nobody has is told so, with or without an EPMD", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const error = yield* refused({ epmdPort, configured: ["shop@far"] }, "shp")
        expect(error).toMatchObject({ code: "no_node", next: "list_nodes", didYouMean: ["shop"] })
      })
    )
  )
})

describe("a node by its full name", () => {
  it.effect.each([
    { given: "a@box", name: "a@box" },
    { given: "'a@box'", name: "a@box" },
    { given: ':"a@box"', name: "a@box" },
    { given: "a@127.0.0.1", name: "a@127.0.0.1" },
    { given: "a@::1", name: "a@::1" }
  ])("$given is $name", ({ given, name }) =>
    Effect.gen(function* () {
      expect(yield* reached({ reachable: [node(name)] }, given)).toBe(name)
    })
  )

  it.effect.each(["@box", "a@", "a@b@c", "a b@c", "a@b\n\u202ec"])("%j is no name", (given) =>
    Effect.gen(function* () {
      const error = yield* refused({}, given)
      expect(error.code).toBe("invalid_input")
      // oxlint-disable-next-line no-control-regex
      expect(error.message).not.toMatch(/[\u202e\n]/u)
    })
  )

  it.effect("that the operator has not allowed is refused before anything is sent", () =>
    Effect.gen(function* () {
      const error = yield* refused({ configured: ["app@far1"] }, "app@far2")
      expect(error).toMatchObject({ code: "not_allowed", didYouMean: ["app@far1"] })
      expect(error.message).toContain("--allow-nodes")
      // A node that others are connected to is known, and no more allowed for that.
      const known = yield* refused({ up: [fakeNode({ name: "app@far2" }), fakeNode({ name: "app@far3" })] }, "app@far2")
      expect(known.code).toBe("not_allowed")
      expect(known.didYouMean ?? []).toEqual([])
    })
  )

  it.effect("is allowed by a pattern, which takes the place of this machine", () =>
    Effect.gen(function* () {
      const world = { policy: { allowNodes: ["*@far*"] }, reachable: [node("a@far1")], configured: ["c@else"] }
      expect(yield* reached(world, "a@far1")).toBe("a@far1")
      expect((yield* refused(world, "a@localhost")).code).toBe("not_allowed")
      expect(yield* reached({ ...world, reachable: [node("c@else")] }, "c@else")).toBe("c@else")
    })
  )

  it.effect("that cannot be connected says why", () =>
    Effect.gen(function* () {
      const error = yield* refused({ unreachable: { "a@box": { _tag: "CookieRejected", isCertain: true } } }, "a@box")
      expect(error).toMatchObject({ code: "connect_failed", retryable: false })
      expect(error.message).toContain("cookie")
    })
  )
})

/** What `connect_node` says of a node with such a cookie. */
const connectedBy = (hasWordCookie: boolean) =>
  callIn({ up: [fakeNode({ name: "a@box", hasWordCookie })] }, "connect_node", { node: "a@box" })

const names = (structured: Readonly<Record<string, unknown>>) =>
  ((structured["nodes"] ?? []) as ReadonlyArray<{ readonly node: string }>).map((row) => row.node)

describe("connect_node, disconnect_node and list_nodes", () => {
  it.effect("show what the operator calls a node", () =>
    Effect.gen(function* () {
      const world = {
        up: [node("a@box")],
        configured: [
          { name: "a@box", alias: "here" },
          { name: "b@far", alias: "shop", group: "prod", tags: ["eu", "db"], access: "inspect" }
        ],
        problem: "configuration file x.json: is not JSON"
      } as const
      const { structured, text } = yield* callIn(world, "list_nodes")
      expect(structured["notes"]).toContain("configuration file x.json: is not JSON")
      expect(text).toContain("eu")
      expect(structured["nodes"]).toEqual([
        expect.objectContaining({ node: "a@box", alias: "here", state: "up" }),
        { node: "b@far", alias: "shop", group: "prod", tags: ["eu", "db"], access: "inspect", state: "configured" }
      ])
    })
  )

  it.effect("tell of a cookie that is like a word what comes of it", () =>
    Effect.gen(function* () {
      expect((yield* connectedBy(true)).structured["notes"]).toEqual([
        expect.stringContaining("blotted out wherever that word stands")
      ])
      expect((yield* connectedBy(false)).structured["notes"]).toBeUndefined()
    })
  )

  it.live("go through the states of a node", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const world: World = {
          epmdPort: yield* serveEpmd({ app: 1, "evil\u202e": 2 }),
          up: [fakeNode({ name: "a@box", capabilities: { elixirVersion: "1.18.0" } })],
          configured: ["c@far"]
        }
        const { structured, text } = yield* callIn(world, "list_nodes")
        expect(structured["nodes"]).toEqual([
          { node: "a@box", state: "up", since: "1970-01-01T00:00:00.000Z", round_trip_ms: 1.3, otp_release: 27 },
          { node: "c@far", state: "configured" },
          { node: "app", state: "discoverable" },
          { node: "evil\\u{202E}", state: "discoverable" }
        ])
        expect(structured["summary"]).toBe("1 node connected, 3 more known.")
        expect(text).toContain("EPMD tells only the part before the @")

        const connected = yield* callIn(world, "connect_node", { node: "a", cookie: "swordfish" })
        expect(connected.structured).toMatchObject({ node: "a@box", otp_release: 27, elixir_version: "1.18.0" })
        expect(connected.structured["notes"]).toEqual([
          "The cookie was not tried: the node was connected, or being connected, before."
        ])
        expect(JSON.stringify(connected)).not.toContain("swordfish")

        expect((yield* callIn(world, "disconnect_node")).structured["disconnected"]).toBe(true)
        expect((yield* callIn(world, "disconnect_node", { node: "c@far" })).structured["disconnected"]).toBe(false)
      })
    )
  )

  it.live("show a node of this machine beside one of the same name elsewhere", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* serveEpmd({ app: 1, db: 2, gate: 3, here: 4, shop: 5, twin: 6, other: 7 })
        const { structured } = yield* callIn(
          {
            epmdPort,
            up: [fakeNode({ name: "app@10.0.0.9" })],
            configured: [
              { name: "db@localhost", address: "10.0.0.8:9100" },
              { name: "gate@localhost", epmdPort: 14_369 },
              { name: "here@127.0.0.1", epmdPort },
              { name: "shop@far", epmdHost: "localhost" },
              // One is at the port that EPMD has, and one is behind some other.
              { name: "twin@127.0.0.1", address: "127.0.0.1:6" },
              { name: "other@127.0.0.1", address: "127.0.0.1:8" }
            ]
          },
          "list_nodes"
        )
        const rows = structured["nodes"] as ReadonlyArray<{ readonly node: string; readonly state: string }>
        expect(rows.filter(({ state }) => state === "discoverable").map(({ node }) => node)).toEqual([
          "app",
          "db",
          "gate",
          "other"
        ])
        expect(structured["notes"]).toContain(
          "app of this machine may be another node than the one of that name whose entry leads elsewhere, or that has another host: if so, write app@localhost for it."
        )
      })
    )
  )

  it.live("show how nodes fare, and what became of requests", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const counts = { successes: 9, failures: 4, rejected: 2, opened: 1, closed: 0 }
        const health: NodeHealth = {
          condition: "up",
          since: 0,
          why: [],
          missed: 0,
          silentMillis: 900,
          roundTrip: { p50: 1.24, p95: 7.86, samples: 20 },
          runQueue: 0.04,
          sampledAt: 1
        }
        const why = new DistError({ node: "d@box", reason: { _tag: "LinkClosed", detail: "it went down" } })
        let asked = 0
        const silent = { ...node("c@box"), roundTrip: () => Effect.sync(() => ++asked) }
        const world: World = {
          epmdPort,
          up: [node("a@box"), node("b@box"), silent, node("d@box"), node("e@box"), node("f@box"), node("g@box")],
          standing: {
            "a@box": { health },
            "b@box": {
              health: {
                ...health,
                condition: "degraded",
                why: ["x", "y"],
                missed: 2,
                silentMillis: 16_000.4,
                runQueue: 12.34
              }
            },
            "c@box": { breaker: { state: { _tag: "Open", since: 1_000, until: 3_000 }, counts } },
            "d@box": { state: { _tag: "Down", since: 0, why, nextAttempt: 5_000 } },
            "e@box": { breaker: { state: { _tag: "Closed" }, counts: { ...counts, closed: 1 } } },
            "f@box": { breaker: { state: { _tag: "HalfOpen", since: 3_000 }, counts } },
            "g@box": {
              breaker: { state: { _tag: "Closed" }, counts: { ...counts, failures: 0, rejected: 0, opened: 0 } }
            }
          }
        }
        const { structured } = yield* callIn(world, "list_nodes")
        const since = "1970-01-01T00:00:00.000Z"
        const up = { state: "up", since, otp_release: 27 }
        const measured = { round_trip_ms: 1.3, round_trip_p50_ms: 1.2, round_trip_p95_ms: 7.9 }
        expect(structured["nodes"]).toEqual([
          // One that is well, which is not the same as one that was not looked at.
          { node: "a@box", ...up, health: "up", ...measured, run_queue_per_scheduler: 0, silent_ms: 900 },
          {
            node: "b@box",
            ...up,
            health: "degraded",
            ...measured,
            run_queue_per_scheduler: 12.3,
            silent_ms: 16_000,
            why: "x, y"
          },
          {
            node: "c@box",
            ...up,
            breaker: "open",
            failed_requests: 4,
            answered_requests: 9,
            refused_requests: 2,
            breaker_opened: 1,
            breaker_closed: 0,
            next_attempt: "1970-01-01T00:00:03.000Z"
          },
          // What was in vain is not forgotten when the breaker is closed.
          {
            node: "e@box",
            ...up,
            round_trip_ms: 1.3,
            failed_requests: 4,
            answered_requests: 9,
            refused_requests: 2,
            breaker_opened: 1,
            breaker_closed: 1
          },
          {
            node: "f@box",
            ...up,
            round_trip_ms: 1.3,
            breaker: "half_open",
            failed_requests: 4,
            answered_requests: 9,
            refused_requests: 2,
            breaker_opened: 1,
            breaker_closed: 0
          },
          { node: "g@box", ...up, round_trip_ms: 1.3, answered_requests: 9 },
          {
            node: "d@box",
            state: "down",
            since,
            why: "The connection to d@box was lost: it went down.",
            next_attempt: "1970-01-01T00:00:05.000Z"
          }
        ])
        // Left in peace.
        expect(asked).toBe(0)
        expect(structured["complete"]).toBe(false)
        expect(structured["notes"]).toContainEqual(
          expect.stringMatching(/^c@box, f@box did not answer lately and are left in peace/u)
        )
      })
    )
  )

  it.live("list nodes page by page, and only those that are wanted", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const measured: Array<string> = []
        const noting = (name: string) => ({ ...node(name), roundTrip: () => Effect.sync(() => measured.push(name)) })
        const up = [noting("c@box"), noting("a@box")]
        const why = new DistError({ node: "b@box", reason: { _tag: "LinkClosed", detail: "it went down" } })
        const world: World = {
          epmdPort: yield* serveEpmd({ app: 1, beta: 2 }),
          up: [...up, node("b@box")],
          standing: { "b@box": { state: { _tag: "Down", since: 0, why } } },
          configured: ["z@far", { name: "y@far", alias: "Shop" }]
        }
        const list = (input: object) => Effect.map(callIn(world, "list_nodes", input), ({ structured }) => structured)
        const pages = Effect.fnUntraced(function* (input: Readonly<Record<string, unknown>>) {
          const results = yield* pagesOf("list_nodes", input).pipe(Effect.provide(catalogueLayer(world)))
          for (const { structured } of results) expect(structured).toMatchObject({ total: 7, matched: 7 })
          return results.flatMap(({ structured }) => names(structured))
        })
        const byState = ["a@box", "c@box", "b@box", "y@far", "z@far", "app", "beta"]
        for (const limit of [1, 2, 3, 6, 7]) {
          expect(yield* pages({ limit })).toEqual(byState)
          expect(yield* pages({ limit, sort_by: "name" })).toEqual(byState.toSorted())
        }

        measured.length = 0
        const first = yield* list({ limit: 1 })
        expect(first["summary"]).toBe("2 nodes connected, 5 more known; 1 of 7 nodes listed.")
        expect(measured).toEqual(["a@box"])

        const configured = yield* list({ filter: { state: "configured" } })
        expect(names(configured)).toEqual(["y@far", "z@far"])
        expect(configured).toMatchObject({
          summary: "2 nodes connected, 5 more known; 2 nodes listed.",
          total: 7,
          matched: 2
        })
        expect(names(yield* list({ filter: { name: "BOX" } }))).toEqual(["a@box", "c@box", "b@box"])
        expect(names(yield* list({ filter: { name: "sho" } }))).toEqual(["y@far"])
        const none = yield* list({ filter: { name: "nowhere" } })
        expect(none).toMatchObject({
          summary: "2 nodes connected, 5 more known. None of 7 nodes passes the filter.",
          total: 7,
          matched: 0
        })
        // One that is gone before its page is asked for takes no other along.
        const { next_cursor: cursor } = yield* list({ limit: 2, filter: { name: "box" } })
        const later = yield* callIn({ ...world, up, standing: {} }, "list_nodes", { cursor, filter: { name: "box" } })
        expect(later.structured).toMatchObject({ total: 6, matched: 2 })
        expect(later.structured["summary"]).toContain("None of 2 nodes is left here.")
        expect(later.structured).not.toHaveProperty("nodes")
      })
    )
  )

  it.live("tell why a node is down", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const { structured } = yield* Effect.gen(function* () {
          yield* Effect.flip(call("connect_node", { node: "a@box" }))
          return yield* call("list_nodes", {})
        }).pipe(Effect.provide(catalogueLayer({ epmdPort, unreachable: { "a@box": { _tag: "WantsTls" } } })))
        expect(structured["nodes"]).toEqual([
          expect.objectContaining({ node: "a@box", state: "down", why: expect.stringContaining("TLS") })
        ])
      })
    )
  )

  it.live("take a node for one that has several names here", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const world: World = {
          epmdPort: yield* serveEpmd({ app: 1 }),
          reachable: [node("app@box")],
          unreachable: { "app@localhost": { _tag: "WrongNode", actual: "app@box" } },
          configured: [{ name: "app@localhost", alias: "shop", tags: ["eu"] }, "app@box", "app@127.0.0.1", "app@far"]
        }
        yield* Effect.gen(function* () {
          const rows = Effect.map(call("list_nodes", {}), ({ structured }) => structured["nodes"])
          const far = { node: "app@far", state: "configured" }
          const shop = { node: "app@localhost", alias: "shop", tags: ["eu"], state: "configured" }
          expect(yield* rows).toEqual([far, shop])
          const { structured } = yield* call("connect_node", { node: "app@localhost" })
          expect(structured).toMatchObject({ node: "app@box" })
          // What it is called by is still told, although it is connected by a name that has an entry, too.
          expect(yield* rows).toEqual([expect.objectContaining({ node: "app@box", state: "up" }), far, shop])
          const gone = yield* call("disconnect_node", { node: "shop" })
          expect(gone.structured).toMatchObject({ node: "app@box", disconnected: true })
        }).pipe(Effect.provide(catalogueLayer(world)))
      })
    )
  )

  it.live("show a connected node once, with the alias of its entry under another name of this machine", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const configured = [{ name: "app@localhost", alias: "shop" }]
        const { structured } = yield* callIn({ epmdPort, up: [node("app@box")], configured }, "list_nodes")
        expect(structured["nodes"]).toEqual([expect.objectContaining({ node: "app@box", alias: "shop", state: "up" })])
      })
    )
  )

  it.live("take a node for another one that is elsewhere, or may be", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        for (const place of [{ address: "127.0.0.1:9100" }, { epmdPort: 1 }, { epmdHost: "x" }, { tunnel: ["x"] }]) {
          const configured = [{ name: "app@localhost", ...place }, "app@box"]
          expect(yield* refused({ epmdPort, configured })).toMatchObject({ code: "no_node" })
          const { structured } = yield* callIn({ epmdPort, up: [node("app@box")], configured }, "list_nodes")
          expect(structured["nodes"]).toEqual([
            expect.objectContaining({ node: "app@box", state: "up" }),
            { node: "app@localhost", state: "configured" }
          ])
        }
      })
    )
  )

  it.live("show no vain attempt at a node that is connected by another name of this machine", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const epmdPort = yield* closedPort
        const why = new DistError({ node: "app@localhost", reason: { _tag: "PortRefused", at: "x:1", from: "epmd" } })
        const world: World = {
          epmdPort,
          up: [node("app@box"), node("app@localhost")],
          standing: { "app@localhost": { state: { _tag: "Down", since: 0, why } } }
        }
        const { structured } = yield* callIn(world, "list_nodes")
        expect(structured["nodes"]).toEqual([expect.objectContaining({ node: "app@box", state: "up" })])
      })
    )
  )
})
