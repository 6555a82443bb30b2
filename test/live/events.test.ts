import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import type { AgentMode } from "../../src/node/index.ts"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

type Row = Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult, name: string) => (structured[name] ?? []) as ReadonlyArray<Row>

const using = (node: () => BeamNode.BeamNode, options: { readonly agent?: AgentMode; readonly mode?: SyntaxName }) =>
  Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node()], options))))

/** Groups of one to five members, names that are global, and managers: one that is idle, one without handlers, one busy. */
const scene = `
  {ok, _} = pg:start(rooms),
  {ok, _} = pg:start('Empty Scope'),
  Idle = fun() -> spawn(fun() -> receive stop -> ok end end) end,
  Members = [Idle() || _ <- lists:seq(1, 5)],
  [ok = pg:join(rooms, {room, N}, lists:sublist(Members, N)) || N <- lists:seq(1, 5)],
  ok = pg:join(rooms, <<"lobby">>, hd(Members)),
  yes = global:register_name({service, 7}, hd(Members)),
  {ok, _} = gen_event:start({local, quiet_manager}),
  {ok, Manager} = gen_event:start({local, loud_manager}),
  ok = gen_event:add_handler(Manager, error_logger_tty_h, []),
  {ok, Busy} = gen_event:start({local, busy_manager}),
  sys:suspend(Busy),
  ok`

