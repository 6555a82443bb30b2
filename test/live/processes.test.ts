import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import type { AgentMode } from "../../src/node/index.ts"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Where Elixir's modules are, if it is installed for the `erl` on PATH. */
const elixirPath = (): string | undefined => {
  try {
    return execFileSync("elixir", ["-e", "IO.write(:code.lib_dir(:elixir))"], { encoding: "utf8" })
  } catch {
    return undefined
  }
}

/** Servers without a supervisor, some alike, in pg, in global and in none of them. */
const scene = `
  Idle = fun() -> receive stop -> ok end end,
  [register(list_to_atom("twin_" ++ [N]), proc_lib:spawn(fun() -> put('$initial_call', {twin, init, 1}), Idle() end)) || N <- "abc"],
  twin_a ! message,
  {ok, Scope} = pg:start(rooms), unlink(Scope),
  pg:join(rooms, {room, 17}, [whereis(twin_a), whereis(twin_b)]),
  yes = global:register_name({seat, <<"front">>}, whereis(twin_c)),
  yes = global:register_name(plain_seat, whereis(twin_b)),
  spawn(fun() -> catch proc_lib:set_label({job, 1}), Idle() end),
  spawn(fun() -> catch proc_lib:set_label({job, 1}), Idle() end),
  Forms = [{attribute, 1, module, counts}, {attribute, 1, behaviour, gen_server}, {attribute, 1, export, [{init, 1}]},
    {function, 1, init, 1, [{clause, 1, [{var, 1, '_'}], [], [{tuple, 1, [{atom, 1, ok}, {atom, 1, state}]}]}]}],
  {ok, counts, Beam} = compile:forms(Forms), {module, counts} = code:load_binary(counts, "counts.beam", Beam),
  {ok, Counter} = gen_server:start(counts, [], []), register(counter, Counter),
  {ok, Kept} = gen_server:start(counts, [], []), register(kept, Kept),
  state = sys:replace_state(Kept, fun(State) -> put('$initial_call', {maps, new, 0}), State end),
  register(worked, proc_lib:spawn(fun() -> put('$callers', [Kept]), Idle() end)),
  ok`

type Row = { readonly pid: string; readonly name?: string; readonly known_as?: string }
type Group = { readonly group: string; readonly count: number } & Readonly<Record<string, number | string>>
const rowsOf = ({ structured }: ToolResult) => (structured["processes"] ?? []) as ReadonlyArray<Row>
const namesOf = (result: ToolResult) => rowsOf(result).map(({ name }) => name)
const groupsOf = ({ structured }: ToolResult) => (structured["groups"] ?? []) as ReadonlyArray<Group>

const pick = (filter: Readonly<Record<string, unknown>>) => call("list_processes", { filter, limit: 200 })
const found = (name: string) => Effect.map(call("find_process", { name }), rowsOf)
const named = (rows: ReadonlyArray<Row>) => rows.map(({ known_as, name }) => [name, known_as]).toSorted()
/** Of all processes in an order. */
const lastPage = Effect.fnUntraced(function* (sort_by: string) {
  let page = yield* call("list_processes", { sort_by, limit: 200 })
  while (page.structured["next_cursor"] !== undefined)
    page = yield* call("list_processes", { sort_by, limit: 200, cursor: page.structured["next_cursor"] })
  return page
})
/** The stacks that a filter of group_stacktraces finds, as they are shown. */
const standing = (filter: string) =>
  Effect.map(call("group_stacktraces", { filter }), ({ structured }) =>
    ((structured["stacks"] ?? []) as ReadonlyArray<{ stack: string }>).map(({ stack }) => stack)
  )

const begunWith = expect.stringMatching(/^A process is known by the callback module/u)

