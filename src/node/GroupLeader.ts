import { decodeNext } from "../etf/Decode.ts"
import { isAtomAt, isTupleAt, tupleElements } from "../etf/Scan.ts"
import { Atom, atom, isTuple, listItems, Pid, type Term } from "../etf/Term.ts"
import type { LocalProcess, LocalProcesses } from "./LocalProcesses.ts"

const enotsup: Term = [atom("error"), atom("enotsup")]
const ok = atom("ok")
const eof = atom("eof")

/** A request that is larger is answered by how it begins: its output is dropped unread anyway. */
const requestLimitBytes = 64 * 1024

/**
 * The group leader of our workers. A process waits for its group leader without end, so every request is answered:
 * output is taken and dropped, input is at its end, the rest is not supported. Messages that are no request are ignored.
 * Source: stdlib "The Erlang I/O Protocol".
 */
export const startGroupLeader = (processes: LocalProcesses): Pid => {
  const reply = (from: Term | undefined, replyAs: Term | undefined, answer: Term): void => {
    if (from instanceof Pid && replyAs !== undefined) processes.sendMessage(from, [atom("io_reply"), replyAs, answer])
  }
  const process: LocalProcess = {
    limitBytes: requestLimitBytes,
    message: (payload) => {
      const request = decodeNext(payload, { offset: 0 })
      if (isTuple(request, "io_request") && request[3] !== undefined) reply(request[1], request[2], answer(request[3]))
    },
    oversizedMessage: (head) => {
      const [tag, from, replyAs, request] = tupleElements(head, 0)
      if (request === undefined || !isAtomAt(head, tag!, "io_request")) return
      const isOutput = isTupleAt(head, request) && firstIsAtom(head, request, "put_chars")
      reply(termAt(head, from!), termAt(head, replyAs!), isOutput ? ok : enotsup)
    }
  }
  return processes.add(process)
}

const firstIsAtom = (bytes: Uint8Array, offset: number, text: string): boolean => {
  const [first] = tupleElements(bytes, offset)
  return first !== undefined && isAtomAt(bytes, first, text)
}

const termAt = (bytes: Uint8Array, offset: number): Term => decodeNext(bytes, { offset })

const answer = (request: Term): Term => {
  // Requests within requests are answered in turn until one fails; the answer is that of the last one done.
  const waiting: Array<Term> = [request]
  let last: Term = ok
  for (let next = waiting.pop(); next !== undefined && last === ok; next = waiting.pop()) {
    const within = isTuple(next, "requests") ? listItems(next[1]) : undefined
    if (within === undefined) last = answerOne(next)
    else waiting.push(...within.toReversed())
  }
  return last
}

const answerOne = (request: Term): Term => {
  const kind = isTuple(request) && request[0] instanceof Atom ? request[0].text : undefined
  switch (kind) {
    case "put_chars":
    case "setopts":
      return ok
    case "get_line":
    case "get_chars":
    case "get_until":
    case "get_password":
      return eof
    default:
      return enotsup
  }
}
