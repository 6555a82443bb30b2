import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { longQueue } from "../../../src/beam/ProcessQuery.ts"
import { rowItems } from "../../../src/beam/ProcessRow.ts"
import { decode } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import {
  atom,
  Binary,
  binary,
  float,
  integer,
  list,
  listItems,
  map,
  type MapTerm,
  Pid,
  type Term,
  utf8Text
} from "../../../src/etf/Term.ts"
import { encodeCursor } from "../../../src/tools/Cursor.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn, catalogueLayer, failIn, call } from "../../support/Tools.ts"

const pid = (id: number) => new Pid(atom("app@localhost"), id, 0, 42)
const mfa = (module: string, name: string, arity: number): Term => [atom(module), atom(name), arity]

/** A row as the agent gives it. */
const row = (
  id: number,
  values: Readonly<Partial<Record<(typeof rowItems)[number], Term>>> = {}
): ReadonlyArray<Term> => [pid(id), ...rowItems.map((item) => values[item] ?? atom("undefined"))]

const pageReply = (rows: ReadonlyArray<Term>, rest: Readonly<Record<string, Term>> = {}): Reply => ({
  term: packed(
    map(
      Object.entries({
        rows: list(rows),
        total: Math.max(60, rows.length),
        seen: 50,
        matched: rows.length,
        gone: 0,
        unmeasured: [0, list([])],
        incomplete: list([]),
        next: atom("undefined"),
        ...rest
      }).map(([key, value]) => [atom(key), value] as const)
    )
  )
})

/** Names as the agent gives them. */
const namesReply = (found: ReadonlyArray<readonly [number, Term]>, incomplete: ReadonlyArray<string> = []): Reply => ({
  term: packed(
    map([
      [atom("found"), list(found.map(([id, name]) => [pid(id), [atom("term"), name]]))],
      [atom("incomplete"), list(incomplete.map(atom))]
    ])
  )
})

const nodeWith = (replies: Readonly<Record<string, Reply>>) =>
  fakeNode({
    replies: {
      "erlang:list_to_pid/1": { term: pid(90) },
      "erlang:registered/0": { term: list([]) },
      "beamscope_names:find": namesReply([]),
      ...replies
    }
  })

const worker = row(90, {
  registered_name: atom("Elixir.My.Worker"),
  label: [atom("term"), [atom("job"), 7]],
  application: atom("shop"),
  initial_call: mfa("Elixir.My.Worker", "init", 1),
  current_function: mfa("gen_server", "loop", 7),
  own: atom("false"),
  message_queue_len: 3,
  reductions: integer(12_345n),
  memory: 2_048
})

const agentSpec = (node: ReturnType<typeof nodeWith>): MapTerm =>
  node.called.find(({ target }) => target.startsWith("beamscope_process"))!.args[0] as MapTerm

/** A worker of ours. */
const ours = row(80, { own: atom("true"), memory: 9_000_000 })

const listing = (rows: ReadonlyArray<Term>, tool = "list_processes", input: object = {}) =>
  Effect.map(
    callIn({ up: [nodeWith({ "beamscope_processes:page": pageReply(rows) })] }, tool, input),
    ({ structured }) => structured
  )

const foundAmong = (rows: ReadonlyArray<Term>, input: Readonly<Record<string, unknown>>) =>
  callIn({ up: [nodeWith({ "beamscope_processes:page": pageReply(rows, { gone: 1 }) })] }, "find_process", input)

