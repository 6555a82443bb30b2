import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import { Reveal } from "../../src/tools/Reveal.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

type Row = Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult, name: string) => (structured[name] ?? []) as ReadonlyArray<Row>

/** The rows of all pages about an application. */
const allRows = Effect.fnUntraced(function* (input: Row, name: string) {
  const rows: Array<unknown> = []
  let cursor: unknown
  do {
    const page = yield* call("get_application_info", { ...input, ...(cursor !== undefined && { cursor }) })
    rows.push(...rowsOf(page, name))
    cursor = page.structured["next_cursor"]
  } while (cursor !== undefined)
  return rows
})

/** An application that is loaded only, with a secret, and one that runs under a supervisor: sasl. */
const scene = `
  ok = application:load({application, shop, [{vsn, "1.2.3"}, {description, "a shop"}, {modules, [shop, shop_cart]},
    {applications, [kernel, stdlib]}, {env, [{api_key, "hunter2"}, {pool, [{size, 5}]}, {url, "https://u:hunter2@h/x"}]}]}),
  ok = application:start(sasl, permanent),
  ok`

describe.each(BeamNode.otpReleases())("the applications of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const loaded = Effect.map(ask("length(application:loaded_applications())"), Number)
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("are listed with their processes", () =>
      Effect.gen(function* () {
        const listed = yield* call("list_applications", { sort_by: "name" })
        const total = yield* loaded
        expect(listed.structured).toMatchObject({ complete: true, total, matched: total })
        const count =
          "length([P || P <- processes(), process_info(P, group_leader) =:= {group_leader, application_controller:get_master(sasl)}])"
        // A release may have loaded another one by now.
        const named = new Set(["kernel", "sasl", "shop", "stdlib"])
        expect(rowsOf(listed, "applications").filter((row) => named.has(String(row["application"])))).toMatchObject([
          { application: "kernel", state: "running", start_type: "permanent" },
          {
            application: "sasl",
            state: "running",
            start_type: "permanent",
            processes: Number(yield* ask(count)),
            version: (yield* ask("element(2, application:get_key(sasl, vsn))")).slice(1, -1)
          },
          { application: "shop", state: "loaded", version: "1.2.3", description: "a shop", processes: 0 },
          { application: "stdlib", state: "running", processes: 0 }
        ])
      }).pipe(using(agent))
    )

    it.live("are listed page by page, and by what is asked for", () =>
      Effect.gen(function* () {
        const query = { sort_by: "processes", limit: 1 }
        const first = yield* call("list_applications", query)
        const second = yield* call("list_applications", { ...query, cursor: first.structured["next_cursor"] })
        expect(
          [first, second].flatMap((page) => rowsOf(page, "applications").map((row) => row["application"]))
        ).toEqual(["kernel", "sasl"])
        const found = yield* call("list_applications", { filter: { state: "loaded", name: "SHO" } })
        expect(found.structured).toMatchObject({ total: yield* loaded, matched: 1 })
        expect(rowsOf(found, "applications")[0]).toMatchObject({ application: "shop" })
      }).pipe(using(agent))
    )

    it.live("tell about themselves", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_application_info", { application: "sasl" })
        const supervisor = (yield* ask("pid_to_list(whereis(sasl_sup))")).slice(1, -1)
        expect(structured).toMatchObject({
          complete: true,
          application: "sasl",
          state: "running",
          start_module: "sasl",
          supervisor,
          needs: ["kernel", "stdlib"],
          module_count: Number(yield* ask("length(element(2, application:get_key(sasl, modules)))")),
          directory: (yield* ask("code:lib_dir(sasl)")).slice(1, -1),
          hints: expect.arrayContaining([`get_supervision_tree ${JSON.stringify({ root: supervisor })}`])
        })
        expect(structured["needed_by"]).toBeUndefined()
      }).pipe(using(agent))
    )

    it.live("tell their environment without its secrets", () =>
      Effect.gen(function* () {
        const shop = yield* call("get_application_info", { application: ":shop" })
        expect(shop.text).not.toContain("hunter2")
        expect(rowsOf(shop, "environment").map((row) => row["key"])).toEqual(["api_key", "pool", "url"])
        expect(rowsOf(shop, "environment")[1]).toEqual({
          key: "pool",
          bytes: Number(yield* ask("erlang:external_size([{size,5}])")),
          value: "[{size,5}]"
        })
        expect(shop.structured["modules"]).toEqual(["shop", "shop_cart"])
        const one = yield* call("get_application_info", { application: "shop", filter: "POO" })
        expect(one.structured).toMatchObject({ total: 3, matched: 1, complete: true })
        const bySize = yield* allRows({ application: "kernel", sort_by: "bytes", limit: 2 }, "environment")
        const sizes = bySize.map((row) => (row as Row)["bytes"] as number)
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
        expect(sizes).toHaveLength(Number(yield* ask("length(application:get_all_env(kernel))")))
        expect(new Set(bySize.map((row) => (row as Row)["key"])).size).toBe(sizes.length)
        yield* ask("application:set_env(kernel, t_huge, lists:seq(1, 6000000))")
        for (const sort of ["bytes", "name"] as const) {
          const huge = yield* call("get_application_info", { application: "kernel", sort_by: sort, limit: 200 })
          const rows = rowsOf(huge, "environment")
          expect(rows).toContainEqual({ key: "t_huge" })
          expect(rows.length).toBe(sizes.length + 1)
          expect(huge.structured).toMatchObject({
            complete: false,
            notes: [expect.stringMatching(/^1 value is not read: the node cannot copy it/u)]
          })
          if (sort === "bytes") expect(rows[0]).toEqual({ key: "t_huge" })
        }
        yield* ask("application:unset_env(kernel, t_huge)")
        // Where the environments are larger than a copy may be, no value is copied that has parts.
        yield* ask("application:set_env(shop, t_huge, lists:seq(1, 9000000)), application:set_env(shop, t_flat, 7), ok")
        const whole = yield* call("get_application_info", { application: "shop" })
        yield* ask("application:unset_env(shop, t_huge), application:unset_env(shop, t_flat)")
        expect(rowsOf(whole, "environment")).toContainEqual({ key: "pool" })
        expect(rowsOf(whole, "environment")).toContainEqual({ key: "t_flat", bytes: 3, value: "7" })
      }).pipe(using(agent))
    )

    it.live("tell all of their modules and registered names, page by page", () =>
      Effect.gen(function* () {
        for (const show of ["modules", "registered"] as const) {
          const names = yield* allRows({ application: "kernel", show, limit: 30 }, show)
          expect(`[${names.join(",")}]`).toBe(
            yield* ask(`begin {ok, Names} = application:get_key(kernel, ${show}), lists:usort(Names) end`)
          )
        }
        const some = yield* call("get_application_info", {
          application: "kernel",
          show: "modules",
          filter: "GEN_",
          limit: 1
        })
        expect(some.structured).toMatchObject({
          modules: ["gen_sctp"],
          matched: Number(
            yield* ask(
              'begin {ok, Names} = application:get_key(kernel, modules), length([N || N <- Names, string:find(atom_to_list(N), "gen_") =/= nomatch]) end'
            )
          )
        })
        expect(some.structured["next_cursor"]).toBeDefined()
        expect(some.structured).not.toHaveProperty("environment")
        expect(
          yield* Effect.flip(call("get_application_info", { application: "kernel", show: "modules", sort_by: "bytes" }))
        ).toMatchObject({ code: "invalid_input" })
      }).pipe(using(agent))
    )

    it.live("tell no cookie with the other secrets that the operator wants to see", () =>
      Effect.gen(function* () {
        yield* ask("application:set_env(shop, cookie, monster)")
        const { text } = yield* call("get_application_info", { application: "shop" }).pipe(
          Effect.provideService(Reveal, true),
          Effect.ensuring(ask("application:unset_env(shop, cookie)"))
        )
        expect(text).not.toContain("monster")
        expect(text).toContain("hunter2")
      }).pipe(using(agent))
    )

    it.live("tell which settings of it are cut", () =>
      Effect.gen(function* () {
        const key = "beamscope_crowd"
        yield* ask(`application:set_env(shop, ${key}, maps:from_list([{N, N} || N <- lists:seq(1, 3000)]))`)
        const { structured } = yield* call("get_application_info", { application: "shop", filter: key }).pipe(
          Effect.ensuring(ask(`application:unset_env(shop, ${key})`))
        )
        expect(structured).toMatchObject({
          matched: 1,
          complete: false,
          notes: expect.arrayContaining(["1 value is too large to be shown whole: ... stands for what is left out."])
        })
      }).pipe(using(agent))
    )

    it.live("list their processes", () =>
      Effect.gen(function* () {
        const listed = yield* call("list_application_processes", { application: "sasl", sort_by: "pid", limit: 200 })
        const pids =
          "[list_to_binary(pid_to_list(P)) || P <- lists:sort(processes()), process_info(P, group_leader) =:= {group_leader, application_controller:get_master(sasl)}]"
        const all = (yield* ask(pids)).match(/<0\.\d+\.\d+>/gu) ?? []
        expect(rowsOf(listed, "processes").map((row) => row["pid"])).toEqual(all.toReversed())
        const some = yield* call("list_application_processes", {
          application: "kernel",
          filter: { name: "LOGGER", module: "supervisor" }
        })
        expect(rowsOf(some, "processes").map((row) => row["name"])).toEqual(["logger_sup"])
        expect((yield* call("list_application_processes", { application: "shop" })).structured["summary"]).toBe(
          "shop has no processes: it is loaded, not running."
        )
      }).pipe(using(agent))
    )

    it.live("are named where one is not found, and no atom is made", () =>
      Effect.gen(function* () {
        yield* call("get_application_info", { application: "shop" })
        const atoms = yield* ask("erlang:system_info(atom_count)")
        for (const tool of ["get_application_info", "list_application_processes"]) {
          expect(yield* Effect.flip(call(tool, { application: "shopp" }))).toMatchObject({
            code: "not_found",
            didYouMean: ["shop"],
            next: "list_applications"
          })
        }
        expect(yield* ask("erlang:system_info(atom_count)")).toBe(atoms)
      }).pipe(using(agent))
    )

    it.live("are seen while their controller does not answer, which is not asked", () =>
      Effect.gen(function* () {
        const queue = ask("process_info(whereis(application_controller), message_queue_len)")
        yield* ask("sys:suspend(application_controller)")
        const before = yield* queue
        const [{ structured }, after] = yield* Effect.all([
          call("list_applications", { timeout_ms: 2_000 }),
          queue
        ]).pipe(Effect.ensuring(ask("sys:resume(application_controller)")))
        expect(structured).toMatchObject({ complete: false, matched: yield* loaded })
        expect(structured["notes"]).toEqual([
          expect.stringContaining("application_controller is busy, stuck or suspended")
        ])
        expect(after).toBe(before)
      }).pipe(using(agent))
    )

    it.live("list their processes without a word to their controller or the code server", () =>
      Effect.gen(function* () {
        const victims = ["application_controller", "code_server"].map((name) => `whereis(${name})`).join(", ")
        const asked = { application: "kernel", sort_by: "pid", limit: 200 }
        yield* call("list_application_processes", asked)
        yield* ask(`[erlang:trace(Pid, true, ['receive']) || Pid <- [${victims}]]`)
        const { structured } = yield* call("list_application_processes", asked)
        const told = yield* ask(`[erlang:trace(Pid, false, ['receive']) || Pid <- [${victims}]],
          (fun Told() -> receive {trace, _, 'receive', Message} -> [Message | Told()] after 0 -> [] end end)()`)
        expect(structured).toMatchObject({ complete: true, matched: expect.any(Number) })
        expect(told).toBe("[]")
      }).pipe(using(agent))
    )
  })

  it.live("cannot be listed without the agent, which is said", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(call("list_applications", {}))).toMatchObject({ code: "unsupported" })
    }).pipe(using("none"))
  )
})
