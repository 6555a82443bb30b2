import { Cause, type Clock, Deferred, Effect, Equal, Exit, Fiber, FiberMap, Result, Scope } from "effect"
import { DistError, isNameGone } from "../dist/DistError.ts"
import type { Verdict } from "./Breaker.ts"
import { report } from "./ConnectionLog.ts"
import { type Attempted, countRequest } from "./CountedRequest.ts"
import type { ErlangNode, JoinOptions } from "./ErlangNode.ts"
import { handedOver } from "./HandedOver.ts"
import { type NodeHealth, sampleOf } from "./Health.ts"
import {
  BreakerOpen,
  isBeforeNode,
  isDisconnected,
  isOverdue,
  isRefusal,
  isScarce,
  isTrouble,
  type NodeError
} from "./NodeError.ts"
import { type Lack, notAgainSentence, toldOf } from "./LeftAlone.ts"
import type { HealthChange, NodeChange, NodeStatus } from "./NodeState.ts"
import { makeNow, type Moment, onTheWall } from "./Moment.ts"
import { disconnected, droppedSentence, fault, noLongerConfigured, waitedInVain, withSentence } from "./NotConnected.ts"
import {
  type Connection,
  forgetTrouble,
  healthOf,
  isCurrent,
  makeConnection,
  makePeer,
  type Peer,
  statusOf
} from "./Peer.ts"
import { Reconnecting } from "./Reconnecting.ts"
import {
  asRemembered,
  holds,
  type Introduction,
  isBelieved,
  isSame,
  refusalAfter,
  refusalBeside,
  withCookieSource,
  withFormerLink
} from "./Refusal.ts"
import { sampling, type SamplingOptions } from "./Sampling.ts"
import { type Approach, Sparing } from "./Sparing.ts"
import { hasLost, standingOf } from "./Standing.ts"
import type { NodeTarget, Targets, Way } from "./Targets.ts"
import { type ConnectOptions, cookieOf, left, patienceOf, type Urge, type Wish } from "./Wish.ts"

/** How a node is joined. */
export type Join = (target: NodeTarget, options: JoinOptions) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>

/** What became of a link that somebody asked to close. */
export type Disconnection = "closed" | "kept" | "absent"

/** What becomes of a look at a node: an answer, or none; `isSilent`: nothing else has come in that time either. */
export type Look =
  | { readonly _tag: "Answered"; readonly roundTripMillis: number }
  | { readonly _tag: "Unanswered"; readonly silentMillis: number; readonly isSilent: boolean }

/** Milliseconds in which something has to come through a link that somebody has doubts about. */
const signOfLifeMillis = 2_000

/** Milliseconds by which two clocks may differ on the same span. */
const besideClock = 50

/** How long a link that nobody uses is kept: long enough to serve the next call of a conversation. */
const idleTimeToLive = "5 minutes"

/** Nodes that are down and remembered, at most: names come from whoever asks. */
const maxDown = 50

/** Milliseconds that a link has stood for when the pauses after its loss begin anew: shorter ones may go on for ever. */
const trustedMillis = 60_000

/** Milliseconds that have to be left for another attempt, where one has used up the time of somebody else. */
const worthAnother = 50

/**
 * Whether an attempt that was made as somebody else wished says nothing to this one: another cookie would be shown, the
 * way is another by now, a node that refused us would be tried again, or there is time left that the other did not have.
 */
const wantsAnother = ({ isRemembered, wish: made }: Connection, wish: Wish, why: NodeError): boolean => {
  if (isDisconnected(why)) return false
  if (cookieOf(made) !== cookieOf(wish) || !Equal.equals(made.way, wish.way)) return true
  if (isRemembered && wish.by === "wish") return true
  return isOverdue(why) && made.end < wish.end && left(wish) >= worthAnother
}

