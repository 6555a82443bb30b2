import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene } from "../support/vault.ts"

/** Suspends processes, and lets them go on: only who has suspended one can do that. */
const jailer = `
  register(jailer, spawn(fun() ->
    (fun Serve() ->
      receive
        {From, Act, Pid} -> Act(Pid), From ! {done, Act, Pid}, Serve()
      end
    end)()
  end)),
  ok`

const jail = (act: "suspend_process" | "resume_process", pid: string) =>
  `(fun() -> Pid = ${pid}, jailer ! {self(), fun erlang:${act}/1, Pid}, receive {done, _, Pid} -> ok end end)()`

const starter = `hd([P || P <- element(2, process_info(application_controller:get_master(kernel), links)), is_pid(P),
  process_info(P, initial_call) =:= {initial_call, {application_master, start_it, 4}}])`

/** Processes of OTP's own, with the tools that tell less without them, what that is, and what they tell all the same. */
const victims: ReadonlyArray<{
  readonly pid: string
  readonly tells: ReadonlyArray<readonly [tool: string, input: object, note: RegExp, rest: object]>
}> = [
  {
    pid: "whereis(application_controller)",
    tells: [
      ["list_applications", {}, /application_controller is busy/u, { applications: expect.any(Array) }],
      ["get_application_info", { application: "kernel" }, /application_controller is busy/u, { state: "running" }]
    ]
  },
  {
    pid: "whereis(code_server)",
    tells: [
      ["get_application_info", { application: "kernel" }, /the directory is not known/u, { state: "running" }],
      ["list_modules", { limit: 3 }, /from which files modules were loaded/u, { modules: expect.any(Array) }],
      ["list_modules", { filter: { state: "sticky" } }, /nor which are sticky/u, { matched: 0 }],
      ["get_module_info", { module: "vault" }, /from which files/u, { module: "vault", md5: expect.any(String) }],
      ["list_module_functions", { module: "vault" }, /from which files/u, { functions: expect.any(Array) }],
      ["get_environment", { names: ["VAULT_TEXT"] }, /number of code paths/u, { variables: [expect.anything()] }]
    ]
  },
  {
    pid: "whereis(init)",
    tells: [
      [
        "get_environment",
        { names: ["VAULT_TEXT"] },
        /the arguments are not known/u,
        { code_paths: expect.any(Number) }
      ],
      ["get_distribution_info", {}, /whether the node is hidden/u, { tick_time_seconds: 60 }]
    ]
  },
  {
    pid: "whereis(net_kernel)",
    tells: [["get_distribution_info", {}, /net_kernel is busy/u, { hidden: false, peers: expect.any(Array) }]]
  },
  {
    pid: "application_controller:get_master(kernel)",
    tells: [
      ["get_application_info", { application: "kernel" }, /supervisor is not known/u, { directory: expect.any(String) }]
    ]
  },
  {
    pid: starter,
    tells: [
      ["get_application_info", { application: "kernel" }, /supervisor is not known/u, { directory: expect.any(String) }]
    ]
  },
  {
    // The process of our own link is none of these: this is the link to another node.
    pid: "hd([element(5, Link) || Link <- ets:tab2list(sys_dist), element(2, Link) =:= hd(nodes())])",
    tells: [["get_distribution_info", {}, /process of some link/u, { total: 2, tick_time_seconds: 60 }]]
  }
]

/** These hold a link, which takes the processes that are suspended here. */
const linking = new Set(["connect_node", "disconnect_node", "diagnose_connection", "discover_nodes", "compare_modules"])

describe.each(BeamNode.otpReleases())("a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    other = await BeamNode.startNode({ otp })
    node = await BeamNode.startNode({ otp, cookie: other.cookie, eval: `${scene}, ${jailer}` })
    expect(await node.evaluate(`net_kernel:connect_node('${other.name}')`)).toBe("true")
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))
  const victim = "persistent_term:get(victim)"
  const name = Effect.map(
    ask(`case process_info(${victim}, registered_name) of {_, Name} -> Name; [] -> pid_to_list(${victim}) end`),
    (text) => text.replaceAll('"', "")
  )
  // Ticks come from the node itself, now and then.
  const queue = ask(`[Message || Message <- element(2, process_info(${victim}, messages)),
    Message =/= tick, not (is_tuple(Message) andalso lists:member(element(2, Message), [tick, aux_tick]))]`)
  /** The pid is looked up before: some are found by way of others that are suspended. */
  const whileStuck = <A, E, R>(pid: string, effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      ask(`persistent_term:put(victim, ${pid}), ${jail("suspend_process", victim)}`),
      () => effect,
      () => ask(jail("resume_process", victim))
    )

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live.each(victims)("is told but for what $pid knows while that is suspended", ({ pid, tells }) =>
      Effect.gen(function* () {
        // The first time the code server is needed, to load what an answer takes.
        yield* Effect.forEach(tells, ([tool, input]) => call(tool, input))
        yield* whileStuck(
          pid,
          Effect.gen(function* () {
            const before = yield* queue
            for (const [tool, input, note, rest] of [...tells, ...tells]) {
              const { structured } = yield* call(tool, input)
              expect(structured, tool).toMatchObject({ complete: false, ...rest })
              expect(structured["notes"], tool).toEqual(expect.arrayContaining([expect.stringMatching(note)]))
              // Which link it is its row tells.
              if (tool !== "get_distribution_info") expect(JSON.stringify(structured["notes"])).toContain(yield* name)
            }
            expect(yield* queue).toBe(before)
          })
        )
      }).pipe(using(agent))
    )
  })

  it.live.each(victims)("sends nothing to $pid while that is suspended, with any tool", ({ pid }) =>
    Effect.gen(function* () {
      const calls = toolCalls("erlang", node.name, node.name).filter(([tool]) => !linking.has(tool))
      yield* Effect.forEach(calls, ([tool, input]) => Effect.exit(call(tool, input)))
      yield* whileStuck(
        pid,
        Effect.gen(function* () {
          const before = yield* queue
          for (const [tool, input] of calls) {
            yield* Effect.exit(call(tool, { ...input, timeout_ms: 4_000 }))
            expect(yield* queue, tool).toBe(before)
          }
        })
      )
    }).pipe(using("load"))
  )
})
