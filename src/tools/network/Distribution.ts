import { Effect, Schema } from "effect"
import {
  type Distribution,
  distribution,
  type Peer,
  peers,
  peerSorts,
  peerStates,
  peerTypes
} from "../../beam/Distribution.ts"
import type { Listed } from "../../beam/Listing.ts"
import { visible } from "../../syntax/Escape.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount } from "../Quantity.ts"
import * as Tool from "../Tool.ts"
import { left, leftNote, unanswered } from "../Unanswered.ts"

const Text = Schema.optionalKey(Schema.String)
const Count = Schema.optionalKey(Schema.Int)

/** Bytes of a link's buffer, in parts of its limit, from which on it is told. */
const fullFrom = 0.5

/** What the page tells of congestion. What cannot be seen is not called free. */
const congestion = ({ busyLimit }: Distribution, { matched, rows }: Listed<Peer>, isFiltered: boolean): string => {
  if (busyLimit === undefined) return "whether links are congested is not known, nor how much may wait for one"
  const seen = rows.flatMap(({ row: { node, queue } }) => (queue === undefined ? [] : [{ node, queue }]))
  const full = seen.filter(({ queue }) => queue > busyLimit * fullFrom)
  if (full.length > 0) return `congested: ${full.map(({ node }) => visible(node)).join(", ")}`
  if (seen.length < rows.length) {
    return `whether links are congested is known of ${seen.length} of ${amount(rows.length, "link")} here${seen.length === 0 ? "" : ", and none of those is"}`
  }
  return isFiltered || rows.length < matched ? "none of the links here is congested" : "no link is congested"
}

/** What the agent could not see, in words. */
const note = (why: string): string => {
  switch (why) {
    case "net_kernel":
      return unanswered("net_kernel", "whether names are long and the tick time are not known")
    case "init":
      return unanswered("init", "whether the node is hidden is not known")
    case left:
      return leftNote
    default:
      return "The process of some link is busy, stuck or suspended and did not answer: where a row has no address, its packets are not known either."
  }
}

const getDistributionInfo = Tool.make({
  toolset: "network",
  access: "inspect",
  target: "connected",
  cost: "cheap",
  name: "get_distribution_info",
  title: "A node among other nodes",
  description:
    "Which nodes this one is connected to: state, hidden or not, address, TLS or not, packets and bytes both ways, bytes that wait; tick time and buffer limit. Next: connect_node to one of them.",
  input: {
    sort_by: sortBy(peerSorts, "name"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        state: Schema.optionalKey(Schema.Literals(peerStates)),
        type: Schema.optionalKey(Schema.Literals(peerTypes))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    node_names: Schema.optionalKey(Schema.Literals(["long", "short"])),
    hidden: Schema.optionalKey(Schema.Boolean),
    tick_time_seconds: Count,
    buffer_limit_bytes: Count,
    creation: Count,
    ...listOutput,
    peers: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          peer: Schema.String,
          own: Schema.Boolean,
          state: Text,
          type: Text,
          address: Text,
          protocol: Text,
          packets_in: Count,
          packets_out: Count,
          bytes_in: Count,
          bytes_out: Count,
          queue_bytes: Count
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const bounds = yield* listBounds(limit, after)
    const [own, listed] = yield* Effect.all([distribution(node), peers(node, { ...bounds, sort, filter })], {
      concurrency: "unbounded"
    })
    const { incomplete, matched, rows, total } = listed
    const notes = [...new Set([...own.incomplete, ...incomplete])].map(note)
    return {
      summary: (shown: number) =>
        `${node.name} is connected to ${shownOf(shown, matched, "node")}${isFiltering(filter) ? ` that ${matched === 1 ? "passes" : "pass"} the filter` : ", us among them"}; ${congestion(own, listed, isFiltering(filter))}.`,
      complete: notes.length === 0,
      notes: [...ofItsMoment(after, sort, "node", ["name"]), ...notes],
      data: {
        node_names: own.longNames === undefined ? undefined : own.longNames ? ("long" as const) : ("short" as const),
        hidden: own.isHidden,
        tick_time_seconds: own.tickTime,
        buffer_limit_bytes: own.busyLimit,
        creation: own.creation,
        total,
        matched,
        peers: rows.map(({ row }) => ({
          peer: visible(row.node),
          own: row.node === own.us,
          state: row.state && visible(row.state),
          type: row.type && visible(row.type),
          address: row.address && visible(row.address),
          protocol: row.protocol && visible(row.protocol),
          packets_in: row.packetsIn,
          packets_out: row.packetsOut,
          bytes_in: row.bytesIn,
          bytes_out: row.bytesOut,
          queue_bytes: row.queue
        }))
      },
      page: pageOf("peers", listed),
      hints: ["ping_node"]
    }
  })
})

/** The tools of the network toolset that show how a node is connected to others. */
export const distributionTools: ReadonlyArray<Tool.Tool> = [getDistributionInfo]
