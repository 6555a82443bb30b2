import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import { allTools } from "../../src/tools/AllTools.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Names of every kind, of everything that has one. */
const scene = `
  Idle = fun() -> receive stop -> ok end end,
  Started = fun(Name) -> Pid = spawn(Idle), register(Name, Pid), Pid end,
  lists:foreach(Started, [odd_name, 'odd name', 'Elixir.Odd.Name', 'Odd', '1st|"name"']),
  lists:foreach(
    fun(Name) -> ets:new(Name, [named_table, public]) end,
    [odd_table, 'odd table', 'Elixir.Odd.Table']
  ),
  ets:new(nameless, []),
  ets:new(odd_keys, [named_table]),
  ets:insert(odd_keys, [{Key} || Key <- [odd_key, 'odd key', 'Elixir.Odd.Key', {odd, <<"key">>, "text", -1}, {'Elixir.Odd.Term', <<"k">>},
    <<"odd:1">>, <<"é\\""/utf8>>, [5672, 404], #{odd => 1.5}]]),
  Load = fun(Name) ->
    Function = fun(Called) -> {function, 1, Called, 0, [{clause, 1, [], [], [{atom, 1, ok}]}]} end,
    {ok, Name, Code} = compile:forms(
      [{attribute, 1, module, Name}, {attribute, 1, export, [{F, 0} || F <- [odd_run, 'odd run', 'Odd', '+']]}] ++
        [Function(F) || F <- [odd_run, 'odd run', 'Odd', '+']], []),
    {module, Name} = code:load_binary(Name, "odd", Code)
  end,
  lists:foreach(Load, [odd_module, 'odd module', 'Elixir.Odd.Module']),
  lists:foreach(
    fun(Name) -> ok = application:load({application, Name, [{env, [{odd_key, 1}, {'odd key', 2}, {'Elixir.Odd.Key', 3}]}]}) end,
    [odd_app, 'odd app']
  ),
  {ok, _} = pg:start(pg),
  [ok = pg:join(Group, self()) || Group <-
    [odd_group, 'odd group', 'Elixir.Odd.Group', {odd, <<"group">>, "text", -1}, <<"odd:1">>, <<"é\\""/utf8>>, [5672, 404], #{odd => 1.5}]],
  [persistent_term:put(Key, 1) || Key <- [odd_term, 'odd term', {'Elixir.Odd.Term', <<"k">>}, {odd, -1, <<"term">>, 1.5}, <<"odd term">>]],
  [{ok, _} = gen_event:start({local, Name}) || Name <- [odd_events, 'odd events', 'Elixir.Odd.Events']],
  ok = application:start(mnesia),
  [{atomic, ok} = mnesia:create_table(Name, []) || Name <- [odd_records, 'odd records', 'Elixir.Odd.Records']],
  [global:register_name(Name, spawn(Idle)) || Name <- [odd_global, 'odd global', {odd, -1, <<"global">>, 1.5}, <<"global \\"1\\"">>]],
  Init = fun(odd_sup) -> {ok, {#{}, [
    #{id => Id, start => {proc_lib, start_link, [erlang, apply, [fun() -> proc_lib:init_ack({ok, self()}), Idle() end, []]]}}
    || Id <- [odd_child, 'odd child', 'Elixir.Odd.Child', {odd, -1, <<"child">>, 1.5}, "odd text", <<"odd binary">>]]}} end,
  {ok, odd_sup_module, Sup} = compile:forms([
    {attribute, 1, module, odd_sup_module}, {attribute, 1, export, [{init, 1}]},
    {function, 1, init, 1, [{clause, 1, [{var, 1, 'F'}], [], [{call, 1, {var, 1, 'F'}, [{atom, 1, odd_sup}]}]}]}], []),
  {module, odd_sup_module} = code:load_binary(odd_sup_module, "odd", Sup),
  ok = logger:add_handler('odd handler', logger_std_h, #{level => none}),
  ok = logger:add_handler('Elixir.Odd.Handler', logger_std_h, #{level => none}),
  ok = logger:set_module_level([odd_module, 'Elixir.Odd.Module', lists], info),
  {ok, Pid} = supervisor:start_link({local, odd_sup}, odd_sup_module, Init), unlink(Pid),
  Inbox = Started(inbox),
  [Inbox ! Message || Message <- [plain, odd_message, 'odd message', 'Elixir.Odd.Message', 'Odd', '1st|"name"', 'back\\\\slash',
    {odd_call, {self(), make_ref()}, {'Odd.get', 1}}, {'NotFound', <<"odd">>, #{}, [], "text", 1.5, Idle},
    #{'__struct__' => 'Elixir.Odd.Struct'}, {odd, list_to_tuple(lists:seq(1, 20))}, {odd, {odd, {odd, deep}}}]],
  Crowd = Started(crowd),
  rand:seed(exsplus, {1, 2, 3}),
  Any = fun(Values) -> lists:nth(rand:uniform(length(Values)), Values) end,
  Value = fun() -> Any([cart, a, b, normal, 'Odd b', password, 'NotFound', 'Elixir.Odd', 7, <<"x">>, self(), [], #{}]) end,
  Tuple = fun(Element) -> list_to_tuple([Element() || _ <- lists:seq(1, rand:uniform(3))]) end,
  Kinds = [Tuple(fun() -> Any([Value(), Value(), Tuple(Value)]) end) || _ <- lists:seq(1, 14)] ++
    [cart, {cart, b}, {cart, 7, b}, {cart, 7, {b, a}}, {password, hunter2}, {password, hunter3}],
  [Crowd ! Any(Kinds) || _ <- lists:seq(1, 300)],
  ok`

