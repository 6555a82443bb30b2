import { Effect } from "effect"
import { encode } from "../etf/Encode.ts"
import { Atom, atom, Binary, binary, isAtom, isTuple, listItems, map, MapTerm, type Term } from "../etf/Term.ts"
import type { AgentFunction } from "../node/Agent.ts"
import type { CallOptions } from "../node/Call.ts"
import { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readCount } from "./ProcessRow.ts"
import { readPacked } from "./Reply.ts"

/** What a list is asked for. The agent filters, sorts and cuts where the rows are. */
export interface ListQuery {
  /** By which value, in the agent's own words. */
  readonly sort: string
  readonly order: "ascending" | "descending"
  /** Rows of a page. */
  readonly limit: number
  /** Where the page before ended: a {@link ListedRow.place}. */
  readonly after?: Uint8Array
  /** Milliseconds of work on the node after which the answer is what there is by then. */
  readonly deadlineMillis: number
  /** Further words of the question, by name. An `undefined` one is left out; a string travels as a binary. */
  readonly filters?: Readonly<Record<string, Term | string | undefined>>
}

export interface ListedRow<Row> {
  readonly row: Row
  /** What to say `after`, to go on behind this row: a sort key in external format, opaque to everybody but the agent. */
  readonly place: Uint8Array
}

export interface Listed<Row> {
  /** How many there are. */
  readonly total: number
  /** How many of them match, on all pages. */
  readonly matched: number
  readonly rows: ReadonlyArray<ListedRow<Row>>
  /** Where the next page begins; absent on the last. */
  readonly next?: Uint8Array
  /** Why something may be missing, in the agent's own words. */
  readonly incomplete: ReadonlyArray<string>
}

const words = (filters: ListQuery["filters"] = {}): ReadonlyArray<readonly [Term, Term]> =>
  Object.entries(filters).flatMap(([name, value]) =>
    value === undefined ? [] : [[atom(name), typeof value === "string" ? binary(value) : value] as const]
  )

export const questionOf = ({ after, deadlineMillis, filters, limit, order, sort }: ListQuery): Term =>
  map([
    [atom("sort"), atom(sort)],
    [atom("order"), atom(order)],
    [atom("limit"), limit],
    [atom("deadline_ms"), Math.floor(deadlineMillis)],
    ...words({ ...filters, ...(after !== undefined && { after: new Binary(after) }) })
  ])

/**
 * A page of a list that a function of the agent makes with `listed/4` of `beamscope_listing.hrl`; `read` makes a row of
 * what that function tells of one. Fails with `UnknownAtom` where a filter names an atom that the node does not have.
 */
export const askList = <Row>(
  node: ErlangNode,
  func: AgentFunction,
  query: ListQuery,
  read: (row: MapTerm) => Row | undefined
): Effect.Effect<Listed<Row>, CallError> =>
  askAgent(node, func, questionOf(query), (answer) => readListed(answer, read))

/**
 * What `read` makes of the packed answer of a function of the agent. A name that is no atom on the node, which the
 * agent raises as `{unknown_atom, Name}`, is told as `UnknownAtom`.
 */
export const askAgent = <A>(
  node: ErlangNode,
  func: AgentFunction,
  question: Term,
  read: (answer: MapTerm) => A | undefined,
  options?: CallOptions
): Effect.Effect<A, CallError> =>
  node.runAgent(func, question, options).pipe(
    Effect.catchReason("CallError", "Raised", ({ reason }, error) => {
      const name = isTuple(reason, "unknown_atom") ? reason[1] : undefined
      if (!(name instanceof Binary)) return Effect.fail(error)
      return Effect.fail(
        new CallError({ node: node.name, target: error.target, reason: { _tag: "UnknownAtom", text: name.text() } })
      )
    }),
    Effect.flatMap(readPacked(node, `${func}/1`, (answer) => (answer instanceof MapTerm ? read(answer) : undefined)))
  )

/** What an answer of the form of `listed/4` says. */
export const readListed = <Row>(answer: MapTerm, read: (row: MapTerm) => Row | undefined): Listed<Row> | undefined => {
  const total = readCount(answer.atomKey("total"))
  const matched = readCount(answer.atomKey("matched"))
  const told = listItems(answer.atomKey("rows"))
  const incomplete = listItems(answer.atomKey("incomplete"))
  if (total === undefined || matched === undefined || told === undefined || incomplete === undefined) return undefined
  const rows = told.map((pair) => {
    const row = isTuple(pair) && pair[1] instanceof MapTerm ? read(pair[1]) : undefined
    return row === undefined ? undefined : { row, place: encode((pair as ReadonlyArray<Term>)[0]!) }
  })
  if (!rows.every((row) => row !== undefined)) return undefined
  const next = answer.atomKey("next")
  return {
    total,
    matched,
    rows,
    incomplete: incomplete.flatMap((why) => (why instanceof Atom ? [why.text] : [])),
    ...(next !== undefined && !isAtom(next, "undefined") && { next: encode(next) })
  }
}
