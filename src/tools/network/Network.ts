import { distributionTools } from "./Distribution.ts"
import { endpointTools } from "./Endpoints.ts"
import { pingTools } from "./Ping.ts"
import type { Tool } from "../Tool.ts"

/** The network toolset. */
export const networkTools: ReadonlyArray<Tool> = [...endpointTools, ...distributionTools, ...pingTools]
