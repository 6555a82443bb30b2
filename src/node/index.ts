/**
 * Connected nodes: calls in bounded workers, what a node can do, the agent, and the registry that shares links.
 */
export type { AgentFunction } from "./Agent.ts"
export type { Call, CallOptions } from "./Call.ts"
export { CallError, type CallReason } from "./CallError.ts"
export type { StackFrame } from "./StackFrame.ts"
export type { Capabilities } from "./Capabilities.ts"
export { type ErlangNode, joinNode } from "./ErlangNode.ts"
export { type NodeError, Nodes, type NodeState, type NodeStatus } from "./Nodes.ts"
export { type AgentMode, type NodeTarget, TargetError, Targets } from "./Targets.ts"
