import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Buffer } from "node:buffer"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Tables of all kinds, and who owns them. Their names begin with `t_`. */
const scene = `
  ets:new(t_million, [named_table, public, {keypos, 2}]),
  ets:insert(t_million, [{row, Key, Key rem 1000} || Key <- lists:seq(1, 1000000)]),
  ets:new(t_ordered, [named_table, ordered_set]),
  ets:insert(t_ordered, [{Key, Key rem 10, {nested, Key}} || Key <- lists:seq(1, 500)]),
  ets:new(t_bag, [named_table, duplicate_bag]),
  ets:insert(t_bag, [{Key, Value} || Key <- [a, b], Value <- lists:seq(1, 60)]),
  ets:new(t_private, [named_table, private]),
  Heavy = ets:new(t_heavy, [public]), put(heavy, Heavy),
  ets:insert(Heavy, {big, lists:seq(1, 2000000)}),
  ets:new(t_wide, [named_table]),
  ets:insert(t_wide, [{small, 1}, {wide, binary:copy(<<"wide ">>, 200000)}]),
  ets:new('t_it\\'s "a"\\n{name}', [named_table]),
  ets:new('Elixir.T.Cache', [named_table]),
  ets:new(t_secrets, [named_table]),
  ets:insert(t_secrets, [{db_password, "hunter2"}, {api_key, <<"K3y-of-Api">>, 1}, {user, #{password => <<"hunter2">>}}]),
  ets:new(t_vault, [named_table, ordered_set]),
  ets:insert(t_vault, [{{password, list_to_binary("hunter" ++ integer_to_list(N))}, N} || N <- lists:seq(1, 5)]),
  ets:new(t_kept, [named_table, public]),
  [register(Name, spawn(fun() -> ets:new(t_owned, [public]), receive stop -> ok end end)) || Name <- [t_one, t_two]],
  ok`

type Row = Readonly<Record<string, unknown>>
const tablesOf = ({ structured }: ToolResult) => (structured["tables"] ?? []) as ReadonlyArray<Row>
const valuesOf = ({ structured }: ToolResult) =>
  ((structured["rows"] ?? []) as ReadonlyArray<{ readonly value: string }>).map(({ value }) => value)

