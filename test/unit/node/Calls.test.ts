import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { Op } from "../../../src/dist/Control.ts"
import * as Flags from "../../../src/dist/Flags.ts"
import type { DropReason } from "../../../src/dist/Messages.ts"
import type { Link } from "../../../src/dist/Link.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, Pid, type Reference, type Term, type Tuple } from "../../../src/etf/Term.ts"
import type { CallOptions } from "../../../src/node/Call.ts"
import { Calls } from "../../../src/node/Calls.ts"
import { LocalProcesses } from "../../../src/node/LocalProcesses.ts"

/** A call that waits on a link that leads nowhere, and what it sent. */
const waiting = (options: CallOptions = {}) => {
  const sent: Array<Tuple> = []
  const link = {
    peer: { name: "node@host", creation: 1 },
    local: { name: "us@host", creation: 7 },
    flags: Flags.offered,
    send: (control: Tuple) => void sent.push(control),
    failure: () => undefined
  } as unknown as Link
  const processes = new LocalProcesses(link)
  const call = Effect.runFork(new Calls(link, processes).call("erlang", "abs", [-1], options))
  const [, reference, self] = sent[0] as unknown as [number, Reference, Pid]
  const worker = new Pid(atom("node@host"), 88, 0, 1)
  const exit = (reason: Term) => processes.handler.message([Op.PAYLOAD_EXIT, worker, self], encode(reason).subarray(1))
  const started = () => processes.handler.message([Op.SPAWN_REPLY, reference, self, 1, worker], undefined)
  const oversized = (why: DropReason) => processes.handler.oversized([Op.PAYLOAD_EXIT, worker, self], bytes, why)
  const limitBytes = () => processes.handler.payloadLimit([Op.PAYLOAD_EXIT, worker, self])
  return { call, exit, limitBytes, oversized, reference, self, sent, started, worker }
}

const bytes = new Uint8Array(1)

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

  it("that is over keeps nothing here, and its worker is killed whenever the node tells of it", async () => {
    const { call, limitBytes, self, sent, started, worker } = waiting()
    const ofTheCall = limitBytes()
    await Effect.runPromise(Fiber.interrupt(call))
    expect(limitBytes()).toBeLessThan(ofTheCall)
    started()
    expect(sent.slice(1)).toEqual([[Op.PAYLOAD_EXIT2, self, worker]])
  })

  it("says that its worker was killed only when it was", async () => {
    const reasonOf = (late: ReturnType<typeof waiting>) =>
      Effect.runPromise(Effect.map(Effect.flip(Fiber.join(late.call)), ({ message, reason }) => ({ message, reason })))
    const told = waiting({ timeoutMillis: 20 })
    told.started()
    expect((await reasonOf(told)).reason).toEqual({ _tag: "DeadlineExceeded", millis: 20, worker: "killed" })
    const untold = await reasonOf(waiting({ timeoutMillis: 20 }))
    expect(untold.reason).toEqual({ _tag: "DeadlineExceeded", millis: 20, worker: "awaited" })
    expect(untold.message).not.toContain("was killed")
  })

  it.each<[DropReason, string]>([
    ["limit", "ReplyTooLarge"],
    ["crowded", "RepliesCrowded"]
  ])("tells why its reply was dropped: %s", async (why, tag) => {
    const { call, oversized } = waiting()
    oversized(why)
    expect((await Effect.runPromise(Effect.flip(Fiber.join(call)))).reason._tag).toBe(tag)
  })
})
