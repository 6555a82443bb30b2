import { Effect, Semaphore } from "effect"
import { Buffer } from "node:buffer"
import { deflateSync } from "node:zlib"
import { decode } from "../etf/Decode.ts"
import { atom, Binary, charlist, isAtom, isTuple, list, map, type Pid, type Term } from "../etf/Term.ts"
import { agent, loadsOn, run } from "./agent/agent.generated.ts"
import type { AgentModule } from "./agent/AgentModule.ts"
import { ensureRoom } from "./AtomRoom.ts"
import { CallError } from "./CallError.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { Call, CallOptions } from "./Call.ts"
import { askLoad, type Load } from "./Load.ts"
import type { AgentMode } from "./Targets.ts"

type Subject = keyof typeof agent

type ModuleOf<Of extends Subject> = Awaited<ReturnType<(typeof agent)[Of]>>

/** A function of the agent (`erlang/agent/`), each of one argument. */
export type AgentFunction = {
  [Of in Subject]: `${Of}:${keyof ModuleOf<Of>["interpreted"] & string}`
}[Subject]

/** Runs a function of the agent, interpreted or loaded as the node's setting and size ask for. */
export type RunAgent = (func: AgentFunction, argument: Term, options?: CallOptions) => Effect.Effect<Term, CallError>

/**
 * Heap that a function of the agent gets, in words. On a node with very many processes the list of their pids alone
 * takes much of it: with a million, 8 Mi words were not enough and 16 Mi were (OTP 25). Where all of them are linked to one,
 * or are its children, they are put in order, too: 22 to 35 words for each (OTP 25 and 27).
 */
const minHeapWords = 8 * 1024 * 1024
const heapWordsPerProcess = 40

/**
 * What runs once costs a node less when it is interpreted, but where many processes wait for each scheduler, one of low
 * priority is passed over eight times for each of its turns: what takes 20 ms on a node at rest took 5 s with 20
 * waiting for each (OTP 25), and 0.7 s loaded. To take a module off again, a node looks into every process that it has,
 * and its code server answers nobody meanwhile, so that no other module can be loaded. With 20 waiting for each of two
 * schedulers that took 0.9 s for 10,000 processes and 19 to 69 s for 200,000 (OTP 25 and 27; at rest 0.3 to 0.8 s);
 * others were not held up.
 */
const crowded = 4
const fewProcesses = 10_000

/** Milliseconds that the code server of a node has to load a module. What it has not done by then is interpreted. */
const loadingMillis = 3_000

/** The expression and its bindings that `erl_eval:expr/5` is called with; see `run` in the generated file. */
const runExpression = decode(Buffer.from(run, "base64"))
const none = atom("none")
const value = atom("value")

/**
 * An expression as the node gets it: in external format, as a binary, so that its atoms are made where it runs; and
 * compressed, which makes a tenth of it.
 */
const compressed = (base64: string): Binary => {
  const bytes = Buffer.from(base64, "base64").subarray(1)
  const head = Buffer.from([131, 80, 0, 0, 0, 0])
  head.writeUInt32BE(bytes.length, 2)
  return new Binary(Buffer.concat([head, deflateSync(bytes)]))
}

const expressions = new Map<AgentFunction, Binary>()

const expressionOf = (target: AgentFunction, func: string, { interpreted }: AgentModule<string>): Binary => {
  let expression = expressions.get(target)
  if (expression === undefined) {
    expression = compressed(interpreted[func]!)
    expressions.set(target, expression)
  }
  return expression
}

const moduleOf = (subject: Subject) => Effect.promise<AgentModule<string>>(agent[subject])

/** What is left, for each of several calls, of the time that they have together. */
const sharing = ({ timeoutMillis }: CallOptions = {}): (() => CallOptions) => {
  if (timeoutMillis === undefined) return () => ({})
  const end = performance.now() + timeoutMillis
  return () => ({ timeoutMillis: Math.max(1, end - performance.now()) })
}

/**
 * How the agent's functions run on one node. Interpreted, the node evaluates their abstract forms and nothing is
 * loaded. Loaded, the module is there under a name of its own version, and a janitor on the node removes it when the
 * last link that uses it is gone.
 */
