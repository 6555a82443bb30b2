import { connectionTools } from "./Connection.ts"
import { logTools } from "./Logs.ts"
import { processTools } from "./Processes.ts"
import { processInfoTools } from "./ProcessInfo.ts"
import { systemTools } from "./System.ts"
import type { Tool } from "./Tool.ts"

/** Every tool there is, toolset by toolset, in the order in which they are listed. */
export const allTools: ReadonlyArray<Tool> = [
  ...connectionTools,
  ...processTools,
  ...processInfoTools,
  ...systemTools,
  ...logTools
]
