import { Effect, Fiber } from "effect"
import crypto from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { Op } from "../../../src/dist/Control.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import * as Flags from "../../../src/dist/Flags.ts"
import type { DropReason } from "../../../src/dist/Messages.ts"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import {
  atom,
  binary,
  charlist,
  list,
  listItems,
  map,
  Pid,
  Reference,
  type Term,
  type Tuple
} from "../../../src/etf/Term.ts"
import type { CallOptions } from "../../../src/node/Call.ts"
import { type WorkerCall, WorkerOptions } from "../../../src/node/WorkerCall.ts"
import { loneLink, worker } from "../../support/loneLink.ts"

/** A call that waits on a link that leads nowhere, and what it sent. */
const waiting = (options: CallOptions = {}) => {
  const { calls, lose, payloads, processes, sent, verdicts } = loneLink()
  const added = vi.spyOn(processes, "add")
  const call = Effect.runFork(calls.call("erlang", "abs", [-1], options))
  const pending = added.mock.calls[0]![0] as WorkerCall
  const [, reference, self] = sent[0] as unknown as [number, Reference, Pid]
  const tag = listItems(payloads[0])![0]!
  const exit = (reason: Term, from = worker) =>
    processes.handler.message([Op.PAYLOAD_EXIT, from, self], encode(reason).subarray(1))
  const spawnReply = (result: Term) =>
    processes.handler.message([Op.SPAWN_REPLY, reference, self, 1, result], undefined)
  const started = () => spawnReply(worker)
  const oversized = (why: DropReason, from = worker) =>
    processes.handler.oversized([Op.PAYLOAD_EXIT, from, self], bytes, why)
  const limitBytes = () => processes.handler.payloadLimit([Op.PAYLOAD_EXIT, worker, self])
  return {
    call,
    calls,
    exit,
    limitBytes,
    lose: () => lose(linkClosed),
    oversized,
    pending,
    processes,
    self,
    sent,
    spawnReply,
    started,
    tag,
    verdicts,
    worker
  }
}

/** A stack whose innermost frame is in this function of `erlang`. */
const raisedIn = (func: string): Term => list([[atom("erlang"), atom(func), 2, list([])]])

/** Why a call failed. */
const reasonOf = ({ call }: Pick<ReturnType<typeof waiting>, "call">) =>
  Effect.runPromise(Effect.map(Effect.flip(Fiber.join(call)), ({ reason }) => reason))

const linkClosed = new DistError({ node: "node@host", reason: { _tag: "LinkClosed", detail: "x" } })

const bytes = new Uint8Array(1)

/** The cap of the heap in a spawn request. */
const capOf = (control: Tuple): Term => (listItems(decode(encode(control[5]!)))![2] as Tuple)[1]!

