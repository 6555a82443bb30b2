import { Effect, Schema } from "effect"
import { type Endpoint, type NetworkKey, ports, socketStates, sockets } from "../../beam/Network.ts"
import type { Listed } from "../../beam/Listing.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { scanMillis } from "../Deadline.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { resolveProcess } from "../ProcessArgument.ts"
import { bytes } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { optionalWindow, throughWindow } from "../Window.ts"

const shared = { toolset: "network", access: "inspect", cost: "moderate", target: "connected" } as const

const Text = Schema.optionalKey(Schema.String)
const Count = Schema.optionalKey(Schema.Int)

const endpointFields = {
  name: Schema.String,
  registered_name: Text,
  owner: Text,
  owner_name: Text,
  bytes_in: Count,
  bytes_out: Count,
  queue_bytes: Count,
  bytes_in_per_second: Count,
  bytes_out_per_second: Count,
  local: Text,
  remote: Text,
  state: Text
}

const perSecond = (added: number | undefined, micros: number): number | undefined =>
  added === undefined ? undefined : Math.round((added * 1e6) / micros)

/** Bytes so far or, with a window, more of them. */
const counted = (all: number | undefined, growth: { readonly added: number | undefined } | undefined): string => {
  const count = growth === undefined ? all : growth.added
  return count === undefined ? "an unknown number of bytes" : `${bytes(count)}${growth === undefined ? "" : " more"}`
}

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
    state: endpoint.state.length === 0 ? undefined : endpoint.state.map(visible).join(" ")
  }
}

const sorts: ReadonlyArray<NetworkKey> = ["bytes_in", "bytes_out", "queue", "memory", "name"]

const filter = {
  name: Schema.optionalKey(FilterText),
  owner: Schema.optionalKey(FilterText.annotate({ description: "A pid or registered name" })),
  min_queue_bytes: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))
}

const listInput = {
  sort_by: sortBy(sorts, "bytes_in"),
  filter: Schema.optionalKey(Schema.Struct(filter)),
  window_ms: optionalWindow,
  limit: limitUpTo(200, 20),
  cursor
}
type ListInput = Schema.Struct.Type<typeof listInput>

const socketInput = {
  ...listInput,
  filter: Schema.optionalKey(
    Schema.Struct({
      port: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })).annotate({ description: "Local or remote" })
      ),
      state: Schema.optionalKey(Schema.Literals(socketStates)),
      owner: filter.owner,
      name: filter.name.annotate({ description: "Part of the driver's name" }),
      min_queue_bytes: filter.min_queue_bytes
    })
  )
}

/** What a summary says of a page. */
const summaryOf = (
  shown: number,
  listed: Listed<Endpoint>,
  { filter: wanted = {}, sort_by: sort }: ListInput,
  singular: string,
  terms: Terms,
  after: ListPosition | undefined
): string => {
  const leading = listed.rows[0]?.row
  if (leading === undefined) return noneOf(listed, isFiltering(wanted), singular)
  const { growth } = leading
  const count = shownOf(shown, listed.matched, singular)
  const added = sort === "bytes_in" ? growth?.bytesIn : sort === "bytes_out" ? growth?.bytesOut : undefined
  // What is not known comes behind what is.
  if (added === 0) {
    const seen = listed.incomplete.length === 0 && after === undefined ? "" : " of those here"
    return `${count}; none${seen} is known to have ${sort === "bytes_in" ? "received" : "sent"} anything in ${Math.round((growth?.micros ?? 0) / 1000)} ms.`
  }
  return `${count} by ${sort}${ledBy(first(leading, sort, terms), after)}.`
}

