import { sampleEtsTable } from "./EtsObjects.ts"
import { selectEtsTable } from "./EtsSelection.ts"
import { getEtsTableInfo } from "./EtsTableInfo.ts"
import { listEtsTables } from "./EtsTables.ts"
import type { Tool } from "../Tool.ts"

/** The ETS toolset. */
export const etsTools: ReadonlyArray<Tool> = [listEtsTables, getEtsTableInfo, sampleEtsTable, selectEtsTable]
