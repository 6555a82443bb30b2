import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** A tree with a crowd in it, and a supervisor whose child takes for ever to start. */
const scene = `
  Forms = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
    "-module(trees).", "-export([init/1, self/0, far/0, idle/0, crowd/0, start/1, handle_call/3, handle_cast/2]).",
    "start(none) -> ignore; start(Fun) -> {ok, proc_lib:spawn_link(trees, Fun, [])}.",
    "idle() -> receive stop -> ok end.",
    "crowd() -> idle().", "self() -> {ok, erlang:self()}.",
    "far() -> {ok, binary_to_term(<<131,88,119,3,97,64,98,0,0,0,90,0,0,0,0,0,0,0,1>>)}.",
    "handle_call(_, _, State) -> {reply, ok, State}.", "handle_cast(_, State) -> {noreply, State}.",
    "init(top) -> {ok, {#{strategy => rest_for_one, intensity => 5, period => 600}, ["
    "#{id => worker, start => {trees, start, [idle]}},"
    "#{id => absent, start => {trees, start, [none]}},"
    "#{id => crowd, start => {supervisor, start_link, [{local, crowd_sup}, trees, crowd]}, type => supervisor},"
    "#{id => slow, start => {supervisor, start_link, [{local, slow_sup}, trees, slow]}, type => supervisor}]}};"
    "init(crowd) -> {ok, {#{strategy => simple_one_for_one}, [#{id => one, start => {trees, start, [crowd]}}]}};"
    "init(slow) -> {ok, {#{strategy => simple_one_for_one}, [#{id => one, start => {proc_lib, start_link, [trees, idle]}}]}};"
    "init({common, Count, Items}) -> Common = lists:seq(1, Items), {ok, {#{}, "
    "[#{id => {N, Common}, start => {trees, start, [idle]}} || N <- lists:seq(1, Count)]}};"
    "init(forgetful) -> {ok, {#{}, [#{id => hidden, start => {supervisor, start_link, [trees, crowd]}},"
    "#{id => circle, type => supervisor, start => {trees, self, []}}]}};"
    "init(far) -> {ok, {#{}, [#{id => far, start => {trees, far, []}}]}};"
    "init(State) -> {ok, State}."]],
  {ok, trees, Code} = compile:forms(Forms),
  {module, trees} = code:load_binary(trees, "trees", Code),
  {ok, Top} = supervisor:start_link({local, top_sup}, trees, top), unlink(Top),
  {ok, _} = gen_server:start({local, server}, trees, none, []),
  register(plain, spawn(trees, idle, [])),
  {ok, Far} = supervisor:start_link({local, far_sup}, trees, far), unlink(Far),
  Foreign = [element(2, erl_parse:parse_form(element(2, erl_scan:string(Text)))) || Text <- [
    "-module(supervisor2).", "-export([init/1, handle_call/3, handle_cast/2, which_children/1, start_child/2]).",
    "init(Starts) -> [{ok, _} = apply(M, F, A) || {M, F, A} <- Starts], {ok, Starts}.",
    "handle_call(Question, _, State) -> {stop, {asked, Question}, State}.", "handle_cast(_, State) -> {noreply, State}.",
    "which_children(Pid) -> gen_server:call(Pid, which_children).",
    "start_child(Pid, Start) -> gen_server:call(Pid, {start_child, Start})."]],
  {ok, supervisor2, Code2} = compile:forms(Foreign),
  {module, supervisor2} = code:load_binary(supervisor2, "supervisor2", Code2),
  Inner = {gen_server, start_link, [{local, inner2}, supervisor2, [{trees, start, [idle]}], []]},
  {ok, Outer} = gen_server:start_link({local, outer2}, supervisor2, [Inner, {trees, start, [idle]}], []), unlink(Outer),
  {ok, _} = gen_server:start({local, asleep_sup}, supervisor, {{local, asleep_sup}, trees, crowd}, [{hibernate_after, 1}]),
  ok`

interface Row {
  readonly depth: number
  readonly id: string
  readonly pid?: string
  readonly [key: string]: unknown
}
const rowsOf = ({ structured }: ToolResult) => (structured["tree"] ?? []) as ReadonlyArray<Row>
const tree = (input: Readonly<Record<string, unknown>>) => call("get_supervision_tree", input)
const refusal = (input: Readonly<Record<string, unknown>>) => Effect.flip(tree(input))
const row = (result: ToolResult, id: string) => rowsOf(result).find((it) => it.id === id)
const hintOf = (root: string, text: string) =>
  Effect.map(tree({ root, filter: { text } }), ({ structured }) => structured["hints"])

