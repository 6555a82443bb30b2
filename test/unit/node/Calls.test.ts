import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { Op } from "../../../src/dist/Control.ts"
import * as Flags from "../../../src/dist/Flags.ts"
import type { Link } from "../../../src/dist/Link.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, Pid, type Reference, type Term, type Tuple } from "../../../src/etf/Term.ts"
import { Calls } from "../../../src/node/Calls.ts"
import { LocalProcesses } from "../../../src/node/LocalProcesses.ts"

/** A call that waits on a link that leads nowhere, and what it sent. */
const waiting = () => {
  const sent: Array<Tuple> = []
  const link = {
    peer: { name: "node@host", creation: 1 },
    local: { name: "us@host", creation: 7 },
    flags: Flags.offered,
    send: (control: Tuple) => void sent.push(control),
    failure: () => undefined
  } as unknown as Link
  const processes = new LocalProcesses(link)
  const call = Effect.runFork(new Calls(link, processes).call("erlang", "abs", [-1]))
  const [, reference, self] = sent[0] as unknown as [number, Reference, Pid]
  const worker = new Pid(atom("node@host"), 88, 0, 1)
  const exit = (reason: Term) => processes.handler.message([Op.PAYLOAD_EXIT, worker, self], encode(reason).subarray(1))
  return { call, exit, reference }
}

describe("a call", () => {
  it("takes the worker's answer though the node never said that it started one", async () => {
    const { call, exit, reference } = waiting()
    exit([reference, atom("return"), 1])
    expect(await Effect.runPromise(Fiber.join(call))).toBe(1)
  })

  it("takes no other exit signal for it", async () => {
    const { call, exit, reference } = waiting()
    exit(atom("killed"))
    exit([atom("none"), atom("return"), 2])
    expect(call.pollUnsafe()).toBeUndefined()
    exit([reference, atom("return"), 1])
    expect(await Effect.runPromise(Fiber.join(call))).toBe(1)
  })
})
