import { Effect } from "effect"
import type { KnownNode, Targets } from "./Targets.ts"

/** Where a node stands in the configuration. */
export interface Standing {
  /** Whether it is one of its nodes. */
  readonly isConfigured: boolean
  /** Whether it has an entry there, counted among its nodes or not. */
  readonly hasEntry: boolean
}

/** Where a node stands in the configuration now. */
export const standingOf = (
  { entries, nodes }: Pick<Targets["Service"], "entries" | "nodes">,
  node: string
): Effect.Effect<Standing> => {
  const isThere = Effect.map((known: ReadonlyArray<KnownNode>) => known.some(({ name }) => name === node))
  return Effect.all({ isConfigured: isThere(nodes), hasEntry: isThere(entries) })
}

/** Whether it is the configuration that let it be connected before, and does not any more. */
export const hasLost = (before: Standing | undefined, now: Standing): boolean =>
  before !== undefined && ((before.isConfigured && !now.isConfigured) || (before.hasEntry && !now.hasEntry))
