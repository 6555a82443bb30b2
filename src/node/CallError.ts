import { Data } from "effect"
import type { DistError } from "../dist/DistError.ts"
import { Atom, isTuple, type Term } from "../etf/Term.ts"
import type { StackFrame } from "./StackFrame.ts"

/**
 * What becomes of the worker of a call whose deadline passed: it was told to die (`killed`), it will be as soon as the
 * node says that it has started it (`awaited`), or nothing can stop it (`unstoppable`, by way of `rex`). There is none where
 * the deadline had passed before the node was asked (`not_started`).
 */
export type WorkerAtDeadline = "killed" | "awaited" | "unstoppable" | "not_started"

const atDeadline: Record<WorkerAtDeadline, string> = {
  killed: "its worker was killed",
  awaited: "the node has not said that it began with it, and is told to stop once it does",
  unstoppable: "it goes on there, since the node cannot be told to stop it",
  not_started: "that time was over before it was asked"
}

/**
 * What may make atoms on a node: joining it, a second link to it, `erlang:memory/0`, a function of the agent, and one that
 * reads what modules keep packed.
 */
export type MakerOfAtoms = "joining" | "second_link" | "memory" | "agent" | "modules"

/** Why a call to a node gave no value. */
export type CallReason =
  /** The function ran and raised. `reason` is the term that it raised with. */
  | {
      readonly _tag: "Raised"
      readonly class: "error" | "exit" | "throw"
      readonly reason: Term
      readonly stack: ReadonlyArray<StackFrame>
    }
  /** The deadline passed. */
  | { readonly _tag: "DeadlineExceeded"; readonly millis: number; readonly worker: WorkerAtDeadline }
  /**
   * The reply was dropped: on arrival, fragment by fragment, or because it held more than `limitTerms`. The link is
   * unharmed.
   */
  | { readonly _tag: "ReplyTooLarge"; readonly limitBytes: number; readonly limitTerms?: number }
  /** The reply was dropped on arrival because too much else was arriving at the same time. */
  | { readonly _tag: "RepliesCrowded" }
  /** The worker was killed: by the node when it outgrew the heap that it was given, or by somebody else there. */
  | { readonly _tag: "HeapLimit"; readonly limitWords: number }
  /** The worker was killed by somebody else, or could not be started. */
  | { readonly _tag: "WorkerDied"; readonly reason: Term }
  /**
   * The node can start no process: there are as many as `+P` allows for, `limit` if that is known. `hasBegun`: the
   * function ran, and needed one more.
   */
  | { readonly _tag: "ProcessTableFull"; readonly limit: number | undefined; readonly hasBegun: boolean }
  /**
   * Nothing was sent, since it may make atoms on the node and is to have room for `needed`. There is room for `left` more
   * of `limit`, and a node without any crashes. Who joins a node can ask this only after the handshake, which may have made
   * some by then: the link is given up.
   */
  | {
      readonly _tag: "AtomsScarce"
      readonly left: number
      readonly limit: number
      readonly needed: number
      readonly maker: MakerOfAtoms
    }
  /** The node would not start a worker (`badopt`, `notsup`). */
  | { readonly _tag: "SpawnRefused"; readonly reason: string }
  /** No link: it was down when the call was made, or went down before the reply came. */
  | { readonly _tag: "LinkLost"; readonly cause: DistError }
  /** The reply could not be decoded within the limits. */
  | { readonly _tag: "UndecodableReply"; readonly detail: string }
  /** The node knows no atom of this name, so nothing there can be called that. */
  | { readonly _tag: "UnknownAtom"; readonly text: string }
  /** The node lacks what the call needs. */
  | { readonly _tag: "Unsupported"; readonly detail: string }

/**
 * Reasons that the emulator and OTP raise with, by their own names ("Errors and Error Handling", Exit Reasons): these may
 * stand in a message. Whatever else a function raises with may be anything, a secret too, and is for whoever reads `reason`.
 */
const namedReasons: ReadonlySet<string> = new Set(
  `badarg badarith badarity badfun badkey badmap badmatch case_clause function_clause if_clause nocatch noconnection noproc
  normal shutdown system_limit timeout timeout_value try_clause undef`.split(/\s+/u)
)