interface Pasted {
  /** The argument that takes a name: `filter.name`. */
  readonly into: string
  readonly input?: Readonly<Record<string, unknown>>
  /** The rows of a result, and the column with the name. */
  readonly rows: string
  readonly column: string
  /** Of how many rows at least each name is pasted. */
  readonly least: number
  /** Whether all names there are atoms: of others, a piece is pasted, too. */
  readonly areAtoms?: true
}

/** What takes names as a tool shows them. */
const pasted: ReadonlyArray<readonly [string, Pasted]> = [
  ["list_processes", { into: "filter.name", rows: "processes", column: "name", least: 6, areAtoms: true }],
  [
    "list_application_processes",
    {
      into: "filter.name",
      input: { application: "kernel" },
      rows: "processes",
      column: "name",
      least: 10,
      areAtoms: true
    }
  ],
  [
    "find_process",
    { into: "name", input: { name: "odd" }, rows: "processes", column: "name", least: 4, areAtoms: true }
  ],
  ["find_process", { into: "name", input: { name: "global" }, rows: "processes", column: "known_as", least: 4 }],
  [
    "get_process_children",
    {
      into: "filter.name",
      input: { pid: "kernel_sup", tree: "supervised" },
      rows: "processes",
      column: "name",
      least: 5,
      areAtoms: true
    }
  ],
  ["list_applications", { into: "filter.name", rows: "applications", column: "application", least: 4, areAtoms: true }],
  [
    "get_application_info",
    { into: "filter", input: { application: "odd_app" }, rows: "environment", column: "key", least: 3, areAtoms: true }
  ],
  ["get_supervision_tree", { into: "filter.text", input: { root: "odd_sup" }, rows: "tree", column: "id", least: 6 }],
  [
    "list_modules",
    {
      into: "filter.name",
      input: { filter: { name: "odd" } },
      rows: "modules",
      column: "module",
      least: 3,
      areAtoms: true
    }
  ],
  ["list_modules", { into: "filter.application", rows: "modules", column: "application", least: 1, areAtoms: true }],
  [
    "list_module_functions",
    {
      into: "filter.name",
      input: { module: "odd_module" },
      rows: "functions",
      column: "function",
      least: 4,
      areAtoms: true
    }
  ],
  [
    "compare_modules",
    { into: "filter.name", input: { show: "only_here" }, rows: "modules", column: "module", least: 4, areAtoms: true }
  ],
  [
    "list_ets_tables",
    {
      into: "filter.name",
      input: { filter: { name: "odd" } },
      rows: "tables",
      column: "table",
      least: 3,
      areAtoms: true
    }
  ],
  ["get_ets_table_info", { into: "table", rows: "tables", column: "table", least: 10, areAtoms: true }],
  [
    "get_ets_table_info",
    {
      into: "table",
      input: { filter: { name: "nameless" } },
      rows: "tables",
      column: "table",
      least: 1,
      areAtoms: true
    }
  ],
  [
    "sample_ets_table",
    { into: "filter", input: { table: "odd_keys", keys_only: true }, rows: "rows", column: "value", least: 9 }
  ],
  ["list_mnesia_tables", { into: "filter.name", rows: "tables", column: "name", least: 3, areAtoms: true }],
  ["get_persistent_terms", { into: "filter", rows: "terms", column: "key", least: 4 }],
  ["list_process_groups", { into: "filter.group", rows: "groups", column: "group", least: 8 }],
  ["list_registries", { into: "filter.name", input: { registry: "global" }, rows: "keys", column: "key", least: 4 }],
  [
    "list_event_handlers",
    {
      into: "filter.name",
      input: { filter: { kind: "gen_event" } },
      rows: "sources",
      column: "name",
      least: 3,
      areAtoms: true
    }
  ],
  ["get_log_configuration", { into: "filter.name", rows: "entries", column: "name", least: 4, areAtoms: true }],
  ["list_footprint", { into: "filter.name", rows: "footprint", column: "name", least: 3, areAtoms: true }],
  ["group_stacktraces", { into: "filter", rows: "stacks", column: "stack", least: 3, areAtoms: true }]
]

