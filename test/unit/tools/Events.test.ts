import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, binary, list, map, MapTerm, Pid, type Term } from "../../../src/etf/Term.ts"
import { erlang } from "../../../src/syntax/Erlang.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const pid = new Pid(atom("app@localhost"), 93, 0, 42)
const dict = (entries: Readonly<Record<string, Term>>) =>
  map(Object.entries(entries).map(([key, value]) => [atom(key), value] as const))

/** A page of these rows, of as many as there are. */
const page = (rows: ReadonlyArray<Term>, more: Readonly<Record<string, Term>> = {}) =>
  dict({
    total: rows.length,
    matched: rows.length,
    rows: list(rows.map((row, at) => [[0, at], row])),
    next: atom("undefined"),
    incomplete: list([]),
    ...more
  })

const answering = (func: string, answer: Term) => {
  const node = fakeNode({ replies: { [func]: { term: packed(answer) } } })
  return { node, world: { up: [node] } }
}

/** What the agent was asked, by name. */
const asked = ({ node }: ReturnType<typeof answering>, key: string) =>
  (node.called[0]?.args[0] as MapTerm | undefined)?.atomKey(key)

const registry = dict({
  kind: atom("elixir"),
  name: atom("Elixir.App.Names"),
  keys: atom("unique"),
  entries: 2,
  memory: 1024,
  pid
})

const keys = (...rows: ReadonlyArray<Term>) => page(rows, { sources: list([registry]) })
const row = (key: Term, value?: Term) =>
  dict({
    registry: atom("Elixir.App.Names"),
    key,
    count: 1,
    pids: list([pid]),
    ...(value !== undefined && { value })
  })

const manager = (name: string, state: string) =>
  dict({ kind: atom("gen_event"), name: atom(name), pid, messages: 7, state: atom(state) })

