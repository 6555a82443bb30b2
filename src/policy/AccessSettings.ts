// The comments of the fields are those of README.md: scripts/readme.ts writes both.

/**
 * What the operator says about access, all of it optional. `tools` and `toolsets` together allow the tools of both;
 * where neither is given, every tool may be called. A toolset may be {@link allToolsets}.
 */
export interface AccessSettings {
  /** Only tools that inspect and observe, whatever else is allowed. */
  readonly readOnly?: boolean
  /** Only tools that read and leave nothing behind, whatever else is allowed. */
  readonly inspectOnly?: boolean
  /** Also tools that change a node. */
  readonly allowControl?: boolean
  /** Also tools that run given code on a node. */
  readonly allowEval?: boolean
  /** Only these tools. */
  readonly tools?: ReadonlyArray<string>
  /** Only the tools of these toolsets, or all; by default clients are shown those of daily use, and can call all. */
  readonly toolsets?: ReadonlyArray<string>
  /** Never these tools. */
  readonly excludeTools?: ReadonlyArray<string>
  /** Nodes that may be connected to beside those of --node, as 'name@host' with * in it; default this machine's. */
  readonly allowNodes?: ReadonlyArray<string>
}

/** In place of the name of a toolset: every toolset. */
export const allToolsets = "all"