describe.each(BeamNode.otpReleases())("many processes on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const using = (agent: AgentMode, mode: SyntaxName = "erlang") =>
    Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent, mode }))))

  it.live.each<AgentMode>(["eval", "load", "none"])("are picked by the module of a bridge with the agent %s", (agent) =>
    Effect.gen(function* () {
      const bridge = (yield* ask(
        `[[list_to_binary(pid_to_list(P))] || P <- processes(), {supervisor_bridge, user_sup, _} <- [proc_lib:initial_call(P)]]`
      )).match(/<0\.\d+\.\d+>/u)?.[0]
      const picked = yield* call("top_processes", { filter: { module: "user_sup" } })
      if (agent === "none" && Number(otp) < 27) {
        // One key of a dictionary cannot be read there, and no agent reads all of it.
        expect(picked.structured).toMatchObject({ complete: false })
      } else {
        expect(rowsOf(picked).map(({ pid }) => pid)).toEqual([bridge])
      }
      if (agent === "none") return
      expect(rowsOf(yield* call("find_process", { module: "user_sup" })).map(({ pid }) => pid)).toEqual([bridge])
    }).pipe(using(agent))
  )

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("are picked by behaviour, initial call and name", () =>
      Effect.gen(function* () {
        const servers = namesOf(yield* pick({ behaviour: "gen_server" }))
        expect(servers).toContain("counter")
        expect(servers).toContain("file_server_2")
        expect(servers).not.toContain("kernel_sup")
        expect(servers).not.toContain("twin_a")
        expect(namesOf(yield* pick({ behaviour: "supervisor" }))).toContain("kernel_sup")
        expect(namesOf(yield* pick({ behaviour: "gen_event" }))).toContain("erl_signal_server")
        // As Elixir leaves its agents and tasks.
        expect(namesOf(yield* pick({ behaviour: "Elixir.Agent" }))).toEqual(["kept"])
        expect(namesOf(yield* pick({ behaviour: "Elixir.Task" }))).toEqual(["worked"])
        expect(namesOf(yield* pick({ behaviour: "gen_server", name: "COUNT" }))).toEqual(["counter"])
        const twins = yield* pick({ initial_call: "twin:init/1" })
        expect(namesOf(twins).toSorted()).toEqual(["twin_a", "twin_b", "twin_c"])
        const count = yield* number("erlang:system_info(process_count)")
        expect(Math.abs((twins.structured["total"] as number) - count)).toBeLessThan(20)
        expect(namesOf(yield* pick({ initial_call: "counts:init/1", module: "counts" }))).toEqual(["counter"])
        const busiest = yield* call("top_processes", { filter: { behaviour: "gen_server", module: "counts" } })
        expect(namesOf(busiest)).toEqual(["counter"])
      }).pipe(using(agent))
    )

    it.live("are sorted by names, on each page behind the last one of the page before", () =>
      Effect.gen(function* () {
        for (const [sort_by, key] of [
          ["name", "name"],
          ["initial_call", "initial_call"],
          ["module", "initial_call"],
          ["application", "application"],
          ["status", "status"],
          ["label", "label"]
        ] as const) {
          if (sort_by === "label" && otp < "27") {
            expect((yield* Effect.flip(call("list_processes", { sort_by }))).code).toBe("unsupported")
            continue
          }
          const rows: Array<Readonly<Record<string, unknown>>> = []
          let cursor: unknown
          do {
            const page = yield* call("list_processes", { sort_by, limit: 25, ...(cursor !== undefined && { cursor }) })
            rows.push(...(rowsOf(page) as unknown as ReadonlyArray<Readonly<Record<string, unknown>>>))
            cursor = page.structured["next_cursor"]
          } while (cursor !== undefined)
          // What was not read comes behind those without one.
          const names = rows.map((row) => row[key]).filter((it) => it !== undefined && it !== "(not read)")
          expect(names.length).toBeGreaterThan(sort_by === "label" ? 1 : 10)
          expect(new Set(rows.map(({ pid }) => pid)).size).toBe(rows.length)
          // Those without one come last.
          expect(rows.slice(0, names.length).every((row) => row[key] !== undefined)).toBe(true)
          // A callback is told of more processes than it is sorted by.
          if (key === "initial_call") continue
          expect(names).toEqual(names.toSorted())
        }
      }).pipe(using(agent))
    )

    it.live("are ranked by their queues where long ones are looked for, and said to be left out elsewhere", () =>
      Effect.gen(function* () {
        yield* ask(
          `begin register(flooded, spawn(fun() -> receive stop -> ok end end)), [flooded ! N || N <- lists:seq(1, 10001)] end`
        )
        yield* Effect.gen(function* () {
          expect(namesOf(yield* pick({ min_message_queue_length: 1_000 }))).toEqual(["flooded"])
          const filter = { min_message_queue_length: 1_000 }
          const { structured } = yield* call("list_processes", { filter, sort_by: "memory" })
          expect(structured["matched"]).toBe(0)
          expect(structured["summary"]).toMatch(
            /^None of \d+ processes that could be measured [^.]*; 1 process with a long/u
          )
        }).pipe(
          Effect.ensuring(
            ask(
              `begin exit(whereis(flooded), kill), (fun Wait() -> whereis(flooded) =:= undefined orelse Wait() end)() end`
            )
          )
        )
      }).pipe(using(agent))
    )

    it.live("are all that have a module or a behaviour, where each could be asked", () =>
      Effect.gen(function* () {
        const searches = [
          ["list_processes", { filter: { module: "counts" } }],
          ["list_processes", { filter: { behaviour: "gen_server" }, limit: 100 }],
          ["list_processes", { filter: { module: "counts" }, group_by: "initial_call" }],
          ["top_processes", { filter: { behaviour: "gen_event" } }],
          ["find_process", { module: "counts" }]
        ] as const
        for (const [tool, input] of searches)
          expect((yield* call(tool, input)).structured, tool).toMatchObject({ complete: true, notes: [begunWith] })
      }).pipe(using(agent))
    )

    it.live("are counted by their loop, or named as undecided, where what they run cannot be read", () =>
      Effect.gen(function* () {
        yield* ask(`begin
          {ok, _} = gen_server:start({local, great}, counts, [], [{spawn_opt, [{min_heap_size, 1500000}]}]),
          register(vast, proc_lib:spawn_opt(timer, sleep, [infinity], [{min_heap_size, 1500000}])) end`)
        yield* Effect.gen(function* () {
          const { structured } = yield* call("top_processes", { filter: { behaviour: "gen_server" }, limit: 2 })
          const [first] = structured["processes"] as ReadonlyArray<Readonly<Record<string, unknown>>>
          expect(first?.["name"]).toBe("great")
          const readsKeys = (yield* ask("catch is_tuple(process_info(self(), {dictionary, key}))")) === "true"
          const notes = (structured["notes"] ?? []) as ReadonlyArray<string>
          const undecided = expect.stringMatching(/^The callback of 1 process could not be read: vast\. /u)
          expect(notes.filter((note) => note.startsWith("The callback of"))).toEqual(readsKeys ? [] : [undecided])
        }).pipe(Effect.ensuring(ask("[exit(whereis(Name), kill) || Name <- [great, vast]]")))
      }).pipe(using(agent))
    )

    it.live("are known by what they run, however large their heaps, or said to be unknown", () =>
      Effect.gen(function* () {
        const start = (name: string, words: number) =>
          ask(`Parent = self(), begin
            Pid = proc_lib:spawn_opt(fun() ->
              put('$initial_call', {hefty, init, 1}), Parent ! ready, receive stop -> ok end
            end, [{min_heap_size, ${words}}]),
            register(${name}, Pid), receive ready -> ok end end`)
        yield* start("hefty_1", 10_000)
        yield* start("hefty_2", 10_500)
        yield* start("hefty_3", 200_000)
        yield* Effect.gen(function* () {
          const rows = yield* pick({ name: "hefty_" })
          const calls = rowsOf(rows)
            .toSorted((one, two) => one.name!.localeCompare(two.name!))
            .map((row) => (row as { initial_call?: string }).initial_call)
          const sought = yield* call("find_process", { name: "hefty_", module: "hefty" })
          expect(namesOf(yield* pick({ module: "hefty", min_memory_bytes: 80_000 }))).toContain("hefty_1")
          expect(calls.slice(0, 2)).toEqual(["hefty:init/1", "hefty:init/1"])
          if (otp < "26") {
            expect(calls[2]).toMatch(/^proc_lib:init_p/u)
            expect(rows.structured["complete"]).toBe(false)
            expect(String(rows.structured["notes"])).toContain("What these run is not known: hefty_3.")
            expect(namesOf(sought).toSorted()).toEqual(["hefty_1", "hefty_2"])
          } else {
            expect(calls[2]).toBe("hefty:init/1")
            // Labels on heaps so large are not read.
            expect(String(rows.structured["notes"])).not.toContain("What these run")
            expect(namesOf(sought)).toHaveLength(3)
          }
        }).pipe(
          Effect.ensuring(
            ask(`begin [exit(whereis(N), kill) || N <- [hefty_1, hefty_2, hefty_3]],
              (fun Wait() -> whereis(hefty_3) =:= undefined orelse Wait() end)() end`)
          )
        )
      }).pipe(using(agent))
    )

    it.live("are counted in groups, with the sums that the node gives", () =>
      Effect.gen(function* () {
        const all = yield* call("list_processes", { group_by: "initial_call", sort_by: "count", limit: 200 })
        const twins = groupsOf(all).find(({ group }) => group === "twin:init/1")
        expect(twins).toEqual({
          group: "twin:init/1",
          count: 3,
          message_queue_length: 1,
          memory_bytes: yield* number(
            "lists:sum([M || N <- [twin_a, twin_b, twin_c], {_, M} <- [process_info(whereis(N), memory)]])"
          ),
          reductions: expect.any(Number)
        })
        expect(groupsOf(all).reduce((sum, { count }) => sum + count, 0)).toBe(all.structured["matched"])
        expect(groupsOf(all).length).toBe(all.structured["group_count"])
        const alike = yield* call("list_processes", {
          group_by: "initial_call",
          sort_by: "count",
          filter: { name: "twin_" }
        })
        const [hint] = alike.structured["hints"] as ReadonlyArray<string>
        const twinRows = yield* call("list_processes", JSON.parse(hint!.slice("list_processes ".length)) as object)
        expect(rowsOf(twinRows)).toHaveLength(3)

        const paged: Array<string> = []
        let cursor: unknown
        do {
          const page = yield* call("list_processes", {
            group_by: "initial_call",
            sort_by: "message_queue",
            limit: 7,
            ...(cursor !== undefined && { cursor })
          })
          paged.push(...groupsOf(page).map(({ group }) => group))
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        expect(paged).toHaveLength(new Set(paged).size)
        expect(paged.toSorted()).toEqual(
          groupsOf(all)
            .map(({ group }) => group)
            .toSorted()
        )

        const led = yield* call("list_processes", { group_by: "application", sort_by: "count" })
        const kernel = groupsOf(led).find(({ group }) => group === "kernel")
        expect(kernel!.count).toBe(
          yield* number("length([P || P <- processes(), application:get_application(P) =:= {ok, kernel}])")
        )
        const waiting = yield* call("list_processes", { group_by: "current_function", filter: { name: "twin_" } })
        expect(groupsOf(waiting).map(({ count }) => count)).toEqual([3])

        if (otp < "27") return
        const labels = yield* call("list_processes", { group_by: "label", sort_by: "count", limit: 200 })
        expect(groupsOf(labels)).toContainEqual(expect.objectContaining({ group: "{job,1}", count: 2 }))
        const members = yield* call("list_processes", { filter: { label: "{job,1}" } })
        expect(rowsOf(members)).toHaveLength(2)
      }).pipe(using(agent))
    )

    it.live("are found by the names that global and pg have for them, and taken back by those", () =>
      Effect.gen(function* () {
        expect(named(yield* found("FRONT"))).toEqual([["twin_c", '{global,{seat,<<"front">>}}']])
        expect(named(yield* found("room,17"))).toEqual([
          ["twin_a", "{pg,rooms,{room,17}}"],
          ["twin_b", "{pg,rooms,{room,17}}"]
        ])
        expect(named(yield* found("_seat"))).toEqual([["twin_b", "{global,plain_seat}"]])
        expect(yield* found("no such name at all")).toEqual([])

        for (const pid of ['{global, {seat, <<"front">>}}', '{:global, {:seat, "front"}}']) {
          expect((yield* call("get_process_info", { pid })).structured["name"]).toBe("twin_c")
        }
        for (const pid of ["global:plain_seat", "{via, global, plain_seat}"]) {
          expect((yield* call("get_process_info", { pid })).structured["name"]).toBe("twin_b")
        }
      }).pipe(using(agent))
    )
  })

  it.live.each<SyntaxName>(["erlang", "elixir"])("are found by what is shown of them in %s", (mode) =>
    Effect.gen(function* () {
      const shown = yield* found(mode === "elixir" ? ":room" : "room")
      const names = [...shown, ...(yield* found("seat"))].map(({ known_as }) => known_as!)
      expect(names).toHaveLength(5)
      for (const name of names) expect((yield* found(name)).map(({ known_as }) => known_as)).toContain(name)
      expect(named(yield* found(mode === "elixir" ? "{:room, 17}" : "{room, 17}"))).toHaveLength(2)
      expect(yield* found(mode === "elixir" ? "{:room, 18}" : "{room, 18}")).toEqual([])
      if (otp < "27") return
      const labels = yield* call("list_processes", { group_by: "label", sort_by: "count", limit: 200 })
      const label = groupsOf(labels).find(({ group }) => group.includes("job"))!.group
      expect(rowsOf(yield* call("find_process", { label }))).toHaveLength(2)
    }).pipe(using("eval", mode))
  )

  // Before OTP 26.2 a callback is read with the whole dictionary, which may be all of a heap.
  it.live("are apart and named where what they run is not read", () =>
    Effect.gen(function* () {
      yield* ask(
        "begin register(hefty_sleeper, proc_lib:spawn_opt(timer, sleep, [infinity], [{min_heap_size, 5000000}])), ok end"
      )
      yield* Effect.gen(function* () {
        const filter = { name: "hefty_sleeper" }
        const grouped = yield* call("list_processes", { group_by: "initial_call", filter })
        const sorted = yield* Effect.forEach(["module", "initial_call"], lastPage)
        if (otp >= "27") {
          expect(groupsOf(grouped)).toEqual([expect.objectContaining({ group: "timer:sleep/1", count: 1 })])
          for (const page of sorted) expect(page.text).not.toContain("could not be read")
          return
        }
        const notRead = expect.stringMatching(/^The callback of 1 process could not be read: hefty_sleeper\. /u)
        expect(groupsOf(grouped)).toEqual([
          expect.objectContaining({ group: "(callback not read: long queue, large heap or no time)", count: 1 })
        ])
        expect(grouped.structured).toMatchObject({ complete: false, notes: [notRead] })
        for (const page of sorted) {
          expect(namesOf(page).at(-1)).toBe("hefty_sleeper")
          expect(page.structured).toMatchObject({ complete: false, notes: expect.arrayContaining([notRead]) })
        }
      }).pipe(Effect.ensuring(ask("exit(whereis(hefty_sleeper), kill)")))
    }).pipe(using("eval"))
  )

  describe.runIf(otp >= "27")("with labels that are large", () => {
    const large = `persistent_term:put(large_labels, [
      begin
        {Pid, _} = spawn_monitor(fun() -> proc_lib:set_label(Label), receive stop -> ok end end),
        (fun Wait() -> process_info(Pid, status) =:= {status, waiting} orelse begin erlang:yield(), Wait() end end)(),
        Pid
      end
      || Label <- [{heap, N, lists:seq(1, 5000)} || N <- lists:seq(1, 150)] ++
        [binary:copy(<<"y">>, 400 + N) || N <- [1, 2, 2]]])`

    it.live("are sorted, searched and counted, each label for itself", () =>
      Effect.gen(function* () {
        yield* ask(large)
        yield* Effect.gen(function* () {
          for (const agent of ["eval", "load"] as const) {
            yield* Effect.gen(function* () {
              const sorted = yield* call("list_processes", { sort_by: "label", limit: 5 })
              expect(sorted.structured["matched"]).toBe(sorted.structured["total"])
              const some = yield* call("list_processes", { filter: { label: "{heap,77,[1,2" }, limit: 5 })
              expect(some.structured).toMatchObject({ matched: 1 })
              const all = yield* call("list_processes", { group_by: "label", sort_by: "count", limit: 5 })
              expect(all.structured["group_count"]).toBeGreaterThan(152)
              const filter = { label: "yyyy" }
              const alike = yield* call("list_processes", { group_by: "label", sort_by: "count", filter })
              const counts = groupsOf(alike).map(({ count }) => count)
              expect(counts).toEqual([2, 1])
            }).pipe(using(agent))
          }
        }).pipe(Effect.ensuring(ask("[exit(Pid, kill) || Pid <- persistent_term:get(large_labels)]")))
      })
    )
  })

  it.live("stand in anonymous functions that are told apart, and found by what is shown", () =>
    Effect.gen(function* () {
      yield* ask(`begin
        Texts = ["-module(nameless).", "-export([go/0]).",
          "go() -> [spawn(fun() -> receive one -> 1 end end), spawn(fun() -> receive two -> 2 end end)]."],
        Forms = [begin {ok, Tokens, _} = erl_scan:string(T), {ok, F} = erl_parse:parse_form(Tokens), F end || T <- Texts],
        {ok, nameless, Beam} = compile:forms(Forms, []), {module, nameless} = code:load_binary(nameless, "nameless.beam", Beam),
        Pids = nameless:go(), persistent_term:put(nameless, Pids),
        (fun Wait() -> lists:all(fun(P) -> process_info(P, status) =:= {status, waiting} end, Pids) orelse Wait() end)() end`)
      yield* Effect.gen(function* () {
        const stacks = yield* standing("nameless")
        expect(stacks.toSorted()).toEqual([':nameless."-go/0-fun-0-"/0', ':nameless."-go/0-fun-1-"/0'])
        for (const stack of stacks) expect(yield* standing(stack)).toEqual([stack])
        expect(yield* standing("anonymous fn/0 in :nameless.go/0")).toHaveLength(2)
      }).pipe(Effect.ensuring(ask("[exit(Pid, kill) || Pid <- persistent_term:get(nameless)]")))
    }).pipe(using("eval", "elixir"))
  )

  it.live("refuse names that would run code, and make no atoms and load nothing for those that are none", () =>
    Effect.gen(function* () {
      yield* call("get_process_info", { pid: "global:plain_seat" })
      yield* call("find_process", { name: "seat" })
      const refused = yield* Effect.flip(call("get_process_info", { pid: "{via, lists, x}" }))
      expect(refused.code).toBe("invalid_input")
      const modules = yield* ask("length(code:all_loaded())")
      const atoms = yield* number("erlang:system_info(atom_count)")
      for (let at = 0; at < 20; at++) {
        for (const pid of [
          `{global, nobody_${at}}`,
          `global:none_${at}`,
          `{via, gproc, {n, l, no_${at}}}`,
          `{via, 'Elixir.Registry', {no_${at}, 1}}`
        ]) {
          const error = yield* Effect.flip(call("get_process_info", { pid }))
          expect(error.code).toBe("no_such_process")
        }
        yield* Effect.exit(call("list_processes", { filter: { behaviour: `no_behaviour_${at}` } }))
        yield* Effect.exit(call("list_processes", { filter: { initial_call: `no_module_${at}:f/1` } }))
      }
      expect((yield* number("erlang:system_info(atom_count)")) - atoms).toBeLessThan(10)
      expect(yield* ask("length(code:all_loaded())")).toBe(modules)
      expect(yield* ask("process_info(whereis(twin_b), message_queue_len)")).toBe("{message_queue_len,0}")
    }).pipe(using("eval"))
  )

  it.live("say what cannot be had without the agent", () =>
    Effect.gen(function* () {
      const groups = yield* Effect.flip(call("list_processes", { group_by: "application" }))
      expect(groups.code).toBe("unsupported")
      expect((yield* Effect.flip(call("list_processes", { sort_by: "name" }))).code).toBe("unsupported")
      const found = yield* call("find_process", { name: "twin_" })
      expect(namesOf(found).toSorted()).toEqual(["twin_a", "twin_b", "twin_c"])
      expect(found.structured["complete"]).toBe(false)
      const youngest = yield* ask(
        "[element(2, process_info(P, registered_name)) || P <- lists:reverse(lists:sort([whereis(N) || N <- [twin_a, twin_b, twin_c]]))]"
      )
      const byPid = yield* call("find_process", { name: "twin_", sort_by: "pid" })
      expect(`[${namesOf(byPid).join(",")}]`).toBe(youngest)
      if (otp >= "27") {
        const twins = yield* call("list_processes", { filter: { initial_call: "twin:init/1" } })
        expect(namesOf(twins).toSorted()).toEqual(["twin_a", "twin_b", "twin_c"])
      }
    }).pipe(using("none"))
  )
})

