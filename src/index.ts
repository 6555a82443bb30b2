/**
 * Beamscope as a library: `Beamscope.layer(settings)` has all of it, the other parts serve by themselves. Importing
 * starts nothing.
 */
export * as Beamscope from "./Beamscope.ts"
export type {
  ChangesOptions,
  Discoveries,
  DiscoveryChange,
  DiscoveryFailure,
  OnceOptions
} from "./cluster/Discoveries.ts"
export { Discovery } from "./cluster/Discovery.ts"
export type { Discovered } from "./cluster/Merge.ts"
export { ConfigError } from "./config/ConfigError.ts"
export type { NodeEntry, Settings, TlsEntry } from "./config/SettingTypes.ts"
export { CallError } from "./node/CallError.ts"
export { DistError } from "./dist/DistError.ts"
export type { CallOptions } from "./node/Call.ts"
export type { ErlangNode } from "./node/ErlangNode.ts"
export type { NodeHealth } from "./node/Health.ts"
export { BreakerOpen, type NodeError } from "./node/NodeError.ts"
export { type Lack, LeftAlone } from "./node/LeftAlone.ts"
export { Nodes } from "./node/Nodes.ts"
export type { HealthChange, NodeChange, NodeState, NodeStatus } from "./node/NodeState.ts"
export { type KnownNode, type NodeTarget, TargetError, Targets } from "./node/Targets.ts"
export { Catalogue, CatalogueError, type ToolListing, type ToolResult } from "./tools/Catalogue.ts"
export { Progress, type ProgressReport } from "./tools/Progress.ts"
export { Session } from "./tools/Session.ts"
export { ToolError, type ToolErrorCode } from "./tools/ToolError.ts"
export * as McpServer from "./mcp/Server.ts"
export { version } from "./mcp/Version.ts"
