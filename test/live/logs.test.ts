import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call, pagesOf } from "../support/Tools.ts"

type Row = Readonly<Record<string, unknown>>

const rowsOf = ({ structured }: Pick<ToolResult, "structured">) => (structured["entries"] ?? []) as ReadonlyArray<Row>

describe.each(BeamNode.otpReleases())("the configuration of the log on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({
      otp,
      eval: `
        ok = logger:set_primary_config(level, info),
        _ = logger:update_primary_config(#{metadata => #{api_key => "hunter2"}}),
        ok = logger:set_application_level(stdlib, error),
        ok = logger:set_module_level(my_module, debug),
        ok = logger:add_handler(ours, logger_std_h, #{level => warning, config => #{type => standard_error}}),
        ok = logger:add_primary_filter(quiet, {fun(_, _) -> ignore end, x}),
        ok`
    })
  })
  afterAll(() => node.stop())
  const evaluate = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("is what the node has, without its secrets", () =>
      Effect.gen(function* () {
        const { structured, text } = yield* call("get_log_configuration", {})
        expect(structured).toMatchObject({
          summary: "Events of level info and above go to 2 handlers; none is overloaded.",
          complete: true,
          primary: { level: "info", filters: ["quiet"], filter_default: "log" },
          total: 4,
          matched: 4
        })
        expect(text).not.toContain("hunter2")
        const entries = rowsOf({ structured })
        expect(entries).toContainEqual({ kind: "modules", level: "debug", module_count: 1, modules: ["my_module"] })
        const stdlib = Number(
          yield* Effect.promise(() => node.evaluate("length(element(2, application:get_key(stdlib, modules)))"))
        )
        expect(entries).toContainEqual(
          expect.objectContaining({ kind: "modules", level: "error", name: "stdlib", module_count: stdlib })
        )
        expect(entries).toEqual(
          expect.arrayContaining([
            expect.objectContaining({
              kind: "handler",
              name: "ours",
              module: "logger_std_h",
              level: "warning",
              mode: "async",
              message_queue_length: 0,
              process: yield* Effect.map(
                Effect.promise(() => node.evaluate("pid_to_list(whereis(logger_std_h_ours))")),
                (pid) => pid.slice(1, -1)
              )
            })
          ])
        )
      }).pipe(using(agent))
    )

    it.live("is told page by page, with every module once", () =>
      Effect.gen(function* () {
        const pages = (input: Row) =>
          Effect.map(pagesOf("get_log_configuration", input), (results) => results.flatMap(rowsOf))
        const whole = rowsOf(yield* call("get_log_configuration", {}))
        expect(whole.map((row) => row["name"])).toEqual(["default", "ours", "stdlib", undefined])
        for (const sort_by of ["kind", "name", "level"]) {
          const paged = yield* pages({ limit: 1, sort_by })
          expect(paged).toHaveLength(whole.length)
          expect(paged).toEqual(expect.arrayContaining(whole.map((row) => expect.objectContaining(row))))
        }
        const modules = JSON.parse(
          yield* evaluate("[atom_to_list(M) || M <- element(2, application:get_key(stdlib, modules))]")
        ) as ReadonlyArray<string>
        const alone = yield* pages({ filter: { name: "stdlib" }, limit: 30 })
        expect(alone.flatMap((row) => row["modules"]).toSorted()).toEqual(modules.toSorted())

        const some = yield* call("get_log_configuration", { filter: { name: "stdlib" }, limit: 1 })
        expect(some.structured).toMatchObject({
          total: 3 + modules.length,
          matched: modules.length,
          notes: [expect.stringMatching(/^With filter\.name modules stand one by one/u)]
        })

        const debug = yield* call("get_log_configuration", { filter: { level: "debug" }, sort_by: "level" })
        expect(debug.structured).toMatchObject({ total: 4, matched: 1 })
        expect(debug.structured["summary"]).toMatch(/none is overloaded\. 1 entry listed\.$/u)
        const none = yield* call("get_log_configuration", { filter: { kind: "handler", name: "nowhere" } })
        expect(none.structured["summary"]).toMatch(/None of \d+ entries passes the filter\.$/u)
      }).pipe(using(agent))
    )

    it.live("says which handler throws events away", () =>
      Effect.gen(function* () {
        yield* evaluate("persistent_term:put({logger_olp, logger_std_h_ours}, drop)")
        // Also where it is on another page.
        const { structured } = yield* call("get_log_configuration", { limit: 1, sort_by: "level" })
        yield* evaluate("persistent_term:put({logger_olp, logger_std_h_ours}, async)")
        expect(structured["summary"]).toContain("ours is in drop mode")
        expect(structured["notes"]).toEqual([expect.stringContaining("are being thrown away")])
      }).pipe(using(agent))
    )
  })

  /** A handler that does not come back from telling its configuration. */
  const mute = [
    "-module(mute_h).",
    "-export([log/2, filter_config/1]).",
    "log(_, _) -> ok.",
    "filter_config(_) -> receive never -> ok end."
  ]
  const addMute = `begin
    Forms = [begin
      {ok, Tokens, _} = erl_scan:string(Text),
      {ok, Form} = erl_parse:parse_form(Tokens),
      Form
    end || Text <- ${JSON.stringify(mute)}],
    {ok, Module, Beam} = compile:forms(Forms),
    {module, Module} = code:load_binary(Module, "mute_h.erl", Beam),
    ok = logger:add_handler(mute, Module, #{level => none})
  end`

  it.live("waits for no handler beyond a second", () =>
    Effect.gen(function* () {
      yield* evaluate(addMute)
      const { structured } = yield* call("get_log_configuration", {})
      const { structured: events } = yield* call("list_event_handlers", { filter: { kind: "logger" } })
      yield* evaluate("ok = logger:remove_handler(mute)")
      expect(structured).toMatchObject({
        complete: false,
        notes: ["Handler mute does not tell its configuration: see its error."],
        entries: expect.arrayContaining([{ kind: "handler", name: "mute", error: "timeout" }])
      })
      expect(events).toMatchObject({
        complete: false,
        notes: expect.arrayContaining([expect.stringMatching(/^1 handler of logger did not tell/u)])
      })
      const waiting = "[Pid || Pid <- processes(), {_, {mute_h, _, _}} <- [process_info(Pid, current_function)]]"
      expect(yield* evaluate(waiting)).toBe("[]")
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { mode: "erlang" })))))
  )

  it.live("cannot be had without the agent, which is said", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(call("get_log_configuration", {}))).toMatchObject({ code: "unsupported" })
    }).pipe(using("none"))
  )
})
