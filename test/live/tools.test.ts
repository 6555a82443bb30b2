import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { Buffer } from "node:buffer"
import type { AgentMode } from "../../src/node/index.ts"
import type { ToolResult } from "../../src/tools/Catalogue.ts"
import { redactor } from "../../src/tools/Redaction.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call, pagesOf } from "../support/Tools.ts"

/** What there is to see: a crowd, a server that works, a mailbox that is full, a secret in every place. */
const scene = (cookie: string) => `
  Idle = fun() -> receive stop -> ok end end,
  register(crowd, spawn(fun() -> [spawn_link(Idle) || _ <- lists:seq(1, 400)], Idle() end)),
  register(busy, spawn(fun() -> (fun Work() -> lists:sum(lists:seq(1, 1000)), receive stop -> ok after 1 -> Work() end end)() end)),
  Flooded = spawn(Idle), register(flooded, Flooded), [Flooded ! Number || Number <- lists:seq(1, 10001)],
  register(kept, proc_lib:spawn(fun() ->
    catch proc_lib:set_label({secret, '${cookie}'}),
    put('${cookie}', 1), put({${JSON.stringify(cookie)}, <<${JSON.stringify(cookie)}>>}, 2),
    Idle()
  end)),
  register('${cookie}', spawn(Idle)),
  Blob = binary:copy(<<0>>, 32 bsl 20), register(holder, spawn(fun() -> Idle(), byte_size(Blob) end)),
  ok`

type Row = { readonly pid: string; readonly name?: string } & Readonly<Record<string, unknown>>
const rowsOf = ({ structured }: ToolResult) => (structured["processes"] ?? []) as ReadonlyArray<Row>

/** Every page of a list of processes. */
const allPages = Effect.fnUntraced(function* (name: string, input: Readonly<Record<string, unknown>>) {
  const pages = yield* pagesOf(name, input)
  for (const { structured } of pages) expect(JSON.stringify(structured).length).toBeLessThanOrEqual(10_000)
  return pages.flatMap(rowsOf)
})

const agents: ReadonlyArray<AgentMode> = ["eval", "load", "none"]

