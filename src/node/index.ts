/**
 * Connected nodes: calls in bounded workers, what a node can do, the agent, and the registry that shares links.
 */
export type { AgentFunction, RunAgent } from "./Agent.ts"
export type { Call, CallOptions } from "./Call.ts"
export { CallError, type CallReason, type WorkerAtDeadline } from "./CallError.ts"
export type { StackFrame } from "./StackFrame.ts"
export type { Capabilities } from "./Capabilities.ts"
export { type ErlangNode, joinNode, type JoinOptions, type Patience } from "./ErlangNode.ts"
export type { BreakerCounts, BreakerState, Verdict } from "./Breaker.ts"
export type { Condition, NodeHealth } from "./Health.ts"
export { BreakerOpen, type NodeError } from "./NodeError.ts"
export { type Lack, LeftAlone } from "./LeftAlone.ts"
export { type ConnectOptions, type Disconnection, Nodes } from "./Nodes.ts"
export type { FormerLink, HealthChange, NodeChange, NodeState, NodeStatus } from "./NodeState.ts"
export { type AgentMode, type KnownNode, type NodeTarget, TargetError, Targets } from "./Targets.ts"
export type { TunnelCommand } from "./Tunnelled.ts"
