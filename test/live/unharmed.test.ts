import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import { objectSchema } from "../../src/tools/JsonSchema.ts"
import { allTools } from "../../src/tools/AllTools.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene } from "../support/vault.ts"

/** What a tool must leave as it was: all that can be seen of the node without looking into its processes. */
const state = `
  {lists:sort(registered()), lists:sort(erlang:loaded()), length(ets:all()), erlang:system_monitor(),
   erlang:trace_info(new, flags), [P || P <- processes(), {_, L} <- [process_info(P, group_leader)], node(L) =/= node()],
   erlang:statistics(scheduler_wall_time), logger:get_handler_ids(), maps:get(filters, logger:get_primary_config()),
   lists:sort([P || {P, _} <- persistent_term:get(), not is_tuple(P)]),
   lists:sort([{N, element(2, process_info(whereis(N), message_queue_len))} || N <- registered(), is_pid(whereis(N))])}`

interface Properties {
  readonly [field: string]: {
    readonly type?: string
    readonly enum?: unknown
    readonly items?: { readonly type?: string; readonly enum?: unknown }
    readonly properties?: Properties
  }
}
interface ObjectOf {
  readonly properties: Properties
  readonly required?: ReadonlyArray<string>
}

const takesText = ({ enum: choices, items, type }: Properties[string]): boolean =>
  (type === "string" && choices === undefined) || (items?.type === "string" && items.enum === undefined)

/** These name nodes and secrets of ours, or pages. */
const others = new Set(["node", "other_node", "cookie", "cursor"])

const texts = (of: Properties): ReadonlyArray<string> =>
  Object.keys(of).filter((field) => takesText(of[field]!) && !others.has(field))

/** A field with a name that nobody has. */
const made = (prefix: string, tool: string, field: string, of: Properties): object => {
  const text = field === "match" ? `{${prefix}_${tool}, _}` : `${prefix}_${tool}_${field}`
  return { [field]: of[field]!.type === "array" ? [text] : text }
}

describe.each(BeamNode.otpReleases())("a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([BeamNode.startNode({ otp, eval: scene }), BeamNode.startNode({ otp })])
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const atoms = Effect.map(ask("erlang:system_info(atom_count)"), Number)
  const using = (agent: AgentMode) =>
    Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { agent }))))
  const calls = Effect.sync(() => toolCalls("erlang", node.name, other.name))
  const everything = Effect.flatMap(
    calls,
    Effect.forEach(([tool, input]) => call(tool, input))
  )

  it.live("is as it was behind every tool", () =>
    Effect.gen(function* () {
      // The first time loads what interpreting takes, which the README tells.
      yield* everything
      const [before, atomsBefore] = [yield* ask(state), yield* atoms]
      for (const [tool, input] of yield* calls) {
        yield* call(tool, input)
        yield* eventually(Effect.map(ask(state), (now) => now === before)).pipe(
          Effect.catchCause(() => Effect.map(ask(state), (now) => expect(now, tool).toBe(before)))
        )
      }
      // Connecting anew, after disconnect_node, takes the node a name for us.
      expect((yield* atoms) - atomsBefore).toBeLessThanOrEqual(2)
    }).pipe(using("eval"))
  )

  it.live("gets no atom from a name that somebody made up, with any tool", () =>
    Effect.gen(function* () {
      const tries = allTools.flatMap((tool) => {
        const { properties, required = [] } = objectSchema(tool.input) as unknown as ObjectOf
        const needed = Object.fromEntries(required.map((field) => [field, "vault"]))
        const filter = properties["filter"]?.properties ?? {}
        const asked = (given: object) => call(tool.name, { node: node.name, ...needed, ...given })
        return texts(properties)
          .map((field) => (prefix: string) => asked(made(prefix, tool.name, field, properties)))
          .concat(
            texts(filter).map((field) => (prefix: string) => asked({ filter: made(prefix, tool.name, field, filter) }))
          )
      })
      expect(tries.length).toBeGreaterThan(50)
      const round = (prefix: string) => Effect.forEach(tries, (attempt) => Effect.exit(attempt(prefix)))
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
