import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { atom, binary, list, map } from "../../../src/etf/Term.ts"
import { errorText } from "../../../src/mcp/ErrorText.ts"
import { Catalogue } from "../../../src/tools/Catalogue.ts"
import { remainingMillis } from "../../../src/tools/Deadline.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import * as Tool from "../../../src/tools/Tool.ts"
import type { Answer } from "../../../src/tools/Answer.ts"
import { ToolError } from "../../../src/tools/ToolError.ts"
import { allTools } from "../../../src/tools/AllTools.ts"
import { guardedTools } from "../../../src/tools/Toolsets.ts"
import { fakeNode, type World, worldLayer } from "../../support/FakeNodes.ts"
import { recordedNode } from "../../support/RecordedNode.ts"
import { call, callIn, catalogueLayer, failIn } from "../../support/Tools.ts"

const listed = (world: World) =>
  Effect.flatMap(Catalogue, ({ listings, tools }) => listings(tools)).pipe(Effect.provide(catalogueLayer(world)))

const toy = (
  name: string,
  run: Effect.Effect<{ readonly done: boolean }, ToolError>,
  access: "inspect" | "control" = "inspect"
) =>
  Tool.make({
    name,
    title: name,
    description: name,
    toolset: "toys",
    access,
    cost: "cheap",
    target: "none",
    input: {},
    output: { done: Schema.Boolean },
    run: () => Effect.map(run, (data) => ({ summary: "Done.", data }))
  })

const callToy = (tool: Tool.Tool, world: World, input: unknown = {}) =>
  call(tool.name, input).pipe(Effect.provide(catalogueLayer(world, [tool])))

describe("the listing", () => {
  it.effect("has names, titles, descriptions and closed object schemas that hosts take", () =>
    Effect.gen(function* () {
      const tools = yield* listed({})
      expect(tools.map(({ name }) => name)).toEqual([
        "connect_node",
        "disconnect_node",
        "list_nodes",
        "set_mode",
        "diagnose_connection",
        "discover_nodes",
        "list_processes",
        "top_processes",
        "find_process",
        "get_process_info",
        "get_process_stacktrace",
        "get_message_queue",
        "get_process_children",
        "get_process_links",
        "group_stacktraces",
        "get_gen_server_state",
        "get_gen_server_status",
        "list_applications",
        "get_application_info",
        "list_application_processes",
        "get_supervision_tree",
        "get_system_info",
        "get_memory_info",
        "get_allocator_info",
        "get_scheduler_usage",
        "get_runtime_stats",
        "get_microstate_accounting",
        "get_environment",
        "list_timers",
        "get_persistent_terms",
        "list_ets_tables",
        "get_ets_table_info",
        "sample_ets_table",
        "select_ets_table",
        "list_mnesia_tables",
        "list_modules",
        "get_module_info",
        "list_module_functions",
        "get_function_source",
        "compare_modules",
        "list_ports",
        "list_sockets",
        "get_distribution_info",
        "ping_node",
        "list_process_groups",
        "list_registries",
        "list_pubsub_topics",
        "list_event_handlers",
        "get_log_configuration",
        "list_footprint",
        "remove_footprint"
      ])
      for (const { description, inputSchema, name, outputSchema, title } of tools) {
        expect(name).toMatch(/^[a-z][a-z_]{0,39}$/u)
        expect(title.length).toBeGreaterThan(5)
        expect(description.length).toBeGreaterThan(40)
        expect(description.length).toBeLessThan(400)
        expect(inputSchema["type"]).toBe("object")
        expect(inputSchema["additionalProperties"]).toBe(false)
        expect(Object.keys(inputSchema["properties"] as object)).toContain("timeout_ms")
        expect(outputSchema["type"]).toBe("object")
        expect(JSON.stringify([inputSchema, outputSchema])).not.toMatch(/\$ref|allOf|anyOf|"not"|NaN|Infinity/u)
      }
    })
  )

  it.effect("tells each default and range of a number in words, for hosts that strip the rest", () =>
    Effect.gen(function* () {
      for (const { inputSchema } of yield* listed({})) {
        const properties = Object.entries(inputSchema["properties"] as Record<string, Record<string, unknown>>)
        for (const [, property] of properties) {
          if (property["maximum"] === undefined) continue
          expect(property["description"]).toContain(`${String(property["minimum"])} to ${String(property["maximum"])}`)
          if (property["default"] !== undefined)
            expect(property["description"]).toContain(`default ${String(property["default"])}`)
        }
      }
    })
  )

  it.effect("tells a mere look from what others notice", () =>
    Effect.gen(function* () {
      const notices = (yield* listed({})).filter(({ access }) => access !== "inspect")
      expect(notices.map(({ access, name }) => [name, access])).toEqual([
        ["disconnect_node", "observe"],
        ["get_microstate_accounting", "observe"],
        ["remove_footprint", "observe"]
      ])
      const inspectOnly = { up: [fakeNode()], policy: { inspectOnly: true } }
      expect((yield* listed(inspectOnly)).map(({ name }) => name)).not.toContain("disconnect_node")
      expect((yield* failIn(inspectOnly, "disconnect_node")).code).toBe("not_allowed")
    })
  )

  it.effect("leaves out what the policy does not allow", () =>
    Effect.gen(function* () {
      expect((yield* listed({ policy: { toolsets: ["logs"] } })).map(({ name }) => name)).toEqual([
        "get_log_configuration"
      ])
      const tools = [
        toy("look", Effect.succeed({ done: true })),
        toy("kill", Effect.succeed({ done: true }), "control")
      ]
      const names = (world: World) =>
        Effect.map(Catalogue, (it) => it.tools.map(({ name }) => name)).pipe(
          Effect.provide(catalogueLayer(world, tools))
        )
      expect(yield* names({})).toEqual(["look"])
      expect(yield* names({ policy: { allowControl: true } })).toEqual(["look", "kill"])
    })
  )
})

