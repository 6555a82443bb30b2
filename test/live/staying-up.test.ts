import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import process from "node:process"
import type { NodeChange } from "../../src/node/NodeState.ts"
import { Nodes } from "../../src/node/Nodes.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Ends a node as `kill -9` does; done when it is gone. */
const kill = (node: BeamNode.BeamNode) =>
  Effect.promise(() => {
    process.kill(node.pid, "SIGKILL")
    return node.stop()
  })

/** Kills a node, and starts another under its name, with the same EPMD. */
const restart = (node: BeamNode.BeamNode, options: BeamNode.BeamNodeOptions = {}) =>
  Effect.andThen(kill(node), BeamNode.start({ ...options, name: node.name, cookie: node.cookie }))

/** Starts a process that is registered so, and answers its pid as the node prints it. */
const startNamed = (node: BeamNode.BeamNode, name: string) =>
  Effect.promise(() =>
    node.evaluate(`
      Pid = spawn(fun() -> receive stop -> ok end end),
      register(${name}, Pid),
      list_to_atom(pid_to_list(Pid)).`)
  ).pipe(Effect.map((text) => text.replaceAll("'", "")))

const statusOf = (node: BeamNode.BeamNode) =>
  Effect.map(
    Effect.flatMap(Nodes, ({ list }) => list),
    (all) => all.find(({ name }) => name === node.name)
  )

const connections = (node: BeamNode.BeamNode) =>
  Effect.map(
    Effect.promise(() => node.evaluate("length(nodes(hidden)).")),
    Number
  )

/** The node in the list of all: the first, before nodes of other tests that the same EPMD knows. */
const row = Effect.map(
  call("list_nodes", {}),
  ({ structured }) => (structured["nodes"] as ReadonlyArray<Readonly<Record<string, unknown>>>)[0]!
)

const failureOf = (name: string, input: unknown) => Effect.flip(call(name, input))

/** Freezes a node that was asked, and asks on until its breaker opens: with the fifth call in vain, at the latest. */
const wearOut = (node: BeamNode.BeamNode) =>
  Effect.gen(function* () {
    yield* call("get_system_info", {})
    yield* Effect.promise(node.freeze)
    const codes: Array<string> = []
    while ((yield* statusOf(node))?.breaker.state._tag === "Closed" && codes.length < 6)
      codes.push((yield* failureOf("get_system_info", { timeout_ms: 150 })).code)
    expect(new Set(codes)).toEqual(new Set(["timeout"]))
    // Whatever each of them asked at once.
    expect((yield* statusOf(node))?.breaker).toMatchObject({
      state: { _tag: "Open" },
      counts: { failures: codes.length, opened: 1 }
    })
  })

