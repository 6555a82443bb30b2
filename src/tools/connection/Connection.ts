import { Effect, Option, Ref, Result, Schema } from "effect"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { type Disconnection, Nodes } from "../../node/Nodes.ts"
import type { NodeStatus } from "../../node/NodeState.ts"
import { nodeCalled, Targets } from "../../node/Targets.ts"
import { visible } from "../../syntax/Escape.ts"
import type { SyntaxName } from "../../syntax/Syntax.ts"
import { syntaxes } from "../../syntax/Syntaxes.ts"
import type { Undefinable } from "../Answer.ts"
import { toToolError } from "../Failure.ts"
import { joinNode, localNames } from "../NodeArgument.ts"
import { takePlace } from "../NodeBudget.ts"
import { amount } from "../Quantity.ts"
import { currentSyntax, Session } from "../Session.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "connection", access: "inspect", cost: "cheap" } as const

const iso = (millis: number): string => new Date(millis).toISOString()

/** The round trip of a node, measured when it is our turn there. */
const measured = (node: ErlangNode, name: string) =>
  Effect.scoped(Effect.andThen(takePlace(node, { cost: shared.cost, name }), node.roundTrip()))

const rounded = (millis: number): number => Math.round(millis * 10) / 10

const connectNode = Tool.make({
  ...shared,
  name: "connect_node",
  title: "Connect a node",
  description:
    "Connects to an Erlang node and keeps the link for this session. Tools connect by themselves: this is for checking a connection, or for a cookie. Next: get_system_info.",
  target: "named",
  timeoutMillis: 10_000,
  input: {
    cookie: Schema.optionalKey(
      Schema.RedactedFromValue(
        Schema.String.annotate({
          description: "Last resort: the operator's configuration is the better place for a cookie",
          format: "password"
        })
      )
    )
  },
  output: {
    since: Schema.String,
    round_trip_ms: Schema.Finite,
    otp_release: Schema.Int,
    erts_version: Schema.String,
    elixir_version: Schema.optionalKey(Schema.String),
    our_name: Schema.String
  },
  run: Effect.fnUntraced(function* ({ cookie }, name) {
    const nodes = yield* Nodes
    const { asked, hold } = yield* Session
    let isShared = false
    const onShared = () => void (isShared = true)
    const node = yield* joinNode(name, (full, within) =>
      hold(full, nodes.connect(full, { ...within, onShared, ...(cookie !== undefined && { cookie }) }))
    )
    asked.add(node.name)
    const roundTrip = yield* measured(node, "connect_node")
    const status = (yield* nodes.list).find((it) => it.name === node.name)
    const { elixirVersion, ertsVersion, otpRelease } = node.capabilities
    const runs = `OTP ${otpRelease}${elixirVersion === undefined ? "" : ` and Elixir ${visible(elixirVersion)}`}`
    return {
      summary: `${isShared ? "Already connected" : "Connected"} to ${node.name}, which runs ${runs}; a round trip takes ${rounded(roundTrip)} ms.`,
      notes:
        isShared && cookie !== undefined
          ? ["The cookie was not tried: the node was connected, or being connected, before."]
          : [],
      data: {
        since: iso(status?.state.since ?? Date.now()),
        round_trip_ms: rounded(roundTrip),
        otp_release: otpRelease,
        erts_version: visible(ertsVersion),
        elixir_version: elixirVersion && visible(elixirVersion),
        our_name: visible(node.localName)
      },
      hints: ["get_system_info"]
    }
  })
})

const disconnected: Readonly<Record<Disconnection, (name: string) => string>> = {
  closed: (name) => `Disconnected from ${name}.`,
  kept: (name) => `${name} stays connected: another session of this server keeps it.`,
  absent: (name) => `${name} was not connected.`
}

const disconnectNode = Tool.make({
  ...shared,
  // It leaves nothing and changes nothing of the node's own, but it is no mere look: others may be at work there.
  access: "observe",
  name: "disconnect_node",
  title: "Disconnect a node",
  description:
    "Closes the link to a node, unless another session keeps it: calls under way there fail, and whatever still runs there for us ends. The node itself is not changed. The next call to it connects again.",
  target: "named",
  input: {},
  output: { disconnected: Schema.Boolean },
  run: Effect.fnUntraced(function* (_input, name) {
    const { asked, release } = yield* Session
    asked.delete(name)
    yield* release(name)
    const disconnection = yield* (yield* Nodes).disconnect(name)
    return { summary: disconnected[disconnection](name), data: { disconnected: disconnection === "closed" } }
  })
})

/** Milliseconds that a node has to show its round trip in a list of nodes. */
const roundTripPatience = 1_000