describe("the start", () => {
  it.effect.each([
    [
      { tools: ["list_proceses"] },
      "--tools: there is no 'list_proceses'; did you mean list_processes or find_process?"
    ],
    [{ excludeTools: ["xyz"] }, "--exclude-tools: there is no 'xyz'; there are connect_node,"],
    [{ toolsets: ["sytem"] }, "--toolsets: there is no 'sytem'; did you mean system?"]
  ] as const)("fails on a name in %j that there is not", ([policy, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(Catalogue.layer.pipe(Layer.provide(worldLayer({ policy })))))
      )
      expect(error._tag).toBe("CatalogueError")
      expect(error.message).toContain(message)
    })
  )
})

describe("a call", () => {
  it.effect("of a tool that there is not is told what was perhaps meant", () =>
    Effect.gen(function* () {
      expect(yield* failIn({}, "list_proceses")).toMatchObject({
        code: "unknown_tool",
        retryable: false,
        didYouMean: ["list_processes", "find_process"]
      })
      expect((yield* failIn({}, "no\u202esuch")).message).toBe("There is no tool 'no\\u{202E}such'.")
    })
  )

  it.effect("of a tool that is not allowed is refused, and says what would allow it", () =>
    Effect.gen(function* () {
      let ran = false
      const tool = toy(
        "kill",
        Effect.sync(() => ({ done: (ran = true) })),
        "control"
      )
      const error = yield* Effect.flip(callToy(tool, {}))
      expect(error).toMatchObject({ code: "not_allowed", retryable: false })
      expect(error.message).toContain("--allow-control")
      expect(ran).toBe(false)
      expect((yield* callToy(tool, { policy: { allowControl: true } })).structured["done"]).toBe(true)
    })
  )

  it.effect("tells every problem of its arguments at once", () =>
    Effect.gen(function* () {
      const error = yield* failIn({}, "list_processes", {
        sortby: "memory",
        sort_by: "memry",
        limit: 900,
        filter: { modul: "x", min_reductions: "5" },
        timeout_ms: "5"
      })
      expect(error.code).toBe("invalid_input")
      expect(error.message.split("\n").toSorted()).toEqual([
        '- `filter.min_reductions`: expected number, not "5"',
        "- `filter.modul` is not known here; did you mean `module`?",
        "- `limit`: expected a value between 1 and 200, not 900",
        '- `sort_by`: expected "memory" | "reductions" | "message_queue" | "heap" | "pid" | "name" | "module" | "initial_call" | "label" | "application" | "status" | "count", not "memry"; did you mean `memory`?',
        "- `sortby` is not known here; did you mean `sort_by`?",
        '- `timeout_ms`: expected number, not "5"',
        "list_processes: 6 problems with the arguments."
      ])
    })
  )

  it.effect("without arguments is one with none", () =>
    Effect.gen(function* () {
      for (const input of [undefined, null]) {
        expect((yield* callIn({}, "list_nodes", input)).structured["summary"]).toContain("0 nodes connected")
      }
    })
  )

  it.effect("with anything but an object as arguments is refused", () =>
    Effect.gen(function* () {
      for (const input of [[], "x", 7, true]) {
        expect((yield* failIn({}, "list_nodes", input)).message).toContain("must be one JSON object")
      }
    })
  )

  it.effect("is missing an argument", () =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [fakeNode()] }, "get_process_info", {})
      expect(error.message).toBe("get_process_info: `pid` is missing")
    })
  )

  it.effect("does not quote a cookie", () =>
    Effect.gen(function* () {
      const error = yield* failIn({}, "connect_node", { node: "app@localhost", cookie: 123_456_789 })
      expect(error.message).toBe("connect_node: `cookie`: expected string")
    })
  )

  it.effect("shows no cookie that came with a call in its error, and goes on to show the word elsewhere", () =>
    Effect.gen(function* () {
      const world: World = { unreachable: { "swordfish@box": { _tag: "CookieRejected" } } }
      yield* Effect.gen(function* () {
        const input = { node: "swordfish@box", cookie: "swordfish" }
        expect((yield* Effect.flip(call("connect_node", input))).message).toContain("[redacted]@box")
        expect((yield* call("list_nodes", {})).text).toContain("swordfish@box")
      }).pipe(Effect.provide(catalogueLayer(world)))
    })
  )

  it.effect("ends at its deadline, and takes the work on the node along", () =>
    Effect.gen(function* () {
      let interrupted = false
      const node = fakeNode({
        replies: {
          "beamscope_memory:snapshot": () =>
            Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => (interrupted = true)))),
          "lists:map/2": () => Effect.never
        }
      })
      const fiber = yield* Effect.forkChild(failIn({ up: [node] }, "get_memory_info", { timeout_ms: 700 }))
      yield* TestClock.adjust(699)
      expect(interrupted).toBe(false)
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ code: "timeout", retryable: true })
      expect(error.message).toContain("within 700 ms; what app@localhost has begun of it is told to stop.")
      // There is nothing less that this one could be asked for.
      expect(error.message).toMatch(/\. Allow more \(timeout_ms, up to 120000\)\.$/u)
      expect(interrupted).toBe(true)
      expect(node.called[0]?.options?.timeoutMillis).toBe(700)
    })
  )

  it.effect("leaves to a later call of the node what is left of its time", () =>
    Effect.gen(function* () {
      const tool = toy(
        "slow",
        Effect.gen(function* () {
          yield* Effect.sleep(300)
          return { done: (yield* remainingMillis) === 4_700 }
        })
      )
      const fiber = yield* Effect.forkChild(callToy(tool, {}))
      yield* TestClock.adjust(300)
      expect((yield* Fiber.join(fiber)).structured["done"]).toBe(true)
    })
  )

  it.effect("that fails quotes no more than a sentence holds, however much was given", () =>
    Effect.gen(function* () {
      const long = "x".repeat(1_000_000)
      const world = { up: [fakeNode({ replies: { "erlang:registered/0": { term: list([]) } } })] }
      const given: ReadonlyArray<readonly [string, unknown]> = [
        [long, {}],
        ["list_nodes", { [long]: 1 }],
        ["set_mode", { mode: long }],
        ["get_memory_info", { node: long }],
        ["get_memory_info", { node: `${long}@box` }],
        ["get_process_info", { pid: long }],
        ["get_process_info", { pid: `<${long}@box.1.0>` }],
        ["list_processes", { cursor: long }],
        ["list_processes", Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`k${at}`, long.slice(0, 90)]))]
      ]
      for (const [name, input] of given) {
        const { message } = yield* failIn(world, name, input)
        expect(message.length).toBeLessThan(3_000)
      }
      const many = yield* failIn(world, ...given.at(-1)!)
      expect(many.message).toContain("list_processes: 5000 problems with the arguments.")
      expect(many.message.split("\n").at(-1)).toBe("- and 4980 more")
    })
  )

  it.effect("that fails has no more characters than a result may have", () =>
    Effect.gen(function* () {
      const failure = new ToolError({
        code: "no_such_process",
        message: "x".repeat(100_000),
        retryable: false,
        next: "y".repeat(150),
        didYouMean: ["a".repeat(200), "b".repeat(201), "c".repeat(200), "d".repeat(200)]
      })
      for (const budget of [1_000, 10_000]) {
        const error = (yield* Effect.flip(
          callToy(toy("wordy", Effect.fail(failure)), {}).pipe(Effect.provideService(CharacterBudget, budget))
        )) as ToolError
        expect(error.didYouMean?.map(([first]) => first)).toEqual(["a", "c", "d"])
        expect(errorText(error).length).toBeLessThanOrEqual(budget)
        expect(errorText(error).length).toBeGreaterThan(budget - 100)
        expect(error.message).toMatch(/^x+…$/u)
      }
    })
  )

  it.effect("that meets a bug is told as internal, without its cause", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(callToy(toy("broken", Effect.die(new Error("inner secret"))), {}))
      expect(error).toMatchObject({ code: "internal", retryable: false })
      expect(error.message).not.toContain("secret")
    })
  )

  it.effect("shows no cookie that is in use, in results and in errors", () =>
    Effect.gen(function* () {
      const world: World = { up: [recordedNode(27)], cookies: ["recorded_worker"], policy: { allowNodes: ["*"] } }
      const { structured, text } = yield* callIn(world, "get_process_info", { pid: "recorded_worker" })
      expect(JSON.stringify(structured)).not.toContain("recorded_worker")
      expect(text).not.toContain("recorded_worker")
      expect(structured["name"]).toBe(":[redacted]")
      const error = yield* failIn(world, "get_process_info", { pid: "recorded_worker1" })
      expect(error.message).not.toContain("recorded_worker")
      expect(JSON.stringify(error.didYouMean)).not.toContain("recorded_worker")
    })
  )

  it.effect("makes visible what a tool forgot to", () =>
    Effect.gen(function* () {
      const tool = Tool.make({
        name: "raw",
        title: "raw",
        description: "raw",
        toolset: "toys",
        access: "inspect",
        cost: "cheap",
        target: "none",
        input: { fail: Schema.optionalKey(Schema.Boolean) },
        output: { tree: Schema.String },
        run: ({ fail }) =>
          fail === true
            ? Effect.fail(
                new ToolError({ code: "not_found", message: "\u202eno", retryable: false, didYouMean: ["\u200b"] })
              )
            : Effect.succeed({ summary: "raw\u202e", data: { tree: "a\u200b\n  b\u{e0041}" } })
      })
      const { structured, text } = yield* callToy(tool, {})
      expect(structured).toMatchObject({ summary: "raw\\u{202E}", tree: "a\\u{200B}\n  b\\u{E0041}" })
      expect(text).not.toMatch(/[\u202e\u200b\u{e0041}]/u)
      expect(yield* Effect.flip(callToy(tool, {}, { fail: true }))).toMatchObject({
        message: "\\u{202E}no",
        didYouMean: ["\\u{200B}"]
      })
    })
  )

  it.effect("prints terms in the syntax of its session", () =>
    Effect.gen(function* () {
      const node = recordedNode(27)
      const stack = (mode: "elixir" | "erlang") =>
        Effect.map(
          callIn({ up: [node], mode, policy: { allowNodes: ["*"] } }, "get_process_stacktrace", {
            pid: "recorded_worker"
          }),
          (it) => it.structured
        )
      expect((yield* stack("elixir"))["name"]).toBe(":recorded_worker")
      expect((yield* stack("erlang"))["name"]).toBe("recorded_worker")
    })
  )
})

