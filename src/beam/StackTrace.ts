import { Effect } from "effect"
import { equal } from "../etf/Equal.ts"
import { atom, Atom, isAtom, isTuple, list, listItems, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readStack, type StackFrame } from "../node/StackFrame.ts"
import { readCount } from "./ProcessRow.ts"
import { readReply } from "./Reply.ts"

/** Where a process stands now. */
export interface StackTrace {
  readonly registeredName: string | undefined
  readonly status: string
  readonly messageQueueLength: number
  /** The innermost call first; the node keeps as many as its `backtrace_depth` says (8 by default). */
  readonly frames: ReadonlyArray<StackFrame>
}

/** The current stack of a process; `undefined` when there is no such process (any more). */
export const stackTrace = (node: ErlangNode, pid: Pid): Effect.Effect<StackTrace | undefined, CallError> => {
  const items = ["registered_name", "status", "message_queue_len", "current_stacktrace"].map(atom)
  return Effect.flatMap(
    node.call("erlang", "process_info", [pid, list(items)]),
    readReply(node, "erlang:process_info/2", readStackTrace)
  ).pipe(Effect.map(({ trace }) => trace))
}

const readStackTrace = (reply: Term): { readonly trace: StackTrace | undefined } | undefined => {
  if (isAtom(reply, "undefined")) return { trace: undefined }
  const [name, status, messages, stack] = (listItems(reply) ?? []).map((pair) => (isTuple(pair) ? pair[1] : undefined))
  const frames = readStack(stack)
  if (frames === undefined || !(status instanceof Atom)) return undefined
  return {
    trace: {
      registeredName: name instanceof Atom ? name.text : undefined,
      status: status.text,
      messageQueueLength: readCount(messages) ?? 0,
      frames
    }
  }
}

/** A process that another one waits for. */
export interface WaitStep {
  readonly pid: Pid
  /** Absent for a process of another node. */
  readonly process?: StackTrace
}

/** For whom a process waits that is in the middle of a call (`gen:call`, so `GenServer.call` too), and for whom those wait. */
export interface Waiting {
  readonly steps: ReadonlyArray<WaitStep>
  readonly end:
    /** The last one waits for nobody's answer. */
    | { readonly _tag: "Culprit" }
    /** The last one waits for the process at this place, 0 being the one that was asked for: nobody will ever answer. */
    | { readonly _tag: "Cycle"; readonly to: number }
    /** The last one lives on another node. */
    | { readonly _tag: "Elsewhere" }
    /** The last one has ended: the answer that it was to give will not come. */
    | { readonly _tag: "Ended" }
    /** The last one monitors several, and is waiting for one of them. */
    | { readonly _tag: "OneOf"; readonly candidates: ReadonlyArray<Pid>; readonly count: number }
    /** It goes on behind the last one. */
    | { readonly _tag: "Further" }
}

/** How far a chain of waiting processes is followed. */
const maxSteps = 5

/** Who monitors more than this is not looked at for whom it waits. */
const maxMonitorBytes = 256 * 1024
const maxCandidates = 5

/** The process waits for the answer to a call: it has sent the request and monitors who is to answer. */
const isInCall = (frames: ReadonlyArray<StackFrame>): boolean =>
  frames.slice(0, 2).some(({ function: name, module }) => module === "gen" && name === "do_call")

/**
 * For whom a process waits; `undefined` when it is not in the middle of a call. Read from what processes monitor, one
 * after the other: each step is true of its own moment.
 */
export const waiting = Effect.fnUntraced(function* (
  node: ErlangNode,
  pid: Pid,
  trace: StackTrace
): Effect.fn.Return<Waiting | undefined, CallError> {
  if (!isInCall(trace.frames)) return undefined
  const steps: Array<WaitStep> = []
  const chain = [pid]
  for (;;) {
    const last = chain.at(-1)!
    const called = yield* callees(node, last)
    if (called === undefined) return steps.length === 0 ? undefined : { steps, end: { _tag: "Culprit" } }
    const [callee] = called
    if (callee === undefined || called.length > 1) {
      return { steps, end: { _tag: "OneOf", candidates: called.slice(0, maxCandidates), count: called.length } }
    }
    const to = chain.findIndex((it) => equal(it, callee))
    if (to !== -1) return { steps, end: { _tag: "Cycle", to } }
    if (steps.length === maxSteps) return { steps, end: { _tag: "Further" } }
    if (callee.node.text !== node.name) return { steps: [...steps, { pid: callee }], end: { _tag: "Elsewhere" } }
    const process = yield* stackTrace(node, callee)
    if (process === undefined) return { steps: [...steps, { pid: callee }], end: { _tag: "Ended" } }
    steps.push({ pid: callee, process })
    if (!isInCall(process.frames)) return { steps, end: { _tag: "Culprit" } }
    chain.push(callee)
  }
})

/** Whom a process may wait for: all that it monitors. `undefined` when it is in no call (any more). */
const callees = Effect.fnUntraced(function* (
  node: ErlangNode,
  pid: Pid
): Effect.fn.Return<ReadonlyArray<Pid> | undefined, CallError> {
  const items = list(["monitors", "current_stacktrace"].map(atom))
  const reply = yield* node.call("erlang", "process_info", [pid, items], { maxReplyBytes: maxMonitorBytes }).pipe(
    Effect.catchReasons("CallError", {
      ReplyTooLarge: () => Effect.succeed(atom("undefined")),
      HeapLimit: () => Effect.succeed(atom("undefined"))
    })
  )
  const [monitors, stack] = (listItems(reply) ?? []).map((pair) => (isTuple(pair) ? pair[1] : undefined))
  if (!isInCall(readStack(stack) ?? [])) return undefined
  const found: Array<Pid> = []
  for (const monitor of listItems(monitors) ?? []) {
    if (!isTuple(monitor, "process")) continue
    const callee = yield* processOf(node, monitor[1])
    if (callee !== undefined && !found.some((it) => equal(it, callee))) found.push(callee)
    if (found.length > 100) break
  }
  return found.length === 0 ? undefined : found
})

/** A monitored process: a pid, or `{Name, Node}`. */
const processOf = Effect.fnUntraced(function* (
  node: ErlangNode,
  monitored: Term | undefined
): Effect.fn.Return<Pid | undefined, CallError> {
  if (monitored instanceof Pid) return monitored
  if (!isTuple(monitored) || !(monitored[0] instanceof Atom) || !isAtom(monitored[1], node.name)) return undefined
  const found = yield* node.call("erlang", "whereis", [monitored[0]])
  return found instanceof Pid ? found : undefined
})
