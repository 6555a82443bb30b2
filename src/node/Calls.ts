import { Effect } from "effect"
import { Op } from "../dist/Control.ts"
import type { DistError } from "../dist/DistError.ts"
import * as Flags from "../dist/Flags.ts"
import type { Link } from "../dist/Link.ts"
import type { DropReason } from "../dist/Messages.ts"
import { decodeNext } from "../etf/Decode.ts"
import { Encoded } from "../etf/Encode.ts"
import { EtfError } from "../etf/EtfError.ts"
import { Atom, atom, isAtom, isTuple, list, listItems, map, Pid, Reference, type Term } from "../etf/Term.ts"
import type { Verdict } from "./Breaker.ts"
import { CallError, type CallReason } from "./CallError.ts"
import { Deadlines } from "./Deadlines.ts"
import type { CallOptions } from "./Call.ts"
import { startGroupLeader } from "./GroupLeader.ts"
import type { LocalProcess, LocalProcesses } from "./LocalProcesses.ts"
import { readStack, type StackFrame } from "./StackFrame.ts"

const defaults = {
  timeoutMillis: 5_000,
  maxReplyBytes: 16 * 1024 * 1024,
  maxHeapWords: 8 * 1024 * 1024
} as const

/**
 * Terms that a reply may hold, however few its bytes are: as many take some 60 MB here at worst (empty maps). A call
 * that allows more bytes than the default allows more terms, too.
 */
const leastTerms = 524_288
const bytesPerTerm = 32

/** Room on the wire for what stands around a value: the result tuple, a stack trace. */
const envelopeBytes = 64 * 1024

/** Milliseconds before its deadline at which a call that is given up counts as late, half of its time at most. */
const almostMillis = 100

const executeCall = Encoded.of([atom("erpc"), atom("execute_call"), 4])
const kill = atom("kill")

/**
 * Options of a worker (`erlang:spawn_opt/4`). The link makes it die with us. Low priority and the heap cap spare the
 * node; from OTP 27 on the cap may count large binaries too, which older releases let pass.
 */
const workerOptions = (maxHeapWords: number, countsBinaries: boolean): Encoded =>
  Encoded.of(
    list([
      atom("link"),
      [atom("priority"), atom("low")],
      [
        atom("max_heap_size"),
        map([
          [atom("size"), maxHeapWords],
          [atom("kill"), atom("true")],
          [atom("error_logger"), atom("false")],
          [atom("include_shared_binaries"), atom(String(countsBinaries))]
        ])
      ]
    ])
  )

/**
 * Calls to functions on the node, any number in flight. Each call is a process of ours that asks for a worker of its
 * own on the node (SPAWN_REQUEST of `erpc:execute_call/4`, linked to it); the worker's exit reason is the reply.
 * Source: `kernel/src/erpc.erl`, erts "Distribution Protocol" (SPAWN_REQUEST).
 */
export class Calls {
  readonly #link: Link
  readonly #processes: LocalProcesses
  readonly #groupLeader: Encoded
  readonly #deadlines = new Deadlines()
  readonly #workerOptions = new Map<string, Encoded>()
  readonly #spawns: boolean
  readonly #onVerdict: (verdict: Verdict) => void
  /** Failures that `onVerdict` was told of. */
  #failures = 0
  #lastReference = 0

  /**
   * `onVerdict` is told of each call what its end says of the node's health, if it says anything. Of calls that were
   * under way together and failed it hears once: a tool asks several things at a time, with one deadline for all, and
   * the second of them says nothing that the first did not.
   */
  constructor(link: Link, processes: LocalProcesses, onVerdict: (verdict: Verdict) => void = () => {}) {
    this.#link = link
    this.#processes = processes
    this.#onVerdict = onVerdict
    this.#groupLeader = Encoded.of(startGroupLeader(processes))
    this.#spawns = Flags.has(link.flags, "SPAWN")
  }

  /** Fails every waiting call: no reply can come any more. */
  readonly linkLost = (cause: DistError): void => {
    this.#deadlines.clear()
    this.#processes.linkLost(cause)
  }