/** Which of those it was, if it was one. */
const reasonName = (reason: CallReason): string | undefined => {
  if (reason._tag !== "Raised") return undefined
  const name = isTuple(reason.reason) ? reason.reason[0] : reason.reason
  if (!(name instanceof Atom) || !namedReasons.has(name.text)) return undefined
  return isTuple(reason.reason) ? `{${name.text}, ...}` : name.text
}

/** What is left undone where atoms are scarce. */
const withoutAtoms = (target: string, { maker, needed }: Extract<CallReason, { _tag: "AtomsScarce" }>): string =>
  maker === "joining"
    ? `to be asked anything makes some, and is done only where there is room for ${needed}; the link was made, and is given up with nothing more asked. Each new one may make more of them, before their number can be asked`
    : `${target} makes some, and is done only where there is room for ${needed}; nothing was sent`

/** What became of a call, without the term that it raised with, for whoever prints that. */
export const withoutReason = (error: {
  readonly node: string
  readonly target: string
  readonly reason: CallReason
}): string => {
  const { node, reason, target } = error
  switch (reason._tag) {
    case "Raised":
      return `${target} raised ${reason.class === "error" ? "an error" : reason.class === "exit" ? "an exit" : "a throw"} on ${node}.`
    case "DeadlineExceeded":
      return `${target} on ${node} did not finish within ${Math.round(reason.millis)} ms; ${atDeadline[reason.worker]}.`
    case "ReplyTooLarge":
      return `the reply of ${target} on ${node} was larger than ${reason.limitTerms === undefined ? `${reason.limitBytes} bytes` : `${reason.limitTerms} terms`} and was dropped. Ask for less: a smaller limit, a filter, fewer fields.`
    case "RepliesCrowded":
      return `the reply of ${target} on ${node} was dropped: too many large replies were arriving at the same time. Try again, with fewer at once or by asking for less.`
    case "HeapLimit":
      return `${target} on ${node} was killed: it needed more than ${reason.limitWords} words of heap, or somebody on the node ended it.`
    case "WorkerDied":
      return `the worker that ran ${target} on ${node} was ended before it gave an answer.`
    case "ProcessTableFull":
      return `the process table of ${node} is full${reason.limit === undefined ? "" : ` (${reason.limit} processes, what +P allows for)`}: ${reason.hasBegun ? `${target} could start no more` : `it could start none for ${target}`}. Nothing new can run there until others end. On the node itself, in a shell that is open already, find who starts so many (count erlang:processes() by what erlang:process_info(Pid, initial_call) tells) and end them, or restart it with a larger +P. Keep the link meanwhile: where not one process is left, any connection that comes in, a remote shell's too, ends the node.`
    case "AtomsScarce":
      return `${node} has room for ${reason.left} more atoms, of ${reason.limit}: ${withoutAtoms(target, reason)}. No atom is ever taken back, and a node whose atom table is full crashes: it will do so by itself if whatever makes them goes on. Find that (list_to_atom, binary_to_atom, String.to_atom or JSON keys as atoms, of what comes from outside), and restart the node in time, with a larger +t.`
    case "SpawnRefused":
      return `${node} would not start a worker for ${target}: ${reason.reason}.`
    case "LinkLost":
      return `${target} on ${node} got no answer: ${reason.cause.message}`
    case "UndecodableReply":
      return `the reply of ${target} on ${node} could not be decoded: ${reason.detail}.`
    case "UnknownAtom":
      return `${node} knows no atom '${reason.text}', so nothing there can have that name. Check the spelling.`
    case "Unsupported":
      return `${node} cannot do this: ${reason.detail}.`
  }
}

/** A call that gave no value. `target` is what was called, as `module:function/arity`. */
export class CallError extends Data.TaggedError("CallError")<{
  readonly node: string
  readonly target: string
  readonly reason: CallReason
}> {
  override get message(): string {
    const name = reasonName(this.reason)
    return name === undefined ? withoutReason(this) : `${withoutReason(this)} Its reason: ${name}.`
  }
}
