import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { CallError } from "../../../src/node/CallError.ts"
import { LeftAlone } from "../../../src/node/LeftAlone.ts"
import type { Look } from "../../../src/node/Nodes.ts"
import type { Found } from "../../../src/node/Sparing.ts"
import { fakeNode, untroubled, type World } from "../../support/FakeNodes.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const name = "app@localhost"

/** A connected node that answers nothing. */
const silent = (name: string) => ({ ...fakeNode({ name }), roundTrip: () => Effect.never })

const names = Array.from({ length: 200 }, (_, at) => `app${String(at).padStart(3, "0")}@localhost`)

describe("list_nodes", () => {
  it.live("lists as many as it may where none of them answers any more, within its time", () =>
    Effect.gen(function* () {
      const up = [...names.slice(1).map(silent), fakeNode({ name: names[0]! })]
      const { structured } = yield* callIn({ up }, "list_nodes", { limit: 200, timeout_ms: 800 })
      const { nodes, notes } = structured as {
        readonly nodes: ReadonlyArray<object>
        readonly notes: ReadonlyArray<string>
      }
      expect(structured).toMatchObject({ total: 200, complete: false })
      // Who does answer is heard beside the others.
      expect(nodes[0]).toMatchObject({ node: names[0], round_trip_ms: 1.3 })
      expect(notes.join()).toMatch(
        /No round trip came to an end within \d{3} ms to app001@localhost, .* and \d+ more\./u
      )
    })
  )

  it.effect("tells of many that are left in peace in one note", () =>
    Effect.gen(function* () {
      const breaker = { ...untroubled.breaker, state: { _tag: "Open", since: 0, until: 60_000 } as const }
      const standing = Object.fromEntries(names.map((each) => [each, { breaker }]))
      const world: World = { up: names.map(silent), standing }
      const { structured } = yield* callIn(world, "list_nodes", { limit: 200 })
      const notes = (structured as { readonly notes: ReadonlyArray<string> }).notes
      expect(notes.filter((note) => note.includes("left in peace"))).toHaveLength(1)
    })
  )
})

describe("a node whose process table is full", () => {
  const reason = { _tag: "ProcessTableFull", limit: 1_024, hasBegun: false } as const
  const fails = Effect.fail(new CallError({ node: name, target: "m:f/0", reason }))
  const node = { ...fakeNode(), call: () => fails, runAgent: () => fails, roundTrip: () => fails }
  const health = { condition: "degraded", since: 0, why: ["its table is full"], missed: 0, silentMillis: 1 } as const
  const world: World = { up: [node], standing: { [name]: { lack: { _tag: "Processes" }, health } } }

  it.effect("sends those who ask to what does not fail the same way", () =>
    Effect.gen(function* () {
      const error = yield* failIn(world, "get_system_info")
      expect(error).toMatchObject({ code: "process_table_full", retryable: true, next: "list_nodes" })
      expect(error.message).toContain("On the node itself")
      expect(error.message).toContain("Keep the link")
      expect(error.message).toContain("Tools try again by themselves")
      expect((yield* callIn(world, "list_nodes")).structured["nodes"]).toHaveLength(1)
    })
  )

  it.effect("is listed as that, and not as silent", () =>
    Effect.gen(function* () {
      const { structured } = yield* callIn(world, "list_nodes")
      expect(structured["nodes"]).toEqual([
        expect.objectContaining({ node: name, state: "up", health: "degraded", why: "its table is full" })
      ])
      expect(structured).toMatchObject({ complete: false })
      expect(structured["notes"]).toContainEqual(
        expect.stringMatching(/^app@localhost has a full process table, .* Do not disconnect:/u)
      )
      expect(JSON.stringify(structured["notes"])).not.toContain("No round trip")
    })
  )
})

describe("a node whose link is silent", () => {
  const look: Look = { _tag: "Unanswered", silentMillis: 9_000, isSilent: true }

  it.effect("keeps it where a diagnosis finds that no other can be made", () =>
    Effect.gen(function* () {
      const reason = { _tag: "DeadlineExceeded", millis: 1, worker: "awaited" } as const
      const node = { ...fakeNode(), call: () => Effect.fail(new CallError({ node: name, target: "m:f/0", reason })) }
      const { structured } = yield* callIn({ up: [node], looks: { [name]: look } }, "diagnose_connection", {})
      expect(structured["summary"]).toContain("cannot be connected")
      const notes = (structured["notes"] as ReadonlyArray<string>).join(" ")
      expect(notes).toMatch(
        /nothing has come through it for 9\.0 s, though it was asked\. Keep it, and do not reset it/u
      )
      expect(notes).not.toContain("connect_node with reset")
    })
  )

  it.effect("is given no second link where it had no process left when it was heard last", () =>
    Effect.gen(function* () {
      const reason = { _tag: "DeadlineExceeded", millis: 1, worker: "awaited" } as const
      const call = () => Effect.fail(new CallError({ node: name, target: "m:f/0", reason }))
      const node = { ...fakeNode(), call, hasRoom: () => false }
      const error = yield* failIn({ up: [node] }, "diagnose_connection", {})
      expect(error).toMatchObject({
        code: "process_table_full",
        message: expect.stringContaining("diagnose_connection")
      })
    })
  )

  it.effect("is told by connect_node to be connected, and to answer nothing", () =>
    Effect.gen(function* () {
      const reason = { _tag: "DeadlineExceeded", millis: 2_799.4, worker: "awaited" } as const
      const roundTrip = () => Effect.fail(new CallError({ node: name, target: "erlang:self/0", reason }))
      const error = yield* failIn({ up: [{ ...fakeNode(), roundTrip }] }, "connect_node", { node: name })
      expect(error).toMatchObject({ code: "timeout", retryable: true, next: `diagnose_connection {"node":"${name}"}` })
      expect(error.message).toMatch(
        /^app@localhost is connected, and gave no answer to a first question within 2799 ms\. /u
      )
      expect(error.message).not.toMatch(/worker|for less/u)
    })
  )
})

describe("a node that is left alone for its own sake", () => {
  it.effect("was not tried by a diagnosis that does not come as far, but where a tunnel may have been opened", () =>
    Effect.gen(function* () {
      for (const [configured, told] of [
        [{ name }, ["nothing"]],
        [{ name, tunnel: ["ssh"] }, []]
      ] as const) {
        const found: Array<Found> = []
        yield* callIn({ configured: [configured], found }, "diagnose_connection", { node: name })
        expect(found).toEqual(told)
      }
    })
  )

  it.effect("has no tunnel opened to it for a diagnosis, which says why it is not tried, and what to do", () =>
    Effect.gen(function* () {
      const leftAlone = { [name]: new LeftAlone({ node: name, lack: { _tag: "Processes" }, at: 0, until: 600_000 }) }
      const configured = [{ name, tunnel: ["ssh"] }]
      const { structured } = yield* callIn({ configured, leftAlone }, "diagnose_connection", { node: name })
      expect(structured["summary"]).toBe(
        `${leftAlone[name]!.message} Once you have seen there that it has room, connect_node with "reset" tries at once.`
      )
      expect(structured["steps"]).toContainEqual(
        expect.objectContaining({ step: "configuration", outcome: "not_tried", found: structured["summary"] })
      )
      expect(structured).not.toHaveProperty("hints")
    })
  )
})