describe("list_processes", () => {
  it.effect("shows what the agent found", () =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_processes:page": pageReply([worker, row(91, { memory: 100 })]) })
      const { structured, text } = yield* callIn({ up: [node] }, "list_processes")
      expect(structured).toMatchObject({
        summary: "2 processes by memory; first My.Worker with 2.0 KiB.",
        complete: true,
        matched: 2,
        processes: [
          {
            pid: "#PID<0.90.0>",
            name: "My.Worker",
            label: "{:job, 7}",
            application: ":shop",
            initial_call: "My.Worker.init/1",
            current_function: ":gen_server.loop/7",
            message_queue_length: 3,
            reductions: 12_345,
            memory_bytes: 2_048
          },
          { pid: "#PID<0.91.0>", memory_bytes: 100 }
        ]
      })
      expect(structured["next_cursor"]).toBeUndefined()
      expect(text.split("\n").find((line) => line.includes("0.91.0"))).toMatch(
        /^ {2}#PID<0\.91\.0> +- +- +- +- +- +- +- +100$/u
      )
    })
  )

  it.effect("marks what works for us, and says and hints at nothing of it", () =>
    Effect.gen(function* () {
      const mixed = yield* listing([ours, worker])
      expect(mixed).toMatchObject({
        summary: "2 processes by memory; first My.Worker with 2.0 KiB.",
        processes: [{ pid: "#PID<0.80.0>", beamscope: true }, { name: "My.Worker" }],
        hints: ['get_process_info {"pid":"My.Worker"}']
      })
      const alone = yield* listing([ours])
      expect(alone["summary"]).toBe("1 process by memory, at work for Beamscope.")
      expect(alone["hints"]).toBeUndefined()
      const found = (rows: ReadonlyArray<Term>) =>
        Effect.map(listing(rows, "find_process", { module: "erpc" }), ({ summary }) => summary)
      expect(yield* found([ours, worker])).toBe("Found 2 processes: My.Worker, ….")
      expect(yield* found([ours])).toBe("Found 1 process, at work for Beamscope.")
    })
  )

  it.effect("asks for what was asked for, with names as text and within the time that there is", () =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_processes:page": pageReply([]) })
      yield* callIn({ up: [node] }, "list_processes", {
        sort_by: "message_queue",
        limit: 7,
        timeout_ms: 1_000,
        filter: {
          application: ":shop",
          module: "My.Worker",
          status: "waiting",
          min_memory_bytes: 5,
          min_message_queue_length: 6
        }
      })
      const spec = agentSpec(node)
      const text = (key: string) => (spec.atomKey(key) as { text: string | (() => string) }).text
      expect(text("sort")).toBe("message_queue_len")
      expect(spec.atomKey("limit")).toBe(7)
      expect(spec.atomKey("deadline_ms")).toBe(500)
      expect(spec.atomKey("long_queue")).toBe(longQueue)
      expect(spec.atomKey("module")).toEqual(binary("Elixir.My.Worker"))
      expect(spec.atomKey("application")).toEqual(binary("shop"))
      expect(text("status")).toBe("waiting")
      expect([spec.atomKey("min_memory"), spec.atomKey("min_message_queue_len")]).toEqual([5, 6])
      expect(spec.atomKey("after")).toBeUndefined()
      expect(node.called.at(-1)?.options?.timeoutMillis).toBe(1_000)
    })
  )

  it.effect("goes on behind the last row that was shown", () =>
    Effect.gen(function* () {
      const more = pageReply([worker], { matched: 9, next: [2_048, pid(90)] })
      const node = nodeWith({ "beamscope_processes:page": more })
      yield* Effect.gen(function* () {
        const first = yield* call("list_processes", { limit: 1 })
        expect(first.structured["summary"]).toBe("1 of 9 processes by memory; first My.Worker with 2.0 KiB.")
        const cursor = first.structured["next_cursor"]
        const second = yield* call("list_processes", { limit: 2, cursor })
        expect(second.structured["summary"]).toBe("1 of 9 processes by memory.")
        const specs = node.called.filter(({ target }) => target === "beamscope_processes:page")
        expect((specs[1]!.args[0] as MapTerm).atomKey("after")).toEqual([2_048, pid(90)])

        const other = yield* Effect.flip(call("list_processes", { limit: 1, cursor, sort_by: "reductions" }))
        expect(other).toMatchObject({ code: "invalid_input" })
        expect(other.message).toContain("belongs to a call with other arguments")
        const forged = yield* Effect.flip(call("list_processes", { cursor: "x" }))
        expect(forged.message).toContain("`cursor` is not one that a result gave")
        const foreign = yield* Effect.flip(call("find_process", { name: "x", cursor }))
        expect(foreign.code).toBe("invalid_input")
      }).pipe(Effect.provide(catalogueLayer({ up: [node] })))
    })
  )

  it.effect("goes on behind the name of the last row that was shown", () =>
    Effect.gen(function* () {
      const rows = Array.from({ length: 40 }, (_, at) => row(at + 1, { registered_name: atom(`name_${at + 10}`) }))
      const places = rows.map((it, at): Term => [atom(`name_${at + 10}`), it[0]!])
      const reply = pageReply(rows, { places: list(places), total: 120, matched: 99, next: places.at(-1)! })
      const node = nodeWith({ "beamscope_processes:page": reply })
      const input = { sort_by: "name", limit: 40 }
      for (const budget of [30_000, 1_200]) {
        const from = node.called.length
        yield* Effect.gen(function* () {
          const { structured } = yield* call("list_processes", input)
          const shown = (structured["processes"] as ReadonlyArray<unknown>).length
          expect(shown < 40).toBe(budget < 30_000)
          expect(structured["summary"]).toBe(`${shown} of 99 processes by registered name.`)
          yield* call("list_processes", { ...input, cursor: structured["next_cursor"] })
          const [first, second] = node.called
            .slice(from)
            .filter(({ target }) => target === "beamscope_processes:page")
            .map(({ args }) => args[0] as MapTerm)
          expect(first!.atomKey("order")).toEqual(atom("ascending"))
          expect(decode((second!.atomKey("after") as Binary).view())).toEqual(places[shown - 1])
        }).pipe(Effect.provide(catalogueLayer({ up: [node] })), Effect.provideService(CharacterBudget, budget))
      }
    })
  )

  it.effect("takes no cursor that somebody made up, however well signed", () =>
    Effect.gen(function* () {
      const node = nodeWith({})
      const scope = { tool: "list_processes", node: node.name, creation: node.creation }
      for (const position of [
        { id: 90, serial: 0, value: "x" },
        { id: -1, serial: 0 },
        { id: 2 ** 32, serial: 0 },
        { id: 1.5, serial: 0 },
        { id: 90 },
        { id: 90, serial: 0, value: 0.5 },
        { id: 90, serial: 0, more: 1 }
      ] as ReadonlyArray<Record<string, number | string>>) {
        const given = { sort_by: "memory", limit: 20 }
        const cursor = encodeCursor({ ...scope, arguments: given }, position)
        const error = yield* failIn({ up: [node] }, "list_processes", { ...given, cursor })
        expect(error).toMatchObject({ code: "invalid_input", retryable: false })
        expect(error.message).toContain("`cursor` is not one that a result gave")
      }
      expect(node.called).toEqual([])
    })
  )

  it.effect.each<readonly [Readonly<Record<string, unknown>>, string]>([
    [{}, "memory"],
    [{ filter: { min_message_queue_length: 0 } }, "memory"],
    [{ filter: { min_message_queue_length: 1_000 } }, "message_queue_len"],
    [{ filter: { min_message_queue_length: 1_000 }, sort_by: "memory" }, "memory"]
  ])("ranks by what leaves out nobody who is looked for: %j", ([input, sort]) =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_processes:page": pageReply([]) })
      yield* callIn({ up: [node] }, "list_processes", input)
      expect(agentSpec(node).atomKey("sort")).toEqual(atom(sort))
    })
  )

  it.effect("says in its summary that it has not seen, or not measured, all", () =>
    Effect.gen(function* () {
      const limits = {
        unmeasured: [2, list([[70_000, pid(5)]])],
        incomplete: list([atom("deadline"), atom("long_queue")])
      }
      const summaryOf = (rows: ReadonlyArray<Term>) =>
        callIn({ up: [nodeWith({ "beamscope_processes:page": pageReply(rows, limits) })] }, "list_processes").pipe(
          Effect.map(({ structured }) => structured["summary"])
        )
      const said =
        "only 50 of 60 processes (83.3 %) were looked at before time ran out; 2 processes with long message queues were not measured."
      expect(yield* summaryOf([worker])).toBe(`1 process by memory; first My.Worker with 2.0 KiB; ${said}`)
      expect(yield* summaryOf([])).toBe(`None of 48 processes that could be measured passes the filter; ${said}`)
    })
  )

  it.effect("says what could not be seen, and why", () =>
    Effect.gen(function* () {
      const reply = pageReply([worker], {
        unmeasured: [
          2,
          list([
            [70_000, pid(5)],
            [20_000, pid(6)]
          ])
        ],
        incomplete: list([
          atom("deadline"),
          atom("long_queue"),
          atom("initial_call"),
          atom("large_heap"),
          atom("new_reason")
        ])
      })
      const { structured } = yield* callIn({ up: [nodeWith({ "beamscope_processes:page": reply })] }, "list_processes")
      expect(structured["complete"]).toBe(false)
      const notes = structured["notes"] as ReadonlyArray<string>
      expect(notes).toHaveLength(4)
      expect(notes[0]).toContain("Time ran out after 50 of 60 processes (83.3 %)")
      expect(notes[1]).toMatch(/^2 processes with .* were left out, since looking at their heaps/u)
      expect(notes[1]).toContain("#PID<0.5.0> (70,000 messages), #PID<0.6.0> (20,000 messages)")
    })
  )

  it.effect("names those whose callback it could not read", () =>
    Effect.gen(function* () {
      const reply = pageReply([worker], {
        undecided: [
          7,
          list([
            [pid(5), atom("chaos_big")],
            [pid(6), atom("undefined")]
          ])
        ],
        incomplete: list([atom("initial_call")])
      })
      const node = nodeWith({ "beamscope_processes:page": reply })
      const { structured } = yield* callIn({ up: [node] }, "list_processes", { filter: { behaviour: "gen_server" } })
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringMatching(
          /^The callback of 7 processes could not be read: :chaos_big, #PID<0\.6\.0> and 5 more\. /u
        ),
        expect.stringContaining("gen_server2's become")
      ])
    })
  )

  it.effect("does not count them among those that have not what is looked for", () =>
    Effect.gen(function* () {
      const reply = pageReply([], {
        undecided: [2, list([[pid(5), atom("chaos_big")]])],
        incomplete: list([atom("initial_call")])
      })
      const node = nodeWith({ "beamscope_processes:page": reply })
      const { structured } = yield* callIn({ up: [node] }, "find_process", { module: "vic" })
      expect(structured).toMatchObject({
        complete: false,
        summary: expect.stringMatching(/^None of 48 processes whose callback could be read has the module :vic/u)
      })
    })
  )

  it.effect("tells by what a module is known, and is complete where all were asked for it", () =>
    Effect.gen(function* () {
      const none = yield* foundAmong([], { module: "rabbit_amqqueue_process" })
      expect(none.structured).toMatchObject({
        summary: "None of 50 processes has the module :rabbit_amqqueue_process; 1 process ended meanwhile.",
        complete: true,
        notes: [expect.stringContaining("gen_server2's become")]
      })
      expect((yield* foundAmong([worker], { module: "gen_server" })).structured).toMatchObject({
        matched: 1,
        complete: true,
        notes: [expect.stringContaining("gen_server2's become")]
      })
      expect((yield* foundAmong([], { label: "room" })).structured).toMatchObject({ complete: true })
    })
  )

  it.effect("speaks of one process as of one", () =>
    Effect.gen(function* () {
      const one = { unmeasured: [1, list([[70_000, pid(5)]])], incomplete: list([atom("long_queue")]) }
      const node = nodeWith({ "beamscope_processes:page": pageReply([worker], one) })
      const { structured } = yield* callIn({ up: [node] }, "list_processes")
      expect(structured["notes"]).toEqual([
        expect.stringMatching(/^1 process with .* was left out, since looking at its heap would walk the queue/u)
      ])
    })
  )

  it.effect("makes do without the agent", () =>
    Effect.gen(function* () {
      const node = nodeWith({
        "beamscope_processes:page": { fails: { _tag: "Unsupported", detail: "off" } },
        "erlang:processes/0": { term: list([]) }
      })
      expect((yield* callIn({ up: [node] }, "list_processes")).structured["summary"]).toBe("No process was looked at.")
    })
  )

  it.effect.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    ["find_process", { name: "nope" }, "No process has a name with 'nope' in it."],
    [
      "find_process",
      { name: "a\u{202e}b", module: "gen_server" },
      "No process has a name with 'a\\u{202E}b' in it and the module :gen_server."
    ],
    ["find_process", { label: "room" }, "None of 50 processes has a label with 'room' in it."],
    [
      "find_process",
      { name: "x", filter: { min_message_queue_length: 1 } },
      "No process has a name with 'x' in it and passes the rest of the filter."
    ],
    ["list_processes", { filter: { min_reductions: 1 } }, "None of 50 processes passes the filter."],
    [
      "list_processes",
      { filter: { application: "shop", status: "running" } },
      "None of 50 processes has the application :shop and passes the rest of the filter."
    ]
  ])("says that nothing was found: %s %j", ([tool, input, summary]) =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_processes:page": pageReply([]) })
      expect((yield* callIn({ up: [node] }, tool, input)).structured["summary"]).toBe(summary)
    })
  )

  it.effect.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    ["list_processes", {}, "beamscope_processes:page"],
    ["find_process", { name: "x" }, "beamscope_processes:page"],
    ["top_processes", { window_ms: 100 }, "beamscope_process_growth:top"]
  ])("says why a scan is late that should have ended by itself: %s %j", ([tool, input, func]) =>
    Effect.gen(function* () {
      let interrupted = false
      const late = Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => (interrupted = true))))
      const node = nodeWith({ [func]: () => late })
      const fiber = yield* Effect.forkChild(failIn({ up: [node] }, tool, { ...input, timeout_ms: 2_000 }))
      yield* TestClock.adjust(2_000)
      const error = yield* Fiber.join(fiber)
      expect(interrupted).toBe(true)
      expect(error).toMatchObject({ code: "timeout", retryable: true, next: "list_nodes" })
      expect(error.message).toMatch(
        /did not finish within 2000 ms; what app@localhost has begun of it is told to stop\..*schedulers are busy.*timeout_ms/u
      )
    })
  )

  it.effect("says that a module is not known on the node", () =>
    Effect.gen(function* () {
      const reason = [atom("unknown_atom"), binary("nope")]
      const reply: Reply = { fails: { _tag: "Raised", class: "error", reason, stack: [] } }
      const error = yield* failIn({ up: [nodeWith({ "beamscope_processes:page": reply })] }, "list_processes", {
        filter: { module: "nope" }
      })
      expect(error).toMatchObject({ code: "not_found", retryable: false })
      expect(error.message).toContain("'nope'")
    })
  )

  it.effect.each([
    atom("x"),
    list([]),
    binary(""),
    binary("x"),
    new Binary(packed(map([])).view().subarray(0, 8)),
    packed(atom("x")),
    packed(map([])),
    ...[{ rows: atom("x") }, { rows: list([[pid(1)]]) }, { seen: atom("x") }, { unmeasured: atom("x") }].map(
      (change) => (pageReply([], change as Record<string, Term>) as { term: Term }).term
    )
  ])("fails on an answer that is none", (term) =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [nodeWith({ "beamscope_processes:page": { term } })] }, "list_processes")
      expect(error.code).toBe("remote_error")
    })
  )

  it.effect.each<readonly [string, Term]>([
    ["unpacks to too much", packed(binary("x".repeat(5 * 1024 * 1024)))],
    ["is too much", new Binary(encode(binary("x".repeat(5 * 1024 * 1024))))]
  ])("unpacks no answer that %s", ([, term]) =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [nodeWith({ "beamscope_processes:page": { term } })] }, "list_processes")
      expect(error.code).toBe("too_large")
      expect(error.message).toContain("4194304 bytes")
    })
  )
})

