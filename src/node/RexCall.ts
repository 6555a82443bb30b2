import { Op } from "../dist/Control.ts"
import type { DropReason } from "../dist/Messages.ts"
import { atom, isTuple, list, listItems, Reference, type Term } from "../etf/Term.ts"
import type { WorkerAtDeadline } from "./CallError.ts"
import { failure, type Outcome, raised, readReply, value } from "./Outcome.ts"
import { PendingCall } from "./PendingCall.ts"

/**
 * The fall-back for a peer without SPAWN_REQUEST: the server `rex` runs the call. Nothing bounds it there and nothing
 * stops it, and what it throws looks like a value. Source: `kernel/src/rpc.erl`.
 */
export class RexCall extends PendingCall {
  message(payload: Uint8Array): void {
    this.settle(readReply(payload, this.valueBytes, readRexReply))
  }

  oversizedMessage(_head: Uint8Array, why: DropReason): void {
    this.failDropped(why)
  }

  protected send(): void {
    const { groupLeader, link, processes } = this.setting
    const { args, func, module } = this.request
    const request = [atom("call"), atom(module), atom(func), list(args), groupLeader]
    // The process is asked one thing only: any tag will do.
    const from = [this.self, new Reference(processes.node, link.local.creation, [0, 0, 0])]
    link.send([Op.REG_SEND, this.self, atom(""), atom("rex")], [atom("$gen_call"), from, request])
  }

  protected stop(): WorkerAtDeadline {
    return "unstoppable"
  }
}

const readRexReply = (reply: Term): Outcome => {
  const result = isTuple(reply) ? reply[1] : undefined
  if (result === undefined) return failure({ _tag: "UndecodableReply", detail: "rex sent something that is no reply" })
  if (!isTuple(result, "badrpc")) return value(result)
  const exit = result[1]
  if (!isTuple(exit, "EXIT")) return failure({ _tag: "WorkerDied", reason: exit ?? result })
  const reason = exit[1] ?? result
  const hasStack = isTuple(reason) && reason.length === 2 && listItems(reason[1])?.every((frame) => isTuple(frame))
  return hasStack ? raised("error", reason[0]!, reason[1]) : raised("exit", reason)
}