const hinting = (
  hint: string,
  run: Effect.Effect<Answer<{ readonly done: boolean }>, ToolError> = Effect.succeed({
    summary: "Done.",
    data: { done: true },
    hints: [hint]
  })
) =>
  Tool.make({
    name: "hinting",
    title: "A tool that hints",
    description: "Hints at another call, whatever that may be.",
    toolset: "toys",
    access: "inspect",
    cost: "cheap",
    target: "connected",
    input: {},
    output: { done: Schema.Boolean },
    run: () => run
  })

/** The hints of a tool that hints, as a client sees them. */
const hintIn = (world: World, hint: string, input: object = {}) =>
  call("hinting", input).pipe(
    Effect.map(({ structured }) => structured["hints"]),
    Effect.provide(catalogueLayer(world, [hinting(hint), ...allTools]))
  )

describe("a hint", () => {
  it.effect("names the node where several come into question", () =>
    Effect.gen(function* () {
      const [one, two] = [fakeNode({ name: "one@box" }), fakeNode({ name: "two@box" })]
      expect(yield* hintIn({ up: [one] }, "list_processes")).toEqual(["list_processes"])
      const up = [one, two]
      expect(yield* hintIn({ up }, "list_processes", { node: "two" })).toEqual(['list_processes {"node":"two@box"}'])
      expect(yield* hintIn({ up }, 'get_process_info {"pid":"x"}', { node: "two" })).toEqual([
        'get_process_info {"node":"two@box","pid":"x"}'
      ])
      expect(yield* hintIn({ up }, "list_nodes", { node: "two" })).toEqual(["list_nodes"])
      // By the time it is followed, the other one may be the only one that is up.
      expect(yield* hintIn({ up: [one], configured: ["two@box"] }, "list_processes")).toEqual([
        'list_processes {"node":"one@box"}'
      ])
    })
  )

  it.effect("of an error leads to the node that the call was for", () =>
    Effect.gen(function* () {
      const next = 'get_process_info {"pid":"x"}'
      const failing = hinting(
        "",
        Effect.fail(new ToolError({ code: "too_large", message: "Too much.", retryable: false, next }))
      )
      const up = [fakeNode({ name: "one@box" }), fakeNode({ name: "two@box" })]
      const error = yield* Effect.flip(call("hinting", { node: "two" })).pipe(
        Effect.provide(catalogueLayer({ up }, [failing, ...allTools]))
      )
      expect(error).toMatchObject({ code: "too_large", next: 'get_process_info {"node":"two@box","pid":"x"}' })
    })
  )

  it.effect("is left out where it is not allowed, or would hold what must not be shown", () =>
    Effect.gen(function* () {
      const up = [fakeNode()]
      expect(yield* hintIn({ up, policy: { toolsets: ["toys"] } }, "list_processes")).toBeUndefined()
      const secret = 'get_persistent_terms {"key":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"}'
      expect(yield* hintIn({ up }, secret)).toBeUndefined()
    })
  )
})