describe("list_registries", () => {
  it.effect.each([
    ["global", '{global,[<<"global">>]}'],
    [":gproc", '{gproc,[<<"gproc">>]}'],
    ["syn/tenants", '{syn,[<<"tenants">>]}'],
    ["syn/App.Scope", '{syn,[<<"Elixir.App.Scope">>,<<"App.Scope">>]}'],
    ["App.Names", '{elixir,[<<"Elixir.App.Names">>,<<"App.Names">>]}'],
    ["'Elixir.App.Names'", '{elixir,[<<"Elixir.App.Names">>,<<"\'Elixir.App.Names\'">>]}']
  ])("knows which registry %s is", ([written, meant]) =>
    Effect.gen(function* () {
      const made = answering("beamscope_registries:entries", keys())
      yield* callIn(made.world, "list_registries", { registry: written })
      expect(erlang.print(asked(made, "from")!).text).toBe(meant)
    })
  )

  it.effect("says that there are more than were read", () =>
    Effect.gen(function* () {
      const answer = page([row(binary("a"))], { sources: list([registry]), incomplete: list([atom("many")]) })
      const { world } = answering("beamscope_registries:entries", answer)
      const { structured } = yield* callIn(world, "list_registries", { registry: "App.Names" })
      expect(structured).toMatchObject({
        summary: "At least 1 key of App.Names.",
        complete: false,
        notes: [expect.stringContaining("counts are too low")]
      })
    })
  )

  it.effect("says of values that the node has cut that something is left out, and not of secrets", () =>
    Effect.gen(function* () {
      const cut = list<Term>([1, 2, [atom("$beamscope_cut"), 4_999_993]])
      const answer = keys(row(binary("a"), cut), row(binary("b"), list([1, 2])), row(atom("password"), cut))
      const { world } = answering("beamscope_registries:entries", answer)
      const { structured } = yield* callIn(world, "list_registries", { registry: "App.Names" })
      expect(structured).toMatchObject({
        complete: false,
        notes: ["1 value is too large to be shown whole: ... stands for what is left out."],
        keys: [{ value: "[1, 2, ... 4999993 more]" }, { value: "[1, 2]" }, { value: "[redacted]" }]
      })
    })
  )

  it.effect("says what it did not find, and that it did not look at all of large names", () =>
    Effect.gen(function* () {
      const answer = page([], { total: 7, sources: list([registry]), incomplete: list([atom("long")]) })
      const { world } = answering("beamscope_registries:entries", answer)
      const { structured } = yield* callIn(world, "list_registries", { registry: "App.Names", filter: { name: "x" } })
      expect(structured).toMatchObject({
        summary: "None of 7 keys of App.Names passes the filter.",
        complete: false,
        notes: [expect.stringContaining("the beginning alone")]
      })
    })
  )

  it.effect.each([
    ["list_registries", "beamscope_registries:registries", { filter: { name: "x" } }, "None of 7 registries passes"],
    [
      "list_process_groups",
      "beamscope_registries:groups",
      { filter: { group: "x" } },
      "None of 7 groups in 1 scope passes"
    ],
    ["list_process_groups", "beamscope_registries:groups", {}, "None of 7 groups in 1 scope is left here."],
    [
      "list_pubsub_topics",
      "beamscope_registries:entries",
      { filter: { topic: "x" } },
      "None of 7 topics of App.Names passes"
    ]
  ] as const)("%s says that nothing passes: %s %j", ([tool, func, input, said]) =>
    Effect.gen(function* () {
      const scopes = list([dict({ scope: atom("rooms"), pid, groups: 7 })])
      const matched = "filter" in input ? 0 : 7
      const { world } = answering(func, page([], { total: 7, matched, sources: list([registry]), scopes }))
      expect((yield* callIn(world, tool, input)).structured["summary"]).toContain(said)
    })
  )

  it.effect("shows neither secrets nor what a terminal would obey", () =>
    Effect.gen(function* () {
      const { world } = answering(
        "beamscope_registries:entries",
        keys(row(binary("api_key"), binary("hunter2")), row(binary("\u001b[2J\u202eevil"), atom("nil")))
      )
      const { text } = yield* callIn(world, "list_registries", { registry: "App.Names" })
      for (const hidden of ["hunter2", "\u001b", "\u202e"]) expect(text).not.toContain(hidden)
    })
  )

  it.effect("suggests a name that is nearly the one written", () =>
    Effect.gen(function* () {
      const { world } = answering("beamscope_registries:entries", dict({ absent: list([atom("Elixir.App.Names")]) }))
      expect(yield* failIn({ ...world, mode: "erlang" }, "list_registries", { registry: "App.Nmaes" })).toMatchObject({
        code: "not_found",
        didYouMean: ["'Elixir.App.Names'"]
      })
    })
  )
})

describe("list_event_handlers", () => {
  it.effect("says why handlers are not known, and where to look", () =>
    Effect.gen(function* () {
      const { world } = answering(
        "beamscope_handlers:sources",
        page([manager("a", "busy"), manager("b", "silent"), manager("", "unread")], {
          incomplete: list([atom("unnamed")])
        })
      )
      const { structured } = yield* callIn(world, "list_event_handlers")
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([
        expect.stringContaining("busy: not asked"),
        expect.stringContaining("the request is still in its queue"),
        expect.stringContaining("unread: not asked"),
        expect.stringContaining("Before OTP 26.2")
      ])
      expect(structured["sources"]).toMatchObject([{ name: ":a" }, { name: ":b" }, { name: "#PID<0.93.0>" }])
      expect(structured["hints"]).toEqual(['get_process_info {"pid":"#PID<0.93.0>"}'])
    })
  )
})

describe("list_process_groups", () => {
  it.effect("says that no scope runs", () =>
    Effect.gen(function* () {
      const { world } = answering("beamscope_registries:groups", page([], { scopes: list([]) }))
      const { structured } = yield* callIn(world, "list_process_groups")
      expect(structured["summary"]).toBe("No scope of pg runs on app@localhost.")
      const none = answering("beamscope_registries:groups", dict({ scopes: list([]) }))
      expect(yield* failIn(none.world, "list_process_groups", { scope: "pg" })).toMatchObject({
        code: "not_found",
        message: "There is no scope pg of pg on app@localhost, nor any other."
      })
    })
  )
})
