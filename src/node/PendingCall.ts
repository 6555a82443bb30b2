import { Effect } from "effect"
import type { DistError } from "../dist/DistError.ts"
import type { Link } from "../dist/Link.ts"
import type { DropReason } from "../dist/Messages.ts"
import type { Encoded } from "../etf/Encode.ts"
import type { Pid, Term } from "../etf/Term.ts"
import type { Verdict } from "./Breaker.ts"
import type { CallOptions } from "./Call.ts"
import { CallError, type CallReason, type WorkerAtDeadline } from "./CallError.ts"
import type { Deadlines, Expiring } from "./Deadlines.ts"
import type { LocalProcess, LocalProcesses } from "./LocalProcesses.ts"
import { envelopeBytes, failure, type Outcome, verdictOf } from "./Outcome.ts"
import type { Verdicts } from "./Verdicts.ts"

/** Bounds of a call that says no others. */
export const defaults = {
  timeoutMillis: 5_000,
  maxReplyBytes: 16 * 1024 * 1024
} as const

/** Milliseconds before its deadline at which a call that is given up counts as late, half of its time at most. */
const almostMillis = 100

/** What all calls over one link share. */
export interface CallSetting {
  readonly link: Link
  readonly processes: LocalProcesses
  readonly deadlines: Deadlines
  readonly verdicts: Verdicts
  /** Of every process that works for us. */
  readonly groupLeader: Encoded
}

/** What is called, and within which bounds. */
export interface CallRequest {
  readonly module: string
  readonly func: string
  readonly args: ReadonlyArray<Term>
  readonly options: CallOptions
}

/**
 * A call under way: a process of ours that waits for the reply, for its deadline or for the loss of the link, whichever
 * comes first. A class, and calls are objects of it: hundreds are made in one turn, and closures would be the most of it.
 */
export abstract class PendingCall implements LocalProcess, Expiring {
  readonly limitBytes: number
  protected readonly setting: CallSetting
  protected readonly request: CallRequest
  /** Bytes that the value may have. */
  protected readonly valueBytes: number
  /** The pid that the node knows it by. */
  protected readonly self: Pid
  readonly #resume: (end: Effect.Effect<Term, CallError>) => void
  readonly #timeoutMillis: number
  readonly #start: number
  readonly #deadline: number
  readonly #failuresBefore: number
  #isOver = false

  constructor(setting: CallSetting, request: CallRequest, resume: (end: Effect.Effect<Term, CallError>) => void) {
    const { maxReplyBytes = defaults.maxReplyBytes, timeoutMillis = defaults.timeoutMillis } = request.options
    this.setting = setting
    this.request = request
    this.valueBytes = maxReplyBytes
    this.limitBytes = maxReplyBytes + envelopeBytes
    this.#resume = resume
    this.#timeoutMillis = timeoutMillis
    this.#start = performance.now()
    this.#failuresBefore = setting.verdicts.failures
    this.self = setting.processes.add(this)
    this.#deadline = setting.deadlines.add(this.#start + timeoutMillis, this)
  }

  /** Sends the request. Throws an `EtfError` for arguments that cannot be sent; the call is over then. */
  start(): void {
    try {
      this.send()
    } catch (error) {
      this.#end()
      throw error
    }
  }

  /** The caller wants no reply any more: stops what runs for it. */
  giveUp(): void {
    if (this.#isOver) return
    this.#end()
    this.stop()
    // Who has the same deadline may have been faster. A caller that changed its mind says nothing of the node.
    const patienceMillis = Math.max(this.#timeoutMillis / 2, this.#timeoutMillis - almostMillis)
    if (performance.now() - this.#start >= patienceMillis) this.#judge("failure")
  }

  expire(): void {
    if (this.#isOver) return
    this.fail({ _tag: "DeadlineExceeded", millis: this.#timeoutMillis, worker: this.stop() })
  }

  linkLost(cause: DistError): void {
    this.fail({ _tag: "LinkLost", cause })
  }

  protected abstract send(): void

  /** Ends what runs on the node, as far as that can be done. */
  protected abstract stop(): WorkerAtDeadline

  /** The reply was dropped. */
  protected failDropped(why: DropReason): void {
    this.fail(why === "limit" ? { _tag: "ReplyTooLarge", limitBytes: this.valueBytes } : { _tag: "RepliesCrowded" })
  }

  protected fail(reason: CallReason): void {
    this.settle(failure(reason))
  }

  protected settle(outcome: Outcome): void {
    if (this.#isOver) return
    this.#end()
    const verdict = verdictOf(outcome)
    if (verdict !== undefined) this.#judge(verdict)
    this.#resume(
      outcome._tag === "Value"
        ? Effect.succeed(outcome.value)
        : Effect.fail(callError(this.setting.link, this.request, outcome.reason))
    )
  }

  #judge(verdict: Verdict): void {
    if (this.request.options.isLook !== true) this.setting.verdicts.tell(verdict, this.#failuresBefore)
  }

  #end(): void {
    this.#isOver = true
    this.setting.deadlines.drop(this.#deadline)
    this.setting.processes.remove(this.self)
  }
}

/** The error of a call over a link. */
export const callError = (link: Link, { args, func, module }: CallRequest, reason: CallReason): CallError =>
  new CallError({ node: link.peer.name, target: `${module}:${func}/${args.length}`, reason })
