import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** From how many milliseconds on one of our processes keeps others waiting. */
const longMillis = 100

/**
 * A crowd that takes little room, all alike but for one with messages and one with a name. A judge notes which processes
 * of ours keep a scheduler or collect garbage for long (`system_monitor`), and the most memory that all processes had.
 */
const crowd = (size: number) => `
  lists:foreach(fun(_) -> spawn(erlang, hibernate, [timer, sleep, [infinity]]) end, lists:seq(1, ${size})),
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
  }, 120_000)
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)

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
        expect(largest.structured["complete"]).toBe(true)
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
        expect(new Set(pids).size).toBe(40)
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
