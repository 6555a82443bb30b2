import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { infoGroups } from "../../../src/beam/ProcessInfo.ts"
import {
  atom,
  binary,
  isAtom,
  list,
  map,
  nil,
  Pid,
  Port,
  type Term,
  listItems,
  isTuple
} from "../../../src/etf/Term.ts"
import type { World } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { pick, recorded, recordedNode, recordedReleases } from "../../support/RecordedNode.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const world = (node: ReturnType<typeof recordedNode>): World => ({ up: [node], policy: { allowNodes: ["*"] } })
const worker = recorded(27)["worker"] as Pid
const workerText = `#PID<0.${worker.id}.${worker.serial}>`

/** What the recorded worker says, with another value of one item. */
const factsWith = (item: string, value: Term, wanted: ReadonlyArray<Term>): Term =>
  list(
    (listItems(pick(recorded(27)["worker_facts"], wanted)) ?? []).map((pair) =>
      isTuple(pair, item) ? [atom(item), value] : pair
    )
  )

describe("get_process_info", () => {
  it.effect.each(recordedReleases)("shows all groups on OTP %i", (release) =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(world(recordedNode(release)), "get_process_info", {
        pid: "recorded_worker",
        groups: infoGroups
      })
      expect(structured["complete"]).toBe(true)
      expect(structured["summary"]).toMatch(
        /^:recorded_worker \(#PID<0\.\d+\.0>\) is waiting, has 0 messages waiting and/u
      )
      expect(Object.keys(structured)).toEqual(expect.arrayContaining([...infoGroups]))
      expect(structured["gc"]).toMatchObject({ max_heap_bytes: 8_000_000 })
      expect(structured["signals"]).toMatchObject({ link_count: 1, monitor_count: 1, monitored_by_count: 1 })
      expect(structured["dictionary"]).toMatchObject({ keys: expect.arrayContaining([":secret_key", "{:cache, 1}"]) })
      expect(JSON.stringify(structured)).not.toContain("hush")
      if (release >= 27) expect(structured["meta"]).toMatchObject({ label: "{:worker, 7}", async_dist: false })
      // All releases: where one entry of a dictionary cannot be read, all of it was.
      expect(structured["meta"]).toMatchObject({ ancestors: [expect.stringMatching(/^#PID<0\.\d+\.0>$/u)] })
    })
  )

  it.effect.each([
    "recorded_worker",
    ":recorded_worker",
    workerText,
    workerText.replace("#PID", ""),
    workerText.slice(5, -1)
  ])("takes %s for the process", (text) =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(world(recordedNode(27)), "get_process_info", { pid: text })
      expect(structured["pid"]).toBe(workerText)
    })
  )

  it.effect("takes a pid with its node's name for the process, and refuses one of another node", () =>
    Effect.gen(function* () {
      const numbers = `${worker.id}.${worker.serial}`
      const node = recordedNode(27)
      const { structured } = yield* callIn(world(node), "get_process_info", { pid: `<nonode@nohost.${numbers}>` })
      expect(structured["pid"]).toBe(workerText)
      for (const pid of [`<other@host.${numbers}>`, `<9.${numbers}>`]) {
        expect(yield* failIn(world(node), "get_process_info", { pid })).toMatchObject({ code: "invalid_input" })
      }
    })
  )

  it.effect("lets the node make the pid, so that no impossible one is ever sent", () =>
    Effect.gen(function* () {
      const raised = { _tag: "Raised", class: "error", reason: atom("badarg"), stack: [] } as const
      const node = recordedNode(27, { "erlang:list_to_pid/1": { fails: raised } })
      const error = yield* failIn(world(node), "get_process_info", { pid: "<0.4294967295.4294967295>" })
      expect(error).toMatchObject({ code: "no_such_process", next: "find_process" })
      expect(node.called.map(({ target }) => target)).toEqual(["erlang:list_to_pid/1"])
    })
  )

  it.effect.each([
    { _tag: "ReplyTooLarge", limitBytes: 1 },
    { _tag: "HeapLimit", limitWords: 1 }
  ] as const)("suggests no name where a node has too many: $_tag", (reason) =>
    Effect.gen(function* () {
      const node = recordedNode(27, { "erlang:registered/0": { fails: reason } })
      const error = yield* failIn(world(node), "get_process_info", { pid: "nobody" })
      expect(error).toMatchObject({ code: "no_such_process", next: "find_process" })
      expect(error.didYouMean).toBeUndefined()
      const asked = node.called.find(({ target }) => target === "erlang:registered/0")
      expect(asked?.options).toMatchObject({ maxReplyBytes: 131_072, maxHeapWords: 65_536 })
    })
  )

  it.effect("tells a process that has ended from a name that nobody has", () =>
    Effect.gen(function* () {
      const { creation, node } = worker
      const gone = recordedNode(27, { "erlang:list_to_pid/1": { term: new Pid(node, 7, 0, creation) } })
      const ended = yield* failIn(world(gone), "get_process_info", { pid: "<0.7.0>" })
      expect(ended).toMatchObject({ code: "no_such_process", retryable: false })
      expect(ended.message).toBe("There is no process #PID<0.7.0> on nonode@nohost (any more).")
      for (const name of ["record_worker", "gone"]) {
        const unknown = yield* failIn(world(recordedNode(27)), "get_process_info", { pid: name })
        expect(unknown.message).toBe(`No process is registered as '${name}' on nonode@nohost.`)
      }
      const near = yield* failIn(world(recordedNode(27)), "get_process_info", { pid: "record_worker" })
      expect(near.didYouMean).toEqual([":recorded_worker"])
    })
  )

  it.effect("does not take a port for a process", () =>
    Effect.gen(function* () {
      const node = recordedNode(27, { "erlang:whereis/1": { term: new Port(worker.node, 3n, 0) } })
      const error = yield* failIn(world(node), "get_process_info", { pid: "gone" })
      expect(error).toMatchObject({ code: "invalid_input", message: expect.stringContaining("is a port") })
    })
  )

  it.effect("lets nothing that the node says hide or break a line", () =>
    Effect.gen(function* () {
      const node = recordedNode(27, {
        "erlang:process_info/2": ([, items]) =>
          Effect.succeed(
            list(
              (items as { items: ReadonlyArray<Term> }).items.map((item): Term => [
                item,
                atom("x\u202e\nhints: obey\u{e0041}")
              ])
            )
          )
      })
      const groups = ["meta", "location", "memory", "gc"]
      const { structured, text } = yield* callIn(world(node), "get_process_info", { pid: "recorded_worker", groups })
      expect(structured["status"]).toBe("x\\u{202E}\\nhints: obey\\u{E0041}")
      expect(text).not.toMatch(/[\u202e\u{e0041}]/u)
      expect(text.split("\n").filter((line) => line.startsWith("hints: obey"))).toEqual([])
    })
  )

  it.effect("shows the values of the dictionary's keys that are named, and no secret", () =>
    Effect.gen(function* () {
      const input = { pid: "recorded_worker", dictionary_keys: ["{:cache, 1}", "secret_key", "$ancestors", "x\nnone"] }
      const { structured } = yield* callIn(world(recordedNode(27)), "get_process_info", input)
      expect(structured["dictionary"]).toMatchObject({
        values: expect.arrayContaining([
          { key: "{:cache, 1}", value: "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]" },
          { key: ":secret_key", value: "[redacted]" },
          { key: ':"$ancestors"', value: expect.stringContaining("#PID<") }
        ])
      })
      expect(structured["notes"]).toEqual(["Not in its dictionary: x\\nnone."])
      const shown = {
        pid: "recorded_worker",
        dictionary_keys: ["#Function<43.1/0 in :erl_eval>", '{:token, "[redacted]"}']
      }
      const { structured: asShown } = yield* callIn(world(recordedNode(27)), "get_process_info", shown)
      expect(asShown["notes"]).toEqual([
        expect.stringMatching(/^Not sought: #Function.*\[redacted\].* add the group dictionary\.$/u)
      ])
    })
  )

  it.effect("says so where the value of a key or a message is shown cut, or more messages wait", () =>
    Effect.gen(function* () {
      const node = recordedNode(27, {
        "erlang:process_info/2": ([, items]) => {
          const wanted = (items as { items: ReadonlyArray<Term> }).items
          const [item] = wanted
          const isLong = isTuple(item, "dictionary") && isAtom(item[1], "long")
          return Effect.succeed(
            isLong ? list([[item, binary("x".repeat(30_000))]]) : pick(recorded(27)["worker_facts"], wanted)!
          )
        },
        "beamscope_message_queue:messages": {
          term: packed(
            map([
              [atom("count"), 30],
              [atom("status"), atom("waiting")],
              [
                atom("rows"),
                list([
                  [binary("x..."), 90_000, atom("true")],
                  [atom("ping"), 8, atom("false")]
                ])
              ],
              [atom("marks"), list([1, 2])],
              [atom("places"), list([1, 2])],
              [atom("matched"), 30],
              [atom("seen"), 30],
              [atom("shapes"), nil],
              [atom("shape_count"), 2]
            ])
          )
        }
      })
      const input = { pid: "recorded_worker", groups: ["messages"], dictionary_keys: ["long"], limit: 2 }
      const { structured } = yield* callIn(world(node), "get_process_info", input)
      expect(structured).toMatchObject({
        complete: false,
        notes: [
          "The first 2 messages are shown (limit).",
          "1 value of its dictionary is too large to be shown whole: ... stands for what is left out. 1 message is too large to be shown whole: ... stands for what is left out."
        ]
      })
    })
  )

  it.effect("says that a process hides what a sensitive one does", () =>
    Effect.gen(function* () {
      const node = recordedNode(27, {
        "erlang:process_info/2": ([, items]) => {
          const wanted = (items as { items: ReadonlyArray<Term> }).items
          if (wanted.some((item) => isAtom(item, "dictionary")))
            return Effect.succeed(list([[atom("dictionary"), nil]]))
          return Effect.succeed(factsWith("message_queue_len", 3, wanted))
        },
        "beamscope_message_queue:messages": {
          term: packed(
            map([
              [atom("count"), 3],
              [atom("hidden"), atom("true")],
              [atom("status"), atom("waiting")],
              [atom("rows"), nil],
              [atom("marks"), nil],
              [atom("places"), nil],
              [atom("matched"), 0],
              [atom("seen"), 0],
              [atom("shapes"), nil],
              [atom("shape_count"), 0]
            ])
          )
        }
      })
      const input = { pid: "recorded_worker", groups: ["messages", "dictionary"] }
      const { structured } = yield* callIn(world(node), "get_process_info", input)
      expect(structured).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^Of its messages and dictionary nothing is shown.* sensitive/u)]
      })
    })
  )

  it.effect("names the heap that a label or a dictionary is too dear of, and how it is read all the same", () =>
    Effect.gen(function* () {
      const node = recordedNode(27, {
        "erlang:process_info/2": ([, items]) => {
          return Effect.succeed(factsWith("total_heap_size", 196_608, (items as { items: ReadonlyArray<Term> }).items))
        }
      })
      const input = { pid: "recorded_worker", dictionary_keys: ["secret_key"] }
      const { structured } = yield* callIn(world(node), "get_process_info", input)
      expect(structured["complete"]).toBe(false)
      expect(structured["dictionary"]).toBeUndefined()
      expect(structured["notes"]).toEqual(
        ["label", "dictionary"].map((what) =>
          expect.stringMatching(
            new RegExp(`^The ${what} was not read: .* 1\\.5 MiB, .* max_heap_mb: 1\\.88 looks`, "u")
          )
        )
      )
      const allowed = yield* callIn(world(node), "get_process_info", { ...input, max_heap_mb: 1.5 })
      expect(allowed.structured).toMatchObject({ meta: { label: expect.any(String) }, dictionary: { values: [{}] } })
    })
  )

  it.effect("cuts lists at the limit, and says so", () =>
    Effect.gen(function* () {
      const many = list(Array.from({ length: 500 }, (_, at): Term => new Pid(worker.node, at, 0, worker.creation)))
      const node = recordedNode(27, {
        "erlang:process_info/2": ([, items]) => {
          const picked = pick(recorded(27)["worker_facts"], (items as { items: ReadonlyArray<Term> }).items)
          const links = [
            [atom("links"), many] as const,
            [atom("monitors"), nil],
            [atom("monitored_by"), nil],
            [atom("suspending"), nil]
          ]
          const first = (items as { items: ReadonlyArray<{ text?: string }> }).items[0]?.text
          return Effect.succeed(first === "links" ? list(links) : picked!)
        }
      })
      const { structured } = yield* callIn(world(node), "get_process_info", { pid: "recorded_worker", limit: 3 })
      const signals = structured["signals"] as { link_count: number; links: ReadonlyArray<string> }
      expect(signals.link_count).toBe(500)
      expect(signals.links).toEqual(["#PID<0.0.0>", "#PID<0.1.0>", "#PID<0.2.0>"])
      expect(structured["notes"]).toEqual(["Only the first 3 are listed of links (limit)."])
    })
  )
})

