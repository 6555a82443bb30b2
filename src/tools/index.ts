/**
 * The catalogue of tools as values that know no protocol: call them through `Catalogue`, or make your own with
 * `Tool.make` and hand them to `Catalogue.layerOf`.
 */
export type { Answer, Page, Undefinable } from "./Answer.ts"
export { Catalogue, CatalogueError, type ToolListing, type ToolResult } from "./Catalogue.ts"
export { CallLimits } from "./NodeBudget.ts"
export { Progress, type ProgressReport } from "./Progress.ts"
export { CharacterBudget } from "./CharacterBudget.ts"
export { Session } from "./Session.ts"
export * as Tool from "./Tool.ts"
export { ToolError, type ToolErrorCode } from "./ToolError.ts"
export { allTools } from "./AllTools.ts"
