import { Context, Effect } from "effect"

/**
 * How a tool says how far it has come. Whoever runs the tool decides where that goes (an MCP progress notification, a
 * line on stderr); by default it goes nowhere.
 */
export interface ProgressReport {
  /** Grows with every report. */
  readonly progress: number
  readonly total?: number
  readonly message: string
}

export const Progress = Context.Reference<(report: ProgressReport) => Effect.Effect<void>>("beamscope/tools/Progress", {
  defaultValue: () => () => Effect.void
})
