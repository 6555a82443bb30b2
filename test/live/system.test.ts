import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call, pagesOf } from "../support/Tools.ts"

const cookie = "Cr4yfish-in-the-Sea"

/** Somebody who spins, a large binary, terms of all sorts, timers, and secrets in every place. */
const scene = `
  register(spinner, spawn(fun() -> (fun Spin() -> Spin() end)() end)),
  register(holder, spawn(fun() -> Blob = binary:copy(<<0>>, 40 bsl 20), receive stop -> byte_size(Blob) end end)),
  os:putenv("SHOP_PASSWORD", "hush-hush"), os:putenv("RELEASE_COOKIE", "${cookie}"), os:putenv("SHOP_PORT", "8080"),
  persistent_term:put({shop, table}, lists:seq(1, 100000)),
  persistent_term:put({shop, api_key}, <<"hush-hush">>),
  persistent_term:put({shop, open}, true),
  {ok, _} = timer:apply_after(9000000, lists, seq, [1, 2]),
  {ok, _} = timer:send_interval(6000000, whereis(holder), tick),
  erlang:statistics(wall_clock), ok`

type Row = Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult, name: string) => (structured[name] ?? []) as ReadonlyArray<Row>

/** Of an allocator. */
const unusedOf = (row: Row): number => (row["carriers_bytes"] as number) - (row["used_bytes"] as number)

const windows = ["get_scheduler_usage", "get_runtime_stats", "get_microstate_accounting"]