describe("a label that was not read", () => {
  it.effect("has a word in its place, and the list is whole where it decided nothing", () =>
    Effect.gen(function* () {
      const rows = [row(90, { label: atom("unread") }), worker, row(91, { label: atom("unread") })]
      const node = nodeWith({ "beamscope_processes:page": pageReply(rows) })
      const { structured } = yield* callIn({ up: [node] }, "list_processes")
      const shown = structured["processes"] as ReadonlyArray<{ readonly label?: string }>
      expect(shown.map(({ label }) => label)).toEqual(["(not read)", expect.anything(), "(not read)"])
      expect(shown[1]!.label).not.toBe("(not read)")
      expect(structured["complete"]).toBe(true)
      expect(structured["notes"]).toEqual([
        "Labels are not read on heaps of more than 128.0 KiB, behind more than 10000 messages, or where they are larger than a reply when copied; get_process_info reads one (max_heap_mb)."
      ])
    })
  )

  it.effect("has no place in an order of labels", () =>
    Effect.gen(function* () {
      const rows = [worker, row(90, { label: atom("unread") })]
      const places = list(rows.map((_, at) => [at, at]))
      const node = nodeWith({ "beamscope_processes:page": pageReply(rows, { places }) })
      const { structured } = yield* callIn({ up: [node] }, "list_processes", { sort_by: "label" })
      expect(structured["processes"]).toHaveLength(2)
      expect(structured["complete"]).toBe(false)
    })
  )

  it.effect("may have been what was looked for", () =>
    Effect.gen(function* () {
      const node = nodeWith({
        "beamscope_processes:page": pageReply([], { large: 12, incomplete: list([atom("large_heap")]) })
      })
      const { structured } = yield* callIn({ up: [node] }, "find_process", { label: "job" })
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringMatching(/^12 processes were left out, whatever the label: .* more than 128\.0 KiB/u)
      ])
    })
  )

  it.effect("is told apart where there was no time for it", () =>
    Effect.gen(function* () {
      const reply = pageReply([row(90, { label: atom("late") })], { incomplete: list([atom("rows"), atom("late")]) })
      const { structured } = yield* callIn({ up: [nodeWith({ "beamscope_processes:page": reply })] }, "list_processes")
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringMatching(/^Time ran out while the processes that are shown .* timeout_ms/u),
        expect.stringMatching(/^Time ran out while processes were asked .* labels or callbacks.* timeout_ms/u)
      ])
    })
  )
})

