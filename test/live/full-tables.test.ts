import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { connect, type Socket } from "node:net"
import { names } from "../../src/dist/Epmd.ts"
import { freePort } from "../../src/launch/Enclave.ts"
import { type AgentMode, Nodes } from "../../src/node/index.ts"
import type { NodeRow } from "../../src/tools/connection/NodeRow.ts"
import type { ToolError } from "../../src/tools/ToolError.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { serve } from "../support/FakePeer.ts"
import { faultProxy } from "../support/FaultProxy.ts"
import { fillProcesses } from "../support/fullTables.ts"
import { epmdPort, liveCatalogue } from "../support/LiveTools.ts"
import { targetsOf } from "../support/targetsOf.ts"
import { toolCalls } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene } from "../support/vault.ts"

/** A multiple of what OTP rounds up to, so that there is no room beyond it. */
const atomLimit = 32_768

/** Uses atoms up until there is room for so many. */
const fillAtoms = (left: number) => `
  (fun Fill(Number) ->
    case erlang:system_info(atom_limit) - erlang:system_info(atom_count) of
      Left when Left =< ${left} -> Left;
      _ -> list_to_atom("fill_" ++ integer_to_list(Number)), Fill(Number + 1)
    end
  end)(0)`

/** Ends those processes again. */
const freeProcesses = `
  length([exit(Pid, kill) || Pid <- processes(), Pid =/= self(),
    process_info(Pid, [registered_name, links, dictionary, message_queue_len, initial_call]) =:=
      [{registered_name, []}, {links, []}, {dictionary, []}, {message_queue_len, 0}, {initial_call, {erlang, apply, 2}}]])`

const codes = (results: ReadonlyArray<readonly [string, Result.Result<unknown, ToolError>]>) => {
  const of = (code: string | undefined) =>
    results.flatMap(([tool, result]) =>
      (Result.isFailure(result) ? result.failure.code : undefined) === code ? [tool] : []
    )
  return { answered: new Set(of(undefined)), refused: new Set(of("atom_table_full")) }
}

/** So many milliseconds go by. Who asks a node, or EPMD, needs turns of the event loop, which no clock of a test gives. */
const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), TestClock.withLive(Effect.sleep("5 millis")))

/** A port that leads to a node, as a forwarded one does, and the connections that came in there. */
const wayTo = Effect.fnUntraced(function* (name: string) {
  const registered = yield* names({ host: "127.0.0.1", port: epmdPort }, 5_000)
  const { port: itself } = registered.find((one) => name.startsWith(`${one.name}@`))!
  const ways: Array<Socket> = []
  const port = yield* serve((socket) => {
    const far = connect(itself, "127.0.0.1")
    far.on("error", () => {})
    ways.push(socket)
    socket.pipe(far)
    far.pipe(socket)
  })
  return { port, ways }
})

const using = (agent: AgentMode, nodes: Parameters<typeof liveCatalogue>[0]) =>
  Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue(nodes, { agent }))))

