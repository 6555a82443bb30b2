import type { DistError } from "../../src/dist/DistError.ts"
import * as Flags from "../../src/dist/Flags.ts"
import type { Link } from "../../src/dist/Link.ts"
import { encode } from "../../src/etf/Encode.ts"
import { atom, Pid, type Term, type Tuple } from "../../src/etf/Term.ts"
import type { Verdict } from "../../src/node/Breaker.ts"
import { Calls } from "../../src/node/Calls.ts"
import { LocalProcesses } from "../../src/node/LocalProcesses.ts"

/** The process of a node that runs a call made over {@link loneLink}. */
export const worker = new Pid(atom("node@host"), 88, 0, 1)

/**
 * Calls over a link that leads nowhere, to a peer with these flags, the control messages that are sent on it with their
 * payloads, which of them may wait for others, and what their ends say of the node's health.
 */
export const loneLink = (flags: bigint = Flags.offered) => {
  const sent: Array<Tuple> = []
  let lost: DistError | undefined
  const payloads: Array<Term | undefined> = []
  const waiting: Array<Tuple> = []
  const send = (control: Tuple, payload?: Term) => {
    // As a link does, it throws at what is no term.
    encode([control, payload ?? atom("")])
    sent.push(control)
    payloads.push(payload)
  }
  const link = {
    peer: { name: "node@host", creation: 1 },
    local: { name: "us@host", creation: 7 },
    flags,
    send,
    sendSoon: (control: Tuple, payload?: Term) => {
      send(control, payload)
      waiting.push(control)
    },
    failure: () => lost
  } as unknown as Link
  const processes = new LocalProcesses(link)
  const verdicts: Array<Verdict> = []
  const calls = new Calls(link, processes, (verdict) => void verdicts.push(verdict))
  const lose = (cause: DistError) => {
    lost = cause
    calls.linkLost(cause)
  }
  return { sent, waiting, payloads, processes, calls, verdicts, lose }
}
