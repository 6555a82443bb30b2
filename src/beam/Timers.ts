import type { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, type List, type ByteList, isList, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** A timer of the module `timer`. From OTP 25 on nothing but when it is due and whether it repeats can be known. */
export interface Timer {
  /** Milliseconds until it is due; negative where it is late. */
  readonly dueMillis: number
  readonly repeats: boolean
  readonly everyMillis: number | undefined
  /** Whose end takes a repeating timer along. */
  readonly owner: Pid | undefined
  readonly call: TimerCall | undefined
}

export interface TimerCall {
  readonly module: string
  readonly name: string
  readonly args: List | ByteList
}

export interface TimerQuery extends Pick<ListQuery, "limit" | "after" | "deadlineMillis"> {
  /** `repeats`: those that do before the others. */
  readonly sort: "due" | "repeats"
  readonly repeats?: boolean
}

/**
 * The timers of a node's timer server, the next one (of a kind) first. `incomplete` holds `closed` where the release keeps them to
 * itself (OTP 27 on), `many` where there are too many to look at, `unused` where no timer server runs.
 */
export const timers = (node: ErlangNode, { repeats, ...query }: TimerQuery): Effect.Effect<Listed<Timer>, CallError> =>
  askList(
    node,
    "beamscope_timers:list",
    {
      ...query,
      order: "ascending",
      filters: { repeats: repeats === undefined ? undefined : atom(String(repeats)) }
    },
    (row) => {
      const dueMillis = readCount(row.atomKey("due_ms"))
      const owner = row.atomKey("owner")
      if (dueMillis === undefined) return undefined
      return {
        dueMillis,
        repeats: isAtom(row.atomKey("repeats"), "true"),
        everyMillis: readCount(row.atomKey("every_ms")),
        owner: owner instanceof Pid ? owner : undefined,
        call: readCall(row.atomKey("call"))
      }
    }
  )

const readCall = (term: Term | undefined): TimerCall | undefined => {
  if (!isTuple(term)) return undefined
  const [module, name, args] = term
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args)) return undefined
  return { module: module.text, name: name.text, args }
}
