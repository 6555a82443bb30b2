import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Atom, atom, Binary, list, map, type MapTerm, Pid, type Term } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { call, callIn, catalogueLayer, failIn } from "../../support/Tools.ts"

const fields = (entries: Readonly<Record<string, Term>>): Term =>
  map(Object.entries(entries).map(([key, value]) => [atom(key), value]))

const pid = new Pid(atom("app@localhost"), 90, 0, 42)

const answer = (changes: Readonly<Record<string, Term>> = {}): Term =>
  fields({
    primary: fields({ level: atom("notice"), filter_default: atom("log"), filters: list([]) }),
    handlers: 3,
    late: list([]),
    mute: list([]),
    total: 5,
    matched: 5,
    rows: list([
      [
        [0, [atom("handler"), atom("default")]],
        fields({ id: atom("default"), module: atom("logger_std_h"), level: atom("all"), filters: list([]) })
      ],
      [
        [0, [atom("modules"), atom("stdlib"), atom("error"), atom("undefined")]],
        fields({ level: atom("error"), application: atom("stdlib"), count: 86, modules: list([atom("array")]) })
      ]
    ]),
    next: [0, [atom("modules"), atom("stdlib"), atom("error"), atom("undefined")]],
    incomplete: list([]),
    ...changes
  })

const nodeOf = (term: Term) => fakeNode({ replies: { "beamscope_logs:configuration": { term: packed(term) } } })

const wordOf = (question: Term | undefined, key: string): unknown => {
  const value = (question as MapTerm).atomKey(key)
  return value instanceof Binary ? value.text() : ((value as Atom | undefined)?.text ?? value)
}

describe("get_log_configuration", () => {
  it.effect("shows handlers and levels of modules in one list, and where the next page begins", () =>
    Effect.gen(function* () {
      const node = nodeOf(answer())
      yield* Effect.gen(function* () {
        const { structured } = yield* call("get_log_configuration", { limit: 2 })
        expect(structured).toMatchObject({
          summary: "Events of level notice and above go to 3 handlers; none is overloaded. 2 of 5 entries listed.",
          primary: { level: "notice", filter_default: "log" },
          total: 5,
          matched: 5,
          entries: [
            { kind: "handler", name: "default", module: "logger_std_h", level: "all" },
            { kind: "modules", name: "stdlib", level: "error", module_count: 86, modules: ["array"] }
          ]
        })
        yield* call("get_log_configuration", { limit: 2, cursor: structured["next_cursor"] })
        const [first, second] = node.called.map(({ args }) => args[0])
        expect(wordOf(first, "after")).toBeUndefined()
        expect((second as MapTerm).atomKey("after")).toBeInstanceOf(Binary)
      }).pipe(Effect.provide(catalogueLayer({ up: [node], mode: "erlang" })))
    })
  )

  it.effect("has the node sort, filter and cut", () =>
    Effect.gen(function* () {
      const node = nodeOf(answer({ rows: list([]), matched: 0, next: atom("undefined") }))
      const filter = { kind: "modules", name: "Elixir.My.Module", level: "warn" }
      const { structured } = yield* callIn({ up: [node] }, "get_log_configuration", { sort_by: "level", filter })
      expect(structured["summary"]).toMatch(/none is overloaded\. None of 5 entries passes the filter\.$/u)
      const words = ["sort", "order", "kind", "name", "level", "limit"]
      expect(words.map((word) => wordOf(node.called[0]?.args[0], word))).toEqual([
        "level",
        "descending",
        "modules",
        "My.Module",
        "warn",
        50
      ])
    })
  )

  it.effect("tells of handlers in trouble that stand on another page", () =>
    Effect.gen(function* () {
      const late = list([
        [atom("file"), atom("sync"), pid],
        [atom("net"), atom("drop"), pid]
      ])
      const node = nodeOf(answer({ late, mute: list([atom("odd")]) }))
      const { structured } = yield* callIn({ up: [node], mode: "erlang" }, "get_log_configuration")
      expect(structured).toMatchObject({
        summary: expect.stringContaining("file is in sync mode, net is in drop mode. 2 of 5 entries"),
        complete: false,
        notes: [
          "Handler odd does not tell its configuration: see its error.",
          "Handler file is late: whoever logs waits until it has written.",
          "Handler net cannot keep up: events are being thrown away."
        ],
        hints: [expect.stringContaining("get_process_info"), expect.stringContaining("get_process_info")]
      })
    })
  )

  it.effect("fails where the answer is not one", () =>
    Effect.gen(function* () {
      expect(yield* failIn({ up: [nodeOf(fields({ handlers: 1 }))] }, "get_log_configuration")).toMatchObject({
        retryable: false
      })
    })
  )
})
