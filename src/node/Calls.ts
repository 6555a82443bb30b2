import { Effect } from "effect"
import { randomInt } from "node:crypto"
import type { DistError } from "../dist/DistError.ts"
import * as Flags from "../dist/Flags.ts"
import type { Link } from "../dist/Link.ts"
import { Encoded } from "../etf/Encode.ts"
import { EtfError } from "../etf/EtfError.ts"
import type { Term } from "../etf/Term.ts"
import type { Verdict } from "./Breaker.ts"
import type { CallOptions } from "./Call.ts"
import type { CallError } from "./CallError.ts"
import { Deadlines } from "./Deadlines.ts"
import { startGroupLeader } from "./GroupLeader.ts"
import type { LocalProcesses } from "./LocalProcesses.ts"
import { callError } from "./PendingCall.ts"
import { RexCall } from "./RexCall.ts"
import { Verdicts } from "./Verdicts.ts"
import { tags, WorkerCall, WorkerOptions, type WorkerSetting } from "./WorkerCall.ts"

/** Calls to functions on the node, any number in flight, each of them a process of ours. */
export class Calls {
  readonly #setting: WorkerSetting
  readonly #spawns: boolean
  #processLimit: number | undefined
  #hasRoom = true
  /** Begins anywhere, so that nothing on the node has the number of a call by accident. */
  #tag = randomInt(tags)

  /** `onVerdict` is told of each call what its end says of the node's health, if it says anything: see {@link Verdicts}. */
  constructor(link: Link, processes: LocalProcesses, onVerdict: (verdict: Verdict) => void = () => {}) {
    this.#setting = {
      link,
      processes,
      deadlines: new Deadlines(),
      verdicts: new Verdicts(onVerdict),
      groupLeader: Encoded.of(startGroupLeader(processes)),
      options: new WorkerOptions(),
      processLimit: () => this.#processLimit,
      learnRoom: (hasRoom) => void (this.#hasRoom = hasRoom)
    }
    this.#spawns = Flags.has(link.flags, "SPAWN")
  }

  /** See {@link ErlangNode.hasRoom}. */
  readonly hasRoom = (): boolean => this.#hasRoom

  /** To be told how many processes the node can have. */
  readonly learnProcessLimit = (limit: number | undefined): void => {
    this.#processLimit = limit
  }

  /** To be told the node's release once it is known. */
  readonly learn = (otpRelease: number): void => this.#setting.options.learn(otpRelease)

  /** Fails every waiting call: no reply can come any more. */
  readonly linkLost = (cause: DistError): void => {
    this.#setting.deadlines.clear()
    this.#setting.processes.linkLost(cause)
  }

  /** See {@link ErlangNode.call}. */
  call(
    module: string,
    func: string,
    args: ReadonlyArray<Term>,
    options: CallOptions = {}
  ): Effect.Effect<Term, CallError> {
    return Effect.callback((resume) => {
      const request = { module, func, args, options }
      const { link } = this.#setting
      const lost = link.failure()
      if (lost !== undefined) return resume(Effect.fail(callError(link, request, { _tag: "LinkLost", cause: lost })))
      const pending = this.#spawns
        ? new WorkerCall(this.#setting, request, this.#nextTag(), resume)
        : new RexCall(this.#setting, request, resume)
      try {
        pending.start()
      } catch (error) {
        if (!(error instanceof EtfError)) throw error
        return resume(Effect.die(new Error(`arguments of ${module}:${func} that cannot be sent: ${error.message}`)))
      }
      return Effect.sync(() => pending.giveUp())
    })
  }

  #nextTag(): number {
    this.#tag = (this.#tag + 1) % tags
    return this.#tag
  }
}
