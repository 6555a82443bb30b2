import { Effect, Schema } from "effect"
import { Discovery } from "../../cluster/Discovery.ts"
import type { Discovered } from "../../cluster/Merge.ts"
import { Nodes } from "../../node/Nodes.ts"
import { nodeCalled, Targets } from "../../node/Targets.ts"
import { patternProblem } from "../../policy/NodePattern.ts"
import { Policy } from "../../policy/Policy.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { remainingMillis } from "../Deadline.ts"
import { cursor, FilterText, isFiltering, limitUpTo, listOutput, noneOf, shownOf, sortBy } from "../Listing.ts"
import { didYouMean } from "../DidYouMean.ts"
import { amount } from "../Quantity.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

/** Where a node stands, those first that can be asked at once. */
const states = ["connected", "configured", "allowed", "not_allowed"] as const
type State = (typeof states)[number]

/** Of the time that is left, what looking takes at most: the rest is for what a source needs to end by itself. */
const shareOfTime = 0.8

/** Failures that are told one by one. */
const maxTold = 10

/** Behind which node a page begins; `rank` is that of its state, or one for all where names alone decide. */
const Position = Schema.Struct({ rank: Schema.Int, node: Schema.String })
type Place = typeof Position.Type

interface Row extends Discovered {
  readonly state: State
}

/** How the operator allows a node that is not; `undefined` where its name cannot be written as a pattern of just itself. */
const allowing = (node: string): string | undefined =>
  node.includes("*") || patternProblem(node) !== undefined || visible(node) !== node
    ? undefined
    : // In quotes: no name has any in it, and a shell takes what stands between them as it is.
      `--allow-nodes '${node}'`