describe("a label that is cut", () => {
  it.effect("shows no part of a cookie, wherever in it the cookie stands", () =>
    Effect.gen(function* () {
      const cookie = "QWERTYUIOPASDFGHJKLZ"
      const labels = Array.from({ length: 130 }, (_, before) => "-".repeat(before) + cookie + "x".repeat(200))
      const rows = labels.flatMap((text, at) => [
        row(1_000 + at, { label: [atom("term"), [atom("job"), binary(text)]] }),
        row(2_000 + at, { label: [atom("text"), binary(`{job,<<"${text}"...>>}`)] })
      ])
      const node = nodeWith({ "beamscope_processes:page": pageReply(rows) })
      const world = { up: [node], cookies: [cookie] }
      const { structured, text } = yield* callIn(world, "list_processes", { limit: 200 }).pipe(
        Effect.provideService(CharacterBudget, 1_000_000)
      )
      expect(structured["processes"]).toHaveLength(rows.length)
      for (const shown of [JSON.stringify(structured), text]) {
        expect(shown).toContain("[redacted]")
        expect(shown).not.toContain(cookie.slice(0, 4))
      }
    })
  )
})

describe("find_process", () => {
  it.effect("wants something to look for", () =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [nodeWith({})] }, "find_process")
      expect(error).toMatchObject({ code: "invalid_input", next: "list_processes" })
    })
  )

  it.effect("looks by part of a name, in any spelling, and finds those with long queues as well", () =>
    Effect.gen(function* () {
      const key = [atom("Elixir.My.Registry"), binary("My.Work 1")]
      const node = nodeWith({
        "beamscope_processes:page": pageReply([worker]),
        "beamscope_names:find": namesReply([
          [90, atom("Elixir.My.Worker")],
          [91, [atom("global"), binary("my.work")]],
          [90, [atom("via"), atom("Elixir.Registry"), key]]
        ])
      })
      const { structured } = yield* callIn({ up: [node] }, "find_process", {
        name: ':"Elixir.My.Work"',
        label: "job",
        filter: { min_memory_bytes: 7, min_message_queue_length: 2 }
      })
      expect(structured["summary"]).toBe("Found 1 process: My.Worker.")
      expect(structured["processes"]).toEqual([
        expect.objectContaining({
          name: "My.Worker",
          known_as: 'My.Worker, {:via, Registry, {My.Registry, "My.Work 1"}}'
        })
      ])
      const asked = node.called.find(({ target }) => target === "beamscope_names:find")!.args[0] as MapTerm
      const pattern = utf8Text(asked.atomKey("pattern") as Binary)!
      expect(
        ["'Elixir.My.Worker'", '<<"my.work 1">>', "other"].map((name) => new RegExp(pattern, "iu").test(name))
      ).toEqual([true, true, false])
      expect(agentSpec(node).atomKey("name")).toBeUndefined()
      expect(listItems(agentSpec(node).atomKey("pids"))).toEqual([pid(90), pid(91)])
      expect(agentSpec(node).atomKey("label")).toEqual(binary("job"))
      expect(agentSpec(node).atomKey("min_memory")).toBe(7)
      expect(agentSpec(node).atomKey("min_message_queue_len")).toBe(2)
      expect(agentSpec(node).atomKey("sort")).toEqual(atom("message_queue_len"))
    })
  )
})

