import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { atom, Pid } from "../../../src/etf/Term.ts"
import { CallError } from "../../../src/node/CallError.ts"
import type { ErlangNode } from "../../../src/node/ErlangNode.ts"
import { connectionTools } from "../../../src/tools/connection/Connection.ts"
import { Incarnations } from "../../../src/tools/Incarnations.ts"
import { termsOf } from "../../../src/tools/Terms.ts"
import * as Tool from "../../../src/tools/Tool.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { call, catalogueLayer } from "../../support/Tools.ts"

const name = "app@10.0.0.1"
const now = { name, creation: 2 }
const restart = { lost: 1_000, since: 2_000 }

const pids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `<0.${from + index}.0>`).join(" ")

/** What a session knows after it has met a node, and then another incarnation of it. */
const restarted = () => {
  const incarnations = new Incarnations()
  incarnations.meet({ name, creation: 1 })
  expect(incarnations.isRestarted({ name, creation: 1 })).toBe(false)
  expect(incarnations.isRestarted({ name, creation: 2 })).toBe(true)
  incarnations.meet({ name, creation: 2 }, restart)
  return incarnations
}

describe("what a session knows of a node that was restarted", () => {
  it.each([
    "<0.90.0>",
    "#PID<0.90.0>",
    "0.90.0",
    " 0.90.0 ",
    `<${name}.90.0>`,
    `#PID<'${name}'.90.0>`,
    "//erl(<0.90.0>)",
    "//erl(0.90.0)",
    "<0.0090.0>",
    `<:"${name}".90.0>`,
    `#PID<:"${name}".90.0>`,
    `<'app\\x4010.0.0.1'.90.0>`,
    `<|${name}|.90.0>`,
    `{worker, #PID<:"${name}".90.0>}`,
    `{worker, <'app\\x4010.0.0.1'.90.0>}`,
    "#Port<0.90>",
    `#Port<:"${name}".90>`,
    "#Ref<0.90.1.2>",
    `#Reference<:"${name}".90.1.2>`,
    "{via, gproc, {n, l, {worker, <0.90.0>}}}"
  ])("refuses %s, until a result has shown it", (text) => {
    const incarnations = restarted()
    expect(incarnations.stale(name, { pid: [text] })).toMatchObject({ restart })
    incarnations.showed(now, "nothing of the kind")
    expect(incarnations.stale(name, { pid: [text] })).toMatchObject({ restart })
    incarnations.showed(now, "<0.90.0>, #Port<0.90> and #Ref<0.90.1.2>")
    expect(incarnations.stale(name, { pid: [text] })).toBeUndefined()
  })

  it("refuses an atom before the numbers that is the node's name without quotes", () => {
    const incarnations = new Incarnations()
    incarnations.meet({ name: "app@host", creation: 1 })
    incarnations.meet({ name: "app@host", creation: 2 }, restart)
    expect(incarnations.stale("app@host", "<:app@host.90.0>")).toMatchObject({ restart })
    expect(incarnations.stale("app@host", "[<:app@host.90.0>]")).toMatchObject({ restart })
  })

  it.each([
    "cache",
    "<:other@host.90.0>",
    "<'other@host'.90.0>",
    "<other@host.90.0>",
    "{global, <no pid>}",
    "1.90.0",
    "<0.90.0",
    "10.0.0.1",
    90,
    null,
    undefined
  ])("does not refuse %s", (value) => {
    expect(restarted().stale(name, { value })).toBeUndefined()
  })

  it("names what it refuses as it was written", () => {
    expect(restarted().stale(name, { owner: "it is #PID<0.7.1>" })?.identifier).toBe("<0.7.1>")
  })

  it("takes nothing that an earlier incarnation has shown", () => {
    const incarnations = restarted()
    incarnations.showed({ name, creation: 1 }, "<0.90.0>")
    expect(incarnations.stale(name, "<0.90.0>")).toBeDefined()
    expect(incarnations.untold(name)).toEqual(restart)
  })

  it("takes no pid for shown that a node has kept from before", () => {
    const incarnations = restarted()
    incarnations.showed(now, "#PID<0.90.0 of an earlier incarnation>")
    expect(incarnations.stale(name, "<0.90.0>")).toBeDefined()
  })

  it("takes a pid in one spelling for the same in another, and no port for it", () => {
    const incarnations = restarted()
    incarnations.showed(now, "#PID<0.90.0>")
    expect(incarnations.stale(name, `<${name}.90.0>`)).toBeUndefined()
    expect(incarnations.stale(name, "#Port<0.90>")).toBeDefined()
    expect(incarnations.stale(name, "<0.90.1>")).toBeDefined()
  })

  it("knows nothing of a node that it met only now, and refuses nothing there", () => {
    const incarnations = restarted()
    incarnations.meet({ name: "b@host", creation: 7 })
    expect(incarnations.stale("b@host", "<0.90.0>")).toBeUndefined()
    expect(incarnations.stale("c@host", "<0.90.0>")).toBeUndefined()
  })

  it("forgets what was shown before a further restart", () => {
    const incarnations = restarted()
    incarnations.showed(now, "<0.90.0>")
    incarnations.meet({ name, creation: 3 }, { lost: undefined, since: 3_000 })
    expect(incarnations.stale(name, "<0.90.0>")).toMatchObject({ restart: { since: 3_000 } })
  })

  it("tells of it until a result has", () => {
    const incarnations = restarted()
    expect(incarnations.untold(name)).toEqual(restart)
    incarnations.showed(now, "")
    expect(incarnations.untold(name)).toBeUndefined()
    expect(incarnations.stale(name, "<0.90.0>")).toBeDefined()
  })

  it("takes everything once the new one is accepted", () => {
    const incarnations = restarted()
    incarnations.accept(name)
    expect(incarnations.stale(name, "<0.90.0>")).toBeUndefined()
    expect(incarnations.untold(name)).toBeUndefined()
    expect(incarnations.isRestarted({ name, creation: 2 })).toBe(false)
  })

  it("remembers ten thousand identifiers, the latest", () => {
    const incarnations = restarted()
    incarnations.showed(now, pids(0, 10_000))
    incarnations.showed(now, "<0.0.0>")
    incarnations.showed(now, pids(10_000, 10_001))
    expect(incarnations.stale(name, "<0.0.0>")).toBeUndefined()
    expect(incarnations.stale(name, "<0.1.0>")).toBeDefined()
  })
})

