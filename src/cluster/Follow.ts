import { Clock, Effect } from "effect"
import { parseNodeName } from "../dist/NodeName.ts"
import { atom, Atom, ExternalFun, isList, list, listItems, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { steadyMillis } from "../node/Moment.ts"
import { isTrouble, type NodeError } from "../node/NodeError.ts"
import { Nodes } from "../node/Nodes.ts"
import type { NodeStatus } from "../node/NodeState.ts"
import {
  failed,
  type Look,
  lookAtEach,
  maxParts,
  maxSightings,
  partial,
  type Patience,
  type Sighting,
  told,
  together
} from "./Look.ts"

/** How far it goes from a node that is connected already: nodes that are connected to find others behind them. */
const maxHops = 3

/** Milliseconds for which what a node told is believed after its link has ended in peace: nobody asks it again by itself. */
const believedMillis = 60 * 60_000

/** Whether a node may be connected that is not yet, to ask it too. */
export type MayConnect = (node: string) => boolean

/** The atoms in what a node answers, but for our own name there. */
const atomsIn = (term: Term, ourName: string): ReadonlyArray<string> =>
  (isList(term) ? (listItems(term) ?? []) : []).flatMap((item) =>
    item instanceof Atom && item.text !== ourName ? [item.text] : []
  )

const publishes = new ExternalFun(atom("net_kernel"), atom("publish_on_node"), 1)

/**
 * What a connected node is connected to. A link is a hidden one where either end of it is: whoever is at the other end
 * is a hidden node only if this one shows itself to it (`net_kernel:publish_on_node/1`), and else it is not known.
 */
const neighbours = (node: ErlangNode, timeoutMillis: number): Effect.Effect<Look, CallError> =>
  Effect.gen(function* () {
    const end = performance.now() + timeoutMillis
    const namesOf = (module: string, func: string, args: ReadonlyArray<Term>) =>
      Effect.map(
        node.call(module, func, args, { timeoutMillis: Math.max(1, Math.ceil(end - performance.now())) }),
        (term) => atomsIn(term, node.localName)
      )
    const [visible, behind] = yield* Effect.all(
      [namesOf("erlang", "nodes", [atom("visible")]), namesOf("erlang", "nodes", [atom("hidden")])],
      { concurrency: "unbounded" }
    )
    const asked = list(behind.slice(0, maxSightings).map((name) => atom(name)))
    const hidden = new Set(
      behind.length === 0
        ? []
        : yield* namesOf("lists", "filter", [publishes, asked]).pipe(
            // No function that is documented tells it: where this one is gone, it is not known.
            Effect.catchReason("CallError", "Raised", () => Effect.succeed<ReadonlyArray<string>>([]))
          )
    )
    const part = node.name
    const all: ReadonlyArray<Sighting> = [
      ...visible.map((name) => ({ node: name, part, isHidden: false })),
      ...behind.map((name) => (hidden.has(name) ? { node: name, part, isHidden: true } : { node: name, part }))
    ]
    const sightings = all.filter((sighting) => !("problem" in parseNodeName(sighting.node)))
    return told(node.name, sightings, all.length - sightings.length)
  })

const unseen = (name: string, why: NodeError): Look =>
  failed(`${name} could not be asked which nodes it is connected to: ${why.message}`, name)

/** A node that nobody is connected to any more, so that it is not asked; which is as it should be. */
const unasked = (name: string): Look => ({
  sightings: [],
  failures: [{ part: name, message: `${name} is not connected any more, and was not asked.`, isExpected: true }]
})

/** Asks a node; one that is not connected is connected first, and let go of when it has answered. */
const askNode = (name: string, status: NodeStatus | undefined, timeoutMillis: number) =>
  Effect.gen(function* () {
    const nodes = yield* Nodes
    // Not held: who looks time and again would keep it from being closed when it is idle.
    if (status?.state._tag === "Up" && status.breaker.state._tag === "Closed")
      return yield* neighbours(status.state.node, timeoutMillis)
    const end = (yield* steadyMillis) + timeoutMillis
    const left = Effect.map(steadyMillis, (now) => Math.max(1, Math.ceil(end - now)))
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const node = yield* nodes.get(name, { timeoutMillis })
        // To one that is left in peace a single request may go, and only if that is answered what is asked here.
        if (status?.state._tag === "Up") yield* node.roundTrip({ timeoutMillis: yield* left })
        return yield* neighbours(node, yield* left)
      })
    )
  }).pipe(Effect.catch((why: NodeError) => Effect.succeed(unseen(name, why))))

/**
 * The nodes that connected nodes are connected to, visible and hidden, and so on from those of them that may be
 * connected for it: so many nodes and so many steps away at most. Leaves out ourselves. Who `isWanted` by is told where
 * there is no node to begin with.
 */
export const lookAlong = (
  mayConnect: MayConnect,
  patience: Patience,
  isWanted: boolean
): Effect.Effect<Look, never, Nodes> =>
  Effect.gen(function* () {
    const statuses = new Map((yield* (yield* Nodes).list).map((status) => [status.name, status]))
    const looks: Array<Look> = []
    const asked = new Set<string>()
    let next = [...statuses.values()].filter(({ state }) => state._tag === "Up").map(({ name }) => name)
    for (let hop = 0; next.length > 0 && hop <= maxHops; hop++) {
      for (const name of next) asked.add(name)
      const look = yield* lookAtEach(next, patience, String, (name, millis) =>
        askNode(name, statuses.get(name), millis)
      )
      looks.push(look)
      const room = maxParts - asked.size
      const found = new Set(look.sightings.map(({ node }) => node))
      const further = [...found].filter((name) => !asked.has(name) && mayConnect(name))
      next = further.slice(0, Math.max(0, room))
      if (further.length > next.length || (hop === maxHops && further.length > 0)) {
        looks.push(
          partial(
            `not every node found so was asked for its own: at most ${maxParts} are, ${maxHops} steps away from a connected one, as time allows.`
          )
        )
      }
    }
    const now = yield* Clock.currentTimeMillis
    for (const { name, state } of statuses.values()) {
      // What it saw need not be gone with the link to it, whatever has ended that.
      if (asked.has(name) || state._tag !== "Down") continue
      if (isTrouble(state.why)) looks.push(unseen(name, state.why))
      else if (now - state.since < believedMillis) looks.push(unasked(name))
    }
    const look = together(looks)
    return isWanted && asked.size === 0 && look.failures.every(({ isExpected }) => isExpected)
      ? together([look, partial("no node is connected, so that there is none to ask what it is connected to.")])
      : look
  })