describe.each(BeamNode.otpReleases())("the system of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({
      otp,
      cookie,
      eval: scene,
      args: ["+P", "20000", "-shop", "api_key", "hush-hush"]
    })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const holds = (text: string) => Effect.map(ask(text), (answer) => answer === "true")
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  const measuresSchedulers = "erlang:statistics(scheduler_wall_time) =/= undefined"
  const keepsMicrostates = "whereis(beamscope_microstate_keeper) =/= undefined"
  /** There is no way to see it but to set it: to what it was. */
  const countsMicrostates = `begin
    Was = erlang:system_flag(microstate_accounting, false),
    Was andalso erlang:system_flag(microstate_accounting, true),
    Was
  end`

  describe.each<AgentMode>(["eval", "load"])("with the agent %s", (agent) => {
    it.live("counts memory as the node and its operating system do", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_memory_info", {})
        const total = yield* number("erlang:memory(total)")
        // Judge and judged look at different moments.
        expect(structured["total_bytes"]).toBeGreaterThan(total * 0.8)
        expect(structured["total_bytes"]).toBeLessThan(total * 1.2)
        expect(structured["carriers_bytes"]).toBeGreaterThan(structured["carriers_used_bytes"] as number)
        expect(structured["carriers_used_bytes"]).toBeGreaterThan(40 * 1024 * 1024)
        expect(structured["resident_bytes"]).toBeGreaterThan(40 * 1024 * 1024)
        expect(structured["resident_bytes"]).toBeLessThanOrEqual(structured["peak_resident_bytes"] as number)
        expect(structured["complete"]).toBe(true)
      }).pipe(using(agent))
    )

    it.live("counts schedulers as the node does", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_system_info", {})
        const counts = yield* ask(
          "[erlang:system_info(I) || I <- [schedulers, schedulers_online, dirty_cpu_schedulers, dirty_cpu_schedulers_online, dirty_io_schedulers]]"
        )
        const { dirty_cpu, dirty_cpu_online, dirty_io, normal, normal_online } = structured["schedulers"] as Readonly<
          Record<string, number>
        >
        expect([normal, normal_online, dirty_cpu, dirty_cpu_online, dirty_io]).toEqual(JSON.parse(counts))
      }).pipe(using(agent))
    )

    it.live("tells which allocator holds a large binary", () =>
      Effect.gen(function* () {
        const rows = rowsOf(yield* call("get_allocator_info", {}), "allocators")
        expect(rows.map(unusedOf)).toEqual(rows.map(unusedOf).toSorted((a, b) => b - a))
        const names = yield* ask("[atom_to_list(A) || A <- erlang:system_info(alloc_util_allocators)]")
        expect(rows.map((row) => row["allocator"]).toSorted()).toEqual((JSON.parse(names) as Array<string>).toSorted())
        const binaries = rows.find((row) => row["allocator"] === "binary_alloc")
        expect(binaries?.["single_block_carriers"]).toBeGreaterThanOrEqual(1)
        expect(binaries?.["single_block_bytes"]).toBeGreaterThanOrEqual(40 * 1024 * 1024)
        expect(binaries?.["instances"]).toBe(yield* number("length(erlang:system_info({allocator, binary_alloc}))"))
      }).pipe(using(agent))
    )

    it.live("tells of allocators page by page, each once", () =>
      Effect.gen(function* () {
        const names = JSON.parse(
          yield* ask("lists:sort([atom_to_list(A) || A <- erlang:system_info(alloc_util_allocators)])")
        ) as Array<string>
        for (const limit of [1, 4, names.length]) {
          const pages = yield* pagesOf("get_allocator_info", { sort_by: "name", limit })
          for (const { structured } of pages)
            expect(structured).toMatchObject({ total: names.length, matched: names.length })
          expect(pages.flatMap((page) => rowsOf(page, "allocators").map((row) => row["allocator"]))).toEqual(names)
        }
        // Of figures that change, one page may repeat what another had, which is said.
        const { structured } = yield* call("get_allocator_info", { limit: 2 })
        expect(structured).not.toHaveProperty("notes")
        const later = yield* call("get_allocator_info", { limit: 2, cursor: structured["next_cursor"] })
        expect(later.structured["notes"]).toContainEqual(expect.stringContaining("By name each comes once."))
        const ets = yield* call("get_allocator_info", { filter: { name: "ets" } })
        expect(ets.structured).toMatchObject({ matched: 1, allocators: [{ allocator: "ets_alloc" }] })
        const none = yield* call("get_allocator_info", { filter: { name: "nonsense" } })
        expect(none.structured["summary"]).toMatch(/None of \d+ allocators passes the filter\.$/u)
      }).pipe(using(agent))
    )

    it.live("sees who spins, and leaves the measurements as they were", () =>
      Effect.gen(function* () {
        expect(yield* holds(measuresSchedulers)).toBe(false)
        const usage = yield* call("get_scheduler_usage", { window_ms: 300 })
        const { length } = rowsOf(usage, "schedulers")
        const schedulers = yield* number(
          "lists:sum([erlang:system_info(I) || I <- [schedulers, dirty_cpu_schedulers, dirty_io_schedulers]])"
        )
        expect(length + (usage.structured["idle"] as number)).toBe(schedulers)
        // What the machine takes away from a scheduler counts as its work.
        expect(rowsOf(usage, "schedulers")).toContainEqual(expect.objectContaining({ kind: "normal" }))
        expect(usage.structured["percent"]).toMatchObject({ normal: expect.toSatisfy((it: number) => it > 10) })
        yield* eventually(Effect.map(holds(measuresSchedulers), (on) => !on))

        const states = yield* call("get_microstate_accounting", { window_ms: 300 })
        const { percent } = rowsOf(states, "thread_types").find((row) => row["type"] === "scheduler") as {
          percent: Row
        }
        expect(percent["emulator"]).toBeGreaterThan(5)
        expect(states.structured["was_on"]).toBe(false)
        expect(yield* holds(countsMicrostates)).toBe(false)
        yield* eventually(Effect.map(holds(keepsMicrostates), (on) => !on))
      }).pipe(using(agent))
    )

    it.live("leaves on what somebody else has switched on", () =>
      Effect.gen(function* () {
        yield* ask("erlang:system_flag(scheduler_wall_time, true), erlang:system_flag(microstate_accounting, true)")
        yield* call("get_scheduler_usage", { window_ms: 100 })
        const states = yield* call("get_microstate_accounting", { window_ms: 100 })
        expect(states.structured["was_on"]).toBe(true)
        yield* eventually(Effect.map(holds(keepsMicrostates), (on) => !on))
        expect(yield* holds(measuresSchedulers)).toBe(true)
        expect(yield* holds("erlang:system_flag(microstate_accounting, false)")).toBe(true)
        yield* ask("erlang:system_flag(scheduler_wall_time, false)")
        expect(yield* holds(measuresSchedulers)).toBe(false)
      }).pipe(using(agent))
    )

    it.live("counts what is done in a window, and starts no counter over", () =>
      Effect.gen(function* () {
        yield* ask("erlang:statistics(wall_clock), erlang:statistics(reductions)")
        const { structured } = yield* call("get_runtime_stats", { window_ms: 300 })
        expect(structured["window_ms"]).toBeGreaterThanOrEqual(300)
        expect(structured["reductions"]).toBeGreaterThan(1_000)
        expect(structured["context_switches"]).toBeGreaterThan(0)
        const { cpu, run_queues } = structured as {
          readonly cpu: { readonly user_ms: number }
          readonly run_queues: { readonly normal: ReadonlyArray<number> }
        }
        expect(cpu.user_ms).toBeGreaterThan(0)
        expect(run_queues.normal).toHaveLength(yield* number("erlang:system_info(schedulers)"))
        expect(yield* number("element(2, erlang:statistics(wall_clock))")).toBeGreaterThanOrEqual(300)
      }).pipe(using(agent))
    )

    it.live("measures and shows persistent terms, but no secret", () =>
      Effect.gen(function* () {
        const list = yield* call("get_persistent_terms", { limit: 1 })
        expect(list.structured["total"]).toBe(yield* number("maps:get(count, persistent_term:info())"))
        expect(list.structured["total_bytes"]).toBe(yield* number("maps:get(memory, persistent_term:info())"))
        expect(rowsOf(list, "terms")).toEqual([
          { key: "{shop,table}", value_bytes: 200_000 * (yield* number("erlang:system_info(wordsize)")) }
        ])
        const table = yield* call("get_persistent_terms", { key: "{shop,table}" })
        expect(rowsOf(table, "terms")).toEqual([expect.objectContaining(rowsOf(list, "terms")[0]!)])
        const keys = new Set<unknown>()
        let cursor: unknown
        do {
          const page = yield* call("get_persistent_terms", {
            sort_by: "key",
            limit: 7,
            ...(cursor === undefined ? {} : { cursor })
          })
          for (const row of rowsOf(page, "terms")) keys.add(row["key"])
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        expect(keys.size).toBe(list.structured["total"])

        const open = yield* call("get_persistent_terms", { key: "{shop,open}" })
        expect(rowsOf(open, "terms")).toEqual([{ key: "{shop,open}", value_bytes: 0, value: "true" }])
        yield* ask("persistent_term:put({shop, integer}, {a, 1 bsl 4000000, b})")
        const integer = yield* call("get_persistent_terms", { key: "{shop,integer}" })
        expect(rowsOf(integer, "terms")).toEqual([expect.objectContaining({ value: "{a,... 4000001 bits,b}" })])
        expect(integer.structured).toMatchObject({ complete: false })
        yield* ask("persistent_term:erase({shop, integer})")
        const secret = yield* call("get_persistent_terms", { key: "{shop,api_key}" })
        expect(secret.text).toContain("[redacted]")
        expect(secret.text).not.toContain("hush")
        const unknown = yield* Effect.flip(call("get_persistent_terms", { key: "{shop,tabel}" }))
        expect(unknown).toMatchObject({ code: "not_found", didYouMean: expect.arrayContaining(["{shop,table}"]) })
      }).pipe(using(agent))
    )

    it.live("shows what the node was started with, but no secret", () =>
      Effect.gen(function* () {
        const all = yield* call("get_environment", { limit: 500 })
        expect(all.structured).toMatchObject({
          os_pid: JSON.parse(yield* ask("os:getpid()")) as string,
          emulator_flags: "+P 20000",
          total: yield* number("length(os:getenv())")
        })
        expect(rowsOf(all, "variables")).toContainEqual({ name: "SHOP_PORT", bytes: 4 })
        const bySize: Array<unknown> = []
        let cursor: unknown
        do {
          const page = yield* call("get_environment", {
            sort_by: "bytes",
            limit: 7,
            ...(cursor !== undefined && { cursor })
          })
          bySize.push(...rowsOf(page, "variables"))
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        const sizes = bySize.map((row) => (row as { readonly bytes: number }).bytes)
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
        expect(new Set(bySize)).toEqual(new Set(rowsOf(all, "variables")))
        expect(bySize).toHaveLength(rowsOf(all, "variables").length)
        const names = ["SHOP_PASSWORD", "RELEASE_COOKIE", "SHOP_PORT"]
        const named = yield* call("get_environment", { names })
        expect(rowsOf(named, "variables").toReversed()).toEqual([
          { name: "SHOP_PORT", bytes: 4, value: '<<"8080">>' },
          { name: "SHOP_PASSWORD", bytes: 9, value: "[redacted]" },
          { name: "RELEASE_COOKIE", bytes: cookie.length, value: "[redacted]" }
        ])
        expect(all.structured["arguments"]).toContain("-shop api_key [redacted]")
        expect(all.structured["arguments"]).toContain("-setcookie [redacted]")
        for (const { text } of [all, named]) {
          expect(text).not.toContain("hush")
          expect(text).not.toContain(cookie)
        }
      }).pipe(using(agent))
    )

    it.live("lists timers as far as the release tells of them", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("list_timers", {})
        expect(structured["total"]).toBe(2)
        const timers = structured["timers"] as ReadonlyArray<Row> | undefined
        if (Number(otp) >= 27) {
          expect(timers).toBeUndefined()
          expect(structured["complete"]).toBe(false)
          return
        }
        expect(timers).toMatchObject([{ repeats: true }, { repeats: false }])
        expect(timers![0]!["due_in_ms"]).toBeGreaterThan(0)
        expect(timers![0]!["due_in_ms"]).toBeLessThanOrEqual(6_000_001)
        if (Number(otp) < 25) {
          expect(timers).toMatchObject([
            { every_ms: 6_000_000, function: "timer:send/2" },
            { function: "lists:seq/2", arguments: "[1,2]" }
          ])
        }
        const { structured: once } = yield* call("list_timers", { filter: { repeats: false } })
        expect(once).toMatchObject({ total: 2, matched: 1, timers: [{ repeats: false }] })
        const ranked = yield* call("list_timers", { sort_by: "repeats" })
        expect(rowsOf(ranked, "timers")).toMatchObject([{ repeats: true }, { repeats: false }])
      }).pipe(using(agent))
    )

    it.live("lists each timer on one page, whatever time passes between pages", () =>
      Effect.gen(function* () {
        yield* ask(
          `persistent_term:put(timers,
            [element(2, timer:apply_after(600000 + N div 3, lists, seq, [1, 2])) || N <- lists:seq(1, 40)])`
        )
        const rows: Array<Row> = []
        let cursor: unknown
        do {
          const page = yield* call("list_timers", { limit: 7, ...(cursor !== undefined && { cursor }) })
          rows.push(...rowsOf(page, "timers"))
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        yield* ask("[timer:cancel(Timer) || Timer <- persistent_term:get(timers)], persistent_term:erase(timers)")
        expect(rows).toHaveLength(Number(otp) >= 27 ? 0 : 42)
      }).pipe(using(agent))
    )

    it.live("leaves no trace", () =>
      Effect.gen(function* () {
        const everything = Effect.gen(function* () {
          for (const name of windows) yield* call(name, { window_ms: 100 })
          for (const name of [
            "get_system_info",
            "get_memory_info",
            "get_allocator_info",
            "get_environment",
            "list_timers",
            "get_persistent_terms"
          ])
            yield* call(name, {})
        })
        // The first time makes the atoms of our own source.
        yield* everything
        yield* eventually(Effect.map(holds(keepsMicrostates), (on) => !on))
        const state =
          "{erlang:system_info(atom_count), erlang:system_info(process_count), length(ets:all()), length(code:all_loaded())}"
        const before = yield* ask(state)
        yield* everything
        yield* eventually(Effect.map(ask(state), (after) => after === before))
      }).pipe(using(agent))
    )
  })

  it.live("switches off what it measured with when it is interrupted", () =>
    Effect.gen(function* () {
      const usage = yield* Effect.forkChild(call("get_scheduler_usage", { window_ms: 60_000, timeout_ms: 70_000 }))
      const states = yield* Effect.forkChild(
        call("get_microstate_accounting", { window_ms: 60_000, timeout_ms: 70_000 })
      )
      yield* eventually(holds(`${measuresSchedulers} andalso ${keepsMicrostates}`))
      yield* Fiber.interrupt(usage)
      yield* Fiber.interrupt(states)
      yield* eventually(holds(`not (${measuresSchedulers} orelse ${keepsMicrostates} orelse ${countsMicrostates})`))
    }).pipe(using("eval"))
  )

  it.live("switches off what it measured with when its link is cut", () =>
    Effect.gen(function* () {
      const input = { window_ms: 60_000, timeout_ms: 70_000 }
      const usage = yield* Effect.forkChild(Effect.flip(call("get_scheduler_usage", input)))
      const states = yield* Effect.forkChild(Effect.flip(call("get_microstate_accounting", input)))
      yield* eventually(holds(`${measuresSchedulers} andalso ${keepsMicrostates}`))
      yield* ask("[erlang:disconnect_node(N) || N <- nodes(hidden)]")
      expect((yield* Fiber.join(usage)).code).toBe("link_lost")
      expect((yield* Fiber.join(states)).code).toBe("link_lost")
      yield* eventually(holds(`not (${measuresSchedulers} orelse ${keepsMicrostates} orelse ${countsMicrostates})`))
    }).pipe(using("eval"))
  )
})

