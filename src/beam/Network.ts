import type { Effect } from "effect"
import { Atom, atom, listItems, type MapTerm, Pid, Port, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { nameOf, textOf } from "./Reading.ts"

/** By what ports and sockets can be ranked. */
export type NetworkKey = "bytes_in" | "bytes_out" | "queue" | "memory" | "name"

export interface NetworkQuery extends Omit<ListQuery, "filters" | "order" | "sort"> {
  readonly sort: NetworkKey
  /** Milliseconds between two looks; bytes then rank by what was added. */
  readonly windowMillis: number | undefined
  /** Part of the name, in any case. */
  readonly name: string | undefined
  readonly owner: Pid | undefined
  /** Bytes. */
  readonly minQueue: number | undefined
  /** A number at either end. */
  readonly port?: number | undefined
  readonly state?: SocketState | undefined
}

/** Whether it takes connections, or has another end; a socket may do neither. */
export const socketStates = ["listening", "connected"] as const
export type SocketState = (typeof socketStates)[number]

/** A port, or a socket of the module `socket`. Bytes throughout; `undefined` where it has no such thing. */
export interface Endpoint {
  readonly id: { readonly port: Port } | { readonly socket: Term }
  /** Of the driver, or the command that runs behind a port. */
  readonly name: string
  readonly owner: Pid | undefined
  readonly ownerName: string | undefined
  readonly registeredName: string | undefined
  readonly osPid: number | undefined
  /** Of TCP, UDP and sockets what came from the operating system; of other ports what the driver has handed on. */
  readonly bytesIn: number | undefined
  readonly bytesOut: number | undefined
  readonly queue: number | undefined
  readonly memory: number | undefined
  /** `address:port`, or a path. */
  readonly local: string | undefined
  readonly remote: string | undefined
  /** `inet`, `inet6` or `local`; `stream` or `dgram`; `tcp`, `udp` or `sctp`. Of a socket only. */
  readonly kind: { readonly domain: string; readonly type: string; readonly protocol: string } | undefined
  readonly state: ReadonlyArray<string>
  /** What was added in a window, and how long that was for this one, in microseconds. */
  readonly growth:
    | { readonly bytesIn: number | undefined; readonly bytesOut: number | undefined; readonly micros: number }
    | undefined
}

/** All ports of the node. Source: `erlang:port_info/2`, `inet:getstat/2`. */
export const ports = (node: ErlangNode, query: NetworkQuery): Effect.Effect<Listed<Endpoint>, CallError> =>
  askList(node, "beamscope_network:ports", toList(query), readEndpoint)

/** Its sockets: ports of `inet`, and the sockets of the module `socket` where that is loaded. */
export const sockets = (node: ErlangNode, query: NetworkQuery): Effect.Effect<Listed<Endpoint>, CallError> =>
  askList(node, "beamscope_network:sockets", toList(query), readEndpoint)

const toList = ({ minQueue, name, owner, port, state, windowMillis, ...query }: NetworkQuery): ListQuery => ({
  ...query,
  order: query.sort === "name" ? "ascending" : "descending",
  filters: { name, owner, port, state: state && atom(state), window_ms: windowMillis, min_queue: minQueue }
})

const readEndpoint = (row: MapTerm): Endpoint | undefined => {
  const port = row.atomKey("port")
  const socket = row.atomKey("socket")
  const bytesIn = readCount(row.atomKey("bytes_in"))
  const bytesOut = readCount(row.atomKey("bytes_out"))
  const id = port instanceof Port ? { port } : socket === undefined ? undefined : { socket }
  if (id === undefined) return undefined
  const owner = row.atomKey("owner")
  const domain = nameOf(row.atomKey("domain"))
  const micros = readCount(row.atomKey("micros"))
  return {
    id,
    name: textOf(row.atomKey("name")) ?? "",
    owner: owner instanceof Pid ? owner : undefined,
    ownerName: nameOf(row.atomKey("owner_name")),
    registeredName: nameOf(row.atomKey("registered_name")),
    osPid: readCount(row.atomKey("os_pid")),
    bytesIn,
    bytesOut,
    queue: readCount(row.atomKey("queue")),
    memory: readCount(row.atomKey("memory")),
    local: textOf(row.atomKey("local")),
    remote: textOf(row.atomKey("remote")),
    kind:
      domain === undefined
        ? undefined
        : { domain, type: nameOf(row.atomKey("type")) ?? "", protocol: nameOf(row.atomKey("protocol")) ?? "" },
    state: (listItems(row.atomKey("state")) ?? []).flatMap((flag) => (flag instanceof Atom ? [flag.text] : [])),
    growth:
      micros === undefined
        ? undefined
        : {
            bytesIn: readCount(row.atomKey("added_in")),
            bytesOut: readCount(row.atomKey("added_out")),
            micros
          }
  }
}
