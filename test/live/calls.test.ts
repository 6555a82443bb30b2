import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { execPath } from "node:process"
import type { Duplex } from "node:stream"
import { atom, binary, Binary, charlist, isAtom, isTuple, list, listItems, Pid } from "../../src/etf/Term.ts"
import { Op } from "../../src/dist/Control.ts"
import { connect } from "../../src/dist/index.ts"
import { Transport } from "../../src/dist/Transport.ts"
import { Calls } from "../../src/node/Calls.ts"
import { joinNode } from "../../src/node/index.ts"
import { LocalProcesses } from "../../src/node/LocalProcesses.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const start = (otp: string) =>
  Effect.gen(function* () {
    const node = yield* BeamNode.start({ otp })
    const us = yield* joinNode({ name: node.name, cookie: Redacted.make(node.cookie), epmdPort })
    const ask = (text: string) => Effect.promise(() => node.evaluate(text))
    return { node, us, ask }
  })

describe.each(BeamNode.otpReleases())("calls to OTP $otp", ({ otp }) => {
  it.live("give the value", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      expect(yield* us.call("erlang", "abs", [-42])).toBe(42)
      expect(listItems(yield* us.call("lists", "seq", [1, 5]))).toEqual([1, 2, 3, 4, 5])
    })
  )

  it.live("tell errors, exits and throws apart, with reason and stack", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const raised = (module: string, func: string, args: Parameters<typeof us.call>[2]) =>
        Effect.map(Effect.flip(us.call(module, func, args)), ({ reason }) =>
          reason._tag === "Raised" ? reason : expect.unreachable()
        )
      const error = yield* raised("erlang", "binary_to_integer", [binary("x")])
      expect(error.class).toBe("error")
      expect(isAtom(error.reason, "badarg")).toBe(true)
      expect(error.stack[0]).toMatchObject({ module: "erlang", function: "binary_to_integer", arity: 1 })
      expect((yield* raised("erlang", "exit", [atom("enough")])).class).toBe("exit")
      expect((yield* raised("erlang", "throw", [atom("ball")])).class).toBe("throw")
      const missing = yield* raised("beamscope_no_such_module", "f", [])
      expect(isAtom(missing.reason, "undef")).toBe(true)
    })
  )

  it.live("run at low priority in a worker that is linked to us, under our group leader", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const self = yield* us.call("erlang", "self", [])
      expect(self).toBeInstanceOf(Pid)
      const leader = yield* us.call("erlang", "group_leader", [])
      expect(leader instanceof Pid && leader.node.text).toBe(us.localName)
      expect(isAtom(yield* us.call("erlang", "process_flag", [atom("priority"), atom("normal")]), "low")).toBe(true)
    })
  )

  it.live("leave no worker behind when the caller is interrupted", () =>
    Effect.gen(function* () {
      const { ask, us } = yield* start(otp)
      const count =
        "length([P || P <- processes(), erlang:process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}])"
      const fiber = yield* Effect.forkChild(us.call("timer", "sleep", [60_000], { timeoutMillis: 120_000 }))
      yield* eventually(Effect.map(ask(count), (text) => text === "1"))
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(ask(count), (text) => text === "0"))
    })
  )

  it.live("leave no worker behind when the caller is interrupted before the worker has started", () =>
    Effect.gen(function* () {
      const { ask, us } = yield* start(otp)
      const count = "length([P || P <- processes(), erlang:process_info(P, priority) =:= {priority, low}])"
      const before = yield* ask(count)
      yield* Effect.forEach(
        Array.from({ length: 50 }),
        () =>
          Effect.flatMap(
            Effect.forkChild(us.call("timer", "sleep", [60_000]), { startImmediately: true }),
            Fiber.interrupt
          ),
        { concurrency: "unbounded" }
      )
      yield* us.call("erlang", "abs", [1])
      yield* eventually(Effect.map(ask(count), (text) => text === before))
    })
  )

  it.live("end at their deadline, and the worker with them", () =>
    Effect.gen(function* () {
      const { ask, us } = yield* start(otp)
      const error = yield* Effect.flip(us.call("timer", "sleep", [60_000], { timeoutMillis: 100 }))
      expect(error.reason).toEqual({ _tag: "DeadlineExceeded", millis: 100, worker: "killed" })
      yield* eventually(
        Effect.map(
          ask(
            "[P || P <- processes(), erlang:process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}]"
          ),
          (text) => text === "[]"
        )
      )
    })
  )

  it.live.each(["at their deadline", "when the caller is interrupted"])(
    "take along what the worker is linked to, %s",
    (when) =>
      Effect.gen(function* () {
        const { ask, us } = yield* start(otp)
        // The worker waits for a word of its child, which never says it.
        const started = us.call("proc_lib", "start_link", [atom("timer"), atom("sleep"), list([60_000])], {
          timeoutMillis: when === "at their deadline" ? 2_000 : 60_000
        })
        const children =
          "[P || P <- processes(), erlang:process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}]"
        const linkedTo = `[element(2, erlang:process_info(P, links)) || P <- ${children}]`
        const fiber = yield* Effect.forkChild(Effect.flip(started))
        yield* eventually(Effect.map(ask(linkedTo), (text) => /^\[\[<[\d.]+>\]\]$/u.test(text)))
        if (when === "at their deadline") expect((yield* Fiber.join(fiber)).reason).toMatchObject({ worker: "killed" })
        else yield* Fiber.interrupt(fiber)
        yield* eventually(Effect.map(ask(children), (text) => text === "[]"))
      })
  )

  it.live("are killed by the node when they outgrow their heap", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const error = yield* Effect.flip(us.call("lists", "seq", [1, 3_000_000], { maxHeapWords: 200_000 }))
      expect(error.reason).toEqual({ _tag: "HeapLimit", limitWords: 200_000 })
    })
  )

  it.live("drop a reply that is too large, and the link lives on", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const copy = (bytes: number) => us.call("binary", "copy", [binary("x"), bytes], { maxReplyBytes: 1_000_000 })
      for (const bytes of [1_500_000, 60_000_000]) {
        const error = yield* Effect.flip(copy(bytes))
        expect(error.reason).toEqual({ _tag: "ReplyTooLarge", limitBytes: 1_000_000 })
      }
      const fits = yield* copy(900_000)
      expect(fits instanceof Binary && fits.length).toBe(900_000)
    })
  )

  it.live("are matched to their replies, thousands at a time", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const numbers = Array.from({ length: 5_000 }, (_, index) => index)
      const replies = yield* Effect.forEach(numbers, (number) => us.call("erlang", "abs", [-number]), {
        concurrency: "unbounded"
      })
      expect(replies).toEqual(numbers)
    })
  )

  it.live("overtake a large reply", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const link = yield* connect({ node: node.name, cookie: Redacted.make(node.cookie), epmdPort })
      const processes = new LocalProcesses(link)
      const calls = new Calls(link, processes)
      link.attach(processes.handler, calls.linkLost)
      const megabyte = 1024 * 1024
      const large = calls.call("binary", "copy", [binary("x".repeat(1024)), 64 * 1024], {
        maxReplyBytes: 65 * megabyte,
        maxHeapWords: 32 * megabyte
      })
      const transfer = yield* Effect.forkChild(large, { startImmediately: true })
      let between = 0
      while (transfer.pollUnsafe() === undefined) {
        yield* calls.call("erlang", "abs", [-1])
        const { bytesIn } = link.traffic()
        if (bytesIn > megabyte && bytesIn < 63 * megabyte) between++
      }
      const reply = yield* Fiber.join(transfer)
      expect(reply instanceof Binary && reply.length).toBe(64 * megabyte)
      expect(between).toBeGreaterThan(0)
    })
  )

  it.live("are served input and output: input is at its end, output is taken", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      expect(isAtom(yield* us.call("io", "get_line", [charlist("name? ")]), "eof")).toBe(true)
      expect(isAtom(yield* us.call("io", "put_chars", [binary("hello\n")]), "ok")).toBe(true)
      expect(isAtom(yield* us.call("io", "format", [charlist("~p~n"), list([atom("hello")])]), "ok")).toBe(true)
      expect(isTuple(yield* us.call("io", "columns", []), "error")).toBe(true)
    })
  )

  it.live("may send their group leader anything, of any size", () =>
    Effect.gen(function* () {
      const { us } = yield* start(otp)
      const leader = yield* us.call("erlang", "group_leader", [])
      const large = binary("x".repeat(100_000))
      yield* us.call("erlang", "send", [leader, large])
      yield* us.call("erlang", "send", [leader, [atom("log"), large]])
      yield* us.call("erlang", "send", [leader, [atom("io_request"), leader, large, large]])
      expect(yield* us.call("erlang", "abs", [-1])).toBe(1)
    })
  )

  it.live("end, and a process of the node that linked itself to ours learns of it", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const ask = (text: string) => Effect.promise(() => node.evaluate(text))
      const link = yield* connect({ node: node.name, cookie: Redacted.make(node.cookie), epmdPort })
      const processes = new LocalProcesses(link)
      link.attach(processes.handler, (cause) => processes.linkLost(cause))
      const ours = processes.add({ limitBytes: 1_000 })
      yield* ask(`register(watcher, spawn(fun() ->
        process_flag(trap_exit, true),
        receive {watch, Pid} -> link(Pid) end,
        receive {'EXIT', Pid, Reason} -> put(reason, Reason) end,
        receive stop -> ok end
      end))`)
      link.send([Op.REG_SEND, ours, atom(""), atom("watcher")], [atom("watch"), ours])
      yield* eventually(Effect.map(ask("element(2, process_info(whereis(watcher), links))"), (links) => links !== "[]"))
      processes.remove(ours)
      yield* eventually(
        Effect.map(ask("element(2, process_info(whereis(watcher), dictionary))"), (dictionary) =>
          dictionary.includes("{reason,normal}")
        )
      )
    })
  )

  it.live("hold the node's memory no longer than their link while we do not read, and the node goes on", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const ask = (text: string) => Effect.promise(() => node.evaluate(text))
      const total = Effect.map(ask("erlang:memory(total)"), Number)
      const transport = yield* Transport
      const streams: Array<Duplex> = []
      const dial = (...to: Parameters<typeof transport.dial>) =>
        Effect.tap(transport.dial(...to), (stream) => Effect.sync(() => streams.push(stream)))
      yield* Effect.gen(function* () {
        const us = yield* joinNode({ name: node.name, cookie: Redacted.make(node.cookie), epmdPort })
        const before = yield* total
        streams.at(-1)!.pause()
        const late = yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.flip(us.call("lists", "duplicate", [1_000_000, atom("x")], { timeoutMillis: 1_000 })),
          { concurrency: "unbounded" }
        )
        expect(late.every(({ reason }) => reason._tag === "DeadlineExceeded")).toBe(true)
        // Eight replies of 16 MB of heap each, and what waits in the port.
        expect((yield* total) - before).toBeLessThan(8 * 32_000_000)
      }).pipe(Effect.provideService(Transport, { ...transport, dial }), Effect.scoped)
      const low = "[P || P <- processes(), erlang:process_info(P, priority) =:= {priority, low}]"
      yield* eventually(Effect.map(ask(low), (left) => left === "[]"))
    })
  )

  it.live("never go through rex", () =>
    Effect.gen(function* () {
      const { ask, us } = yield* start(otp)
      yield* ask("erlang:suspend_process(whereis(rex))")
      expect(yield* us.call("erlang", "abs", [-1])).toBe(1)
    })
  )

  it.live("with invented names add no atom", () =>
    Effect.gen(function* () {
      const { ask, us } = yield* start(otp)
      yield* Effect.flip(us.existingAtom("beamscope_no_such_atom_0"))
      const before = yield* ask("erlang:system_info(atom_count)")
      for (let number = 0; number < 1_000; number++) {
        const error = yield* Effect.flip(us.existingAtom(`beamscope_no_such_atom_${number}`))
        expect(error.reason._tag).toBe("UnknownAtom")
      }
      expect(yield* ask("erlang:system_info(atom_count)")).toBe(before)
      expect((yield* us.existingAtom("kernel")).text).toBe("kernel")
    })
  )

  it.live("fail at once when the node goes down, and so do those that come after", () =>
    Effect.gen(function* () {
      const { node, us } = yield* start(otp)
      const waiting = yield* Effect.forkChild(
        Effect.flip(us.call("timer", "sleep", [60_000], { timeoutMillis: 120_000 }))
      )
      yield* us.call("erlang", "abs", [-1])
      process.kill(node.pid, "SIGKILL")
      expect((yield* Fiber.join(waiting)).reason._tag).toBe("LinkLost")
      // Not in the turn in which those that wait are told.
      yield* Effect.promise(() => setImmediate())
      expect((yield* Effect.flip(us.call("erlang", "abs", [-1]))).reason._tag).toBe("LinkLost")
    })
  )

  it.live("die with our process, however it ends, and with them all that was loaded", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const ask = (text: string) => Effect.promise(() => node.evaluate(text))
      const left = ask(`{
        [P || P <- processes(), erlang:process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}],
        [M || {M, _} <- code:all_loaded(), lists:prefix("beamscope", atom_to_list(M))],
        [N || N <- registered(), lists:prefix("beamscope", atom_to_list(N))],
        nodes(connected)
      }`)
      const program = new URL("../support/sleepingCaller.ts", import.meta.url).pathname
      const child = spawn(execPath, [program], {
        env: { ...process.env, NODE_NAME: node.name, NODE_COOKIE: node.cookie },
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.promise(() => once(child.stdout, "data"))
      expect(yield* left).not.toBe("{[],[],[],[]}")
      child.kill("SIGKILL")
      yield* eventually(Effect.map(left, (text) => text === "{[],[],[],[]}"))
      expect(node.log()).toBe("")
    })
  )
})
