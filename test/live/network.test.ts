import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

type Row = Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult, name: string) => (structured[name] ?? []) as ReadonlyArray<Row>

/** A listener, a connection that carries a thousand bytes, a program that runs, and one byte more each millisecond. */
const scene = `
  register(network, spawn(fun() ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127,0,0,1}}]),
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect({127,0,0,1}, Port, [binary, {active, false}]),
    {ok, S} = gen_tcp:accept(L),
    ok = gen_tcp:send(C, binary:copy(<<0>>, 1000)),
    {ok, _} = gen_tcp:recv(S, 1000),
    P = open_port({spawn, "cat"}, [binary]),
    put(ready, {Port, C, S}),
    Loop = fun Loop() -> ok = gen_tcp:send(C, <<0>>), {ok, _} = gen_tcp:recv(S, 1), receive stop -> P after 1 -> Loop() end end,
    Loop()
  end)), ok`

describe.each(BeamNode.otpReleases())("the network of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let port = 0
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
    const ready =
      "case lists:keyfind(ready, 1, element(2, process_info(whereis(network), dictionary))) of {_, {Port, _, _}} -> Port; false -> 0 end"
    while (!(port > 0)) port = Number(await node.evaluate(ready))
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("lists every port once over the pages", () =>
      Effect.gen(function* () {
        const listed: Array<unknown> = []
        let cursor: unknown
        do {
          const page = yield* call("list_ports", {
            sort_by: "name",
            limit: 2,
            ...(cursor === undefined ? {} : { cursor })
          })
          listed.push(...rowsOf(page, "ports").map((row) => row["port"]))
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        expect(new Set(listed).size).toBe(listed.length)
        const all = JSON.parse(yield* ask("[erlang:port_to_list(P) || P <- erlang:ports()]")) as ReadonlyArray<string>
        expect(all.filter((id) => !listed.includes(id))).toEqual([])
      }).pipe(using(agent))
    )

    it.live("tells a program from a connection, with its owner", () =>
      Effect.gen(function* () {
        const programs = rowsOf(yield* call("list_ports", { filter: { name: "CAT" } }), "ports")
        expect(programs).toEqual([expect.objectContaining({ name: "cat", owner_name: "network" })])
        expect(programs[0]?.["os_pid"]).toBeGreaterThan(0)
        const owned = yield* call("list_sockets", { filter: { owner: "network" } })
        expect(owned.structured).toMatchObject({ matched: 3 })
        expect(rowsOf(owned, "sockets")).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ local: `127.0.0.1:${port}`, state: expect.stringContaining("listen") }),
            expect.objectContaining({ local: `127.0.0.1:${port}`, state: expect.stringContaining("connected") }),
            expect.objectContaining({ remote: `127.0.0.1:${port}` })
          ])
        )
        for (const row of rowsOf(owned, "sockets").filter(({ remote }) => remote === `127.0.0.1:${port}`))
          expect(row["bytes_out"]).toBeGreaterThan(1_000)
        // Whoever asks for what came in has it all the same, though its driver counts nothing.
        const byReceived = { sort_by: "bytes_in", filter: { owner: "network" } }
        const [socket] = rowsOf(yield* call("list_sockets", byReceived), "sockets")
        expect(socket).toMatchObject({ local: `127.0.0.1:${port}`, state: expect.stringContaining("connected") })
        expect(socket?.["bytes_in"]).toBeGreaterThan(1_000)
        const [first] = rowsOf(yield* call("list_ports", byReceived), "ports")
        expect(first).toMatchObject({ port: socket?.["socket"] })
        expect(first?.["bytes_in"]).toBeGreaterThanOrEqual(socket?.["bytes_in"] as number)
      }).pipe(using(agent))
    )

    it.live("finds what listens on a port, and who is connected to it", () =>
      Effect.gen(function* () {
        const listening = yield* call("list_sockets", { filter: { port, state: "listening" } })
        expect(rowsOf(listening, "sockets")).toEqual([
          expect.objectContaining({ local: `127.0.0.1:${port}`, owner_name: "network" })
        ])
        const connected = yield* call("list_sockets", { filter: { port, state: "connected" } })
        expect(connected.structured).toMatchObject({ matched: 2 })
        expect(connected.structured["total"]).toBeGreaterThanOrEqual(3)
        const none = yield* call("list_sockets", { filter: { name: String(port) } })
        expect(none.structured).toMatchObject({ matched: 0, total: connected.structured["total"] })
        expect(none.structured["summary"]).toMatch(/^None of \d+ sockets passes the filter\.$/u)
      }).pipe(using(agent))
    )

    it.live("ranks by what a window adds", () =>
      Effect.gen(function* () {
        const result = yield* call("list_sockets", {
          sort_by: "bytes_out",
          window_ms: 300,
          filter: { owner: "network" },
          limit: 1
        })
        expect(rowsOf(result, "sockets")).toEqual([expect.objectContaining({ remote: `127.0.0.1:${port}` })])
        expect(rowsOf(result, "sockets")[0]?.["bytes_out_per_second"]).toBeGreaterThan(0)
        const received = yield* call("list_sockets", {
          sort_by: "bytes_in",
          window_ms: 300,
          filter: { owner: "network" },
          limit: 1
        })
        expect(rowsOf(received, "sockets")).toEqual([expect.objectContaining({ local: `127.0.0.1:${port}` })])
        expect(rowsOf(received, "sockets")[0]?.["bytes_in_per_second"]).toBeGreaterThan(0)
      }).pipe(using(agent))
    )

    it.live("shows who else is connected, and which of them we are", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_distribution_info", {})
        expect(structured).toMatchObject({ node_names: "long", hidden: false, tick_time_seconds: 60, matched: 1 })
        expect(structured["peers"]).toEqual([
          expect.objectContaining({ own: true, state: "up", type: "hidden", protocol: "tcp" })
        ])
        // What the link has carried, by the node's own word in between.
        const [before] = structured["peers"] as [Row]
        const carried = JSON.parse(
          yield* ask(
            "{ok, [{_, In}, {_, Out}]} = inet:getstat(element(2, hd(erlang:system_info(dist_ctrl))), [recv_oct, send_oct]), [In, Out]"
          )
        ) as [number, number]
        const [after] = (yield* call("get_distribution_info", {})).structured["peers"] as [Row]
        for (const [at, key] of ["bytes_in", "bytes_out"].entries()) {
          expect(before[key]).toBeGreaterThan(0)
          expect(before[key]).toBeLessThanOrEqual(carried[at]!)
          expect(after[key]).toBeGreaterThanOrEqual(carried[at]!)
        }
        const names = yield* ask("nodes(hidden)")
        expect(names).toContain((structured["peers"] as ReadonlyArray<Row>)[0]?.["peer"])
        for (const [filter, matched] of [
          [{ name: "nobody" }, 0],
          [{ name: "BEAMSCOPE" }, 1],
          [{ state: "up", type: "hidden" }, 1],
          [{ state: "pending" }, 0],
          [{ type: "normal" }, 0]
        ] as const) {
          const passing = yield* call("get_distribution_info", { filter, sort_by: "bytes_in" })
          expect(passing.structured).toMatchObject({ total: 1, matched })
        }
      }).pipe(using(agent))
    )
  })

  it.live("waits for neither net_kernel nor the process of a link", () =>
    Effect.gen(function* () {
      const info = Effect.map(call("get_distribution_info", {}), ({ structured }) => structured)
      const [peer] = (yield* info)["peers"] as [Row]
      yield* ask("sys:suspend(net_kernel)")
      const mute = yield* info
      yield* ask("sys:resume(net_kernel)")
      expect(mute).toMatchObject({ complete: false, matched: 1 })
      expect(mute).not.toHaveProperty("node_names")
      expect(mute).not.toHaveProperty("tick_time_seconds")
      expect(JSON.stringify(mute["notes"])).toContain("net_kernel is busy, stuck or suspended")

      yield* ask(`spawn(fun() -> register(holder, self()),
        [erlang:suspend_process(proplists:get_value(owner, Info)) || {_, Info} <- element(2, net_kernel:nodes_info())],
        put(holds, true), receive stop -> ok end end), ok`)
      yield* eventually(
        Effect.map(ask("catch process_info(whereis(holder), dictionary)"), (it) => it.includes("holds"))
      )
      const stuck = yield* info
      yield* ask("holder ! stop")
      expect(stuck).toMatchObject({ complete: false, matched: 1, node_names: "long" })
      const [seen] = stuck["peers"] as [Row]
      expect(seen).toMatchObject({ peer: peer["peer"], own: true, state: "up", type: "hidden" })
      expect(seen).not.toHaveProperty("packets_in")
      expect(seen["bytes_in"]).toBeGreaterThan(0)
      yield* eventually(Effect.map(info, ({ complete }) => complete === true))
    }).pipe(using("eval"))
  )

  it.live("measures a ping", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("ping_node", { count: 7 })
      const [min, p50, p95, max] = ["min_ms", "p50_ms", "p95_ms", "max_ms"].map((key) => structured[key] as number)
      expect(structured["count"]).toBe(7)
      expect(min).toBeGreaterThan(0)
      expect([min, p50, p95, max]).toEqual([min, p50, p95, max].toSorted((a, b) => a! - b!))
    }).pipe(using("none"))
  )

  it.live.runIf(Number(otp) >= 24)("lists the sockets of the module socket, too", () =>
    Effect.gen(function* () {
      yield* ask(`register(nif, spawn(fun() ->
        {ok, S} = socket:open(inet, stream, tcp), ok = socket:bind(S, loopback), receive stop -> S end end)), ok`)
      yield* eventually(Effect.map(ask("length(socket:which_sockets())"), (count) => Number(count) >= 1))
      const { structured } = yield* call("list_sockets", { filter: { owner: "nif" } })
      expect(structured["sockets"]).toEqual([
        expect.objectContaining({ kind: "inet stream tcp", name: "socket", owner_name: "nif" })
      ])
    }).pipe(using("eval"))
  )
})