const agents: ReadonlyArray<AgentMode> = ["eval", "load"]

/** A supervisor with three thousand children, put below another one, of which nothing but its dictionary says that it is one. */
const heavy = `{ok, _} = supervisor:start_child(top_sup, #{id => heavy, type => supervisor, start => {gen_server, start_link,
  [{local, heavy_sup}, supervisor, {{local, heavy_sup}, trees, {common, 3000, 0}}, []]}}), ok`

/** A supervisor whose thousand children have 5,000 items in common in their ids, put below another one. */
const common = `{ok, _} = supervisor:start_child(top_sup, #{id => common, type => supervisor, start => {supervisor, start_link,
  [{local, common_sup}, trees, {common, 1000, 5000}]}}), ok`

/** The same of four thousand that have nothing in common. */
const numerous = `{ok, _} = supervisor:start_child(top_sup, #{id => numerous, type => supervisor, start => {supervisor, start_link,
  [{local, numerous_sup}, trees, {common, 4000, 0}]}}), ok`

describe.each(BeamNode.otpReleases())("the supervision tree on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene, args: ["+P", "300000"] })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const until = (text: string) => eventually(Effect.map(ask(text), (is) => is === "true"))
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  describe.each(agents)("with the agent %s", (agent) => {
    it.live("says which supervisor was not asked, where its large heap would have to be copied for that", () =>
      Effect.gen(function* () {
        yield* ask(heavy)
        const result = yield* tree({ root: "top_sup" }).pipe(
          Effect.ensuring(ask("supervisor:terminate_child(top_sup, heavy), supervisor:delete_child(top_sup, heavy)"))
        )
        const notes = (result.structured["notes"] ?? []) as ReadonlyArray<string>
        expect(row(result, "heavy")).toMatchObject({ type: "supervisor", name: "heavy_sup" })
        // From OTP 26.2 on one entry of a dictionary is read without the rest.
        if (Number(otp) >= 27) {
          expect(row(result, "heavy")).toMatchObject({ children: 3_000, listed_children: 200 })
        } else {
          expect(result.structured["complete"]).toBe(false)
          // Those that it is linked to.
          expect(row(result, "heavy")).toMatchObject({
            children: 3_000,
            listed_children: 200,
            not_asked: expect.stringContaining("heap or queue too large")
          })
          expect(notes).toContainEqual(
            expect.stringMatching(
              /^heavy_sup \(<.*>\) was not asked for its children.*With it as root, max_heap_mb: \d/u
            )
          )
        }
      }).pipe(using(agent))
    )

    it.live("has the applications at its top, and below them what they say themselves", () =>
      Effect.gen(function* () {
        const result = yield* tree({ limit: 200 })
        expect(result.structured["complete"]).toBe(true)
        const kernel = row(result, "kernel")
        expect(kernel).toMatchObject({ depth: 1, name: "kernel_sup", strategy: "one_for_all", type: "supervisor" })
        expect(kernel?.["children"]).toBe(yield* number("length(supervisor:which_children(kernel_sup))"))
        expect(row(result, "net_sup")).toMatchObject({ depth: 2, type: "supervisor" })
        expect(row(result, "user")).toMatchObject({ children: 1, not_asked: "supervisor_bridge; children by links" })
        const named = yield* tree({ filter: { text: "CODE_SER" } })
        expect(rowsOf(named)).toEqual([expect.objectContaining({ id: "code_server", path: "kernel" })])
        const largest = yield* tree({ root: "kernel", sort_by: "memory", limit: 2 })
        const [first, second] = rowsOf(largest) as [Row, Row]
        expect(first["memory_bytes"]).toBeGreaterThanOrEqual(second["memory_bytes"] as number)
        const rest = yield* tree({
          root: "kernel",
          sort_by: "memory",
          limit: 2,
          cursor: largest.structured["next_cursor"]
        })
        expect(rowsOf(rest).map(({ id }) => id)).not.toContain(first.id)
      }).pipe(using(agent))
    )

    it.live("answers for all where children have in common what would be copied for each", () =>
      Effect.gen(function* () {
        yield* ask(common)
        const [whole, alone] = yield* Effect.all([
          tree({ root: "top_sup" }),
          tree({ root: "common_sup", depth: 1, limit: 2 })
        ]).pipe(
          Effect.ensuring(ask("supervisor:terminate_child(top_sup, common), supervisor:delete_child(top_sup, common)"))
        )
        expect(row(whole, "crowd")).toMatchObject({ strategy: "simple_one_for_one" })
        for (const result of [whole, alone]) {
          const it = rowsOf(result).find(({ id, name }) => [id, name].includes("common_sup"))
          expect(it).not.toHaveProperty("strategy")
          expect(it?.["children"] ?? it?.["active_children"]).toBe(1_000)
          expect(result.text).toMatch(/Strategy and restarts of common_sup were not read: .* lie on its heap/u)
        }
        expect(whole.text).toContain(
          "whose answer might be too large to copy (what its ids share is copied for each), all that it is linked to"
        )
      }).pipe(using(agent))
    )

    it.live("asks one with very many children where that is permitted", () =>
      Effect.gen(function* () {
        yield* ask(numerous)
        const [refused, permitted] = yield* Effect.all([
          tree({ root: "numerous_sup", limit: 3 }),
          tree({ root: "numerous_sup", limit: 3, max_heap_mb: 20 })
        ]).pipe(
          Effect.ensuring(
            ask("supervisor:terminate_child(top_sup, numerous), supervisor:delete_child(top_sup, numerous)")
          )
        )
        expect(refused.text).toMatch(/Strategy and restarts of numerous_sup were not read.*max_heap_mb: \d/u)
        expect(rowsOf(refused).slice(1)).toEqual([1, 2].map(() => expect.objectContaining({ id: "-" })))
        expect(rowsOf(permitted)[0]).toMatchObject({ strategy: "one_for_one", children: 4_000, max_restarts: 1 })
        expect(rowsOf(permitted).slice(1)).toMatchObject([{ id: "{1,[]}" }, { id: "{2,[]}" }])
        expect(permitted.structured).toMatchObject({ complete: true, total: 4_001 })
      }).pipe(using(agent))
    )

    it.live("tells each child of very many once, asked or not, whatever its own questions leave on their heap", () =>
      Effect.gen(function* () {
        yield* ask(numerous.replace("4000", "700"))
        const pages = Effect.fnUntraced(function* (input: Readonly<Record<string, unknown>>) {
          const pids: Array<string | undefined> = []
          let cursor: unknown
          do {
            const page = yield* tree({ ...input, limit: 200, ...(cursor !== undefined && { cursor }) })
            pids.push(...rowsOf(page).map(({ pid }) => pid))
            cursor = page.structured["next_cursor"]
          } while (cursor !== undefined)
          return pids
        })
        const all = yield* Effect.forEach([{}, { max_heap_mb: 20 }, { sort_by: "memory" }], (input) =>
          pages({ root: "numerous_sup", ...input })
        ).pipe(
          Effect.ensuring(
            ask("supervisor:terminate_child(top_sup, numerous), supervisor:delete_child(top_sup, numerous)")
          )
        )
        for (const pids of all) expect([pids.length, new Set(pids).size]).toEqual([701, 701])
      }).pipe(using(agent))
    )

    it.live("opens what its parent calls a worker, and each process once", () =>
      Effect.gen(function* () {
        yield* ask(`{ok, P} = supervisor:start_link({local, forgetful}, trees, forgetful), unlink(P), ok`)
        const { structured, text } = yield* tree({ root: "forgetful" }).pipe(
          Effect.ensuring(ask("exit(whereis(forgetful), kill)"))
        )
        expect(structured).toMatchObject({ complete: true, total: 3 })
        const [, hidden, circle] = structured["tree"] as ReadonlyArray<Row>
        expect(hidden).toMatchObject({ type: "supervisor, called a worker", strategy: "simple_one_for_one" })
        expect(circle).toMatchObject({ not_asked: "again: its children stand under another row" })
        expect(text).toMatch(/^2 children under forgetful, 2 supervisors among them/u)
      }).pipe(using(agent))
    )

    it.live("opens a supervisor that hibernates", () =>
      Effect.gen(function* () {
        yield* until(
          "{_, {M, F, _}} = process_info(whereis(asleep_sup), current_function), {M, F} =/= {gen_server, loop}"
        )
        const { structured } = yield* tree({ root: "asleep_sup" })
        expect(structured).toMatchObject({ complete: true, tree: [{ children: 0, strategy: "simple_one_for_one" }] })
      }).pipe(using(agent))
    )

    it.live(
      "counts the rows, the root's too, and says how many children it has, and takes an application for what has its name",
      () =>
        Effect.gen(function* () {
          const result = yield* tree({ root: "far_sup" })
          expect(result.structured).toMatchObject({ total: 2, matched: 2 })
          expect(result.structured["summary"]).toMatch(/^1 child under far_sup, 0 supervisors among them/u)
          const itself = yield* tree({ root: "far_sup", filter: { type: "supervisor" } })
          expect(itself.structured).toMatchObject({ total: 2, matched: 1, tree: [{ type: "supervisor" }] })
          for (const given of [result, itself]) expect(rowsOf(given)).toHaveLength(Number(given.structured["matched"]))

          yield* ask("register(kernel, spawn(trees, idle, []))")
          const [top] = rowsOf(yield* tree({ root: "kernel" }))
          yield* ask("exit(whereis(kernel), kill)")
          expect(top).toMatchObject({ id: "kernel", name: "kernel_sup", type: "supervisor" })
          expect(yield* refusal({ root: "code_server" })).toMatchObject({
            code: "invalid_input",
            next: 'get_supervision_tree {"root":"kernel"}'
          })
        }).pipe(using(agent))
    )

    it.live("takes for a root what serves as a supervisor and is none of OTP's, without a word to it", () =>
      Effect.gen(function* () {
        const shallow = yield* tree({ root: "outer2", depth: 2 })
        expect(shallow.structured).toMatchObject({ complete: false, total: 3 })
        expect(rowsOf(shallow)[0]).toMatchObject({ id: "outer2", not_asked: "no OTP supervisor; children by links" })
        const inner = rowsOf(shallow).find(({ name }) => name === "inner2")
        expect(inner).toMatchObject({ depth: 2, type: "supervisor", active_children: 1 })
        // The hint leads on, and not into a refusal.
        expect(shallow.structured["hints"]).toContain(`get_supervision_tree {"root":"${inner?.pid}"}`)
        const below = yield* tree({ root: inner?.pid })
        expect(below.structured).toMatchObject({ complete: false, total: 2 })

        const links = yield* call("get_process_children", { pid: "outer2", tree: "supervised" })
        expect(links.structured).toMatchObject({ complete: true, supervisor: true, child_count: 2 })
        expect(links.structured["processes"]).toHaveLength(3)
        expect(yield* ask("[process_info(whereis(N), messages) || N <- [outer2, inner2]]")).toBe(
          "[{messages,[]},{messages,[]}]"
        )
        expect(inner?.pid).toBe((yield* ask("pid_to_list(whereis(inner2))")).replaceAll('"', ""))
      }).pipe(using(agent))
    )

    it.live("says of a root that has ended what all tools say", () =>
      Effect.gen(function* () {
        const ended = "{P, M} = spawn_monitor(fun() -> ok end), receive {_, M, _, _, _} -> pid_to_list(P) end"
        const root = (yield* ask(ended)).replaceAll('"', "")
        expect(yield* refusal({ root })).toMatchObject({ code: "no_such_process", next: "find_process" })
      }).pipe(using(agent))
    )

    it.live("hints at the state of who tells it alone", () =>
      Effect.gen(function* () {
        expect(yield* hintOf("top_sup", "worker")).toEqual([expect.stringMatching(/^get_process_info /u)])
        expect(yield* hintOf("kernel", "code_server")).toEqual([expect.stringMatching(/^get_process_info /u)])
        expect(yield* hintOf("kernel", "rex")).toEqual([expect.stringMatching(/^get_gen_server_state /u)])
      }).pipe(using(agent))
    )

    it.live("leaves a supervisor unharmed whose child is on another node", () =>
      Effect.gen(function* () {
        const before = yield* ask("whereis(far_sup)")
        const result = yield* tree({ root: "far_sup" })
        expect(row(result, "far")).toMatchObject({ status: "remote", pid: "<a@b.90.0>" })
        expect(yield* ask("whereis(far_sup)")).toBe(before)
      }).pipe(using(agent))
    )

    it.live("counts restarts of what died", () =>
      Effect.gen(function* () {
        const pid = row(yield* tree({ root: "top_sup" }), "worker")?.pid
        const used = row(yield* tree({ root: "top_sup", depth: 1 }), "top_sup")?.["restarts"] as number
        yield* ask(`exit(list_to_pid("${pid}"), kill)`)
        yield* until(
          `lists:any(fun({Id, Pid, _, _}) -> Id =:= worker andalso is_pid(Pid) andalso Pid =/= list_to_pid("${pid}") end, supervisor:which_children(top_sup))`
        )
        const result = yield* tree({ root: "top_sup" })
        expect(row(result, "top_sup")).toMatchObject({ restarts: used + 1, max_restarts: 5, max_seconds: 600 })
        expect(result.structured["summary"]).toContain(`top_sup (${used + 1} of 5 allowed)`)
        expect(row(result, "absent")).toMatchObject({ status: "undefined" })

        // Wherever it stands among all supervisors, and on whatever page.
        const one = yield* tree({ root: "top_sup", filter: { type: "worker" } })
        expect(one.structured["summary"]).toContain("3 supervisors that are not on this page were not asked")
        const first = yield* tree({ root: "top_sup", sort_by: "restarts", limit: 1 })
        expect(first.structured).toMatchObject({ complete: true, tree: [{ id: "top_sup", restarts: used + 1 }] })
        expect(first.structured["summary"]).toContain("; restarts lately under 1 of 3 supervisors that told: top_sup (")
        const least = (min_restarts: number) => tree({ root: "top_sup", filter: { min_restarts } })
        expect(rowsOf(yield* least(used + 1))).toHaveLength(1)
        expect(rowsOf(yield* least(used + 2))).toHaveLength(0)
        const closed = yield* tree({ root: "top_sup", depth: 1 })
        expect(closed.structured).toMatchObject({ total: 4, matched: 4, tree: [{ active_children: 3 }] })
        expect(closed.structured["summary"]).toMatch(
          /^0 of 3 children under top_sup, which a depth of 1 does not list/u
        )
      }).pipe(using(agent))
    )

    it.live("lists, searches and sorts all children of a root, and of others the first of a crowd", () =>
      Effect.gen(function* () {
        const size = agent === "load" ? 100_000 : 12_000
        yield* ask(`[supervisor:start_child(crowd_sup, []) || _ <- lists:seq(1, ${size})], ok`)
        const timeout_ms = 60_000
        const result = yield* tree({ root: "crowd_sup", limit: 200, timeout_ms })
        expect(result.structured).toMatchObject({ complete: true, total: size + 1, matched: size + 1 })
        expect(rowsOf(result)[0]).toMatchObject({ children: size, strategy: "simple_one_for_one" })
        const children = `lists:sort([P || P <- element(2, process_info(whereis(crowd_sup), links)), P =/= whereis(top_sup)])`
        expect(rowsOf(result)[0]?.["children_memory_bytes"]).toBe(
          yield* number(`lists:sum([element(2, process_info(P, memory)) || P <- ${children}])`)
        )
        const listed: Array<string | undefined> = []
        let cursor: unknown
        while (listed.length < 400) {
          const page = yield* tree({
            root: "crowd_sup",
            limit: 200,
            timeout_ms,
            ...(cursor !== undefined && { cursor })
          })
          listed.push(...rowsOf(page).map(({ pid }) => pid))
          cursor = page.structured["next_cursor"]
        }
        const first = yield* ask(`[pid_to_list(P) || P <- lists:sublist(${children}, 399)]`)
        expect(listed.slice(1, 400)).toEqual(first.match(/<[\d.]+>/gu))

        const large = (yield* ask(
          `P = lists:nth(${size} - 50, ${children}), P ! lists:seq(1, 1000000), pid_to_list(P)`
        )).replaceAll('"', "")
        const largest = yield* tree({ root: "crowd_sup", sort_by: "memory", limit: 3, timeout_ms })
        expect(rowsOf(largest).find(({ depth }) => depth === 2)).toMatchObject({ pid: large })
        const found = yield* tree({ root: "crowd_sup", filter: { text: large }, timeout_ms })
        expect(found.structured).toMatchObject({ matched: 1, tree: [{ pid: large, path: "crowd_sup" }] })
        const none = yield* tree({ root: "crowd_sup", filter: { text: "nothing_like_it" }, timeout_ms })
        expect(none.structured).toMatchObject({ matched: 0, total: size + 1 })

        const above = yield* tree({ root: "top_sup", limit: 10, timeout_ms })
        expect(above.structured["summary"]).toContain(
          `of the ${size.toLocaleString("en-US")} children of crowd_sup 200 are listed`
        )
        expect(row(above, "crowd")).toMatchObject({ children: size, listed_children: 200 })
        expect(above.text).toContain("only the first 200 are listed")
        yield* ask(`exit(list_to_pid("${rowsOf(result)[0]?.pid}"), kill)`)
        yield* until(`not lists:member(whereis(crowd_sup), [undefined, list_to_pid("${rowsOf(result)[0]?.pid}")])`)
        // It answers when it has restarted them all.
        yield* ask("supervisor:count_children(top_sup)")
      }).pipe(using(agent))
    )

    it.live("does not wait for a supervisor that starts a child for a minute, nor asks who is none", () =>
      Effect.gen(function* () {
        yield* ask("Asks = spawn(fun() -> supervisor:start_child(slow_sup, [[]]) end), ok")
        yield* until("element(1, element(2, process_info(whereis(slow_sup), current_function))) =:= proc_lib")
        const result = yield* tree({ root: "top_sup" })
        expect(result.structured["complete"]).toBe(false)
        expect(result.text).toMatch(/slow_sup is busy: waiting in proc_lib:sync_start\w*\/\d, with 0 messages waiting/u)
        expect(yield* ask("process_info(whereis(slow_sup), messages)")).toBe("{messages,[]}")
        yield* ask("[exit(P, kill) || P <- element(2, process_info(whereis(slow_sup), links)), P =/= whereis(top_sup)]")
        yield* until("element(1, element(2, process_info(whereis(slow_sup), current_function))) =:= gen_server")

        for (const root of ["server", "plain", "code_server"]) {
          const before = yield* ask(`whereis(${root})`)
          expect(yield* refusal({ root })).toMatchObject({ code: "invalid_input" })
          expect(yield* ask(`process_info(whereis(${root}), messages)`)).toBe("{messages,[]}")
          expect(yield* ask(`whereis(${root})`)).toBe(before)
        }
        const atoms = yield* number("erlang:system_info(atom_count)")
        expect((yield* refusal({ root: `nothing_${otp}_${agent}` })).code).toBe("not_found")
        expect((yield* refusal({ root: "undefined" })).code).toBe("not_found")
        expect((yield* refusal({ root: "kernel_supp" })).didYouMean).toContain("kernel_sup")
        expect((yield* refusal({ root: "kernle" })).didYouMean?.[0]).toBe("kernel")
        expect((yield* number("erlang:system_info(atom_count)")) - atoms).toBeLessThan(5)
      }).pipe(using(agent))
    )
  })
})

