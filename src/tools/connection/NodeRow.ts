import { Effect, Option, Schema } from "effect"
import type { BreakerCounts } from "../../node/Breaker.ts"
import type { ErlangNode, Patience } from "../../node/ErlangNode.ts"
import type { NodeHealth } from "../../node/Health.ts"
import { Nodes } from "../../node/Nodes.ts"
import type { NodeStatus } from "../../node/NodeState.ts"
import { type KnownNode, nodeCalled } from "../../node/Targets.ts"
import { accessClasses } from "../../policy/Access.ts"
import { isOnThisMachine } from "../../policy/ThisMachine.ts"
import { visible } from "../../syntax/Escape.ts"
import type { Undefinable } from "../Answer.ts"
import { keepingDeadline, remainingMillis, scanMillis } from "../Deadline.ts"
import { toToolError } from "../Failure.ts"
import { takePlace } from "../NodeBudget.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import type { Session } from "../Session.ts"

/** Milliseconds that the nodes of a list have, together, to show their round trips. */
export const roundTripPatience = Effect.map(remainingMillis, (left) => Math.round(Math.min(1_000, scanMillis(left))))

/** The time of a moment, as all results have it. */
export const iso = (millis: number): string => new Date(millis).toISOString()

/** One digit behind the point. */
export const rounded = (value: number): number => Math.round(value * 10) / 10

/** The round trip of a node, measured when it is our turn there. */
export const measured = (node: ErlangNode, name: string, patience?: Patience) =>
  Effect.scoped(Effect.andThen(takePlace(node, { cost: "cheap", name }), keepingDeadline(node).roundTrip(patience)))

/** What stands before the @. */
export const nameOf = (node: string): string => node.slice(0, node.indexOf("@"))

/** How a node of a list stands, in the order of lists. */
export const nodeStates = ["up", "connecting", "down", "configured", "discoverable"] as const

/** A node in a list; what says nothing of it is left out. */
export const NodeRow = Schema.Struct({
  node: Schema.String,
  alias: Schema.optionalKey(Schema.String),
  group: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  access: Schema.optionalKey(Schema.Literals(accessClasses)),
  state: Schema.Literals(nodeStates),
  since: Schema.optionalKey(Schema.String),
  /** Absent where the node was not looked at, or not lately. */
  health: Schema.optionalKey(Schema.Literals(["up", "degraded", "down"])),
  round_trip_ms: Schema.optionalKey(Schema.Finite),
  round_trip_p50_ms: Schema.optionalKey(Schema.Finite),
  round_trip_p95_ms: Schema.optionalKey(Schema.Finite),
  run_queue_per_scheduler: Schema.optionalKey(Schema.Finite),
  silent_ms: Schema.optionalKey(Schema.Int),
  otp_release: Schema.optionalKey(Schema.Int),
  why: Schema.optionalKey(Schema.String),
  breaker: Schema.optionalKey(Schema.Literals(["open", "half_open"])),
  failed_requests: Schema.optionalKey(Schema.Int),
  answered_requests: Schema.optionalKey(Schema.Int),
  refused_requests: Schema.optionalKey(Schema.Int),
  breaker_opened: Schema.optionalKey(Schema.Int),
  breaker_closed: Schema.optionalKey(Schema.Int),
  next_attempt: Schema.optionalKey(Schema.String)
})
export type NodeRow = Undefinable<typeof NodeRow.Type>

/** A node that we know, its round trip measured, in so many milliseconds, unless it is left in peace. */
export const nodeRow = Effect.fnUntraced(function* (
  before: NodeStatus,
  patience: number
): Effect.fn.Return<NodeRow, never, Nodes | Session> {
  const millis = yield* roundTripOf(before, patience)
  // What came of that may have changed how it stands.
  const all = yield* (yield* Nodes).list
  const status = all.find(({ name }) => name === before.name) ?? before
  const { health, state } = status
  const known = { node: visible(status.name), since: iso(state.since) }
  const trouble = troubleOf(status)
  switch (state._tag) {
    case "Connecting":
      return { ...known, state: "connecting", ...trouble }
    case "Down":
      return { ...known, state: "down", why: toToolError(state.why, yield* currentSyntax).message, ...trouble }
    case "Up":
      return {
        ...known,
        state: "up",
        // Before the first look, only what calls have told.
        health: health?.sampledAt === undefined && health?.condition === "up" ? undefined : health?.condition,
        round_trip_ms: millis && rounded(millis),
        ...(health && figuresOf(health)),
        otp_release: state.node.capabilities.otpRelease,
        ...trouble
      }
  }
})

/** Where one request is let through to a node in trouble, it is this one. */
const roundTripOf = ({ breaker, name, state }: NodeStatus, patience: number) => {
  if (state._tag !== "Up" || breaker.state._tag === "Open") return Effect.undefined
  const node =
    breaker.state._tag === "Closed"
      ? Effect.succeed(state.node)
      : Effect.flatMap(Nodes, (nodes) => nodes.get(name, { timeoutMillis: patience }))
  return Effect.flatMap(node, (it) => measured(it, "list_nodes")).pipe(
    Effect.scoped,
    Effect.timeoutOption(patience),
    Effect.option,
    Effect.map((millis) => Option.getOrUndefined(Option.flatten(millis)))
  )
}

const figuresOf = ({ roundTrip, runQueue, silentMillis, why }: NodeHealth) => ({
  round_trip_p50_ms: roundTrip && rounded(roundTrip.p50),
  round_trip_p95_ms: roundTrip && rounded(roundTrip.p95),
  run_queue_per_scheduler: runQueue === undefined ? undefined : rounded(runQueue),
  silent_ms: Math.round(silentMillis),
  why: why.length === 0 ? undefined : why.join(", ")
})

const troubleOf = ({ breaker: { counts, state: breaker }, state }: NodeStatus) => {
  const next = breaker._tag === "Open" ? breaker.until : state._tag === "Down" ? state.nextAttempt : undefined
  return {
    ...(breaker._tag !== "Closed" && { breaker: breaker._tag === "Open" ? ("open" as const) : ("half_open" as const) }),
    ...countsOf(counts),
    next_attempt: next === undefined ? undefined : iso(next)
  }
}

/** What became of requests: where none was in vain, there is one count that is not zero, if any. */
const countsOf = ({ closed, failures, opened, rejected, successes }: BreakerCounts) => {
  if (failures + rejected + opened === 0) return successes === 0 ? {} : { answered_requests: successes }
  return {
    failed_requests: failures,
    answered_requests: successes,
    refused_requests: rejected,
    breaker_opened: opened,
    breaker_closed: closed
  }
}

/** A test for nodes that are registered with the EPMD of this machine if they run, as far as their entries say. */
export const isRegisteredHere = (
  entries: ReadonlyArray<KnownNode>,
  here: { readonly hostNames: ReadonlyArray<string>; readonly epmdPort: number }
): ((node: string) => boolean) => {
  return (node) => {
    const { address, epmdHost, epmdPort = here.epmdPort, tunnel } = nodeCalled(entries, node) ?? {}
    if (address !== undefined || tunnel !== undefined || epmdPort !== here.epmdPort) return false
    return isOnThisMachine(epmdHost === undefined ? node : `@${epmdHost}`, here.hostNames)
  }
}

/** Whether an entry's address is a port of this machine, by its loopback: who is registered with that is the node. */
export const isAtOwnPort = ({ address }: Partial<KnownNode> = {}, port: number): boolean =>
  /^(?:localhost|127(?:\.\d+){3}|\[::1\]):(?<port>\d+)$/u.exec(address ?? "")?.groups?.["port"] === String(port)
