import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { decode } from "../../../src/etf/Decode.ts"
import { equal } from "../../../src/etf/Equal.ts"
import {
  type Atom,
  atom,
  binary,
  Binary,
  charlist,
  list,
  listItems,
  map,
  MapTerm,
  nil,
  type Term
} from "../../../src/etf/Term.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { fakeNode, type FakeNodeSpec, type Reply, type World } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { pick, recorded, recordedNode, recordedReleases } from "../../support/RecordedNode.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const world = (node: ReturnType<typeof fakeNode>): World => ({ up: [node], policy: { allowNodes: ["*"] } })

const fields = (entries: Readonly<Record<string, Term>>): Term =>
  map(Object.entries(entries).map(([key, value]) => [atom(key), value]))

/** A node whose agent answers with these maps. */
const answering = (answers: Readonly<Record<string, Term>>, replies: FakeNodeSpec["replies"] = {}) =>
  fakeNode({
    replies: {
      ...Object.fromEntries(Object.entries(answers).map(([func, answer]) => [func, { term: packed(answer) }])),
      ...replies
    }
  })

const listing = (rows: ReadonlyArray<Readonly<Record<string, Term>>>, incomplete: ReadonlyArray<string> = []): Term =>
  fields({
    total: rows.length,
    matched: rows.length,
    rows: list(rows.map((row, at) => [[at, at], fields(row)])),
    next: atom("undefined"),
    incomplete: list(incomplete.map(atom))
  })