describe("names", () => {
  it.effect("that were not all looked at are told", () =>
    Effect.gen(function* () {
      const node = nodeWith({
        "beamscope_processes:page": pageReply([worker]),
        "beamscope_names:find": namesReply([[90, atom("a")]], ["deadline", "many", "new_reason"])
      })
      const { structured } = yield* callIn({ up: [node] }, "find_process", { name: "a" })
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringContaining("Time ran out while names were looked at"),
        expect.stringContaining("Say more of the name")
      ])
    })
  )

  it.effect("are the registered ones alone without the agent", () =>
    Effect.gen(function* () {
      const off: Reply = { fails: { _tag: "Unsupported", detail: "off" } }
      const node = nodeWith({
        "beamscope_names:find": off,
        "beamscope_processes:page": off,
        "erlang:processes/0": { term: list([]) }
      })
      const { structured } = yield* callIn({ up: [node] }, "find_process", { name: "x" })
      expect(structured["summary"]).toBe("No process has a registered name with 'x' in it.")
      expect(structured["notes"]).toEqual([expect.stringContaining("Only registered names were looked at")])
    })
  )
})

/** Groups as the agent gives them. */
const groupsReply = (groups: ReadonlyArray<Term>, rest: Readonly<Record<string, Term>> = {}) =>
  pageReply([], { groups: list(groups), group_count: groups.length, ...rest })
