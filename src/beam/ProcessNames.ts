import type { Effect } from "effect"
import { atom, binary, isAtom, isTuple, listItems, map, type MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
import { type ProcessRow, readLabel } from "./ProcessRow.ts"

/**
 * A name that a process is known by: a registered one, `{global, Name}`, `{via, Module, Name}`, or a group that it is in,
 * `{pg, Scope, Group}`. Cut where it is large.
 */
export interface ProcessName {
  readonly pid: Pid
  readonly known: Exclude<ProcessRow["label"], "unread" | "late" | undefined>
}

export interface ProcessNames {
  readonly names: ReadonlyArray<ProcessName>
  /** Time ran out, there are more names than are looked at or told, or only the beginning of a large one was. */
  readonly incomplete: ReadonlyArray<(typeof whyMissing)[number]>
}

const whyMissing = ["deadline", "many", "long"] as const

/** Names that are told at most. */
const maxNames = 1_000

/** The processes of the node with a name in which a regular expression finds something, in any case. */
export const findNames = (
  node: ErlangNode,
  pattern: string,
  deadlineMillis: number
): Effect.Effect<ProcessNames, CallError> =>
  askAgent(
    node,
    "beamscope_names:find",
    map([
      [atom("pattern"), binary(pattern)],
      [atom("limit"), maxNames],
      [atom("deadline_ms"), Math.floor(deadlineMillis)]
    ]),
    readNames
  )

const readName = (pair: Term): ReadonlyArray<ProcessName> => {
  if (!isTuple(pair) || !(pair[0] instanceof Pid)) return []
  const known = readLabel(pair[1])
  return known === undefined || known === "unread" || known === "late" ? [] : [{ pid: pair[0], known }]
}

const readNames = (answer: MapTerm): ProcessNames | undefined => {
  const found = listItems(answer.atomKey("found"))
  const incomplete = listItems(answer.atomKey("incomplete"))
  if (found === undefined || incomplete === undefined) return undefined
  return {
    names: found.flatMap(readName),
    incomplete: whyMissing.filter((reason) => incomplete.some((why) => isAtom(why, reason)))
  }
}
