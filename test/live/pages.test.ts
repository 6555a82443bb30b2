import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

interface List {
  readonly tool: string
  readonly input?: Readonly<Record<string, unknown>>
  /** Orders by what moves between two looks. */
  readonly moving: ReadonlyArray<string>
  /** The others, and the one of them in which the list says that each comes once. */
  readonly steady: ReadonlyArray<string>
  readonly once: string
}

const figures = ["memory", "reductions", "message_queue", "heap"]

const lists: ReadonlyArray<List> = [
  {
    tool: "list_processes",
    moving: [...figures, "status"],
    steady: ["pid", "name", "module", "initial_call", "application"],
    once: "pid"
  },
  { tool: "find_process", input: { module: "gen_server" }, moving: figures, steady: ["pid"], once: "pid" },
  { tool: "top_processes", moving: figures, steady: [], once: "pid in list_processes" },
  {
    tool: "list_application_processes",
    input: { application: "kernel" },
    moving: figures,
    steady: ["pid"],
    once: "pid"
  },
  { tool: "list_applications", input: { limit: 1 }, moving: ["memory", "processes"], steady: ["name"], once: "name" },
  { tool: "list_ets_tables", moving: ["memory", "size"], steady: ["name"], once: "name" },
  { tool: "get_allocator_info", moving: ["unused", "carriers", "used"], steady: ["name"], once: "name" },
  {
    tool: "list_ports",
    moving: ["bytes_in", "bytes_out", "queue", "memory"],
    steady: ["name"],
    once: "name"
  },
  {
    tool: "list_event_handlers",
    input: { limit: 1 },
    moving: ["message_queue"],
    steady: ["kind", "name"],
    once: "kind"
  },
  {
    tool: "get_supervision_tree",
    input: { root: "kernel_sup" },
    moving: ["memory", "message_queue", "restarts"],
    steady: ["tree"],
    once: "tree"
  },
  {
    tool: "get_process_children",
    input: { pid: "kernel_sup" },
    moving: ["children"],
    steady: ["tree", "depth", "name"],
    once: "tree"
  },
  {
    tool: "list_process_groups",
    input: { limit: 1 },
    moving: ["members", "local", "remote"],
    steady: ["name"],
    once: "name"
  }
]

const scene = `{ok, _} = pg:start(pg), register(scene, spawn(fun() -> ok = pg:join(one, self()), ok = pg:join(two, self()), receive stop -> ok end end)), ok`

describe.each(BeamNode.otpReleases())("pages on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const numbers = (text: string) =>
    Effect.map(
      Effect.promise(() => node.evaluate(text)),
      Number
    )

  it.live.each(lists)("of $tool say in which order each row comes once, where figures move", (list) =>
    Effect.gen(function* () {
      const { input, moving, once, steady, tool } = list
      for (const sort of [...moving, ...steady]) {
        const asked = { sort_by: sort, limit: 2, ...input }
        const first = yield* call(tool, asked)
        const cursor = first.structured["next_cursor"]
        expect(cursor, `${tool} by ${sort}`).toEqual(expect.any(String))
        expect(JSON.stringify(first.structured["notes"] ?? [])).not.toContain("of its own moment")
        const second = yield* call(tool, { ...asked, cursor })
        const notes = JSON.stringify(second.structured["notes"] ?? [])
        if (moving.includes(sort))
          expect(notes).toMatch(new RegExp(`of its own moment.* By ${once} each comes once`, "u"))
        else expect(notes, `${tool} by ${sort}`).not.toContain("of its own moment")
      }
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent: "eval" })))))
  )

  it.live("tell how many there are, and how many match", () =>
    Effect.gen(function* () {
      yield* numbers(`scene ! one, scene ! two, ets:new(counted, [named_table, public]),
        ets:insert(counted, [{N, N rem 2} || N <- lists:seq(1, 100)]), 0`)
      const queue = yield* call("get_message_queue", { pid: "scene", limit: 1 })
      expect(queue.structured).toMatchObject({ total: 2, matched: 2 })
      const sampled = yield* call("sample_ets_table", { table: "counted", limit: 3 })
      expect(sampled.structured).toMatchObject({ total: 100, matched: 100 })
      const some = yield* call("select_ets_table", { table: "counted", match: "{7, _}" })
      expect(some.structured).toMatchObject({ total: 100, matched: 1 })
      const part = yield* call("select_ets_table", { table: "counted", match: "{_, 1}", limit: 3 })
      expect(part.structured).toMatchObject({ total: 100, matched: 50 })
      expect((yield* call("list_mnesia_tables", {})).structured).toMatchObject({ running: false, total: 0, matched: 0 })
      const own = yield* call("list_application_processes", { application: "kernel", limit: 2 })
      const { matched, total } = own.structured
      expect(total).toBe(matched)
      expect(total).toBeLessThan(yield* numbers("length(processes())"))
      const filter = { name: "code_server" }
      const one = yield* call("list_application_processes", { application: "kernel", filter })
      expect(one.structured).toMatchObject({ matched: 1, total })
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent: "eval", mode: "erlang" })))))
  )
})
