import type { Effect } from "effect"
import { Atom, atom, isTuple, listItems, type MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount, readMfa } from "./ProcessRow.ts"

export const handlerKinds = ["gen_event", "telemetry", "logger"] as const
export type HandlerKind = (typeof handlerKinds)[number]

/** Why a manager of `gen_event` does not tell its handlers. */
export const silences = ["busy", "silent", "gone", "unread"] as const
export type Silence = (typeof silences)[number]

/** What has handlers: a manager of `gen_event`, an event of `telemetry`, or `logger`. */
export interface EventSource {
  readonly kind: HandlerKind
  /** The registered name of a manager; an event; `undefined` for a manager without a name. */
  readonly name: Term | undefined
  /** The manager, and what waits in its queue. */
  readonly pid: Pid | undefined
  readonly messages: number | undefined
  /** `undefined` where they are not known. */
  readonly count: number | undefined
  /** The first of them. */
  readonly handlers: ReadonlyArray<EventHandler>
  /**
   * Why they are not known. `busy`: not asked, since it does something else or has messages before ours. `silent`: asked,
   * without an answer in time. `unread`: not asked, since time ran out.
   */
  readonly silence: Silence | undefined
}

export interface EventHandler {
  /** A module or `{Module, Id}` of gen_event; else an id. Cut where it is large. */
  readonly id: Term
  /** What telemetry calls. */
  readonly function: Mfa | undefined
  /** Of a handler of logger. */
  readonly module: string | undefined
  readonly level: string | undefined
}

/** By kind and then name, by name, or the longest queue first. */
export const eventSorts = ["kind", "name", "message_queue"] as const

/** What has handlers on the node. Only managers on the page are asked, and only where they wait. */
export const eventSources = (
  node: ErlangNode,
  {
    kind,
    pattern,
    ...query
  }: Pick<ListQuery, "after" | "deadlineMillis" | "limit"> & {
    readonly sort: (typeof eventSorts)[number]
    readonly kind: HandlerKind | undefined
    /** Finds something in the name or event as Erlang writes it. */
    readonly pattern: string | undefined
  }
): Effect.Effect<Listed<EventSource>, CallError> =>
  askList(
    node,
    "beamscope_handlers:sources",
    {
      ...query,
      order: query.sort === "message_queue" ? "descending" : "ascending",
      filters: { pattern, kind: kind && atom(kind) }
    },
    readSource
  )

const text = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

const readSource = (row: MapTerm): EventSource | undefined => {
  const kind = handlerKinds.find((it) => it === text(row.atomKey("kind")))
  const [name, pid, state] = [row.atomKey("name"), row.atomKey("pid"), text(row.atomKey("state"))]
  if (kind === undefined || name === undefined) return undefined
  return {
    kind,
    name: text(name) === "" ? undefined : name,
    pid: pid instanceof Pid ? pid : undefined,
    messages: readCount(row.atomKey("messages")),
    count: readCount(row.atomKey("count")),
    handlers: (listItems(row.atomKey("handlers")) ?? []).flatMap(readHandler),
    silence: silences.find((it) => it === state)
  }
}

/** `{Id}`, `{Id, Function}` or `{Id, Module, Level}`. */
const readHandler = (handler: Term): ReadonlyArray<EventHandler> => {
  if (!isTuple(handler)) return []
  const [id, second, third] = handler
  if (id === undefined) return []
  return [{ id, function: readMfa(second), module: third === undefined ? undefined : text(second), level: text(third) }]
}