describe.each(BeamNode.otpReleases())("the events of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([
      BeamNode.startNode({ otp, cookie: "events", eval: scene }),
      BeamNode.startNode({ otp, cookie: "events" })
    ])
    await other.evaluate(`true = net_kernel:connect_node('${node.name}'), {ok, _} = pg:start(rooms), ok`)
    await other.evaluate(`ok = pg:join(rooms, {room, 5}, self()), ok = pg:join(rooms, "far away", self())`)
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    const onNode = using(() => node, { agent, mode: "erlang" })

    it.live("lists process groups with members here and elsewhere", () =>
      Effect.gen(function* () {
        const joined = ask("length(pg:get_members(rooms, {room, 5})) + length(pg:which_groups(rooms))")
        yield* eventually(Effect.map(joined, (it) => it === "13"))
        const all = yield* call("list_process_groups", { limit: 3 })
        expect(all.structured).toMatchObject({ total: 7, matched: 7, complete: true })
        expect(all.structured["summary"]).toBe(
          "3 of 7 groups in 2 scopes by members; first {room,5} with 6 members, 5 of them here."
        )
        expect(rowsOf(all, "scopes").map(({ groups, scope }) => [scope, groups])).toEqual(
          expect.arrayContaining([
            ["rooms", 7],
            ["'Empty Scope'", 0]
          ])
        )
        expect(rowsOf(all, "groups")[0]).toMatchObject({
          group: "{room,5}",
          scope: "rooms",
          members: 6,
          local_members: 5,
          remote_members: 1,
          nodes: 2
        })
        expect(rowsOf(all, "groups")[0]?.["pids"]).toHaveLength(5)
        const rest = yield* call("list_process_groups", { limit: 3, cursor: all.structured["next_cursor"] })
        const last = yield* call("list_process_groups", { limit: 3, cursor: rest.structured["next_cursor"] })
        expect(last.structured["next_cursor"]).toBeUndefined()
        const groups = [all, rest, last].flatMap((page) => rowsOf(page, "groups").map(({ group }) => group))
        expect(groups.toSorted()).toEqual(
          JSON.parse(
            yield* ask(`[lists:flatten(io_lib:format("~0tp", [G])) || G <- pg:which_groups(rooms)]`)
          ).toSorted()
        )
        const far = yield* call("list_process_groups", { sort_by: "remote", limit: 1, filter: { group: "FAR" } })
        expect(rowsOf(far, "groups")).toEqual([
          expect.objectContaining({ members: 1, local_members: 0, remote_members: 1, nodes: 1 })
        ])
        const empty = yield* call("list_process_groups", { scope: "'Empty Scope'" })
        expect(empty.structured).toMatchObject({ total: 0, matched: 0 })
      }).pipe(onNode)
    )

    it.live("says which scope was perhaps meant", () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(call("list_process_groups", { scope: "romos" }))).toMatchObject({
          code: "not_found",
          didYouMean: ["rooms"]
        })
      }).pipe(onNode)
    )

    it.live("lists the names of global", () =>
      Effect.gen(function* () {
        const all = yield* call("list_registries", {})
        expect(rowsOf(all, "registries")).toEqual([
          expect.objectContaining({ registry: "global", kind: "global", keys: "unique", entries: 1 })
        ])
        const keys = yield* call("list_registries", { registry: "global" })
        const pid = (yield* ask("pid_to_list(global:whereis_name({service, 7}))")).slice(1, -1)
        expect(rowsOf(keys, "keys")).toEqual([{ key: "{service,7}", entries: 1, pids: [pid] }])
        expect(keys.structured["hints"]).toEqual([`get_process_info {"pid":"${pid}"}`])
        expect(yield* Effect.flip(call("list_registries", { registry: "App.Registry" }))).toMatchObject({
          code: "not_found"
        })
        expect(yield* Effect.flip(call("list_registries", { registry: "global", sort_by: "memory" }))).toMatchObject({
          code: "invalid_input"
        })
      }).pipe(onNode)
    )

    it.live("shows the handlers of idle managers, and asks no other", () =>
      Effect.gen(function* () {
        const told = yield* call("list_event_handlers", { limit: 200 })
        const sources = new Map(rowsOf(told, "sources").map((row) => [row["name"], row]))
        expect(sources.get("loud_manager")).toMatchObject({
          kind: "gen_event",
          message_queue_length: 0,
          handler_count: 1,
          handlers: [{ id: "error_logger_tty_h" }]
        })
        expect(sources.get("quiet_manager")).toMatchObject({ handler_count: 0 })
        expect(sources.get("busy_manager")).toMatchObject({ state: "busy" })
        expect(sources.get("busy_manager")).not.toHaveProperty("handler_count")
        expect(told.structured["complete"]).toBe(false)
        expect(told.structured["notes"]).toEqual(expect.arrayContaining([expect.stringContaining("busy: not asked")]))
        expect(sources.get("logger")).toMatchObject({
          handler_count: Number(yield* ask("length(logger:get_handler_ids())")),
          handlers: expect.arrayContaining([expect.objectContaining({ id: "default", module: "logger_std_h" })])
        })
        const left = `[process_info(whereis(N), messages) || N <- [busy_manager, loud_manager, quiet_manager]]`
        expect(yield* ask(left)).toBe("[{messages,[]},{messages,[]},{messages,[]}]")
        const named = yield* call("list_event_handlers", { filter: { kind: "gen_event", name: "LOUD" } })
        expect(named.structured).toMatchObject({ matched: 1 })
        const [longest] = rowsOf(yield* call("list_event_handlers", { sort_by: "message_queue" }), "sources")
        expect(longest).toMatchObject({ kind: "gen_event" })
        const byName = yield* call("list_event_handlers", {
          sort_by: "name",
          filter: { kind: "gen_event", name: "manager" }
        })
        expect(rowsOf(byName, "sources").map((row) => row["name"])).toEqual([
          "busy_manager",
          "loud_manager",
          "quiet_manager"
        ])
      }).pipe(onNode)
    )

    it.live("finds no PubSub where there is none", () =>
      Effect.gen(function* () {
        const told = yield* call("list_pubsub_topics", {})
        expect(told.structured).toMatchObject({
          summary: `No Phoenix.PubSub (of version 2) runs on ${node.name}.`,
          total: 0,
          matched: 0
        })
        expect(yield* Effect.flip(call("list_pubsub_topics", { pubsub: "App.PubSub" }))).toMatchObject({
          code: "not_found"
        })
      }).pipe(onNode)
    )

    it.live("loads nothing of the node's own, makes no atom of a name, and leaves no table fixed", () =>
      Effect.gen(function* () {
        const loaded = `lists:sort([M || {M, _} <- code:all_loaded(), not lists:prefix("beamscope", atom_to_list(M))])`
        const before = yield* ask(loaded)
        for (const name of ["events_one_name", ":events_two_names", "Events.Three.Names"]) {
          yield* Effect.exit(call("list_process_groups", { scope: name }))
          yield* Effect.exit(call("list_registries", { registry: name, filter: { name } }))
          yield* Effect.exit(call("list_pubsub_topics", { pubsub: name, filter: { topic: name } }))
          yield* Effect.exit(call("list_event_handlers", { filter: { name } }))
          yield* Effect.exit(call("list_process_groups", { filter: { group: name } }))
        }
        for (const name of ["events_one_name", "events_two_names", "Elixir.Events.Three.Names"]) {
          expect(
            yield* ask(
              `try list_to_existing_atom(lists:concat([${name.split("").map((it) => it.charCodeAt(0))}])) catch error:badarg -> none end`
            )
          ).toBe("none")
        }
        expect(yield* ask(loaded)).toBe(before)
        expect(yield* ask("[ets:info(T, fixed) || T <- [rooms, global_names]]")).toBe("[false,false]")
      }).pipe(onNode)
    )
  })

  it.live("cannot be had without the agent, which is said", () =>
    Effect.gen(function* () {
      for (const name of ["list_process_groups", "list_registries", "list_pubsub_topics", "list_event_handlers"])
        expect(yield* Effect.flip(call(name, {}))).toMatchObject({ code: "unsupported" })
    }).pipe(using(() => node, { agent: "none" }))
  )
})

