import { Context } from "effect"
import type { GuardedTool } from "../policy/Policy.ts"
import type { Tool } from "./Tool.ts"

/** The tool that runs, for the policy of the nodes that it comes to. Where none is known, one that may do anything. */
export const RunningTool = Context.Reference<GuardedTool & Pick<Tool, "letsGo">>("beamscope/tools/RunningTool", {
  defaultValue: () => ({ name: "A tool", toolset: "", access: "eval" })
})