/** Tools whose filters take no name that is a term, or that there is nothing for on a plain node, or with a test below. */
const others = new Set([
  "get_message_queue",
  "list_nodes",
  "get_allocator_info",
  "list_pubsub_topics",
  "list_ports",
  "list_sockets",
  "get_distribution_info",
  "discover_nodes",
  "get_environment",
  "top_processes",
  "get_process_links",
  "list_timers"
])

/** A name without what comes first and last in it: `:w, {:a, 1` of `{:w, {:a, 1}, :b}`. */
const pieceOf = (text: string): string | undefined => {
  const words = [...text.matchAll(/[^\s,]+/gu)]
  const last = words.at(-2)
  return words.length < 3 || last === undefined ? undefined : text.slice(words[0]!.index, last.index + last[0].length)
}

const modes: ReadonlyArray<SyntaxName> = ["elixir", "erlang", "gleam", "lfe"]

const rowsOf = ({ structured }: ToolResult, rows: string) =>
  (structured[rows] ?? []) as ReadonlyArray<Readonly<Record<string, string>>>

/** What one pastes of a column: of a stack, the function on top. */
const partOf = (text: string): string => text.split(" < ")[0]!

const withArgument = (input: Readonly<Record<string, unknown>>, into: string, value: string) => {
  const [first, second] = into.split(".") as [string, string?]
  return second === undefined
    ? { ...input, [first]: value }
    : { ...input, [first]: { ...(input[first] as object), [second]: value } }
}

