import { Effect, Schema } from "effect"
import { diagnose, type Step, stepNames } from "../../node/Diagnosis.ts"
import { Nodes } from "../../node/Nodes.ts"
import { Targets } from "../../node/Targets.ts"
import { Policy } from "../../policy/Policy.ts"
import { isSameHere } from "../../policy/ThisMachine.ts"
import { visible } from "../../syntax/Escape.ts"
import { stepMillis } from "../Deadline.ts"
import * as Tool from "../Tool.ts"

const outcomes = ["passed", "failed", "skipped", "not_reached"] as const satisfies ReadonlyArray<Step["outcome"]>

/** `diagnose_connection`, which `beamscope doctor` runs too. */
export const diagnoseConnection = Tool.make({
  toolset: "connection",
  access: "inspect",
  cost: "cheap",
  name: "diagnose_connection",
  title: "Diagnose a connection",
  description:
    "Why a node cannot be connected: walks host, EPMD, TCP, TLS, handshake, cookie and a first call on a link of its own, and tells which step fails, what that means and what to do.",
  target: "named",
  timeoutMillis: 20_000,
  input: {},
  output: {
    steps: Schema.Array(
      Schema.Struct({
        step: Schema.Literals(stepNames),
        outcome: Schema.Literals(outcomes),
        found: Schema.String,
        seen: Schema.optionalKey(Schema.String),
        millis: Schema.optionalKey(Schema.Finite)
      })
    )
  },
  run: Effect.fnUntraced(function* (_input, name) {
    const targets = yield* Targets
    const configured = yield* targets.nodes
    const up = (yield* (yield* Nodes).list).flatMap(({ state }) => (state._tag === "Up" ? [state.node] : []))
    const known = [...new Set([...configured, ...up].map((node) => node.name))]
    const walk = (full: string) =>
      Effect.scoped(
        Effect.gen(function* () {
          const resolved = yield* Effect.exit(targets.resolve(full, { timeoutMillis: yield* stepMillis }))
          const linkedAs = up.find((node) => node.name === full)?.localName
          const timeoutMillis = yield* stepMillis
          return yield* diagnose(full, resolved, { known, timeoutMillis, ...(linkedAs !== undefined && { linkedAs }) })
        })
      )
    const first = yield* walk(name)
    const own = first.calledItself
    // As with a call: a node of this machine is found by each of the machine's names.
    const { hostNames } = (yield* Policy).settings
    const isFound = own !== undefined && isSameHere(own, name, hostNames)
    const { remarks, steps } = isFound ? yield* walk(own) : first
    const failed = steps.find(({ outcome }) => outcome === "failed")
    return {
      summary:
        failed === undefined
          ? `${name} can be connected: every step of the way passes.`
          : `${name} cannot be connected: it fails at ${failed.step}. ${visible(failed.found)}`,
      notes: [
        ...(isFound ? [`It was asked for as ${name}, and calls itself ${visible(own)}; calls find it by both.`] : []),
        ...remarks.map(visible)
      ],
      data: {
        steps: steps.map(({ found, millis, outcome, seen, step }) => ({
          step,
          outcome,
          found: visible(found),
          seen: seen && visible(seen),
          millis
        }))
      },
      hints: failed === undefined ? [`connect_node ${JSON.stringify({ node: name })}`] : ["list_nodes"]
    }
  })
})
