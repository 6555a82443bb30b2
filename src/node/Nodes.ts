import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, Result, Scope } from "effect"
import { DistError } from "../dist/DistError.ts"
import type { CallError } from "./CallError.ts"
import type { ErlangNode } from "./ErlangNode.ts"
import { type TargetError, Targets } from "./Targets.ts"

/** Why there is no connected node. */
export type NodeError = TargetError | DistError | CallError

/** Where a node stands with us. Times are milliseconds since the Unix epoch. */
export type NodeState =
  | { readonly _tag: "Connecting"; readonly since: number }
  | { readonly _tag: "Up"; readonly since: number; readonly node: ErlangNode }
  | { readonly _tag: "Down"; readonly since: number; readonly why: NodeError }

export interface NodeStatus {
  readonly name: string
  readonly state: NodeState
}

/** How a connection is asked for. */
export interface ConnectOptions {
  /** This cookie in place of the configured one, should a connection have to be made. */
  readonly cookie?: Redacted.Redacted
  /** Called if the connection that one gets was not made for this request, so that its cookie was not tried. */
  readonly onShared?: () => void
  /** Milliseconds that connecting may take, one's own time also where others ask at once; see {@link LinkOptions.timeoutMillis}. */
  readonly timeoutMillis?: number
}

/** The nodes of this process: one link a node, shared by all who use it, each held for the scope that asked. */
export class Nodes extends Context.Service<
  Nodes,
  {
    /**
     * The connected node of this name, connecting first where needed. Released with the scope. A node that refused our
     * cookie, or does not know it itself, is not tried with the same one again: each try is an error report in a node's
     * log, and one more digest for a stranger.
     */
    readonly get: (
      name: string,
      options?: Pick<ConnectOptions, "timeoutMillis">
    ) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>
    /**
     * Connects, and keeps the link for the scope. Tries again also where the node has refused us, and where an attempt
     * that was under way, with another cookie or less time, has failed.
     */
    readonly connect: (name: string, options?: ConnectOptions) => Effect.Effect<ErlangNode, NodeError, Scope.Scope>
    /**
     * Closes the link to a node at once, whoever uses it or waits for it, unless a scope keeps it by `connect`. Tells
     * whether it was closed, is kept, or was not there.
     */
    readonly disconnect: (name: string) => Effect.Effect<Disconnection>
    /** The nodes that are connected or being connected, and the latest that were or could not be, by name. */
    readonly list: Effect.Effect<ReadonlyArray<NodeStatus>>
  }
>()("beamscope/node/Nodes") {
  static readonly layer: Layer.Layer<Nodes, never, Targets> = Layer.effect(
    Nodes,
    Effect.gen(function* () {
      const registry = new Registry(
        yield* Targets,
        yield* Effect.scope,
        Effect.runForkWith(yield* Effect.context<never>())
      )
      return Nodes.of({
        get: (name, options) =>
          Effect.flatMap(registry.hold(name, options, { isRepeated: false }), ({ node }) => Deferred.await(node)),
        connect: (name, options) =>
          registry.hold(name, options, { isRepeated: true }).pipe(
            Effect.tap((connection) =>
              Effect.acquireRelease(
                Effect.sync(() => connection.keepers++),
                () => Effect.sync(() => connection.keepers--)
              )
            ),
            Effect.flatMap(({ node }) => Deferred.await(node))
          ),
        disconnect: (name) => Effect.suspend(() => registry.disconnect(name)),
        list: Effect.sync(() => registry.list())
      })
    })
  )
}

/** How long a link that nobody uses is kept: long enough to serve the next call of a conversation. */
const idleTimeToLive = "5 minutes"

/** Nodes that are down and remembered, at most: names come from whoever asks. */
const maxDown = 50

/** What became of a link that somebody asked to close. */
export type Disconnection = "closed" | "kept" | "absent"

/** How a connection is wanted, by one who asks for it. */
interface Wish {
  readonly cookie: Redacted.Redacted | undefined
  /** Whether a node is tried again that has refused us. */
  readonly isRepeated: boolean
  /** When the time for connecting is over, by `performance.now`. */
  readonly end: number
}

/** Milliseconds that have to be left for another attempt, where one has used up the time of somebody else. */
const worthAnother = 50

const left = ({ end }: Wish): number => Math.ceil(end - performance.now())

/**
 * Whether an attempt that was made as somebody else wished says nothing to this one: another cookie would be shown, a
 * node that refused us would be tried again, or there is time left that the other did not have.
 */
const wantsAnother = ({ isRemembered, wish: made }: Connection, wish: Wish, why: NodeError): boolean => {
  if (why._tag === "DistError" && why.reason._tag === "Disconnected") return false
  if (cookieOf(made) !== cookieOf(wish) || (isRemembered && wish.isRepeated)) return true
  return isOverdue(why) && made.end < wish.end && left(wish) >= worthAnother
}

const cookieOf = ({ cookie }: Wish): string | undefined => cookie && Redacted.value(cookie)