  /** See {@link ErlangNode.call}. */
  call(
    module: string,
    func: string,
    args: ReadonlyArray<Term>,
    options: CallOptions = {}
  ): Effect.Effect<Term, CallError> {
    return Effect.callback((resume) => {
      const failed = (reason: CallReason) =>
        new CallError({ node: this.#link.peer.name, target: `${module}:${func}/${args.length}`, reason })
      const lost = this.#link.failure()
      if (lost !== undefined) return resume(Effect.fail(failed({ _tag: "LinkLost", cause: lost })))
      const start = this.#spawns ? this.#spawnWorker : this.#askRex
      const { timeoutMillis = defaults.timeoutMillis } = options
      const due = performance.now() + Math.max(timeoutMillis / 2, timeoutMillis - almostMillis)
      const failuresBefore = this.#failures
      const judge = (verdict: Verdict | undefined) => {
        if (verdict === undefined || (verdict === "failure" && this.#failures !== failuresBefore)) return
        if (verdict === "failure") this.#failures++
        this.#onVerdict(verdict)
      }
      let isGivenUp = false
      try {
        const giveUp = start.call(this, module, func, args, options, (outcome) => {
          if (!isGivenUp) judge(verdictOf(outcome))
          resume(outcome._tag === "Value" ? Effect.succeed(outcome.value) : Effect.fail(failed(outcome.reason)))
        })
        return Effect.suspend(() => {
          isGivenUp = true
          // Who has the same deadline may have been faster. A caller that changed its mind says nothing of the node.
          if (performance.now() >= due) judge("failure")
          return giveUp
        })
      } catch (error) {
        if (!(error instanceof EtfError)) throw error
        return resume(Effect.die(new Error(`arguments of ${module}:${func} that cannot be sent: ${error.message}`)))
      }
    })
  }

  #spawnWorker(
    module: string,
    func: string,
    args: ReadonlyArray<Term>,
    options: CallOptions,
    done: (outcome: Outcome) => void
  ): Effect.Effect<void> {
    const limitBytes = options.maxReplyBytes ?? defaults.maxReplyBytes
    const limitWords = options.maxHeapWords ?? defaults.maxHeapWords
    const timeoutMillis = options.timeoutMillis ?? defaults.timeoutMillis
    let worker: Pid | undefined
    let over = false

    /** Settles the call. A worker of which the node has not told yet is killed when it does: see `LocalProcesses`. */
    const settle = (outcome: Outcome, isWorkerDone: boolean): void => {
      if (over) return
      over = true
      this.#deadlines.drop(deadline)
      if (!isWorkerDone && worker !== undefined) this.#processes.kill(self, worker)
      this.#processes.remove(self)
      done(outcome)
    }
    const fail = (reason: CallReason, isWorkerDone = false) => settle({ _tag: "Failure", reason }, isWorkerDone)

    const process: LocalProcess = {
      limitBytes: limitBytes + envelopeBytes,
      spawnReply: (result) => {
        if (result instanceof Atom) return fail({ _tag: "SpawnRefused", reason: result.text }, true)
        worker = result
      },
      exit: (from, reason) => {
        // Whoever else sends an exit signal to a process of ours is none of our business.
        if (worker !== undefined && (from.id !== worker.id || from.serial !== worker.serial)) return
        const outcome = readExit(reason, reference, limitBytes, limitWords)
        // OTP 23 may lose the answer to a spawn request on a busy link. Then our reference is what tells the worker.
        if (worker === undefined && !isAnswer(outcome)) return
        settle(outcome, true)
      },
      oversized: (_head, why) => fail(whyDropped(why, limitBytes), true),
      linkLost: (cause) => fail({ _tag: "LinkLost", cause }, true)
    }
    const self = this.#processes.add(process)
    const reference = this.#makeReference()
    const deadline = this.#deadlines.add(timeoutMillis, () =>
      fail({ _tag: "DeadlineExceeded", millis: timeoutMillis, worker: worker === undefined ? "awaited" : "killed" })
    )
    try {
      this.#link.send(
        [
          Op.SPAWN_REQUEST,
          reference,
          self,
          this.#groupLeader,
          executeCall,
          this.#optionsFor(limitWords, options.countsBinaries)
        ],
        list([reference, atom(module), atom(func), list(args)])
      )
    } catch (error) {
      this.#deadlines.drop(deadline)
      this.#processes.remove(self)
      throw error
    }
    return Effect.sync(() => fail({ _tag: "WorkerDied", reason: kill }))
  }

  /**
   * The fall-back for a peer without SPAWN_REQUEST: the server `rex` runs the call. Nothing bounds it there and nothing
   * stops it, and what it throws looks like a value.
   */
  #askRex(
    module: string,
    func: string,
    args: ReadonlyArray<Term>,
    options: CallOptions,
    done: (outcome: Outcome) => void
  ): Effect.Effect<void> {
    const limitBytes = options.maxReplyBytes ?? defaults.maxReplyBytes
    const timeoutMillis = options.timeoutMillis ?? defaults.timeoutMillis
    let over = false
    const settle = (outcome: Outcome): void => {
      if (over) return
      over = true
      this.#deadlines.drop(deadline)
      this.#processes.remove(self)
      done(outcome)
    }
    const fail = (reason: CallReason) => settle({ _tag: "Failure", reason })
    const process: LocalProcess = {
      limitBytes: limitBytes + envelopeBytes,
      message: (payload) => settle(readRexReply(payload, limitBytes)),
      oversized: (_head, why) => fail(whyDropped(why, limitBytes)),
      linkLost: (cause) => fail({ _tag: "LinkLost", cause })
    }
    const self = this.#processes.add(process)
    const deadline = this.#deadlines.add(timeoutMillis, () =>
      fail({ _tag: "DeadlineExceeded", millis: timeoutMillis, worker: "unstoppable" })
    )
    const from = [self, this.#makeReference()]
    const request = [atom("call"), atom(module), atom(func), list(args), this.#groupLeader]
    try {
      this.#link.send([Op.REG_SEND, self, atom(""), atom("rex")], [atom("$gen_call"), from, request])
    } catch (error) {
      settle({ _tag: "Failure", reason: { _tag: "WorkerDied", reason: kill } })
      throw error
    }
    return Effect.sync(() => fail({ _tag: "WorkerDied", reason: kill }))
  }

  #optionsFor(maxHeapWords: number, countsBinaries = true): Encoded {
    const key = `${maxHeapWords} ${countsBinaries}`
    let options = this.#workerOptions.get(key)
    if (options === undefined) {
      options = workerOptions(maxHeapWords, countsBinaries)
      // A handful of sizes is in use; a caller that makes up thousands gets no cache.
      if (this.#workerOptions.size < 64) this.#workerOptions.set(key, options)
    }
    return options
  }

  #makeReference(): Reference {
    this.#lastReference++
    // The first word has 18 bits that count; the rest goes on in the second (`erl_ext_dist`, NEWER_REFERENCE_EXT).
    const low = this.#lastReference % 0x40000
    return new Reference(this.#processes.node, this.#link.local.creation, [
      low,
      Math.floor(this.#lastReference / 0x40000),
      0
    ])
  }
}

