import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/**
 * Supervisors that do nothing but answer us: what they have below them is to be the same each time. One has a crowd of
 * 1,900, which it is not asked for where its heap would have to be copied to read what it is; others have few.
 */
const scene = `
  Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
    "-module(resting).", "-export([init/1, start/0, idle/1]).",
    "start() -> proc_lib:start_link(resting, idle, [self()]).",
    "idle(Parent) -> proc_lib:init_ack(Parent, {ok, self()}), receive stop -> ok end.",
    "init(top) -> {ok, {#{}, [#{id => Id, type => supervisor, start => {supervisor, start_link, [{local, Id}, resting, Id]}}"
    " || Id <- [crowd, few]] ++ [#{id => {worker, N}, start => {resting, start, []}} || N <- lists:seq(1, 150)]}};"
    "init(crowd) -> {ok, {#{strategy => simple_one_for_one}, [#{id => one, start => {resting, start, []}}]}};"
    "init(few) -> {ok, {#{}, [#{id => N, type => supervisor, start => {supervisor, start_link, [resting, {workers, N}]}}"
    " || N <- lists:seq(1, 120)]}};"
    "init({workers, Count}) -> {ok, {#{}, [#{id => N, start => {resting, start, []}} || N <- lists:seq(1, Count rem 17)]}}."]],
  {ok, resting, Code} = compile:forms(Forms),
  {module, resting} = code:load_binary(resting, "resting", Code),
  {ok, Top} = supervisor:start_link({local, top}, resting, top), unlink(Top),
  [{ok, _} = supervisor:start_child(crowd, []) || _ <- lists:seq(1, 1900)],
  ok`

interface Row {
  readonly pid?: string
  readonly memory_bytes?: number
}

/** The rows of all pages. */
const walk = Effect.fnUntraced(function* (input: Readonly<Record<string, unknown>>) {
  const rows: Array<Row> = []
  let cursor: unknown
  do {
    const page = yield* call("get_supervision_tree", { ...input, ...(cursor !== undefined && { cursor }) })
    rows.push(...((page.structured["tree"] ?? []) as ReadonlyArray<Row>))
    cursor = page.structured["next_cursor"]
  } while (cursor !== undefined)
  return rows
})

const agents: ReadonlyArray<AgentMode> = ["eval", "load"]

describe.each(BeamNode.otpReleases())("supervisors at rest on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  it.live.each(agents)(
    "come in an order by memory once each, though we ask them between two pages (agent %s)",
    (agent) =>
      Effect.gen(function* () {
        // Whatever was asked before has changed nothing that it would not change again.
        yield* ask(
          "[begin supervisor:which_children(P), sys:get_state(P) end || {_, P, _, _} <- supervisor:which_children(few)], ok"
        )
        const rows = yield* walk({ root: "few", sort_by: "memory", filter: { type: "supervisor" }, limit: 20 })
        expect(new Set(rows.map(({ pid }) => pid)).size).toBe(121)
        const sizes = rows.map((row) => row.memory_bytes ?? 0)
        expect(sizes).toEqual(sizes.toSorted((one, other) => other - one))
      }).pipe(using(agent))
  )

  it.live.each(agents)(
    "tell the same however often they are asked, and never their parent as a child (agent %s)",
    (agent) =>
      Effect.gen(function* () {
        const above = (yield* ask("pid_to_list(whereis(top))")).slice(1, -1)
        const first = yield* walk({ root: "crowd", limit: 200 })
        expect([first.length, new Set(first.map(({ pid }) => pid)).size]).toEqual([1_901, 1_901])
        expect(first.filter(({ pid }) => pid?.includes(above))).toEqual([])
        const totals = yield* Effect.replicateEffect(
          Effect.map(call("get_supervision_tree", { limit: 1 }), ({ structured }) => structured["total"]),
          5
        )
        expect(new Set(totals).size).toBe(1)
        const again = yield* walk({ root: "crowd", limit: 200 })
        expect(again.map(({ pid }) => pid)).toEqual(first.map(({ pid }) => pid))
      }).pipe(using(agent)),
    // Twice 1,900 rows, some forty a page.
    120_000
  )
})
