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
  const items = ["registered_name", "status", "message_queue_len", "current_stacktrace", "current_function"].map(atom)
  return Effect.flatMap(
    node.call("erlang", "process_info", [pid, list(items)]),
    readReply(node, "erlang:process_info/2", readStackTrace)
  ).pipe(Effect.map(({ trace }) => trace))
}

const readStackTrace = (reply: Term): { readonly trace: StackTrace | undefined } | undefined => {
  if (isAtom(reply, "undefined")) return { trace: undefined }
  const [name, status, messages, stack, current] = (listItems(reply) ?? []).map((pair) =>
    isTuple(pair) ? pair[1] : undefined
  )
  const calls = readStack(stack)
  // Who hibernates has no stack, but a place where it does that.
  const frames = calls?.length === 0 && isTuple(current) ? readStack(list([[...current, list([])]])) : calls
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
  /** A pid, or `{Name, Node}` for a process of another node that was called by its name. */
  readonly pid: Term
  /** Absent for a process that has ended, and for one of another node. */
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
    | { readonly _tag: "OneOf"; readonly candidates: ReadonlyArray<Term>; readonly count: number }
    /** It goes on behind the last one. */
    | { readonly _tag: "Further" }
}

/** How far a chain of waiting processes is followed. */
const maxSteps = 5

/** Bytes of monitors up to which a process is looked at for whom it waits, and how many of them are told apart and named. */
const maxMonitorBytes = 256 * 1024
const maxMonitored = 100
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
  const callers: Array<Caller> = []
  for (let at = pid; ;) {
    const caller = yield* readCaller(node, at)
    if (caller === undefined) return steps.length === 0 ? undefined : { steps, end: { _tag: "Culprit" } }
    callers.push(caller)
    const [monitored] = caller.monitored
    if (monitored === undefined || caller.monitored.length > 1) {
      const candidates = caller.monitored.slice(0, maxCandidates)
      return { steps, end: { _tag: "OneOf", candidates, count: caller.monitored.length } }
    }
    const callee = yield* processOf(node, monitored)
    const to = callers.findIndex((it) => callee !== undefined && equal(it.pid, callee))
    if (to !== -1) {
      const isStuck = yield* standStill(node, callers.slice(to))
      return { steps, end: isStuck ? { _tag: "Cycle", to } : { _tag: "Further" } }
    }
    if (steps.length === maxSteps) return { steps, end: { _tag: "Further" } }
    if (callee === undefined) {
      // A name that nobody has any more, or one of another node.
      const isHere = isTuple(monitored) && isAtom(monitored[1], node.name)
      return { steps: [...steps, { pid: monitored }], end: { _tag: isHere ? "Ended" : "Elsewhere" } }
    }
    const process = yield* stackTrace(node, callee)
    if (process === undefined) return { steps: [...steps, { pid: callee }], end: { _tag: "Ended" } }
    steps.push({ pid: callee, process })
    if (!isInCall(process.frames)) return { steps, end: { _tag: "Culprit" } }
    at = callee
  }
})

/** A process in the middle of a call. */
interface Caller {
  readonly pid: Pid
  /** Pids, and `{Name, Node}`: whose answer it may wait for. */
  readonly monitored: ReadonlyArray<Term>
  readonly reductions: number
}

/** `undefined` when it is in no call (any more), or monitors too many to say. */
const readCaller = Effect.fnUntraced(function* (
  node: ErlangNode,
  pid: Pid
): Effect.fn.Return<Caller | undefined, CallError> {
  const items = list(["monitors", "current_stacktrace", "reductions"].map(atom))
  const reply = yield* node.call("erlang", "process_info", [pid, items], { maxReplyBytes: maxMonitorBytes }).pipe(
    Effect.catchReasons("CallError", {
      ReplyTooLarge: () => Effect.succeed(atom("undefined")),
      HeapLimit: () => Effect.succeed(atom("undefined"))
    })
  )
  const [monitors, stack, work] = (listItems(reply) ?? []).map((pair) => (isTuple(pair) ? pair[1] : undefined))
  const reductions = readCount(work)
  if (reductions === undefined || !isInCall(readStack(stack) ?? [])) return undefined
  const monitored: Array<Term> = []
  for (const monitor of listItems(monitors) ?? []) {
    const [kind, process] = isTuple(monitor) ? monitor : []
    if (!isAtom(kind, "process") || process === undefined) continue
    if (!monitored.some((it) => equal(it, process))) monitored.push(process)
    if (monitored.length > maxMonitored) break
  }
  return monitored.length === 0 ? undefined : { pid, monitored, reductions }
})

/**
 * Reductions that a process may make between two looks at it and still be in the same call: each look costs it one,
 * somebody else may be looking, too; and to begin another call takes more.
 */
const looks = 5

/**
 * Whether none of them has run since it was read: then all of them were waiting at once, between the two readings, and
 * it was not that each was seen in another call.
 */
const standStill = Effect.fnUntraced(function* (
  node: ErlangNode,
  callers: ReadonlyArray<Caller>
): Effect.fn.Return<boolean, CallError> {
  for (const { pid, reductions } of callers) {
    const now = yield* readCaller(node, pid)
    if (now === undefined || now.reductions - reductions > looks) return false
  }
  return true
})

/** The process of this node that is monitored, by its pid or its name; `undefined` for one of another node. */
const processOf = Effect.fnUntraced(function* (
  node: ErlangNode,
  monitored: Term
): Effect.fn.Return<Pid | undefined, CallError> {
  if (monitored instanceof Pid) return monitored.node.text === node.name ? monitored : undefined
  if (!isTuple(monitored) || !(monitored[0] instanceof Atom) || !isAtom(monitored[1], node.name)) return undefined
  const found = yield* node.call("erlang", "whereis", [monitored[0]])
  return found instanceof Pid ? found : undefined
})