describe("get_memory_info and get_system_info without an agent", () => {
  it.effect.each(recordedReleases)("show OTP %i", (release) =>
    Effect.gen(function* () {
      const memory = (yield* callIn(world(recordedNode(release)), "get_memory_info")).structured
      const areas = memory["areas"] as ReadonlyArray<{ bytes: number; percent: number }>
      expect(areas.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(memory["total_bytes"])
      expect(areas.map(({ bytes }) => bytes)).toEqual(areas.map(({ bytes }) => bytes).toSorted((a, b) => b - a))

      const system = (yield* callIn(world(recordedNode(release)), "get_system_info")).structured
      expect(system["summary"]).toMatch(new RegExp(`^OTP ${release}, up .*no limit near\\.$`, "u"))
      expect(system["warnings"]).toBeUndefined()
    })
  )

  it.effect("ask for room, and for less only where less can be asked for", () =>
    Effect.gen(function* () {
      const error = yield* failIn(world(recordedNode(27)), "get_system_info").pipe(
        Effect.provideService(CharacterBudget, 400)
      )
      expect(error.code).toBe("too_large")
      expect(error.message).toMatch(
        /400 characters that one result may have\. Start this server with more: --max-chars\.$/u
      )
    })
  )

  it.effect("tell the table of the processes from what the processes take", () =>
    Effect.gen(function* () {
      const areas = listItems(recorded(27)["memory"])!.map((pair) => {
        const [area, size] = pair as readonly [Atom, number]
        const grown = area.text === "total" || area.text.startsWith("processes")
        return [area, grown ? size + 4_194_304 * 12 : size] as const
      })
      const node = recordedNode(27, {
        "erlang:memory/0": { term: list(areas) },
        "lists:map/2": { term: list([4_194_304]) }
      })
      const { structured } = yield* callIn(world(node), "get_memory_info")
      expect(structured["summary"]).toMatch(/ allocated, most of it for process_table \(/u)
      expect(structured["notes"]).toEqual([
        "process_table is room for 4,194,304 processes, as many as +P allows for.",
        "What the allocators hold and what is resident is not read without the agent (--agent none, or too few atoms left)."
      ])
      expect(structured["hints"]).toEqual(["get_system_info"])
      const table = (structured["areas"] as ReadonlyArray<{ area: string; bytes: number }>)[0]
      expect(table).toMatchObject({ area: "process_table", bytes: 50_331_648 })
    })
  )

  it.effect("warn above 80 percent of a limit, and not at it", () =>
    Effect.gen(function* () {
      const info = recorded(27)["system_info"]
      const withCounts = (processes: number, ports: number) =>
        recordedNode(27, {
          "lists:map/2": ([, items]) => {
            const known = listItems(pick(info, listItems(items)!))
            if (known === undefined)
              return Effect.fail({ _tag: "Raised", class: "error", reason: atom("badarg"), stack: [] })
            return Effect.succeed(
              list(
                known.map((pair) => {
                  const [item, value] = pair as readonly [Atom, Term]
                  // The worker that asks is one of them.
                  if (item.text === "process_count") return processes + 1
                  if (item.text === "port_count") return ports
                  return item.text === "process_limit" || item.text === "port_limit" ? 1_000 : value
                })
              )
            )
          }
        })
      const calm = (yield* callIn(world(withCounts(800, 0)), "get_system_info")).structured
      expect(calm["warnings"]).toBeUndefined()
      const full = (yield* callIn(world(withCounts(801, 999)), "get_system_info")).structured
      expect(full["summary"]).toContain("2 warnings.")
      expect(full["warnings"]).toEqual([
        "processes: 801 of 1000 (80.1 %) are used; at the limit no process can be spawned.",
        "ports: 999 of 1000 (99.9 %) are used; at the limit no port can be opened, and so no socket and no program."
      ])
    })
  )
})

describe("get_system_info", () => {
  it.effect("tells the emulator's flags as they are written, and no argument behind them", () =>
    Effect.gen(function* () {
      const info = recorded(27)["system_info"]
      const emulator: Readonly<Record<string, Term>> = {
        emu_flavor: atom("jit"),
        emu_args: list(
          ["beam.smp", "-P", "200000", "-MBas", "aobf", "--", "-setcookie", "crumbs", "-mode", "embedded"].map(charlist)
        ),
        scheduler_bind_type: atom("unbound"),
        multi_scheduling: atom("blocked"),
        dist_buf_busy_limit: 1_048_576
      }
      const node = recordedNode(27, {
        "lists:map/2": ([, items]) =>
          Effect.succeed(
            list(
              listItems(items)!.map((item) => {
                const known = pick(info, [item])
                return emulator[(item as Atom).text] ?? (listItems(known)![0] as ReadonlyArray<Term>)[1]!
              })
            )
          )
      })
      const { structured, text } = yield* callIn(world(node), "get_system_info")
      expect(structured).toMatchObject({
        emulator: "jit",
        emulator_flags: "+P 200000 +MBas aobf",
        code_loading: "embedded",
        distribution_buffer_bytes: 1_048_576,
        schedulers: expect.objectContaining({ bind_type: "unbound" }),
        warnings: ["Multi-scheduling is blocked: somebody has stopped all normal schedulers but one."]
      })
      expect(text).not.toContain("crumbs")
    })
  )
})

const mebi = 1024 * 1024

const snapshot = (residentKib: number) =>
  recordedNode(27, {
    "beamscope_memory:snapshot": {
      term: packed(
        fields({
          memory: recorded(27)["memory"]!,
          carriers_bytes: 300 * mebi,
          blocks_bytes: 100 * mebi,
          status: binary(`Name:\tbeam.smp\nVmHWM:\t  512000 kB\nVmRSS:\t  ${residentKib} kB\nVmSwap:\t  0 kB\n`)
        })
      )
    }
  })

describe("get_memory_info", () => {
  it.effect("says what lies between what is allocated and what is resident", () =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(world(snapshot(400 * 1024)), "get_memory_info")
      expect(structured["summary"]).toContain(
        "400.0 MiB are resident: 300.0 MiB in the allocators' carriers, of which 200.0 MiB lie unused, and 100.0 MiB outside"
      )
      expect(structured).toMatchObject({
        complete: true,
        carriers_bytes: 300 * mebi,
        carriers_used_bytes: 100 * mebi,
        resident_bytes: 400 * mebi,
        peak_resident_bytes: 500 * mebi,
        swapped_bytes: 0
      })
      expect(structured["hints"]).toContain("get_allocator_info")
      const less = (yield* callIn(world(snapshot(200 * 1024)), "get_memory_info")).structured
      expect(less["summary"]).toContain("200.0 MiB are resident, less than the 300.0 MiB")
    })
  )
})

const carriers = (count: number, held: number, used: number) =>
  fields({ carriers: count, carriers_bytes: held, blocks_bytes: used })

