import { Effect, Schema } from "effect"
import { distribution, peers } from "../beam/Distribution.ts"
import { type Endpoint, type NetworkKey, ports, sockets } from "../beam/Network.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { visible } from "../syntax/Escape.ts"
import {
  cursor,
  FilterText,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  pageOf,
  shownOf,
  sortBy
} from "./Listing.ts"
import { resolveProcess } from "./ProcessArgument.ts"
import { amount, bytes } from "./Quantity.ts"
import { type Terms, termsOf } from "./Terms.ts"
import * as Tool from "./Tool.ts"
import { timeBeside, WindowMillis } from "./Window.ts"

const shared = { toolset: "network", access: "inspect", target: "connected" } as const

const Text = Schema.optionalKey(Schema.String)
const Count = Schema.optionalKey(Schema.Int)

const endpointFields = {
  name: Schema.String,
  registered_name: Text,
  owner: Text,
  owner_name: Text,
  bytes_in: Schema.Int,
  bytes_out: Schema.Int,
  queue_bytes: Count,
  bytes_in_per_second: Count,
  bytes_out_per_second: Count,
  local: Text,
  remote: Text,
  state: Text
}

const perSecond = (added: number, micros: number): number => Math.round((added * 1e6) / micros)

const showEndpoint = (endpoint: Endpoint, terms: Terms) => {
  const { growth, owner, ownerName, registeredName } = endpoint
  return {
    name: visible(endpoint.name),
    registered_name: registeredName && terms.atom(registeredName),
    owner: owner && terms.print(owner),
    owner_name: ownerName && terms.atom(ownerName),
    bytes_in: endpoint.bytesIn,
    bytes_out: endpoint.bytesOut,
    queue_bytes: endpoint.queue,
    bytes_in_per_second: growth && perSecond(growth.bytesIn, growth.micros),
    bytes_out_per_second: growth && perSecond(growth.bytesOut, growth.micros),
    local: endpoint.local && visible(endpoint.local),
    remote: endpoint.remote && visible(endpoint.remote),
    state: endpoint.state.map(visible).join(" ")
  }
}

const sorts: ReadonlyArray<NetworkKey> = ["bytes_in", "bytes_out", "queue", "memory", "name"]

const Filter = Schema.Struct({
  name: Schema.optionalKey(FilterText),
  owner: Schema.optionalKey(FilterText.annotate({ description: "A pid or registered name" })),
  min_queue_bytes: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
})

const listInput = {
  sort_by: sortBy(sorts, "bytes_in"),
  filter: Schema.optionalKey(Filter),
  window_ms: Schema.optionalKey(WindowMillis),
  limit: limitUpTo(200, 20),
  cursor
}
type ListInput = Schema.Struct.Type<typeof listInput>

/** Who is first, and by how much. */
const first = (endpoint: Endpoint, sort: NetworkKey, terms: Terms): string => {
  const { growth, memory, owner, ownerName, queue, registeredName, remote } = endpoint
  const called = registeredName === undefined ? visible(remote ?? endpoint.name) : terms.atom(registeredName)
  const held = ownerName === undefined ? owner && terms.print(owner) : terms.atom(ownerName)
  const whose = held === undefined ? called : `${called} of ${held}`
  switch (sort) {
    case "bytes_in":
      return `${whose} with ${growth === undefined ? bytes(endpoint.bytesIn) : `${bytes(growth.bytesIn)} more`} received`
    case "bytes_out":
      return `${whose} with ${growth === undefined ? bytes(endpoint.bytesOut) : `${bytes(growth.bytesOut)} more`} sent`
    case "queue":
      return `${whose} with ${queue === undefined ? "a queue that cannot be seen" : `${bytes(queue)} waiting`}`
    case "memory":
      return `${whose}${memory === undefined ? "" : ` with ${bytes(memory)}`}`
    case "name":
      return whose
  }
}

const listEndpoints = Effect.fnUntraced(function* (
  tool: string,
  list: typeof ports,
  { filter = {}, limit, sort_by: sort, window_ms }: ListInput,
  node: ErlangNode,
  after: ListPosition | undefined
) {
  const terms = yield* termsOf(node)
  if (window_ms !== undefined) yield* timeBeside(tool, window_ms)
  const bounds = yield* listBounds(limit, after)
  const listed = yield* list(node, {
    ...bounds,
    deadlineMillis: Math.max(1, bounds.deadlineMillis - (window_ms ?? 0) / 2),
    sort,
    windowMillis: window_ms,
    name: filter.name,
    owner: filter.owner === undefined ? undefined : yield* resolveProcess(node, filter.owner, terms),
    minQueue: filter.min_queue_bytes
  })
  const notes = listed.incomplete.includes("deadline")
    ? ["Time ran out before all had been looked at. Allow more with timeout_ms."]
    : []
  return { terms, listed, notes, complete: notes.length === 0 }
})

