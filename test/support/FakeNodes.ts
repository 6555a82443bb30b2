import { Effect, Layer, Redacted, type Scope, Stream } from "effect"
import { DistError, type DistReason } from "../../src/dist/DistError.ts"
import { Atom, type Term } from "../../src/etf/Term.ts"
import { CallError, type CallReason } from "../../src/node/CallError.ts"
import type { Capabilities } from "../../src/node/Capabilities.ts"
import type { CallOptions } from "../../src/node/Call.ts"
import type { ErlangNode } from "../../src/node/ErlangNode.ts"
import type { LeftAlone } from "../../src/node/LeftAlone.ts"
import type { NodeError } from "../../src/node/NodeError.ts"
import { type Look, Nodes } from "../../src/node/Nodes.ts"
import type { HealthChange, NodeChange, NodeState, NodeStatus } from "../../src/node/NodeState.ts"
import type { Found } from "../../src/node/Sparing.ts"
import { type KnownNode, TargetError, type Targets } from "../../src/node/Targets.ts"
import { Policy, type PolicySettings } from "../../src/policy/Policy.ts"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import { Session } from "../../src/tools/Session.ts"
import { targetsOf } from "./targetsOf.ts"

/** What a fake node says to a call: a term, a failure, or what it makes of the arguments. */
export type Reply =
  | { readonly term: Term }
  | { readonly fails: CallReason }
  | ((args: ReadonlyArray<Term>) => Effect.Effect<Term, CallReason>)

/** A call that a fake node got. */
export interface Called {
  readonly target: string
  readonly args: ReadonlyArray<Term>
  readonly options: CallOptions | undefined
}

export interface FakeNodeSpec {
  readonly name?: string
  readonly capabilities?: Partial<Capabilities>
  readonly hasWordCookie?: boolean
  /** Whether it is too busy for what is interpreted, with too many processes for it to be loaded. */
  readonly isSpared?: boolean
  /** By `module:function/arity`, and `module:function` for the agent's. */
  readonly replies?: Readonly<Record<string, Reply>>
  /** Atoms that exist on the node. */
  readonly atoms?: ReadonlyArray<string>
}

export const capabilities: Capabilities = {
  otpRelease: 27,
  ertsVersion: "15.2.7",
  wordBytes: 8,
  processInfoItems: new Set(["label", "parent"]),
  dictionaryKey: true
}

/** A node that answers from a table and remembers what it was asked. */
export const fakeNode = (spec: FakeNodeSpec = {}): ErlangNode & { readonly called: ReadonlyArray<Called> } => {
  const { atoms = [], name = "app@localhost", replies = {} } = spec
  const called: Array<Called> = []
  const answer = (target: string, args: ReadonlyArray<Term>, options?: CallOptions) =>
    Effect.suspend(() => {
      called.push({ target, args, options })
      const failed = (reason: CallReason) => new CallError({ node: name, target, reason })
      const reply = replies[target]
      if (reply === undefined) return Effect.die(new Error(`${target} was not expected to be called`))
      if (typeof reply === "function") return Effect.mapError(reply(args), failed)
      return "term" in reply ? Effect.succeed(reply.term) : Effect.fail(failed(reply.fails))
    })
  return {
    called,
    name,
    creation: 42,
    localName: "beamscope@localhost",
    capabilities: { ...capabilities, ...spec.capabilities },
    hasWordCookie: spec.hasWordCookie ?? false,
    call: (module, func, args, options) => answer(`${module}:${func}/${args.length}`, args, options),
    runAgent: (func, argument, options) => answer(func, [argument], options),
    sparedLoads: () => (spec.isSpared === true ? called.length : 0),
    existingAtom: (text) =>
      atoms.includes(text)
        ? Effect.succeed(new Atom(text))
        : Effect.fail(
            new CallError({
              node: name,
              target: "erlang:binary_to_existing_atom/2",
              reason: { _tag: "UnknownAtom", text }
            })
          ),
    roundTrip: () => Effect.succeed(1.25),
    askTickTime: Effect.void,
    silentMillis: () => 0,
    hasRoom: () => true,
    lost: Effect.never,
    whyLost: Effect.succeed,
    disconnect: Effect.void
  }
}

