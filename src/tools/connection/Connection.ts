import { Effect, Ref, Result, Schema } from "effect"
import { type Disconnection, Nodes } from "../../node/Nodes.ts"
import type { NodeStatus } from "../../node/NodeState.ts"
import { nodeCalled, Targets } from "../../node/Targets.ts"
import { Policy } from "../../policy/Policy.ts"
import { visible } from "../../syntax/Escape.ts"
import type { SyntaxName } from "../../syntax/Syntax.ts"
import { syntaxes } from "../../syntax/Syntaxes.ts"
import { joinByOwnName, localNames } from "../NodeArgument.ts"
import { amount } from "../Quantity.ts"
import { meetNode } from "../Restarted.ts"
import { sameNode } from "../SameNode.ts"
import { Session } from "../Session.ts"
import * as Tool from "../Tool.ts"
import { isRegisteredHere, iso, measured, nameOf, NodeRow, nodeRow, rounded, roundTripPatience } from "./NodeRow.ts"

const shared = { toolset: "connection", access: "inspect", cost: "cheap" } as const

const connectNode = Tool.make({
  ...shared,
  name: "connect_node",
  title: "Connect a node",
  description:
    "Connects to an Erlang node and keeps the link for this session: if lost, it is made again. Tools connect by themselves: this checks a connection, gives a cookie, tries a node at once that is left in peace (breaker_open; one such try at a time), or accepts one that has restarted.",
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
    ),
    reset: Schema.optionalKey(Schema.Boolean.annotate({ description: "Forget its failures" }))
  },
  output: {
    since: Schema.String,
    round_trip_ms: Schema.Finite,
    otp_release: Schema.Int,
    erts_version: Schema.String,
    elixir_version: Schema.optionalKey(Schema.String),
    our_name: Schema.String
  },
  run: Effect.fnUntraced(function* ({ cookie, reset = false }, name) {
    const nodes = yield* Nodes
    const { asked, hold, incarnations } = yield* Session
    let isShared = false
    const onShared = () => void (isShared = true)
    const node = yield* joinByOwnName(name, (full, within) =>
      hold(
        full,
        Effect.andThen(
          reset ? nodes.reset(full) : Effect.void,
          nodes.connect(full, { ...within, onShared, ...(cookie !== undefined && { cookie }) })
        )
      )
    )
    asked.add(node.name)
    const restarted = yield* meetNode(node)
    const roundTrip = yield* measured(node, "connect_node")
    const status = (yield* nodes.list).find((it) => it.name === node.name)
    const { elixirVersion, ertsVersion, otpRelease } = node.capabilities
    // Last of all: a restart is accepted by whom it is told, and who hears of a failure is told nothing.
    incarnations.accept(node.name)
    const runs = `OTP ${otpRelease}${elixirVersion === undefined ? "" : ` and Elixir ${visible(elixirVersion)}`}`
    return {
      node: node.name,
      summary: `${isShared ? "Already connected" : "Connected"} to ${node.name}, which runs ${runs}; a round trip takes ${rounded(roundTrip)} ms.`,
      notes: [
        ...restarted,
        ...(isShared && cookie !== undefined
          ? ["The cookie was not tried: the node was connected, or being connected, before."]
          : []),
        ...(node.hasWordCookie
          ? [
              "The node's cookie is short, or a mere word: it is blotted out wherever that word stands in a result, in names too, which then cannot be used in other calls. The node needs a long random one."
            ]
          : [])
      ],
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

/** `wasUp`: there was a link; `wasTried`: there was none, and it was to be made again, or about to be. */
const summaryOf = (
  name: string,
  disconnection: Disconnection,
  { wasTried, wasUp }: { readonly wasTried: boolean; readonly wasUp: boolean }
): string => {
  switch (disconnection) {
    case "closed":
      return `Disconnected from ${name}.`
    case "kept":
      return wasUp
        ? `${name} stays connected: another session of this server keeps it.`
        : `${name} is not connected now, and another session of this server keeps it.`
    case "absent":
      return `${name} was not connected.${wasTried ? " It is no longer tried again." : ""}`
  }
}

const disconnectNode = Tool.make({
  ...shared,
  // It leaves nothing and changes nothing of the node's own, but it is no mere look: others may be at work there.
  access: "observe",
  name: "disconnect_node",
  title: "Disconnect a node",
  description:
    "Closes the link to a node, unless another session keeps it: calls under way there fail, and whatever still runs there for us ends. The next call to it connects again.",
  target: "named",
  letsGo: true,
  input: {},
  output: { disconnected: Schema.Boolean },
  run: Effect.fnUntraced(function* (_input, given) {
    const { asked, release } = yield* Session
    const nodes = yield* Nodes
    const isSame = sameNode(yield* (yield* Targets).entries, (yield* Policy).settings.hostNames)
    // As with a call: a node of this machine is found by each of the machine's names.
    const links = (yield* nodes.list).filter((it) => isSame(it.name, given))
    // First one that there is; one that is lost may be about to be made again.
    const order = ({ name, state }: NodeStatus) => Number(state._tag === "Down") * 2 + Number(name !== given)
    const [link] = links.toSorted((one, other) => order(one) - order(other))
    const name = link?.name ?? given
    const state = link?.state
    const wasUp = state?._tag === "Up"
    const wasTried = state?._tag === "Connecting" || (state?._tag === "Down" && state.nextAttempt !== undefined)
    asked.delete(name)
    yield* release(name)
    const disconnection = yield* nodes.disconnect(name)
    const data = { disconnected: disconnection === "closed" }
    return { node: name, summary: summaryOf(name, disconnection, { wasTried, wasUp }), data }
  })
})

const listNodes = Tool.make({
  ...shared,
  name: "list_nodes",
  title: "List nodes",
  description:
    "The nodes that can be asked, by state: up (with round trip and health), connecting, down (why, next attempt), configured (connected when first asked), and discoverable (registered with this machine's EPMD). A breaker that is open refuses calls until next_attempt.",
  target: "none",
  input: {},
  output: { nodes: Schema.optionalKey(Schema.Array(NodeRow)) },
  run: Effect.fnUntraced(function* () {
    const targets = yield* Targets
    const configured = yield* targets.nodes
    const entries = yield* targets.entries
    const mistake = yield* targets.problem
    const tried = yield* Effect.forEach(yield* (yield* Nodes).list, nodeRow, { concurrency: 16 })
    const { hostNames } = (yield* Policy).settings
    const isSame = sameNode(entries, hostNames)
    const entryOf = (node: string) => nodeCalled(entries, node) ?? entries.find(({ name }) => isSame(name, node))
    const rows: Array<NodeRow> = []
    const isShown = (node: string) => rows.some((row) => isSame(row.node, node))
    const add = ({ node, ...row }: NodeRow) => {
      const { access, alias, group, tags } = entryOf(node) ?? {}
      rows.push({ node, alias, group, tags, access, ...row })
    }
    // Of one node that is connected by another name, it is no news that it cannot be by this one.
    const isLinked = (node: string) => tried.some((row) => row.state !== "down" && isSame(row.node, node))
    for (const row of tried.toSorted((a, b) => (a.node < b.node ? -1 : 1)))
      if (row.state !== "down" || !isLinked(row.node)) add(row)
    for (const { alias, name } of configured) {
      // What the operator calls a node by is told, also where another name of it is connected.
      const isCalled = alias !== undefined && !rows.some((row) => row.alias === alias)
      if (isCalled || !isShown(name)) add({ node: name, state: "configured" })
    }
    const isHere = isRegisteredHere(entries, { epmdPort: targets.epmdPort, hostNames })
    const known = new Set(rows.map(({ node }) => nameOf(node)))
    const knownHere = new Set(rows.filter(({ node }) => isHere(node)).map(({ node }) => nameOf(node)))
    const local = yield* Effect.result(localNames)
    const discoverable = Result.isSuccess(local) ? local.success.filter((name) => !knownHere.has(name)) : []
    rows.push(...discoverable.map((name) => ({ node: visible(name), state: "discoverable" }) as const))
    const unheard = tried.filter(({ round_trip_ms, state }) => state === "up" && round_trip_ms === undefined)
    const resting = tried.filter(({ breaker }) => breaker !== undefined)
    const up = rows.filter(({ state }) => state === "up").length
    return {
      summary: `${amount(up, "node")} connected, ${rows.length - up} more known.`,
      complete: unheard.length === 0 && Result.isSuccess(local),
      notes: [
        ...(mistake === undefined ? [] : [visible(mistake)]),
        ...(Result.isFailure(local)
          ? [`Nodes of this machine that are not configured cannot be seen: ${visible(local.failure.message)}`]
          : []),
        ...unheard
          .filter(({ breaker }) => breaker === undefined)
          .map(({ node }) => `No round trip to ${node} came to an end within ${roundTripPatience} ms.`),
        ...resting.map(
          ({ node }) =>
            `${node} did not answer lately and is left in peace, by list_nodes too: one request at a time goes through to see whether it does again; connect_node goes at once.`
        ),
        ...discoverable
          .filter((name) => known.has(name))
          .map(
            (name) =>
              `${visible(name)} of this machine is another node than the one of that name that stands elsewhere: write ${visible(name)}@localhost for it.`
          ),
        ...(discoverable.length > 0 ? ["EPMD tells only the part before the @ of a discoverable node."] : [])
      ],
      data: { nodes: rows },
      page: { rows: "nodes" } as const,
      hints: up === 0 && rows.length > 0 ? ["connect_node"] : []
    }
  })
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
