import { Effect, type Scope } from "effect"
import { DistError } from "../dist/DistError.ts"
import type { Registration } from "../dist/Epmd.ts"
import { parseNodeName } from "../dist/NodeName.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { isUnresolvedYet, type NodeError } from "../node/NodeError.ts"
import { Nodes } from "../node/Nodes.ts"
import { isOfNode } from "../node/NodeState.ts"
import { type KnownNode, nodeCalled, Targets } from "../node/Targets.ts"
import { Policy } from "../policy/Policy.ts"
import { isOnThisMachine, isSameHere } from "../policy/ThisMachine.ts"
import { visible } from "../syntax/Escape.ts"
import { excerpt, listed } from "../syntax/Excerpt.ts"
import { stepMillis } from "./Deadline.ts"
import { didYouMean } from "./DidYouMean.ts"
import { withAdvice } from "./ConnectionAdvice.ts"
import { fromDistError } from "./Failure.ts"
import { knownName } from "./KnownName.ts"
import { RunningTool } from "./RunningTool.ts"
import { distinctNodes, sameNode } from "./SameNode.ts"
import { Session } from "./Session.ts"
import { ToolError } from "./ToolError.ts"

/** Milliseconds for the EPMD of this machine to answer. */
const epmdPatience = 1_000

/** Short names of the nodes that this machine's EPMD knows, sorted, with their ports. */
export const localNodes: Effect.Effect<ReadonlyArray<Registration>, DistError, Targets> = Effect.gen(function* () {
  const { epmdPort } = yield* Targets
  // Read when it is first asked: a host that starts us waits for no network.
  const { names } = yield* Effect.promise(() => import("../dist/Epmd.ts"))
  return yield* names({ host: "127.0.0.1", port: epmdPort }, epmdPatience)
})

const localNames = Effect.map(localNodes, (registered) => registered.map(({ name }) => name))

/** What the operator calls nodes beside their names. */
const calledIn = (entries: ReadonlyArray<KnownNode>): ReadonlyArray<string> =>
  entries.flatMap(({ alias, group }) => [alias, group]).filter((word) => word !== undefined)

const shortName = (node: string): string => node.slice(0, node.indexOf("@"))