/** Who is first, and by how much. */
const first = (endpoint: Endpoint, sort: NetworkKey, terms: Terms): string => {
  const { growth, memory, owner, ownerName, queue, registeredName, remote } = endpoint
  const called = registeredName === undefined ? visible(remote ?? endpoint.name) : terms.atom(registeredName)
  const held = ownerName === undefined ? owner && terms.print(owner) : terms.atom(ownerName)
  const whose = held === undefined ? called : `${called} of ${held}`
  switch (sort) {
    case "bytes_in":
      return `${whose} with ${counted(endpoint.bytesIn, growth && { added: growth.bytesIn })} received`
    case "bytes_out":
      return `${whose} with ${counted(endpoint.bytesOut, growth && { added: growth.bytesOut })} sent`
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
  { filter: wanted = {}, limit, sort_by: sort, window_ms }: ListInput,
  node: ErlangNode,
  after: ListPosition | undefined
) {
  const terms = yield* termsOf(node)
  const { min_queue_bytes: minQueue, owner: ownerText, ...others } = wanted
  const owner = ownerText === undefined ? undefined : yield* resolveProcess(node, ownerText, terms)
  const look = (bounds: Effect.Success<ReturnType<typeof listBounds>>) =>
    list(node, { name: undefined, ...others, ...bounds, sort, windowMillis: window_ms, owner, minQueue })
  const bounds = yield* listBounds(limit, after)
  const listed =
    window_ms === undefined
      ? yield* look(bounds)
      : yield* throughWindow(tool, window_ms, (beside) => look({ ...bounds, deadlineMillis: scanMillis(beside) }))
  const notes = listed.incomplete.includes("deadline")
    ? ["Time ran out before all had been looked at. Allow more with timeout_ms."]
    : []
  const later = ofItsMoment(after, sort, "row", ["name"])
  return { terms, listed, notes: [...later, ...notes], complete: notes.length === 0 }
})

const listPorts = Tool.make({
  ...shared,
  name: "list_ports",
  title: "List ports",
  description:
    "Ports: drivers, programs, TCP and UDP; with owner, OS pid, bytes waiting and both ways: of TCP and UDP with the network, else between driver and owner. With window_ms those with most added, on one page. Connections alone: list_sockets.",
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
      summary: (shown: number) => summaryOf(shown, listed, input, "port", terms, after),
      complete,
      notes,
      data: {
        total,
        matched,
        ports: rows.map(({ row }) =>
          Object.assign(
            { port: "port" in row.id ? terms.print(row.id.port) : terms.print(row.id.socket) },
            showEndpoint(row, terms),
            { memory_bytes: row.memory, os_pid: row.osPid }
          )
        )
      },
      page: input.window_ms === undefined ? pageOf("ports", listed) : ({ rows: "ports" } as const),
      hints:
        leading?.row.owner === undefined
          ? []
          : [`get_process_info ${JSON.stringify({ pid: terms.print(leading.row.owner) })}`]
    }
  })
})

const listSockets = Tool.make({
  ...shared,
  name: "list_sockets",
  title: "List sockets",
  description:
    "TCP, UDP and other sockets, of inet and the module socket: addresses, state, owner, bytes received, sent, waiting. For what listens on a port, filter by port and state. With window_ms those with most added, on one page.",
  timeoutMillis: 10_000,
  input: socketInput,
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
      summary: (shown: number) => summaryOf(shown, listed, input, "socket", terms, after),
      complete,
      notes,
      data: {
        total,
        matched,
        sockets: rows.map(({ row }) =>
          Object.assign(
            {
              socket: "port" in row.id ? terms.print(row.id.port) : terms.print(row.id.socket),
              kind: row.kind && [row.kind.domain, row.kind.type, row.kind.protocol].map(visible).join(" ")
            },
            showEndpoint(row, terms)
          )
        )
      },
      page: input.window_ms === undefined ? pageOf("sockets", listed) : ({ rows: "sockets" } as const),
      hints:
        leading?.row.owner === undefined
          ? []
          : [`get_process_info ${JSON.stringify({ pid: terms.print(leading.row.owner) })}`]
    }
  })
})

/** The tools of the network toolset that list what a node talks through. */
export const endpointTools: ReadonlyArray<Tool.Tool> = [listPorts, listSockets]
