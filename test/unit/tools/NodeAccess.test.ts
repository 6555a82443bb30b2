import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { AccessClass } from "../../../src/policy/Access.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
import { connectedNode, resolveNode } from "../../../src/tools/NodeArgument.ts"
import * as Tool from "../../../src/tools/Tool.ts"
import type { ToolError } from "../../../src/tools/ToolError.ts"
import { fakeNode, type World } from "../../support/FakeNodes.ts"
import { serveEpmd } from "../../support/FakePeer.ts"
import { call, catalogueLayer, failIn } from "../../support/Tools.ts"

/** A tool that asks nothing of its node, and of `other` neither. */
const touching = (access: AccessClass, hints: ReadonlyArray<string> = []) =>
  Tool.make({
    name: "touch_node",
    title: "Touch a node",
    description: "Touches a node.",
    toolset: "toys",
    access,
    cost: "cheap",
    target: "connected",
    input: { other: Schema.optionalKey(Schema.String) },
    output: { done: Schema.Boolean },
    run: ({ other }) =>
      Effect.gen(function* () {
        if (other !== undefined) yield* Effect.scoped(connectedNode(yield* resolveNode(other)))
        return { summary: "Done.", data: { done: true }, hints }
      })
  })

const touch = (world: World, access: AccessClass, input: object = {}, hints: ReadonlyArray<string> = []) =>
  call("touch_node", input).pipe(Effect.provide(catalogueLayer(world, [touching(access, hints), ...allTools])))

const refused = (...args: Parameters<typeof touch>) => Effect.flip(touch(...args)) as Effect.Effect<ToolError>

const policy = { allowControl: true, allowEval: true }
const world: World = {
  up: [fakeNode({ name: "a@box" }), fakeNode({ name: "b@box" }), fakeNode({ name: "c@box" })],
  configured: [{ name: "a@box", access: "inspect", alias: "prod" }, { name: "b@box", access: "control" }, "c@box"],
  policy
}

