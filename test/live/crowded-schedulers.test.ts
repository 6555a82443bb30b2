import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

const size = 10_000
/** Bytes that all of ours may take beside what was there, at any moment. */
const mostBytes = 64 * 1024 * 1024

/**
 * Of many that wait, the largest by name; and so many that never do that each has to wait for its turn. A judge notes the
 * most memory that all processes had.
 */
const scene = `
  [spawn(timer, sleep, [infinity]) || _ <- lists:seq(1, ${size})],
  register(largest, spawn_opt(timer, sleep, [infinity], [{min_heap_size, 500000}])),
  {ok, Tokens, _} = erl_scan:string("F = fun(G) -> G(G) end, F(F)."),
  {ok, Forms} = erl_parse:parse_exprs(Tokens),
  [spawn(erl_eval, exprs, [Forms, []]) || _ <- lists:seq(1, 20)],
  register(judge, spawn_opt(fun() ->
    (fun Judge(Most) ->
      receive {ask, From} -> From ! {judged, Most}, Judge(0)
      after 10 -> Judge(max(Most, erlang:memory(processes)))
      end
    end)(0)
  end, [{priority, max}])),
  ok`

const rowsOf = ({ structured }: ToolResult) =>
  (structured["processes"] ?? []) as ReadonlyArray<Readonly<Record<string, unknown>>>

describe.each(BeamNode.otpReleases())("where processes wait for their turn, on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ ...(otp !== undefined && { otp }), args: ["+S", "2:2"] })
    await node.evaluate(scene)
  }, 60_000)
  afterAll(() => node.stop())

  const ask = (text: string) => Effect.promise(() => node.evaluate(text))

  it.live.each<AgentMode>(["eval", "load"])(
    "all are looked at, with the agent %s, and helpers leave nothing behind",
    (agent) =>
      Effect.gen(function* () {
        yield* ask("judge ! {ask, self()}, receive {judged, _} -> ok end")
        const before = Number(yield* ask("erlang:memory(processes)"))

        const largest = yield* call("top_processes", { limit: 3, timeout_ms: 60_000 })
        expect(largest.text).not.toContain("Time ran out")
        expect(largest.structured["matched"]).toBeGreaterThan(size)
        expect(rowsOf(largest)[0]?.["name"]).toContain("largest")

        const listed = yield* call("list_processes", { limit: 100, timeout_ms: 60_000 })
        expect(listed.structured["matched"]).toBeGreaterThan(size)
        const sizes = rowsOf(listed).map((row) => Number(row["memory_bytes"]))
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))

        const busy = yield* call("top_processes", {
          sort_by: "reductions",
          window_ms: 1_000,
          limit: 40,
          timeout_ms: 60_000
        })
        expect(busy.text).not.toContain("Time ran out")
        expect(busy.structured["window_ms"]).toBeGreaterThanOrEqual(1_000)
        expect(busy.structured["matched"]).toBeGreaterThanOrEqual(20)

        const most = Number(yield* ask("judge ! {ask, self()}, receive {judged, Most} -> Most end"))
        expect(most - before).toBeLessThan(mostBytes)

        // Ours are led from another node.
        const led =
          "length([P || P <- processes(), {_, L} <- [process_info(P, group_leader)], node(L) =/= node(), process_info(P, registered_name) =:= []])"
        yield* eventually(Effect.map(ask(led), (count) => count === "0"))
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))),
    150_000
  )
})