describe.each(BeamNode.otpReleases())("the tools on OTP $otp", ({ otp }) => {
  const cookie = "Cr4yfish-in-the-Sea"
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, cookie, eval: scene(cookie) })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))

  describe.each(agents)("with the agent %s", (agent) => {
    it.live("list every process once over the pages", () =>
      Effect.gen(function* () {
        const pids = yield* ask("[pid_to_list(P) || P <- element(2, process_info(whereis(crowd), links))]")
        const crowd = new Set(pids.slice(2, -2).split('","'))
        expect(crowd.size).toBe(400)
        const rows = yield* allPages("list_processes", { sort_by: "pid", limit: 200, filter: { status: "waiting" } })
        const listed = rows.map(({ pid }) => pid).filter((pid) => crowd.has(pid))
        expect(new Set(listed).size).toBe(listed.length)
        expect(listed).toHaveLength(crowd.size)
      }).pipe(using(agent))
    )

    it.live("rank as the node itself does", () =>
      Effect.gen(function* () {
        const byQueue = rowsOf(yield* call("top_processes", { sort_by: "message_queue", limit: 1 }))
        expect(byQueue).toEqual([expect.objectContaining({ name: "flooded", message_queue_length: 10_001 })])
        expect(byQueue[0]).not.toHaveProperty("memory_bytes")

        const byMemory = yield* call("top_processes", { sort_by: "memory", limit: 1 })
        const largest = yield* number(
          "lists:max([M || P <- processes(), {message_queue_len, Q} <- [process_info(P, message_queue_len)], Q =< 10000, {memory, M} <- [process_info(P, memory)]])"
        )
        // Judge and judged look at different moments, and the judge itself grows in between.
        expect(rowsOf(byMemory)[0]?.["memory_bytes"]).toBeGreaterThan(largest / 4)
        expect(byMemory.structured["complete"]).toBe(false)
        expect(byMemory.text).toContain("(10,001 messages)")

        const growing = yield* call("top_processes", { sort_by: "reductions", window_ms: 200, limit: 100 })
        expect(rowsOf(growing).map(({ name }) => name)).toContain("busy")
      }).pipe(using(agent))
    )

    it.live.runIf(Number(otp) >= 27)("list the others beside one whose label is too large when copied only", () =>
      Effect.gen(function* () {
        // Two thousand references to one list of as many: 64 MB of copies, off a heap of 64 KB.
        yield* ask(`Shared = spawn(fun() ->
          Many = lists:seq(1, 2000), put('$process_label', [Many || _ <- Many]), register(shared, self()),
          erlang:hibernate(timer, sleep, [infinity])
        end), erlang:monitor(process, Shared), ok`)
        yield* eventually(
          Effect.map(
            ask("whereis(shared) =/= undefined andalso process_info(whereis(shared), status) =:= {status, waiting}"),
            (is) => is === "true"
          )
        )
        expect(Number(yield* ask("element(2, process_info(whereis(shared), total_heap_size))"))).toBeLessThanOrEqual(
          16_384
        )
        for (const input of [{ limit: 20 }, { limit: 200 }]) {
          const { structured } = yield* call("list_processes", input)
          expect(structured["processes"]).toContainEqual(
            expect.objectContaining({ name: "shared", label: "(not read)" })
          )
          expect(structured["processes"]).not.toHaveLength(1)
          expect(structured["notes"]).toContainEqual(expect.stringMatching(/^Labels are not read /u))
        }
        const one = yield* call("get_process_info", { pid: "shared", groups: ["meta"] })
        expect(one.structured["notes"]).toEqual([expect.stringMatching(/^Not read: label of more than /u)])
        if (agent === "none") return
        for (const input of [{ sort_by: "label" }, { group_by: "label" }, { filter: { label: "secret" } }]) {
          const { structured } = yield* call("list_processes", input)
          expect(structured["matched"]).toBeGreaterThan(0)
        }
      }).pipe(
        using(agent),
        Effect.ensuring(ask("exit(whereis(shared), kill), receive {'DOWN', _, process, Shared, _} -> ok end"))
      )
    )

    it.live("list a process with an immense label without it, and say so", () =>
      Effect.gen(function* () {
        const spawned = `spawn(fun() ->
          register(labelled, self()), put('$process_label', lists:seq(1, 5000000)), receive stop -> ok end
        end)`
        yield* ask(`Labelled = ${spawned}, erlang:monitor(process, Labelled), ok`)
        yield* eventually(
          Effect.map(
            ask(
              "whereis(labelled) =/= undefined andalso process_info(whereis(labelled), status) =:= {status, waiting}"
            ),
            (is) => is === "true"
          )
        )
        for (const [tool, input] of [
          ["top_processes", { limit: 1 }],
          ["find_process", { name: "labelled" }]
        ] as const) {
          const { structured } = yield* call(tool, input)
          expect(structured["processes"]).toEqual([expect.objectContaining({ name: "labelled" })])
          const label = Number(otp) < 27 ? undefined : "(not read)"
          expect((structured["processes"] as ReadonlyArray<{ label?: string }>)[0]!.label).toBe(label)
          if (label !== undefined)
            expect(structured["notes"]).toContainEqual(expect.stringMatching(/^Labels are not read /u))
        }
        if (Number(otp) < 27) return
        // No order and no filter hangs on it here.
        const all = yield* call("list_processes", { sort_by: "pid", limit: 200 })
        expect(all.structured["processes"]).toContainEqual(expect.objectContaining({ label: "(not read)" }))
        expect(all.structured["complete"]).toBe(true)
        if (agent !== "none") {
          const sought = yield* call("find_process", { label: "secret" })
          expect(sought.structured["notes"]).toContainEqual(
            expect.stringMatching(/^\d+ process.* left out, whatever the label: /u)
          )
        }
        const one = yield* call("get_process_info", { pid: "labelled", groups: ["meta"] })
        expect(one.structured["notes"]).toEqual([expect.stringMatching(/^The label was not read: .* max_heap_mb: /u)])
      }).pipe(
        using(agent),
        Effect.ensuring(ask("exit(whereis(labelled), kill), receive {'DOWN', _, process, Labelled, _} -> ok end"))
      )
    )

    it.live("find by name, module and least values", () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(call("get_process_info", { pid: "floded" }))).toMatchObject({
          code: "no_such_process",
          didYouMean: ["flooded"]
        })
        expect(rowsOf(yield* call("find_process", { name: "FLOOD" })).map(({ name }) => name)).toEqual(["flooded"])
        for (const [min_message_queue_length, count] of [
          [10_000, 1],
          [10_000_000, 0]
        ] as const) {
          const least = yield* call("find_process", { name: "FLOOD", filter: { min_message_queue_length } })
          expect(rowsOf(least)).toHaveLength(count)
          expect(least.structured["matched"]).toBe(count)
        }
        const supervisors = yield* call("find_process", { module: "supervisor" })
        expect(rowsOf(supervisors).map(({ name }) => name)).toEqual(
          Number(otp) >= 27 || agent !== "none" ? expect.arrayContaining(["kernel_sup"]) : []
        )
        // What is flooded was not started by proc_lib, so that nobody need read its dictionary to know what it is.
        expect(supervisors.text.includes("Before OTP 26.2")).toBe(Number(otp) < 27 && agent === "none")
        const full = yield* call("list_processes", { sort_by: "pid", filter: { min_message_queue_length: 10_000 } })
        expect(rowsOf(full).map(({ name }) => name)).toEqual(["flooded"])
      }).pipe(using(agent))
    )

    it.live("leave neither atoms nor modules nor processes behind", () =>
      Effect.gen(function* () {
        // What asks for the first time makes the atoms of our own code.
        yield* call("list_processes", {})
        yield* call("find_process", { name: "nowhere" })
        const modules = yield* ask("length(code:all_loaded())")
        const atoms = yield* number("erlang:system_info(atom_count)")
        for (let at = 0; at < 20; at++) {
          yield* Effect.flip(call("get_process_info", { pid: `nobody_${otp}_${agent}_${at}` }))
          yield* Effect.exit(call("list_processes", { filter: { module: `nothing_${otp}_${agent}_${at}` } }))
          yield* call("find_process", { name: `nowhere_${otp}_${agent}_${at}` })
        }
        expect((yield* number("erlang:system_info(atom_count)")) - atoms).toBeLessThan(10)
        expect(yield* ask("length(code:all_loaded())")).toBe(modules)
      }).pipe(
        using(agent),
        Effect.andThen(
          eventually(
            Effect.map(
              ask("[P || P <- processes(), {group_leader, G} <- [process_info(P, group_leader)], node(G) =/= node()]"),
              (left) => left === "[]"
            )
          )
        ),
        Effect.andThen(
          eventually(
            Effect.map(
              ask('[M || {M, _} <- code:all_loaded(), lists:prefix("beamscope", atom_to_list(M))]'),
              (left) => left === "[]"
            )
          )
        )
      )
    )

    it.live("show no cookie, wherever the node keeps it", () =>
      Effect.gen(function* () {
        const groups = ["meta", "location", "memory", "gc", "signals", "binaries", "dictionary"]
        const results = [
          yield* call("list_nodes", {}),
          yield* call("get_system_info", {}),
          yield* call("get_memory_info", {}),
          yield* call("list_processes", { sort_by: "pid", limit: 200 }),
          yield* call("top_processes", { limit: 100 }),
          yield* call("find_process", { name: cookie.slice(0, 5) }),
          yield* call("get_process_info", { pid: "kept", groups }),
          yield* call("get_process_info", { pid: `'${cookie}'` }),
          yield* call("get_process_stacktrace", { pid: `'${cookie}'` })
        ]
        expect(results[5]?.text).toContain("[redacted]")
        expect(results[6]?.text).toContain("[redacted]")
        for (const { structured, text } of results) {
          expect(text).not.toContain(cookie)
          expect(JSON.stringify(structured)).not.toContain(cookie)
        }
      }).pipe(using(agent))
    )
  })

  it.live("show no part of a cookie that the node's own print of a label was cut in", () =>
    Effect.gen(function* () {
      const prints = yield* ask(`
        Labels = fun(Before) ->
          Text = Before ++ ${JSON.stringify(cookie)} ++ lists:duplicate(300, $x),
          Binary = list_to_binary(Text),
          [Text, Binary, {job, Text, 1}, {job, Binary, 1}, [Text, b], [0 | Text], <<0, Binary/binary>>,
           #{Binary => 1, b => Text}, <<Binary/binary, 233/utf8>>, Text ++ tail]
        end,
        Prints = [[io_lib:format("~0tp", [Label], [{chars_limit, 256}]), $\n]
                  || Length <- lists:seq(0, 256), Label <- Labels(lists:duplicate(Length, $-))],
        base64:encode_to_string(unicode:characters_to_binary(Prints))`)
      const lines = Buffer.from(prints, "base64").toString().trimEnd().split("\n")
      expect(lines).toHaveLength(257 * 10)
      const codes = [...Buffer.from(cookie.slice(0, 4))].join(",")
      const leaks = (text: string) => text.includes(cookie.slice(0, 4)) || text.includes(codes)
      expect(lines.filter(leaks).length).toBeGreaterThan(1000)
      expect(lines.map(redactor([Redacted.make(cookie)])).filter(leaks)).toEqual([])
    })
  )

  it.live("reach a node by its short name again and again, whatever its host is called", () =>
    Effect.gen(function* () {
      const short = node.name.slice(0, node.name.indexOf("@"))
      const input = { node: short }
      for (let time = 0; time < 2; time++) {
        expect((yield* call("get_memory_info", input)).structured["node"]).toBe(node.name)
      }
      expect((yield* call("disconnect_node", input)).structured).toMatchObject({ node: node.name, disconnected: true })
      expect((yield* call("get_memory_info", input)).structured["node"]).toBe(node.name)
    }).pipe(
      Effect.provide(Layer.suspend(() => liveCatalogue([], { agent: "none", cookies: [Redacted.make(node.cookie)] })))
    )
  )

  it.live("tell about one process what the node tells", () =>
    Effect.gen(function* () {
      const groups = ["meta", "location", "memory", "gc", "signals", "binaries", "dictionary"]
      const { structured } = yield* call("get_process_info", { pid: "kernel_sup", groups })
      expect(structured["pid"]).toBe((yield* ask("pid_to_list(whereis(kernel_sup))")).replaceAll('"', ""))
      expect(structured["complete"]).toBe(true)
      expect(structured["location"]).toMatchObject({ initial_call: "supervisor:kernel/1" })
      expect((structured["signals"] as { link_count: number }).link_count).toBe(
        yield* number("length(element(2, process_info(whereis(kernel_sup), links)))")
      )
      expect((structured["dictionary"] as { keys: ReadonlyArray<string> }).keys).toEqual(
        expect.arrayContaining(["'$ancestors'", "'$initial_call'"])
      )
      const flooded = yield* call("get_process_info", { pid: "flooded", groups })
      expect(flooded.structured).not.toHaveProperty("memory")
      expect(flooded.structured["complete"]).toBe(false)

      const trace = yield* call("get_process_stacktrace", { pid: "kernel_sup" })
      expect(JSON.stringify(trace.structured["frames"])).toContain("gen_server:loop")
    }).pipe(using("eval"))
  )

  it.live("survive pids that are dead, foreign or impossible, on the same link", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("connect_node", {})
      const gone = (yield* ask("P = spawn(fun() -> ok end), timer:sleep(1), pid_to_list(P)")).replaceAll('"', "")
      const impossible = ["<0.99999.99>", "<0.4294967295.4294967295>", "<0.0.4294967295>"]
      for (const pid of [gone, ...impossible]) {
        expect((yield* Effect.flip(call("get_process_info", { pid }))).code).toBe("no_such_process")
        expect((yield* Effect.flip(call("get_process_stacktrace", { pid }))).code).toBe("no_such_process")
      }
      for (const pid of ["<a@b.1.0>", "<7.1.0>", "no pid!"]) {
        expect((yield* Effect.flip(call("get_process_info", { pid }))).code).toBe("invalid_input")
      }
      expect((yield* call("connect_node", {})).structured["since"]).toBe(structured["since"])
      expect(node.log()).not.toContain("ERROR")
    }).pipe(using("eval"))
  )

  it.live("stop on the node when the call is given up", () =>
    Effect.gen(function* () {
      yield* call("get_memory_info", {})
      const workers = ask(
        "[P || P <- processes(), {group_leader, Leader} <- [process_info(P, group_leader)], node(Leader) =/= node()]"
      )
      const fiber = yield* Effect.forkChild(call("top_processes", { window_ms: 8_000 }))
      yield* eventually(Effect.map(workers, (there) => there !== "[]"))
      yield* Fiber.interrupt(fiber)
      yield* eventually(Effect.map(workers, (there) => there === "[]"))
      const error = yield* Effect.flip(
        call("top_processes", { window_ms: 100, timeout_ms: 1_200, sort_by: "memory" }).pipe(
          Effect.andThen(call("get_memory_info", { node: "nobody@127.0.0.1" }))
        )
      )
      expect(error).toMatchObject({ code: "connect_failed" })
    }).pipe(using("eval"))
  )

  it.live("agree with the node about itself", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("get_system_info", {})
      expect(structured["otp_release"]).toBe(Number(otp))
      expect(structured["schedulers"]).toMatchObject({ normal: yield* number("erlang:system_info(schedulers)") })
      const uptime = yield* number("element(1, statistics(wall_clock)) div 1000")
      expect(Math.abs((structured["uptime_seconds"] as number) - uptime)).toBeLessThanOrEqual(2)
      const limits = structured["limits"] as ReadonlyArray<{ resource: string; limit?: number }>
      expect(limits.find(({ resource }) => resource === "atoms")?.limit).toBe(
        yield* number("erlang:system_info(atom_limit)")
      )
    }).pipe(using("none"))
  )

  it.live("divide the node's memory as the node does", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("get_memory_info", {})
      const areas = structured["areas"] as ReadonlyArray<{ area: string; bytes: number; used_bytes?: number }>
      const of = (name: string) => areas.find(({ area }) => area === name)
      // One snapshot: its parts make up the whole, to the byte.
      expect(areas.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(structured["total_bytes"])
      // Sizes that hardly change, each unlike the others: no two can be mixed up, and no unit be wrong.
      for (const area of ["atom", "code", "ets", "binary"]) {
        const bytes = yield* number(`erlang:memory(${area})`)
        expect(of(area)?.bytes, area).toBeGreaterThan(bytes * 0.9)
        expect(of(area)?.bytes, area).toBeLessThan(bytes * 1.1)
      }
      expect(of("atom")!.used_bytes).toBeLessThanOrEqual(of("atom")!.bytes)
      expect(of("processes")!.used_bytes).toBeLessThanOrEqual(of("processes")!.bytes)
    }).pipe(using("none"))
  )

  it.live("connect by a short name, and tell of a wrong cookie when that is certain", () =>
    Effect.gen(function* () {
      const short = node.name.split("@")[0]!
      const listed = yield* call("list_nodes", {})
      expect(listed.structured["nodes"]).toContainEqual({ node: short, state: "discoverable" })
      for (const retryable of [true, false]) {
        const error = yield* Effect.flip(call("connect_node", { node: node.name, cookie: "wrong-cookie" }))
        expect(error).toMatchObject({ code: "connect_failed", retryable })
        expect(error.message).toContain("cookie")
        expect(error.message).not.toContain("wrong-cookie")
      }
      expect((yield* call("connect_node", { node: short, cookie })).structured["node"]).toBe(node.name)
      expect((yield* call("disconnect_node", {})).structured["disconnected"]).toBe(true)
      yield* eventually(Effect.map(ask("nodes(connected)"), (nodes) => nodes === "[]"))
    }).pipe(Effect.provide(Layer.suspend(() => liveCatalogue([], { agent: "none", cookies: [Redacted.make(cookie)] }))))
  )
})