const group = (key: Term, ...sums: ReadonlyArray<number>): Term => [key, ...sums]
const callGroups = (reply: Reply, input: Readonly<Record<string, unknown>>) => {
  const node = nodeWith({ "beamscope_process_groups:top": reply })
  return Effect.map(callIn({ up: [node] }, "list_processes", input), ({ structured }) => ({ node, structured }))
}

const called = (name: string): Term => [atom("term"), mfa("worker", name, 1)]

describe("groups of processes", () => {
  it.effect("are told with their sums, and lead to their members", () =>
    Effect.gen(function* () {
      const reply = groupsReply(
        [
          group([atom("term"), mfa("Elixir.My.Worker", "init", 1)], 7, 12, 3_000, 4_096, 2),
          group(atom("other"), 1, 0, 5, 100, 0)
        ],
        { matched: 8, group_count: 40 }
      )
      const { node, structured } = yield* callGroups(reply, {
        group_by: "initial_call",
        sort_by: "count",
        limit: 2,
        filter: { behaviour: "GenServer", initial_call: "My.Worker.init/1", name: "x", label: "y" }
      })
      expect(structured).toMatchObject({
        summary:
          "8 processes in 40 groups by initial call, 2 groups here; first My.Worker.init/1: 7 processes with 4.0 KiB.",
        complete: false,
        total: 60,
        matched: 8,
        group_count: 40,
        groups: [
          {
            group: "My.Worker.init/1",
            count: 7,
            message_queue_length: 12,
            reductions: 3_000,
            memory_bytes: 4_096,
            not_measured: 2
          },
          { group: "(all groups beyond 10,000)", count: 1 }
        ],
        hints: ['list_processes {"filter":{"initial_call":"My.Worker.init/1"}}']
      })
      expect(structured["notes"]).toEqual([
        expect.stringContaining("The memory of 2 processes"),
        expect.stringContaining("gen_server2's become")
      ])
      const spec = agentSpec(node)
      expect(spec.atomKey("order")).toEqual(atom("count"))
      expect(listItems(spec.atomKey("behaviours"))).toEqual([binary("gen_server"), binary("Elixir.GenServer")])
      expect(spec.atomKey("initial_call")).toEqual([binary("Elixir.My.Worker"), binary("init"), 1])
      expect([spec.atomKey("name"), spec.atomKey("label")]).toEqual([binary("x"), binary("y")])
    })
  )

  it.effect("come page by page, each behind the last group of the one before", () =>
    Effect.gen(function* () {
      const first = groupsReply([group(called("b"), 2, 0, 1, 1, 0), group(called("a"), 2, 0, 1, 1, 0)], {
        group_count: 3,
        next: [2, called("a")]
      })
      const input = { group_by: "initial_call", sort_by: "count", limit: 2 }
      const { structured } = yield* callGroups(first, input)
      expect(structured).toMatchObject({ complete: true, group_count: 3 })
      const cursor = structured["next_cursor"]
      const last = yield* callGroups(groupsReply([group(called("c"), 1, 0, 1, 1, 0)], { matched: 5, group_count: 3 }), {
        ...input,
        cursor
      })
      const after = agentSpec(last.node).atomKey("after") as Binary
      expect(decode(after.view())).toEqual([2, called("a")])
      expect(last.structured).toMatchObject({
        summary: "5 processes in 3 groups by initial call, 1 group here.",
        notes: [expect.stringContaining("Each page is of its own moment")]
      })
      expect(last.structured["next_cursor"]).toBeUndefined()
      const misplaced = yield* failIn({ up: [nodeWith({})] }, "list_processes", { cursor })
      expect(misplaced.code).toBe("invalid_input")
    })
  )

  it.effect("show labels and applications as terms, and what has none in words", () =>
    Effect.gen(function* () {
      const reply = groupsReply([
        group([atom("term"), [atom("room"), 7]], 3, 0, 1, 1, 0),
        group([atom("term"), binary("long..."), 4_711], 2, 0, 1, 1, 0),
        group(atom("none"), 1, 0, 1, 1, 0),
        group(atom("unread"), 1, 0, 1, 1, 0)
      ])
      const { structured } = yield* callGroups(reply, { group_by: "label", sort_by: "reductions" })
      const groups = structured["groups"] as ReadonlyArray<{ readonly group: string }>
      expect(groups.map((it) => it.group)).toEqual([
        "{:room, 7}",
        '"long..."',
        "(no label)",
        "(label not read: long queue, large heap or no time)"
      ])
      expect(structured["hints"]).toBeUndefined()
    })
  )

  it.effect("tell apart those whose callback was not read", () =>
    Effect.gen(function* () {
      const reply = groupsReply([group(atom("unread"), 2, 0, 1, 1, 0)], {
        undecided: [2, list([[pid(5), atom("big_cache")]])],
        incomplete: list([atom("initial_call")])
      })
      const { structured } = yield* callGroups(reply, { group_by: "initial_call" })
      expect(structured).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^The callback of 2 processes could not be read: :big_cache and 1 more\. /u)],
        groups: [expect.objectContaining({ group: "(callback not read: long queue, large heap or no time)" })]
      })
      expect(structured["hints"]).toBeUndefined()
    })
  )

  it.effect("hint at those of an anonymous function by the name that tells it from others", () =>
    Effect.gen(function* () {
      const call = [atom("term"), mfa("Elixir.My.Worker", "-run/1-fun-0-", 0)]
      const { structured } = yield* callGroups(groupsReply([group(call, 3, 0, 1, 1, 0)]), { group_by: "initial_call" })
      const shown = 'My.Worker."-run/1-fun-0-"/0'
      expect(structured["groups"]).toEqual([expect.objectContaining({ group: shown })])
      expect(structured["hints"]).toEqual([`list_processes ${JSON.stringify({ filter: { initial_call: shown } })}`])
    })
  )

  it.effect.each<readonly [Readonly<Record<string, unknown>>, string]>([
    [{ sort_by: "count" }, "only groups have a count"],
    [{ sort_by: "pid", group_by: "application" }, "groups are sorted by count, memory, message_queue, reductions"],
    [{ filter: { initial_call: "my_server" } }, "'my_server' is no function"]
  ])("are not asked for like this: %j", ([input, problem]) =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [nodeWith({})] }, "list_processes", input)
      expect(error.code).toBe("invalid_input")
      expect(error.message).toContain(problem)
    })
  )

  it.effect("by label cannot be had from releases that hide labels", () =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_process_groups:top": groupsReply([], { incomplete: list([atom("label")]) }) })
      const error = yield* failIn({ up: [node] }, "list_processes", { group_by: "label" })
      expect(error.code).toBe("unsupported")
    })
  )
})