/** Names as of structs and binaries: together they are larger than the heap of any question. */
const largeNames = `
  {ok, _} = pg:start(rooms),
  Idle = fun() -> spawn(fun() -> receive stop -> ok end end) end,
  Pid = Idle(),
  true = register(foo_server, Pid),
  Large = [binary:copy(<<"x">>, 3000000) | [{N, lists:duplicate(2500, <<"y">>)} || N <- lists:seq(1, 300)]],
  yes = global:register_name({room, foo}, Pid),
  [yes = global:register_name(Name, Idle()) || Name <- Large],
  [ok = pg:join(rooms, Name, Pid) || Name <- [{room, foo} | Large]],
  ok`

describe.each(BeamNode.otpReleases())("names of any size on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: largeNames })
  })
  afterAll(() => node.stop())

  const onNode = using(() => node, { mode: "erlang" })
  const long = expect.stringContaining("beginning")

  it.live("keep no name from being found, and are not said to be searched whole", () =>
    Effect.gen(function* () {
      const found = yield* call("find_process", { name: "foo" })
      expect(found.structured).toMatchObject({ matched: 1, complete: false, notes: [long] })
      expect(rowsOf(found, "processes")[0]?.["known_as"]).toMatch(/foo_server/u)
      expect(rowsOf(found, "processes")[0]?.["known_as"]).toMatch(/\{global,\{room,foo\}\}/u)
      const large = yield* call("find_process", { name: "{7,[<<" })
      // Of the name that is global, and of the group.
      expect(large.structured).toMatchObject({ matched: 2 })
    }).pipe(onNode)
  )

  it.live("are listed, filtered and paged", () =>
    Effect.gen(function* () {
      for (const [tool, input, rows, key] of [
        ["list_registries", { registry: "global" }, "keys", "name"],
        ["list_process_groups", {}, "groups", "group"]
      ] as const) {
        const names = new Set<unknown>()
        let cursor: unknown
        do {
          const page = yield* call(tool, { ...input, limit: 200, ...(cursor !== undefined && { cursor }) })
          expect(page.structured).toMatchObject({ total: 302, matched: 302, complete: true })
          for (const row of rowsOf(page, rows)) names.add(row[rows === "keys" ? "key" : "group"])
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        expect(names.size).toBe(302)
        const some = yield* call(tool, { ...input, filter: { [key]: "{7,[<<" } })
        expect(some.structured).toMatchObject({ matched: 1, complete: false, notes: [long] })
        const none = yield* call(tool, { ...input, filter: { [key]: "nothing" } })
        expect(none.structured["summary"]).toMatch(
          /^None of 302 (keys of global|groups in 1 scope) passes the filter\.$/u
        )
      }
    }).pipe(onNode)
  )
})

