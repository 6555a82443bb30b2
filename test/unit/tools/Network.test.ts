import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { atom, binary, list, map, Port, type Term } from "../../../src/etf/Term.ts"
import { Progress, type ProgressReport } from "../../../src/tools/Progress.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { call, callIn, catalogueLayer, failIn } from "../../support/Tools.ts"

type Words = Readonly<Record<string, Term>>

const words = (pairs: Words): Term => map(Object.entries(pairs).map(([name, value]) => [atom(name), value] as const))

/** A page of a list; `more` are rows on other pages. */
const page = (rows: ReadonlyArray<Words>, more = 0): Term =>
  packed(
    words({
      total: rows.length + more,
      matched: rows.length + more,
      rows: list(rows.map((row, at) => [[at, at], words(row)])),
      next: more === 0 ? atom("undefined") : [rows.length, rows.length],
      incomplete: list([])
    })
  )

const replies = (all: Readonly<Record<string, Term | Reply>>) => ({
  up: [
    fakeNode({
      replies: Object.fromEntries(
        Object.entries(all).map(([name, reply]) => [
          name,
          typeof reply === "function" ? reply : { term: reply as Term }
        ])
      )
    })
  ],
  mode: "erlang" as const
})

const peer = (name: string, queue?: number): Words => ({
  node: atom(name),
  ...(queue !== undefined && { queue })
})

const summaryOf = (peers: Term, local: Words, input: Readonly<Record<string, unknown>> = {}) =>
  callIn(
    replies({
      "beamscope_distribution:local": packed(words({ us: atom("us@box"), ...local })),
      "beamscope_distribution:peers": peers
    }),
    "get_distribution_info",
    input
  ).pipe(Effect.map(({ structured }) => structured["summary"]))

describe("get_distribution_info", () => {
  it.effect("tells our own link from those of others, another Beamscope's among them", () =>
    Effect.gen(function* () {
      const ours = "beamscope_1@box"
      const world = replies({
        "beamscope_distribution:local": packed(words({ us: atom(ours) })),
        "beamscope_distribution:peers": page([peer(ours), peer("beamscope_2@box")])
      })
      const { structured } = yield* callIn(world, "get_distribution_info")
      expect(structured["peers"]).toMatchObject([
        { peer: ours, own: true },
        { peer: "beamscope_2@box", own: false }
      ])
    })
  )

  it.effect("calls no link free whose buffer it could not see", () =>
    Effect.gen(function* () {
      const limit = { busy_limit: 1_000 }
      const some = [peer("a@box", 0), peer("b@box", 400)]
      expect(yield* summaryOf(page(some), limit)).toMatch(/; no link is congested\.$/u)
      expect(yield* summaryOf(page(some), {})).toMatch(/; whether links are congested is not known, /u)
      expect(yield* summaryOf(page([...some, peer("c@box", 600)]), limit)).toMatch(/; congested: c@box\.$/u)
      expect(yield* summaryOf(page([...some, peer("tls@box")]), limit)).toMatch(
        /; whether links are congested is known of 2 of 3 links here, and none of those is\.$/u
      )
      for (const [peers, input] of [
        [page(some, 5), { limit: 2 }],
        [page(some), { filter: { name: "box" } }]
      ] as const) {
        expect(yield* summaryOf(peers, limit, input)).toMatch(/; none of the links here is congested\.$/u)
      }
    })
  )
})

const port = (id: number, received: number): Words => ({
  port: new Port(atom("app@localhost"), BigInt(id), 42),
  name: binary("tcp_inet"),
  bytes_in: received,
  bytes_out: 0
})