describe("the access that a node's entry allows", () => {
  it.effect.each<[string, AccessClass, boolean]>([
    ["a", "inspect", true],
    ["a", "observe", false],
    ["a", "eval", false],
    ["b", "observe", true],
    ["b", "control", true],
    ["b", "eval", false],
    ["c", "eval", true]
  ])("%s: %s", ([node, access, is]) =>
    Effect.gen(function* () {
      const result = yield* Effect.result(touch(world, access, { node }))
      expect(result._tag).toBe(is ? "Success" : "Failure")
    })
  )

  it.effect("holds under each name that the machine gives the node, whichever of them the entry has", () =>
    Effect.gen(function* () {
      const up = [fakeNode({ name: "a@127.0.0.1" }), fakeNode({ name: "a@far" })]
      for (const name of ["a@box", "a@localhost"]) {
        const here: World = {
          up,
          configured: [{ name, access: "inspect" }],
          policy: { ...policy, allowNodes: ["*@*"] }
        }
        expect(yield* refused(here, "observe", { node: "a@127.0.0.1" })).toMatchObject({ code: "not_allowed" })
        expect((yield* touch(here, "inspect", { node: "a@127.0.0.1" })).structured).toMatchObject({ done: true })
        // Another machine's is another node.
        expect((yield* touch(here, "observe", { node: "a@far" })).structured).toMatchObject({ done: true })
      }
    })
  )

  it.effect("holds for a node that the operator did not name this time, whatever it is called", () =>
    Effect.gen(function* () {
      const up = [fakeNode({ name: "a@box" }), fakeNode({ name: "b@127.0.0.1" })]
      const leftOut = [{ name: "b@127.0.0.1", access: "inspect", alias: "prod" }] as const
      for (const configured of [["a@box"], ["b@box"]]) {
        const here: World = { up, configured, leftOut, policy }
        for (const node of ["prod", "b@127.0.0.1", "b@box", "b"]) {
          const error = yield* refused(here, "observe", { node })
          expect(error.message).toMatch(
            /the entry of b@127\.0\.0\.1 in the configuration allows no more than 'inspect' there\. [^.]*\.$/u
          )
        }
        expect((yield* touch(here, "inspect", { node: "prod" })).structured).toMatchObject({ node: "b@127.0.0.1" })
        const { structured } = yield* call("list_nodes", {}).pipe(Effect.provide(catalogueLayer(here)))
        expect(structured["nodes"]).toContainEqual(
          expect.objectContaining({ node: "b@127.0.0.1", state: "up", alias: "prod", access: "inspect" })
        )
      }
      // It is not what is meant where no node is said.
      const { structured } = yield* touch({ up, configured: ["a@box"], leftOut, policy }, "observe")
      expect(structured).toMatchObject({ node: "a@box" })
    })
  )

  it.effect("is no leave to connect to a node that the operator did not name this time", () =>
    Effect.gen(function* () {
      const leftOut = [{ name: "b@far", alias: "prod" }]
      for (const node of ["prod", "b", "b@far"]) {
        const error = yield* refused({ configured: ["a@box"], leftOut, policy }, "inspect", { node })
        expect(error).toMatchObject({ code: "not_allowed" })
        expect(error.message).toMatch(
          /^b@far is neither configured nor on this machine\..* It has an entry in the configuration, and is not among the nodes that were named \(--node\)\.$/u
        )
      }
    })
  )

  it.effect("is told with the entry, and before the node is connected", () =>
    Effect.gen(function* () {
      const error = yield* refused({ ...world, up: [] }, "observe", { node: "prod" })
      expect(error).toMatchObject({ code: "not_allowed", retryable: false })
      expect(error.message).toBe(
        "touch_node needs access 'observe', and the entry of a@box in the configuration allows no more than 'inspect' there. Only the operator can change that (\"access\")."
      )
    })
  )

  it.effect("never allows more than what is allowed altogether", () =>
    Effect.gen(function* () {
      const error = yield* refused({ ...world, policy: {} }, "control", { node: "b" })
      expect(error.message).toContain("--allow-control")
    })
  )

  it.effect("holds for a tool that comes to the node by way of another", () =>
    Effect.gen(function* () {
      expect((yield* refused(world, "observe", { node: "b", other: "a" })).message).toContain("the entry of a@box")
      yield* touch(world, "inspect", { node: "b", other: "a" })
    })
  )

  it.effect("holds for a node that turns out to be the one that it is for", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const renamed: World = {
          epmdPort: yield* serveEpmd({ shop: 1 }),
          unreachable: { "shop@localhost": { _tag: "WrongNode", actual: "shop@box" } },
          reachable: [fakeNode({ name: "shop@box" })],
          configured: [{ name: "shop@box", access: "inspect" }],
          policy
        }
        expect((yield* refused(renamed, "observe", { node: "shop@localhost" })).message).toContain(
          "the entry of shop@box"
        )
        const { structured } = yield* touch(renamed, "inspect", { node: "shop@localhost" })
        expect(structured["node"]).toBe("shop@box")
      })
    )
  )

  it.effect("holds for tools that need no connection", () =>
    Effect.gen(function* () {
      const error = yield* failIn(world, "disconnect_node", { node: "a" })
      expect(error.message).toContain("the entry of a@box")
    })
  )

  it.effect("leaves out hints at what it does not allow", () =>
    Effect.gen(function* () {
      const hints = ["disconnect_node", 'disconnect_node {"node":"b@box"}', "list_nodes"]
      const shown = (node: string) =>
        Effect.map(touch(world, "inspect", { node }, hints), ({ structured }) => structured["hints"])
      expect(yield* shown("a")).toEqual(['disconnect_node {"node":"b@box"}', "list_nodes"])
      expect(yield* shown("c")).toEqual(['disconnect_node {"node":"c@box"}', ...hints.slice(1)])
    })
  )
})