/** Of processes that were looked at twice, the least and the most microseconds in between. */
const window: Readonly<Record<string, Term>> = { compared: 40, windows: [500_000, 500_000] }

const growthSummary = (
  filter: Readonly<Record<string, string>>,
  incomplete: ReadonlyArray<string> = [],
  compared = 40
) => {
  const reply = pageReply([], { ...window, compared, born: 0, incomplete: list(incomplete.map(atom)) })
  const node = nodeWith({ "beamscope_process_growth:top": reply })
  return callIn({ up: [node] }, "top_processes", { window_ms: 500, filter }).pipe(
    Effect.map(({ structured }) => structured["summary"])
  )
}

describe("top_processes", () => {
  it.effect("goes on behind the last row that was shown", () =>
    Effect.gen(function* () {
      const node = nodeWith({
        "beamscope_processes:page": pageReply([worker], { matched: 9, next: [12_345, pid(90)] })
      })
      yield* Effect.gen(function* () {
        const { structured } = yield* call("top_processes", { sort_by: "reductions", limit: 1 })
        expect(structured["summary"]).toBe("1 of 9 processes by reductions; first My.Worker with 12,345 reductions.")
        const cursor = structured["next_cursor"]
        const further = yield* call("top_processes", { sort_by: "reductions", limit: 1, cursor })
        expect(further.structured["summary"]).toBe("1 of 9 processes by reductions.")
        const [, second] = node.called.filter(({ target }) => target === "beamscope_processes:page")
        expect((second!.args[0] as MapTerm).atomKey("after")).toEqual([12_345, pid(90)])
      }).pipe(Effect.provide(catalogueLayer({ up: [node] })))
    })
  )

  it.effect.each([
    [
      10,
      "8 more grew; a window has one page: to see more of the next, ask again with a greater limit (up to 100), or filter."
    ],
    [100, undefined]
  ] as const)("says of a window with a limit of %d how to see more", ([limit, note]) =>
    Effect.gen(function* () {
      const grown: ReadonlyArray<Term> = [pid(90), 300, 200, float(400), atom("false"), ...row(90, {}).slice(1)]
      const node = nodeWith({ "beamscope_process_growth:top": pageReply([grown], { ...window, born: 0, matched: 18 }) })
      const { structured } = yield* callIn({ up: [node] }, "top_processes", { window_ms: 500, limit })
      expect(structured["notes"]).toEqual(note === undefined ? undefined : [note])
      expect(structured["complete"]).toBe(true)
      expect(structured["next_cursor"]).toBeUndefined()
    })
  )

  it.effect("tells growth in a window, heap in bytes", () =>
    Effect.gen(function* () {
      const items = row(90, { registered_name: atom("cache"), total_heap_size: 300 }).slice(1)
      const grown: ReadonlyArray<Term> = [pid(90), 300, 200, float(400), atom("true"), ...items]
      const node = nodeWith({
        "beamscope_process_growth:top": pageReply([grown], { compared: 40, windows: [501_200, 1_390_400], born: 1 })
      })
      const { structured } = yield* callIn({ up: [node] }, "top_processes", { sort_by: "heap", window_ms: 500 })
      expect(structured).toMatchObject({
        summary: "1 process grew in heap in 501 to 1390 ms; first :cache, by 1.6 KiB of heap.",
        window_ms: 1390,
        born: 1,
        gone: 0,
        processes: [
          { pid: "#PID<0.90.0>", name: ":cache", heap_bytes: 2_400, growth: 1_600, growth_per_second: 3_200, new: true }
        ]
      })
      expect(agentSpec(node).atomKey("window_ms")).toBe(500)
      expect(agentSpec(node).atomKey("deadline_ms")).toBe(10_875)
    })
  )

  it.effect("that finds none says which were looked at", () =>
    Effect.gen(function* () {
      expect(yield* growthSummary({})).toBe("No process grew in memory in 500 ms.")
      expect(yield* growthSummary({ application: "shop" })).toBe(
        "No process that passes the filter grew in memory in 500 ms."
      )
      expect(yield* growthSummary({}, ["deadline"])).toBe(
        "Time ran out: of 40 processes that were looked at twice, in 500 ms, none grew in memory; whether others did is not known."
      )
      expect(yield* growthSummary({}, ["deadline"], 0)).toBe(
        "Time ran out before any process was looked at a second time: which of them grew in memory is not known."
      )
    })
  )

  it.effect("refuses a window that does not fit into its time", () =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [nodeWith({})] }, "top_processes", { window_ms: 14_500 })
      expect(error).toMatchObject({ code: "invalid_input" })
      expect(error.message).toContain("Set timeout_ms to 15500 or more.")
    })
  )

  it.effect("says that labels cannot be searched, rather than that there is none", () =>
    Effect.gen(function* () {
      const node = nodeWith({ "beamscope_processes:page": pageReply([], { incomplete: list([atom("label")]) }) })
      expect(yield* failIn({ up: [node] }, "find_process", { label: "x" })).toMatchObject({ code: "unsupported" })
    })
  )
})

