import { Effect, Redacted, type Scope } from "effect"
import { fileURLToPath } from "node:url"
import { type AgentMode, type ErlangNode, joinNode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"

const source = fileURLToPath(new URL("beamscope_bench.erl", import.meta.url))

/** Compiled and loaded, for what is interpreted is no reference. */
const load = `{ok, Module, Beam, _} = compile:file(${JSON.stringify(source)}, [binary, return_warnings]),
  {module, Module} = code:load_binary(Module, "beamscope_bench", Beam), ok`

/** A node of the release whose `erl` is on the PATH, with `beamscope_bench` on it. */
export interface BenchNode extends BeamNode.BeamNode {
  /** What a function of `beamscope_bench` returns, a number; `args` as Erlang writes them. */
  readonly bench: (func: string, ...args: ReadonlyArray<string | number>) => Effect.Effect<number>
}

/** Every node of a bench has the same cookie, so that they can call each other. */
const cookie = "bench"

export const start = (
  name: string,
  options: BeamNode.BeamNodeOptions = {}
): Effect.Effect<BenchNode, never, Scope.Scope> =>
  Effect.map(BeamNode.start({ ...options, name, cookie, eval: load }), (node) => ({
    ...node,
    bench: (func, ...args) =>
      Effect.promise(async () => Number(await node.evaluate(`beamscope_bench:${func}(${args.join(", ")})`)))
  }))

/** What joining a node takes. */
export const targetOf = (node: BenchNode) => ({
  name: node.name,
  cookie: Redacted.make(node.cookie),
  epmdPort: Number(process.env["ERL_EPMD_PORT"])
})

export const join = (node: BenchNode, agent: AgentMode = "none") => Effect.orDie(joinNode({ ...targetOf(node), agent }))

/** The quoted name of a node, as an argument. */
export const nameOf = (node: BenchNode): string => `'${node.name}'`

export type { ErlangNode }
