import { Effect, Ref, Result, Schema } from "effect"
import { parseCookie } from "../../node/Cookie.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { type Disconnection, Nodes } from "../../node/Nodes.ts"
import { isOfNode, type NodeStatus } from "../../node/NodeState.ts"
import { type KnownNode, nodeCalled, Targets } from "../../node/Targets.ts"
import { Policy } from "../../policy/Policy.ts"
import { visible } from "../../syntax/Escape.ts"
import { listed } from "../../syntax/Excerpt.ts"
import type { SyntaxName } from "../../syntax/Syntax.ts"
import { syntaxes } from "../../syntax/Syntaxes.ts"
import { cursor, FilterText, isFiltering, limitUpTo, listOutput, noneOf, shownOf, sortBy } from "../Listing.ts"
import { stepMillis, whyLate } from "../Deadline.ts"
import { isNotThere, joinByOwnName, localNodes } from "../NodeArgument.ts"
import { amount } from "../Quantity.ts"
import { meetNode } from "../Restarted.ts"
import { sameNode } from "../SameNode.ts"
import { Session } from "../Session.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"
import { seconds } from "./StandingLink.ts"
import {
  isAtOwnPort,
  isRegisteredHere,
  iso,
  measured,
  nameOf,
  NodeRow,
  nodeRow,
  nodeStates,
  rounded,
  roundTripPatience
} from "./NodeRow.ts"

const shared = { toolset: "connection", access: "inspect", cost: "cheap" } as const

/** What is no cookie is told before anybody is asked: without it, the configured one is used. */
const fitCookie = Schema.makeFilter((text: string) =>
  Result.match(parseCookie(text), {
    onSuccess: () => undefined,
    onFailure: (problem) => `${problem}; without it, the configured one is used`
  })
)