/** Where Elixir's modules are, if it is here. */
const elixirPath = (): string | undefined => {
  try {
    return execFileSync("elixir", ["-e", ":io.put_chars(:code.lib_dir(:elixir))"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return undefined
  }
}

/** A registry of each kind, and one with what Phoenix.PubSub.Supervisor of version 2 puts into its own. */
const registries = `
  {ok, _} = application:ensure_all_started(elixir),
  true = register(some_listener, spawn(fun Eat() -> receive _ -> Eat() end end)),
  Start = fun(Options) -> {ok, _} = 'Elixir.Registry':start_link(Options) end,
  Start([{keys, unique}, {name, 'Elixir.App.Names'}]),
  Start([{keys, duplicate}, {name, 'Elixir.App.Properties'}, {partitions, 4}, {listeners, [some_listener]}]),
  Start([{keys, duplicate}, {name, 'Elixir.App.PubSub'}, {partitions, 2},
    {meta, [{pubsub, {'Elixir.Phoenix.PubSub.PG2', 'Elixir.App.PubSub.Adapter'}}]}]),
  Register = fun(Registry, Keys) ->
    Self = self(),
    {Pid, _} = spawn_monitor(fun() ->
      [{ok, _} = 'Elixir.Registry':register(Registry, Key, Value) || {Key, Value} <- Keys],
      Self ! {self(), done},
      receive stop -> ok end
    end),
    receive {Pid, done} -> ok; {'DOWN', _, _, Pid, Reason} -> exit(Reason) end
  end,
  Register('Elixir.App.Names', [{<<"worker 1">>, #{password => <<"hunter2">>}}, {{worker, 2}, nil}]),
  [Register('Elixir.App.Properties', [{color, N}, {{size, N}, N}]) || N <- lists:seq(1, 8)],
  [Register('Elixir.App.PubSub', [{<<"users">>, []}, {<<"user:", (integer_to_binary(N))/binary>>, []}])
    || N <- lists:seq(1, 30)],
  ok`

const elixir = elixirPath()

describe.runIf(elixir !== undefined)("the registries of Elixir", () => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ args: ["-pa", `${elixir}/ebin`], eval: registries })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    const onNode = using(() => node, { agent, mode: "elixir" })

    it.live("are listed with their kind of keys and their figures", () =>
      Effect.gen(function* () {
        const all = yield* call("list_registries", {})
        expect(
          rowsOf(all, "registries").map(({ entries, keys, partitions, registry }) => [
            registry,
            keys,
            partitions,
            entries
          ])
        ).toEqual([
          ["App.PubSub", ":duplicate", 2, 60],
          ["App.Properties", ":duplicate", 4, 16],
          ["App.Names", ":unique", 1, 2],
          ["global", ":unique", undefined, 0]
        ])
        expect(rowsOf(all, "registries")[1]?.["listeners"]).toEqual([":some_listener"])
        expect(yield* ask("'Elixir.Registry':count('Elixir.App.PubSub')")).toBe("60")
        expect(all.structured["hints"]).toEqual(['list_registries {"registry":"App.PubSub"}'])
        const some = yield* call("list_registries", { filter: { name: "prop" }, sort_by: "name" })
        expect(some.structured).toMatchObject({ total: 4, matched: 1 })
      }).pipe(onNode)
    )

    it.live("tell their keys with processes, and values without secrets", () =>
      Effect.gen(function* () {
        const unique = yield* call("list_registries", { registry: "App.Names", sort_by: "name" })
        expect(rowsOf(unique, "keys").map(({ entries, key, value }) => [key, entries, value])).toEqual([
          ["{:worker, 2}", 1, "nil"],
          ['"worker 1"', 1, '%{password: "[redacted]"}']
        ])
        const duplicate = yield* call("list_registries", { registry: ":'Elixir.App.Properties'", limit: 2 })
        expect(duplicate.structured).toMatchObject({ total: 9, matched: 9 })
        expect(rowsOf(duplicate, "keys")[0]).toMatchObject({ key: ":color", entries: 8 })
        expect(rowsOf(duplicate, "keys")[0]?.["pids"]).toHaveLength(5)
        expect(yield* Effect.flip(call("list_registries", { registry: "App.Nmaes" }))).toMatchObject({
          code: "not_found",
          didYouMean: ["App.Names"]
        })
      }).pipe(onNode)
    )

    it.live("show the topics of PubSub, page by page", () =>
      Effect.gen(function* () {
        const first = yield* call("list_pubsub_topics", { limit: 10 })
        expect(first.structured["summary"]).toBe(
          '10 of 31 topics of App.PubSub by subscribers; first "users" with 30 subscribers.'
        )
        expect(rowsOf(first, "pubsubs")).toEqual([
          expect.objectContaining({ pubsub: "App.PubSub", adapter: "Phoenix.PubSub.PG2", subscriptions: 60 })
        ])
        const topics = rowsOf(first, "topics").map(({ topic }) => topic)
        let cursor = first.structured["next_cursor"]
        while (cursor !== undefined) {
          const page = yield* call("list_pubsub_topics", { limit: 10, cursor })
          topics.push(...rowsOf(page, "topics").map(({ topic }) => topic))
          cursor = page.structured["next_cursor"]
        }
        expect(new Set(topics).size).toBe(31)
        expect(topics).toHaveLength(31)
        const some = yield* call("list_pubsub_topics", {
          pubsub: "App.PubSub",
          filter: { topic: "USER:1" },
          sort_by: "name"
        })
        expect(some.structured["matched"]).toBe(11)
        expect(rowsOf(some, "topics")[0]).toMatchObject({ topic: '"user:1"', subscribers: 1 })
        expect(yield* Effect.flip(call("list_pubsub_topics", { pubsub: "App.Pubsub" }))).toMatchObject({
          didYouMean: ["App.PubSub"]
        })
      }).pipe(onNode)
    )
  })
})