/** What the registry stands in. */
export interface Surroundings {
  readonly targets: Targets["Service"]
  readonly join: Join
  readonly scope: Scope.Scope
  readonly clock: Clock.Clock
  /** Runs in the context of the layer: its transport, its logger, its clock. */
  readonly fork: (effect: Effect.Effect<unknown>) => unknown
  /** Fibers that make lost links again, by the name of the node. */
  readonly reconnecting: FiberMap.FiberMap<string>
  readonly changed: (change: NodeChange) => void
  readonly healthChanged: (change: HealthChange) => void
}

/** Plain bookkeeping in turns of the event loop, so that nobody sees it half done; effects only where one waits. */
export class Registry {
  readonly #in: Surroundings
  /** Those without a connection in the order in which they lost it, oldest first. */
  readonly #peers = new Map<string, Peer>()

  readonly #now: () => Moment
  readonly #reconnecting: Reconnecting
  readonly #sampling: SamplingOptions
  readonly #sparing: Sparing

  constructor(surroundings: Surroundings) {
    const { fork, healthChanged, reconnecting: fibers, targets } = surroundings
    this.#in = surroundings
    this.#now = makeNow(surroundings.clock)
    this.#sampling = { now: this.#now, healthChanged }
    this.#sparing = new Sparing({ fork, now: this.#now, scope: surroundings.scope })
    const connect = (name: string) => Effect.scoped(this.hold(name, {}, "loss"))
    this.#reconnecting = new Reconnecting({ connect, fibers, fork, now: this.#now, sparing: this.#sparing, targets })
  }

  list(): ReadonlyArray<NodeStatus> {
    const now = this.#now()
    const all = Array.from(this.#peers.values(), (peer) => statusOf(peer, now)).filter((each) => each !== undefined)
    return [...all.filter(({ state }) => state._tag !== "Down"), ...all.filter(({ state }) => state._tag === "Down")]
  }

  health(name: string): NodeHealth | undefined {
    const peer = this.#peers.get(name)
    return peer && healthOf(peer, this.#now().wall)
  }

  /** See {@link Nodes}. */
  look(name: string, timeoutMillis: number): Effect.Effect<Look | undefined> {
    return Effect.suspend(() => {
      const connection = this.#peers.get(name)?.connection
      return connection?.state._tag === "Up"
        ? this.#lookAt(connection, connection.state.node, timeoutMillis)
        : Effect.undefined
    })
  }

  #lookAt(connection: Connection, node: ErlangNode, timeoutMillis: number): Effect.Effect<Look | undefined> {
    return Effect.map(sampleOf(node, timeoutMillis), (sample) => {
      if (sample === undefined) return undefined
      if (sample === "missed") {
        const silentMillis = node.silentMillis()
        return { _tag: "Unanswered", silentMillis, isSilent: silentMillis >= timeoutMillis - besideClock }
      }
      countRequest({ isAskedFor: false, peer: connection.peer }, "success", this.#now().steady)
      return { _tag: "Answered", roundTripMillis: sample.roundTripMillis }
    })
  }

  /** See {@link Nodes}. */
  reset(name: string, { timeoutMillis = Infinity }: Pick<ConnectOptions, "timeoutMillis"> = {}) {
    return Effect.gen({ self: this }, function* () {
      const connection = this.#peers.get(name)?.connection
      const look = yield* this.look(name, Math.min(signOfLifeMillis, timeoutMillis))
      const isDead = look?._tag === "Unanswered" && look.isSilent
      if (connection !== undefined && isDead) {
        const detail = `nothing came through it for ${Math.round(look.silentMillis)} ms, and it was to be made anew`
        yield* this.#end(connection, new DistError({ node: name, reason: { _tag: "LinkClosed", detail } }))
      }
      const peer = this.#peers.get(name)
      if (peer !== undefined) forgetTrouble(peer)
      return isDead ? look.silentMillis : undefined
    })
  }

  /** See {@link Nodes}. */
  refusal(target: NodeTarget): Effect.Effect<NodeError | undefined> {
    return Effect.gen({ self: this }, function* () {
      const way = yield* this.#in.targets.way(target.name)
      const peer = this.#peers.get(target.name)
      // Of another way nothing counts that was learned on the last.
      if (peer === undefined || !Equal.equals(peer.way, way)) return undefined
      return holds(peer.refusal, introductionOf(target)) ? asRemembered(peer.refusal) : undefined
    })
  }

  /** See {@link Nodes}. */
  approach(
    name: string,
    { timeoutMillis = Infinity }: Pick<ConnectOptions, "timeoutMillis"> = {}
  ): Effect.Effect<Approach> {
    return Effect.gen({ self: this }, function* () {
      const way = yield* this.#in.targets.way(name)
      const peer = this.#peers.get(name)
      const isKnown = peer !== undefined && !leadsElsewhere(peer.way, way)
      return isKnown ? yield* this.#sparing.approach(peer, timeoutMillis) : { tell: () => {} }
    })
  }

  /** See {@link Nodes}. */
  refused(target: NodeTarget, why: NodeError): Effect.Effect<void> {
    return Effect.map(this.#in.targets.way(target.name), (way) => {
      const peer = this.#peerOf(target.name)
      this.#goBy(peer, way)
      this.#refused({ isAskedFor: true, peer }, introductionOf(target), withCookieSource(why, target.cookieSource))
      this.#forgetOldest()
    })
  }

  /** Forgets what was learned on another way. A link that stands goes on as it was made, and what is known of that counts. */
  #goBy(peer: Peer, way: Way): void {
    if (peer.connection !== undefined || Equal.equals(peer.way, way)) return
    forgetTrouble(peer)
    // Another cookie or tunnel says nothing of the room that there is.
    if (leadsElsewhere(peer.way, way)) peer.leftAlone = undefined
    peer.way = way
  }

