import { Effect, type Scope } from "effect"
import type { DistError } from "../dist/DistError.ts"
import { connect, type LinkOptions } from "../dist/Link.ts"
import { atom, Atom, binary } from "../etf/Term.ts"
import { askRoom, ensureRoom, tellNames } from "./AtomRoom.ts"
import { makeAgent, type RunAgent } from "./Agent.ts"
import type { Verdict } from "./Breaker.ts"
import type { Call, CallOptions } from "./Call.ts"
import { CallError } from "./CallError.ts"
import { Calls } from "./Calls.ts"
import { type Capabilities, probe } from "./Capabilities.ts"
import { isLikeAWord } from "./CookieStrength.ts"
import { LocalProcesses } from "./LocalProcesses.ts"
import type { NodeTarget } from "./Targets.ts"
import { TickTime } from "./TickTime.ts"
import { besideWords, callThrough, lostThrough, throughTunnel } from "./Tunnelled.ts"
import { waitingForRoom } from "./WhereFull.ts"
import { within } from "./Within.ts"

/** How long a question may take. */
export type Patience = Pick<CallOptions, "timeoutMillis">

/** A node that we are connected to. Valid for as long as the scope that it was got in. */
export interface ErlangNode {
  /** The node's full name, `name@host`. */
  readonly name: string
  /** The node's incarnation; a restarted node has the same name and another creation. */
  readonly creation: number
  /** Our own name towards this node. */
  readonly localName: string
  readonly capabilities: Capabilities
  /** Whether the cookie that it took is like a word; see {@link isLikeAWord}. */
  readonly hasWordCookie: boolean
  readonly call: Call
  readonly runAgent: RunAgent
  /** Functions of the agent that were interpreted, slowly, to spare a busy node of many processes the loading of them. */
  readonly sparedLoads: () => number
  /** The atom of this name if the node has one, so that no text from a user adds to its atom table. */
  readonly existingAtom: (text: string, options?: Patience) => Effect.Effect<Atom, CallError>
  /** Milliseconds from a request to its reply, measured now. */
  readonly roundTrip: (options?: Patience) => Effect.Effect<number, CallError>
  /** Asks how long the node lets its peers be silent, which may have been changed, and keeps to that. */
  readonly askTickTime: Effect.Effect<void>
  /** Milliseconds since anything came from the node, its ticks included. */
  readonly silentMillis: () => number
  /** Whether its process table had room for the latest process that we know of. */
  readonly hasRoom: () => boolean
  /** Ends when the link does, with why. */
  readonly lost: Effect.Effect<DistError>
  /** Why the link was lost, with what the tunnel's command says of that, if one leads there: waits a moment for it. */
  readonly whyLost: (why: DistError) => Effect.Effect<DistError>
  /** Closes the link at once, whoever else uses it. */
  readonly disconnect: Effect.Effect<void>
}

/** Atoms that a node is known to have are remembered up to this number. */
const maxKnownAtoms = 4_096

/** How a node is joined: in how much time (`timeoutMillis`, for all that it takes), and who hears how its calls end. */
export interface JoinOptions extends Pick<
  LinkOptions,
  "timeoutMillis" | "onPlace" | "onShaken" | "onStage" | "joinedAs"
> {
  /**
   * Told of each call what its end says of the node's health, if it says anything. Of calls that were under way together
   * and failed it hears once.
   */
  readonly onVerdict?: (verdict: Verdict) => void
}