const lookAt = (pid: string) => Effect.map(call("look", { pid }), ({ structured }) => structured)

describe("tools over a node that is restarted between two calls", () => {
  const box = "a@box"

  /** Says what it was given, and shows what it was told to. */
  const look = Tool.make({
    name: "look",
    title: "Look",
    description: "Looks.",
    toolset: "processes",
    access: "inspect",
    cost: "cheap",
    target: "connected",
    input: {
      pid: Schema.optionalKey(Schema.String),
      show: Schema.optionalKey(Schema.Int),
      of: Schema.optionalKey(Schema.Int)
    },
    output: { creation: Schema.Int, shown: Schema.optionalKey(Schema.String) },
    run: Effect.fnUntraced(function* ({ of, show }, node) {
      const { print } = yield* termsOf(node)
      return {
        summary: "Looked.",
        notes: ["A note of its own."],
        data: {
          creation: node.creation,
          ...(show !== undefined && { shown: print(new Pid(atom(node.name), show, 0, of ?? node.creation)) })
        }
      }
    })
  })

  /** Calls go to the first incarnation until `disconnect_node`, and to the second from then on. */
  const layer = (second: Partial<ErlangNode> = {}) =>
    catalogueLayer(
      {
        up: [{ ...fakeNode({ name: box }), creation: 1 }],
        reachable: [{ ...fakeNode({ name: box }), creation: 2, ...second }],
        configured: [box]
      },
      [look, ...connectionTools]
    )

  it.effect("refuse a pid from before, until a result has shown it", () =>
    Effect.gen(function* () {
      expect(yield* lookAt("<0.90.0>")).toMatchObject({ creation: 1, notes: ["A note of its own."] })
      yield* call("disconnect_node", {})
      const error = yield* Effect.flip(lookAt("<0.90.0>"))
      expect(error).toMatchObject({ code: "node_restarted", retryable: false })
      expect(error.message).toContain("<0.90.0> may be something else by now: a@box was restarted:")
      expect(error.message).toContain(", and no result of a@box itself has shown it since. Look it up again there; ")
      const first = (yield* call("look", { show: 90 })).structured
      expect(first["notes"]).toEqual([
        expect.stringMatching(/^a@box was restarted: .*belong to others now\.$/u),
        "A note of its own."
      ])
      expect(yield* lookAt("#PID<0.90.0>")).toMatchObject({ creation: 2, notes: ["A note of its own."] })
      expect(yield* Effect.flip(lookAt("<0.91.0>"))).toMatchObject({ code: "node_restarted" })
      expect(yield* lookAt("cache")).toMatchObject({ creation: 2 })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("refuse a pid that the node has kept from before, although a result has it", () =>
    Effect.gen(function* () {
      yield* lookAt("<0.90.0>")
      yield* call("disconnect_node", {})
      const { structured } = yield* call("look", { show: 90, of: 1 })
      expect(structured["shown"]).toBe("#PID<0.90.0 of an earlier incarnation>")
      expect(yield* Effect.flip(lookAt("<0.90.0>"))).toMatchObject({ code: "node_restarted" })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("refuse a pid from before after a connect_node that has failed, and tell of the restart then", () => {
    const lost = new CallError({
      node: box,
      target: "a round trip",
      reason: { _tag: "DeadlineExceeded", millis: 10_000, worker: "killed" }
    })
    return Effect.gen(function* () {
      yield* lookAt("<0.90.0>")
      yield* call("disconnect_node", {})
      expect(yield* Effect.flip(call("connect_node", {}))).toMatchObject({ code: "timeout" })
      expect(yield* Effect.flip(lookAt("<0.90.0>"))).toMatchObject({ code: "node_restarted" })
      const { structured } = yield* call("look", {})
      expect(structured["notes"]).toContainEqual(expect.stringContaining("a@box was restarted"))
    }).pipe(Effect.provide(layer({ roundTrip: () => Effect.fail(lost) })))
  })

  it.effect("take all pids once connect_node has met the node", () =>
    Effect.gen(function* () {
      yield* lookAt("<0.90.0>")
      yield* call("disconnect_node", {})
      const { structured } = yield* call("connect_node", {})
      expect(structured["notes"]).toEqual([expect.stringContaining("a@box was restarted")])
      expect(yield* lookAt("<0.90.0>")).toMatchObject({ creation: 2, notes: ["A note of its own."] })
    }).pipe(Effect.provide(layer()))
  )
})

const prod = (input: object) => call("look", { node: "prod", ...input })

describe("tools over a name that leads to another node between two calls", () => {
  it.effect("refuse a pid of the other, tell of it once, and take what the node itself has shown", () => {
    const before: { name: string; alias?: string } = { name: "a@box", alias: "prod" }
    const after: { name: string; alias?: string } = { name: "b@box" }
    const look = Tool.make({
      name: "look",
      title: "Look",
      description: "Looks.",
      toolset: "processes",
      access: "inspect",
      cost: "cheap",
      target: "connected",
      input: { pid: Schema.optionalKey(Schema.String) },
      output: { shown: Schema.String },
      run: (_input, node) =>
        Effect.map(termsOf(node), ({ print }) => ({
          summary: "Looked.",
          data: { shown: print(new Pid(atom(node.name), 7, 0, node.creation)) }
        }))
    })
    return Effect.gen(function* () {
      // Met by its full name before: what is known so of it is not known of what `prod` leads to.
      yield* call("look", { node: after.name })
      yield* prod({ pid: "<0.90.0>" })
      yield* prod({ pid: "<0.90.0>" })
      delete before.alias
      after.alias = "prod"
      const error = yield* Effect.flip(prod({ pid: "<0.90.0>" }))
      expect(error).toMatchObject({ code: "node_restarted" })
      expect(error.message).toContain("'prod' leads to b@box now, and led to a@box before")
      expect((yield* prod({})).structured["notes"]).toEqual([
        "'prod' leads to b@box now, and led to a@box before. Pids, ports and references from before are those of a@box."
      ])
      expect((yield* prod({ pid: "<0.7.0>" })).structured).not.toHaveProperty("notes")
      expect(yield* Effect.flip(prod({ pid: "<0.90.0>" }))).toMatchObject({ code: "node_restarted" })
      yield* call("connect_node", { node: "prod" })
      yield* prod({ pid: "<0.90.0>" })
    }).pipe(
      Effect.provide(
        catalogueLayer({ up: [before, after].map(({ name }) => fakeNode({ name })), configured: [before, after] }, [
          look,
          ...connectionTools
        ])
      )
    )
  })
})
