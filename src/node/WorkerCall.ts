import type { Effect } from "effect"
import { Op } from "../dist/Control.ts"
import type { DropReason } from "../dist/Messages.ts"
import { Encoded } from "../etf/Encode.ts"
import { Atom, atom, isAtom, isTuple, list, map, type Pid, Reference, type Term } from "../etf/Term.ts"
import type { CallError, CallReason, WorkerAtDeadline } from "./CallError.ts"
import { failure, type Outcome, raised, readReply, value } from "./Outcome.ts"
import { type CallRequest, type CallSetting, PendingCall } from "./PendingCall.ts"

/** Words of heap, unless a call says otherwise: 64 MiB. */
const defaultHeapWords = 8 * 1024 * 1024

/**
 * With so many calls in flight a request may wait for others: the node has enough to do meanwhile. They are more than
 * fit into one write, so that none waits while nothing is under way.
 */
const manyInFlight = 64

const executeCall = Encoded.of([atom("erpc"), atom("execute_call"), 4])

/** The bounds of workers that are in use are a handful; a caller that makes up thousands gets no cache. */
const maxKeptBounds = 64

/** Options of workers (`erlang:spawn_opt/4`) by their bounds, encoded once. */
export class WorkerOptions {
  readonly #kept = new Map<number, Encoded>()
  /** Whether the node counts large binaries as part of a heap if it is told to, as it can from OTP 27 on. */
  #canCountBinaries = true

  /** To be told the node's release once it is known: an older one need not read what it would not heed. */
  learn(otpRelease: number): void {
    this.#canCountBinaries = otpRelease >= 27
    this.#kept.clear()
  }

  /** For a worker of so many words of heap, whether or not large binaries count as part of it. */
  of(heapWords: number, countsBinaries: boolean): Encoded {
    const key = countsBinaries ? heapWords : -heapWords
    let options = this.#kept.get(key)
    if (options === undefined) {
      options = this.#encode(heapWords, countsBinaries)
      if (this.#kept.size < maxKeptBounds) this.#kept.set(key, options)
    }
    return options
  }

  /** The link makes a worker die with us. Low priority and the heap cap spare the node. */
  #encode(heapWords: number, countsBinaries: boolean): Encoded {
    const cap: Array<readonly [Term, Term]> = [
      [atom("size"), heapWords],
      [atom("kill"), atom("true")],
      [atom("error_logger"), atom("false")]
    ]
    if (this.#canCountBinaries) cap.push([atom("include_shared_binaries"), atom(String(countsBinaries))])
    return Encoded.of(list([atom("link"), [atom("priority"), atom("low")], [atom("max_heap_size"), map(cap)]]))
  }
}

/** Tags are below this: integers of 31 bits are short on the wire. */
export const tags = 2 ** 31

/** What calls by workers share beside. */
export interface WorkerSetting extends CallSetting {
  readonly options: WorkerOptions
  /** How many processes the node can have, once that is known. */
  readonly processLimit: () => number | undefined
  /** Told whether the node had a process for a worker, and for what that began. */
  readonly learnRoom: (hasRoom: boolean) => void
}

/**
 * A call by a worker of its own on the node: SPAWN_REQUEST of `erpc:execute_call/4`, linked to us; the worker's exit
 * reason is the reply. Source: `kernel/src/erpc.erl`, erts "Distribution Protocol" (SPAWN_REQUEST).
 */
export class WorkerCall extends PendingCall {
  /** By which its answer is known: only its worker is told it. */
  readonly #tag: number
  readonly #options: WorkerOptions
  readonly #processLimit: () => number | undefined
  readonly #learnRoom: (hasRoom: boolean) => void
  #worker: Pid | undefined

  /** `tag` is a number that no other call under way over the link has, from 0 up to {@link tags}. */
  constructor(
    setting: WorkerSetting,
    request: CallRequest,
    tag: number,
    resume: (end: Effect.Effect<Term, CallError>) => void
  ) {
    super(setting, request, resume)
    this.#tag = tag
    this.#options = setting.options
    this.#processLimit = setting.processLimit
    this.#learnRoom = setting.learnRoom
  }

