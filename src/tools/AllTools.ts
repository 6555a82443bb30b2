import { applicationTools } from "./otp/Applications.ts"
import { codeTools } from "./code/Code.ts"
import { connectionTools } from "./connection/Connection.ts"
import { diagnoseConnection } from "./connection/Diagnosis.ts"
import { discoverNodes } from "./connection/Discovery.ts"
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

/** Every tool there is, in the order of `Toolsets.ts`; imported when they are first asked for. */
export const allTools: ReadonlyArray<Tool> = [
  ...connectionTools,
  diagnoseConnection,
  discoverNodes,
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
