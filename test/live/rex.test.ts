import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { connect } from "../../src/dist/index.ts"
import * as Flags from "../../src/dist/Flags.ts"
import { atom, Binary, binary, isAtom, list, listItems } from "../../src/etf/Term.ts"
import { Calls } from "../../src/node/Calls.ts"
import { LocalProcesses } from "../../src/node/LocalProcesses.ts"
import * as BeamNode from "../support/BeamNode.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])

/** Calls over a link that negotiated no workers, as with a peer that has none. */
const start = (otp: string) =>
  Effect.gen(function* () {
    const node = yield* BeamNode.start({ otp })
    const link = yield* connect({
      node: node.name,
      cookie: Redacted.make(node.cookie),
      epmdPort,
      flags: Flags.offered & ~Flags.Flag.SPAWN
    })
    const processes = new LocalProcesses(link)
    const calls = new Calls(link, processes)
    link.attach(processes.handler, calls.linkLost)
    return { calls, node }
  })

describe.each(BeamNode.otpReleases())("calls by way of rex to OTP $otp", ({ otp }) => {
  it.live("give values, and tell errors from exits", () =>
    Effect.gen(function* () {
      const { calls, node } = yield* start(otp)
      expect(listItems(yield* calls.call("lists", "seq", [1, 3]))).toEqual([1, 2, 3])
      const error = yield* Effect.flip(calls.call("erlang", "binary_to_integer", [binary("x")]))
      if (error.reason._tag !== "Raised") return expect.unreachable()
      expect(error.reason.class).toBe("error")
      expect(isAtom(error.reason.reason, "badarg")).toBe(true)
      expect(error.reason.stack[0]).toMatchObject({ module: "erlang", function: "binary_to_integer", arity: 1 })
      const exit = yield* Effect.flip(calls.call("erlang", "exit", [atom("enough")]))
      expect(exit.reason).toMatchObject({ _tag: "Raised", class: "exit", reason: { text: "enough" } })
      expect(node.log()).toBe("")
    })
  )

  it.live("end at their deadline, are matched to their replies, and drop what is too large", () =>
    Effect.gen(function* () {
      const { calls } = yield* start(otp)
      const late = yield* Effect.flip(calls.call("timer", "sleep", [2_000], { timeoutMillis: 50 }))
      expect(late.reason).toEqual({ _tag: "DeadlineExceeded", millis: 50, worker: "unstoppable" })
      const numbers = Array.from({ length: 500 }, (_, index) => index)
      const replies = yield* Effect.forEach(numbers, (number) => calls.call("erlang", "abs", [-number]), {
        concurrency: "unbounded"
      })
      expect(replies).toEqual(numbers)
      const large = calls.call("binary", "copy", [binary("x"), 500_000], { maxReplyBytes: 100_000 })
      expect((yield* Effect.flip(large)).reason).toEqual({ _tag: "ReplyTooLarge", limitBytes: 100_000 })
      const small = yield* calls.call("binary", "copy", [binary("x"), 50_000])
      expect(small instanceof Binary && small.length).toBe(50_000)
      expect(listItems(yield* calls.call("lists", "reverse", [list([1, 2])]))).toEqual([2, 1])
    })
  )
})
