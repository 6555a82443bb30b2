import { Console, Effect } from "effect"
import type { Step } from "../node/Diagnosis.ts"
import { bare } from "../tools/NodeArgument.ts"
import { CommandError, failingAs } from "./CommandError.ts"
import { runTool } from "./RunTool.ts"
import type { ServerFlags } from "./ServerFlags.ts"

const marks: Readonly<Record<Step["outcome"], string>> = {
  passed: "ok",
  failed: "FAILED",
  skipped: "-",
  not_tried: "-",
  not_reached: "-"
}

const line = ({ found, millis, outcome, seen, step }: Step): string =>
  [
    `${marks[outcome].padEnd(6)}  ${step.padEnd("configuration".length)}  ${found}`,
    ...(millis === undefined ? [] : [`(${millis} ms)`])
  ].join(" ") + (seen === undefined ? "" : `\n${" ".repeat(23)}on the wire: ${seen}`)

/** `beamscope doctor`: walks the way to one node, a line a step. Fails where a step does. */
export const doctorCommand = Effect.fnUntraced(
  function* ({ given, json, node }: { readonly node: string; readonly json: boolean; readonly given: ServerFlags }) {
    // Named by the operator, so allowed; beside the nodes of the configuration, which may know it under another address.
    const { structured } = yield* runTool("diagnose_connection", { node }, given, bare(node))
    const {
      notes = [],
      steps,
      summary
    } = structured as {
      readonly summary: string
      readonly steps: ReadonlyArray<Step>
      readonly notes?: ReadonlyArray<string>
    }
    yield* Console.log(
      json ? JSON.stringify(structured, null, 2) : [...steps.map(line), ...notes.map((note) => `\n${note}`)].join("\n")
    )
    if (steps.some(({ outcome }) => outcome === "failed" || outcome === "not_tried"))
      return yield* new CommandError({ exitCode: 1, message: json ? "" : summary })
    if (!json) yield* Console.log(`\n${summary}`)
  },
  (command, { json }) => failingAs(json)(command)
)
