import { decodeNext } from "../etf/Decode.ts"
import { atom, isAtom, isTuple, listItems, Pid, type Term } from "../etf/Term.ts"
import type { LocalProcess, LocalProcesses } from "./LocalProcesses.ts"

const enotsup: Term = [atom("error"), atom("enotsup")]
const ok = atom("ok")
const eof = atom("eof")

/** Output of one request is dropped unread, so a large one may come as it likes up to this size. */
const requestLimitBytes = 1024 * 1024

/**
 * The group leader of our workers. A process waits for its group leader without end, so every request is answered:
 * output is taken and dropped, input is at its end, the rest is not supported.
 * Source: stdlib "The Erlang I/O Protocol".
 */
export const startGroupLeader = (processes: LocalProcesses): Pid => {
  const process: LocalProcess = {
    limitBytes: requestLimitBytes,
    message: (payload) => {
      const request = decodeNext(payload, { offset: 0 })
      if (!isTuple(request, "io_request")) return
      const [, from, replyAs, what] = request
      if (!(from instanceof Pid) || replyAs === undefined || what === undefined) return
      processes.sendMessage(from, [atom("io_reply"), replyAs, answer(what)])
    }
  }
  return processes.add(process)
}

const answer = (request: Term): Term => {
  if (isTuple(request)) {
    const [kind, second] = request
    if (isAtom(kind, "put_chars")) return ok
    if (["get_line", "get_chars", "get_until", "get_password"].some((name) => isAtom(kind, name))) return eof
    if (isAtom(kind, "setopts")) return ok
    if (isAtom(kind, "requests")) {
      // Each in turn until one fails; the answer is that of the last one done.
      let last: Term = ok
      for (const each of listItems(second) ?? []) {
        last = answer(each)
        if (isTuple(last, "error")) break
      }
      return last
    }
  }
  return enotsup
}