const allocator = (name: string, held: number, used: number): Term => [
  [held - used, atom(name)],
  fields({
    name: atom(name),
    instances: 3,
    multi: carriers(4, held, used),
    pool: carriers(0, 0, 0),
    single: carriers(1, mebi, mebi)
  })
]

describe("get_allocator_info", () => {
  it.effect("puts what is fragmented first, and says so", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_memory:allocators": fields({
          carriers_bytes: 412 * mebi,
          blocks_bytes: 51 * mebi,
          total: 12,
          matched: 2,
          rows: list([allocator("binary_alloc", 400 * mebi, 40 * mebi), allocator("ets_alloc", 10 * mebi, 9 * mebi)]),
          next: atom("undefined"),
          incomplete: list([])
        })
      })
      const { structured } = yield* callIn(world(node), "get_allocator_info")
      expect(structured["summary"]).toBe(
        "412.0 MiB in carriers, 12.4 % of it used. 2 allocators by unused; first binary_alloc with 360.0 MiB unused of 401.0 MiB."
      )
      expect(structured).toMatchObject({ total: 12, matched: 2 })
      expect(structured["notes"]).toEqual([expect.stringMatching(/^binary_alloc is fragmented/u)])
      expect(structured["allocators"]).toEqual([
        expect.objectContaining({
          allocator: "binary_alloc",
          used_percent: 10.2,
          carriers: 5,
          single_block_carriers: 1
        }),
        expect.objectContaining({ allocator: "ets_alloc" })
      ])
    })
  )
})

describe("get_scheduler_usage", () => {
  const usage = fields({
    micros: 1_003_400,
    schedulers: list([
      [1, 900, 1_000],
      [2, 300, 1_000],
      [3, 0, 1_000],
      [4, 1_000, 1_000],
      [5, 0, 1_000],
      [6, 10, 1_000]
    ]),
    normal: 3,
    normal_online: 2,
    dirty_cpu: 2,
    dirty_cpu_online: 2,
    processors: 4
  })

  it.effect("weighs what is busy against the processors that there are", () =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(
        world(answering({ "beamscope_schedulers:usage": usage })),
        "get_scheduler_usage"
      )
      expect(structured).toMatchObject({
        window_ms: 1_003,
        percent: { weighted: 55, normal: 60, dirty_cpu: 50, dirty_io: 1 },
        idle: 1,
        offline: 1,
        schedulers: [
          { id: 4, kind: "dirty_cpu", percent: 100 },
          { id: 1, kind: "normal", percent: 90 },
          { id: 2, kind: "normal", percent: 30 },
          { id: 6, kind: "dirty_io", percent: 1 }
        ]
      })
    })
  )

  it.effect("refuses a window that does not fit into its time", () =>
    Effect.gen(function* () {
      const error = yield* failIn(world(fakeNode()), "get_scheduler_usage", { window_ms: 60_000 })
      expect(error).toMatchObject({ code: "invalid_input", retryable: false })
      expect(error.message).toMatch(/Set timeout_ms to \d+ or more\.$/u)
    })
  )

  it.effect("ends without an answer when the node does not give one", () =>
    Effect.gen(function* () {
      const node = fakeNode({ replies: { "beamscope_schedulers:usage": () => Effect.never } })
      const fiber = yield* Effect.forkChild(failIn(world(node), "get_scheduler_usage", { window_ms: 2_000 }))
      yield* TestClock.adjust("20 seconds")
      expect((yield* Fiber.join(fiber)).code).toBe("timeout")
    })
  )
})

const sample = (microseconds: number, cpu: readonly [number, number], more: number) =>
  fields({
    microseconds,
    collections: more,
    reclaimed_words: more,
    input_bytes: more,
    output_bytes: more,
    context_switches: more,
    stat: binary(`7 (beam) smp) S 1 7 7 0 -1 0 0 0 0 0 ${cpu[0]} ${cpu[1]} 0 0 20 0 20 0`)
  })

