import { Context, Layer } from "effect"
import { type AccessClass, accessClasses } from "./Access.ts"
import { type AccessSettings, allToolsets } from "./AccessSettings.ts"
import { nodePattern } from "./NodePattern.ts"
import { isOnThisMachine } from "./ThisMachine.ts"

/** What the operator said about access, as plain values. What is left out keeps its default. */
export interface PolicySettings extends AccessSettings {
  /** A node that the operator names in the very command that is run: allowed like those of `allowNodes`, and no pattern. */
  readonly namedNode?: string
  /** This machine's own host names, short and long, as they stand in node names. */
  readonly hostNames: ReadonlyArray<string>
}

/** What the policy looks at in a tool. */
export interface GuardedTool {
  readonly name: string
  readonly toolset: string
  readonly access: AccessClass
}

/** What the policy looks at in a node that the operator configured. */
export interface GuardedNode {
  readonly name: string
  /** The most that may be done to it. Default: whatever is allowed altogether. */
  readonly access?: AccessClass
}

/**
 * What the operator allows. A refusal is a sentence that says what was refused and which flag would allow it;
 * `undefined` means allowed. Asked in one place, before a tool is dispatched, and when tools are listed.
 */
export class Policy extends Context.Service<
  Policy,
  {
    readonly settings: PolicySettings
    readonly toolRefusal: (tool: GuardedTool) => string | undefined
    /** For nodes that are not in the operator's configuration; those are allowed by being there. */
    readonly nodeRefusal: (node: string) => string | undefined
    /** For nodes that are, by what their entries there allow. That a tool is allowed at all is asked for itself. */
    readonly entryRefusal: (tool: GuardedTool, node: GuardedNode) => string | undefined
  }
>()("beamscope/policy/Policy") {
  static readonly layer = (settings: PolicySettings): Layer.Layer<Policy> => Layer.succeed(Policy, make(settings))
}

const make = (settings: PolicySettings): Policy["Service"] => {
  const { allowNodes, hostNames } = settings
  const patterns = allowNodes?.map(nodePattern)
  return {
    settings,
    toolRefusal: (tool) => selectionRefusal(settings, tool) ?? accessRefusal(settings, tool),
    nodeRefusal: (node) => {
      if (node === settings.namedNode) return undefined
      if (patterns === undefined) {
        return isOnThisMachine(node, hostNames)
          ? undefined
          : `${node} is neither configured nor on this machine. The operator can allow it with --allow-nodes '${node}'.`
      }
      return patterns.some((matches) => matches(node))
        ? undefined
        : `${node} is neither configured nor matched by --allow-nodes (${allowNodes!.join(", ")}). Only the operator can add it there.`
    },
    entryRefusal: (tool, { access = "eval", name }) =>
      accessClasses.indexOf(tool.access) <= accessClasses.indexOf(access)
        ? undefined
        : `${tool.name} needs access '${tool.access}', and the entry of ${name} in the configuration allows no more than '${access}' there. Only the operator can change that ("access").`
  }
}

const selectionRefusal = (settings: PolicySettings, tool: GuardedTool): string | undefined => {
  const { tools, toolsets } = settings
  if (settings.excludeTools?.includes(tool.name) === true) {
    return `${tool.name} was taken out by the operator with --exclude-tools.`
  }
  if (tools === undefined && toolsets === undefined) return undefined
  if (tools?.includes(tool.name) === true || toolsets?.some((it) => it === tool.toolset || it === allToolsets))
    return undefined
  const chosen = [tools && "--tools", toolsets && "--toolsets"].filter((flag) => flag !== undefined).join(" and ")
  return `${tool.name} is not among the tools that the operator chose with ${chosen}. --tools ${tool.name} or --toolsets ${tool.toolset} would add it.`
}

const accessRefusal = (settings: PolicySettings, { access, name }: GuardedTool): string | undefined => {
  if (access === "inspect") return undefined
  if (settings.inspectOnly === true) {
    return `${name} does more than look (${access}), and the operator allows inspection only (--inspect-only).`
  }
  if (access === "observe") return undefined
  if (settings.readOnly === true) return `${name} does more than read (${access}), and the operator set --read-only.`
  if (access === "control") {
    return settings.allowControl === true
      ? undefined
      : `${name} changes the node. The operator can allow that with --allow-control.`
  }
  return settings.allowEval === true
    ? undefined
    : `${name} runs given code on the node. The operator can allow that with --allow-eval.`
}