  spawnReply(result: Pid | Atom): void {
    if (isAtom(result, "system_limit")) this.fail(this.#tableFull(false))
    else if (result instanceof Atom) this.fail({ _tag: "SpawnRefused", reason: result.text })
    else {
      this.#worker = result
      this.#learnRoom(true)
    }
  }

  exit(from: Pid, reason: Uint8Array): void {
    if (!this.#canBeWorker(from)) return
    const outcome = readReply(reason, this.valueBytes, (term) => this.#read(term))
    // OTP 23 may lose the answer to a spawn request on a busy link. Then our tag is what tells the worker.
    if (this.#worker === undefined && !isAnswer(outcome)) return
    this.settle(outcome)
  }

  oversizedExit(from: Pid, why: DropReason): void {
    if (this.#canBeWorker(from)) this.failDropped(why)
  }

  protected send(): void {
    const { groupLeader, link, processes } = this.setting
    const { args, func, module, options } = this.request
    const send = processes.size < manyInFlight ? link.send : link.sendSoon
    send(
      [
        Op.SPAWN_REQUEST,
        referenceOf(this.#tag, processes.node, link.local.creation),
        this.self,
        groupLeader,
        executeCall,
        this.#options.of(options.maxHeapWords ?? defaultHeapWords, options.countsBinaries ?? true)
      ],
      list([this.#tag, atom(module), atom(func), list(args)])
    )
  }

  /** A worker of which the node has not told yet is killed when it does: see `LocalProcesses`. */
  protected stop(): WorkerAtDeadline {
    if (this.#worker === undefined) return "awaited"
    this.setting.processes.kill(this.self, this.#worker)
    return "killed"
  }

  #tableFull(hasBegun: boolean): CallReason {
    this.#learnRoom(false)
    return { _tag: "ProcessTableFull", limit: this.#processLimit(), hasBegun }
  }

  /** Whoever else sends an exit signal to a process of ours is none of our business. */
  #canBeWorker(from: Pid): boolean {
    const worker = this.#worker
    return worker === undefined || (from.id === worker.id && from.serial === worker.serial)
  }

  /** The exit reason of a worker: what `erpc:execute_call/4` exits with, or how it was ended before it could. */
  #read(reason: Term): Outcome {
    if (isTuple(reason) && reason[0] === this.#tag && reason[1] instanceof Atom && reason[2] !== undefined) {
      const kind = reason[1].text
      if (kind === "return") return value(reason[2])
      if (kind === "error" || kind === "exit" || kind === "throw") {
        const outcome = raised(kind, reason[2], reason[3])
        return isSpawnLimit(outcome) ? failure(this.#tableFull(true)) : outcome
      }
    }
    // We kill no worker whose exit we still wait for: it was the heap cap, or somebody else.
    return failure(
      isAtom(reason, "killed")
        ? { _tag: "HeapLimit", limitWords: this.request.options.maxHeapWords ?? defaultHeapWords }
        : { _tag: "WorkerDied", reason }
    )
  }
}

/** Whether a process could not be started there. Ports and tables have limits of that name, too. */
const isSpawnLimit = (outcome: Outcome): boolean => {
  if (outcome._tag === "Value" || outcome.reason._tag !== "Raised") return false
  const { class: kind, reason, stack } = outcome.reason
  const [frame] = stack
  return (
    kind === "error" &&
    isAtom(reason, "system_limit") &&
    frame?.module === "erlang" &&
    frame.function.startsWith("spawn")
  )
}

/** Whether it came with our tag: what else ends a worker has another, or none. */
const isAnswer = (outcome: Outcome): boolean =>
  outcome._tag === "Value" || outcome.reason._tag === "Raised" || outcome.reason._tag === "ProcessTableFull"

/**
 * The reference of a request. The first word has 18 bits that count; the rest goes on in the second (`erl_ext_dist`,
 * NEWER_REFERENCE_EXT).
 */
const referenceOf = (tag: number, node: Atom, creation: number): Reference =>
  new Reference(node, creation, [tag % 0x40000, Math.floor(tag / 0x40000), 0])