describe.each(BeamNode.otpReleases())("a node of one scheduler on OTP $otp", ({ otp }) => {
  it.live("answers others while a persistent term is measured that never ends, and afterwards", () =>
    Effect.gen(function* () {
      const node = yield* Effect.acquireRelease(
        Effect.promise(() => BeamNode.startNode({ otp, args: ["+S", "1:1"] })),
        (started) => Effect.promise(() => started.stop())
      )
      const ask = (text: string) => Effect.promise(() => node.evaluate(text))
      // Sixty tuples, and two to the power of sixty parts where each is counted as often as it is referred to.
      yield* ask("persistent_term:put(endless, lists:foldl(fun(_, A) -> {A, A} end, x, lists:seq(1, 60)))")
      yield* Effect.gen(function* () {
        const [list] = yield* Effect.all([call("get_persistent_terms", { timeout_ms: 4_000 }), ask("ok")], {
          concurrency: "unbounded"
        })
        expect(list.structured).toMatchObject({ complete: false })
        const [first, ...others] = rowsOf(list, "terms")
        expect(first).toEqual({ key: "endless" })
        for (const other of others) expect(other["value_bytes"]).toBeTypeOf("number")
        const error = yield* Effect.flip(call("get_persistent_terms", { key: "endless", timeout_ms: 4_000 }))
        expect(error).toMatchObject({ code: "too_large" })
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node])))))
      expect(yield* ask("ok")).toBe("ok")
    }).pipe(Effect.scoped)
  )
})