describe("get_runtime_stats", () => {
  it.effect("tells what has grown, by the second where that helps", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_runtime:growth": fields({
          first: sample(1_000_000, [10, 20], 100),
          second: sample(3_000_000, [60, 70], 350),
          reductions: 5_500,
          // Each process by its own time, which is longer than the window where asking takes time.
          reductions_per_second: 2_500,
          run_queues: list([1, 2, 3, 4]),
          incomplete: list([])
        })
      })
      const { structured } = yield* callIn(world(node), "get_runtime_stats", { window_ms: 2_000 })
      expect(structured).toMatchObject({
        complete: true,
        window_ms: 2_000,
        reductions: 5_000,
        reductions_per_second: 2_500,
        gc_count: 250,
        gc_reclaimed_bytes: 2_000,
        cpu: { user_ms: 500, system_ms: 500, percent: 50 },
        run_queues: { total: 10, normal: [1, 2], dirty_cpu: 3, dirty_io: 4 }
      })
    })
  )
})

it.effect("says that not all processes were asked for what they did", () =>
  Effect.gen(function* () {
    const node = answering({
      "beamscope_runtime:growth": fields({
        first: sample(1_000_000, [10, 20], 100),
        second: sample(2_000_000, [60, 70], 350),
        reductions: 0,
        reductions_per_second: 0,
        run_queues: list([0, 0, 0]),
        incomplete: list([atom("deadline")])
      })
    })
    const { structured } = yield* callIn(world(node), "get_runtime_stats", { window_ms: 1_000 })
    expect(structured["complete"]).toBe(false)
    expect(structured["summary"]).toContain("at least 0 reductions a second")
    expect(structured["notes"]).toEqual([expect.stringContaining("Time ran out")])
  })
)

describe("get_microstate_accounting", () => {
  it.effect("sums by type of thread", () =>
    Effect.gen(function* () {
      const states = (emulator: number, sleep: number) => fields({ emulator, sleep, gc: 0 })
      const node = answering({
        "beamscope_microstates:states": fields({
          was_on: atom("false"),
          micros: 1_003_400,
          threads: list([
            [atom("poll"), 0, states(0, 100)],
            [atom("scheduler"), 1, states(70, 30)],
            [atom("scheduler"), 2, states(10, 90)]
          ])
        })
      })
      const { structured } = yield* callIn(world(node), "get_microstate_accounting")
      expect(structured["summary"]).toBe("In 1003 ms the schedulers spent 60 % in sleep, 40 % in emulator.")
      expect(structured["thread_types"]).toEqual([
        { type: "scheduler", threads: 2, percent: { sleep: 60, emulator: 40 } },
        { type: "poll", threads: 1, percent: { sleep: 100 } }
      ])
    })
  )

  it.effect("says so where no scheduler was told of", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_microstates:states": fields({ was_on: atom("false"), threads: nil, micros: 1_000_000 })
      })
      const { structured } = yield* callIn(world(node), "get_microstate_accounting")
      expect(structured).toMatchObject({
        summary: "In 1000 ms no time of the schedulers was accounted for.",
        complete: false
      })
    })
  )
})

const started = (args: ReadonlyArray<readonly [string, ReadonlyArray<string>]>) =>
  fields({
    os_pid: binary("4711"),
    host: binary("box"),
    directory: binary("/srv/app"),
    code_paths: 40,
    emulator_flags: list([]),
    arguments: list(args.map(([flag, values]) => [atom(flag), list(values.map(binary))])),
    plain_arguments: 0
  })

const variable = (name: string, value: string) => ({ name: binary(name), bytes: value.length, value: binary(value) })

