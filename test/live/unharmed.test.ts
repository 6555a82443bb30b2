import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import { objectSchema } from "../../src/tools/JsonSchema.ts"
import { allTools } from "../../src/tools/Toolsets.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolInputs } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"

const scene = `
  Idle = fun() -> receive stop -> ok end end,
  {ok, Manager} = gen_event:start({local, vault}), true = is_pid(Manager),
  register(stuffed, spawn(Idle)), stuffed ! message,
  ets:new(vault, [named_table, public]), ets:insert(vault, {key, value}),
  persistent_term:put({vault, password}, value),
  {module, lists} = code:ensure_loaded(lists),
  {ok, _} = timer:apply_after(3600000, erlang, display, [x]), ok`

/** What a tool must leave as it was: all that can be seen of the node without looking into its processes. */
const state = `
  {lists:sort(registered()), lists:sort(erlang:loaded()), length(ets:all()), erlang:system_monitor(),
   erlang:trace_info(new, flags),
   erlang:statistics(scheduler_wall_time), logger:get_handler_ids(), maps:get(filters, logger:get_primary_config()),
   lists:sort([P || {P, _} <- persistent_term:get(), not is_tuple(P)]),
   lists:sort([{N, element(2, process_info(whereis(N), message_queue_len))} || N <- registered(), is_pid(whereis(N))])}`

describe.each(BeamNode.otpReleases())("a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const atoms = Effect.map(ask("erlang:system_info(atom_count)"), Number)
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))
  const everything = Effect.forEach(Object.entries(toolInputs("erlang")), ([tool, inputs]) =>
    Effect.forEach(inputs, (input) => Effect.exit(call(tool, input)))
  )

  it.live.each<AgentMode>(["eval", "none"])("is as it was behind every tool, with the agent %s", (agent) =>
    Effect.gen(function* () {
      // The first time loads what interpreting takes, which the README tells.
      yield* everything
      const [before, atomsBefore] = [yield* ask(state), yield* atoms]
      for (const [tool, inputs] of Object.entries(toolInputs("erlang"))) {
        for (const input of inputs) {
          yield* Effect.exit(call(tool, input))
          yield* eventually(Effect.map(ask(state), (now) => now === before)).pipe(
            Effect.catchCause(() => Effect.map(ask(state), (now) => expect(now, tool).toBe(before)))
          )
        }
      }
      // Connecting anew, after disconnect_node, takes the node a name for us.
      expect((yield* atoms) - atomsBefore).toBeLessThanOrEqual(2)
    }).pipe(using(agent))
  )

  it.live("gets no atom from a name that somebody made up, with any tool", () =>
    Effect.gen(function* () {
      const names = new Set(["pid", "module", "table", "application", "name", "function", "key", "match", "registry"])
      const taking = allTools.flatMap(({ input, name: tool }) => {
        const { properties, required = [] } = objectSchema(input) as {
          readonly properties: Readonly<Record<string, unknown>>
          readonly required?: ReadonlyArray<string>
        }
        const fields = Object.keys(properties).filter((field) => names.has(field) && properties[field] !== undefined)
        const filter = (properties["filter"] as { readonly properties?: object } | undefined)?.properties ?? {}
        const inFilter = Object.keys(filter).filter((field) => names.has(field))
        return fields.length + inFilter.length === 0 ? [] : [{ tool, fields, inFilter, required }]
      })
      expect(taking.length).toBeGreaterThan(15)
      const round = (prefix: string) =>
        Effect.forEach(taking, ({ fields, inFilter, required, tool }) =>
          Effect.forEach(
            [...fields.map((field) => [field]), ...inFilter.map((field) => ["filter", field])],
            ([field, inner]) => {
              const made = `${prefix}_${tool}_${inner ?? field}`
              const needed = Object.fromEntries(required.map((it) => [it, it === "arity" ? 1 : "vault"]))
              return Effect.exit(call(tool, { ...needed, [field!]: inner === undefined ? made : { [inner]: made } }))
            }
          )
        )
      yield* round("warm")
      const before = yield* atoms
      yield* round("made_up")
      yield* round("Made.Up")
      expect((yield* atoms) - before).toBe(0)
    }).pipe(using("eval"))
  )

  it.live("has nothing of ours when all links are closed", () =>
    Effect.gen(function* () {
      yield* everything.pipe(using("load"))
      yield* eventually(Effect.map(ask("{nodes(hidden), nodes()}"), (text) => text === "{[],[]}"))
      yield* eventually(
        Effect.map(
          ask(`[M || M <- registered() ++ erlang:loaded(), lists:prefix("beamscope", atom_to_list(M))]`),
          (text) => text === "[]"
        )
      )
    })
  )
})
