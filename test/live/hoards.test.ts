import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/**
 * Processes of some 70 KiB whose dictionaries are 36 or 77 MB when copied, as they are before OTP 26.2, where one key of
 * them is not read alone: what is shared there is copied for each reference. One has a table of its name, one is a
 * gen_server.
 */
const scene = `
  {ok, _} = pg:start(rooms), ok = pg:join(rooms, lobby, whereis(init)),
  Hoard = fun(Size) -> S = lists:seq(1, Size), put(shared, lists:duplicate(Size, S)), erlang:garbage_collect() end,
  register(hoarders_host, spawn(fun() ->
    process_flag(trap_exit, true),
    proc_lib:spawn_link(fun() ->
      hoard = ets:new(hoard, [named_table]), register(hoard, self()), Hoard(2200),
      erlang:hibernate(timer, sleep, [infinity])
    end),
    receive stop -> ok end
  end)),
  proc_lib:spawn(fun() -> register(hoarding_server, self()), Hoard(1500), gen_server:enter_loop(gen_server, [], st) end),
  ok`

describe.each(BeamNode.otpReleases())("processes that are far larger when copied, on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, cookie: "hoards", eval: scene })
  })
  afterAll(() => node.stop())

  it.live.each<AgentMode>(["eval", "load"])("keep no tool from its answer about the others (%s)", (agent) =>
    Effect.gen(function* () {
      const said = yield* Effect.promise(() =>
        node.evaluate("try process_info(self(), {dictionary, k}) of _ -> key catch error:badarg -> whole end")
      )
      const isWhole = said === "whole"
      const links = yield* call("get_process_links", { pid: "hoarders_host" })
      expect(links.structured).toMatchObject({ matched: 1, complete: !isWhole, links: [{ name: "hoard" }] })
      expect(links.text.includes("What these run is not known: hoard ")).toBe(isWhole)
      const children = yield* call("get_process_children", { pid: "hoarders_host" })
      expect(children.structured["complete"]).toBe(!isWhole)
      const handlers = yield* call("list_event_handlers", { filter: { kind: "gen_event" } })
      expect(handlers.text).toContain("erl_signal_server")
      expect(handlers.text.includes("it is not known, and they are left out")).toBe(isWhole)
      const groups = yield* call("list_process_groups", {})
      expect(groups.structured).toMatchObject({ total: 1, complete: true, groups: [{ group: "lobby" }] })
      expect((yield* call("find_process", { name: "hoard" })).structured["matched"]).toBe(3)
      const state = yield* call("get_gen_server_state", { pid: "hoarding_server" })
      expect(state.structured).toMatchObject({ state: "st", complete: !isWhole })
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent, mode: "erlang" })))))
  )
})
