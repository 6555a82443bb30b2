import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene } from "../support/vault.ts"

/** From how many milliseconds on one of our processes keeps others waiting. */
const longMillis = 100

/**
 * A crowd that takes little room, all alike, started by one process and linked to it; beside one with messages, one with
 * a name, and a supervisor of as many children that have no process. A judge notes which processes of ours keep a
 * scheduler or collect garbage for long (`system_monitor`), and the most memory that all processes had.
 */
const crowd = (size: number) => `
  Crowd = self(),
  register(hub, spawn(fun() ->
    lists:foreach(fun(_) -> spawn_link(erlang, hibernate, [timer, sleep, [infinity]]) end, lists:seq(1, ${size})),
    Crowd ! crowded, receive stop -> ok end
  end)),
  receive crowded -> ok end,
  Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
    "-module(crowded).", "-export([init/1]).",
    "init({above, Size}) -> {ok, {#{}, [#{id => crowded, type => supervisor, start => {gen_server, start_link,"
    "  [{local, crowded_sup}, supervisor, {{local, crowded_sup}, crowded, Size}, []]}}]}};"
    "init(Size) -> {ok, {#{}, [#{id => N, restart => transient, start => {erlang, hd, [[ignore]]}} || N <- lists:seq(1, Size)]}}."]],
  {ok, crowded, Code} = compile:forms(Forms), {module, crowded} = code:load_binary(crowded, "crowded", Code),
  {ok, _} = gen_server:start({local, top_sup}, supervisor, {{local, top_sup}, crowded, {above, ${size}}}, []),
  register(waiting, spawn(timer, sleep, [infinity])), [waiting ! N || N <- lists:seq(1, 500)],
  register(sought, spawn(timer, sleep, [infinity])),
  Led = fun(Pid) -> case process_info(Pid, group_leader) of {_, Leader} -> node(Leader) =/= node(); undefined -> true end end,
  register(judge, spawn(fun() ->
    erlang:system_monitor(self(), [{long_gc, ${longMillis}}, {long_schedule, ${longMillis}}]),
    (fun Judge(Events, Most) ->
      receive
        {monitor, Pid, Kind, Info} when is_pid(Pid) ->
          case Led(Pid) of true -> Judge([{Kind, Info} | Events], Most); false -> Judge(Events, Most) end;
        {monitor, _, _, _} -> Judge(Events, Most);
        {ask, From} -> From ! {judged, Events, Most}, Judge([], 0)
      after 5 -> Judge(Events, max(Most, erlang:memory(processes)))
      end
    end)([], 0)
  end)),
  ok`

const rowsOf = ({ structured }: ToolResult) =>
  (structured["processes"] ?? []) as ReadonlyArray<{ readonly name?: string; readonly pid: string }>

