import { Deferred, type Fiber, type Redacted, Scope } from "effect"
import type { HandshakeStage } from "../dist/DistError.ts"
import { Breaker, type BreakerState } from "./Breaker.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import { HealthRecord, type NodeHealth, outdatedMillis, withTableFull } from "./Health.ts"
import type { AskWhereabouts, Lack, Leave } from "./LeftAlone.ts"
import { type Moment, onTheWall } from "./Moment.ts"
import type { NodeError } from "./NodeError.ts"
import type { FormerLink, NodeState, NodeStatus } from "./NodeState.ts"
import type { Introduction, Refusal } from "./Refusal.ts"
import type { Standing } from "./Standing.ts"
import type { Way } from "./Targets.ts"
import type { Wish } from "./Wish.ts"

/**
 * One attempt at a node, and then the link that came of it. A name has one at a time and may have had many: what
 * follows from one never touches the next.
 */
export interface Connection {
  readonly peer: Peer
  /** Of the one who asked first. */
  readonly wish: Wish
  readonly scope: Scope.Closeable
  readonly node: Deferred.Deferred<ErlangNode, NodeError>
  readonly health: HealthRecord
  state: NodeState
  /** Whether the node was not tried, because it has refused us before, or is left alone. */
  isRemembered: boolean
  /** Whether anybody but ourselves, who make a lost link again, has asked for it. */
  isAskedFor: boolean
  /** What is awaited of the node, once its handshake has begun. */
  stage: HandshakeStage | undefined
  /** Where the node is by now; absent where EPMD was not asked where it is. */
  whereabouts: AskWhereabouts | undefined
  /** Those who use it or wait for it. */
  users: number
  /** When it came up, by the steady clock. */
  upAt: number | undefined
  /** When somebody last asked for it, or had an answer of it, by the steady clock. */
  usedAt: number
  /** When a call on it was last in vain, by the steady clock. */
  failedAt: number | undefined
  /** Lets go of it when it has been idle for long enough. */
  idle: Fiber.Fiber<void> | undefined
}

/** A node by its name: what outlives the links to it. */
export interface Peer {
  readonly name: string
  readonly breaker: Breaker
  /** That of the latest attempt: what is known of the node beside its links was learned there. */
  way: Way | undefined
  connection: Connection | undefined
  /** While there is no connection. */
  down: { readonly since: number; readonly why: NodeError } | undefined
  /** Tells that the last link was lost, where that is still to be told. */
  untold: (() => void) | undefined
  /** The link before the one that there is, or the last one. */
  former: FormerLink | undefined
  /** How it has refused us since a link last came up. */
  refusal: Refusal | undefined
  /** That nobody is sent to it for its own sake. */
  leftAlone: Leave | undefined
  /** What it has taken last. */
  taken: Introduction | undefined
  /** Our own name on the last link. */
  joinedAs: string | undefined
  /** How it stood in the configuration when it was last connected. */
  standing: Standing | undefined
  /** Scopes that have it by `connect`: for them a link that is lost is made again. */
  keepers: number
  /** The cookie of the latest link that one of them got, if it was a given one. It is forgotten with the last of them. */
  cookie: Redacted.Redacted | undefined
  /** When a lost link is tried again, or, of a node that is left alone, looked at whether it is to be. */
  nextAttempt: number | undefined
  /** How often that was decided since a link stood for long enough to trust it. */
  attempts: number
}

/** A node of which nothing is known but its name. */
export const makePeer = (name: string): Peer => ({
  name,
  breaker: new Breaker(),
  way: undefined,
  connection: undefined,
  down: undefined,
  untold: undefined,
  former: undefined,
  refusal: undefined,
  leftAlone: undefined,
  taken: undefined,
  joinedAs: undefined,
  standing: undefined,
  keepers: 0,
  cookie: undefined,
  nextAttempt: undefined,
  attempts: 0
})

/** Forgets how requests ended and that the node has refused us, so that it is asked again; not that it is left alone. */
export const forgetTrouble = (peer: Peer): void => {
  peer.breaker.reset()
  peer.refusal = undefined
  peer.attempts = 0
}

/** The peer's connection from now on, which is about to be made. */
export const makeConnection = (peer: Peer, wish: Wish, now: Moment, scope: Scope.Scope): Connection => {
  const connection: Connection = {
    peer,
    wish,
    scope: Scope.forkUnsafe(scope),
    node: Deferred.makeUnsafe(),
    health: new HealthRecord(now.wall),
    state: { _tag: "Connecting", since: now.wall },
    isRemembered: false,
    isAskedFor: false,
    stage: undefined,
    whereabouts: undefined,
    users: 0,
    upAt: undefined,
    usedAt: now.steady,
    failedAt: undefined,
    idle: undefined
  }
  peer.connection = connection
  peer.down = undefined
  return connection
}

/** Whether it is the one that its peer has now. */
export const isCurrent = (connection: Connection): boolean => connection.peer.connection === connection

/** The state of a breaker with its times as people are told them. */
const toldState = (state: BreakerState, now: Moment): BreakerState => {
  switch (state._tag) {
    case "Closed":
      return state
    case "Open":
      return { ...state, since: onTheWall(now, state.since), until: onTheWall(now, state.until) }
    case "HalfOpen":
      return { ...state, since: onTheWall(now, state.since) }
  }
}

/** How a node fares that is connected; `undefined` where it was not looked at for a while. */
export const healthOf = ({ connection }: Peer, now: number): NodeHealth | undefined => {
  if (connection?.state._tag !== "Up") return undefined
  const { node } = connection.state
  const health = connection.health.health(node.silentMillis())
  if (now - (health.sampledAt ?? now) > outdatedMillis) return undefined
  return node.hasRoom() ? health : withTableFull(health)
}

/** When a lost link is tried again, at the latest, as far as that is known: it may be for EPMD to say. */
const nextAttemptOf = ({ leftAlone, nextAttempt }: Peer, now: Moment): number | undefined => {
  if (leftAlone === undefined || nextAttempt === undefined) return nextAttempt
  const { endsAt } = leftAlone
  return endsAt === undefined ? undefined : Math.max(nextAttempt, onTheWall(now, endsAt))
}

/** What a node lacks, as far as is known. */
const lackOf = ({ connection, leftAlone }: Peer): Lack | undefined =>
  connection?.state._tag === "Up" && !connection.state.node.hasRoom() ? { _tag: "Processes" } : leftAlone?.lack

/** Where a node stands with us; `undefined` where there is nothing to tell. */
export const statusOf = (peer: Peer, now: Moment): NodeStatus | undefined => {
  const { breaker, connection, down, former, name } = peer
  const nextAttempt = nextAttemptOf(peer, now)
  const health = healthOf(peer, now.wall)
  const lack = lackOf(peer)
  const state: NodeState | undefined =
    connection?.state ??
    (down && { _tag: "Down", ...down, ...(nextAttempt !== undefined && { nextAttempt }), ...(former && { former }) })
  return (
    state && {
      name,
      state,
      breaker: { state: toldState(breaker.state(now.steady), now), counts: breaker.counts() },
      ...(lack !== undefined && { lack }),
      ...(health !== undefined && { health })
    }
  )
}
