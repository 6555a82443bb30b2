import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, binary, list, map, type MapTerm, nil, Pid, type Term } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const pid = new Pid(atom("app@localhost"), 90, 0, 42)

const record = (fields: Readonly<Record<string, Term>>): MapTerm =>
  map(Object.entries(fields).map(([key, value]) => [atom(key), value]))

/** A node whose agent answers with one supervisor, of which it knows this. */
const supervising = (
  facts: Readonly<Record<string, Term>> | undefined,
  incomplete: ReadonlyArray<string> = [],
  of: Readonly<Record<string, Term>> = {},
  whole: Readonly<Record<string, Term>> = {}
) => {
  const row = record({
    depth: 1,
    id: atom("top"),
    above: nil,
    pid,
    status: atom("running"),
    type: atom("supervisor"),
    modules: list([atom("top")]),
    messages: 0,
    memory: 2768,
    ...(facts !== undefined && { supervisor: record({ callback: atom("top"), ...facts }) }),
    ...of
  })
  const place = [list([1]), list([1])]
  const answer = record({
    total: 1,
    matched: 1,
    rows: list<Term>([[place, row]]),
    next: atom("undefined"),
    incomplete: list(incomplete.map(atom)),
    supervisors: 1,
    ...whole
  })
  return fakeNode({ replies: { "beamscope_supervision:tree": { term: packed(answer) } } })
}

const tree = (...args: Parameters<typeof supervising>) => callIn({ up: [supervising(...args)] }, "get_supervision_tree")

