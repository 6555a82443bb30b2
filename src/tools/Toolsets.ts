import { applicationTools } from "./otp/Applications.ts"
import { codeTools } from "./code/Code.ts"
import { connectionTools } from "./connection/Connection.ts"
import { etsTools } from "./ets/Ets.ts"
import { eventTools } from "./events/Events.ts"
import { footprintTools } from "./footprint/Footprint.ts"
import { genServerTools } from "./otp/GenServer.ts"
import { logTools } from "./logs/Logs.ts"
import { mnesiaTools } from "./mnesia/Mnesia.ts"
import { networkTools } from "./network/Network.ts"
import { processTools } from "./processes/Processes.ts"
import { processInfoTools } from "./processes/ProcessInfo.ts"
import { processRelationTools } from "./processes/ProcessRelations.ts"
import { messageQueueTools } from "./processes/MessageQueue.ts"
import { stackGroupTools } from "./processes/StackGroups.ts"
import { supervisionTools } from "./otp/Supervision.ts"
import { systemTools } from "./system/System.ts"
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
