import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/**
 * `lone_sup`, started by a process that has ended, `boot_script`, has a supervisor below it, and a plain process that has started
 * `hired_sup`; `starter` has started `kept_sup`, and so has a worker of kernel's `worked_sup`.
 */
const scene = `
  Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
    "-module(lone).", "-export([init/1, idle/0, hire/1, hired/1, churn/0, handle_call/3, handle_cast/2]).",
    "idle() -> receive stop -> ok end.",
    "hire(Name) -> Self = self(), Pid = spawn_link(lone, hired, [{Self, Name}]), receive {Pid, ok} -> {ok, Pid} end.",
    "hired({By, Name}) -> {ok, _} = supervisor:start_link({local, Name}, lone, plain), By ! {self(), ok}, idle().",
    "churn() -> {ok, Pid} = supervisor:start_link(lone, plain), unlink(Pid), exit(Pid, kill), churn().",
    "handle_call({hire, Name}, _, State) -> {ok, _} = hire(Name), {reply, ok, State}.", "handle_cast(_, State) -> {noreply, State}.",
    "init(lone) -> {ok, {#{intensity => 5, period => 600}, ["
    "#{id => below, type => supervisor, start => {supervisor, start_link, [{local, below_sup}, lone, plain]}},"
    "#{id => plain, start => {lone, hire, [hired_sup]}}]}};"
    "init(plain) -> {ok, {#{intensity => 5, period => 600}, []}};"
    "init(server) -> {ok, none}."]],
  {ok, lone, Code} = compile:forms(Forms),
  {module, lone} = code:load_binary(lone, "lone", Code),
  {_, Ended} = spawn_monitor(fun() -> register(boot_script, self()), {ok, Lone} = supervisor:start_link({local, lone_sup}, lone, lone), unlink(Lone) end),
  receive {'DOWN', Ended, _, _, _} -> ok end,
  Self = self(),
  spawn(fun() -> register(starter, self()), {ok, _} = supervisor:start_link({local, kept_sup}, lone, plain), Self ! kept, lone:idle() end),
  receive kept -> ok end,
  {ok, _} = supervisor:start_child(kernel_safe_sup, {worker, {gen_server, start_link, [{local, worker}, lone, server, []]}, temporary, 1000, worker, [lone]}),
  ok = gen_server:call(worker, {hire, worked_sup}),
  ok`

interface Row {
  readonly depth: number
  readonly id: string
  readonly pid?: string
  readonly started_by?: string
  readonly [key: string]: unknown
}
const rowsOf = ({ structured }: ToolResult) => (structured["tree"] ?? []) as ReadonlyArray<Row>
const tree = (input: Readonly<Record<string, unknown>>) => call("get_supervision_tree", input)
/** The rows of all pages: a page has room for some characters only. */
const pagesOf = Effect.fnUntraced(function* (input: Readonly<Record<string, unknown>>) {
  const rows: Array<Row> = []
  let cursor: unknown
  do {
    const page = yield* tree({ ...input, ...(cursor !== undefined && { cursor }) })
    rows.push(...rowsOf(page))
    cursor = page.structured["next_cursor"]
  } while (cursor !== undefined)
  return rows
})
const outsideOf = (rows: ReadonlyArray<Row>) =>
  rows
    .filter(({ started_by }) => started_by !== undefined)
    .map(({ id, started_by }) => `${id}: ${started_by}`)
    .toSorted()

const agents: ReadonlyArray<AgentMode> = ["eval", "load"]

/** Starts a process by that name that keeps these terms of its start. */
const keeping = (name: string, ancestors: string, call: string) =>
  `register(${name}, spawn(proc_lib, init_p, [self(), ${ancestors}, erlang, apply, [fun() -> put('$initial_call', ${call}), process_flag(trap_exit, true), lone:idle() end, []]]))`

