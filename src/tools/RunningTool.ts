import { Context } from "effect"
import type { GuardedTool } from "../policy/Policy.ts"

/** The tool that runs, for the policy of the nodes that it comes to. Where none is known, one that may do anything. */
export const RunningTool = Context.Reference<GuardedTool>("beamscope/tools/RunningTool", {
  defaultValue: () => ({ name: "A tool", toolset: "", access: "eval" })
})