const connectNode = Tool.make({
  ...shared,
  name: "connect_node",
  title: "Connect a node",
  description:
    "Connects to a node and keeps the link for this session: if lost, it is made again. Tools connect by themselves: this checks, gives a cookie, accepts a restarted node, or tries one left in peace (breaker_open).",
  target: "named",
  timeoutMillis: 10_000,
  input: {
    cookie: Schema.optionalKey(
      Schema.RedactedFromValue(
        Schema.String.annotate({
          description: "Last resort: better configured by the operator",
          format: "password"
        }).check(fitCookie)
      )
    ),
    reset: Schema.optionalKey(
      Schema.Boolean.annotate({ description: "Forget failures; make a silent link anew; go where it is left alone" })
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
  run: Effect.fnUntraced(function* ({ cookie, reset = false }, name) {
    const nodes = yield* Nodes
    const { asked, hold, incarnations } = yield* Session
    let isShared = false
    const onShared = () => void (isShared = true)
    let silentMillis: number | undefined
    const node = yield* joinByOwnName(name, (full, within) =>
      hold(
        full,
        Effect.gen(function* () {
          if (reset) silentMillis = yield* nodes.reset(full, within)
          const timeoutMillis = yield* stepMillis
          return yield* nodes.connect(full, {
            timeoutMillis,
            onShared,
            insists: reset,
            ...(cookie !== undefined && { cookie })
          })
        })
      )
    )
    asked.add(node.name)
    const restarted = yield* meetNode(node)
    const roundTrip = yield* firstAnswer(node)
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
        ...(silentMillis === undefined
          ? []
          : [
              `Nothing came through the link that there was for ${seconds(silentMillis)}: it was given up, and made anew.`
            ]),
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

/** The round trip of a node that is connected, which says nothing of whether it still answers. */
const firstAnswer = (node: ErlangNode) =>
  Effect.flatMap(stepMillis, (timeoutMillis) =>
    Effect.catchReason(
      measured(node, "connect_node", { timeoutMillis }),
      "CallError",
      "DeadlineExceeded",
      ({ millis }) =>
        Effect.fail(
          new ToolError({
            code: "timeout",
            message: `${node.name} is connected, and gave no answer to a first question within ${Math.round(millis)} ms. ${whyLate}`,
            retryable: true,
            next: `diagnose_connection ${JSON.stringify({ node: node.name })}`
          })
        )
    )
  )

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
    "Closes the link to a node, unless another session keeps it: calls under way fail, and what still runs there for us ends. The next call connects again.",
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
    const notes = disconnection === "closed" && link?.lack !== undefined ? [fullSentence] : []
    return { node: name, summary: summaryOf(name, disconnection, { wasTried, wasUp }), notes, data }
  })
})

const fullSentence =
  'Its process table was full when it was heard last, and another connection may end it: it is left alone from now on, until it has ended, or connect_node with "reset" wants it.'

/** Behind which node a page begins; `rank` is that of its state, or one for all where names alone decide. */
const Position = Schema.Struct({ rank: Schema.Int, name: Schema.String, alias: Schema.String })
type Place = typeof Position.Type

const inOrder = (a: Place, b: Place): number =>
  a.rank - b.rank || compared(a.name, b.name) || compared(a.alias, b.alias)

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A node that may be listed: one that was tried has a status. */
interface Listable {
  readonly name: string
  readonly state: NodeRow["state"]
  readonly entry: KnownNode | undefined
  readonly status?: NodeStatus
}

const stateOf = { Up: "up", Connecting: "connecting", Down: "down" } as const

const listNodes = Tool.make({
  ...shared,
  name: "list_nodes",
  title: "List nodes",
  description:
    "Nodes to ask: up (round trip, health), down (why), configured (connected when asked), discoverable (in this machine's EPMD). An open breaker refuses calls until next_attempt.",
  target: "none",
  input: {
    sort_by: sortBy(["state", "name"], "state"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        state: Schema.optionalKey(Schema.Literals(nodeStates))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: { ...listOutput, nodes: Schema.optionalKey(Schema.Array(NodeRow)) },
  position: Position,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, _node, after) {
    const targets = yield* Targets
    const configured = yield* targets.nodes
    const entries = yield* targets.entries
    const mistake = yield* targets.problem
    const tried = yield* (yield* Nodes).list
    const { hostNames } = (yield* Policy).settings
    const isSame = sameNode(entries, hostNames)
    const entryOf = (node: string) => nodeCalled(entries, node) ?? entries.find(({ name }) => isSame(name, node))
    const all: Array<Listable> = []
    const isListed = (node: string) => all.some(({ name }) => isSame(name, node))
    // Of one node that is connected by another name, it is no news that it cannot be by this one.
    const isLinked = (node: string) => tried.some(({ name, state }) => state._tag !== "Down" && isSame(name, node))
    for (const status of tried.toSorted((a, b) => compared(a.name, b.name))) {
      const { name, state } = status
      const entry = entryOf(name)
      // A name that was tried in vain, and that no node is known to have.
      const isNone = entry === undefined && !isOfNode(status) && state._tag === "Down" && isNotThere(state.why)
      if (!isNone && (state._tag !== "Down" || !isLinked(name)))
        all.push({ name, state: stateOf[state._tag], entry, status })
    }
    for (const { alias, name } of configured) {
      // What the operator calls a node by is told, also where another name of it is connected.
      const isCalled = alias !== undefined && !all.some(({ entry }) => entry?.alias === alias)
      if (isCalled || !isListed(name)) all.push({ name, state: "configured", entry: entryOf(name) })
    }
    const isHere = isRegisteredHere(entries, { epmdPort: targets.epmdPort, hostNames })
    const known = new Set(all.map(({ name }) => nameOf(name)))
    const knownHere = new Set(all.filter(({ name }) => isHere(name)).map(({ name }) => nameOf(name)))
    const isPlacedAt = (short: string, port: number) =>
      all.some(({ entry, name }) => nameOf(name) === short && isAtOwnPort(entry, port))
    const local = yield* Effect.result(localNodes)
    for (const { name, port } of Result.isSuccess(local) ? local.success : [])
      if (!knownHere.has(name) && !isPlacedAt(name, port)) all.push({ name, state: "discoverable", entry: undefined })

    const placeOf = ({ entry, name, state }: Listable): Place => ({
      rank: sort === "state" ? nodeStates.indexOf(state) : 0,
      name,
      alias: entry?.alias ?? ""
    })
    const isCalled = (part: string, { entry, name }: Listable) =>
      [visible(name), entry?.alias ?? ""].some((text) => text.toLowerCase().includes(part.toLowerCase()))
    const matching = all
      .filter((it) => filter.state === undefined || it.state === filter.state)
      .filter((it) => filter.name === undefined || isCalled(filter.name, it))
      .toSorted((a, b) => inOrder(placeOf(a), placeOf(b)))
    const behind = after === undefined ? matching : matching.filter((it) => inOrder(placeOf(it), after) > 0)
    const page = behind.slice(0, limit)
    const patience = yield* roundTripPatience
    // All at once: who is silent costs the others nothing, and the list is there in time however many are.
    const rows = yield* Effect.forEach(page, (it) => listedRow(it, patience), { concurrency: "unbounded" })

    const unheard = rows.filter(({ round_trip_ms, state }) => state === "up" && round_trip_ms === undefined)
    const lacking = (yield* (yield* Nodes).list).filter(({ lack }) => lack?._tag === "Processes")
    const full = rows.filter(({ node, state }) => state === "up" && lacking.some(({ name }) => visible(name) === node))
    const silent = unheard.filter((row) => row.breaker === undefined && !full.includes(row))
    const resting = rows.filter(({ breaker }) => breaker !== undefined)
    const discoverable = page.filter(({ state }) => state === "discoverable")
    // A look at those of this page may have changed how they stand.
    const up = [...all.filter((it) => !page.includes(it)), ...rows].filter(({ state }) => state === "up").length
    const counted = { total: all.length, matched: matching.length }
    const summary = `${amount(up, "node")} connected, ${all.length - up} more known`
    return {
      summary: (shown: number) => {
        if (shown === all.length) return `${summary}.`
        return shown === 0
          ? `${summary}. ${noneOf({ ...counted, incomplete: [] }, isFiltering(filter), "node")}`
          : `${summary}; ${shownOf(shown, matching.length, "node")} listed.`
      },
      complete: unheard.length === 0 && Result.isSuccess(local),
      notes: [
        ...(mistake === undefined ? [] : [visible(mistake)]),
        ...(Result.isFailure(local)
          ? [`Nodes of this machine that are not configured cannot be seen: ${visible(local.failure.message)}`]
          : []),
        ...(silent.length === 0 ? [] : [`No round trip came to an end within ${patience} ms to ${namesIn(silent)}.`]),
        ...(full.length === 0
          ? []
          : [
              `${namesIn(full)} ${full.length === 1 ? "has" : "have"} a full process table, and ${full.length === 1 ? "answers" : "answer"} nothing before others end there. Do not disconnect: where not one process is left, the next connection that comes in ends the node.`
            ]),
        ...(resting.length === 0
          ? []
          : [
              `${namesIn(resting)} did not answer lately and ${resting.length === 1 ? "is" : "are"} left in peace, by list_nodes too: one request at a time goes through to see whether there is an answer again; connect_node goes at once, and with reset makes a silent link anew.`
            ]),
        ...discoverable
          .filter(({ name }) => known.has(name))
          .map(
            ({ name }) =>
              `${visible(name)} of this machine may be another node than the one of that name whose entry leads elsewhere, or that has another host: if so, write ${visible(name)}@localhost for it.`
          ),
        ...(discoverable.length > 0 ? ["EPMD tells only the part before the @ of a discoverable node."] : [])
      ],
      data: { ...counted, nodes: rows },
      page: {
        rows: "nodes",
        next: page.length < behind.length ? placeOf(page.at(-1)!) : undefined,
        after: (row: number) => placeOf(page[row]!)
      } as const,
      hints: up === 0 && all.length > 0 ? ["connect_node"] : []
    }
  })
})

const namesIn = (rows: ReadonlyArray<NodeRow>): string => listed(rows.map(({ node }) => node))

/** A node of a page, its round trip measured, in so many milliseconds, if it is up. */
const listedRow = ({ entry, name, state, status }: Listable, patience: number) =>
  Effect.map(
    status === undefined ? Effect.succeed({ node: visible(name), state }) : nodeRow(status, patience),
    ({ node, ...row }): NodeRow => {
      const { access, alias, group, tags } = entry ?? {}
      return { node, alias, group, tags, access, ...row }
    }
  )

const modes = Object.keys(syntaxes) as ReadonlyArray<SyntaxName>

const setMode = Tool.make({
  ...shared,
  name: "set_mode",
  title: "Set the syntax of terms",
  description: "Sets the syntax in which this session's results show terms.",
  target: "none",
  input: { mode: Schema.Literals(modes) },
  output: { mode: Schema.String, previous_mode: Schema.String },
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