type Outcome =
  | { readonly _tag: "Value"; readonly value: Term }
  | { readonly _tag: "Failure"; readonly reason: CallReason }

/**
 * What the end of a call says of the node's health: whatever answer came, it came from a node that answers. That the
 * link was lost is counted once, not for each call that waited.
 */
const verdictOf = (outcome: Outcome): Verdict | undefined => {
  if (outcome._tag === "Value") return "success"
  switch (outcome.reason._tag) {
    case "DeadlineExceeded":
      return "failure"
    case "LinkLost":
      return undefined
    default:
      return "success"
  }
}

const whyDropped = (why: DropReason, limitBytes: number): CallReason =>
  why === "limit" ? { _tag: "ReplyTooLarge", limitBytes } : { _tag: "RepliesCrowded" }

const failure = (reason: CallReason): Outcome => ({ _tag: "Failure", reason })

const decodeReply = (payload: Uint8Array, limitBytes: number, read: (term: Term) => Outcome): Outcome => {
  const limitTerms = Math.max(leastTerms, Math.ceil(limitBytes / bytesPerTerm))
  try {
    return read(decodeNext(payload, { offset: 0 }, { bytes: limitBytes + envelopeBytes, cells: limitTerms }))
  } catch (error) {
    if (!(error instanceof EtfError)) throw error
    return failure(
      error.reason._tag === "LimitExceeded" && error.reason.limit === "cells"
        ? { _tag: "ReplyTooLarge", limitBytes, limitTerms }
        : { _tag: "UndecodableReply", detail: error.message }
    )
  }
}

/** The exit reason of a worker: what `erpc:execute_call/4` exits with, or how it was ended before it could. */
const readExit = (payload: Uint8Array, reference: Reference, limitBytes: number, limitWords: number): Outcome =>
  decodeReply(payload, limitBytes, (reason) => {
    if (isTuple(reason) && isSame(reason[0], reference) && reason[1] instanceof Atom && reason[2] !== undefined) {
      const kind = reason[1].text
      if (kind === "return") return { _tag: "Value", value: reason[2] }
      if (kind === "error" || kind === "exit" || kind === "throw")
        return failure({ _tag: "Raised", class: kind, reason: reason[2], stack: stackOf(reason[3]) })
    }
    // We kill no worker whose exit we still wait for: it was the heap cap, or somebody else.
    return failure(isAtom(reason, "killed") ? { _tag: "HeapLimit", limitWords } : { _tag: "WorkerDied", reason })
  })

/** Whether it came with our reference: nobody but the worker has that. */
const isAnswer = (outcome: Outcome): boolean => outcome._tag === "Value" || outcome.reason._tag === "Raised"

const isSame = (term: Term | undefined, reference: Reference): boolean =>
  term instanceof Reference && term.words.every((word, index) => word === reference.words[index])

const readRexReply = (payload: Uint8Array, limitBytes: number): Outcome =>
  decodeReply(payload, limitBytes, (reply) => {
    const value = isTuple(reply) ? reply[1] : undefined
    if (value === undefined) return failure({ _tag: "UndecodableReply", detail: "rex sent something that is no reply" })
    if (!isTuple(value, "badrpc")) return { _tag: "Value", value }
    const exit = value[1]
    if (!isTuple(exit, "EXIT")) return failure({ _tag: "WorkerDied", reason: exit ?? value })
    const reason = exit[1] ?? value
    const hasStack = isTuple(reason) && reason.length === 2 && listItems(reason[1])?.every((frame) => isTuple(frame))
    return hasStack
      ? failure({ _tag: "Raised", class: "error", reason: reason[0]!, stack: stackOf(reason[1]) })
      : failure({ _tag: "Raised", class: "exit", reason, stack: [] })
  })

/** Where it was raised: the worker's stack without the call by which `erpc` runs everything. */
const stackOf = (stack: Term | undefined): ReadonlyArray<StackFrame> =>
  (readStack(stack) ?? []).filter((frame) => !(frame.module === "erpc" && frame.function === "execute_call"))