/** Where Debian has it, and where Elixir is installed beside the first release. */
const elixir = "/usr/lib/elixir/lib/elixir/ebin"

const elixirScene = `
  {ok, _} = application:ensure_all_started(elixir),
  'Elixir.Code':eval_string(<<"
    {:ok, top} = Supervisor.start_link([
      {DynamicSupervisor, name: Jobs, strategy: :one_for_one, max_restarts: 9, max_seconds: 70},
      {Task.Supervisor, name: Tasks},
      {PartitionSupervisor, child_spec: {Agent, fn -> :part end}, name: Parts, partitions: 3},
      {Registry, keys: :unique, name: Names},
      {Agent, fn -> %{user: %{name: \\"Ann\\"}} end}
    ], strategy: :one_for_one, name: Top)
    Process.unlink(top)
    for at <- 1..3, do: {:ok, _} = DynamicSupervisor.start_child(Jobs, {Agent, fn -> at end})
    Task.Supervisor.start_child(Tasks, fn -> Process.sleep(:infinity) end)
    {:ok, flapping} = Supervisor.start_link([{Agent, fn -> 1 end}], strategy: :one_for_one, name: FlapSup)
    Process.unlink(flapping)
    Supervisor.start_child(Top, Supervisor.child_spec({Agent, fn -> 3 end}, id: {:shop, [at: 1]}))
    Supervisor.start_child(Top, %{id: :plain, start: {Supervisor, :start_link, [[{Agent, fn -> 2 end}], [strategy: :one_for_one]]}, type: :supervisor})
    Process.register(Supervisor.which_children(Top) |> List.keyfind(Agent, 0) |> elem(1), Keeper)
    {:ok, crowds} = Supervisor.start_link([], strategy: :one_for_one, name: Crowds)
    Process.unlink(crowds)
    defmodule Conns do
      use DynamicSupervisor
      def init(_), do: DynamicSupervisor.init(strategy: :one_for_one)
    end
    for {id, child} <- [
      conns: {DynamicSupervisor, :start_link, [Conns, [], [name: Conns]]},
      many: {Task.Supervisor, :start_link, [[name: Many]]},
      plain: {DynamicSupervisor, :start_link, [[name: Plain, strategy: :one_for_one]]}
    ], do: {:ok, _} = Supervisor.start_child(Crowds, %{id: id, start: child, type: :supervisor})
    common = Enum.to_list(1..20)
    for at <- 1..4000 do
      for one <- [Conns, Plain], do: {:ok, _} = DynamicSupervisor.start_child(one, %{id: at, start: {Agent, :start_link, [Kernel, :hd, [common]]}})
      Task.Supervisor.start_child(Many, Process, :sleep, [:infinity])
    end
  ">>), ok`