describe("list_sockets", () => {
  it.effect("says that a filter leaves all out, and not that there are none", () =>
    Effect.gen(function* () {
      const none = packed(
        words({ total: 4, matched: 0, rows: list([]), next: atom("undefined"), incomplete: list([]) })
      )
      const world = replies({ "beamscope_network:sockets": none })
      const filtered = yield* callIn(world, "list_sockets", { filter: { port: 5672, state: "listening" } })
      expect(filtered.structured).toMatchObject({
        summary: "None of 4 sockets passes the filter.",
        total: 4,
        matched: 0
      })
    })
  )

  it.effect("says that nobody received anything in a window, and names nobody first", () =>
    Effect.gen(function* () {
      const rows = [1, 2].map((id) => Object.assign(port(id, 2_000), { added_in: 0, added_out: 0, micros: 100_000 }))
      const world = replies({ "beamscope_network:sockets": page(rows) })
      const { structured } = yield* callIn(world, "list_sockets", { window_ms: 100 })
      expect(structured["summary"]).toBe("2 sockets; none is known to have received anything in 100 ms.")
    })
  )

  it.effect("has no second page of a window, which would be of another one", () =>
    Effect.gen(function* () {
      const rows = [1, 2].map((id) => Object.assign(port(id, 2_000), { added_in: 5, added_out: 0, micros: 100_000 }))
      const world = replies({ "beamscope_network:sockets": page(rows, 3), "beamscope_network:ports": page(rows, 3) })
      for (const tool of ["list_sockets", "list_ports"]) {
        const { structured } = yield* callIn(world, tool, { window_ms: 100, limit: 2 })
        expect(structured).toMatchObject({ matched: 5, complete: true })
        expect(structured["next_cursor"]).toBeUndefined()
        const { structured: first } = yield* callIn(world, tool, { limit: 2 })
        const error = yield* failIn(world, tool, { limit: 2, window_ms: 100, cursor: first["next_cursor"] })
        expect(error).toMatchObject({ code: "invalid_input", message: expect.stringContaining("cursor") })
      }
    })
  )

  it.effect("prints a socket in the syntax of the session", () =>
    Effect.gen(function* () {
      const world = replies({
        "beamscope_network:sockets": page([{ socket: [atom("$socket"), 1], name: binary("socket") }])
      })
      const shown = (mode: "elixir" | "erlang") =>
        Effect.map(callIn({ ...world, mode }, "list_sockets"), ({ structured }) => structured["sockets"])
      expect(yield* shown("elixir")).toEqual([expect.objectContaining({ socket: '{:"$socket", 1}' })])
      expect(yield* shown("erlang")).toEqual([expect.objectContaining({ socket: "{'$socket',1}" })])
    })
  )
})

describe("list_ports", () => {
  it.effect("says which is the first on the first page only", () =>
    Effect.gen(function* () {
      const world = replies({ "beamscope_network:ports": page([port(1, 2_000), port(2, 1_000)], 3) })
      const { structured } = yield* callIn(world, "list_ports", { limit: 2 })
      expect(structured["summary"]).toBe("2 of 5 ports by bytes_in; first tcp_inet with 2.0 KiB received.")
      const next = yield* callIn(world, "list_ports", { limit: 2, cursor: structured["next_cursor"] })
      expect(next.structured["summary"]).toBe("2 of 5 ports by bytes_in.")
    })
  )

  it.effect("says how far it has come through its window, once a second", () =>
    Effect.gen(function* () {
      const seen: Array<ProgressReport> = []
      const world = replies({ "beamscope_network:ports": () => Effect.as(Effect.sleep(2_500), page([port(1, 1)])) })
      const fiber = yield* Effect.forkChild(
        call("list_ports", { window_ms: 2_500 }).pipe(
          Effect.provideService(Progress, (report) => Effect.sync(() => seen.push(report))),
          Effect.provide(catalogueLayer(world))
        )
      )
      yield* TestClock.adjust(2_500)
      yield* Fiber.join(fiber)
      expect(seen.map(({ progress, total }) => [progress, total])).toEqual([
        [1_000, 2_500],
        [2_000, 2_500]
      ])
    })
  )
})