describe("a call", () => {
  it("has a process of its own run the function on the node, and its error says which", async () => {
    const { calls, lose, payloads, sent } = loneLink()
    const call = Effect.runFork(calls.call("lists", "map", [1, list([])]))
    expect(sent[0]![0]).toBe(Op.SPAWN_REQUEST)
    expect(decode(encode(sent[0]![4]!))).toEqual([atom("erpc"), atom("execute_call"), 4])
    expect(listItems(payloads[0])!.slice(1)).toEqual([atom("lists"), atom("map"), list([1, list([])])])
    lose(linkClosed)
    expect(await Effect.runPromise(Effect.flip(Fiber.join(call)))).toMatchObject({
      node: "node@host",
      target: "lists:map/2"
    })
  })

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

  it("that has a worker takes nobody else's end for that one's, and no message", async () => {
    const { call, exit, oversized, processes, self, started, tag } = waiting()
    started()
    for (const stranger of [new Pid(worker.node, worker.id + 1, 0, 1), new Pid(worker.node, worker.id, 1, 1)]) {
      exit([tag, atom("return"), 2], stranger)
      exit(atom("killed"), stranger)
      oversized("limit", stranger)
    }
    for (const control of [
      [Op.SEND, atom(""), self],
      [Op.SEND_SENDER, worker, self]
    ]) {
      processes.handler.message(control, encode([tag, atom("return"), 3]).subarray(1))
      processes.handler.oversized(control, bytes, "limit")
    }
    expect(call.pollUnsafe()).toBeUndefined()
    exit([tag, atom("return"), 1])
    expect(await Effect.runPromise(Fiber.join(call))).toBe(1)
  })

  it("takes nothing for its answer that has not its tag, though its worker ends with it", async () => {
    const forged = waiting()
    forged.started()
    const reason: Term = [(forged.tag as number) + 1, atom("return"), 2]
    forged.exit(reason)
    expect(await reasonOf(forged)).toEqual({ _tag: "WorkerDied", reason })
  })

  it("has room for a value of all the bytes that are allowed, and for what stands around it", async () => {
    const value = binary("x".repeat(1_000))
    const { call, exit, limitBytes, tag } = waiting({ maxReplyBytes: encode(value).length })
    const answer: Term = [tag, atom("return"), value]
    expect(limitBytes()).toBeGreaterThan(encode(answer).length)
    exit(answer)
    expect(encode(await Effect.runPromise(Fiber.join(call)))).toEqual(encode(value))
  })

  it.each(["error", "exit", "throw"] as const)("fails with what its function raised: %s", async (kind) => {
    const raised = waiting()
    const stack = list([[atom("lists"), atom("map"), 2, list([])]])
    raised.exit([raised.tag, atom(kind), atom("why"), stack])
    expect(await reasonOf(raised)).toEqual({
      _tag: "Raised",
      class: kind,
      reason: atom("why"),
      stack: [expect.objectContaining({ module: "lists", function: "map", arity: 2 })]
    })
  })

  it("fails with the bound of the heap where its worker was killed, which we have not done", async () => {
    for (const [options, limitWords] of [
      [{ maxHeapWords: 1_000 }, 1_000],
      [{}, 8 * 1024 * 1024]
    ] as const) {
      const killed = waiting(options)
      killed.started()
      killed.exit(atom("killed"))
      expect(await reasonOf(killed)).toEqual({ _tag: "HeapLimit", limitWords })
    }
  })

  it("tells a full process table, whether it kept the worker from starting or what that wanted to start", async () => {
    const [refused, begun, other] = [waiting(), waiting(), waiting()]
    for (const { calls } of [refused, begun]) calls.learnProcessLimit(1_024)
    begun.started()
    expect([refused.calls.hasRoom(), begun.calls.hasRoom()]).toEqual([true, true])
    refused.spawnReply(atom("system_limit"))
    expect(await reasonOf(refused)).toEqual({ _tag: "ProcessTableFull", limit: 1_024, hasBegun: false })
    begun.exit([begun.tag, atom("error"), atom("system_limit"), raisedIn("spawn_opt")])
    expect(await reasonOf(begun)).toEqual({ _tag: "ProcessTableFull", limit: 1_024, hasBegun: true })
    expect([refused.calls.hasRoom(), begun.calls.hasRoom()]).toEqual([false, false])
    Effect.runFork(refused.calls.call("erlang", "abs", [-1]))
    const [, reference, self] = refused.sent.findLast(([operation]) => operation === Op.SPAWN_REQUEST)!
    refused.processes.handler.message([Op.SPAWN_REPLY, reference!, self!, 1, worker], undefined)
    expect(refused.calls.hasRoom()).toBe(true)
    other.exit([other.tag, atom("error"), atom("system_limit"), raisedIn("open_port")])
    expect(await reasonOf(other)).toMatchObject({ _tag: "Raised", reason: atom("system_limit") })
  })

  it("fails where the node starts no worker, and where there is no link any more", async () => {
    const refused = waiting()
    refused.spawnReply(atom("notsup"))
    expect(await reasonOf(refused)).toEqual({ _tag: "SpawnRefused", reason: "notsup" })
    const { calls, lose, sent } = waiting()
    lose()
    const late = Effect.runFork(calls.call("erlang", "abs", [-1]))
    expect(await reasonOf({ call: late })).toEqual({ _tag: "LinkLost", cause: linkClosed })
    expect(sent).toHaveLength(1)
  })

  it("takes so many terms in an answer, and more where more bytes are allowed", async () => {
    const many = list(Array.from({ length: 550_000 }, () => list([])))
    const tooMany = waiting()
    tooMany.started()
    tooMany.exit([tooMany.tag, atom("return"), many])
    expect(await reasonOf(tooMany)).toEqual({
      _tag: "ReplyTooLarge",
      limitBytes: 16 * 1024 * 1024,
      limitTerms: 524_288
    })
    const { call, exit, tag } = waiting({ maxReplyBytes: 32 * 1024 * 1024 })
    exit([tag, atom("return"), many])
    expect(listItems(await Effect.runPromise(Fiber.join(call)))).toHaveLength(550_000)
  })

  it("tells an answer that goes too deep from one that is too large", async () => {
    const it = waiting()
    it.started()
    // A tuple of one that holds a tuple of one, and so on.
    it.pending.exit(
      worker,
      new Uint8Array(600_000).map((_, at) => (at % 2 === 0 ? 104 : 1))
    )
    expect(await reasonOf(it)).toMatchObject({ _tag: "UndecodableReply" })
  })

  it("that is given up kills its worker", async () => {
    const { call, self, sent, started } = waiting()
    started()
    await Effect.runPromise(Fiber.interrupt(call))
    expect(sent.slice(1)).toEqual([[Op.PAYLOAD_EXIT2, self, worker]])
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

/** What two calls, one after the other, have where the first number of all is this. */
const numberedAfter = (first: number) => {
  const random = vi.spyOn(crypto, "randomInt").mockImplementation(() => first)
  syncBuiltinESMExports()
  const { calls, payloads, sent } = loneLink()
  expect(random).toHaveBeenLastCalledWith(2 ** 31)
  for (const _ of [1, 2]) Effect.runFork(calls.call("erlang", "abs", [-1]))
  return {
    tags: payloads.map((payload) => listItems(payload)![0]),
    references: sent.map(([, reference]) => (reference as Reference).words)
  }
}

describe("the numbers of calls", () => {
  afterEach(() => {
    vi.restoreAllMocks()
    syncBuiltinESMExports()
  })

  it("begin anywhere, are each call's own, and begin anew after the last of them", () => {
    expect(numberedAfter(41).tags).toEqual([42, 43])
    expect(numberedAfter(2 ** 31 - 2).tags).toEqual([2 ** 31 - 1, 0])
  })

  it("are in the references of the requests, of whose first word 18 bits count", () => {
    expect(numberedAfter(2 ** 18 - 2).references).toEqual([
      [2 ** 18 - 1, 0, 0],
      [0, 1, 0]
    ])
  })
})

describe("a call that is over", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
  afterEach(() => void vi.useRealTimers())

  it("because its time is has had five seconds, unless it was given another time", async () => {
    const { call } = waiting()
    vi.advanceTimersByTime(4_999)
    expect(call.pollUnsafe()).toBeUndefined()
    vi.advanceTimersByTime(20)
    expect(await reasonOf({ call })).toEqual({ _tag: "DeadlineExceeded", millis: 5_000, worker: "awaited" })
  })

  it("has no deadline any more", () => {
    const { calls } = loneLink()
    const short = Effect.runFork(calls.call("erlang", "abs", [-1], { timeoutMillis: 1_000 }))
    const long = Effect.runFork(calls.call("erlang", "abs", [-1], { timeoutMillis: 60_000 }))
    for (const call of [short, long]) Effect.runFork(Fiber.interrupt(call))
    // The timer is looked at once more, and finds that there is nothing to wait for.
    vi.advanceTimersByTime(2_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("sends nothing, and says nothing of the node, whatever ends it once more", () => {
    const { exit, pending, sent, started, tag, verdicts } = waiting({ timeoutMillis: 1_000 })
    started()
    exit([tag, atom("return"), 1])
    expect(verdicts).toEqual(["success"])
    vi.advanceTimersByTime(2_000)
    pending.expire()
    pending.giveUp()
    pending.linkLost(linkClosed)
    pending.exit(worker, encode([tag, atom("return"), 1]).subarray(1))
    expect(verdicts).toEqual(["success"])
    expect(sent).toHaveLength(1)
  })

  it("before it began, since its arguments cannot be sent, leaves nothing behind", async () => {
    const { calls, processes, verdicts } = loneLink()
    const added = vi.spyOn(processes, "add")
    const end = await Effect.runPromiseExit(calls.call("erlang", "abs", [Symbol("no term") as unknown as Term]))
    expect(String(end)).toContain("arguments of erlang:abs that cannot be sent")
    const self = added.mock.results[0]!.value as Pid
    expect(processes.handler.payloadLimit([Op.PAYLOAD_EXIT, worker, self])).toBeLessThan(1024 * 1024)
    vi.advanceTimersByTime(60_000)
    expect(verdicts).toEqual([])
  })

  it("with its link leaves no timer behind", () => {
    const { lose } = waiting()
    expect(vi.getTimerCount()).toBe(1)
    lose()
    expect(vi.getTimerCount()).toBe(0)
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
    for (const release of [26, 27]) {
      calls.learn(release)
      Effect.runFork(calls.call("erlang", "abs", [-1]))
    }
    const bound = [
      [atom("size"), 8 * 1024 * 1024],
      [atom("kill"), atom("true")],
      [atom("error_logger"), atom("false")]
    ] as const
    expect(capOf(sent[0]!)).toEqual(map([...bound, [atom("include_shared_binaries"), atom("true")]]))
    expect(capOf(sent[1]!)).toEqual(map(bound))
    expect(capOf(sent[2]!)).toEqual(capOf(sent[0]!))
  })
})

describe("the options of workers", () => {
  it("are those of the call, whatever calls were before", () => {
    const { calls, sent } = loneLink()
    for (const countsBinaries of [true, false, true])
      Effect.runFork(calls.call("erlang", "abs", [-1], { maxHeapWords: 1_000, countsBinaries }))
    const [first, second, third] = sent.map(capOf)
    expect(second).not.toEqual(first)
    expect(third).toEqual(first)
  })

  it("are kept for bounds that are in use, and not for any number of them", () => {
    const options = new WorkerOptions()
    const isKept = (heapWords: number) => options.of(heapWords, true) === options.of(heapWords, true)
    const bounds = Array.from({ length: 1_000 }, (_, index) => index + 1)
    expect(bounds.filter(isKept)).toEqual(bounds.slice(0, 64))
  })
})

describe("a request", () => {
  it("may wait for others while the node has enough to do, and leaves at once where few calls are in flight", () => {
    const { calls, sent, waiting } = loneLink()
    const call = () => Effect.runFork(calls.call("erlang", "abs", [-1]))
    const inFlight = Array.from({ length: 100 }, call)
    expect(waiting).toEqual(sent.slice(-waiting.length))
    expect(waiting.length).toBeGreaterThan(30)
    expect(waiting.length).toBeLessThan(50)
    for (const one of inFlight.slice(50)) Effect.runFork(Fiber.interrupt(one))
    const before = waiting.length
    call()
    expect(waiting).toHaveLength(before)
  })
})

/** A call to a peer that starts no workers for others. */
const askedOfRex = (maxReplyBytes = 1_000) => {
  const { calls, processes, sent, verdicts } = loneLink(Flags.offered & ~Flags.Flag.SPAWN)
  const call = Effect.runFork(calls.call("erlang", "abs", [-1], { timeoutMillis: 1_000, maxReplyBytes }))
  const [operation, self] = sent[0] as unknown as [number, Pid]
  expect(operation).toBe(Op.REG_SEND)
  const to: Tuple = [Op.SEND, atom(""), self]
  return {
    call,
    sent,
    verdicts,
    message: (message: Term) => processes.handler.message(to, encode(message).subarray(1)),
    oversized: () => processes.handler.oversized(to, bytes, "limit"),
    exit: (reason: Term) => {
      processes.handler.message([Op.PAYLOAD_EXIT, worker, self], encode(reason).subarray(1))
      processes.handler.oversized([Op.PAYLOAD_EXIT, worker, self], bytes, "limit")
    }
  }
}

describe("a call that the server rex runs", () => {
  const tag = new Reference(atom("us@host"), 7, [0, 0, 0])

  it("is asked of the server, which answers to the call itself", () => {
    const { calls, payloads, sent } = loneLink(Flags.offered & ~Flags.Flag.SPAWN)
    Effect.runFork(calls.call("erlang", "abs", [-1]))
    const [operation, self, , name] = sent[0]!
    expect([operation, name]).toEqual([Op.REG_SEND, atom("rex")])
    const [kind, from, request] = decode(encode(payloads[0]!)) as Tuple
    expect([kind, (from as Tuple)[0]]).toEqual([atom("$gen_call"), self])
    const [, module, func, args, groupLeader] = request as Tuple
    expect([module, func, args]).toEqual([atom("erlang"), atom("abs"), list([-1])])
    expect(groupLeader).toBeInstanceOf(Pid)
    expect(groupLeader).not.toEqual(self)
  })

  it("has room for a value of all the bytes that are allowed", async () => {
    const value = binary("x".repeat(100_000))
    const { call, message } = askedOfRex(encode(value).length)
    message([tag, value])
    expect(encode(await Effect.runPromise(Fiber.join(call)))).toEqual(encode(value))
  })

  it("has the value of its answer, and takes no exit signal for one", async () => {
    const { call, exit, message } = askedOfRex()
    exit(atom("killed"))
    expect(call.pollUnsafe()).toBeUndefined()
    message([tag, 1])
    expect(await Effect.runPromise(Fiber.join(call))).toBe(1)
  })

  it.each<[string, Term, object]>([
    ["that is none", atom("ok"), { _tag: "UndecodableReply" }],
    ["that lacks its value", [tag], { _tag: "UndecodableReply" }],
    [
      "that there was no running it",
      [tag, [atom("badrpc"), atom("nodedown")]],
      { _tag: "WorkerDied", reason: atom("nodedown") }
    ],
    [
      "that it raised an error",
      [tag, [atom("badrpc"), [atom("EXIT"), [atom("badarg"), list([])]]]],
      { _tag: "Raised", class: "error", reason: atom("badarg") }
    ],
    [
      "that it exited with what looks like a stack, and more",
      [tag, [atom("badrpc"), [atom("EXIT"), [atom("why"), list([[atom("m")]]), 1]]]],
      { _tag: "Raised", class: "exit", reason: [atom("why"), list([[atom("m")]]), 1] }
    ],
    [
      "that it exited",
      [tag, [atom("badrpc"), [atom("EXIT"), [atom("shutdown"), charlist("x")]]]],
      { _tag: "Raised", class: "exit", reason: [atom("shutdown"), charlist("x")] }
    ]
  ])("fails with what an answer says %s", async (_, answer, reason) => {
    const it = askedOfRex()
    it.message(answer)
    expect(await reasonOf(it)).toMatchObject(reason)
  })

  it.each<[Term, string]>([
    [atom("badarg"), "erlang:abs/1 raised an error on node@host. Its reason: badarg."],
    [[atom("badmatch"), atom("hunter2")], "erlang:abs/1 raised an error on node@host. Its reason: {badmatch, ...}."],
    [atom("hunter2"), "erlang:abs/1 raised an error on node@host."],
    [[atom("hunter2"), atom("badarg")], "erlang:abs/1 raised an error on node@host."]
  ])("says in its message with what it was raised, where that is a name of OTP's: %o", async (raised, message) => {
    const { call, message: answer } = askedOfRex()
    answer([tag, [atom("badrpc"), [atom("EXIT"), [raised, list([])]]]])
    expect((await Effect.runPromise(Effect.flip(Fiber.join(call)))).message).toBe(message)
  })

  it("fails with an answer that was dropped", async () => {
    const it = askedOfRex()
    it.oversized()
    expect(await reasonOf(it)).toEqual({ _tag: "ReplyTooLarge", limitBytes: 1_000 })
  })

  it("fails at its deadline, and goes on at the node", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    onTestFinished(() => void vi.useRealTimers())
    const it = askedOfRex()
    vi.advanceTimersByTime(2_000)
    expect(await reasonOf(it)).toEqual({ _tag: "DeadlineExceeded", millis: 1_000, worker: "unstoppable" })
    expect(it.sent).toHaveLength(1)
    expect(it.verdicts).toEqual(["failure"])
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

  it("is bad once where one is too late and another, under way with it, is given up", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    onTestFinished(() => void vi.useRealTimers())
    const { calls, verdicts } = loneLink()
    const [, longer] = [1_000, 1_100].map((timeoutMillis) =>
      Effect.runFork(calls.call("erlang", "abs", [-1], { timeoutMillis }))
    )
    vi.advanceTimersByTime(1_050)
    Effect.runFork(Fiber.interrupt(longer!))
    expect(verdicts).toEqual(["failure"])
  })

  it("is nothing where the link was lost, which is counted once for all of them", async () => {
    const { call, lose, verdicts } = waiting()
    lose()
    expect((await Effect.runPromise(Effect.flip(Fiber.join(call)))).reason._tag).toBe("LinkLost")
    expect(verdicts).toEqual([])
  })
})