const NodeRow = Schema.Struct({
  node: Schema.String,
  alias: Schema.optionalKey(Schema.String),
  state: Schema.Literals(["up", "connecting", "down", "configured", "discoverable"]),
  since: Schema.optionalKey(Schema.String),
  round_trip_ms: Schema.optionalKey(Schema.Finite),
  otp_release: Schema.optionalKey(Schema.Int),
  why: Schema.optionalKey(Schema.String)
})
type NodeRow = Undefinable<typeof NodeRow.Type>

const listNodes = Tool.make({
  ...shared,
  name: "list_nodes",
  title: "List nodes",
  description:
    "The nodes that can be asked, by state: up, connecting, down (with why), configured (connected when first asked), and discoverable (registered with this machine's EPMD).",
  target: "none",
  input: {},
  output: { nodes: Schema.optionalKey(Schema.Array(NodeRow)) },
  run: Effect.fnUntraced(function* () {
    const configured = yield* (yield* Targets).nodes
    const tried: ReadonlyArray<NodeRow> = yield* Effect.forEach(yield* (yield* Nodes).list, nodeRow, {
      concurrency: 16
    })
    const known = new Set(tried.map(({ node }) => node))
    const others = configured.map(({ name }) => name).filter((node) => !known.has(node))
    const shortNames = new Set([...known, ...others].map((node) => node.slice(0, node.indexOf("@"))))
    const local = yield* Effect.result(localNames)
    const discoverable = Result.isSuccess(local) ? local.success.filter((name) => !shortNames.has(name)) : []
    const called = ({ node, ...row }: NodeRow): NodeRow => ({
      node,
      alias: nodeCalled(configured, node)?.alias,
      ...row
    })
    const rows: ReadonlyArray<NodeRow> = [
      ...tried.toSorted((a, b) => (a.node < b.node ? -1 : 1)).map(called),
      ...others.map((node) => called({ node, state: "configured" })),
      ...discoverable.map((name) => ({ node: visible(name), state: "discoverable" }) as const)
    ]
    const mute = tried.filter(({ round_trip_ms, state }) => state === "up" && round_trip_ms === undefined)
    const up = rows.filter(({ state }) => state === "up").length
    return {
      summary: `${amount(up, "node")} connected, ${rows.length - up} more known.`,
      complete: mute.length === 0 && Result.isSuccess(local),
      notes: [
        ...(Result.isFailure(local)
          ? [`Nodes of this machine that are not configured cannot be seen: ${visible(local.failure.message)}`]
          : []),
        ...mute.map(({ node }) => `No round trip to ${node} came to an end within ${roundTripPatience} ms.`),
        ...(discoverable.length > 0 ? ["EPMD tells only the part before the @ of a discoverable node."] : [])
      ],
      data: { nodes: rows },
      page: { rows: "nodes" } as const,
      hints: up === 0 && rows.length > 0 ? ["connect_node"] : []
    }
  })
})

const nodeRow = Effect.fnUntraced(function* ({ name, state }: NodeStatus): Effect.fn.Return<NodeRow, never, Session> {
  const node = visible(name)
  const since = iso(state.since)
  switch (state._tag) {
    case "Connecting":
      return { node, state: "connecting", since }
    case "Down":
      return { node, state: "down", since, why: toToolError(state.why, yield* currentSyntax).message }
    case "Up": {
      const roundTrip = yield* measured(state.node, "list_nodes").pipe(
        Effect.timeoutOption(roundTripPatience),
        Effect.option
      )
      const millis = Option.getOrUndefined(Option.flatten(roundTrip))
      return {
        node,
        state: "up",
        since,
        round_trip_ms: millis && rounded(millis),
        otp_release: state.node.capabilities.otpRelease
      }
    }
  }
})

const modes = Object.keys(syntaxes) as ReadonlyArray<SyntaxName>

const setMode = Tool.make({
  ...shared,
  name: "set_mode",
  title: "Set the syntax of terms",
  description: `Sets the syntax in which this session's results show terms: ${modes.join(", ")}.`,
  target: "none",
  input: { mode: Schema.Literals(modes) },
  output: { mode: Schema.Literals(modes), previous_mode: Schema.Literals(modes) },
  run: Effect.fnUntraced(function* ({ mode }) {
    const previous = yield* Ref.getAndSet((yield* Session).mode, mode)
    return {
      summary: `Terms are shown in ${mode} syntax${mode === previous ? ", as before" : ` from now on, no longer in ${previous}`}.`,
      data: { mode, previous_mode: previous }
    }
  })
})

/** The connection toolset. */
export const connectionTools: ReadonlyArray<Tool.Tool> = [connectNode, disconnectNode, listNodes, setMode]