describe("the rows", () => {
  it.effect("stay within the budget whatever the node says, over all pages", () =>
    Effect.gen(function* () {
      const name = "\u{202e}".repeat(255)
      const population = Array.from({ length: 40 }, (_, at) =>
        row(1_000 - at, { registered_name: atom(`${name.slice(0, 250)}${at}`), memory: 1_000 - at })
      )
      const node = nodeWith({
        "erlang:list_to_pid/1": ([text]) => {
          const digits = /\.(\d+)\./u.exec(String.fromCodePoint(...(listItems(text) as ReadonlyArray<number>)))![1]
          return Effect.succeed(pid(Number(digits)))
        },
        "beamscope_processes:page": ([spec]) => {
          const after = (spec as MapTerm).atomKey("after") as ReadonlyArray<Term> | undefined
          const rest = population.filter(([it]) => after === undefined || (it as Pid).id < (after[1] as Pid).id)
          const rows = rest.slice(0, 20)
          const next = rest.length > 20 ? ([1, rows.at(-1)![0]!] as const) : atom("undefined")
          return Effect.succeed((pageReply(rows, { matched: 40, next }) as { term: Term }).term)
        }
      })
      yield* Effect.gen(function* () {
        const seen: Array<string> = []
        let cursor: unknown
        do {
          const { structured, text } = yield* call("list_processes", cursor === undefined ? {} : { cursor })
          expect(JSON.stringify(structured).length).toBeLessThanOrEqual(10_000)
          expect(text.length).toBeLessThanOrEqual(10_000)
          expect(text).not.toContain("\u202e")
          seen.push(...(structured["processes"] as ReadonlyArray<{ pid: string }>).map((it) => it.pid))
          cursor = structured["next_cursor"]
        } while (cursor !== undefined)
        expect(seen).toEqual(population.map(([it]) => `#PID<0.${(it as Pid).id}.0>`))
      }).pipe(Effect.provide(catalogueLayer({ up: [node] })))
    })
  )
})
