import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { Op } from "../../../src/dist/Control.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import type { DropReason } from "../../../src/dist/Messages.ts"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, list, listItems, map, Pid, type Reference, type Term, type Tuple } from "../../../src/etf/Term.ts"
import type { CallOptions } from "../../../src/node/Call.ts"
import { loneLink, worker } from "../../support/loneLink.ts"

/** A call that waits on a link that leads nowhere, and what it sent. */
const waiting = (options: CallOptions = {}) => {
  const { calls, payloads, processes, sent, verdicts } = loneLink()
  const call = Effect.runFork(calls.call("erlang", "abs", [-1], options))
  const [, reference, self] = sent[0] as unknown as [number, Reference, Pid]
  const tag = listItems(payloads[0])![0]!
  const exit = (reason: Term) => processes.handler.message([Op.PAYLOAD_EXIT, worker, self], encode(reason).subarray(1))
  const started = () => processes.handler.message([Op.SPAWN_REPLY, reference, self, 1, worker], undefined)
  const oversized = (why: DropReason) => processes.handler.oversized([Op.PAYLOAD_EXIT, worker, self], bytes, why)
  const limitBytes = () => processes.handler.payloadLimit([Op.PAYLOAD_EXIT, worker, self])
  const lose = () => calls.linkLost(new DistError({ node: "node@host", reason: { _tag: "LinkClosed", detail: "x" } }))
  return { call, calls, exit, limitBytes, lose, oversized, self, sent, started, tag, verdicts, worker }
}

const bytes = new Uint8Array(1)

/** The cap of the heap in a spawn request. */
const capOf = (control: Tuple): Term => (listItems(decode(encode(control[5]!)))![2] as Tuple)[1]!

describe("a call", () => {
  it("takes the worker's answer though the node never said that it started one", async () => {
    const { call, exit, tag } = waiting()
    exit([tag, atom("return"), 1])
    expect(await Effect.runPromise(Fiber.join(call))).toBe(1)
  })

  it("takes no other exit signal for it", async () => {
    const { call, exit, tag } = waiting()
    exit(atom("killed"))
    exit([atom("none"), atom("return"), 2])
    expect(call.pollUnsafe()).toBeUndefined()
    exit([tag, atom("return"), 1])
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

describe("the worker of a call", () => {
  it.each([
    ["counts large binaries too", {}, "true"],
    ["leaves out binaries that others have", { countsBinaries: false }, "false"]
  ])("dies with us, is no hindrance to the node, and has a bound to its heap that %s", (_, options, counts) => {
    const { sent } = waiting({ maxHeapWords: 1_000, ...options })
    expect(decode(encode(sent[0]![5]!))).toEqual(
      list([
        atom("link"),
        [atom("priority"), atom("low")],
        [
          atom("max_heap_size"),
          map([
            [atom("size"), 1_000],
            [atom("kill"), atom("true")],
            [atom("error_logger"), atom("false")],
            [atom("include_shared_binaries"), atom(counts)]
          ])
        ]
      ])
    )
  })

  it("says nothing of binaries to a release that would not heed it", () => {
    const { calls, sent } = waiting()
    calls.learn(26)
    Effect.runFork(calls.call("erlang", "abs", [-1]))
    const bound = [
      [atom("size"), 8 * 1024 * 1024],
      [atom("kill"), atom("true")],
      [atom("error_logger"), atom("false")]
    ] as const
    expect(capOf(sent[0]!)).toEqual(map([...bound, [atom("include_shared_binaries"), atom("true")]]))
    expect(capOf(sent[1]!)).toEqual(map(bound))
  })
})

describe("what the end of a call says of the node's health", () => {
  it("is good for whatever answer came", async () => {
    const returned = waiting()
    returned.exit([returned.tag, atom("return"), 1])
    const raised = waiting()
    raised.exit([raised.tag, atom("error"), atom("badarg"), list([])])
    const dropped = waiting()
    dropped.oversized("limit")
    for (const { call, verdicts } of [returned, raised, dropped]) {
      await Effect.runPromiseExit(Fiber.join(call))
      expect(verdicts).toEqual(["success"])
    }
  })

  it("is bad for none in time", async () => {
    const { call, verdicts } = waiting({ timeoutMillis: 20 })
    await Effect.runPromiseExit(Fiber.join(call))
    expect(verdicts).toEqual(["failure"])
  })

  it("is bad for one that is given up when its time is over, and nothing before that", async () => {
    const early = waiting({ timeoutMillis: 60_000 })
    await Effect.runPromise(Fiber.interrupt(early.call))
    expect(early.verdicts).toEqual([])
    const brief = waiting({ timeoutMillis: 100 })
    await Effect.runPromise(Fiber.interrupt(brief.call))
    expect(brief.verdicts).toEqual([])
    // Due at once, and given up before the deadline is looked at.
    const due = waiting({ timeoutMillis: 0 })
    await Effect.runPromise(Fiber.interrupt(due.call))
    expect(due.verdicts).toEqual(["failure"])
  })

  it("is bad once for all that were under way together, and once more for one that came after", async () => {
    const { calls, verdicts } = loneLink()
    const ask = Effect.exit(calls.call("erlang", "abs", [-1], { timeoutMillis: 20 }))
    const longer = Effect.runFork(calls.call("erlang", "abs", [-1], { timeoutMillis: 40 }))
    await Effect.runPromise(Effect.all([ask, ask, ask], { concurrency: "unbounded" }))
    await Effect.runPromiseExit(Fiber.join(longer))
    expect(verdicts).toEqual(["failure"])
    await Effect.runPromise(ask)
    expect(verdicts).toEqual(["failure", "failure"])
  })

  it("is nothing where the link was lost, which is counted once for all of them", async () => {
    const { call, lose, verdicts } = waiting()
    lose()
    expect((await Effect.runPromise(Effect.flip(Fiber.join(call)))).reason._tag).toBe("LinkLost")
    expect(verdicts).toEqual([])
  })
})
