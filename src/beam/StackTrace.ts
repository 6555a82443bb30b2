import { Effect } from "effect"
import { atom, Atom, isAtom, isTuple, list, listItems, type Pid, type Term } from "../etf/Term.ts"
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