/** Connects to a node and finds out what it can do. The link closes, and with it all that runs for us, with the scope. */
export const joinNode = (
  target: NodeTarget,
  { joinedAs, onPlace, onShaken, onStage, onVerdict, timeoutMillis }: JoinOptions = {}
): Effect.Effect<ErlangNode, DistError | CallError, Scope.Scope> =>
  Effect.gen(function* () {
    const start = performance.now()
    const { agent: _, cookieSource: __, name, ourName, tunnel, ...reach } = target
    const millis = timeoutMillis && besideWords(tunnel, timeoutMillis)
    const link = yield* connect({
      ...reach,
      node: name,
      ...(ourName === undefined ? {} : { localName: ourName }),
      ...(joinedAs !== undefined && { joinedAs }),
      ...(onShaken !== undefined && { onShaken }),
      ...(onStage !== undefined && { onStage }),
      ...(onPlace !== undefined && { onPlace }),
      ...(millis !== undefined && { timeoutMillis: millis })
    }).pipe(throughTunnel(tunnel))
    const processes = new LocalProcesses(link)
    const calls = new Calls(link, processes, onVerdict)
    link.attach(processes.handler, calls.linkLost)
    const plain = waitingForRoom(
      callThrough(tunnel, (module, func, args, bounds) => calls.call(module, func, args, bounds))
    )
    const call: Call = (module, func, args, bounds) =>
      // The one question among OTP's that makes atoms by the hundred: the names of what allocators tell.
      module === "erlang" && func === "memory"
        ? Effect.andThen(
            Effect.flatMap(askRoom(plain, bounds), ({ atoms }) => ensureRoom(name, "erlang:memory/0", atoms, "memory")),
            plain(module, func, args, bounds)
          )
        : plain(module, func, args, bounds)
    // Without a limit each question has that of any call.
    const ask = millis === undefined ? call : within(call, name, { millis, end: start + millis })
    const { atoms, processLimit } = yield* askRoom(ask)
    calls.learnProcessLimit(processLimit)
    yield* ensureRoom(name, "connecting", atoms, "joining")
    const [capabilities, tickTime] = yield* Effect.all(
      [probe(ask, target.name), ask("net_kernel", "get_net_ticktime", []), tellNames(ask)],
      { concurrency: "unbounded" }
    )
    calls.learn(capabilities.otpRelease)
    const ticking = new TickTime(link, call)
    ticking.learn(tickTime)
    yield* Effect.forkScoped(Effect.raceFirst(ticking.askWhenSilent, link.lost))

    const knownAtoms = new Map<string, Atom>()
    const existingAtom = (text: string, patience?: Patience): Effect.Effect<Atom, CallError> => {
      const known = knownAtoms.get(text)
      if (known !== undefined) return Effect.succeed(known)
      const unknown = new CallError({
        node: target.name,
        target: "erlang:binary_to_existing_atom/2",
        reason: { _tag: "UnknownAtom", text }
      })
      if (Array.from(text).length > 255) return Effect.fail(unknown)
      return call("erlang", "binary_to_existing_atom", [binary(text), atom("utf8")], patience).pipe(
        Effect.flatMap((term) => {
          if (!(term instanceof Atom)) return Effect.fail(unknown)
          if (knownAtoms.size < maxKnownAtoms) knownAtoms.set(text, term)
          return Effect.succeed(term)
        }),
        Effect.catchReason("CallError", "Raised", () => Effect.fail(unknown))
      )
    }
    let sparedLoads = 0
    const runAgent = makeAgent({
      call,
      capabilities,
      node: target.name,
      mode: target.agent ?? "auto",
      owner: processes.add({ limitBytes: 0 }),
      onSpared: () => void sparedLoads++
    })
    return {
      name: link.peer.name,
      creation: link.peer.creation,
      localName: link.local.name,
      capabilities,
      hasWordCookie: isLikeAWord(target.cookie),
      call,
      runAgent,
      sparedLoads: () => sparedLoads,
      existingAtom,
      roundTrip: (patience) =>
        Effect.suspend(() => {
          const start = performance.now()
          return Effect.map(call("erlang", "self", [], patience), () => performance.now() - start)
        }),
      askTickTime: ticking.ask,
      silentMillis: link.silentMillis,
      hasRoom: calls.hasRoom,
      lost: link.lost,
      whyLost: lostThrough(tunnel),
      disconnect: link.close
    }
  })
