import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { copiedHeapWords } from "../../../src/beam/CopiedHeap.ts"
import { infoGroups, processInfo } from "../../../src/beam/ProcessInfo.ts"
import { longQueue } from "../../../src/beam/ProcessQuery.ts"
import { stackTrace } from "../../../src/beam/StackTrace.ts"
import { Atom, atom, isTuple, list, listItems, Pid, type Term } from "../../../src/etf/Term.ts"
import { pick, recorded, recordedNode, type RecordedRelease, recordedReleases } from "../../support/RecordedNode.ts"

const all = new Set(infoGroups)
const workerOf = (release: RecordedRelease) => recorded(release)["worker"] as Pid
const text = (term: Term | undefined) => (term instanceof Atom ? term.text : term)

/** The recorded worker, as it would be with other values of some items. */
const with_ = (release: RecordedRelease, changes: Readonly<Record<string, Term>>) =>
  recordedNode(release, {
    "erlang:process_info/2": ([, items]) => {
      const facts = (listItems(recorded(release)["worker_facts"]) ?? []).map((pair) => {
        const name = isTuple(pair) ? text(pair[0]) : undefined
        return typeof name === "string" && name in changes ? [atom(name), changes[name]!] : pair
      })
      return Effect.succeed(pick(list(facts), listItems(items) ?? []) ?? atom("badarg"))
    }
  })

it("what is copied of a process is bounded by one figure, here and in the agent", () => {
  const header = readFileSync(new URL("../../../erlang/agent/src/beamscope_copied.hrl", import.meta.url), "utf8")
  expect(header).toContain(`-define(COPIED_HEAP, ${copiedHeapWords}).`)
})

describe("processInfo", () => {
  it.effect.each(recordedReleases)("reads all groups of a process on OTP %i", (release) =>
    Effect.gen(function* () {
      const info = yield* processInfo(recordedNode(release), workerOf(release), all)
      expect(info).toMatchObject({
        registeredName: "recorded_worker",
        status: "waiting",
        messageQueueLength: 0,
        meta: { priority: "normal", trapExit: true },
        memory: { messageQueueData: "on_heap" },
        gc: { fullSweepAfter: 65_535, maxHeap: 8_000_000 },
        // Three of the scene's; some releases have binaries of their own beside them.
        binaries: { largest: 3_000 },
        unread: []
      })
      expect(info?.memory?.total).toBeGreaterThan(info!.memory!.totalHeap)
      expect(info?.binaries?.total).toBeGreaterThanOrEqual(6_000)
      expect(info?.signals?.links).toHaveLength(1)
      expect(info?.signals?.monitors).toHaveLength(1)
      expect(info?.signals?.monitoredBy).toHaveLength(1)
      expect(info?.location?.initialCall?.module).toBe("erl_eval")
      expect(info?.dictionary?.entries?.map(([key]) => (isTuple(key) ? key.map(text) : text(key)))).toEqual(
        expect.arrayContaining(["secret_key", ["cache", 1], "$ancestors", "$initial_call"])
      )
      expect(info?.meta?.parent instanceof Pid).toBe(release >= 25)
      expect(isTuple(info?.meta?.label)).toBe(release >= 27)
    })
  )

  it.effect("is nothing when there is no such process", () =>
    Effect.gen(function* () {
      const { creation, node, serial } = workerOf(27)
      expect(yield* processInfo(recordedNode(27), new Pid(node, 1, serial, creation), all)).toBeUndefined()
      expect(yield* stackTrace(recordedNode(27), new Pid(node, 1, serial, creation))).toBeUndefined()
    })
  )

  it.effect("reads only the groups that were asked for", () =>
    Effect.gen(function* () {
      const node = recordedNode(27)
      const info = yield* processInfo(node, workerOf(27), new Set(["gc"]))
      expect(info?.gc).toBeDefined()
      expect([info?.meta, info?.location, info?.memory, info?.signals, info?.binaries, info?.dictionary]).toEqual(
        Array.from({ length: 6 })
      )
      expect(node.called).toHaveLength(1)
    })
  )

  it.effect("does not walk a long queue, neither for memory nor for the dictionary", () =>
    Effect.gen(function* () {
      const node = with_(25, { message_queue_len: longQueue + 1 })
      const info = yield* processInfo(node, workerOf(25), all)
      expect(info?.memory).toBeUndefined()
      expect(info?.dictionary).toBeUndefined()
      expect(info?.unread).toEqual([
        { what: "memory", why: "LongQueue", messages: longQueue + 1 },
        { what: "dictionary", why: "LongQueue", messages: longQueue + 1 }
      ])
      const asked = node.called.flatMap(({ args }) => (listItems(args[1]) ?? []).map(text))
      for (const item of ["memory", "total_heap_size", "dictionary", "messages"]) expect(asked).not.toContain(item)
      expect(node.called.map(({ target }) => target)).not.toContain("proc_lib:translate_initial_call/1")
    })
  )

  it.effect("copies neither label nor dictionary of a large heap, unless it may", () =>
    Effect.gen(function* () {
      const node = with_(27, { total_heap_size: copiedHeapWords + 1 })
      const bytes = 8 * (copiedHeapWords + 1)
      const info = yield* processInfo(node, workerOf(27), all)
      expect([info?.dictionary, info?.meta?.label]).toEqual([undefined, undefined])
      expect(info?.unread).toEqual(["label", "dictionary"].map((what) => ({ what, why: "LargeHeap", bytes })))
      const asked = node.called.flatMap(({ args }) => (listItems(args[1]) ?? []).map(text))
      for (const item of ["label", "dictionary"]) expect(asked).not.toContain(item)
      const allowed = yield* processInfo(node, workerOf(27), all, bytes)
      expect(allowed?.unread).toEqual([])
      expect(isTuple(allowed?.meta?.label)).toBe(true)
      const without = yield* processInfo(with_(25, { total_heap_size: copiedHeapWords + 1 }), workerOf(25), all)
      expect(without?.unread.map(({ what }) => what)).toEqual(["dictionary"])
    })
  )

  it.effect("copies neither label nor dictionary behind a long queue, however large a heap may be", () =>
    Effect.gen(function* () {
      const node = with_(27, { message_queue_len: longQueue + 1 })
      const info = yield* processInfo(node, workerOf(27), all, Infinity)
      expect(info?.unread.map(({ what, why }) => `${what} ${why}`)).toEqual(
        ["memory", "label", "dictionary"].map((what) => `${what} LongQueue`)
      )
      const asked = node.called.flatMap(({ args }) => (listItems(args[1]) ?? []).map(text))
      for (const item of ["memory", "total_heap_size", "label", "dictionary"]) expect(asked).not.toContain(item)
    })
  )

  it.effect.each([
    [{ _tag: "ReplyTooLarge", limitBytes: 4 }, 4],
    [{ _tag: "HeapLimit", limitWords: 4 }, 32]
  ] as const)("tells what was too large to be sent, or to be read there: %o", ([reason, bytes]) =>
    Effect.gen(function* () {
      const real = recordedNode(27)
      const node = recordedNode(27, {
        "erlang:process_info/2": ([pid, items]) => {
          const [first] = (listItems(items) ?? []).map(text)
          if (first === "links" || first === "binary" || first === "label" || first === "dictionary") {
            return Effect.fail(reason)
          }
          return Effect.orDie(real.call("erlang", "process_info", [pid!, items!]))
        }
      })
      const info = yield* processInfo(node, workerOf(27), all)
      expect(info?.unread).toEqual(
        ["label", "signals", "binaries", "dictionary"].map((what) => ({ what, why: "LargeReply", bytes }))
      )
      expect(info?.signals).toBeUndefined()
      expect(info?.binaries).toBeUndefined()
    })
  )
})