describe.each(BeamNode.otpReleases())("the tools for ETS on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const using = (mode: SyntaxName) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { mode }))))

  /** Every row over the pages of a tool. */
  const allRows = Effect.fnUntraced(function* (name: string, input: Row) {
    const rows: Array<Row> = []
    let cursor: unknown
    do {
      const page = yield* call(name, cursor === undefined ? input : { ...input, cursor })
      rows.push(...((page.structured["rows"] ?? []) as ReadonlyArray<Row>))
      cursor = page.structured["next_cursor"]
    } while (cursor !== undefined)
    return rows
  })
  const allValues = (name: string, input: Row) =>
    Effect.map(allRows(name, input), (rows) => rows.map(({ value }) => String(value)))

  it.live("list tables as the node itself does, page by page", () =>
    Effect.gen(function* () {
      const largest = yield* call("list_ets_tables", { limit: 2 })
      expect(tablesOf(largest).map((row) => row["table"])[0]).toBe("t_million")
      expect(tablesOf(largest)[0]).toMatchObject({
        objects: 1_000_000,
        memory_bytes: yield* number("ets:info(t_million, memory) * erlang:system_info(wordsize)"),
        protection: "public",
        type: "set"
      })
      expect(largest.structured["total"]).toBe(yield* number("length(ets:all())"))
      expect(tablesOf(largest)[1]).toMatchObject({ name: "t_heavy", table: yield* ask("get(heavy)") })

      const names: Array<unknown> = []
      let cursor: unknown
      do {
        const input = { sort_by: "name", filter: { name: "T_" }, limit: 3, ...(cursor !== undefined && { cursor }) }
        const page = yield* call("list_ets_tables", input)
        names.push(...tablesOf(page).map((row) => row["name"] ?? row["table"]))
        cursor = page.structured["next_cursor"]
      } while (cursor !== undefined)
      const told = yield* ask(
        'lists:sort([ets:info(T, name) || T <- ets:all(), string:find(atom_to_list(ets:info(T, name)), "t_") =/= nomatch])'
      )
      expect(`[${names.join(",")}]`).toBe(told)

      const kernel = yield* call("list_ets_tables", { filter: { application: "kernel" }, limit: 100 })
      expect(tablesOf(kernel).map((row) => row["table"])).toContain("inet_db")
      expect(tablesOf(kernel).map((row) => row["table"])).not.toContain("t_million")
      const owned = yield* call("list_ets_tables", { filter: { owner: "t_one" } })
      expect(tablesOf(owned)).toMatchObject([{ name: "t_owned", owner_name: "t_one" }])
    }).pipe(using("erlang"))
  )

  it.live("tell which tables grow", () =>
    Effect.gen(function* () {
      yield* ask(
        `register(t_writer, spawn(fun() -> T = ets:new(t_growing, [named_table, public]),
           (fun Write(Key) -> ets:insert(T, {Key}), receive stop -> ok after 1 -> Write(Key + 1) end end)(1) end)), ok`
      )
      const grown = yield* call("list_ets_tables", { sort_by: "size", window_ms: 300, filter: { name: "t_" } })
      expect(tablesOf(grown)).toMatchObject([{ table: "t_growing", owner_name: "t_writer" }])
      expect(tablesOf(grown)[0]?.["object_growth"]).toBeGreaterThan(0)
      yield* ask("t_writer ! stop")
      expect(yield* Effect.flip(call("list_ets_tables", { sort_by: "name", window_ms: 300 }))).toMatchObject({
        code: "invalid_input"
      })
    }).pipe(using("erlang"))
  )

  it.live("know a table by its name and by its reference, in both languages", () =>
    Effect.gen(function* () {
      const erlang = yield* Effect.provide(
        Effect.gen(function* () {
          const heavy = yield* call("get_ets_table_info", { table: yield* ask("get(heavy)") })
          expect(heavy.structured).toMatchObject({ name: "t_heavy", objects: 1, buckets: { most_objects: 1 } })
          const million = (yield* call("get_ets_table_info", { table: "t_million" })).structured
          expect(million).toMatchObject({ objects: 1_000_000, complete: true, buckets: "(not read)" })
          expect(million["notes"]).toContainEqual(expect.stringContaining("buckets"))
          // Of several that were made under one name, none is known by it.
          const several = yield* Effect.flip(call("get_ets_table_info", { table: "t_owned" }))
          expect(several.message).toMatch(/^Several tables .*#Ref<0\.\d+\.\d+\.\d+>, #Ref<0\./u)
          return yield* call("list_ets_tables", { sort_by: "name", filter: { name: "t_it" } })
        }),
        Layer.fresh(liveCatalogue([node], { mode: "erlang" }))
      )
      for (const [mode, listed] of [
        ["erlang", erlang],
        [
          "elixir",
          yield* Effect.provide(
            call("list_ets_tables", { filter: { name: "t_it" } }),
            Layer.fresh(liveCatalogue([node], { mode: "elixir" }))
          )
        ]
      ] as const) {
        const [{ table } = { table: "" }] = tablesOf(listed)
        expect(listed.text).not.toContain('"a"\n')
        yield* Effect.gen(function* () {
          const info = yield* call("get_ets_table_info", { table })
          expect(info.structured["table"]).toBe(table)
          for (const name of ["T.Cache", "Elixir.T.Cache", "'Elixir.T.Cache'"]) {
            expect((yield* call("get_ets_table_info", { table: name })).structured).toMatchObject({ objects: 0 })
          }
          const { structured } = yield* call("list_ets_tables", { filter: { name: "t_heavy" } })
          const [heavy] = structured["tables"] as ReadonlyArray<Row>
          expect((yield* call("get_ets_table_info", { table: heavy!["table"] })).structured["name"]).toMatch(/t_heavy/u)
        }).pipe(Effect.provide(Layer.fresh(liveCatalogue([node], { mode }))))
      }
    })
  )

  it.live("show no pid from before a restart of the node as one of now", () =>
    Effect.gen(function* () {
      // As a table has it that was read from a file: the node's own name, and another creation.
      const pid = yield* ask(`
        Bytes = term_to_binary(self()), Size = byte_size(Bytes) - 4, <<Head:Size/binary, Creation:32>> = Bytes,
        ets:insert(t_kept, [{a, self()}, {b, binary_to_term(<<Head/binary, (Creation + 1):32>>)}]),
        self()`)
      expect(pid).toMatch(/^<0\./u)
      const rows = valuesOf(yield* call("sample_ets_table", { table: "t_kept" }))
      expect(rows.toSorted()).toEqual([`{a,${pid}}`, `{b,${pid.replace(">", " of an earlier incarnation>")}}`])
    }).pipe(using("erlang"))
  )

  it.live("refuse what is not there, private, or too large, and say why", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(call("sample_ets_table", { table: "t_milion" }))).toMatchObject({
        code: "not_found",
        didYouMean: ["t_million"]
      })
      for (const table of ["#Ref<0.1.2.3>", "#Ref<0.4294967295.4294967295.4294967295>"]) {
        expect(yield* Effect.flip(call("get_ets_table_info", { table }))).toMatchObject({ code: "not_found" })
      }
      expect(yield* Effect.flip(call("get_ets_table_info", { table: "#Ref<5.1.2.3>" }))).toMatchObject({
        code: "invalid_input"
      })
      const secret = yield* Effect.flip(call("sample_ets_table", { table: "t_private" }))
      expect(secret.message).toMatch(/is private: only its owner, <0\.\d+\.\d+>, can read it\.$/u)
      expect((yield* call("get_ets_table_info", { table: "t_private" })).structured).toMatchObject({ objects: 0 })
      const large = yield* Effect.flip(call("sample_ets_table", { table: yield* ask("get(heavy)") }))
      expect(large).toMatchObject({ code: "too_large" })
      expect(large.message).toContain("1 object in 30.5 MiB")
      const keys = yield* call("sample_ets_table", { table: yield* ask("get(heavy)"), keys_only: true })
      expect(valuesOf(keys)).toEqual(["big"])
      // A name that several unnamed tables have had does not become one of an object either.
      expect(yield* Effect.flip(call("sample_ets_table", { table: "t_owned" }))).toMatchObject({ code: "not_found" })
    }).pipe(using("erlang"))
  )

  it.live("show objects of a table, page by page", () =>
    Effect.gen(function* () {
      const all = yield* allValues("sample_ets_table", { table: "t_ordered", limit: 60 })
      expect(`[${all.join(",")}]`).toBe(yield* ask("ets:tab2list(t_ordered)"))
      const bag = yield* allValues("sample_ets_table", { table: "t_bag", limit: 50 })
      expect(bag.toSorted()).toEqual(
        ["a", "b"].flatMap((key) => Array.from({ length: 60 }, (_, at) => `{${key},${at + 1}}`)).toSorted()
      )
      const wide = yield* call("sample_ets_table", { table: "t_wide" })
      expect(wide.structured["rows"]).toContainEqual({
        value: expect.stringMatching(/^\{wide,<<"wide wide .*\.\.\./u),
        cut_from_bytes: yield* number("erlang:external_size(hd(ets:lookup(t_wide, wide)))")
      })
      expect(wide.structured).toMatchObject({
        complete: false,
        notes: expect.arrayContaining([expect.stringMatching(/^1 row is too large to be shown whole/u)])
      })
      const two = yield* call("sample_ets_table", { table: "t_million", limit: 2 })
      expect(two.structured).toMatchObject({ total: 1_000_000, key_position: 2 })
      expect(valuesOf(two)).toHaveLength(2)
      const next = yield* call("sample_ets_table", {
        table: "t_million",
        limit: 2,
        cursor: two.structured["next_cursor"]
      })
      expect(new Set([...valuesOf(two), ...valuesOf(next)]).size).toBe(4)
      expect(yield* ask("ets:info(t_million, fixed)")).toBe("false")
    }).pipe(using("erlang"))
  )

  it.live("show the largest objects first, of as much of a large table as there is time for", () =>
    Effect.gen(function* () {
      const sizes = (of: string) =>
        ask(`list_to_tuple(lists:reverse(lists:sort([erlang:external_size(O) || O <- ets:tab2list(${of})])))`)
      for (const [tool, input, table] of [
        ["sample_ets_table", {}, "t_ordered"],
        ["sample_ets_table", {}, "t_bag"],
        ["select_ets_table", { match: "_" }, "t_ordered"],
        ["select_ets_table", { match: "{_, _}" }, "t_bag"]
      ] as const) {
        const all = yield* allRows(tool, { ...input, table, sort_by: "size", limit: 60 })
        expect(`{${all.map(({ bytes }) => bytes).join(",")}}`).toBe(yield* sizes(table))
        const inOrder = yield* allValues(tool, { ...input, table, limit: 60 })
        expect(all.map(({ value }) => String(value)).toSorted()).toEqual(inOrder.toSorted())
      }
      const wide = yield* call("sample_ets_table", { table: "t_wide", sort_by: "size" })
      expect((wide.structured["rows"] as ReadonlyArray<Row>).map(({ bytes }) => bytes)).toEqual([
        yield* number("erlang:external_size(hd(ets:lookup(t_wide, wide)))"),
        yield* number("erlang:external_size({small, 1})")
      ])

      const part = { table: "t_million", sort_by: "size", limit: 100, timeout_ms: 60_000 }
      const first = yield* call("sample_ets_table", part)
      expect(first.structured).toMatchObject({
        total: 1_000_000,
        matched: 1_000_000,
        looked_at: 1_000_000,
        complete: true
      })
      const second = yield* call("sample_ets_table", { ...part, cursor: first.structured["next_cursor"] })
      expect(new Set([...valuesOf(first), ...valuesOf(second)]).size).toBe(
        valuesOf(first).length + valuesOf(second).length
      )
      const sevens = yield* call("select_ets_table", { ...part, match: "{_, _, 7}", limit: 5 })
      expect(sevens.structured).toMatchObject({ matched: 1_000, looked_at: 1_000_000, total: 1_000_000 })
      expect(yield* ask("ets:info(t_million, fixed)")).toBe("false")
    }).pipe(using("erlang"))
  )

  it.live("show what has a text in its key", () =>
    Effect.gen(function* () {
      const tens = yield* allRows("sample_ets_table", { table: "t_ordered", filter: "99", limit: 2 })
      expect(tens.map(({ value }) => value)).toEqual(
        [99, 199, 299, 399, 499].map((key) => `{${key},9,{nested,${key}}}`)
      )
      // What stands in values is none of its business: a secret there cannot be found out by a text.
      const none = yield* call("sample_ets_table", { table: "t_secrets", filter: "hunter2" })
      expect(none.structured).toMatchObject({ matched: 0, looked_at: 3, complete: true })
      const keys = yield* call("sample_ets_table", { table: "t_secrets", filter: "PASSWORD", keys_only: true })
      expect(valuesOf(keys)).toEqual(["db_password"])
      const few = yield* call("sample_ets_table", { table: "t_million", filter: "777", limit: 3 })
      expect(valuesOf(few)).toHaveLength(3)
      for (const value of valuesOf(few)) expect(value).toMatch(/^\{row,\d*777\d*,\d+\}$/u)
      const bag = yield* call("sample_ets_table", { table: "t_bag", filter: "b", limit: 4 })
      expect(bag.structured).toMatchObject({ total: 120, matched: 60, looked_at: 2 })
    }).pipe(using("erlang"))
  )

  it.live("leave out secrets", () =>
    Effect.gen(function* () {
      for (const [tool, input] of [
        ["sample_ets_table", {}],
        ["select_ets_table", { match: "_" }],
        ["select_ets_table", { key: "api_key" }]
      ] as const) {
        const { structured, text } = yield* call(tool, { table: "t_secrets", ...input })
        expect(text).toContain("[redacted]")
        for (const secret of ["hunter2", "K3y-of-Api"]) {
          expect(text).not.toContain(secret)
          expect(JSON.stringify(structured)).not.toContain(secret)
        }
      }
    }).pipe(using("erlang"))
  )

  it.live("go on behind a key that is kept from sight without showing it in the cursor", () =>
    Effect.gen(function* () {
      for (const input of [{}, { keys_only: true, sort_by: "size" }, { filter: "password" }]) {
        const page = { table: "t_vault", limit: 2, ...input }
        const { structured } = yield* call("sample_ets_table", page)
        const cursor = String(structured["next_cursor"])
        const opened = Buffer.from(cursor, "base64url").toString("latin1")
        expect(opened.replaceAll(/[\w-]+/gu, (it) => it + Buffer.from(it, "base64url").toString("latin1"))).not.toMatch(
          /hunter|password/u
        )
        expect(structured["complete"]).toBe(true)
        expect(yield* allRows("sample_ets_table", page)).toHaveLength(5)
      }
      const { structured } = yield* call("sample_ets_table", { table: "t_vault", limit: 2 })
      expect(structured["notes"]).toEqual([expect.stringContaining("good only while this server runs")])
    }).pipe(using("erlang"))
  )

  it.live("do not read where cookies are kept", () =>
    Effect.gen(function* () {
      yield* ask("erlang:set_cookie('other@127.0.0.1', another_cookie)")
      const { structured } = yield* call("list_ets_tables", { filter: { owner: "auth" } })
      const [cookies] = structured["tables"] as ReadonlyArray<Row>
      expect(cookies).toMatchObject({ owner_name: "auth" })
      for (const [tool, input] of [
        ["sample_ets_table", {}],
        ["sample_ets_table", { keys_only: true }],
        ["select_ets_table", { match: "_" }]
      ] as const) {
        const refused = yield* Effect.flip(call(tool, { table: cookies!["table"], ...input }))
        expect(refused).toMatchObject({ code: "unsupported" })
        expect(JSON.stringify(refused)).not.toContain("another_cookie")
      }
    }).pipe(using("erlang"))
  )

  it.live("look for objects by key and by pattern", () =>
    Effect.gen(function* () {
      const one = yield* call("select_ets_table", { table: "t_million", key: "77777" })
      expect(valuesOf(one)).toEqual(["{row,77777,777}"])
      expect(one.structured["matched"]).toBe(1)
      const rows = yield* allValues("select_ets_table", { table: "t_ordered", match: "{_, 7, _}", limit: 20 })
      expect(`[${rows.join(",")}]`).toBe(yield* ask("ets:match_object(t_ordered, {'_', 7, '_'})"))
      const few = yield* call("select_ets_table", {
        table: "t_million",
        match: "{_, _, 999}",
        limit: 3,
        timeout_ms: 60_000
      })
      expect(valuesOf(few)).toHaveLength(3)
      for (const value of valuesOf(few)) expect(value).toMatch(/^\{row,\d+,999\}$/u)
      expect(few.structured).toMatchObject({ matched: 1_000, looked_at: 1_000_000, complete: true })
      expect(few.structured["summary"]).toMatch(/^3 of 1,000 objects like this in t_million\.$/u)
      // In a bag, and by a text of the key, too.
      const bag = yield* call("select_ets_table", { table: "t_bag", match: "{_, 7}", limit: 1 })
      expect(bag.structured).toMatchObject({ total: 120, matched: 2 })
      const keys = yield* call("sample_ets_table", { table: "t_bag", keys_only: true, limit: 1 })
      expect(keys.structured).toMatchObject({ total: 120, matched: 2, looked_at: 2, complete: true })
      expect(yield* allValues("sample_ets_table", { table: "t_bag", keys_only: true, limit: 1 })).toHaveLength(2)
      const none = yield* call("select_ets_table", {
        table: "t_million",
        match: "{_, _, missing}".replace("missing", "1000"),
        timeout_ms: 60_000
      })
      expect(none.structured["complete"]).toBe(true)
      expect(none.structured["summary"]).toMatch(/^No object like this is in t_million/u)
      expect(yield* Effect.flip(call("select_ets_table", { table: "t_bag", match: "{a, " }))).toMatchObject({
        code: "invalid_input"
      })
      expect(yield* Effect.flip(call("select_ets_table", { table: "t_bag" }))).toMatchObject({ code: "invalid_input" })
      expect(yield* Effect.flip(call("select_ets_table", { table: "t_bag", match: "[_]" }))).toMatchObject({
        code: "invalid_input"
      })
    }).pipe(using("erlang"))
  )

  it.live("pass by a key of a bag that has more objects than a worker can hold", () =>
    Effect.gen(function* () {
      const table = "hot_bag"
      const objects = 400_000
      yield* ask(`begin
        ets:new(${table}, [named_table, duplicate_bag]),
        ets:insert(${table}, [{hot, Number, "a text of some length"} || Number <- lists:seq(1, ${objects})]),
        ets:insert(${table}, [{cold, 1, x}, {cold, 2, x}]), ok
      end`)
      const sample = yield* call("sample_ets_table", { table })
      expect(sample.structured).toMatchObject({
        complete: false,
        notes: [expect.stringContaining("Where it says unread_objects")]
      })
      expect(sample.structured["rows"]).toHaveLength(3)
      expect(sample.structured["rows"]).toContainEqual({ value: "hot", unread_objects: objects })
      expect(valuesOf(sample)).toEqual(expect.arrayContaining(["{cold,1,x}", "{cold,2,x}"]))
      expect(valuesOf(yield* call("sample_ets_table", { table, keys_only: true })).toSorted()).toEqual(["cold", "hot"])
      for (const asked of [{ key: "hot" }, { match: "{hot, _, _}" }]) {
        const refused = yield* Effect.flip(call("select_ets_table", { table, ...asked }))
        expect(refused).toMatchObject({ code: "too_large" })
        expect(refused.message).toContain("The 400,000 objects that this asks for are not read")
      }
      const one = yield* call("select_ets_table", { table, match: "{_, 77, _}" })
      expect(one.structured).toMatchObject({ complete: true, matched: 1 })
      expect(valuesOf(one)).toEqual(['{hot,77,"a text of some length"}'])
      const all = yield* call("select_ets_table", { table, match: "{_, _, _}" })
      expect(all.structured["rows"]).toContainEqual({ value: "hot", unread_objects: objects })
      yield* ask(`ets:delete(${table})`)
    }).pipe(using("erlang"))
  )

  it.live("read keys and patterns in Elixir", () =>
    Effect.gen(function* () {
      const found = yield* call("select_ets_table", { table: ":t_bag", match: "{:b, 7}" })
      expect(valuesOf(found)).toEqual(["{:b, 7}"])
      expect(valuesOf(yield* call("select_ets_table", { table: ":t_ordered", match: "{_, _, {:nested, 9}}" }))).toEqual(
        ["{9, 9, {:nested, 9}}"]
      )
    }).pipe(using("elixir"))
  )

  it.live("bear that tables are deleted while they are listed and read", () =>
    Effect.gen(function* () {
      yield* ask(
        `register(t_churn, spawn(fun() -> (fun Churn() ->
           Owner = spawn(fun() -> [ets:insert(T, {K}) || T <- [ets:new(t_flicker, [public]) || _ <- lists:seq(1, 20)], K <- [1, 2]] end),
           Reference = monitor(process, Owner),
           receive stop -> ok; {'DOWN', Reference, _, _, _} -> Churn() end
         end)() end)), ok`
      )
      for (let time = 0; time < 20; time++) {
        const listed = yield* call("list_ets_tables", { filter: { name: "t_flicker" }, limit: 5 })
        for (const { table } of tablesOf(listed)) {
          const outcome = yield* Effect.result(call("sample_ets_table", { table }))
          if (outcome._tag === "Failure") expect(outcome.failure.code).toBe("not_found")
        }
      }
      yield* ask("t_churn ! stop")
    }).pipe(using("erlang"))
  )

  it.live("leave neither atoms nor modules nor fixes behind", () =>
    Effect.gen(function* () {
      yield* call("sample_ets_table", { table: "t_bag" })
      yield* call("select_ets_table", { table: "t_bag", match: "{_, 1}" })
      yield* call("list_ets_tables", {})
      const modules = yield* ask("length(code:all_loaded())")
      const atoms = yield* number("erlang:system_info(atom_count)")
      for (let at = 0; at < 20; at++) {
        yield* Effect.flip(call("get_ets_table_info", { table: `no_table_${otp}_${at}` }))
        expect(
          yield* Effect.flip(call("select_ets_table", { table: "t_bag", key: `no_key_${otp}_${at}` }))
        ).toMatchObject({
          code: "not_found",
          message: expect.stringContaining(`no_key_${otp}_${at}`)
        })
        yield* Effect.flip(call("select_ets_table", { table: "t_bag", match: `{_, no_value_${otp}_${at}}` }))
        yield* Effect.flip(call("list_ets_tables", { filter: { application: `no_app_${otp}_${at}` } }))
        yield* call("list_ets_tables", { filter: { name: `no_name_${otp}_${at}` } })
      }
      expect((yield* number("erlang:system_info(atom_count)")) - atoms).toBeLessThan(10)
      expect(yield* ask("length(code:all_loaded())")).toBe(modules)
      expect(yield* ask("[T || T <- ets:all(), ets:info(T, fixed) =:= true]")).toBe("[]")
    }).pipe(using("erlang"))
  )
})