/** How a summary names a supervisor that has restarted a child. */
const nameInSummary = (of: Readonly<Record<string, Term>>, callback: string) =>
  Effect.map(
    tree({ restarts: 1, intensity: 3, period: 5, callback: atom(callback) }, [], of),
    ({ structured }) => /under (.*) \(1 of 3/u.exec(String(structured["summary"]))?.[1]
  )

const summaryAtDepth1 = (root: Parameters<typeof supervising>) =>
  Effect.map(
    callIn({ up: [supervising(...root)] }, "get_supervision_tree", { root: "top", depth: 1 }),
    ({ structured }) => structured["summary"]
  )

/** Supervisors outside of the applications' trees: how many there are, have rows, were not read, were not sought. */
const outside = (found: number, listed: number, unread: number, unsought: number) =>
  tree({}, [], {}, { outside: record({ found: [found, listed], unread: [unread, list([pid])], unsought }) })

/** What the row of one of them says of who has started it. */
const startedBy = (by: Term, application = "undefined") =>
  Effect.map(
    tree({}, [], { started_by: by, application: atom(application) }),
    ({ structured }) => (structured["tree"] as ReadonlyArray<{ readonly started_by?: string }>)[0]?.started_by
  )

describe("get_supervision_tree", () => {
  it.effect("says so where an id is cut, and has none where only links tell of a child", () =>
    Effect.gen(function* () {
      const short = (yield* tree({}, [], { id: binary("x".repeat(200)) })).structured
      expect(short["complete"]).toBe(true)
      const cut = (yield* tree({}, [], { id: binary("xxx..."), id_is: atom("cut") })).structured
      expect(cut).toMatchObject({
        complete: false,
        notes: ["1 id is too large to be shown whole: ... stands for what is left out."]
      })
      const unknown = (yield* tree({}, [], { id: atom("undefined"), id_is: atom("unknown") })).structured
      expect(unknown["tree"]).toMatchObject([{ id: "-" }])
    })
  )

  it.effect("tells how much of the allowed restarts is used up", () =>
    Effect.gen(function* () {
      const { structured } = yield* tree({ children: 2, active: 1, restarts: 2, intensity: 3, period: 5 })
      expect(structured["summary"]).toContain("restarts lately under :top (2 of 3 allowed)")
      expect(structured["tree"]).toEqual([
        expect.objectContaining({ children: 2, active_children: 1, restarts: 2, max_restarts: 3, max_seconds: 5 })
      ])
    })
  )

  it.effect.each([
    [
      { busy: [atom("running"), 7, [atom("m"), atom("f"), 1]] },
      "busy",
      /:top is busy: running in :m\.f\/1, with 7 messages/u
    ],
    [{ unanswered: atom("true") }, "unanswered", /gave no answer in time/u],
    [
      { not_asked: atom("other") },
      "not_asked",
      /none of OTP's, or are not known to be, and were not asked: see not_asked/u
    ],
    [{}, "unread", /told as workers, with not_asked/u],
    [{ strange: 2 }, "strange", /Of what :top answered 2 children were not understood/u],
    [{ strange: atom("all") }, "strange", /What :top answered was not understood/u],
    [{}, "ended", /ended while they were asked/u],
    [{ large: 4e6 }, undefined, /Strategy and restarts of :top were not read.*30\.5 MiB/u],
    [{ summed: 10 }, "deadline", /Of the children of :top, 10 were summed/u]
  ] as ReadonlyArray<[Readonly<Record<string, Term>>, string | undefined, RegExp]>)(
    "says what is missing: %j",
    ([facts, why, note]) =>
      Effect.gen(function* () {
        const { structured } = yield* tree(facts, why === undefined ? [] : [why])
        expect(structured["complete"]).toBe(false)
        expect((structured["notes"] as ReadonlyArray<string>).join("\n")).toMatch(note)
        expect(structured["tree"]).not.toEqual([expect.objectContaining({ restarts: expect.anything() })])
      })
  )

  it.effect("says how one whose copy may be large is asked all the same, and that only a root is", () =>
    Effect.gen(function* () {
      const asked = (args: Readonly<Record<string, unknown>>) =>
        Effect.map(
          callIn({ up: [supervising({ large: 4e6 })] }, "get_supervision_tree", args),
          ({ structured }) => (structured["notes"] as ReadonlyArray<string>)[0]
        )
      expect(yield* asked({})).toMatch(/With it as root, max_heap_mb: 39 looks all the same\.$/u)
      const { structured } = yield* callIn({ up: [supervising({ large: 4e6 })] }, "get_supervision_tree")
      expect(structured["hints"]).toContain('get_supervision_tree {"root":"#PID<0.90.0>","max_heap_mb":39}')
      expect(yield* asked({ root: "top" })).toMatch(/heap\. max_heap_mb: 39 looks all the same\.$/u)
      expect(yield* asked({ root: "top", max_heap_mb: 30 })).toMatch(/heap\. max_heap_mb: 39 looks all the same\.$/u)
      expect(yield* asked({ root: "top", max_heap_mb: 31 })).toMatch(
        /^What :top answered took more than may be copied/u
      )
      const error = yield* failIn({ up: [supervising({})] }, "get_supervision_tree", { max_heap_mb: 31 })
      expect(error).toMatchObject({ code: "invalid_input", message: expect.stringContaining("no root is given") })
    })
  )

  it.effect("says of a supervisor by name that it was not asked, and why", () =>
    Effect.gen(function* () {
      const { structured } = yield* tree(undefined, ["not_asked"], { not_asked: atom("unread") })
      expect(structured).toMatchObject({ complete: false, tree: [{ id: ":top", type: "supervisor" }] })
      expect(structured["notes"]).toContainEqual(
        expect.stringMatching(/^:top \(#PID<0\.90\.0>\) was not asked for its children: before OTP 26\.2 /u)
      )
    })
  )

  it.effect("shows a supervisor that its parent calls a worker as both, and says where a process has another row", () =>
    Effect.gen(function* () {
      const hidden = (yield* tree({ children: 0 }, [], { called: atom("worker") })).structured
      expect(hidden).toMatchObject({ complete: true, tree: [{ type: "supervisor, called a worker" }] })
      const again = (yield* tree(undefined, [], { again: atom("true") }, { supervisors: 0 })).structured
      expect(again).toMatchObject({
        complete: true,
        tree: [{ type: "supervisor", not_asked: "again: its children stand under another row" }]
      })
      // It is one of those that were not asked for restarts, and stands on another page.
      const elsewhere = (yield* tree(undefined, [], { again: atom("true") }, { supervisors: 1 })).structured
      expect(elsewhere["summary"]).toContain("1 supervisor that is not on this page was not asked for restarts")
    })
  )

  it.effect("says how many are listed of how many children", () =>
    Effect.gen(function* () {
      const { structured } = yield* tree({ children: 250, active: 250, listed: 200 }, ["many"])
      expect(structured["summary"]).toContain("of the 250 children of :top 200 are listed")
      expect(structured["tree"]).toEqual([expect.objectContaining({ children: 250, listed_children: 200 })])
      const whole = yield* tree({ children: 2, active: 2, listed: 2 })
      expect(whole.structured["summary"]).not.toContain("listed")
      expect(whole.structured["tree"]).not.toEqual([expect.objectContaining({ listed_children: expect.anything() })])
    })
  )

  it.effect("says how many children of the root were looked at when time ran out", () =>
    Effect.gen(function* () {
      const facts = { children: 100_000, active: 100_000, listed: 100_000 }
      const { structured } = yield* tree(facts, ["links"], {}, { total: 100_000, looked: [40_000, 99_800] })
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringMatching(/^The root has more than 500 children, or its answer might be too large to copy/u),
        expect.stringMatching(/^Of 99,800 further children of the root 40,000 were looked at when time ran out/u)
      ])
      expect((yield* tree({ children: 2, active: 2, listed: 2 })).structured["complete"]).toBe(true)
    })
  )

  it.effect("says of how many supervisors restarts were not asked for, and of how many they are not known", () =>
    Effect.gen(function* () {
      const facts = { children: 2, active: 2, restarts: 0, intensity: 3, period: 5 }
      const all = yield* tree(facts)
      expect(all.structured).toMatchObject({ complete: true, summary: "1 child, 1 supervisor among them." })
      const some = yield* tree(facts, [], {}, { total: 4, supervisors: 3 })
      expect(some.structured["summary"]).toContain(
        "; 2 supervisors that are not on this page were not asked for restarts (sort_by restarts asks all)."
      )
      const asked = yield* tree({ ...facts, restarts: 2 }, [], {}, { supervisors: 3, restarts: [2, 1] })
      expect(asked.structured).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^Restarts of 1 supervisor are not known/u)],
        summary: expect.stringContaining("; restarts lately under 1 of 2 supervisors that told: :top (2 of 3 allowed).")
      })
      const none = yield* tree(facts, [], {}, { total: 4, matched: 0, rows: nil, supervisors: 3, restarts: [3, 0] })
      expect(none.structured).toMatchObject({
        complete: true,
        summary: "None of 4 children passes the filter; restarts lately under none of 3 supervisors that told."
      })
      const unseen = yield* tree(facts, ["links"], {}, { total: 4, matched: 0, rows: nil })
      expect(unseen.structured["summary"]).toMatch(/^None of 4 children was seen to pass the filter: not all was read/u)
    })
  )

  it.effect("names a supervisor by what tells it from others", () =>
    Effect.gen(function* () {
      const nobody = "Elixir.Supervisor.Default"
      expect(yield* nameInSummary({ name: atom("shop_sup") }, "shop")).toBe(":shop_sup")
      expect(yield* nameInSummary({ id: atom(nobody) }, nobody)).toBe("#PID<0.90.0>")
      expect(yield* nameInSummary({ id: atom("undefined") }, "Elixir.Shop.Sup")).toBe("#PID<0.90.0> (Shop.Sup)")
      expect(yield* nameInSummary({ id: atom("Elixir.Shop.Jobs") }, nobody)).toBe("Shop.Jobs")
    })
  )

  it.effect("says of a root that is not opened how much is below it", () =>
    Effect.gen(function* () {
      expect(yield* summaryAtDepth1([{ active: 5 }, ["depth"], {}, { total: 5, matched: 5 }])).toBe(
        "0 of 5 children under top, which a depth of 1 does not list."
      )
      expect(yield* summaryAtDepth1([{ active: 0 }, ["depth"], {}, { total: 0, matched: 0 }])).toBe(
        "0 children under top."
      )
      expect(yield* summaryAtDepth1([{}, ["busy", "depth"], {}, { total: 0, matched: 0 }])).toBe(
        "No child under top was seen."
      )
    })
  )

  it.effect("says of a root that has ended that there is none", () =>
    Effect.gen(function* () {
      const reason = [atom("ended"), pid]
      const node = fakeNode({
        replies: { "beamscope_supervision:tree": { fails: { _tag: "Raised", class: "error", reason, stack: [] } } }
      })
      const error = yield* failIn({ up: [node] }, "get_supervision_tree", { root: "top" })
      expect(error).toMatchObject({ code: "no_such_process", next: "find_process" })
      expect(error.message).toMatch(/^There is no process #PID<0\.90\.0> on /u)
    })
  )

  it.effect("tells what a root is that is no supervisor", () =>
    Effect.gen(function* () {
      const node = fakeNode({
        replies: {
          "beamscope_supervision:tree": {
            fails: {
              _tag: "Raised",
              class: "error",
              reason: [
                atom("not_a_supervisor"),
                [atom("cache"), atom("init"), 1],
                [atom("current_function"), [atom("gen_server"), atom("loop"), 7]],
                atom("shop")
              ],
              stack: []
            }
          }
        }
      })
      const error = yield* failIn({ up: [node] }, "get_supervision_tree", { root: "cache" })
      expect(error.code).toBe("invalid_input")
      expect(error.message).toMatch(
        /was started in :cache\.init\/1, and is in :gen_server\.loop\/7\. It was not asked.* application :shop\./u
      )
      expect(error.next).toBe('get_supervision_tree {"root":"shop"}')
    })
  )

  it.effect("tells how a root is read whose heap is large", () =>
    Effect.gen(function* () {
      const fails = { _tag: "Raised", class: "error", reason: [atom("unread"), 1_000_000], stack: [] } as const
      const node = fakeNode({ replies: { "beamscope_supervision:tree": { fails } } })
      const error = yield* failIn({ up: [node] }, "get_supervision_tree", { root: "top" })
      expect(error).toMatchObject({ code: "too_large", next: 'get_process_children {"pid":"top"}' })
      expect(error.message).toMatch(/7\.6 MiB lie on its heap.* max_heap_mb: 9\.54 looks all the same\.$/u)
    })
  )

  it.effect("refuses a cursor where the children of the root are told in another way than on the page before", () =>
    Effect.gen(function* () {
      const fails = { _tag: "Raised", class: "error", reason: atom("changed"), stack: [] } as const
      const node = fakeNode({ replies: { "beamscope_supervision:tree": { fails } } })
      const error = yield* failIn({ up: [node] }, "get_supervision_tree", { root: "top" })
      expect(error).toMatchObject({
        code: "invalid_input",
        message: expect.stringMatching(/in another order, than on the page before.*The cursor leads nowhere/u),
        next: 'get_supervision_tree {"root":"top"}'
      })
    })
  )

  it.effect("says of what is outside of the applications' trees what it could not find, or did not list", () =>
    Effect.gen(function* () {
      const whole = (yield* outside(1, 1, 0, 0)).structured
      expect(whole).toMatchObject({ complete: true })
      expect(whole["summary"]).toContain("; 1 supervisor stands outside of the applications' trees (started_by)")
      const lacking = (yield* outside(1_200, 1_000, 2, 5_000)).structured
      expect(lacking).toMatchObject({
        complete: false,
        notes: [
          expect.stringMatching(/^Of 1,200 supervisors outside .* only 1,000 are listed/u),
          expect.stringMatching(/^Whether 2 processes are supervisors outside .*: .*<[\d.]+> and 1 more\. /u),
          expect.stringMatching(/^5,000 processes were not looked at .* list_processes \{"filter"/u)
        ]
      })
    })
  )

  it.effect("says who has started one that has none above it", () =>
    Effect.gen(function* () {
      expect(yield* startedBy(atom("boss"))).toBe(":boss, of no application")
      expect(yield* startedBy([atom("ended"), pid], "shop")).toMatch(/^.*90.* \(ended\), of the application :shop$/u)
      expect(yield* startedBy([atom("ended"), atom("boss")])).toBe(":boss (no longer registered), of no application")
      expect(yield* startedBy(atom("unknown"))).toBe(":unknown, of no application")
      expect(yield* startedBy(nil)).toBe("unknown, of no application")
    })
  )
})