describe("stackTrace", () => {
  it.effect.each(recordedReleases)("reads the frames on OTP %i", (release) =>
    Effect.gen(function* () {
      const trace = yield* stackTrace(recordedNode(release), workerOf(release))
      expect(trace?.status).toBe("waiting")
      expect(trace?.frames[0]).toMatchObject({ module: "prim_eval", function: "receive", arity: 2 })
      expect(trace?.frames.at(-1)).toMatchObject({ module: "proc_lib", file: "proc_lib.erl" })
      expect(trace?.frames.at(-1)?.line).toBeGreaterThan(0)
    })
  )

  it.effect("keeps the frames of erpc, and counts arguments instead of reading them", () =>
    Effect.gen(function* () {
      const stack = list([
        [
          atom("erpc"),
          atom("call"),
          5,
          list([
            [atom("file"), list([101, 46, 101])],
            [atom("line"), 7]
          ])
        ],
        [atom("m"), atom("f"), list([1, 2]), list([])]
      ])
      const trace = yield* stackTrace(with_(27, { current_stacktrace: stack }), workerOf(27))
      expect(trace?.frames).toEqual([
        { module: "erpc", function: "call", arity: 5, file: "e.e", line: 7 },
        { module: "m", function: "f", arity: 2 }
      ])
    })
  )

  it.effect.each([
    [{ _tag: "ReplyTooLarge", limitBytes: 4 }, 4],
    [{ _tag: "HeapLimit", limitWords: 4 }, 32]
  ] as const)("tells the rest where the callback was too large to be read: %o", ([reason, bytes]) =>
    Effect.gen(function* () {
      const node = recordedNode(25, { "proc_lib:translate_initial_call/1": () => Effect.fail(reason) })
      const info = yield* processInfo(node, workerOf(25), all)
      expect(info?.unread).toEqual([{ what: "initial call", why: "LargeReply", bytes }])
      expect(info?.location?.initialCall).toBeUndefined()
      expect(info?.location?.current).toBeDefined()
      expect(info?.memory).toBeDefined()
    })
  )
})
