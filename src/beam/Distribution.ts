import type { Effect } from "effect"
import { Atom, atom, isAtom, isTuple, map, type MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { atomNames } from "./Applications.ts"
import { askAgent, askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { nameOf, textOf } from "./Reading.ts"

/** A node among other nodes. Source: `net_kernel`, `erlang:system_info(dist_ctrl)`. */
export interface Distribution {
  /** This and the tick time are unknown where its net kernel did not tell. */
  readonly longNames: boolean | undefined
  /** Seconds: a peer that is silent for longer is given up. */
  readonly tickTime: number | undefined
  /** Bytes that may wait for one peer before whoever sends has to wait (`+zdbbl`). */
  readonly busyLimit: number | undefined
  readonly creation: number | undefined
  /** Unknown where its `init` did not tell. */
  readonly isHidden: boolean | undefined
  /** Our own name there. */
  readonly us: string
  /** `net_kernel` and `init` where they did not tell, and `left` where one still has the request. */
  readonly incomplete: ReadonlyArray<string>
}

export interface Peer {
  readonly node: string
  /** `up`, `pending`, … */
  readonly state: string | undefined
  /** `normal` or `hidden`. */
  readonly type: string | undefined
  readonly address: string | undefined
  /** `tcp`, `tls`. */
  readonly protocol: string | undefined
  readonly packetsIn: number | undefined
  readonly packetsOut: number | undefined
  /** Bytes, where the link is a port. */
  readonly bytesIn: number | undefined
  readonly bytesOut: number | undefined
  readonly queue: number | undefined
}

/** How a node takes part in distribution. */
export const distribution = (node: ErlangNode): Effect.Effect<Distribution, CallError> =>
  askAgent(node, "beamscope_distribution:local", map([]), readDistribution)

/** Names ascend, figures descend; one that is not known comes last. */
export const peerSorts = ["name", "queue", "bytes_in", "bytes_out", "packets_in", "packets_out"] as const

/** The states of a link that `net_kernel` knows. */
export const peerStates = ["up", "pending", "up_pending"] as const
export const peerTypes = ["normal", "hidden"] as const

export interface PeerQuery extends Pick<ListQuery, "after" | "deadlineMillis" | "limit"> {
  readonly sort: (typeof peerSorts)[number]
  readonly filter: {
    /** Part of the name, in any case. */
    readonly name?: string
    readonly state?: (typeof peerStates)[number]
    readonly type?: (typeof peerTypes)[number]
  }
}

/** The nodes that it is connected to or connects to. */
export const peers = (
  node: ErlangNode,
  { filter: { name, state, type }, ...query }: PeerQuery
): Effect.Effect<Listed<Peer>, CallError> =>
  askList(
    node,
    "beamscope_distribution:peers",
    {
      ...query,
      order: query.sort === "name" ? "ascending" : "descending",
      filters: { name, state: state && atom(state), type: type && atom(type) }
    },
    readPeer
  )

const seconds = (term: Term | undefined): number | undefined => readCount(isTuple(term) ? term[1] : term)

const readBoolean = (term: Term | undefined): boolean | undefined =>
  isAtom(term, "true") ? true : isAtom(term, "false") ? false : undefined

const readDistribution = (answer: MapTerm): Distribution | undefined => {
  const us = answer.atomKey("us")
  if (!(us instanceof Atom)) return undefined
  return {
    longNames: readBoolean(answer.atomKey("longnames")),
    tickTime: seconds(answer.atomKey("tick_time")),
    busyLimit: readCount(answer.atomKey("busy_limit")),
    creation: readCount(answer.atomKey("creation")),
    isHidden: readBoolean(answer.atomKey("hidden")),
    us: us.text,
    incomplete: atomNames(answer.atomKey("incomplete"))
  }
}

const readPeer = (row: MapTerm): Peer | undefined => {
  const node = nameOf(row.atomKey("node"))
  if (node === undefined) return undefined
  return {
    node,
    state: nameOf(row.atomKey("state")),
    type: nameOf(row.atomKey("type")),
    address: textOf(row.atomKey("address")),
    protocol: nameOf(row.atomKey("protocol")),
    packetsIn: readCount(row.atomKey("packets_in")),
    packetsOut: readCount(row.atomKey("packets_out")),
    bytesIn: readCount(row.atomKey("bytes_in")),
    bytesOut: readCount(row.atomKey("bytes_out")),
    queue: readCount(row.atomKey("queue"))
  }
}
