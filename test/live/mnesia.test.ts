import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** A table of each storage, one with an index, one with a name that wants quotes. */
const start = `
  {atomic, ok} = mnesia:create_table(people, [{disc_copies, [node()]}, {attributes, [id, name, age]}, {index, [name]}]),
  {atomic, ok} = mnesia:create_table(cold, [{disc_only_copies, [node()]}]),
  {atomic, ok} = mnesia:create_table('Warm one', [{type, bag}, {load_order, 7}, {majority, true}]),
  [mnesia:dirty_write({people, Id, "some name", Id}) || Id <- lists:seq(1, 1000)],
  mnesia:dirty_write({cold, 1, lists:seq(1, 1000)}),
  ok`

type Row = Readonly<Record<string, unknown>>
const tablesOf = ({ structured }: ToolResult) => (structured["tables"] ?? []) as ReadonlyArray<Row>

describe.each(BeamNode.otpReleases())("list_mnesia_tables on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "mnesia-"))
    node = await BeamNode.startNode({ otp, args: ["-mnesia", "dir", JSON.stringify(directory)] })
  })
  afterAll(async () => {
    await node.stop()
    await rm(directory, { recursive: true, force: true })
  })
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const using = Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node]))))

  it.live("says where Mnesia does not run, and loads nothing of it", () =>
    Effect.gen(function* () {
      const told = yield* call("list_mnesia_tables", {})
      expect(told.structured["running"]).toBe(false)
      expect(told.structured["summary"]).toBe(`Mnesia does not run on ${node.name}.`)
      expect(yield* ask('[M || {M, _} <- code:all_loaded(), lists:prefix("mnesia", atom_to_list(M))]')).toBe("[]")
    }).pipe(using)
  )

  it.live("tells what the node itself tells", () =>
    Effect.gen(function* () {
      yield* ask("ok = mnesia:create_schema([node()]), ok = mnesia:start(), ok")
      yield* ask(start)
      const told = yield* call("list_mnesia_tables", {})
      expect(told.structured).toMatchObject({
        running: true,
        total: 4,
        matched: 4,
        mnesia: {
          nodes: [node.name],
          running_nodes: [node.name],
          directory,
          transaction_commits: yield* number("mnesia:system_info(transaction_commits)"),
          held_locks: 0,
          message_queues: { mnesia_tm: 0 }
        }
      })
      const tables = new Map(tablesOf(told).map((row) => [row["name"], row]))
      expect(tables.get("people")).toEqual({
        name: "people",
        type: "set",
        storage: "disc_copies",
        objects: 1000,
        memory_bytes: yield* number("ets:info(people, memory) * erlang:system_info(wordsize)"),
        disc_copies: [node.name],
        read_from: node.name,
        write_to: [node.name],
        attributes: ["id", "name", "age"],
        indexes: ["name"]
      })
      expect(tables.get("'Warm one'")).toMatchObject({ type: "bag", load_order: 7, majority: true, objects: 0 })
      expect(tables.get("cold")).toMatchObject({ storage: "disc_only_copies", objects: 1 })
      expect(tables.get("cold")?.["file_bytes"]).toBeGreaterThan(2_000)
      expect(tables.get("cold")).not.toHaveProperty("memory_bytes")
    }).pipe(using)
  )

  it.live("tells the tools for ETS which fields are secrets", () =>
    Effect.gen(function* () {
      yield* ask(
        `{atomic, ok} = mnesia:create_table(accounts, [{attributes, [id, name, password]}]),
         mnesia:dirty_write({accounts, 1, "Ann", "hunter2"}), ok`
      )
      for (const [tool, input] of [
        ["sample_ets_table", {}],
        ["select_ets_table", { key: "1" }]
      ] as const) {
        const { structured, text } = yield* call(tool, { table: "accounts", ...input })
        expect(text).not.toContain("hunter2")
        expect(structured["rows"]).toEqual([{ value: '{accounts,1,"Ann",<<"[redacted]">>}' }])
      }
      yield* ask("{atomic, ok} = mnesia:delete_table(accounts), ok")
    }).pipe(using)
  )

  it.live("goes page by page, and filters", () =>
    Effect.gen(function* () {
      const first = yield* call("list_mnesia_tables", { sort_by: "name", limit: 3 })
      const next = yield* call("list_mnesia_tables", {
        sort_by: "name",
        limit: 3,
        cursor: first.structured["next_cursor"]
      })
      const names = [...tablesOf(first), ...tablesOf(next)].map((row) => row["name"])
      expect(names).toEqual(["'Warm one'", "cold", "people", "schema"])
      const cold = yield* call("list_mnesia_tables", { filter: { storage: "disc_only_copies" } })
      expect(tablesOf(cold).map((row) => row["name"])).toEqual(["cold"])
    }).pipe(using)
  )

  it.live("counts the locks that are held", () =>
    Effect.gen(function* () {
      yield* ask(
        `register(locker, spawn(fun() -> mnesia:transaction(fun() ->
           mnesia:write({people, 1, "x", 1}), receive stop -> ok end end) end)),
         (fun Wait() -> ets:info(mnesia_held_locks, size) > 0 orelse begin erlang:yield(), Wait() end end)()`
      )
      const told = yield* call("list_mnesia_tables", {})
      expect((told.structured["mnesia"] as Row)["held_locks"]).toBeGreaterThan(0)
      yield* ask("locker ! stop")
    }).pipe(using)
  )

  it.live("leaves a table alone whose keeper is busy", () =>
    Effect.gen(function* () {
      yield* ask("[{_, _, Keeper}] = ets:lookup(dets_registry, cold), erlang:suspend_process(Keeper), ok")
      const cold = yield* call("list_mnesia_tables", { filter: { name: "cold" } })
      expect(tablesOf(cold)[0]).not.toHaveProperty("objects")
      yield* ask("[{_, _, Keeper}] = ets:lookup(dets_registry, cold), erlang:resume_process(Keeper), ok")
    }).pipe(using)
  )

  it.live("tells of tables that are on another node, and when that node is gone", () =>
    Effect.gen(function* () {
      const other = yield* BeamNode.start({ otp, cookie: node.cookie })
      const { evaluate } = other
      yield* Effect.promise(() =>
        evaluate(`true = net_kernel:connect_node('${node.name}'), ok = mnesia:start(),
          {ok, _} = mnesia:change_config(extra_db_nodes, ['${node.name}']),
          {atomic, ok} = mnesia:create_table(there, [{ram_copies, [node()]}]), mnesia:dirty_write({there, 1, 2}), ok`)
      )
      const both = yield* call("list_mnesia_tables", { filter: { name: "there" } })
      expect(both.structured["summary"]).toMatch(/^Mnesia runs on 2 nodes of 2; 1 table by memory/u)
      expect(tablesOf(both)).toEqual([
        {
          name: "there",
          type: "set",
          storage: "none here",
          ram_copies: [other.name],
          read_from: other.name,
          write_to: [other.name],
          attributes: ["key", "val"]
        }
      ])
      yield* Effect.promise(() => other.stop())
      yield* eventually(
        Effect.map(ask("mnesia:system_info(running_db_nodes)"), (running) => running === `['${node.name}']`)
      )
      const alone = yield* call("list_mnesia_tables", { filter: { name: "there" } })
      expect(tablesOf(alone)).toMatchObject([{ name: "there", read_from: "nowhere" }])
      expect(alone.structured["notes"]).toEqual([
        `Mnesia does not run on, or is not connected to, ${other.name}.`,
        "Not loaded, so that reads fail: there."
      ])
    }).pipe(Effect.scoped, using)
  )
})