describe("what the node said", () => {
  it.effect("is named in the error: the term it raised, and where", () =>
    Effect.gen(function* () {
      const node = fakeNode({
        replies: {
          "beamscope_memory:snapshot": {
            fails: {
              _tag: "Raised",
              class: "error",
              reason: [atom("bad"), atom("\u202edrow"), map([[atom("password"), binary("hunter2")]])],
              stack: [{ module: "erlang", function: "memory", arity: 0 }]
            }
          }
        }
      })
      const error = yield* failIn({ up: [node] }, "get_memory_info")
      expect(error).toMatchObject({ code: "remote_error", retryable: false })
      expect(error.message).toContain(":erlang.memory/0.")
      expect(error.message).not.toContain("\u202e")
      expect(error.message).not.toContain("hunter2")
    })
  )
})

describe("every tool", () => {
  it("is known before its code is read, by the same name, toolset and access", () => {
    expect(guardedTools).toEqual(allTools.map(({ access, name, toolset }) => ({ name, toolset, access })))
  })

  it("is in a toolset, in one piece with its neighbours", () => {
    const toolsets = allTools.map(({ toolset }) => toolset)
    expect(toolsets.filter((toolset, at) => toolset !== toolsets[at - 1])).toEqual([...new Set(toolsets)])
    expect(new Set(allTools.map(({ name }) => name)).size).toBe(allTools.length)
  })
})