/** What would come of the same cookie again, and costs: an error report in the node's log, or one more digest shown. */
const isRefusal = (why: NodeError): why is DistError =>
  why._tag === "DistError" &&
  (why.reason._tag === "CookieRejected" || why.reason._tag === "PeerCookieWrong" || why.reason._tag === "NotAllowed")

const isOverdue = (why: NodeError): boolean =>
  why._tag !== "TargetError" && ["Timeout", "EpmdSilent", "DeadlineExceeded"].includes(why.reason._tag)

/**
 * One attempt at a node, and then the link that came of it. A name has one at a time and may have had many: what
 * follows from one never touches the next.
 */
interface Connection {
  readonly name: string
  /** Of the one who asked first. */
  readonly wish: Wish
  readonly scope: Scope.Closeable
  readonly node: Deferred.Deferred<ErlangNode, NodeError>
  state: NodeState
  /** Whether the node was not tried, because it has refused us before. */
  isRemembered: boolean
  /** Those who use it or wait for it. */
  users: number
  /** Those of them that have it by `connect`. */
  keepers: number
  /** Lets go of it when it has been idle for long enough. */
  idle: Fiber.Fiber<void> | undefined
}

interface Refusal {
  readonly cookie: string
  readonly why: DistError
}

/** Plain bookkeeping in turns of the event loop, so that nobody sees it half done; effects only where one waits. */
class Registry {
  readonly #targets: Targets["Service"]
  readonly #scope: Scope.Scope
  /** Runs in the context of the layer: its transport, its logger. */
  readonly #fork: (effect: Effect.Effect<unknown>) => unknown
  readonly #connections = new Map<string, Connection>()
  /** Oldest first. */
  readonly #down = new Map<string, NodeState>()
  readonly #refusals = new Map<string, Refusal>()

  constructor(targets: Targets["Service"], scope: Scope.Scope, fork: (effect: Effect.Effect<unknown>) => unknown) {
    this.#targets = targets
    this.#scope = scope
    this.#fork = fork
  }

  list(): ReadonlyArray<NodeStatus> {
    const current = Array.from(this.#connections.values(), ({ name, state }) => ({ name, state }))
    return [...current, ...Array.from(this.#down, ([name, state]) => ({ name, state }))]
  }

  /**
   * The connection of a name once it is up, held for the scope. Who comes while it is being made waits for that, as
   * long as its own time lasts, and tries by itself where that came to nothing and it wished for something else.
   */
  hold(
    name: string,
    { cookie, onShared, timeoutMillis = Infinity }: ConnectOptions = {},
    { isRepeated }: Pick<Wish, "isRepeated">
  ): Effect.Effect<Connection, NodeError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const wish: Wish = { cookie, isRepeated, end: performance.now() + timeoutMillis }
      for (;;) {
        const connection = yield* Effect.acquireRelease(
          Effect.sync(() => this.#use(name, wish)),
          (connection) => this.#leave(connection)
        )
        const isOurs = connection.wish === wish
        const up = Deferred.await(connection.node)
        const outcome = yield* Effect.result(
          isOurs || wish.end === Infinity
            ? up
            : Effect.timeoutOrElse(up, {
                duration: Math.max(1, left(wish)),
                orElse: () => Effect.fail(waitedInVain(name, timeoutMillis))
              })
        )
        if (Result.isSuccess(outcome)) {
          if (!isOurs) onShared?.()
          return connection
        }
        if (isOurs || !wantsAnother(connection, wish, outcome.failure)) return yield* outcome.failure
        if (left(wish) <= 0) return yield* waitedInVain(name, timeoutMillis)
      }
    })
  }

  /** The connection of a name, made where there is none, with one more user. */
  #use(name: string, wish: Wish): Connection {
    const connection = this.#connections.get(name) ?? this.#open(name, wish)
    connection.users++
    if (connection.idle !== undefined) this.#fork(Fiber.interrupt(connection.idle))
    connection.idle = undefined
    return connection
  }

