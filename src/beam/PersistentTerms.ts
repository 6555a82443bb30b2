import { Effect } from "effect"
import { encode } from "../etf/Encode.ts"
import { atom, Binary, isAtom, listItems, map, MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { readReply } from "./Reply.ts"

/** How many persistent terms there are, and the bytes of all of them without large binaries: `persistent_term:info/0`. */
export interface PersistentTermsInfo {
  readonly count: number
  readonly bytes: number
}

export const persistentTermsInfo = (node: ErlangNode): Effect.Effect<PersistentTermsInfo, CallError> =>
  Effect.flatMap(
    node.call("persistent_term", "info", []),
    readReply(node, "persistent_term:info/0", (info) => {
      if (!(info instanceof MapTerm)) return undefined
      const [count, bytes] = [readCount(info.atomKey("count")), readCount(info.atomKey("memory"))]
      return count === undefined || bytes === undefined ? undefined : { count, bytes }
    })
  )

/** A persistent term, without its value. */
export interface PersistentTerm {
  readonly key: Term
  /**
   * Of the value, in memory without large binaries or in external format with them, whichever is more; what it shares
   * counted each time. `undefined` where it was not measured: not asked for, too large, or not in time.
   */
  readonly bytes: number | undefined
}

export interface PersistentTermQuery extends Pick<ListQuery, "limit" | "after" | "deadlineMillis"> {
  readonly sort: "size" | "key"
  /** Finds something in the key as Erlang writes it. */
  readonly pattern?: string
}

/**
 * A page of the persistent terms. `incomplete` holds `unmeasured` where some have a value too large to be measured, which
 * come first by size, and `deadline`.
 */
export const persistentTerms = (
  node: ErlangNode,
  { pattern, ...query }: PersistentTermQuery
): Effect.Effect<Listed<PersistentTerm>, CallError> =>
  askList(
    node,
    "beamscope_persistent_terms:list",
    {
      ...query,
      order: query.sort === "size" ? "descending" : "ascending",
      filters: { pattern }
    },
    (row) => {
      const key = row.atomKey("key")
      return key === undefined ? undefined : { key, bytes: readCount(row.atomKey("bytes")) }
    }
  )

/** Keys of persistent terms, in no order: of the first `limit`, those that are small. */
export const persistentKeys = (
  node: ErlangNode,
  limit: number
): Effect.Effect<{ readonly keys: ReadonlyArray<Term>; readonly isMore: boolean }, CallError> =>
  askAgent(node, "beamscope_persistent_terms:keys", map([[atom("limit"), limit]]), (answer) => {
    const keys = listItems(answer.atomKey("keys"))
    return keys && { keys, isMore: isAtom(answer.atomKey("more"), "true") }
  })

/** What is under a key; `bytes` as of {@link PersistentTerm}. */
export type PersistentValue =
  | { readonly _tag: "Found"; readonly bytes: number; readonly value: Term }
  /** Larger than what was asked for. */
  | { readonly _tag: "Large"; readonly bytes: number }
  /** Too large to be measured, or not in time. */
  | { readonly _tag: "Unmeasured" }

/**
 * The value of a key, where it is no larger than `maxBytes`; `undefined` where there is none. The key travels packed, so
 * that nothing in it becomes an atom there.
 */
export const persistentValue = (
  node: ErlangNode,
  key: Term,
  { deadlineMillis, maxBytes }: { readonly maxBytes: number; readonly deadlineMillis: number }
): Effect.Effect<PersistentValue | undefined, CallError> =>
  Effect.map(
    askAgent(
      node,
      "beamscope_persistent_terms:find",
      map([
        [atom("key"), new Binary(encode(key))],
        [atom("max_bytes"), maxBytes],
        [atom("deadline_ms"), Math.floor(deadlineMillis)]
      ]),
      (answer) => answer,
      { countsBinaries: false }
    ),
    (answer) => {
      const bytes = readCount(answer.atomKey("bytes"))
      const value = answer.atomKey("value")
      if (isAtom(answer.atomKey("unmeasured"), "true")) return { _tag: "Unmeasured" }
      if (bytes === undefined) return undefined
      return value === undefined ? { _tag: "Large", bytes } : { _tag: "Found", bytes, value }
    }
  )
