import type { Effect } from "effect"
import { binary, isAtom, list, listItems, type MapTerm, Pid } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount, readMfa } from "./ProcessRow.ts"

/** Processes that stand at the same place. */
export interface StackGroup {
  readonly count: number
  /** Some of them. */
  readonly pids: ReadonlyArray<Pid>
  /** The innermost call first, without files and lines. Empty where the node could not tell. */
  readonly frames: ReadonlyArray<Mfa>
  /** All processes with stacks beyond those that are told from one another. */
  readonly isOther: boolean
  /** All processes that work for us, wherever they stand; but for the one that asks. */
  readonly isOwn: boolean
}

/** Milliseconds for which the scan rests after every thousand processes. */
const pauseMillis = 1

/** Stacks that are told from one another: 10,000 take up to 27 MB of the node, with their samples. */
export const maxStacks = 10_000

/** How many have it, how many frames it has, or by the name of its innermost function. */
export const stackSorts = ["count", "depth", "function"] as const

export interface StackGroups extends Listed<StackGroup> {
  /** How many were looked at. */
  readonly processes: number
}

/**
 * The stacks of all processes, each with how many have it. Texts are parts of frames that follow each other, the innermost
 * first, each as `module.function/arity`, in any case.
 */
export const stackGroups = (
  node: ErlangNode,
  query: Pick<ListQuery, "limit" | "after" | "deadlineMillis"> & { readonly sort: (typeof stackSorts)[number] },
  texts: Readonly<Record<"filter" | "exclude", ReadonlyArray<string> | undefined>>
): Effect.Effect<StackGroups, CallError> =>
  askAgent(
    node,
    "beamscope_stacks:stacks",
    questionOf({
      ...query,
      order: query.sort === "function" ? "ascending" : "descending",
      filters: {
        filter: texts.filter && list(texts.filter.map((part) => binary(part))),
        exclude: texts.exclude && list(texts.exclude.map((part) => binary(part))),
        pause_ms: pauseMillis,
        stacks: maxStacks
      }
    }),
    (answer) => {
      const listed = readListed(answer, readGroup)
      const processes = readCount(answer.atomKey("processes"))
      return listed === undefined || processes === undefined ? undefined : { ...listed, processes }
    }
  )

const readGroup = (row: MapTerm): StackGroup | undefined => {
  const count = readCount(row.atomKey("count"))
  const pids = listItems(row.atomKey("pids"))
  const frames = listItems(row.atomKey("frames"))?.map(readMfa)
  if (count === undefined || pids === undefined || frames === undefined) return undefined
  if (!frames.every((frame) => frame !== undefined)) return undefined
  const isOther = isAtom(row.atomKey("other"), "true")
  const isOwn = isAtom(row.atomKey("own"), "true")
  return { count, frames, isOther, isOwn, pids: pids.filter((pid) => pid instanceof Pid) }
}