/** What a test says about the world outside of the catalogue. */
export interface World {
  /** Connected from the start. */
  readonly up?: ReadonlyArray<ErlangNode>
  /** Not connected, but there. */
  readonly reachable?: ReadonlyArray<ErlangNode>
  /** What is known of a node beside its state, or in place of that. */
  readonly standing?: Readonly<Record<string, Partial<NodeStatus>>>
  /** What looks at nodes come to. */
  readonly looks?: Readonly<Record<string, Look>>
  /** Nodes that are left alone for their own sake. */
  readonly leftAlone?: Readonly<Record<string, LeftAlone>>
  /** Filled with what those told who approached nodes on links of their own. */
  readonly found?: Array<Found>
  /** What connecting to a name fails with. */
  readonly unreachable?: Readonly<Record<string, DistReason>>
  readonly configured?: ReadonlyArray<string | KnownNode>
  /** Nodes that have an entry in the configuration, and are not among the configured ones. */
  readonly leftOut?: ReadonlyArray<KnownNode>
  /** What is wrong with the configuration as it is now. */
  readonly problem?: string
  readonly cookies?: ReadonlyArray<string>
  /** Links that come up and go down. */
  readonly changes?: Stream.Stream<NodeChange>
  /** Nodes that fare better or worse. */
  readonly healthChanges?: Stream.Stream<HealthChange>
  readonly epmdPort?: number
  readonly policy?: Partial<PolicySettings>
  readonly mode?: SyntaxName
}

/** Of a node that has not been asked for anything yet. */
export const untroubled: Pick<NodeStatus, "breaker"> = {
  breaker: { state: { _tag: "Closed" }, counts: { successes: 0, failures: 0, rejected: 0, opened: 0, closed: 0 } }
}

const fakeNodes = ({
  changes = Stream.empty,
  found,
  healthChanges = Stream.empty,
  leftAlone = {},
  looks = {},
  reachable = [],
  standing = {},
  unreachable = {},
  up = []
}: World): Layer.Layer<Nodes> =>
  Layer.sync(Nodes, () => {
    const states = new Map<string, NodeState>(up.map((node) => [node.name, { _tag: "Up", since: 0, node }]))
    const get = (name: string): Effect.Effect<ErlangNode, NodeError> =>
      Effect.suspend(() => {
        const state = states.get(name)
        if (state?._tag === "Up") return Effect.succeed(state.node)
        const node = reachable.find((it) => it.name === name)
        if (node !== undefined) {
          states.set(name, { _tag: "Up", since: 0, node })
          return Effect.succeed(node)
        }
        const reason = unreachable[name]
        if (reason === undefined) return Effect.die(new Error(`${name} was not expected to be connected to`))
        const why = new DistError({ node: name, reason })
        states.set(name, { _tag: "Down", since: 0, why })
        return Effect.fail(why)
      })
    return Nodes.of({
      get: (name): Effect.Effect<ErlangNode, NodeError, Scope.Scope> => get(name),
      connect: (name, options) =>
        Effect.suspend(() => {
          if (states.get(name)?._tag === "Up") options?.onShared?.()
          return get(name)
        }),
      disconnect: (name) =>
        Effect.sync(() => {
          const wasUp = states.get(name)?._tag === "Up"
          if (wasUp) states.delete(name)
          return wasUp ? "closed" : "absent"
        }),
      list: Effect.sync(() =>
        Array.from(states, ([name, state]): NodeStatus => ({ ...untroubled, name, state, ...standing[name] }))
      ),
      health: () => Effect.undefined,
      refusal: () => Effect.undefined,
      approach: (name) =>
        Effect.succeed({
          tell: (what) => void found?.push(what),
          ...(leftAlone[name] !== undefined && { leftAlone: leftAlone[name] })
        }),
      refused: () => Effect.void,
      reset: () => Effect.undefined,
      look: (name) => Effect.succeed(looks[name]),
      changes: Effect.succeed(changes),
      healthChanges: Effect.succeed(healthChanges)
    })
  })

const fakeTargets = ({
  configured = [],
  cookies = [],
  epmdPort = 1,
  leftOut = [],
  problem
}: World): Layer.Layer<Targets> => {
  const nodes = configured.map((node) => (typeof node === "string" ? { name: node } : node))
  return targetsOf({
    nodes: Effect.succeed(nodes),
    entries: Effect.succeed([...nodes, ...leftOut]),
    problem: Effect.succeed(problem),
    epmdPort,
    cookies: Effect.succeed(cookies.map((cookie) => Redacted.make(cookie))),
    resolve: (name) => Effect.fail(new TargetError({ node: name, message: "there is no cookie." }))
  })
}

/** The services below the catalogue, as a test wants them. */
export const groundLayer = (world: World): Layer.Layer<Nodes | Targets | Policy> =>
  Layer.mergeAll(fakeNodes(world), fakeTargets(world), Policy.layer({ hostNames: ["box"], ...world.policy }))

/** The services around the catalogue, as a test wants them: one session is all there is. */
export const worldLayer = (world: World): Layer.Layer<Nodes | Targets | Policy | Session> =>
  Layer.merge(groundLayer(world), Layer.effect(Session, Session.make({ mode: world.mode ?? "elixir" })))