describe.each(BeamNode.otpReleases())("supervisors outside of applications on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))

  describe.each(agents)("with the agent %s", (agent) => {
    const using = Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

    it.live("have a row each, with what is below them, and say who has started them", () =>
      Effect.gen(function* () {
        const rows = yield* pagesOf({ limit: 20 })
        const outside = [
          expect.stringMatching(/^hired_sup: <[\d.]+>, of no application$/u),
          "kept_sup: starter, of no application",
          "lone_sup: boot_script (no longer registered), of no application",
          expect.stringMatching(/^worked_sup: <[\d.]+>, of the application kernel$/u)
        ]
        expect(outsideOf(rows)).toEqual(outside)
        const pids = rows.flatMap(({ pid }) => pid ?? [])
        expect(new Set(pids).size).toBe(pids.length)
        const named = (id: string) => rows.find((it) => it.id === id)
        expect(named("lone_sup")).toMatchObject({ depth: 1, children: 2, strategy: "one_for_one", max_restarts: 5 })
        expect(named("below")).toMatchObject({ depth: 2, name: "below_sup" })
        expect(named("hired_sup")?.started_by).toContain(named("plain")?.pid)

        const first = yield* tree({ limit: 5 })
        expect(first.structured).toMatchObject({ complete: true, total: rows.length })
        expect(first.structured["summary"]).toContain("; 4 supervisors stand outside of the applications' trees")
        // Behind the applications; all of them stand on the first level.
        expect(first.structured["hints"]).toContain('get_supervision_tree {"depth":1}')
        // Wherever the tree of an application ends, none of its supervisors becomes a root.
        const tops = yield* tree({ depth: 1 })
        expect(outsideOf(rowsOf(tops))).toEqual(outside)
        expect(tops.structured["hints"]).not.toContain('get_supervision_tree {"depth":1}')
        const text = yield* tree({ filter: { text: "kept_s" } })
        expect(text.structured).toMatchObject({ matched: 1, tree: [{ id: "kept_sup", depth: 1 }] })
        const inside = yield* tree({ filter: { text: "kernel_safe" } })
        expect(inside.structured["summary"]).not.toContain("outside")
        expect(inside.structured["hints"] ?? []).not.toContain('get_supervision_tree {"depth":1}')
        expect(outsideOf(yield* pagesOf({ sort_by: "restarts", limit: 20 }))).toEqual(outside)
        expect(
          yield* ask("[process_info(whereis(N), messages) || N <- [lone_sup, hired_sup, kept_sup, worked_sup, worker]]")
        ).toBe(`[${Array.from({ length: 5 }, () => "{messages,[]}").join(",")}]`)
      }).pipe(using)
    )

    it.live("are told also where what others keep in their dictionaries is too large to be taken", () =>
      Effect.gen(function* () {
        const large = "lists:duplicate(5000000, x)"
        yield* ask(
          `${keeping("large_above", `[${large}]`, "{supervisor, kernel, 1}")}, ${keeping("large_call", "[]", large)}, ok`
        )
        const result = yield* tree({ depth: 1 }).pipe(
          Effect.ensuring(ask("[exit(whereis(Name), kill) || Name <- [large_above, large_call]]"))
        )
        expect(outsideOf(rowsOf(result))).toContain("kept_sup: starter, of no application")
      }).pipe(using)
    )

    it.live("may end while they are looked for", () =>
      Effect.gen(function* () {
        yield* ask("register(churning, spawn(lone, churn, [])), ok")
        const results = yield* Effect.forEach(Array.from({ length: 10 }), () => tree({ depth: 1, limit: 200 })).pipe(
          Effect.ensuring(ask("exit(whereis(churning), kill)"))
        )
        for (const result of results)
          expect(outsideOf(rowsOf(result))).toContain("kept_sup: starter, of no application")
      }).pipe(using)
    )
  })
})

/** Where Debian has it, and where Elixir is installed beside the first release. */
const elixir = "/usr/lib/elixir/lib/elixir/ebin"

const elixirScene = `
  {ok, _} = application:ensure_all_started(elixir),
  'Elixir.Code':eval_string(<<"
    {:ok, jobs} = DynamicSupervisor.start_link(name: Jobs, strategy: :one_for_one)
    Process.unlink(jobs)
    {:ok, _} = DynamicSupervisor.start_child(Jobs, {Agent, fn -> 1 end})
    {:ok, tasks} = Task.Supervisor.start_link(name: Tasks)
    Process.unlink(tasks)
    {:ok, top} = Supervisor.start_link([{Registry, keys: :unique, name: Names}], strategy: :one_for_one, name: Top)
    Process.unlink(top)
  ">>), ok`

describe.runIf(existsSync(elixir))("supervisors outside of applications on an Elixir node", () => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ eval: elixirScene, args: ["-pa", elixir] })
  })
  afterAll(() => node.stop())

  it.live("are found, of whatever kind", () =>
    Effect.gen(function* () {
      const outside = (yield* pagesOf({ limit: 20 })).filter(({ started_by }) => started_by !== undefined)
      expect(outside.map(({ id, children }) => [id, children]).toSorted()).toEqual([
        ["Jobs", 1],
        ["Tasks", 0],
        ["Top", 1]
      ])
      for (const { started_by } of outside) expect(started_by).toContain("of no application")
      expect((yield* tree({})).structured["complete"]).toBe(true)
    }).pipe(Effect.provide(Layer.suspend(() => liveCatalogue([node], { agent: "eval", mode: "elixir" }))))
  )
})
