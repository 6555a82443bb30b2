import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Atom, atom, Binary, list, map, type MapTerm, Pid, type Term } from "../../../src/etf/Term.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn } from "../../support/Tools.ts"

const fields = (entries: Readonly<Record<string, Term>>): Term =>
  map(Object.entries(entries).map(([key, value]) => [atom(key), value]))

const pid = new Pid(atom("app@localhost"), 90, 0, 42)
const none = atom("undefined")

const row = (place: number, kind: string, name: string, more: Readonly<Record<string, Term>>): Term => [
  [0, [place, atom(name), 0]],
  fields({ kind: atom(kind), name: atom(name), ...more })
]

const nodeOf = (changes: Readonly<Record<string, Term>> = {}) =>
  fakeNode({
    replies: {
      "beamscope_footprint:everything": {
        term: packed(
          fields({
            counts: fields({ link: 2, process: 2, worker: 1, leftover: 1, module: 2, others: 1, orphans: 1 }),
            total: 10,
            matched: 8,
            rows: list([
              row(1, "link", "ABC@beamscope", { own: atom("true") }),
              row(2, "process", "beamscope_a_0123abcd", { pid, minds: atom("true") }),
              row(2, "process", "beamscope_microstate_keeper", { pid, minds: atom("false") }),
              row(3, "worker", "ABC@beamscope", { pid }),
              row(4, "leftover", "ABC@beamscope", {
                pid,
                registered: list([]),
                runs: [atom("cache"), atom("init"), 1],
                links: list([pid]),
                link_count: 9,
                monitored_by: list([]),
                monitor_count: 0
              }),
              row(5, "module", "beamscope_a_0123abcd", { minder: pid }),
              row(5, "module", "beamscope_b_0123abcd", { minder: none }),
              row(6, "flag", "microstate_accounting", { on: atom("true"), minder: pid })
            ]),
            next: none,
            incomplete: list([]),
            ...changes
          })
        )
      }
    }
  })

describe("list_footprint", () => {
  it.effect("shows everything in one list, with the counts of all", () =>
    Effect.gen(function* () {
      const node = nodeOf()
      const input = { filter: { kind: "module", name: "beam" }, sort_by: "name", limit: 7 }
      const { structured } = yield* callIn({ up: [node], mode: "erlang" }, "list_footprint", input)
      expect(structured).toMatchObject({
        summary: expect.stringMatching(
          /^On app@localhost: 2 links of Beamscope \(1 of others\), 2 processes that mind something, 1 worker, 1 leftover, 2 modules, 1 of them with nobody to remove them\. 8 entries listed\.$/u
        ),
        complete: true,
        total: 10,
        matched: 8,
        hints: ["remove_footprint", 'get_process_info {"pid":"<0.90.0>"}']
      })
      expect(structured["footprint"]).toEqual([
        { kind: "link", name: "ABC@beamscope", own: true },
        { kind: "process", name: "beamscope_a_0123abcd", pid: "<0.90.0>", minds: "a loaded module" },
        { kind: "process", name: "beamscope_microstate_keeper", pid: "<0.90.0>", minds: "microstate accounting" },
        { kind: "worker", name: "ABC@beamscope", pid: "<0.90.0>" },
        {
          kind: "leftover",
          name: "ABC@beamscope",
          pid: "<0.90.0>",
          initial_call: "cache:init/1",
          linked_to_count: 9,
          linked_to: ["<0.90.0>"],
          monitored_by_count: 0
        },
        { kind: "module", name: "beamscope_a_0123abcd", minded_by: "<0.90.0>" },
        { kind: "module", name: "beamscope_b_0123abcd", orphan: true },
        { kind: "flag", name: "microstate_accounting", on: true, minded_by: "<0.90.0>" }
      ])
      const question = node.called[0]?.args[0] as MapTerm
      expect((question.atomKey("kind") as Atom).text).toBe("module")
      expect((question.atomKey("name") as Binary).text()).toBe("beam")
      expect((question.atomKey("sort") as Atom).text).toBe("name")
      expect(question.atomKey("limit")).toBe(7)
    })
  )

  it.effect("says where not all processes were looked at", () =>
    Effect.gen(function* () {
      const node = nodeOf({ incomplete: list([atom("deadline")]) })
      const { structured } = yield* callIn({ up: [node] }, "list_footprint")
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toContainEqual(expect.stringContaining("Time ran out"))
    })
  )
})
