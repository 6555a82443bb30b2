import { applicationTools } from "./Applications.ts"
import { codeTools } from "./Code.ts"
import { connectionTools } from "./Connection.ts"
import { etsTools } from "./Ets.ts"
import { eventTools } from "./Events.ts"
import { footprintTools } from "./Footprint.ts"
import { genServerTools } from "./GenServer.ts"
import { logTools } from "./Logs.ts"
import { mnesiaTools } from "./Mnesia.ts"
import { networkTools } from "./Network.ts"
import { processTools } from "./Processes.ts"
import { processInfoTools } from "./ProcessInfo.ts"
import { processRelationTools } from "./ProcessRelations.ts"
import { messageQueueTools } from "./MessageQueue.ts"
import { stackGroupTools } from "./StackGroups.ts"
import { supervisionTools } from "./Supervision.ts"
import { systemTools } from "./System.ts"
import type { Tool } from "./Tool.ts"

/** Every tool there is, toolset by toolset, in the order in which they are listed. */
export const allTools: ReadonlyArray<Tool> = [
  ...connectionTools,
  ...processTools,
  ...processInfoTools,
  ...messageQueueTools,
  ...processRelationTools,
  ...stackGroupTools,
  ...genServerTools,
  ...applicationTools,
  ...supervisionTools,
  ...systemTools,
  ...etsTools,
  ...mnesiaTools,
  ...codeTools,
  ...networkTools,
  ...eventTools,
  ...logTools,
  ...footprintTools
]

/**
 * Toolsets that clients are not shown by themselves: with all of them, the list of tools would take more of a model's
 * attention than most questions are worth. `--toolsets` shows them.
 */
export const furtherToolsets: ReadonlySet<string> = new Set(["code", "events", "footprint", "mnesia", "network"])