describe.runIf(existsSync(elixir))("the supervision tree of an Elixir node", () => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ eval: elixirScene, args: ["-pa", elixir] })
  })
  afterAll(() => node.stop())

  it.live("shows Elixir's own supervisors as any other", () =>
    Effect.gen(function* () {
      const result = yield* tree({ root: "Top", limit: 200 })
      expect(result.structured["complete"]).toBe(true)
      expect(row(result, "Jobs")).toMatchObject({
        children: 3,
        max_restarts: 9,
        max_seconds: 70,
        strategy: ":one_for_one"
      })
      expect(row(result, "Tasks")).toMatchObject({ children: 1 })
      expect(row(result, "Parts")).toMatchObject({ children: 3 })
      expect(
        rowsOf(result)
          .filter(({ depth }) => depth === 3)
          .map(({ id }) => id)
      ).toEqual(expect.arrayContaining(["0", "1", "2", ":undefined"]))
      const state = yield* call("get_gen_server_state", { pid: "Keeper", path: "user.name" })
      expect(state.structured["state"]).toBe('"Ann"')
      // Neither name nor module tells one `Supervisor` from another.
      yield* Effect.promise(() =>
        node.evaluate(
          "[exit(P, kill) || S <- ['Elixir.FlapSup', element(2, lists:keyfind(plain, 1, supervisor:which_children('Elixir.Top')))], {_, P, _, _} <- supervisor:which_children(S)]"
        )
      )
      // By a piece of an id as it is printed.
      const piece = yield* tree({ root: "Top", filter: { text: "{:shop, [a" } })
      expect(piece.structured).toMatchObject({ matched: 1, tree: [{ id: "{:shop, [at: 1]}" }] })
      const plain = row(result, ":plain")?.pid
      for (const [root, name] of [
        ["FlapSup", "FlapSup"],
        [plain, plain]
      ]) {
        yield* eventually(
          Effect.map(tree({ root }), ({ structured }) =>
            String(structured["summary"]).includes(`restarts lately under ${name} (1 of 3 allowed)`)
          )
        )
      }
      const task = rowsOf(result).find(({ modules }) => modules === "Task.Supervised")?.pid
      expect((yield* Effect.flip(call("get_gen_server_state", { pid: task }))).code).toBe("unsupported")
    }).pipe(Effect.provide(Layer.suspend(() => liveCatalogue([node], { agent: "eval", mode: "elixir" }))))
  )

  it.live("asks Elixir's dynamic supervisors of thousands for their children, and those of tasks for their state", () =>
    Effect.gen(function* () {
      for (const [root, strategy] of [
        ["Many", ":one_for_one"],
        ["Conns", undefined],
        ["Plain", undefined]
      ] as const) {
        const result = yield* tree({ root, limit: 3 })
        // Told by the supervisor, and not read from its links. A state that keeps arguments may share them.
        expect(rowsOf(result)[0]).toMatchObject({ children: 4000 })
        expect(result.text).not.toContain("without ids")
        expect(rowsOf(result)[0]?.["strategy"]).toBe(strategy)
      }
    }).pipe(Effect.provide(Layer.suspend(() => liveCatalogue([node], { agent: "eval", mode: "elixir" }))))
  )
})