describe("a name that a result shows", () => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([
      BeamNode.startNode({ cookie: "one", eval: scene }),
      BeamNode.startNode({ cookie: "one" })
    ])
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))

  const inputOf = (name: string, input: object = {}) => ({
    node: node.name,
    ...(name === "compare_modules" && { other_node: other.name }),
    ...input
  })

  describe.each(modes)("in %s", (mode) => {
    it.live.each(pasted)("is taken back by %s", ([tool, { column, input, into, least, rows }]) =>
      Effect.gen(function* () {
        // The list that has what one table's name is pasted from.
        const lister = tool === "get_ets_table_info" ? "list_ets_tables" : tool
        const shown = rowsOf(yield* call(lister, inputOf(lister, input)), rows)
        const names = [...new Set(shown.flatMap((row) => row[column] ?? []))].map((it) => partOf(it))
        expect(names.length).toBeGreaterThanOrEqual(least)
        for (const name of names.slice(0, 12)) {
          const found = yield* call(tool, withArgument(inputOf(tool, lister === tool ? input : {}), into, name))
          if (lister !== tool) expect(found.structured["table"]).toBe(name)
          else
            expect(
              rowsOf(found, rows).map((row) => row[column] && partOf(row[column])),
              name
            ).toContain(name)
        }
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode })))))
    )

    it.live.each(pasted.filter(([, { areAtoms }]) => !areAtoms))("is found by a piece of it by %s", ([tool, it]) =>
      Effect.gen(function* () {
        const { column, input, into, rows } = it
        const shown = rowsOf(yield* call(tool, inputOf(tool, input)), rows).map((row) => row[column]!)
        const pieces = shown.flatMap((name) => {
          const piece = pieceOf(name)
          return piece === undefined ? [] : [{ name, piece }]
        })
        expect(pieces).not.toEqual([])
        for (const { name, piece } of pieces.slice(0, 6)) {
          const found = rowsOf(yield* call(tool, withArgument(inputOf(tool, input), into, piece)), rows)
          expect(
            found.map((row) => row[column]),
            piece
          ).toContain(name)
        }
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode })))))
    )

    it.live.each(["inbox", "crowd"])(
      "is taken back as a part of the shape of a message, and as all of it, by %s",
      (pid) =>
        Effect.gen(function* () {
          const matched = (filter: string) =>
            Effect.map(call("get_message_queue", inputOf("", { pid, filter, limit: 100 })), ({ structured }) => {
              const { matched: found, messages } = structured as {
                readonly matched: number
                readonly messages?: ReadonlyArray<{ readonly at: number }>
              }
              return { found, places: (messages ?? []).map(({ at }) => at) }
            })
          const { structured } = yield* call("get_message_queue", inputOf("", { pid }))
          const shapes = structured["shapes"] as ReadonlyArray<{
            readonly count: number
            readonly shape: string
            readonly first_at: number
          }>
          expect(shapes.length).toBeGreaterThan(10)
          expect(structured["shape_count"]).toBe(shapes.length)
          for (const { count, first_at, shape } of shapes) {
            const { found, places } = yield* matched(shape)
            expect(found, shape).toBe(count)
            expect(places, shape).toContain(first_at)
            const piece = shape.slice(0, -1)
            if (piece === "" || shapes.some((other) => other.shape === piece)) continue
            const having = shapes.filter((other) => other.shape.toLowerCase().includes(piece.toLowerCase()))
            expect((yield* matched(piece)).found, piece).toBe(having.reduce((sum, other) => sum + other.count, 0))
          }
        }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { mode })))))
    )

    it.live("leads on by the hints of groups", () =>
      Effect.gen(function* () {
        const grouped = yield* call("list_processes", { ...inputOf(""), group_by: "application", sort_by: "count" })
        const [hint] = grouped.structured["hints"] as ReadonlyArray<string>
        const next = yield* call("list_processes", inputOf("", JSON.parse(hint!.slice("list_processes ".length))))
        const [first] = grouped.structured["groups"] as ReadonlyArray<{ readonly count: number }>
        expect(next.structured["matched"]).toBe(first!.count)
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { mode })))))
    )
  })

  it("has a row here for every tool with a filter of names", () => {
    const tested = new Set(pasted.map(([tool]) => tool))
    const filtering = allTools
      .filter(({ input }) => /FilterText|filter/u.test(Object.keys(input.fields).join(" ")))
      .map(({ name }) => name)
    expect(filtering.filter((name) => !tested.has(name) && !others.has(name))).toEqual([])
  })

  it.live("is said not to be there, where nothing ran out of time", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("list_event_handlers", { node: node.name, filter: { name: "nonsense" } })
      expect(structured["summary"]).toMatch(/^None of \d+ sources of events passes the filter\.$/u)
    }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node])))))
  )
})