export const makeAgent = (options: {
  readonly call: Call
  readonly capabilities: Capabilities
  readonly node: string
  readonly mode: AgentMode
  /** A process of ours that lives as long as the link. */
  readonly owner: Pid
  /** Told when a function is interpreted where it would run faster loaded: there are too many processes for that. */
  readonly onSpared?: () => void
}): RunAgent => {
  const { call, capabilities, mode, node, onSpared, owner } = options
  const isLoadable = capabilities.otpRelease >= loadsOn.oldest && capabilities.otpRelease <= loadsOn.newest
  const loaded = new Set<string>()
  const refused = new Set<string>()
  const loading = Semaphore.makeUnsafe(1)

  const interpret = Effect.fnUntraced(function* (target: AgentFunction, argument: Term, callOptions?: CallOptions) {
    const [subject, func] = target.split(":") as [Subject, string]
    const bindings = list([
      [atom("A"), argument],
      [atom("E"), expressionOf(target, func, yield* moduleOf(subject))]
    ])
    return yield* call("erl_eval", "expr", [runExpression, bindings, none, none, value], callOptions)
  })

  /** Whether the module is there now, loaded by us. */
  const load = (
    { beam, md5, module: name }: AgentModule<string>,
    within: () => CallOptions
  ): Effect.Effect<boolean, CallError> =>
    Effect.suspend(() => {
      if (loaded.has(name)) return Effect.succeed(true)
      if (refused.has(name)) return Effect.succeed(false)
      return Effect.gen(function* () {
        // The janitor first: whatever happens next, what we load has somebody to remove it.
        yield* interpret(
          "beamscope_janitor:hold",
          map([
            [atom("module"), atom(name)],
            [atom("owner"), owner]
          ]),
          within()
        )
        const isThere =
          isAtom(yield* call("erlang", "module_loaded", [atom(name)], within()), "true") ||
          isTuple(
            yield* call(
              "code",
              "load_binary",
              [atom(name), charlist("beamscope"), new Binary(Buffer.from(beam, "base64"))],
              { timeoutMillis: Math.min(within().timeoutMillis ?? Infinity, loadingMillis) }
            ).pipe(Effect.catchReason("CallError", "DeadlineExceeded", () => Effect.succeed(atom("late")))),
            "module"
          )
        const digest = isThere ? yield* call(name, "module_info", [atom("md5")], within()) : undefined
        const isOurs = digest instanceof Binary && Buffer.from(digest.view()).toString("hex") === md5
        ;(isOurs ? loaded : refused).add(name)
        return isOurs
      })
    }).pipe(loading.withPermits(1))

  const shouldLoad = ({ processes = Infinity, runQueue = 0 }: Load): boolean => {
    if (!isLoadable) return false
    const wouldHelp = mode === "auto" && runQueue >= crowded
    if (wouldHelp && processes > fewProcesses) onSpared?.()
    return mode === "load" || (wouldHelp && processes <= fewProcesses)
  }

  const perform = Effect.fnUntraced(function* (target: AgentFunction, argument: Term, callOptions?: CallOptions) {
    if (mode === "none") {
      const detail = "the agent is switched off for this node (--agent none)"
      return yield* new CallError({ node, target, reason: { _tag: "Unsupported", detail } })
    }
    const [subject, func] = target.split(":") as [Subject, string]
    const module = yield* moduleOf(subject)
    const within = sharing(callOptions)
    const standing = yield* askLoad(call, within())
    yield* ensureRoom(node, target, standing.atoms, subject === "beamscope_code" ? "modules" : "agent")
    const maxHeapWords = Math.max(minHeapWords, heapWordsPerProcess * (standing.processes ?? 0))
    const bounds = () => ({ maxHeapWords, ...callOptions, ...within() })
    const wantsLoaded = loaded.has(module.module) || shouldLoad(standing)
    if (!wantsLoaded || !(yield* load(module, within))) return yield* interpret(target, argument, bounds())
    return yield* call(module.module, func, [argument], bounds()).pipe(
      // Taken away behind our back (code:delete/1, code:purge/1): back to what always works.
      Effect.catchReason("CallError", "Raised", (raised, error) => {
        const [frame] = raised.stack
        if (!isAtom(raised.reason, "undef") || frame?.module !== module.module) return Effect.fail(error)
        loaded.delete(module.module)
        return interpret(target, argument, bounds())
      })
    )
  })
  // Told under the function's own name, whichever way it ran.
  return (target, argument, callOptions) =>
    Effect.mapError(
      perform(target, argument, callOptions),
      ({ reason }) => new CallError({ node, target: `${target}/1`, reason })
    )
}