const elixir = elixirPath()

describe.skipIf(elixir === undefined)("processes of Elixir", () => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({
      args: ["-pa", `${elixir!}/ebin`],
      eval: `
        {ok, _} = application:ensure_all_started(elixir),
        Registry = 'Elixir.Registry',
        {ok, One} = Registry:start_link([{keys, unique}, {name, 'Elixir.Shop.Carts'}]), unlink(One),
        {ok, Many} = Registry:start_link([{keys, duplicate}, {name, 'Elixir.Shop.Topics'}, {partitions, 3}]), unlink(Many),
        Agent = 'Elixir.Agent',
        {ok, Cart} = Agent:start_link(fun() -> 0 end, [{name, {via, Registry, {'Elixir.Shop.Carts', <<"cart-17">>}}}]),
        unlink(Cart), register(cart, Cart),
        {ok, Job} = 'Elixir.Task':start(fun() -> receive stop -> ok end end), register(job, Job),
        {ok, Rooms} = 'Elixir.DynamicSupervisor':start_link([{strategy, one_for_one}, {name, 'Elixir.Rooms'}]), unlink(Rooms),
        register(fan, spawn(fun() -> Registry:register('Elixir.Shop.Topics', {news, <<"cart-17">>}, nil), receive stop -> ok end end)),
        (fun Wait() -> case Registry:lookup('Elixir.Shop.Topics', {news, <<"cart-17">>}) of [] -> erlang:yield(), Wait(); _ -> ok end end)()`
    })
  })
  afterAll(() => node.stop())
  const using = Effect.provide(
    Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent: "eval", mode: "elixir" })))
  )

  it.live("are known by the keys of registries", () =>
    Effect.gen(function* () {
      const rows = rowsOf(yield* call("find_process", { name: "CART-17" }))
      expect(rows.map(({ known_as, name }) => [name, known_as]).toSorted()).toEqual([
        [":cart", '{:via, Registry, {Shop.Carts, "cart-17"}}'],
        [":fan", '{:via, Registry, {Shop.Topics, {:news, "cart-17"}}}']
      ])
      for (const pid of [
        '{:via, Registry, {Shop.Carts, "cart-17"}}',
        `{via, 'Elixir.Registry', {'Elixir.Shop.Carts', <<"cart-17">>}}`
      ]) {
        expect((yield* call("get_process_info", { pid })).structured["name"]).toBe(":cart")
      }
      // A registry of duplicate keys names nobody in particular.
      const pid = '{:via, Registry, {Shop.Topics, {:news, "cart-17"}}}'
      expect((yield* Effect.flip(call("get_process_info", { pid }))).code).toBe("no_such_process")
    }).pipe(using)
  )

  it.live("have the behaviours of Elixir under both names", () =>
    Effect.gen(function* () {
      for (const behaviour of ["GenServer", "gen_server"]) {
        const rows = yield* call("list_processes", { filter: { behaviour }, limit: 200 })
        expect(namesOf(rows)).toEqual(expect.arrayContaining([":cart", "Shop.Carts.PIDPartition0"]))
        expect(namesOf(rows)).not.toContain("Shop.Carts")
      }
      const supervisors = yield* call("list_processes", { filter: { behaviour: "Supervisor" }, limit: 200 })
      expect(namesOf(supervisors)).toEqual(expect.arrayContaining(["Shop.Carts", "Rooms"]))
    }).pipe(using)
  )

  it.live("are found by what they were started as, where Elixir starts them as something else", () =>
    Effect.gen(function* () {
      const as = (behaviour: string) =>
        Effect.map(call("list_processes", { filter: { behaviour }, limit: 200 }), ({ structured, ...result }) => ({
          names: namesOf({ structured, ...result })
            .filter((it) => it !== undefined)
            .toSorted(),
          notes: structured["notes"]
        }))
      expect(yield* as("Agent")).toEqual({
        names: [":cart"],
        notes: [expect.stringMatching(/^An Agent is known/u), begunWith]
      })
      expect((yield* as("Task")).names).toEqual([":job"])
      expect((yield* as("DynamicSupervisor")).names).toEqual(["Rooms"])
      expect((yield* as("Registry")).names).toEqual(
        expect.arrayContaining(["Shop.Carts", "Shop.Carts.PIDPartition0", "Shop.Topics", "Shop.Topics.PIDPartition2"])
      )
      const busiest = yield* call("top_processes", { filter: { behaviour: "Agent" } })
      expect(namesOf(busiest)).toEqual([":cart"])
    }).pipe(using)
  )
})