const listPorts = Tool.make({
  ...shared,
  cost: "moderate",
  name: "list_ports",
  title: "List ports",
  description:
    "Ports: drivers, external programs, TCP and UDP; with owner, operating system pid, bytes both ways, bytes that wait. With window_ms ranked by what was added meanwhile. For connections alone: list_sockets.",
  timeoutMillis: 10_000,
  input: listInput,
  output: {
    ...listOutput,
    ports: Schema.optionalKey(
      Schema.Array(Schema.Struct({ port: Schema.String, ...endpointFields, memory_bytes: Count, os_pid: Count }))
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* (input, node, after) {
    const { complete, listed, notes, terms } = yield* listEndpoints("list_ports", ports, input, node, after)
    const { matched, rows, total } = listed
    const [leading] = rows
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, "port")} by ${input.sort_by}${leading === undefined ? "" : `; first ${first(leading.row, input.sort_by, terms)}`}.`,
      complete,
      notes,
      data: {
        total,
        matched,
        ports: rows.map(({ row }) =>
          Object.assign(
            { port: "port" in row.id ? terms.print(row.id.port) : visible(row.id.socket) },
            showEndpoint(row, terms),
            { memory_bytes: row.memory, os_pid: row.osPid }
          )
        )
      },
      page: pageOf("ports", listed),
      hints:
        leading?.row.owner === undefined
          ? []
          : [`get_process_info ${JSON.stringify({ pid: terms.print(leading.row.owner) })}`]
    }
  })
})

const listSockets = Tool.make({
  ...shared,
  cost: "moderate",
  name: "list_sockets",
  title: "List sockets",
  description:
    "Network connections and listeners, of inet and of the socket module: addresses, state, owner, bytes both ways, bytes that wait to be sent. With window_ms ranked by what was added meanwhile.",
  timeoutMillis: 10_000,
  input: listInput,
  output: {
    ...listOutput,
    sockets: Schema.optionalKey(Schema.Array(Schema.Struct({ socket: Schema.String, kind: Text, ...endpointFields })))
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* (input, node, after) {
    const { complete, listed, notes, terms } = yield* listEndpoints("list_sockets", sockets, input, node, after)
    const { matched, rows, total } = listed
    const [leading] = rows
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, "socket")} by ${input.sort_by}${leading === undefined ? "" : `; first ${first(leading.row, input.sort_by, terms)}`}.`,
      complete,
      notes,
      data: {
        total,
        matched,
        sockets: rows.map(({ row }) =>
          Object.assign(
            {
              socket: "port" in row.id ? terms.print(row.id.port) : visible(row.id.socket),
              kind: row.kind && [row.kind.domain, row.kind.type, row.kind.protocol].map(visible).join(" ")
            },
            showEndpoint(row, terms)
          )
        )
      },
      page: pageOf("sockets", listed),
      hints:
        leading?.row.owner === undefined
          ? []
          : [`get_process_info ${JSON.stringify({ pid: terms.print(leading.row.owner) })}`]
    }
  })
})

/** Bytes of a link's buffer, in parts of its limit, from which on it is told. */
const fullFrom = 0.5

const getDistributionInfo = Tool.make({
  ...shared,
  cost: "cheap",
  name: "get_distribution_info",
  title: "A node among other nodes",
  description:
    "Which nodes this one is connected to: state, hidden or not, address, TLS or not, packets and bytes both ways, bytes that wait; tick time and buffer limit. Filter by part of the name. Next: connect_node to one of them.",
  input: { name: Schema.optionalKey(FilterText), limit: limitUpTo(200, 50), cursor },
  output: {
    node_names: Schema.Literals(["long", "short"]),
    hidden: Schema.Boolean,
    tick_time_seconds: Count,
    buffer_limit_bytes: Count,
    creation: Count,
    ...listOutput,
    peers: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          peer: Schema.String,
          beamscope: Schema.optionalKey(Schema.Boolean),
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
  run: Effect.fnUntraced(function* ({ limit, name }, node, after) {
    const bounds = yield* listBounds(limit, after)
    const [own, listed] = yield* Effect.all([distribution(node), peers(node, { ...bounds, name })], {
      concurrency: "unbounded"
    })
    const { matched, rows, total } = listed
    const limitBytes = own.busyLimit ?? Infinity
    const full = rows.filter(({ row }) => (row.queue ?? 0) > limitBytes * fullFrom)
    return {
      summary: (shown: number) =>
        `${node.name} is connected to ${shownOf(shown, matched, "node")}${name === undefined ? ", us among them" : " with that in their names"}; ${full.length === 0 ? "no link is congested" : `congested: ${full.map(({ row }) => visible(row.node)).join(", ")}`}.`,
      data: {
        node_names: own.longNames ? ("long" as const) : ("short" as const),
        hidden: own.isHidden,
        tick_time_seconds: own.tickTime,
        buffer_limit_bytes: own.busyLimit,
        creation: own.creation,
        total,
        matched,
        peers: rows.map(({ row }) => ({
          peer: visible(row.node),
          beamscope: row.node === own.us ? true : undefined,
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

const rounded = (millis: number): number => Math.round(millis * 1000) / 1000

/** The value that this part of all is no greater than; `sorted` ascends and is not empty. */
const quantile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)]!

const pingNode = Tool.make({
  ...shared,
  cost: "cheap",
  name: "ping_node",
  title: "Ping a node",
  description:
    "How long a call to the node takes, there and back, over several calls one after the other: fastest, median, 95th percentile, slowest. Slow or uneven: busy schedulers or network; see get_scheduler_usage.",
  input: { count: limitUpTo(100, 10) },
  output: {
    count: Schema.Int,
    min_ms: Schema.Finite,
    p50_ms: Schema.Finite,
    p95_ms: Schema.Finite,
    max_ms: Schema.Finite
  },
  run: Effect.fnUntraced(function* ({ count }, node) {
    const millis = yield* Effect.forEach(Array.from({ length: count }), () => node.roundTrip)
    const sorted = millis.toSorted((a, b) => a - b)
    const [p50, p95] = [quantile(sorted, 0.5), quantile(sorted, 0.95)]
    return {
      summary: `${amount(count, "call")} to ${node.name} took ${rounded(p50)} ms in the middle, ${rounded(p95)} ms at the 95th percentile.`,
      data: {
        count,
        min_ms: rounded(sorted[0]!),
        p50_ms: rounded(p50),
        p95_ms: rounded(p95),
        max_ms: rounded(sorted.at(-1)!)
      }
    }
  })
})

/** The network toolset. */
export const networkTools: ReadonlyArray<Tool.Tool> = [listPorts, listSockets, getDistributionInfo, pingNode]