/** `discover_nodes`. */
export const discoverNodes = Tool.make({
  toolset: "connection",
  access: "inspect",
  cost: "cheap",
  target: "none",
  name: "discover_nodes",
  title: "Discover nodes",
  description: "Nodes that EPMD, DNS, .hosts.erlang, this machine's processes and connected nodes (follow) tell of.",
  timeoutMillis: 10_000,
  input: {
    // Which are asked at all; what others tell is not in the total.
    source: Schema.optionalKey(FilterText),
    sort_by: sortBy(["state", "node"], "state"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        state: Schema.optionalKey(Schema.Literals(states))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    ...listOutput,
    nodes: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          node: Schema.String,
          alias: Schema.optionalKey(Schema.String),
          state: Schema.Literals(states),
          sources: Schema.Array(Schema.String),
          hidden: Schema.optionalKey(Schema.Boolean),
          listening: Schema.optionalKey(Schema.Boolean),
          tls: Schema.optionalKey(Schema.Boolean),
          host: Schema.optionalKey(Schema.String),
          port: Schema.optionalKey(Schema.Int),
          epmd_port: Schema.optionalKey(Schema.Int),
          cookie_file: Schema.optionalKey(Schema.String),
          allowed_by: Schema.optionalKey(Schema.String)
        })
      )
    )
  },
  position: Position,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by, source }, _node, after) {
    const { nodeRefusal, settings } = yield* Policy
    const targets = yield* Targets
    const { once, sources } = yield* Discovery.make
    if (source !== undefined && !sources.some((text) => text.startsWith(source))) {
      return yield* new ToolError({
        code: "invalid_input",
        message: `discover_nodes: no source begins with '${excerpt(source)}'; there are ${sources.join(", ")}. The operator can add one with --discover.`,
        retryable: false,
        didYouMean: didYouMean(source, sources)
      })
    }
    const { failures, found } = yield* once({
      timeoutMillis: (yield* remainingMillis) * shareOfTime,
      ...(source !== undefined && { from: source }),
      // Connecting to nodes that nobody named is for the operator to allow.
      mayConnect: (node) => settings.allowNodes !== undefined && nodeRefusal(node) === undefined
    })
    const configured = yield* targets.nodes
    const entries = yield* targets.entries
    const listed = yield* (yield* Nodes).list
    const up = new Set(listed.filter(({ state }) => state._tag === "Up").map(({ name }) => name))
    const hosts = ["localhost", "127.0.0.1", ...settings.hostNames]
    const stateOf = ({ node }: Discovered): State => {
      if (up.has(node)) return "connected"
      if (configured.some(({ name }) => name === node)) return "configured"
      // Without its host it is one of this machine, under whichever of its names.
      const names = node.includes("@") ? [node] : hosts.map((host) => `${node}@${host}`)
      return names.some((name) => nodeRefusal(name) === undefined) ? "allowed" : "not_allowed"
    }
    const placeOf = ({ node, state }: Row): Place => ({ rank: sort_by === "state" ? states.indexOf(state) : 0, node })
    const rowOf = (discovered: Discovered): Row => ({ ...discovered, state: stateOf(discovered) })
    const all = found.map(rowOf)
    const isCalled = (part: string, { node }: Row) =>
      [visible(node), nodeCalled(entries, node)?.alias ?? ""].some((text) =>
        text.toLowerCase().includes(part.toLowerCase())
      )
    const matching = all
      .filter(({ state }) => filter.state === undefined || state === filter.state)
      .filter((row) => filter.name === undefined || isCalled(filter.name, row))
      .toSorted((a, b) => inOrder(placeOf(a), placeOf(b)))
    const behind = after === undefined ? matching : matching.filter((row) => inOrder(placeOf(row), after) > 0)
    const rows = behind.slice(0, limit)
    const isElsewhere = ({ epmdPort, port }: Discovered) =>
      epmdPort === undefined ? port !== undefined : epmdPort !== targets.epmdPort
    const next = matching.find(
      (row) =>
        row.isListening !== false && (row.state === "configured" || (row.state === "allowed" && !isElsewhere(row)))
    )
    // Where nothing is found, nor connected that it could be found by, one that no source has to have.
    const toConnect = next?.node ?? (all.length + up.size === 0 ? configured[0]?.name : undefined)
    const told = failures.map(({ message, source: text }) => visible(`${text}: ${message}`))
    return {
      summary: (shown: number) =>
        all.length === 0
          ? "No node was found."
          : matching.length === 0
            ? noneOf({ incomplete: [], matched: 0, total: all.length }, isFiltering(filter), "node")
            : `${shownOf(shown, matching.length, "node")} found: ${tally(matching)}.`,
      complete: failures.length === 0,
      notes: [
        ...told.slice(0, maxTold),
        ...(told.length > maxTold ? [`And ${amount(told.length - maxTold, "more failure")} of sources.`] : []),
        ...(rows.some((row) => row.state === "allowed" && isElsewhere(row))
          ? [
              "A node whose epmd_port is told, or its port alone, is not registered with the EPMD that nodes are looked up at: it can be connected once the operator gives it an entry with epmd_port, or with its address."
            ]
          : []),
        ...(rows.some(({ isListening }) => isListening === false)
          ? ["A node that is not listening (-dist_listen false) connects to others; it cannot be connected."]
          : []),
        ...(rows.some(({ node }) => !node.includes("@"))
          ? ["EPMD tells only the part before the @ of a node of this machine; connect_node takes that."]
          : [])
      ],
      data: {
        total: all.length,
        matched: matching.length,
        nodes: rows.map((row) => ({
          node: visible(row.node),
          alias: nodeCalled(entries, row.node)?.alias,
          state: row.state,
          sources: row.sources.map(visible),
          hidden: row.isHidden,
          listening: row.isListening,
          tls: row.isTls,
          host: row.host && visible(row.host),
          port: row.port,
          epmd_port: row.epmdPort === targets.epmdPort ? undefined : row.epmdPort,
          cookie_file: row.cookieFile && visible(row.cookieFile),
          allowed_by: row.state === "not_allowed" ? allowing(row.node) : undefined
        }))
      },
      page: {
        rows: "nodes",
        next: rows.length < behind.length ? placeOf(rows.at(-1)!) : undefined,
        after: (row: number) => placeOf(rows[row]!)
      } as const,
      hints: toConnect === undefined ? [] : [`connect_node ${JSON.stringify({ node: toConnect })}`]
    }
  })
})

const inOrder = (a: Place, b: Place): number => a.rank - b.rank || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0)

/** How many nodes stand where: `1 connected, 3 allowed`. */
const tally = (rows: ReadonlyArray<Row>): string =>
  states
    .map((state) => [rows.filter((row) => row.state === state).length, state] as const)
    .filter(([count]) => count > 0)
    .map(([count, state]) => `${count} ${state.replace("_", " ")}`)
    .join(", ")