describe.each(BeamNode.otpReleases())("OTP $otp", ({ otp }) => {
  describe("a node that is killed and started again", () => {
    it.live("is connected again in the background where somebody keeps it, and told as another incarnation", () =>
      Effect.gen(function* () {
        const first = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          const seen: Array<NodeChange> = []
          const changes = yield* (yield* Nodes).changes
          yield* Effect.forkScoped(
            Stream.runForEach(changes, (change) => Effect.sync(() => seen.push(change))),
            { startImmediately: true }
          )
          yield* call("connect_node", {})
          const second = yield* restart(first, { otp })
          // Nobody asks.
          yield* eventually(Effect.sync(() => seen.length === 3))
          expect(seen).toMatchObject([
            { _tag: "Up" },
            { _tag: "Down", why: { reason: { _tag: "LinkClosed" } }, nextAttempt: expect.any(Number) },
            { _tag: "Up" }
          ])
          expect(seen[1]!.creation).toBe(seen[0]!.creation)
          expect(seen[2]!.creation).not.toBe(seen[0]!.creation)
          expect(yield* connections(second)).toBe(1)
          expect((yield* call("disconnect_node", {})).structured["disconnected"]).toBe(true)
          yield* eventually(Effect.map(connections(second), (count) => count === 0))
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([first])))
      }).pipe(Effect.scoped)
    )

    it.live("is told as down meanwhile, with when it is tried next", () =>
      Effect.gen(function* () {
        const node = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          yield* call("connect_node", {})
          yield* kill(node)
          // Not in the moments in which it is tried.
          yield* eventually(
            Effect.map(
              row,
              (it) => it["state"] === "down" && it["why"] !== undefined && it["next_attempt"] !== undefined
            )
          )
          yield* call("disconnect_node", {})
          const released = yield* row
          expect(released).toMatchObject({ node: node.name })
          expect(released).not.toHaveProperty("next_attempt")
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([node])))
      }).pipe(Effect.scoped)
    )

    it.live("is never asked for a process of its earlier incarnation", () =>
      Effect.gen(function* () {
        const first = yield* BeamNode.start({ otp })
        const pid = yield* startNamed(first, "victim")
        yield* Effect.gen(function* () {
          const before = yield* call("get_process_info", { pid })
          expect(before.text).toContain("victim")
          const { next_cursor } = (yield* call("list_processes", { limit: 1 })).structured
          const second = yield* restart(first, { otp })
          // What has the number now is another process, or none.
          const stale = yield* failureOf("get_process_info", { pid })
          expect(stale).toMatchObject({ code: "node_restarted", retryable: false, next: "list_processes" })
          expect(stale.message).toContain(
            `${pid} may be something else by now: ${first.name} was restarted: the link to it was lost at`
          )
          expect(yield* failureOf("list_processes", { limit: 1, cursor: next_cursor })).toMatchObject({
            code: "invalid_input",
            message: expect.stringContaining("restarted since")
          })
          const now = yield* startNamed(second, "victim")
          const found = yield* call("get_process_info", { pid: "victim" })
          expect(found.structured["notes"]).toContainEqual(expect.stringContaining(`${first.name} was restarted`))
          expect((yield* call("get_process_info", { pid: now })).text).toContain("victim")
          // Some process that no result has shown.
          const [init] = (yield* Effect.promise(() => second.evaluate("whereis(kernel_sup)."))).split("\n")
          expect(yield* failureOf("get_process_info", { pid: init })).toMatchObject({ code: "node_restarted" })
          const accepted = yield* call("connect_node", {})
          expect(accepted.structured["notes"]).toBeUndefined()
          expect((yield* call("get_process_info", { pid: init })).text).toContain("kernel_sup")
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([first])))
      }).pipe(Effect.scoped)
    )

    it.live("is asked for its own atoms, not for those of its earlier incarnation", () =>
      Effect.gen(function* () {
        const first = yield* BeamNode.start({ otp })
        yield* startNamed(first, "only_before")
        yield* Effect.gen(function* () {
          yield* call("get_process_info", { pid: "only_before" })
          yield* restart(first, { otp })
          expect(yield* failureOf("get_process_info", { pid: "only_before" })).toMatchObject({
            code: "no_such_process"
          })
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([first])))
      }).pipe(Effect.scoped)
    )
  })

  describe("a node that stops answering", () => {
    it.live("is left in peace after some calls that were in vain, and asked again once it answers", () =>
      Effect.gen(function* () {
        const node = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          yield* wearOut(node)
          expect(yield* failureOf("get_system_info", {})).toMatchObject({ code: "breaker_open" })
          const resting = yield* row
          // Half open when its first pause, of some two seconds, is over by now.
          expect(resting).toMatchObject({ state: "up", breaker: expect.stringMatching(/^(half_)?open$/u) })
          expect(resting).not.toHaveProperty("round_trip_ms")
          // One try, which is in vain, too.
          expect(yield* failureOf("connect_node", { timeout_ms: 300 })).toMatchObject({ code: "timeout" })
          expect(yield* failureOf("get_system_info", {})).toMatchObject({ code: "breaker_open" })
          node.thaw()
          yield* eventually(
            call("get_system_info", {}).pipe(
              Effect.as(true),
              Effect.catchIf(
                (error) => error.code === "breaker_open",
                () => Effect.succeed(false)
              )
            )
          )
          expect((yield* statusOf(node))?.breaker).toMatchObject({ state: { _tag: "Closed" }, counts: { closed: 1 } })
          expect(yield* connections(node)).toBe(1)
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([node])))
      }).pipe(Effect.scoped)
    )

    it.live("is asked at once by connect_node when it answers again, also where one was cancelled before", () =>
      Effect.gen(function* () {
        const node = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          yield* wearOut(node)
          const cancelled = yield* Effect.forkChild(call("connect_node", {}), { startImmediately: true })
          yield* eventually(Effect.map(statusOf(node), (status) => status?.breaker.state._tag === "HalfOpen"))
          yield* Fiber.interrupt(cancelled)
          node.thaw()
          yield* call("connect_node", {})
          yield* call("get_system_info", {})
          expect((yield* statusOf(node))?.breaker).toMatchObject({ state: { _tag: "Closed" }, counts: { opened: 1 } })
          yield* call("connect_node", { reset: true })
          expect((yield* statusOf(node))?.breaker.counts).toMatchObject({ opened: 0, failures: 0 })
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([node])))
      }).pipe(Effect.scoped)
    )

    it.live("is asked by list_nodes, too, once its pause is over", () =>
      Effect.gen(function* () {
        const node = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          yield* wearOut(node)
          node.thaw()
          yield* eventually(Effect.map(row, (it) => it["breaker"] === undefined))
          expect(yield* row).toMatchObject({
            state: "up",
            round_trip_ms: expect.any(Number),
            breaker_opened: 1,
            breaker_closed: 1
          })
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([node])))
      }).pipe(Effect.scoped)
    )

    it.effect("is degraded by the next look at its health", () =>
      Effect.gen(function* () {
        const node = yield* TestClock.withLive(BeamNode.start({ otp }))
        yield* Effect.gen(function* () {
          const nodes = yield* Nodes
          yield* nodes.connect(node.name)
          const health = nodes.health(node.name)
          yield* TestClock.adjust("15 seconds")
          yield* TestClock.withLive(eventually(Effect.map(health, (it) => it?.roundTrip !== undefined)))
          expect(yield* health).toMatchObject({ condition: "up", missed: 0, runQueue: expect.any(Number) })
          yield* Effect.promise(node.freeze)
          yield* TestClock.adjust("15 seconds")
          yield* TestClock.withLive(eventually(Effect.map(health, (it) => it?.missed === 1)))
          expect(yield* health).toMatchObject({ condition: "degraded", why: ["no answer within 5000 ms"] })
          node.thaw()
          for (const good of [1, 2, 3]) {
            yield* TestClock.adjust("15 seconds")
            yield* TestClock.withLive(eventually(Effect.map(health, (it) => it?.roundTrip?.samples === 1 + good)))
          }
          expect(yield* health).toMatchObject({ condition: "up", why: [] })
        }).pipe(Effect.scoped, Effect.provide(liveCatalogue([node])))
        yield* TestClock.withLive(eventually(Effect.map(connections(node), (count) => count === 0)))
      }).pipe(Effect.scoped)
    )
  })
})
