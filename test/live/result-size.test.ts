import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene } from "../support/vault.ts"

/** Ten thousand processes and a thousand of whatever else a node has by the thousand. */
const crowd = `,
  [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 10000)],
  [begin
    Word = list_to_atom("crowd_with_a_rather_long_name_" ++ integer_to_list(Number)),
    ets:new(Word, [named_table, public]), register(Word, spawn(fun() -> receive stop -> ok end end)),
    persistent_term:put({Word, crowd}, Number), whereis(stuffed) ! {Word, crowd, Number},
    ets:insert(vault, {Word, lists:duplicate(100, Number)}), timer:send_after(3600000, stuffed, Word)
  end || Number <- lists:seq(1, 900)], ok`

describe("a result on a node with 10,000 processes", () => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([BeamNode.startNode({ eval: `${scene}${crowd}` }), BeamNode.startNode()])
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))

  it.live.each<SyntaxName>(["elixir", "lfe"])("is no longer than hosts show, with every tool, in %s", (mode) =>
    Effect.gen(function* () {
      expect(Number(yield* Effect.promise(() => node.evaluate("erlang:system_info(process_count)")))).toBeGreaterThan(
        10_000
      )
      for (const [tool, input] of toolCalls(mode, node.name, other.name)) {
        const most = "limit" in input ? { ...input, limit: 100 } : input
        const { structured, text } = yield* call(tool, most)
        expect(text.length, tool).toBeLessThanOrEqual(10_000)
        expect(JSON.stringify(structured).length, tool).toBeLessThanOrEqual(10_000)
      }
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode })))))
  )
})