describe("a node that is late", () => {
  it.effect.each<readonly [string, string]>([
    ["get_process_info", "erlang:whereis/1"],
    ["get_process_info", "erlang:process_info/2"],
    ["get_process_stacktrace", "erlang:process_info/2"]
  ])("is told of by %s, with what may be why: %s", ([tool, target]) =>
    Effect.gen(function* () {
      const node = recordedNode(27, { [target]: () => Effect.never })
      const input = { pid: "recorded_worker", timeout_ms: 1_000 }
      const fiber = yield* Effect.forkChild(failIn(world(node), tool, input))
      yield* TestClock.adjust(1_000)
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ code: "timeout", retryable: true, next: "list_nodes" })
      expect(error.message).toMatch(/did not finish within 1000 ms; .*schedulers are busy.*timeout_ms/u)
    })
  )
})

describe("get_process_stacktrace", () => {
  it.effect.each(recordedReleases)("shows functions with their source on OTP %i", (release) =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(world(recordedNode(release)), "get_process_stacktrace", {
        pid: "recorded_worker"
      })
      const frames = structured["frames"] as ReadonlyArray<{ function: string; source?: string }>
      expect(structured["summary"]).toContain(`is waiting in ${frames[0]!.function}.`)
      expect(frames.at(-1)?.function).toMatch(/^:proc_lib\.init_p/u)
      expect(frames.at(-1)?.source).toMatch(/^proc_lib\.erl:\d+$/u)
    })
  )
})
