import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import type { AgentMode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { eventually } from "../support/eventually.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Mailboxes of all kinds, processes that wait for each other, a crowd at one place, a family, one that is suspended. */
const scene = `
  Idle = fun() -> receive stop -> ok end end,
  Flooded = spawn(fun() -> put(request_id, <<"abc">>), Idle() end), register(flooded, Flooded), [Flooded ! Number || Number <- lists:seq(1, 1000000)],
  Full = spawn(Idle), register(full, Full), [Full ! {item, Number} || Number <- lists:seq(1, 5000)],
  Inbox = spawn(Idle), register(inbox, Inbox),
  [Inbox ! {'$gen_call', {self(), make_ref()}, {get, Number}} || Number <- lists:seq(1, 20)],
  Inbox ! {login, #{user => <<"ann">>, password => <<"hunter2">>}}, Inbox ! {data, binary:copy(<<"x">>, 100000)},
  [begin
     register(Name, spawn(fun() -> receive go -> gen_server:call(To, hello, infinity) end end))
   end || {Name, To} <- [{first, second}, {second, third}, {third, first}, {outside, first}, {patient, inbox}]],
  [Name ! go || Name <- [first, second, third, outside, patient]],
  register(crowd, spawn(fun() -> [spawn_link(fun() -> timer:sleep(infinity) end) || _ <- lists:seq(1, 400)], Idle() end)),
  register(linked, spawn(fun() ->
    process_flag(trap_exit, true),
    open_port({spawn, "cat"}, []), link(whereis(crowd)), erlang:monitor(process, whereis(full)), erlang:monitor(process, code_server),
    Idle()
  end)),
  register(asleep, spawn(erlang, hibernate, [timer, sleep, [infinity]])),
  register(still, spawn(fun() -> Idle() end)), whereis(still) ! kept, erlang:suspend_process(whereis(still)),
  register(dirty, spawn(fun Loop() -> erts_debug:dirty_io(wait, 300), Loop() end)),
  register(hoarder, spawn(fun() ->
    [put(Key, Value) || {Key, Value} <- [{request_id, <<"abc">>}, {{cache, 1}, kept}, {blob, lists:seq(1, 1000000)}]], Idle()
  end)),
  register(reader, spawn(fun() -> [put(Key, binary:copy(<<"x">>, 5000000)) || Key <- [page, "page"]], Idle() end)),
  register(sharer, proc_lib:spawn(fun() ->
    Shared = lists:seq(1, 3000), put(shared, [Shared || _ <- lists:seq(1, 2200)]), erlang:hibernate(timer, sleep, [infinity])
  end)),
  register(boxed, spawn(Idle)), [boxed ! Message || Message <- [{password, hunter2}, {set, {password, tr0ub4dor}}, {secret, {plugh, 1}}]],
  register(sensitive, proc_lib:spawn(fun() -> process_flag(sensitive, true), Idle() end)), [sensitive ! {pin, N} || N <- [1, 2, 3]],
  register(task, proc_lib:spawn_link(fun() -> put('$callers', [whereis(crowd)]), Idle() end)),
  ok`

type Row = Readonly<Record<string, unknown>>
/** What waits behind a page of the queue of a process that is called `paged`. */
const behind = (cursor: unknown) => call("get_message_queue", { pid: "paged", limit: 10, cursor })

const tools = ["get_message_queue", "get_process_children", "get_process_links", "get_process_stacktrace"] as const

const ascends = <A>(values: ReadonlyArray<A>, isBehind: (one: A, other: A) => boolean): boolean =>
  values.every((value, at) => at === 0 || !isBehind(values[at - 1]!, value))

/** Whether rows of a tree are in the order that is asked for. */
const inOrder = {
  // Whoever has a row has it behind that of its parent, and on the first level nobody has one among the rows.
  tree: (rows: ReadonlyArray<Row>) =>
    rows.every(
      ({ depth, parent }, at) =>
        depth === 1 ||
        rows[at - 1]!["pid"] === parent ||
        rows.slice(0, at).findLast((row) => Number(row["depth"]) < Number(depth))?.["pid"] === parent
    ),
  depth: (rows: ReadonlyArray<Row>) => ascends(rows, (one, other) => Number(one["depth"]) > Number(other["depth"])),
  name: (rows: ReadonlyArray<Row>) => ascends(rows, (one, other) => (one["name"] ?? "~") > (other["name"] ?? "~")),
  children: (rows: ReadonlyArray<Row>) =>
    ascends(rows, (one, other) => Number(one["children"]) < Number(other["children"]))
}

const inbox = (input: object) =>
  Effect.map(call("get_message_queue", { pid: "inbox", ...input }), ({ structured }) => structured)

/** How many messages of the process that is called `boxed` have this in their shape. */
const matched = (filter: string) =>
  Effect.map(call("get_message_queue", { pid: "boxed", filter }), ({ structured }) => structured["matched"])

/** A dictionary as get_process_info tells it. */
const dictionaryOf = (pid: string, keys: ReadonlyArray<string>, more: object = {}) =>
  Effect.map(
    call("get_process_info", { pid, groups: ["dictionary"], dictionary_keys: keys, ...more }),
    ({ structured }) => structured
  )

describe.each(BeamNode.otpReleases())("one process on OTP $otp", ({ otp }) => {
  const release = Number(otp)
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp, eval: scene })
  })
  afterAll(() => node.stop())
  const ask = (text: string) => Effect.promise(() => node.evaluate(text))
  const number = (text: string) => Effect.map(ask(text), Number)
  const pidsOf = (text: string) =>
    Effect.map(ask(`[pid_to_list(P) || P <- ${text}]`), (it) => it.match(/<[\d.]+>/gu) ?? [])
  const using = (agent: AgentMode) => Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { agent }))))
  const settled = eventually(
    Effect.map(
      ask(
        "length([N || N <- [first, second, third, outside, patient], element(1, element(2, process_info(whereis(N), current_function))) =:= gen])"
      ),
      (it) => it === "5"
    )
  )

  describe.each(["eval", "load"] satisfies ReadonlyArray<AgentMode>)("with the agent %s", (agent) => {
    it.live("shows messages and their shapes, with no secret", () =>
      Effect.gen(function* () {
        yield* settled
        const { structured, text } = yield* call("get_message_queue", { pid: "inbox", limit: 22 })
        // The call of the patient one stands somewhere among them, or behind.
        expect(structured["message_queue_length"]).toBe(23)
        const shapes = structured["shapes"] as ReadonlyArray<Row>
        expect(shapes[0]).toMatchObject({ count: 20, shape: "{'$gen_call', {pid, reference}, {get, integer}}" })
        expect(shapes.map(({ shape }) => shape)).toEqual(expect.arrayContaining(["{login, map}", "{data, binary}"]))
        const messages = structured["messages"] as ReadonlyArray<Row>
        expect(messages.map(({ at }) => at)).toEqual(messages.map((_, index) => index + 1))
        expect(messages.find(({ cut }) => cut === true)).toMatchObject({ bytes: expect.any(Number) })
        expect(text).toContain('password => <<"[redacted]">>')
        expect(text).not.toContain("hunter2")
        const info = yield* call("get_process_info", { pid: "inbox", groups: ["messages"], limit: 1 })
        expect(info.structured["messages"]).toEqual([expect.objectContaining({ at: 1 })])
      }).pipe(using(agent))
    )

    it.live("says of a sensitive process that it hides what it has, not that it has none", () =>
      Effect.gen(function* () {
        const queue = yield* call("get_message_queue", { pid: "sensitive" })
        expect(queue.structured).toMatchObject({ message_queue_length: 3, complete: false })
        expect(queue.structured["summary"]).toMatch(/ has 3 messages waiting, which are hidden\.$/u)
        expect(queue.structured["notes"]).toEqual([expect.stringMatching(/it is sensitive \(process_flag\)/u)])
        const all = yield* call("get_process_info", {
          pid: "sensitive",
          groups: ["messages", "dictionary"],
          dictionary_keys: ["pin"]
        })
        expect(all.structured["message_queue_length"]).toBe(3)
        expect(all.structured["notes"]).toEqual([expect.stringMatching(/^Of its messages and dictionary nothing/u)])
        // What it runs, and of whom it comes, stand in its dictionary; a release that reads single entries looks for them.
        const { structured } = yield* call("get_process_info", { pid: "sensitive" })
        if (release >= 27) {
          expect(structured["notes"]).toEqual([expect.stringMatching(/^Of its dictionary nothing/u)])
        }
        const stack = yield* call("get_process_stacktrace", { pid: "sensitive" })
        expect(stack.structured["frames"]).not.toHaveLength(0)
      }).pipe(using("eval"))
    )

    it.live("shows a queue page by page, and says when the process has taken messages out between", () =>
      Effect.gen(function* () {
        yield* ask(`begin
          Pid = spawn(fun Take() -> receive {take, From, Message} -> receive Message -> From ! taken end, Take() end end),
          register(paged, Pid), [Pid ! {item, Number} || Number <- lists:seq(1, 57)], ok end`)
        const places: Array<readonly [unknown, unknown]> = []
        const cursors: Array<unknown> = []
        do {
          const cursor = cursors.at(-1)
          const { structured } = yield* call("get_message_queue", {
            pid: "paged",
            limit: 10,
            ...(cursor !== undefined && { cursor })
          })
          expect(structured["complete"]).toBe(true)
          for (const { at, message } of structured["messages"] as ReadonlyArray<Row>) places.push([at, message])
          cursors.push(structured["next_cursor"])
        } while (cursors.at(-1) !== undefined)
        expect(places).toEqual(Array.from({ length: 57 }, (_, at) => [at + 1, `{item,${at + 1}}`]))

        // What comes in goes behind all others.
        yield* ask("paged ! {item, 58}, ok")
        const { structured: unmoved } = yield* behind(cursors[0])
        expect(unmoved["complete"]).toBe(true)
        expect((unmoved["messages"] as ReadonlyArray<Row>)[0]).toMatchObject({ at: 11, message: "{item,11}" })
        yield* ask("paged ! {take, self(), {item, 3}}, receive taken -> ok end")
        expect((yield* behind(cursors[0])).structured).toMatchObject({
          complete: false,
          notes: [expect.stringMatching(/^The process has taken messages out/u)]
        })
        yield* ask("begin exit(whereis(paged), kill), ok end")
        yield* eventually(Effect.map(ask("whereis(paged)"), (pid) => pid === "undefined"))
        expect((yield* Effect.flip(behind(cursors[0]))).code).toBe("no_such_process")
      }).pipe(using(agent))
    )

    it.live("finds no message by what it hides of it, and tells of a process what can be copied", () =>
      Effect.gen(function* () {
        expect(yield* Effect.forEach(["hun", "tr0", "plu", "hux"], matched)).toEqual([0, 0, 0, 0])
        expect(yield* Effect.forEach(["password", "set", "secret"], matched)).toEqual([2, 1, 1])
        const { structured } = yield* call("get_process_info", { pid: "sharer" })
        expect(structured).toMatchObject({ name: "sharer", location: { current_function: expect.any(String) } })
        const unread = release < 26 ? [expect.stringContaining("Not read: initial call")] : []
        expect(structured["notes"] ?? []).toEqual(unread)
      }).pipe(using(agent))
    )

    it.live("filters messages by their shape, and puts the largest first, on the node", () =>
      Effect.gen(function* () {
        yield* settled
        const calls = yield* inbox({ filter: "{'$gen_call', {pid, reference}, {get, integer}}", limit: 30 })
        expect(calls).toMatchObject({ complete: true, total: 23, matched: 20, looked_at: 23 })
        const numbers = (calls["messages"] as ReadonlyArray<Row>).map(
          ({ message }) => /\{get,(\d+)\}/u.exec(`${message}`)?.[1]
        )
        expect(numbers).toEqual(Array.from({ length: 20 }, (_, at) => `${at + 1}`))
        expect(yield* inbox({ filter: "LOGIN" })).toMatchObject({
          matched: 1,
          messages: [{ message: expect.stringMatching(/^\{login,/u) }]
        })
        // No atom is made of it.
        const nowhere = `nowhere_${otp}_${agent}`
        expect(yield* inbox({ filter: nowhere })).toMatchObject({ total: 23, matched: 0 })
        expect(yield* ask(`element(1, catch binary_to_existing_atom(<<"${nowhere}">>, utf8))`)).toBe("'EXIT'")

        const rows: Array<Row> = []
        let cursor: unknown
        do {
          const page = yield* inbox({ sort_by: "size", limit: 5, ...(cursor !== undefined && { cursor }) })
          expect(page).toMatchObject({ total: 23, matched: 23, looked_at: 23 })
          rows.push(...(page["messages"] as ReadonlyArray<Row>))
          cursor = page["next_cursor"]
        } while (cursor !== undefined)
        expect(rows[0]).toMatchObject({ cut: true, message: expect.stringMatching(/^\{data,/u) })
        expect(new Set(rows.map(({ at }) => at)).size).toBe(23)
        expect(
          ascends(
            rows,
            (one, other) =>
              Number(one["bytes"]) < Number(other["bytes"]) ||
              (one["bytes"] === other["bytes"] && Number(one["at"]) > Number(other["at"]))
          )
        ).toBe(true)
        const larger = { pid: "full", override: true, filter: "{item, integer}", sort_by: "size", limit: 1 }
        // The first one whose number takes four bytes.
        expect((yield* call("get_message_queue", larger)).structured).toMatchObject({
          matched: 5_000,
          looked_at: 5_000,
          messages: [{ at: 256, message: "{item,256}" }]
        })
      }).pipe(using(agent))
    )

    it.live("refuses what is too much, at no cost, unless somebody insists", () =>
      Effect.gen(function* () {
        // What is loaded the first time is not what the queue costs.
        yield* Effect.flip(call("get_message_queue", { pid: "flooded" }))
        yield* call("get_process_info", { pid: "flooded", groups: ["messages", "memory"] })
        yield* ask("erlang:garbage_collect()")
        const before = yield* number("erlang:memory(total)")
        for (const override of [false, true]) {
          const error = yield* Effect.flip(call("get_message_queue", { pid: "flooded", override }))
          expect(error).toMatchObject({ code: "too_large", message: expect.stringContaining("1,000,000 messages") })
        }
        const told = yield* call("get_process_info", { pid: "flooded", groups: ["messages", "memory"] })
        expect(told.structured).toMatchObject({ complete: false, message_queue_length: 1_000_000 })
        expect(told.structured).not.toHaveProperty("messages")
        expect((yield* number("erlang:memory(total)")) - before).toBeLessThan(20_000_000)

        const full = yield* Effect.flip(call("get_message_queue", { pid: "full" }))
        expect(full.message).toContain("with override: true up to 100,000 messages")
        const insisted = yield* call("get_message_queue", { pid: "full", override: true, limit: 2 })
        expect(insisted.structured).toMatchObject({
          message_queue_length: 5_000,
          shapes: [{ count: 5_000, percent: 100, first_at: 1, shape: "{item, integer}" }],
          messages: [{ message: "{item,1}" }, { message: "{item,2}" }]
        })
        const others = yield* call("get_message_queue", {
          pid: "full",
          override: true,
          limit: 3,
          cursor: insisted.structured["next_cursor"]
        })
        expect(others.structured["messages"]).toMatchObject([
          { at: 3, message: "{item,3}" },
          { at: 4, message: "{item,4}" },
          { at: 5, message: "{item,5}" }
        ])
      }).pipe(using(agent))
    )

    it.live("counts who stands where", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("group_stacktraces", { limit: 1 })
        const [first] = structured["stacks"] as ReadonlyArray<Row>
        expect(first).toMatchObject({ stack: expect.stringContaining("timer:sleep/1") })
        expect(first!["count"]).toBeGreaterThanOrEqual(400)
        expect(Math.abs((structured["processes"] as number) - (yield* number("length(processes())")))).toBeLessThan(10)
        expect(structured["matched"]).toBe(structured["total"])
        const calling = yield* call("group_stacktraces", { filter: "gen:do_call" })
        expect(calling.structured["matched"]).toBeLessThan(calling.structured["total"] as number)
        expect(
          (calling.structured["stacks"] as ReadonlyArray<Row>).reduce((sum, { count }) => sum + Number(count), 0)
        ).toBe(5)
        // What else is asked meanwhile is counted, but is no stack of the node's.
        const window = yield* Effect.forkChild(call("get_runtime_stats", { window_ms: 30_000, timeout_ms: 60_000 }))
        const ours = Effect.map(call("list_processes", { sort_by: "pid", limit: 200 }), (it) =>
          (it.structured["processes"] as ReadonlyArray<Row>).filter(({ beamscope }) => beamscope === true)
        )
        yield* eventually(Effect.map(ours, (it) => it.some(({ name }) => name === undefined)))
        // Where it is loaded, a janitor of ours comes along with it.
        yield* call("list_processes", { group_by: "application" })
        const own = { group: "(at work for Beamscope)", count: (yield* ours).length }
        const stacks = (yield* call("group_stacktraces", { limit: 100 })).structured["stacks"] as ReadonlyArray<Row>
        expect(stacks).toContainEqual(expect.objectContaining({ stack: own.group, count: own.count }))
        for (const group_by of ["application", "initial_call", "current_function"]) {
          const grouped = yield* call("list_processes", { group_by, limit: 200 })
          expect(grouped.structured["groups"]).toContainEqual(expect.objectContaining(own))
        }
        yield* Fiber.interrupt(window)
        const others = yield* call("group_stacktraces", { exclude: "timer.SLEEP", limit: 100 })
        expect(others.text).not.toContain("timer:sleep")
        const asleep = yield* call("group_stacktraces", { filter: "erlang:hibernate/3" })
        expect(asleep.structured["stacks"]).toEqual([
          expect.objectContaining({ stack: expect.stringContaining("erlang:hibernate/3") })
        ])
        const deepest = (yield* call("group_stacktraces", { sort_by: "depth", limit: 100 })).structured["stacks"]
        const depths = (deepest as ReadonlyArray<Row>).map((row) => String(row["stack"]).split(" < ").length)
        expect(depths).toEqual(depths.toSorted((one, two) => two - one))
        const named = (yield* call("group_stacktraces", { sort_by: "function", limit: 100 })).structured["stacks"]
        const modules = (named as ReadonlyArray<Row>).flatMap(({ stack }) =>
          // Ours stand nowhere, and come last.
          stack === own.group ? [] : [String(stack).split(":")[0]!]
        )
        expect(modules.length).toBeGreaterThan(2)
        expect(modules).toEqual(modules.toSorted())
        const stack = yield* call("get_process_stacktrace", { pid: "asleep" })
        expect(stack.structured["summary"]).toMatch(/asleep .* is waiting in erlang:hibernate\/3\.$/u)
        const second = yield* call("group_stacktraces", { limit: 1, cursor: structured["next_cursor"] })
        expect(structured).not.toHaveProperty("notes")
        expect(second.structured["notes"]).toEqual([expect.stringContaining("Each page is of its own moment")])
        expect((second.structured["stacks"] as ReadonlyArray<Row>)[0]!["count"]).toBeLessThanOrEqual(
          Number(first!["count"])
        )
        expect((second.structured["stacks"] as ReadonlyArray<Row>)[0]!["stack"]).not.toBe(first!["stack"])
      }).pipe(using(agent))
    )

    it.live("knows the children of a supervisor that cannot answer", () =>
      Effect.gen(function* () {
        const children = yield* pidsOf("[P || {_, P, _, _} <- supervisor:which_children(kernel_sup), is_pid(P)]")
        yield* ask("erlang:suspend_process(whereis(kernel_sup))")
        const input = { pid: "kernel_sup", tree: "supervised", depth: 1, limit: 100 }
        const { structured } = yield* call("get_process_children", input).pipe(
          Effect.ensuring(ask("erlang:resume_process(whereis(kernel_sup))"))
        )
        const rows = structured["processes"] as ReadonlyArray<Row>
        expect(structured).toMatchObject({ supervisor: true, initial_call: "supervisor:kernel/1" })
        expect(rows.map(({ pid }) => pid).toSorted()).toEqual(
          // The code server is started by hand, and leaves no word about its ancestors before OTP 25.
          children.filter((pid) => release >= 25 || rows.some((row) => row["pid"] === pid)).toSorted()
        )
        expect(rows.length).toBeGreaterThan(children.length - 3)
        expect(rows.filter(({ supervisor }) => supervisor === true).map(({ name }) => name)).toContain("logger_sup")
        for (const filter of [
          { name: "LOGGER" },
          { module: "logger_sup" },
          { name: "logger_sup", module: "supervisor" }
        ]) {
          const some = yield* call("get_process_children", { pid: "kernel_sup", tree: "supervised", filter })
          const names = (some.structured["processes"] as ReadonlyArray<Row>).map(({ name }) => name)
          expect(names).toContain("logger_sup")
          expect(names).not.toContain("kernel_safe_sup")
          expect(some.structured["matched"]).toBe(names.length)
          expect(some.structured["total"]).toBeGreaterThan(names.length)
        }
        const unknown = { pid: "kernel_sup", filter: { module: "no_such_module_at_all" } }
        expect((yield* Effect.flip(call("get_process_children", unknown))).code).toBe("not_found")
        for (const sort_by of ["tree", "depth", "name", "children"]) {
          const one = { pid: "kernel_sup", tree: "supervised", depth: 10, sort_by }
          const whole = yield* call("get_process_children", { ...one, limit: 500 })
          const all = whole.structured["processes"] as ReadonlyArray<Row>
          const paged: Array<Row> = []
          let cursor: unknown
          do {
            const { structured: page } = yield* call("get_process_children", {
              ...one,
              limit: 5,
              ...(cursor !== undefined && { cursor })
            })
            expect(page).toMatchObject({ total: all.length, matched: all.length })
            paged.push(...(page["processes"] as ReadonlyArray<Row>))
            cursor = page["next_cursor"]
          } while (cursor !== undefined)
          expect(paged.map(({ pid }) => pid)).toEqual(all.map(({ pid }) => pid))
          expect(inOrder[sort_by as keyof typeof inOrder](paged), sort_by).toBe(true)
        }
        const none = yield* call("get_process_children", { pid: "crowd", tree: "supervised" })
        // Those of plain `spawn_link` are known from OTP 25 on.
        expect(none.structured).toMatchObject({
          complete: false,
          supervisor: false,
          child_count: release >= 25 ? 400 : 0,
          summary: expect.stringMatching(
            release >= 25
              ? /is not known to be a supervisor; it spawned 400 processes that it is linked to/u
              : /is not known to be a supervisor\.$/u
          )
        })
      }).pipe(using(agent))
    )

    it.live("does not call who may be a supervisor none", () =>
      Effect.gen(function* () {
        // Garbage makes a large heap, too.
        yield* ask("sys:replace_state(logger_sup, fun(S) -> 200000 = length(lists:seq(1, 200000)), S end), ok")
        const { structured } = yield* call("get_process_children", { pid: "logger_sup", tree: "supervised", depth: 1 })
        const children = yield* pidsOf("[P || {_, P, _, _} <- supervisor:which_children(logger_sup), is_pid(P)]")
        const rows = structured["processes"] as ReadonlyArray<Row>
        expect(rows.map(({ pid }) => pid).toSorted()).toEqual(children.toSorted())
        expect(structured["supervisor"]).toBe(release >= 27 ? true : undefined)
        expect(structured["complete"]).toBe(release >= 27)
        if (release < 27)
          expect(structured).toMatchObject({
            summary: expect.stringContaining("may be a supervisor, which could not be read; it has"),
            hints: [expect.stringContaining("get_supervision_tree")]
          })
      }).pipe(using(agent), Effect.ensuring(ask("erlang:garbage_collect(whereis(logger_sup))")))
    )

    it.live("knows who spawned whom", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_process_children", { pid: "crowd", limit: 10 })
        expect(structured["complete"]).toBe(release >= 25)
        if (release < 25) return
        expect(structured["child_count"]).toBe(400)
        expect(structured["processes"]).toHaveLength(10)
        expect(structured).toMatchObject({
          total: 400,
          matched: 400,
          summary: expect.stringMatching(/has 400 children; 10 of 400 processes within 3 levels below it\.$/u),
          next_cursor: expect.any(String)
        })
        expect(structured["processes"]).toContainEqual(expect.objectContaining({ current_function: "timer:sleep/1" }))
      }).pipe(using(agent))
    )

    it.live("tells links and monitors, page by page, with names", () =>
      Effect.gen(function* () {
        const { structured } = yield* call("get_process_links", { pid: "linked" })
        const links = structured["links"] as ReadonlyArray<Row>
        expect(structured).toMatchObject({ total: 4, matched: 4 })
        expect(links).toContainEqual(expect.objectContaining({ relation: "link", name: "crowd" }))
        expect(links).toContainEqual(expect.objectContaining({ relation: "link", port: "cat" }))
        expect(links).toContainEqual(expect.objectContaining({ relation: "monitors", name: "full" }))
        expect(links).toContainEqual(
          expect.objectContaining({ relation: "monitors", to: "by name", name: "code_server" })
        )

        const paged: Array<unknown> = []
        let cursor: unknown
        do {
          const input = { pid: "linked", depth: 2, limit: 150, ...(cursor !== undefined && { cursor }) }
          const page = yield* call("get_process_links", input)
          expect(page.structured["matched"]).toBe(404)
          paged.push(...(page.structured["links"] as ReadonlyArray<Row>).map(({ relation, to }) => `${relation} ${to}`))
          cursor = page.structured["next_cursor"]
        } while (cursor !== undefined)
        expect(paged).toHaveLength(404)
        expect(new Set(paged).size).toBe(404)
        const inOrder = ["link", "monitored_by", "monitors"]
        for (const sort_by of ["relation", "to"]) {
          const rows: Array<Row> = []
          do {
            const input = { pid: "linked", depth: 2, sort_by, limit: 150, ...(cursor !== undefined && { cursor }) }
            const page = yield* call("get_process_links", input)
            rows.push(...(page.structured["links"] as ReadonlyArray<Row>))
            cursor = page.structured["next_cursor"]
          } while (cursor !== undefined)
          expect(new Set(rows.map(({ relation, to }) => `${String(relation)} ${String(to)}`)).size).toBe(404)
          const ranks = rows.map((row) => inOrder.indexOf(String(row["relation"])))
          // By the other end: an atom's tuple is greater than any pid, and that than any port.
          if (sort_by === "relation") expect(ranks).toEqual(ranks.toSorted((one, two) => one - two))
          else expect([rows[0]?.["port"], rows.at(-1)?.["to"]]).toEqual(["cat", "by name"])
        }
        const some = yield* call("get_process_links", { pid: "crowd", filter: { relation: "monitored_by" } })
        expect(some.structured).toMatchObject({ total: 401, matched: 0 })
        expect(some.structured["summary"]).toMatch(/: none of 401 links and monitors is a monitor by another\.$/u)
        const filter = { relation: "monitors" }
        expect((yield* call("get_process_links", { pid: "linked", filter })).structured).toMatchObject({
          total: 4,
          matched: 2,
          summary: expect.stringMatching(/: 2 links and monitors\.$/u)
        })
        const alone = yield* call("get_process_links", { pid: "still", filter })
        expect(alone.structured["summary"]).toMatch(/: no links and no monitors\.$/u)
      }).pipe(using(agent))
    )

    it.live("counts the monitors that somebody has forgotten", () =>
      Effect.gen(function* () {
        const pid = yield* Effect.promise(() =>
          node.evaluate(
            "P = spawn(fun() -> [erlang:monitor(process, code_server) || _ <- lists:seq(1, 500)], link(whereis(still)), register(leaking, self()), receive stop -> unlink(whereis(still)) end end), pid_to_list(P)"
          )
        )
        yield* eventually(
          Effect.promise(() => node.evaluate("is_pid(whereis(leaking))")).pipe(Effect.map((it) => it === "true"))
        )
        const leak = (yield* call("get_process_links", { pid: "leaking" })).structured
        const back = (yield* call("get_process_links", { pid: "code_server", filter: { relation: "monitored_by" } }))
          .structured
        yield* Effect.promise(() => node.evaluate("leaking ! stop, ok"))
        expect(leak).toMatchObject({
          total: 2,
          summary: expect.stringContaining(": 501 links and monitors, equal ones in one row with a count: 2 rows."),
          links: [{ relation: "link" }, { relation: "monitors", count: 500, name: "code_server" }]
        })
        expect((leak["links"] as ReadonlyArray<Row>)[0]).not.toHaveProperty("count")
        expect(back["links"]).toContainEqual(expect.objectContaining({ to: pid.replaceAll('"', ""), count: 500 }))
      }).pipe(using(agent))
    )

    it.live(
      "asks nothing of processes that are dead, suspended, away in native code or of another node, and leaves nothing behind",
      () =>
        Effect.gen(function* () {
          const gone = (yield* ask(
            "P = spawn(fun() -> ok end), erlang:monitor(process, P), receive {'DOWN', _, _, P, _} -> ok end, pid_to_list(P)"
          )).replaceAll('"', "")
          const counts = () => ask("[length(code:all_loaded()), length(ets:all()), length(registered())]")
          // The words of the agent's own code are atoms, too: of a fixed number.
          for (const tool of tools) yield* call(tool, { pid: "still" })
          yield* call("group_stacktraces", { filter: "nothing" })
          const before = yield* counts()
          const atoms = yield* number("erlang:system_info(atom_count)")
          for (const tool of tools) {
            expect((yield* Effect.flip(call(tool, { pid: gone }))).code, tool).toBe("no_such_process")
            expect((yield* Effect.flip(call(tool, { pid: "<a@b.1.0>" }))).code, tool).toBe("invalid_input")
            expect((yield* Effect.flip(call(tool, { pid: `nobody_${otp}_${agent}_${tool}` }))).code, tool).toBe(
              "no_such_process"
            )
            expect((yield* call(tool, { pid: "still" })).structured["complete"], tool).toBe(
              release >= 25 || tool !== "get_process_children"
            )
          }
          // In a native function, on a dirty scheduler, nearly all of the time.
          for (const tool of tools) yield* call(tool, { pid: "dirty" })
          yield* call("group_stacktraces", { filter: `nothing_${otp}_${agent}.at_all/1` })
          expect(yield* number("erlang:system_info(atom_count)")).toBeLessThan(atoms + 10)
          if (agent === "eval") expect(yield* counts()).toBe(before)
          expect(yield* ask("process_info(whereis(still), [message_queue_len, status])")).toBe(
            "[{message_queue_len,1},{status,suspended}]"
          )
          yield* ask("erlang:resume_process(whereis(still)), erlang:suspend_process(whereis(still))")
        }).pipe(using(agent))
    )
  })

  it.live("finds whose answer a process waits for, and who waits in a circle, without the agent", () =>
    Effect.gen(function* () {
      yield* settled
      const patient = yield* call("get_process_stacktrace", { pid: "patient" })
      expect(patient.structured["waiting_for"]).toEqual([expect.objectContaining({ name: "inbox", status: "waiting" })])
      const circle = yield* call("get_process_stacktrace", { pid: "outside" })
      expect(circle.structured["summary"]).toMatch(
        /DEADLOCK: first \(.*\) waits for second \(.*\) waits for third \(.*\) waits for first \(.*\)\.$/u
      )
      const idle = yield* call("get_process_stacktrace", { pid: "inbox" })
      expect(idle.structured).not.toHaveProperty("waiting_for")
      for (const tool of ["get_message_queue", "get_process_children", "get_process_links"]) {
        expect((yield* Effect.flip(call(tool, { pid: "inbox" }))).code).toBe("unsupported")
      }
    }).pipe(using("none"))
  )

  describe.each<AgentMode>(["eval", "load", "none"])("with the agent %s", (agent) => {
    const readsKeys = Effect.map(ask("catch is_tuple(process_info(self(), {dictionary, key}))"), (it) => it === "true")

    it.live("tells single entries of a dictionary on a large heap where it may, and none behind a long queue", () =>
      Effect.gen(function* () {
        const keys = ["request_id", "{cache, 1}"]
        for (const [pid, why] of [
          ["hoarder", /^The dictionary was not read: .* max_heap_mb: [\d.]+ looks all the same\.$/u],
          ["flooded", /^The dictionary of a process with \d+ messages is not read/u]
        ] as const) {
          const refused = yield* dictionaryOf(pid, keys)
          expect(refused).toMatchObject({ complete: false, notes: [expect.stringMatching(why)] })
          expect(refused).not.toHaveProperty("dictionary")
        }
        if (!(yield* readsKeys)) return
        const allowed = { max_heap_mb: 200 }
        const hoarder = yield* dictionaryOf("hoarder", keys, allowed)
        const values = [
          { key: "request_id", value: '<<"abc">>' },
          { key: "{cache,1}", value: "kept" }
        ]
        expect(hoarder).toMatchObject({ complete: true, dictionary: { values } })
        const atoms = yield* ask("erlang:system_info(atom_count)")
        const odd = ["beamscope_no_such_key", "{cache, beamscope_no_such_part}", "request_id"]
        const partly = yield* dictionaryOf("hoarder", odd, allowed)
        expect(yield* ask("erlang:system_info(atom_count)")).toBe(atoms)
        expect(partly).toMatchObject({ dictionary: { values: values.slice(0, 1) } })
        expect(partly["notes"]).toContain(`Not in its dictionary: ${odd.slice(0, 2).join(", ")}.`)
      }).pipe(using(agent))
    )

    it.live("tells the keys of a dictionary without the values, where it can read these one by one", () =>
      Effect.gen(function* () {
        const told = yield* dictionaryOf("reader", [])
        if (agent !== "none" && (yield* readsKeys)) {
          expect(told).toMatchObject({ complete: true, dictionary: { key_count: 2 } })
          const { keys } = told["dictionary"] as { readonly keys: ReadonlyArray<string> }
          expect(keys.toSorted()).toEqual(['"page"', "page"])
        } else {
          expect(told).toMatchObject({ complete: false, notes: [expect.stringMatching(/^Not read: dictionary/u)] })
        }
      }).pipe(using(agent))
    )
  })

  it.live("knows for whom a task works, and of whom it comes", () =>
    Effect.gen(function* () {
      const groups = ["meta", "dictionary", "signals"]
      const { structured } = yield* call("get_process_info", { pid: "task", groups, dictionary_keys: ["$callers"] })
      const crowd = (yield* ask("pid_to_list(whereis(crowd))")).replaceAll('"', "")
      expect(structured["meta"]).toMatchObject({ callers: [crowd], ancestors: [expect.stringMatching(/^<[\d.]+>$/u)] })
      expect(structured["dictionary"]).toMatchObject({ values: [{ key: "'$callers'", value: `[${crowd}]` }] })
      const kernel = yield* call("get_process_info", { pid: "kernel_sup", groups: ["meta"] })
      expect(kernel.structured["meta"]).toMatchObject({ application: "kernel" })
      const judge = (yield* ask("pid_to_list(self())")).replaceAll('"', "")
      const suspends = yield* call("get_process_info", { pid: judge, groups: ["signals"] })
      const still = (yield* ask("pid_to_list(whereis(still))")).replaceAll('"', "")
      expect(suspends.structured["signals"]).toMatchObject({ suspending: [still] })
    }).pipe(using("none"))
  )
})