  /** One user less. Without users an attempt is given up at once, and a link after a while. */
  #leave(connection: Connection): Effect.Effect<void> {
    connection.users--
    if (connection.users > 0 || !this.#isCurrent(connection)) return Effect.void
    if (connection.state._tag === "Connecting") return this.#close(connection)
    return Effect.sleep(idleTimeToLive).pipe(
      // Who comes as the time ends may be here before the news of that.
      Effect.andThen(Effect.suspend(() => (connection.users > 0 ? Effect.void : this.#close(connection)))),
      Effect.forkIn(this.#scope),
      Effect.map((fiber) => void (connection.idle = fiber))
    )
  }

  disconnect(name: string): Effect.Effect<Disconnection> {
    const connection = this.#connections.get(name)
    if (connection === undefined) return Effect.succeed("absent")
    return connection.keepers > 0 ? Effect.succeed("kept") : Effect.as(this.#close(connection), "closed")
  }

  #isCurrent(connection: Connection): boolean {
    return this.#connections.get(connection.name) === connection
  }

  #open(name: string, wish: Wish): Connection {
    const connection: Connection = {
      name,
      wish,
      scope: Scope.forkUnsafe(this.#scope),
      node: Deferred.makeUnsafe(),
      state: { _tag: "Connecting", since: Date.now() },
      isRemembered: false,
      users: 0,
      keepers: 0,
      idle: undefined
    }
    this.#connections.set(name, connection)
    this.#down.delete(name)
    const attempt = this.#join(connection).pipe(
      Scope.provide(connection.scope),
      Effect.matchCauseEffect({
        onSuccess: (node) => this.#up(connection, node),
        onFailure: (cause) => {
          const error = Cause.findErrorOption(cause)
          // A defect goes to those who wait as what it is.
          if (error._tag === "None") Deferred.doneUnsafe(connection.node, Effect.failCause(cause as Cause.Cause<never>))
          return this.#end(connection, error._tag === "Some" ? error.value : disconnected(name))
        }
      })
    )
    this.#fork(Effect.forkIn(attempt, connection.scope))
    return connection
  }

  #join(connection: Connection) {
    const { name, wish } = connection
    return Effect.gen({ self: this }, function* () {
      const target = yield* this.#targets.resolve(name, wish.cookie === undefined ? {} : { cookie: wish.cookie })
      const cookie = Redacted.value(target.cookie)
      const refusal = this.#refusals.get(name)
      if (!wish.isRepeated && refusal?.cookie === cookie) {
        connection.isRemembered = true
        return yield* refusal.why
      }
      // Loaded with the first connection: a server that is started and not asked has no need of any of it.
      const { joinNode } = yield* Effect.promise(() => import("./ErlangNode.ts"))
      return yield* joinNode(target, wish.end === Infinity ? {} : { timeoutMillis: Math.max(1, left(wish)) }).pipe(
        Effect.mapError((why) => withCookieSource(why, target.cookieSource)),
        Effect.tap(() => Effect.sync(() => this.#refusals.delete(name))),
        Effect.tapError((why) => Effect.sync(() => this.#remember(name, cookie, why)))
      )
    })
  }

  #remember(name: string, cookie: string, why: NodeError): void {
    if (!isRefusal(why)) return
    this.#refusals.delete(name)
    this.#refusals.set(name, { cookie, why })
    dropOldest(this.#refusals)
  }

  #up(connection: Connection, node: ErlangNode): Effect.Effect<void> {
    connection.state = { _tag: "Up", since: Date.now(), node }
    Deferred.doneUnsafe(connection.node, Effect.succeed(node))
    return Effect.logDebug(`${connection.name}: connected as ${node.localName}`).pipe(
      Effect.andThen(node.lost),
      Effect.flatMap((why) => this.#end(connection, why))
    )
  }

  /** Lets go of a connection on our side. */
  #close(connection: Connection): Effect.Effect<void> {
    const { state } = connection
    return Effect.andThen(
      // Before the scope closes, so that whoever waits for an answer learns that it was us.
      state._tag === "Up" ? state.node.disconnect : Effect.void,
      Effect.suspend(() => this.#end(connection, disconnected(connection.name)))
    )
  }

  /** The connection is over, for whatever reason comes first. Who comes now gets a new one. */
  #end(connection: Connection, why: NodeError): Effect.Effect<void> {
    if (!this.#isCurrent(connection)) return Effect.void
    this.#connections.delete(connection.name)
    // The name was a guess, and there is a node of another name: nothing to remember.
    if (!(why._tag === "DistError" && why.reason._tag === "WrongNode"))
      this.#down.set(connection.name, { _tag: "Down", since: Date.now(), why })
    dropOldest(this.#down)
    Deferred.doneUnsafe(connection.node, Effect.fail(why))
    // Neither waited for: what runs this may run in that scope, and end with it.
    this.#fork(report(connection, why))
    this.#fork(Effect.forkIn(Scope.close(connection.scope, Exit.void), this.#scope))
    return Effect.void
  }
}

/** A link that we closed, or a name that was a guess, is nothing to warn of. */
const report = ({ name, state }: Connection, why: NodeError): Effect.Effect<void> =>
  why._tag === "DistError" && (why.reason._tag === "Disconnected" || why.reason._tag === "WrongNode")
    ? Effect.logDebug(`${name}: not connected: ${why.message}`)
    : Effect.logWarning(`${name}: ${state._tag === "Up" ? "connection lost" : "not connected"}: ${why.message}`)

/** A refused cookie may be one of several: which it was is for the operator to know. */
const withCookieSource = (why: NodeError, source: string | undefined): NodeError =>
  why._tag === "DistError" && why.reason._tag === "CookieRejected" && source !== undefined
    ? new DistError({ node: why.node, reason: { ...why.reason, source } })
    : why

/** For one that gave up while an attempt that somebody else had begun went on. */
const waitedInVain = (name: string, millis: number) =>
  new DistError({
    node: name,
    reason: {
      _tag: "Timeout",
      phase: "connect",
      millis: Math.round(millis),
      waitingFor: "an attempt that had begun before was still under way"
    }
  })

const disconnected = (name: string) => new DistError({ node: name, reason: { _tag: "Disconnected" } })

const dropOldest = <A>(map: Map<string, A>): void => {
  for (const name of map.keys()) {
    if (map.size <= maxDown) return
    map.delete(name)
  }
}