  /**
   * The connection of a name once it is up, held for the scope. Who comes while it is being made waits for that, as
   * long as its own time lasts, and tries by itself where that came to nothing and it wished for something else.
   */
  hold(
    name: string,
    { cookie, insists = false, timeoutMillis = Infinity, ...rest }: ConnectOptions = {},
    by: Urge
  ): Effect.Effect<Connection, NodeError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const end = performance.now() + timeoutMillis
      const way = yield* this.#in.targets.way(name)
      // Who wants it by name and gives no cookie wants the configured one, whatever somebody else gave.
      const wish: Wish = {
        cookie: cookie ?? (by === "wish" ? undefined : this.#peers.get(name)?.cookie),
        by,
        insists,
        end,
        way
      }
      for (;;) {
        const got = yield* Effect.result(handedOver(this.#attend(name, wish, { ...rest, timeoutMillis })))
        if (Result.isSuccess(got)) return got.success
        if (got.failure !== "again") return yield* got.failure
        if (left(wish) <= 0) return yield* waitedInVain(name, timeoutMillis)
      }
    })
  }

  /**
   * One attempt, which may be another's, and what came of it, held for the scope. Fails with `again` where it came to
   * nothing, and one made as this one wishes need not.
   */
  #attend(
    name: string,
    wish: Wish,
    { onShared, timeoutMillis = Infinity }: ConnectOptions
  ): Effect.Effect<Connection, NodeError | "again", Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const { connection, isProbe } = yield* this.#take(name, wish)
      const isOurs = connection.wish === wish
      const up = Deferred.await(connection.node)
      const outcome = yield* Effect.result(
        isOurs || wish.end === Infinity
          ? up
          : Effect.timeoutOrElse(up, {
              duration: Math.max(1, left(wish)),
              orElse: () => Effect.fail(waitedInVain(name, timeoutMillis, connection.stage))
            })
      )
      if (Result.isFailure(outcome)) {
        if (isOurs || !wantsAnother(connection, wish, outcome.failure)) return yield* outcome.failure
        return yield* Effect.fail("again" as const)
      }
      if (!isOurs) onShared?.()
      // Who keeps a link need not ask anything soon, and the one request that is let through is his until then.
      if (isProbe && wish.by === "wish" && !isOurs) yield* outcome.success.roundTrip(patienceOf(wish))
      return connection
    })
  }

  /** Keeps the node of a connection for the scope: while somebody does, a link that is lost is made again. */
  keep({ peer: known, wish }: Connection): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          // Lost before it was kept, it may have been forgotten as well.
          const peer = this.#peers.get(known.name) ?? known
          this.#peers.set(peer.name, peer)
          peer.keepers++
          // That of the link that came up last is right, whatever those gave who came before.
          peer.cookie = wish.cookie
          if (peer.connection === undefined) this.#reconnecting.begin(peer)
          return peer
        }),
        (peer) =>
          Effect.suspend(() => {
            peer.keepers--
            if (peer.keepers > 0) return Effect.void
            peer.cookie = undefined
            peer.attempts = 0
            const rest = peer.connection === undefined ? Effect.void : this.#rest(peer.connection)
            return Effect.andThen(this.#reconnecting.end(peer), rest)
          })
      )
    )
  }

  /**
   * The connection of a name, made where there is none, with one more user for the scope. `isProbe`: that user has the
   * one request that is let through to a node which is left in peace.
   */
  #take(
    name: string,
    wish: Wish
  ): Effect.Effect<{ readonly connection: Connection; readonly isProbe: boolean }, BreakerOpen, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => {
        const now = this.#now()
        const peer = this.#peerOf(name)
        this.#goBy(peer, wish.way)
        // An attempt that is under way is nothing new to the node.
        const isJoined = peer.connection?.state._tag === "Connecting"
        const admission = isJoined
          ? undefined
          : peer.breaker.admit(now.steady, { isOurs: wish.by === "loss", isWanted: wish.by === "wish" })
        if (admission?._tag === "Rejected")
          return Effect.fail(
            new BreakerOpen({
              node: name,
              since: onTheWall(now, admission.since),
              until: onTheWall(now, admission.until),
              isProbing: admission.isProbing
            })
          )
        const connection = peer.connection ?? this.#open(peer, wish)
        if (wish.by !== "loss") connection.isAskedFor = true
        connection.users++
        connection.usedAt = now.steady
        this.#endIdleness(connection)
        return Effect.succeed({ connection, admission })
      }),
      ({ admission, connection }) => {
        if (admission?._tag === "Probe") connection.peer.breaker.release(admission.number)
        connection.users--
        return this.#rest(connection)
      }
    ).pipe(Effect.map(({ admission, connection }) => ({ connection, isProbe: admission?._tag === "Probe" })))
  }

  /** Without users an attempt is given up at once, and a link that nobody keeps after a while. */
  #rest(connection: Connection): Effect.Effect<void> {
    const isUnused = () => connection.users === 0 && isCurrent(connection)
    if (!isUnused()) return Effect.void
    if (connection.state._tag === "Connecting") return this.#close(connection)
    if (connection.peer.keepers > 0) return Effect.void
    return Effect.sleep(idleTimeToLive).pipe(
      // Who comes as the time ends may be here before the news of that.
      Effect.andThen(
        Effect.suspend(() => {
          if (!isUnused()) return Effect.void
          // Another could not be made by itself, and may end the node.
          if (connection.state._tag === "Up" && !connection.state.node.hasRoom()) return this.#rest(connection)
          // It is what closes it, and goes on until that is done.
          connection.idle = undefined
          return this.#close(connection)
        })
      ),
      Effect.forkIn(this.#in.scope),
      Effect.map((fiber) => void (connection.idle = fiber))
    )
  }

  #endIdleness(connection: Connection): void {
    if (connection.idle !== undefined) this.#in.fork(Fiber.interrupt(connection.idle))
    connection.idle = undefined
  }

  disconnect(name: string): Effect.Effect<Disconnection> {
    const peer = this.#peers.get(name)
    if (peer !== undefined && peer.keepers > 0) return Effect.succeed("kept")
    return peer?.connection === undefined ? Effect.succeed("absent") : Effect.as(this.#close(peer.connection), "closed")
  }

  #peerOf(name: string): Peer {
    const peer = this.#peers.get(name) ?? makePeer(name)
    this.#peers.set(name, peer)
    return peer
  }

  #open(peer: Peer, wish: Wish): Connection {
    const connection = makeConnection(peer, wish, this.#now(), this.#in.scope)
    const attempt = this.#join(connection).pipe(
      Scope.provide(connection.scope),
      Effect.matchCauseEffect({
        onSuccess: (node) => this.#up(connection, node),
        onFailure: (cause) => {
          const error = Cause.findErrorOption(cause)
          if (error._tag === "Some") return this.#end(connection, error.value)
          if (Cause.hasInterruptsOnly(cause)) return this.#end(connection, disconnected(peer.name))
          // A defect goes to those who wait as what it is.
          return this.#end(connection, fault(peer.name, cause), cause as Cause.Cause<never>)
        }
      })
    )
    this.#in.fork(Effect.forkIn(attempt, connection.scope))
    return connection
  }

  #join(connection: Connection) {
    const { peer, wish } = connection
    return Effect.gen({ self: this }, function* () {
      const standing = yield* standingOf(this.#in.targets, peer.name)
      if (wish.by === "loss" && hasLost(peer.standing, standing)) return yield* noLongerConfigured(peer.name)
      // Before there is a way: to see whether a tunnel is open is a connection to the node.
      const approach: Approach = wish.insists
        ? this.#sparing.take(peer)
        : yield* this.#sparing.approach(peer, left(wish))
      if (approach.leftAlone !== undefined) {
        connection.isRemembered = true
        return yield* approach.leftAlone
      }
      const isDirect = wish.way["tunnel"] === undefined
      const target = yield* Effect.tapError(
        this.#in.targets.resolve(peer.name, {
          ...(wish.cookie !== undefined && { cookie: wish.cookie }),
          ...patienceOf(wish)
        }),
        (why) => {
          if (isDirect) approach.tell("nothing")
          return this.#judge(connection, why)
        }
      )
      const shown = introductionOf(target)
      if (wish.by !== "wish" && holds(peer.refusal, shown)) {
        connection.isRemembered = true
        if (isDirect) approach.tell("nothing")
        return yield* asRemembered(peer.refusal)
      }
      // Where there may not be a process for one connection, two more do no good.
      const isAsBefore = wish.by === "loss" || peer.leftAlone !== undefined
      return yield* this.#in
        .join(target, {
          onVerdict: (verdict) => this.#heard(connection, verdict),
          onStage: (stage) => void (connection.stage = stage),
          onPlace: (whereabouts) => void (connection.whereabouts = whereabouts),
          ...(isAsBefore && peer.joinedAs !== undefined && { joinedAs: peer.joinedAs }),
          ...patienceOf(wish)
        })
        .pipe(
          Effect.tap(({ localName }) => {
            peer.refusal = refusalBeside(peer.refusal, shown)
            peer.leftAlone = undefined
            peer.taken = shown
            peer.joinedAs = localName
            peer.standing = standing
            countRequest(connection, "success", this.#now().steady)
            return Effect.void
          }),
          Effect.mapError((why) => {
            if (why._tag === "CallError" && why.reason._tag === "ProcessTableFull")
              this.#leaveAlone(connection, { _tag: "Processes" })
            else if (isScarce(why))
              this.#leaveAlone(connection, { _tag: "Atoms", left: why.reason.left, limit: why.reason.limit })
            else {
              if (isDirect && isBeforeNode(why)) approach.tell("nothing")
              if (why._tag === "DistError" && isNameGone(why.reason)) this.#sparing.gone(peer)
            }
            const former = peer.former && { ourName: peer.taken?.ourName, until: peer.former.until }
            const known = withFormerLink(why, former, this.#now().wall)
            return this.#refused(connection, shown, withCookieSource(known, target.cookieSource))
          }),
          Effect.tapError((why) => this.#judge(connection, why))
        )
    })
  }

  /** Leaves a node alone for its own sake, until somebody wants it by name or it has ended. */
  #leaveAlone({ peer, whereabouts }: Connection, lack: Lack): void {
    this.#sparing.begin(peer, lack, whereabouts)
  }

  /** Counts an attempt that was in vain, if that says that the node or the way to it is in trouble. */
  #judge(connection: Connection, why: NodeError): Effect.Effect<void> {
    if (isTrouble(why)) countRequest(connection, "failure", this.#now().steady)
    return Effect.void
  }

  /** Remembers a refusal; gives why the node could not be joined, as it is told. */
  #refused(attempted: Attempted, shown: Introduction, why: NodeError): NodeError {
    if (!isRefusal(why)) return why
    const { peer } = attempted
    const refusal = refusalAfter(peer.refusal, {
      ...shown,
      why,
      at: this.#now().wall,
      wasTaken: isSame(peer.taken, shown)
    })
    peer.refusal = refusal
    // A cookie that was right: rather the node or the way to it is in trouble.
    if (refusal.wasTaken && !isBelieved(refusal)) countRequest(attempted, "failure", this.#now().steady)
    return refusal.why
  }

  /** What became of a call. Those that belong to connecting are judged together, when that is done. */
  #heard(connection: Connection, verdict: Verdict): void {
    if (connection.state._tag !== "Up" || !isCurrent(connection)) return
    const now = this.#now()
    // Who holds a node uses it by its calls.
    connection.usedAt = now.steady
    if (verdict === "failure") connection.failedAt = now.steady
    connection.peer.breaker.record(now.steady, verdict)
  }

  #up(connection: Connection, node: ErlangNode): Effect.Effect<void> {
    // Closed in the very turn in which it came up.
    if (!isCurrent(connection)) return Effect.void
    const { peer } = connection
    const { steady, wall } = this.#now()
    const former = peer.former === undefined ? {} : { former: peer.former }
    connection.state = { _tag: "Up", since: wall, node, ...former }
    connection.upAt = steady
    peer.nextAttempt = undefined
    Deferred.doneUnsafe(connection.node, Effect.succeed(node))
    peer.untold?.()
    this.#in.changed({ _tag: "Up", name: peer.name, at: wall, creation: node.creation, ...former })
    return Effect.logDebug(`${peer.name}: connected as ${node.localName}`).pipe(
      Effect.andThen(
        // Those who waited for it go first, and may have closed it, so that it is to be made again.
        Effect.suspend(() => (isCurrent(connection) ? this.#reconnecting.end(peer) : Effect.void))
      ),
      Effect.andThen(Effect.forkIn(sampling(connection, node, this.#sampling), connection.scope)),
      Effect.andThen(node.lost),
      Effect.flatMap((why) => this.#end(connection, why))
    )
  }

  /** Lets go of a connection on our side. */
  #close(connection: Connection): Effect.Effect<void> {
    const { peer, state } = connection
    return Effect.andThen(
      // Before the scope closes, so that whoever waits for an answer learns that it was us.
      state._tag === "Up" ? state.node.disconnect : Effect.void,
      Effect.suspend(() => this.#end(connection, disconnected(peer.name)))
    )
  }

  /** The connection is over, for whatever reason comes first. Who comes now gets a new one. */
  #end(connection: Connection, why: NodeError, cause: Cause.Cause<NodeError> = Cause.fail(why)): Effect.Effect<void> {
    if (!isCurrent(connection)) return Effect.void
    const { peer, state } = connection
    const { name } = peer
    const { steady, wall: since } = this.#now()
    peer.connection = undefined
    this.#endIdleness(connection)
    // The name was a guess, and there is a node of another name: nothing to remember.
    // Nothing was tried where an earlier refusal was only told again.
    const told = why._tag === "LeftAlone" ? why : connection.isRemembered ? peer.refusal : undefined
    const downSince = told?.at ?? since
    peer.down = why._tag === "DistError" && why.reason._tag === "WrongNode" ? undefined : { since: downSince, why }
    if (state._tag === "Up") {
      const { creation } = state.node
      if (!state.node.hasRoom()) this.#leaveAlone(connection, { _tag: "Processes" })
      peer.untold?.()
      peer.former = { creation, until: since, why }
      if (connection.upAt !== undefined && steady - connection.upAt >= trustedMillis) peer.attempts = 0
      if (isTrouble(why)) countRequest(connection, "failure", this.#now().steady)
      if (peer.keepers > 0 && !isDisconnected(why)) this.#reconnecting.begin(peer)
    }
    this.#peers.delete(name)
    this.#peers.set(name, peer)
    this.#forgetOldest()
    Deferred.doneUnsafe(connection.node, Effect.failCause(cause))
    // None waited for: what runs this may run in that scope, and end with it.
    this.#in.fork(
      state._tag === "Up" ? this.#tellOf(connection, state.node, { at: since, why }) : report(connection, why)
    )
    this.#in.fork(Effect.forkIn(Scope.close(connection.scope, Exit.void), this.#in.scope))
    return Effect.void
  }

  /**
   * Tells of a link that is lost: once it is known what the way there says of that, and at the latest when the next one
   * comes up.
   */
  #tellOf(
    connection: Connection,
    { creation, whyLost }: ErlangNode,
    { at, why }: { readonly at: number; readonly why: NodeError }
  ): Effect.Effect<void> {
    const { peer } = connection
    const { down, name, nextAttempt } = peer
    const notAgainOf = () => peer.leftAlone && notAgainSentence(toldOf(name, peer.leftAlone, this.#now()))
    let known: { readonly why: NodeError; readonly notAgain: string | undefined } = { why, notAgain: notAgainOf() }
    const tell = (): void => {
      if (peer.untold !== tell) return
      peer.untold = undefined
      const { notAgain, why: told } = known
      this.#in.changed({
        _tag: "Down",
        name,
        at,
        creation,
        why: told,
        ...(notAgain !== undefined && { notAgain }),
        ...(notAgain === undefined && nextAttempt !== undefined && { nextAttempt })
      })
    }
    peer.untold = tell
    return Effect.gen({ self: this }, function* () {
      const isDropped = nextAttempt !== undefined && hasLost(peer.standing, yield* standingOf(this.#in.targets, name))
      // At once: where its port is fixed, one that was started anew looks the same to EPMD.
      yield* this.#sparing.why(peer, Infinity)
      const told = why._tag === "DistError" ? yield* whyLost(why) : why
      const notAgain = isDropped ? droppedSentence : notAgainOf()
      known = { why: told, notAgain }
      if (down !== undefined && peer.down === down) {
        peer.down = { ...down, why: withSentence(told, notAgain) }
        if (isDropped) {
          yield* this.#reconnecting.end(peer)
        }
      }
      tell()
      yield* report(connection, told)
    })
  }

  #forgetOldest(): void {
    const forgettable = Array.from(this.#peers.values()).filter(
      ({ connection, keepers }) => connection === undefined && keepers === 0
    )
    const { steady } = this.#now()
    // Those last of which something is known that spares them.
    const isKnown = ({ breaker, leftAlone, refusal }: Peer) =>
      leftAlone !== undefined || refusal !== undefined || breaker.state(steady)._tag !== "Closed"
    const order = forgettable.toSorted((one, other) => Number(isKnown(one)) - Number(isKnown(other)))
    for (const { name } of order.slice(0, Math.max(0, order.length - maxDown))) this.#peers.delete(name)
  }
}

/** Whether one way leads to another place than the other. */
const leadsElsewhere = (one: Way | undefined, other: Way): boolean =>
  ["address", "epmdHost", "epmdPort"].some((part) => !Equal.equals(one?.[part], other[part]))

/** What a node is shown. */
const introductionOf = ({ cookie, ourName }: NodeTarget): Introduction => ({ cookie, ourName })