describe.each(BeamNode.otpReleases())("a node on OTP $otp", ({ otp }) => {
  const start = (args: ReadonlyArray<string>) =>
    Effect.map(BeamNode.start({ otp, args, eval: scene }), (node) => ({
      node,
      ask: (text: string) => Effect.promise(() => node.evaluate(text))
    }))

  it.live.each(["eval", "load", "none"] as const)(
    "whose atoms run out gets none from any tool, with the agent %s, and is told of",
    (agent) =>
      Effect.gen(function* () {
        const { ask, node } = yield* start(["+t", String(atomLimit)])
        const other = yield* BeamNode.start({ otp })
        yield* Effect.gen(function* () {
          yield* call("connect_node", { node: node.name })
          yield* ask(fillAtoms(20))
          const before = yield* ask("erlang:system_info(atom_count)")
          const results = yield* Effect.forEach(
            toolCalls("erlang", node.name, other.name).filter(([tool]) => tool !== "disconnect_node"),
            ([tool, input]) => Effect.map(Effect.result(call(tool, input)), (result) => [tool, result] as const)
          )
          expect(yield* ask("erlang:system_info(atom_count)")).toBe(before)
          const { answered, refused } = codes(results)
          for (const tool of ["get_system_info", "list_processes", "top_processes", "get_process_info"])
            expect(answered).toContain(tool)
          expect(refused).toContain("get_memory_info")
          if (agent !== "none") expect(refused).toContain("list_ets_tables")
          const { failure } = results.find(([tool]) => tool === "get_memory_info")![1] as Result.Failure<
            unknown,
            ToolError
          >
          expect(failure).toMatchObject({ retryable: false, next: expect.stringMatching(/^get_system_info/u) })
          expect(failure.message).toMatch(
            /has room for \d+ more atoms, of 32768: .* nothing was sent\. .*crashes.*\+t/u
          )
        }).pipe(using(agent, [node, other]))
      })
  )

  it.live("with hardly an atom left is not joined, and gets no more of them from trying again", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start(["+t", String(atomLimit)])
      // What OTP loads for a first connection is loaded before anybody can ask it anything.
      yield* call("get_system_info", { node: node.name }).pipe(using("auto", [node]))
      yield* ask(fillAtoms(60))
      yield* Effect.gen(function* () {
        const before = yield* ask("erlang:system_info(atom_count)")
        for (const tool of ["connect_node", "get_system_info", "list_processes", "get_memory_info"])
          expect(yield* Effect.flip(call(tool, { node: node.name }))).toMatchObject({
            code: "atom_table_full",
            message: expect.stringMatching(
              tool === "connect_node"
                ? /has room for 6?\d more atoms, of 32768: .* only where there is room for 64; the link was made, and is given up/u
                : /is left alone: it had room for 6?\d more atoms, of 32768, .* before EPMD says that it has ended/u
            )
          })
        expect(yield* ask("erlang:system_info(atom_count)")).toBe(before)
      }).pipe(using("auto", [node]))
    })
  )

  it.live("with room for one process answers what asks several things, and with none says that its table is full", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start(["+P", "1024"])
      yield* Effect.gen(function* () {
        yield* call("connect_node", { node: node.name })
        yield* ask(fillProcesses(1))
        for (const tool of ["get_system_info", "get_memory_info", "get_process_info"]) {
          const input = tool === "get_process_info" ? { pid: "vault" } : {}
          expect((yield* call(tool, { node: node.name, ...input })).structured["summary"], tool).toBeTruthy()
        }
        yield* ask(fillProcesses(0))
        for (const tool of ["get_system_info", "list_processes", "list_ets_tables", "diagnose_connection"]) {
          const error = yield* Effect.flip(call(tool, { node: node.name }))
          expect(error, tool).toMatchObject({ code: "process_table_full", retryable: true, next: "list_nodes" })
          expect(error.message).toMatch(/the process table of .* is full \(1024 processes, what \+P allows for\)/iu)
        }
        const { structured } = yield* call("list_nodes", {})
        const why = expect.stringContaining("its process table is full")
        expect(structured["nodes"]).toContainEqual(
          expect.objectContaining({ node: node.name, state: "up", health: "degraded", why })
        )
        expect(structured["notes"]).toContainEqual(expect.stringContaining("Do not disconnect"))
      }).pipe(using("auto", [node]))
      // A second connection would have had it end.
      expect(yield* ask("is_pid(whereis(net_kernel))")).toBe("true")
    })
  )

  it.live("whose last process is gone is sent nobody when the link to it is lost, which would have it end", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start(["+P", "1024"])
      const { port, ways } = yield* wayTo(node.name)
      yield* Effect.gen(function* () {
        yield* call("connect_node", { node: node.name })
        yield* ask(fillProcesses(0))
        const full = yield* Effect.flip(call("get_system_info", { node: node.name }))
        expect(full.code).toBe("process_table_full")
        ways[0]!.destroy()
        yield* eventually(
          Effect.map(call("list_nodes", {}), ({ structured }) =>
            JSON.stringify(structured).includes("its process table was full")
          )
        )
        const refused = yield* Effect.flip(call("get_system_info", { node: node.name }))
        expect(refused).toMatchObject({
          code: "process_table_full",
          retryable: false,
          message: expect.stringMatching(/is left alone: .*, before .*Z, since .*"reset" tries at once\.$/u)
        })
        expect(refused.next).toBeUndefined()
        // Nor for who wants it by name, or by another name of this machine.
        const alias = node.name.replace(/@.*/u, "@localhost")
        for (const [tool, asked] of [
          ["connect_node", node.name],
          ["connect_node", alias],
          ["get_system_info", alias],
          ["diagnose_connection", alias]
        ] as const) {
          const said = yield* Effect.map(Effect.result(call(tool, { node: asked })), JSON.stringify)
          expect(said).toContain("is left alone")
        }
        const { structured } = yield* call("diagnose_connection", { node: node.name })
        expect(structured["summary"]).toBe(refused.message)
        expect(structured["steps"]).toContainEqual(expect.objectContaining({ step: "tcp", outcome: "not_tried" }))
        expect(ways).toHaveLength(1)
        expect(yield* ask("is_pid(whereis(net_kernel))")).toBe("true")
        // Once it has room, connect_node with reset connects it, and calls work as before.
        expect(Number(yield* ask(freeProcesses))).toBeGreaterThan(500)
        yield* call("connect_node", { node: node.name, reset: true })
        yield* call("get_system_info", { node: node.name })
        expect(ways).toHaveLength(2)
      }).pipe(using("auto", [{ ...node, port }]))
    })
  )

  it.live("is called again once a diagnosis has found it well, when the time is over for which it was left alone", () =>
    Effect.gen(function* () {
      const { ask, node } = yield* start(["+P", "1024"])
      const { port, ways } = yield* wayTo(node.name)
      const clocked = liveCatalogue([{ ...node, port }]).pipe(Layer.provideMerge(TestClock.layer()))
      yield* Effect.gen(function* () {
        const told = Effect.fnUntraced(function* (tool: string) {
          const asked = yield* Effect.forkChild(Effect.result(call(tool, { node: node.name })))
          while (asked.pollUnsafe() === undefined) yield* pass(1)
          const result = yield* Fiber.join(asked)
          return Result.isSuccess(result) ? result.success.structured["summary"] : result.failure.message
        })
        yield* told("get_system_info")
        yield* ask(fillProcesses(0))
        expect(yield* told("get_system_info")).toContain("process table")
        ways[0]!.destroy()
        while (!String(yield* told("get_system_info")).includes("is left alone")) yield* pass(1)
        expect(Number(yield* ask(freeProcesses))).toBeGreaterThan(500)
        yield* TestClock.adjust("10 minutes")
        const passes = expect.stringContaining("every step of the way passes")
        expect(yield* told("diagnose_connection")).toEqual(passes)
        expect(yield* told("get_system_info")).not.toContain("is left alone")
        expect(yield* told("diagnose_connection")).toEqual(passes)
      }).pipe(Effect.provide(Layer.fresh(clocked)))
    })
  )

  it.live(
    "that went down with its last process gone is connected again by itself once it was started anew",
    () =>
      Effect.gen(function* () {
        // At the port that it had, as where a firewall or an image fixes it: EPMD alone tells no difference.
        const port = String(yield* Effect.promise(freePort))
        const fixed = ["-kernel", "inet_dist_listen_min", port, "inet_dist_listen_max", port]
        const { ask, node } = yield* start(["+P", "1024", ...fixed])
        yield* Effect.gen(function* () {
          yield* call("connect_node", { node: node.name })
          yield* ask(fillProcesses(0))
          const full = yield* Effect.flip(call("get_system_info", { node: node.name }))
          expect(full.code).toBe("process_table_full")
          yield* Effect.promise(() => {
            process.kill(node.pid, "SIGKILL")
            return node.stop()
          })
          // Once EPMD has had no such name for longer than a new EPMD has none of a node that goes on.
          yield* eventually(
            Effect.map(Effect.flip(call("get_system_info", { node: node.name })), ({ message }) =>
              message.startsWith("No node named")
            )
          )
          yield* BeamNode.start({ otp, name: node.name, cookie: node.cookie, args: fixed })
          yield* eventually(
            Effect.map(
              call("list_nodes", {}),
              ({ structured }) =>
                (structured as { nodes: ReadonlyArray<NodeRow> }).nodes.find((it) => it.node === node.name)?.state ===
                "up"
            )
          )
        }).pipe(using("auto", [node]))
      }),
    60_000
  )

  it.live(
    "whose last process is gone is still there after minutes of EPMD alone being asked, also where that was restarted",
    () =>
      Effect.gen(function* () {
        const { ask, node } = yield* start(["+P", "1024"])
        const proxy = yield* faultProxy(epmdPort)
        yield* Effect.gen(function* () {
          const { approach, connect, get } = yield* Nodes
          yield* connect(node.name)
          yield* ask(fillProcesses(0))
          const why = Effect.fnUntraced(function* <E>(asked: Effect.Effect<unknown, E, Scope.Scope>) {
            const question = yield* Effect.forkChild(Effect.scoped(Effect.flip(asked)))
            // No faster than it does, so that no deadline passes before the node, or EPMD, can answer.
            while (question.pollUnsafe() === undefined) yield* pass(1)
            return yield* Fiber.join(question)
          })
          const asked = Effect.flatMap(get(node.name), (it) => it.roundTrip())
          expect(yield* why(asked)).toMatchObject({ reason: { _tag: "ProcessTableFull" } })
          proxy.end("reset")
          while ((yield* approach(node.name)).leftAlone === undefined) yield* pass(1)
          for (let second = 0; second < 600; second++) {
            yield* pass(1_000)
            // EPMD is started anew, time and again, and has no names until the node has told it its own once more.
            if (second % 100 === 50) {
              proxy.set({ epmd: "empty" })
              expect(yield* why(get(node.name))).toMatchObject({ _tag: "LeftAlone" })
              expect(yield* why(connect(node.name, { insists: true }))).toMatchObject({
                reason: { _tag: "NameNotRegistered" }
              })
            }
            if (second % 100 === 53) {
              proxy.heal()
              expect(yield* why(get(node.name))).toMatchObject({ _tag: "LeftAlone" })
            }
          }
          expect(yield* why(get(node.name))).toMatchObject({ _tag: "LeftAlone" })
        }).pipe(
          Effect.provide(
            Nodes.layer.pipe(
              Layer.provide(
                targetsOf({
                  epmdPort: proxy.epmdPort,
                  resolve: (name) =>
                    Effect.succeed({ name, cookie: Redacted.make(node.cookie), epmdPort: proxy.epmdPort })
                })
              ),
              Layer.provideMerge(TestClock.layer())
            )
          )
        )
        expect(yield* ask("is_pid(whereis(net_kernel))")).toBe("true")
      }).pipe(Effect.scoped)
  )
})