const scale = (otp: string | undefined, size: number, isJudged: boolean) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ ...(otp !== undefined && { otp }), args: ["+P", String(size * 2)] })
    await node.evaluate(crowd(size))
    await node.evaluate(scene)
  }, 120_000)
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)

  /** These are for one node, or for two. */
  const others = new Set(["connect_node", "disconnect_node", "compare_modules"])

  it.live.each<AgentMode>(["eval", "load"])(
    "stand in the way of no tool, with the agent %s",
    (agent) =>
      Effect.gen(function* () {
        const timeout_ms = 60_000
        yield* call("list_nodes", {})
        for (const [tool, input] of toolCalls("erlang", node.name, node.name)) {
          if (!others.has(tool)) yield* call(tool, { ...input, timeout_ms })
        }
        const spawned = yield* call("get_process_children", { pid: "hub", tree: "spawned", limit: 100, timeout_ms })
        // Before OTP 25 no process tells who spawned it.
        if (Number(otp ?? 25) >= 25) expect(JSON.stringify(spawned.structured)).toContain(String(size))
        const links = yield* call("get_process_links", { pid: "hub", limit: 20, timeout_ms })
        expect(links.structured).toMatchObject({ total: size, matched: size })
        const stats = yield* call("get_runtime_stats", { window_ms: 500, timeout_ms })
        expect(stats.structured).toMatchObject({ complete: true, window_ms: expect.any(Number) })
        expect(stats.structured["reductions_per_second"]).toBeGreaterThan(0)
        const tree = yield* call("get_supervision_tree", { root: "top_sup", timeout_ms })
        expect(tree.structured["complete"]).toBe(false)
        expect(tree.structured["tree"]).toContainEqual(expect.objectContaining({ name: "crowded_sup" }))
        for (const group_by of ["application", "label", "current_function"]) {
          if (group_by === "label" && Number(otp ?? 27) < 27) continue
          const groups = yield* call("list_processes", { group_by, timeout_ms })
          expect(groups.structured["total"]).toBeGreaterThan(size)
        }
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))),
    300_000
  )

  it.live.each<AgentMode>(["eval", "load"])(
    "answer rightly, with the agent %s, and leave the node as it was",
    (agent) =>
      Effect.gen(function* () {
        yield* call("list_nodes", {})
        yield* call("top_processes", { limit: 1, timeout_ms: 60_000 })
        yield* ask("judge ! {ask, self()}, receive {judged, _, _} -> ok end")
        const before = yield* number("erlang:memory(processes)")
        const timeout_ms = 60_000

        const longest = yield* call("top_processes", { sort_by: "message_queue", limit: 3, timeout_ms })
        expect(rowsOf(longest)[0]?.name).toBe("waiting")
        const largest = yield* call("list_processes", { sort_by: "memory", limit: 5, timeout_ms })
        expect(largest.text).not.toContain("Time ran out")
        expect(largest.structured["matched"]).toBeGreaterThan(size)
        expect(largest.structured["total"]).toBeGreaterThan(size)
        const groups = yield* call("list_processes", {
          group_by: "initial_call",
          sort_by: "count",
          limit: 2,
          timeout_ms
        })
        expect(groups.structured["groups"]).toContainEqual(
          expect.objectContaining({ group: "erlang:hibernate/3", count: size })
        )
        const first = yield* call("list_processes", { sort_by: "pid", limit: 20, timeout_ms })
        const cursor = first.structured["next_cursor"]
        const second = yield* call("list_processes", { sort_by: "pid", limit: 20, cursor, timeout_ms })
        const pids = [...rowsOf(first), ...rowsOf(second)].map(({ pid }) => pid)
        // Of the youngest, some of ours may have ended before they were shown.
        expect(pids.length).toBeGreaterThan(30)
        expect(new Set(pids).size).toBe(pids.length)
        const found = yield* call("find_process", { name: "SOUGHT", timeout_ms })
        expect(rowsOf(found).map(({ name }) => name)).toEqual(["sought"])
        const servers = yield* call("list_processes", { filter: { behaviour: "gen_server" }, limit: 100, timeout_ms })
        expect(rowsOf(servers).map(({ name }) => name)).toContain("file_server_2")

        const judged = yield* ask(
          'judge ! {ask, self()}, receive {judged, Events, Most} -> lists:flatten(io_lib:format("~w ~0p", [Most, Events])) end'
        )
        const [, most, events] = /^"(\d+) (.*)"$/su.exec(judged)!
        expect(Number(most) - before).toBeLessThan(64 * 1024 * 1024 + size * 100)
        if (isJudged) expect(events).toBe("[]")
      }).pipe(
        Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent })))),
        Effect.andThen(
          eventually(
            Effect.map(
              ask('length([M || {M, _} <- code:all_loaded(), lists:prefix("beamscope", atom_to_list(M))])'),
              (left) => left === "0"
            )
          )
        )
      ),
    300_000
  )
}

describe.each(BeamNode.otpReleases())("a hundred thousand processes on OTP $otp", ({ otp }) => {
  scale(otp, 100_000, false)
})

// Asks how long things take, so it wants a machine that does nothing else.
describe.skipIf(process.env["BEAMSCOPE_TEST_LARGE"] !== "1")("a million processes", () => {
  scale(undefined, 1_000_000, true)
})
