import { Effect } from "effect"
import { Nodes } from "../node/Nodes.ts"
import { nodeCalled, Targets } from "../node/Targets.ts"
import { Policy } from "../policy/Policy.ts"
import type { Entries } from "./ToolListing.ts"

/** A call as hints write it: the name of a tool, and its input where that says something. */
const call = /^([a-z_]+)(?: (\{[^]*\}))?$/u

/**
 * A call that is suggested, as it can be made: with the node where several are known, for which of them is up may be
 * another matter by then. `undefined` for one that
 * the policy does not allow, that holds what must not be shown and so would find nothing, or that is no call at all.
 */
export const usefulCall = Effect.fnUntraced(function* (
  text: string,
  node: string | undefined,
  clean: (text: string) => string,
  entries: Entries
): Effect.fn.Return<string | undefined, never, Nodes | Policy | Targets> {
  const [, name, json] = call.exec(text) ?? []
  const tool = name === undefined ? undefined : entries.get(name)?.tool
  const { entryRefusal, toolRefusal } = yield* Policy
  if (tool === undefined || toolRefusal(tool) !== undefined || clean(text) !== text) return undefined
  const input = JSON.parse(json ?? "{}") as Readonly<Record<string, unknown>>
  const targets = yield* Targets
  const entry = nodeCalled(yield* targets.entries, String(input["node"] ?? node))
  if (tool.target !== "none" && entry !== undefined && entryRefusal(tool, entry) !== undefined) return undefined
  if (tool.target === "none" || node === undefined || input["node"] !== undefined) return text
  const known = new Set([node, ...[...(yield* targets.nodes), ...(yield* (yield* Nodes).list)].map(({ name }) => name)])
  if (known.size === 1) return text
  return `${tool.name} ${JSON.stringify({ node, ...input })}`
})