/** What `node()` prints as, in Erlang and in Elixir: with quotes, with a colon in front. */
export const bare = (text: string): string => /^:?(["']?)(.*)\1$/su.exec(text.trim())?.[2] ?? text

/** The full name that a `node` argument stands for, which the policy allows to the tool that runs. */
export const resolveNode = Effect.fnUntraced(function* (
  given: string | undefined
): Effect.fn.Return<string, ToolError, Nodes | Targets | Policy | Session> {
  const targets = yield* Targets
  const nodes = yield* targets.nodes
  const entries = yield* targets.entries
  const configured = nodes.map(({ name }) => name)
  const tried = yield* (yield* Nodes).list
  const up = tried.filter(({ state }) => state._tag === "Up").map(({ name }) => name)
  const kinds = [up, configured, tried.filter(isOfNode).map(({ name }) => name)]
  const known = [...new Set(kinds.flat())]
  const { asked } = yield* Session
  const { entryRefusal, nodeRefusal, settings } = yield* Policy
  // One that is connected for another's sake, to compare with or for another session, is not meant.
  const own = up.filter((name) => asked.has(name) || configured.includes(name))
  const named =
    given === undefined
      ? yield* onlyNode(own.length > 0 ? own : up, distinctNodes(nodes, settings.hostNames))
      : yield* namedNode(bare(given), entries, kinds)
  const full = yield* knownName(named, { entries, hostNames: settings.hostNames, tried })
  const entry = nodes.find(({ name }) => name === full)
  const tool = yield* RunningTool
  const mayBeAsked = entry !== undefined || (tool.letsGo === true && tried.some(({ name }) => name === full))
  // A node of this machine has as many names as the machine: what an entry bounds is bounded by each of them.
  const bounds = entries.filter(
    ({ name }) => name === full || name === named || isSameHere(name, full, settings.hostNames)
  )
  const unknown = mayBeAsked ? undefined : nodeRefusal(full)
  const isLeftOut = entries.some(({ name }) => name === full)
  const refusal =
    unknown !== undefined && isLeftOut
      ? `${unknown} It has an entry in the configuration, and is not among the nodes that were named (--node).`
      : (unknown ?? bounds.map((each) => entryRefusal(tool, each)).find((each) => each !== undefined))
  if (refusal === undefined) return full
  return yield* new ToolError({
    code: "not_allowed",
    message: visible(refusal),
    retryable: false,
    next: "list_nodes",
    // What was refused was no mistake in writing, and what would be refused, too, is no way out.
    ...(entry === undefined && {
      didYouMean: didYouMean(
        full,
        known.filter((name) => name !== full && (configured.includes(name) || nodeRefusal(name) === undefined))
      )
    })
  })
})

const noNode = (message: string, next: string) =>
  Effect.fail(new ToolError({ code: "no_node", message, retryable: false, next }))

const onlyNode = (up: ReadonlyArray<string>, configured: ReadonlyArray<string>) => {
  const [first, ...others] = up.length > 0 ? up : configured
  if (first !== undefined && others.length === 0) return Effect.succeed(first)
  if (first === undefined) {
    return noNode("No node is connected, and none is configured. Say which one in `node` (name@host).", "list_nodes")
  }
  const which = `${up.length > 0 ? "Connected" : "Configured, and none of them connected"}: ${listed([first, ...others])}.`
  return noNode(`It is not clear which node is meant. ${which} Say which in \`node\`.`, "list_nodes")
}

/** `kinds` are the nodes that are known; of a short name's, those of the first kind that has any are meant. */
const namedNode = Effect.fnUntraced(function* (
  given: string,
  entries: ReadonlyArray<KnownNode>,
  kinds: ReadonlyArray<ReadonlyArray<string>>
) {
  const called = nodeCalled(entries, given)
  if (called !== undefined) return called.name
  if (given.includes("@")) {
    const parsed = parseNodeName(given)
    if (!("problem" in parsed)) return parsed.full
    return yield* new ToolError({
      code: "invalid_input",
      message: `'${excerpt(given)}' is no node name: ${parsed.problem}. Write it as name@host.`,
      retryable: false,
      next: "list_nodes"
    })
  }
  const namesakes = kinds.map((nodes) => nodes.filter((node) => shortName(node) === given))
  const [match, ...others] = namesakes.find(({ length }) => length > 0) ?? []
  if (match !== undefined && others.length === 0) return match
  if (match !== undefined) {
    return yield* new ToolError({
      code: "invalid_input",
      message: `There is more than one node '${excerpt(given)}': ${listed([match, ...others])}. Write the full name.`,
      retryable: false,
      didYouMean: [match, ...others].map(visible)
    })
  }
  const group = entries.flatMap((entry) => (entry.group === given ? [entry.name] : []))
  if (group.length === 1) return group[0]!
  if (group.length > 1) {
    return yield* new ToolError({
      code: "invalid_input",
      message: `'${excerpt(given)}' is a group of nodes: ${listed(group)}. Name one of them.`,
      retryable: false,
      didYouMean: group.map(visible)
    })
  }
  const known = kinds.flat()
  const local = yield* Effect.orElseSucceed(localNames, (): ReadonlyArray<string> => [])
  const { hostNames } = (yield* Policy).settings
  // EPMD does not tell what stands behind the @ of its nodes. A neighbour's host is the best guess, which
  // `joinByOwnName` mends.
  const neighbour = known.find((node) => isOnThisMachine(node, hostNames))
  const host = neighbour?.slice(neighbour.indexOf("@") + 1) ?? hostNames[0] ?? "localhost"
  if (local.includes(given)) return `${given}@${host}`
  const leftOut = entries.filter(({ name }) => shortName(name) === given)
  if (leftOut.length === 1) return leftOut[0]!.name
  return yield* new ToolError({
    code: "no_node",
    message: `No node '${excerpt(given)}' is connected, configured or registered with EPMD on this machine.`,
    retryable: true,
    next: "list_nodes",
    didYouMean: didYouMean(given, [...calledIn(entries), ...known.map(shortName), ...local]).map(visible)
  })
})

/**
 * The name that a node gave itself, to go on by where it was asked for under another: if both are names of a node of this
 * machine (`localhost` for the machine's own, or the other way round), and nothing in the configuration leads the one
 * elsewhere than the other. A node behind a forwarded port may well have the name of one that runs here.
 */
export const byOwnName = Effect.fnUntraced(function* (
  own: string,
  name: string
): Effect.fn.Return<string | undefined, ToolError, Nodes | Targets | Policy | Session> {
  const { hostNames } = (yield* Policy).settings
  const entries = yield* (yield* Targets).entries
  return sameNode(entries, hostNames)(own, name) ? yield* resolveNode(own) : undefined
})

/**
 * Connects by way of `connect`, in the time that the tool has left for it; a node of this machine also under the name
 * that it gives itself. Where that is in vain, what its own process says of it is told too.
 */
export const joinByOwnName = Effect.fnUntraced(function* <R>(
  name: string,
  connect: (name: string, options: { readonly timeoutMillis: number }) => Effect.Effect<ErlangNode, NodeError, R>
): Effect.fn.Return<ErlangNode, NodeError | ToolError, R | Policy | Nodes | Targets | Session> {
  const join = (full: string) => Effect.flatMap(stepMillis, (timeoutMillis) => connect(full, { timeoutMillis }))
  return yield* join(name).pipe(
    Effect.catchReason("DistError", "WrongNode", ({ actual }, error) =>
      Effect.flatMap(byOwnName(actual, name), (own) => (own === undefined ? Effect.fail(error) : join(own)))
    ),
    Effect.catchIf(isNotThere, (error) => orMistyped(name, error)),
    withAdvice(name)
  )
})

/** Whether there is no such node, by a clear answer. */
export const isNotThere = (error: unknown): error is DistError =>
  error instanceof DistError &&
  !isUnresolvedYet(error) &&
  ["NameNotRegistered", "EpmdRefused", "HostUnresolved"].includes(error.reason._tag)

/** There is no such node: where the operator has entries that are called nearly so, one of them was perhaps meant. */
const orMistyped = Effect.fnUntraced(function* (
  name: string,
  error: DistError
): Effect.fn.Return<never, DistError | ToolError, Targets> {
  const near = (yield* (yield* Targets).nodes).find((entry) => entry.name === name)?.near ?? []
  if (near.length === 0) return yield* error
  const { message } = fromDistError(error)
  return yield* new ToolError({
    code: "no_node",
    message: `${message} It was taken for the name of a node, since no alias, group or node of the configuration is called so.`,
    retryable: false,
    next: "list_nodes",
    didYouMean: near.map(visible)
  })
})

/** The connected node of a full name, held for the scope. */
export const connectedNode = (
  name: string
): Effect.Effect<ErlangNode, NodeError | ToolError, Nodes | Targets | Policy | Session | Scope.Scope> =>
  Effect.flatMap(Nodes, (nodes) => joinByOwnName(name, nodes.get))