describe("get_environment", () => {
  it.effect("leaves out secrets, in variables and in arguments", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_environment:variables": listing([
          variable("DATABASE_PASSWORD", "hush-one"),
          variable("DATABASE_URL", "ecto://app:hush-two@db/prod"),
          variable("HOME", "/home/app"),
          variable("RELEASE_COOKIE", "hush-three")
        ]),
        "beamscope_environment:started": started([
          ["shop", ["api_key", "hush-four", "port", "8080"]],
          ["password", ["hush-five"]],
          ["setcookie", []],
          ["root", ["/usr/lib/erlang"]]
        ])
      })
      const { structured, text } = yield* callIn(world(node), "get_environment", { names: ["HOME", "NOWHERE"] })
      expect(text).not.toContain("hush")
      expect(structured["arguments"]).toEqual([
        "-shop api_key [redacted] port 8080",
        "-password [redacted]",
        "-setcookie [redacted]",
        "-root /usr/lib/erlang"
      ])
      expect(structured["variables"]).toContainEqual({ name: "HOME", bytes: 9, value: '"/home/app"' })
      expect(structured["variables"]).toContainEqual({ name: "RELEASE_COOKIE", bytes: 10, value: "[redacted]" })
      expect(structured["notes"]).toEqual(["Not set (or not on this page): NOWHERE."])
    })
  )

  it.effect("has the node put the longest values first where that is asked for", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_environment:variables": listing([variable("LONG", "x".repeat(9)), variable("A", "y")]),
        "beamscope_environment:started": started([])
      })
      const orderOf = () => {
        const [question] = node.called.findLast(({ target }) => target === "beamscope_environment:variables")!.args
        return question instanceof MapTerm ? [question.atomKey("sort"), question.atomKey("order")] : []
      }
      const { structured } = yield* callIn(world(node), "get_environment", { sort_by: "bytes" })
      expect(orderOf()).toEqual([atom("bytes"), atom("descending")])
      expect(structured["summary"]).toMatch(/2 names here, by bytes of the value; first LONG with 9 bytes\.$/u)
      expect((yield* callIn(world(node), "get_environment")).structured["summary"]).toMatch(/2 names here\.$/u)
      expect(orderOf()).toEqual([atom("name"), atom("ascending")])
    })
  )

  it.effect("says so where a value is shown cut", () =>
    Effect.gen(function* () {
      const node = answering({
        "beamscope_environment:variables": listing([variable("LONG", "x".repeat(20_000)), variable("HOME", "/home")]),
        "beamscope_environment:started": started([["root", ["/usr/lib/erlang"]]])
      })
      const { structured } = yield* callIn(world(node), "get_environment", { names: ["LONG", "HOME"] })
      expect(structured).toMatchObject({
        complete: false,
        notes: ["1 value is too large to be shown whole: ... stands for what is left out."]
      })
    })
  )
})

describe("list_timers", () => {
  it.effect("shows what is called, and what cannot be seen", () =>
    Effect.gen(function* () {
      const rows = [
        { due_ms: 1_500, repeats: atom("true"), every_ms: 2_000, call: [atom("io"), atom("nl"), nil] },
        { due_ms: 90_000, repeats: atom("false") }
      ]
      const seen = yield* callIn(world(answering({ "beamscope_timers:list": listing(rows) })), "list_timers")
      expect(seen.structured).toMatchObject({
        summary: "2 timers; the first is due in 1 second.",
        timers: [
          { due_in_ms: 1_500, repeats: true, every_ms: 2_000, function: ":io.nl/0", arguments: "[]" },
          { due_in_ms: 90_000, repeats: false }
        ]
      })
      const closed = fields({
        total: 7,
        matched: 0,
        rows: nil,
        next: atom("undefined"),
        incomplete: list([atom("closed")])
      })
      const { structured } = yield* callIn(world(answering({ "beamscope_timers:list": closed })), "list_timers")
      expect(structured).toMatchObject({ summary: "The timer server has 7 timers.", complete: false, total: 7 })
    })
  )
})

const keys = fields({ keys: list([[atom("shop"), atom("api_key")], atom("cache")]), more: atom("false") })

/** Of a node that has persistent terms under `keys`, and is asked for a key that is packed. */
const finding =
  (value: Term): Reply =>
  ([question]) => {
    const packedKey = question instanceof MapTerm ? question.atomKey("key") : undefined
    const key = packedKey instanceof Binary ? decode(packedKey.view()) : undefined
    const isThere = [[atom("shop"), atom("api_key")], atom("cache")].some((it) => key !== undefined && equal(it, key))
    return Effect.succeed(packed(isThere ? fields({ bytes: 8, value }) : fields({})))
  }

describe("get_persistent_terms", () => {
  const info = { "persistent_term:info/0": { term: fields({ count: 2, memory: 4_096 }) } }

  const nodeOf = (value: Term) =>
    answering(
      { "beamscope_persistent_terms:keys": keys },
      { ...info, "beamscope_persistent_terms:find": finding(value) }
    )
  const hush = new Binary(Uint8Array.from([104, 117, 115, 104]))

  it.effect("looks a key up on the node, and hides a value that is secret", () =>
    Effect.gen(function* () {
      const node = nodeOf(hush)
      const of = (key: string) =>
        Effect.map(callIn(world(node), "get_persistent_terms", { key }), (it) => it.structured["terms"])
      expect(yield* of("{:shop, :api_key}")).toEqual([
        { key: "{:shop, :api_key}", value_bytes: 8, value: "[redacted]" }
      ])
      expect(yield* of(" :cache ")).toEqual([{ key: ":cache", value_bytes: 8, value: '"hush"' }])
      // No key travels unless one is not found.
      expect(node.called.map(({ target }) => target)).not.toContain("beamscope_persistent_terms:keys")
      const error = yield* failIn(world(nodeOf(1)), "get_persistent_terms", { key: ":cachee" })
      expect(error).toMatchObject({ code: "not_found", didYouMean: [":cache"] })
    })
  )

  it.effect("finds a key that is written as a language shows it which is not read", () =>
    Effect.gen(function* () {
      for (const mode of ["lfe", "gleam"] as const) {
        const key = syntaxes[mode].print([atom("shop"), atom("api_key")]).text
        const { structured } = yield* callIn({ ...world(nodeOf(hush)), mode }, "get_persistent_terms", { key })
        expect(structured["terms"]).toEqual([{ key, value_bytes: 8, value: "[redacted]" }])
      }
    })
  )

  it.effect("says so where a key is shown cut, and asks for none that is", () =>
    Effect.gen(function* () {
      const rows = [
        { key: binary("k".repeat(20_000)), bytes: 80 },
        { key: atom("cache"), bytes: 8 }
      ]
      const list = (some: ReadonlyArray<(typeof rows)[number]>) =>
        callIn(
          world(answering({ "beamscope_persistent_terms:list": listing(some) }, info)),
          "get_persistent_terms"
        ).pipe(Effect.map(({ structured }) => structured))
      const both = yield* list(rows)
      expect(both).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^1 key is too large to be shown/u)]
      })
      expect(both["hints"]).toEqual(['get_persistent_terms {"key":":cache"}'])
      expect((yield* list(rows.slice(0, 1)))["hints"]).toBeUndefined()
      expect(yield* list(rows.slice(1))).toMatchObject({ complete: true })
    })
  )

  it.effect("takes what a list takes for the list alone", () =>
    Effect.gen(function* () {
      for (const input of [{ filter: "shop" }, { limit: 5 }, { sort_by: "key" }]) {
        const node = nodeOf(1)
        const error = yield* failIn(world(node), "get_persistent_terms", { key: ":cache", ...input })
        expect(error).toMatchObject({ code: "invalid_input" })
        expect(node.called).toEqual([])
      }
    })
  )

  const shownOf = (value: Term) =>
    Effect.map(callIn(world(nodeOf(value)), "get_persistent_terms", { key: ":cache" }), (it) => it.structured)

  it.effect("is not complete where the value is shown cut", () =>
    Effect.gen(function* () {
      expect(yield* shownOf(binary("x".repeat(100)))).toMatchObject({ complete: true })
      expect(yield* shownOf(binary("x".repeat(50_000)))).toMatchObject({
        complete: false,
        notes: [expect.stringContaining("The value is shown cut")]
      })
    })
  )

  it.effect("does not read a value that is too large", () =>
    Effect.gen(function* () {
      const node = answering(
        { "beamscope_persistent_terms:keys": keys, "beamscope_persistent_terms:find": fields({ bytes: 5 * mebi }) },
        info
      )
      const { structured } = yield* callIn(world(node), "get_persistent_terms", { key: ":cache" })
      expect(structured).toMatchObject({ complete: false, terms: [{ key: ":cache", value_bytes: 5 * mebi }] })
      expect(structured["notes"]).toEqual(["The value is not read: it is larger than 1.0 MiB."])
    })
  )

  it.effect("says of a value that it is not read where it is too large to be measured", () =>
    Effect.gen(function* () {
      const node = answering(
        {
          "beamscope_persistent_terms:keys": keys,
          "beamscope_persistent_terms:find": fields({ unmeasured: atom("true") })
        },
        info
      )
      const error = yield* failIn(world(node), "get_persistent_terms", { key: ":cache" })
      expect(error).toMatchObject({ code: "too_large", retryable: false })
      expect(error.message).toContain("The value of :cache on")
    })
  )
})
